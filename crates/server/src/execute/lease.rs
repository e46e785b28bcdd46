//! Who may fill which free place (`sync.md` rule 21): what a desk holds is a row, on disk before the desk hears of it,
//! and free for others only when the desk has said that it holds it no more.
//!
//! ```text
//! free ──lent──> held ──left out of an answer──> leaving ──the desk has seen that and names it no more──> free
//!                  └────────a play names it─────────┴──> used: the play is counted, the place is gone
//! ```
//!
//! What is leaving is remembered here and not stored: after a restart it is left out again. No place that left, and
//! none that a desk names and this log does not know, is ever lent again; its desk gets another instead.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gangway_domain::{
    command::Command,
    decide::Needs,
    ids::{DeviceId, PlaceId, Seq},
    rows::{Collection, PlaceRow},
    settings::CapacityPolicy,
    venue::Venue,
};

use super::{Ports, Request, one};
use crate::{
    clock::Ids,
    store::{Store, StoreError, Transaction},
};

/// Desks that are remembered; past it those go that have nothing to give back.
const DESKS_MAX: usize = 4_096;

/// The last answer that a desk has. Calls may come late and twice: only what was said after an answer is a word about
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenTurn {
    /// It does not say, so it is taken to have the last one.
    Unsaid,
    /// None since it started.
    None,
    /// The one of that `turn`.
    Answer(String),
}

/// What a desk says of its places.
#[derive(Clone, Debug)]
pub struct LeaseCall {
    /// Which desk.
    pub device: DeviceId,
    /// Those that it may still fill.
    pub held: BTreeSet<PlaceId>,
    /// Those that its unsettled plays name.
    pub spent: BTreeSet<PlaceId>,
    /// Which answer it has.
    pub seen: SeenTurn,
    /// The desks that can be reached, among whom free places are shared.
    pub live: BTreeSet<DeviceId>,
    /// Places that plays wait for: not to be lent.
    pub wanted: u32,
}

/// What it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// All that it may fill from now on.
    pub places: Vec<PlaceId>,
    /// Names this answer.
    pub turn: String,
    /// The last event of the log.
    pub head: Seq,
    /// Whether events were written.
    pub logged: bool,
}

/// What was said to desks and by them since the server started.
#[derive(Debug, Default)]
pub struct Leases {
    /// Tells this start's turns from another's.
    life: Option<String>,
    turn: u64,
    desks: HashMap<DeviceId, Desk>,
}

/// One desk.
#[derive(Clone, Debug, Default)]
struct Desk {
    /// Places that are leaving, and the first answer without them.
    leaving: BTreeMap<PlaceId, u64>,
    /// How many it has spent on plays that had not come.
    spent: u32,
}

impl Leases {
    /// Answers a desk, and writes what changes with that.
    ///
    /// # Errors
    /// The store failed; nothing is kept and nothing was promised.
    pub fn answer(&mut self, store: &mut dyn Store, ports: &Ports, call: &LeaseCall) -> Result<Lease, StoreError> {
        let mut transaction = store.begin()?;
        let venue = transaction.slice(&Needs { places: true, ..Needs::default() })?;
        let life = self.life.get_or_insert_with(|| ports.ids.event_id().0).clone();
        let turn = self.turn + 1;
        let seen = match &call.seen {
            SeenTurn::Unsaid => u64::MAX,
            SeenTurn::None => 0,
            // Of another start of the server: nothing of this one.
            SeenTurn::Answer(text) => {
                text.strip_prefix(&format!("{life}.")).and_then(|turn| turn.parse().ok()).unwrap_or(0)
            }
        };
        let plan = match venue.settings().capacity_policy {
            CapacityPolicy::Advisory => Plan::of_spent(&venue, call),
            CapacityPolicy::Strict => {
                let desk = self.desks.get(&call.device).cloned().unwrap_or_default();
                let mut plan = Plan { leaving: desk.leaving, ..Plan::default() };
                plan.keep(&venue, call, turn, seen);
                plan.adopt(transaction.as_ref(), &venue, call, turn)?;
                let pool = self.pool(&venue, call, &plan);
                plan.share(&venue, call, turn, pool, ports.ids.as_ref());
                plan
            }
        };
        let device_id = call.device.clone();
        let lend = Request::clock(ports.ids.command_id(), Command::Lend { device_id, places: plan.lent.clone() });
        let executed = one(transaction.as_mut(), ports, &lend)?;
        let share = count(plan.places.len());
        let known = transaction.shares()?.get(&call.device).copied().unwrap_or(0);
        if known != share {
            transaction.put_share(&call.device, share)?;
        }
        if executed.logged || known != share {
            transaction.commit()?;
        }
        self.turn = turn;
        self.remember(call, &plan);
        let turn = format!("{life}.{turn}");
        Ok(Lease { places: plan.places, turn, head: executed.head, logged: executed.logged })
    }

    /// How many places there are to share among those who are live.
    fn pool(&self, venue: &Venue, call: &LeaseCall, plan: &Plan) -> u32 {
        let away = venue.places().filter(|place| !place.written_off && !call.live.contains(&place.device_id)).count();
        let others = call.live.iter().filter(|device| **device != call.device);
        let spent: u32 = others.filter_map(|device| self.desks.get(device)).map(|desk| desk.spent).sum();
        let taken = [venue.playing(), count(away), spent, plan.spent(call), call.wanted];
        taken.iter().fold(venue.settings().max_occupancy, |free, taken| free.saturating_sub(*taken))
    }

    fn remember(&mut self, call: &LeaseCall, plan: &Plan) {
        if self.desks.len() >= DESKS_MAX {
            self.desks.retain(|device, desk| !desk.leaving.is_empty() || call.live.contains(device));
        }
        let desk = Desk { leaving: plan.leaving.clone(), spent: plan.spent(call) };
        self.desks.insert(call.device.clone(), desk);
    }
}

/// What becomes of a desk's places.
#[derive(Clone, Debug, Default)]
struct Plan {
    /// All that count as its own.
    lent: BTreeSet<PlaceId>,
    /// Of these, those that it gives up.
    leaving: BTreeMap<PlaceId, u64>,
    /// Those that it may fill.
    places: Vec<PlaceId>,
    /// How many of `lent` nobody else may have.
    counted: u32,
}

impl Plan {
    /// Nothing is lent any more. What was spent while it was stays until its play comes: the policy may be strict again by
    /// then.
    fn of_spent(venue: &Venue, call: &LeaseCall) -> Self {
        let own = venue.places().filter(|place| place.device_id == call.device && call.spent.contains(&place.id));
        Self { lent: own.map(|place| place.id.clone()).collect(), ..Self::default() }
    }

    /// Of the places that are its own: which it may fill, which leave, and which have left.
    fn keep(&mut self, venue: &Venue, call: &LeaseCall, turn: u64, seen: u64) {
        let mut own: Vec<&PlaceRow> = venue.places().filter(|place| place.device_id == call.device).collect();
        own.sort_by_key(|place| (place.granted_at, &place.id));
        self.leaving.retain(|id, _| venue.place(id).is_some_and(|place| place.device_id == call.device));
        for place in own {
            let (held, spent) = (call.held.contains(&place.id), call.spent.contains(&place.id));
            let left = self.leaving.get(&place.id).is_some_and(|since| *since <= seen);
            if left && !held && !spent {
                self.leaving.remove(&place.id);
                continue;
            }
            self.lent.insert(place.id.clone());
            self.counted += u32::from(!place.written_off);
            let fills = held && !spent && !place.written_off && !self.leaving.contains_key(&place.id);
            if fills {
                self.places.push(place.id.clone());
            } else if !spent {
                self.leaving.entry(place.id.clone()).or_insert(turn);
            }
        }
    }

    /// A place that the desk holds and the log does not is counted until the desk has given it up: this log may be an
    /// older copy. One that was its own once counts again as far as there is room; spent, it was used by its play.
    fn adopt(
        &mut self,
        transaction: &dyn Transaction,
        venue: &Venue,
        call: &LeaseCall,
        turn: u64,
    ) -> Result<(), StoreError> {
        let unknown = |id: &&PlaceId| venue.place(id).is_none();
        let most = usize::try_from(venue.settings().max_occupancy).unwrap_or(usize::MAX);
        for id in call.held.union(&call.spent).filter(unknown) {
            let known = transaction.row(Collection::Places, id.as_str())?.is_some();
            let over = known && (call.spent.contains(id) || self.free(venue, call) == 0);
            if over || self.lent.len() >= most {
                continue;
            }
            self.lent.insert(id.clone());
            self.counted += 1;
            if !call.spent.contains(id) {
                self.leaving.insert(id.clone(), turn);
            }
        }
        Ok(())
    }

    /// Gives the desk its even part of `pool`: takes back what is too much, lends what is free.
    fn share(&mut self, venue: &Venue, call: &LeaseCall, turn: u64, pool: u32, ids: &dyn Ids) {
        let part = pool / count(call.live.len()).max(1);
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        for id in self.places.drain(part.min(self.places.len())..) {
            self.leaving.insert(id, turn);
        }
        let free = usize::try_from(self.free(venue, call).saturating_sub(call.wanted)).unwrap_or(usize::MAX);
        for _ in 0..free.min(part - self.places.len()) {
            let id = ids.place_id();
            self.lent.insert(id.clone());
            self.places.push(id);
        }
    }

    /// How many places nobody fills or may fill.
    fn free(&self, venue: &Venue, call: &LeaseCall) -> u32 {
        let others = venue.places().filter(|place| !place.written_off && place.device_id != call.device).count();
        let taken = [venue.playing(), count(others), self.counted];
        taken.iter().fold(venue.settings().max_occupancy, |free, taken| free.saturating_sub(*taken))
    }

    fn spent(&self, call: &LeaseCall) -> u32 {
        count(self.lent.intersection(&call.spent).count())
    }
}

/// A desk that this log may know too little of counts as holding what it was told to hold the last time: gives it
/// places until it is heard from. Says whether anything changed.
///
/// # Errors
/// The store failed.
pub(super) fn hold_last_shares(transaction: &mut dyn Transaction, ports: &Ports) -> Result<bool, StoreError> {
    let venue = transaction.slice(&Needs { places: true, ..Needs::default() })?;
    if venue.settings().capacity_policy == CapacityPolicy::Advisory {
        return Ok(false);
    }
    let mut changed = false;
    for (device_id, share) in transaction.shares()? {
        let own = venue.places().filter(|place| place.device_id == device_id);
        let mut places: BTreeSet<PlaceId> = own.map(|place| place.id.clone()).collect();
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        while places.len() < share {
            places.insert(ports.ids.place_id());
        }
        let lend = Request::clock(ports.ids.command_id(), Command::Lend { device_id, places });
        changed |= one(transaction, ports, &lend)?.logged;
    }
    Ok(changed)
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
