//! The one write path: a command becomes an outcome, its row changes and its events, in one transaction.
//!
//! ```text
//! known id? ──yes──> the stored outcome (same fingerprint) or id_conflict
//!    │ no
//! venue time, effectiveAt, catalogue, slice ──> decide ──rejection──> outcome stored
//!    │ events                                               │ from a desk's queue: an attention entry
//! rows + state hash + events (contiguous seq from the locked head) + outcome ──> commit
//! ```
//!
//! Nothing here waits, knows a socket, or reads a clock of its own: a simulator drives it with any store.

mod answer;
mod attention;
mod batch;
mod epoch;
mod lease;
mod outcome;
mod pricing;
pub(crate) mod record;
mod restored;
mod tidy;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gangway_domain::{
    command::{Command, InvalidCommand, Key},
    decide::{self, Context, Decision, Effective, Flag},
    event::Event,
    ids::{CommandId, DeviceId, Epoch, PlaceId, Position, ProductId, Seq, StaffId},
    rejection::Rejection,
    rows::{Change, Collection, ProductRow},
    time::{DAY_MS, Millis, SECOND_MS, VenueTime},
    venue::Venue,
};
use gangway_plants::Plant;
use serde_json::Value;

pub use batch::{Batch, execute_batches};
pub use epoch::{EpochProof, start_epoch};
pub use lease::{Lease, LeaseCall, Leases, SeenTurn};
pub use outcome::{Outcome, WireRejection};
pub use record::seen_by_full;
pub use restored::start_restored;
pub use tidy::tidy;

use crate::{
    clock::{Clock, Ids},
    store::{Head, Store, StoreError, StoredCommand, Transaction},
};

/// A command of a desk's queue that arrives later than this after its tap was given without a link.
pub const LATE_MS: Millis = 5 * SECOND_MS;
/// Outcomes are kept for so long by id; what is older can't be told from what was done before (`sync.md` rule 16).
pub const OUTCOMES_KEPT_MS: Millis = 30 * DAY_MS;

/// What is not deterministic.
#[derive(Clone)]
pub struct Ports {
    /// Venue time.
    pub clock: Arc<dyn Clock>,
    /// Ids of events.
    pub ids: Arc<dyn Ids>,
}

/// What is asked for: a command, or what was meant to be one.
#[derive(Clone, Debug)]
pub enum Intent {
    /// A command within its bounds.
    Command(Command),
    /// A command that its device may not give.
    Forbidden(Command),
    /// Invalid by itself; `fingerprint` tells it from others (`sync.md` rule 15).
    Invalid {
        /// Over what was sent.
        fingerprint: String,
        /// What is wrong.
        reason: InvalidCommand,
    },
}

impl Intent {
    fn fingerprint(&self) -> String {
        match self {
            Self::Command(command) | Self::Forbidden(command) => command.fingerprint(),
            Self::Invalid { fingerprint, .. } => fingerprint.clone(),
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Command(command) | Self::Forbidden(command) => command.kind(),
            Self::Invalid { .. } => "invalid",
        }
    }
}

/// Who gives a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Somebody who waits for the answer.
    Person,
    /// A desk's queue: it may come late, and what comes of it may need somebody's attention.
    Queue,
    /// The sweeper: a "no" only means that there is nothing to do (yet), and is not kept.
    Clock,
}

/// A command on its way in.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id.
    pub command_id: CommandId,
    /// What is asked for.
    pub intent: Intent,
    /// When it was tapped, if that is not now.
    pub occurred_at: Option<VenueTime>,
    /// What the desk had seen; none: everything.
    pub based_on: Option<Position>,
    /// The products as the desk showed them.
    pub shown: BTreeMap<ProductId, ProductRow>,
    /// Which desk.
    pub device_id: Option<DeviceId>,
    /// Who.
    pub staff_id: Option<StaffId>,
    /// The lent place that a play spends.
    pub place: Option<PlaceId>,
    /// The log that had accepted it before.
    pub accepted_in: Option<Epoch>,
    /// Why staff do it although the venue would say no.
    pub force: Option<String>,
    /// `{type, …fields}` as it came, without its circumstances: what an attention entry shows.
    pub wire: Option<Value>,
    /// Who gives it.
    pub origin: Origin,
}

impl Request {
    /// The keys by which it holds others back while it is not decided: of what it changes and of what it makes
    /// (`sync.md` rule 17).
    pub fn keys(&self) -> BTreeSet<Key> {
        match &self.intent {
            Intent::Command(command) => {
                let mut keys = command.keys();
                keys.extend(command.made_keys(self.command_id));
                keys
            }
            Intent::Forbidden(_) | Intent::Invalid { .. } => BTreeSet::new(),
        }
    }

    /// The keys that it waits for: its own, and those of what it only reads.
    pub fn awaited(&self) -> BTreeSet<Key> {
        let mut keys = self.keys();
        if let Intent::Command(command) = &self.intent {
            keys.extend(command.read_keys());
        }
        keys
    }

    /// A command that is given now, with everything seen.
    pub fn now(command_id: CommandId, command: Command, device_id: Option<DeviceId>) -> Self {
        Self {
            command_id,
            intent: Intent::Command(command),
            occurred_at: None,
            based_on: None,
            shown: BTreeMap::new(),
            device_id,
            staff_id: None,
            place: None,
            accepted_in: None,
            force: None,
            wire: None,
            origin: Origin::Person,
        }
    }

    /// A command of the clock.
    pub fn clock(command_id: CommandId, command: Command) -> Self {
        Self { origin: Origin::Clock, ..Self::now(command_id, command, None) }
    }
}

/// A command's end, and where the log is now.
#[derive(Clone, Debug)]
pub struct Executed {
    /// What became of it.
    pub outcome: Outcome,
    /// The last event of the log.
    pub head: Seq,
    /// Whether this call wrote events.
    pub logged: bool,
}

/// Executes `request`, or finds its outcome if its id is known (`sync.md` rules 15 and 16).
///
/// # Errors
/// The store failed: nothing is kept and it may be tried again.
pub fn execute(store: &mut dyn Store, ports: &Ports, request: &Request) -> Result<Executed, StoreError> {
    let mut transaction = store.begin()?;
    let executed = one(transaction.as_mut(), ports, request)?;
    transaction.commit()?;
    Ok(executed)
}

/// Executes one command within a transaction that somebody else commits.
pub(crate) fn one(transaction: &mut dyn Transaction, ports: &Ports, request: &Request) -> Result<Executed, StoreError> {
    let head = transaction.head()?;
    // The clock's commands have no memory: the rows say whether there is anything (still) to do, and no
    // client can spoil a release by using its id first.
    let known = match request.origin {
        Origin::Person | Origin::Queue => transaction.command(request.command_id)?,
        Origin::Clock => None,
    };
    let is_kept = known.is_some();
    let known = known.filter(|_| !Plant::BreaksDedupe.is_planted());
    let work = Work { request, arrived: ports.clock.now().max(head.last_time), head: &head, ports };
    let (outcome, head_after) = match known {
        Some(stored) if stored.fingerprint == request.intent.fingerprint() => {
            (Outcome::read(&stored.outcome)?, head.clone())
        }
        Some(_) => {
            let done = work.refused(transaction, &Rejection::IdConflict)?;
            (done.outcome, done.head)
        }
        None => match work.decide(transaction)? {
            Some(done) => {
                let forgets = Plant::ForgetsOutcomes.is_planted() && done.outcome.name() == "rejected";
                if request.origin != Origin::Clock && !is_kept && !forgets {
                    transaction.put_command(&work.stored(&done)?)?;
                }
                transaction.set_head(&done.head)?;
                return Ok(Executed { logged: done.head.seq > head.seq, outcome: done.outcome, head: done.head.seq });
            }
            // The clock's command had nothing to do.
            None => (Outcome::accepted(Vec::new(), Value::Null, Vec::new()), head.clone()),
        },
    };
    let logged = head_after.seq > head.seq;
    if logged {
        transaction.set_head(&head_after)?;
    }
    Ok(Executed { outcome, head: head_after.seq, logged })
}

/// A command being executed.
struct Work<'a> {
    request: &'a Request,
    arrived: VenueTime,
    head: &'a Head,
    ports: &'a Ports,
}

/// What executing gave.
struct Done {
    outcome: Outcome,
    head: Head,
    effective_at: VenueTime,
}

impl Work<'_> {
    /// None: the clock's command had nothing to do.
    fn decide(&self, transaction: &mut dyn Transaction) -> Result<Option<Done>, StoreError> {
        let said = self.request.occurred_at;
        if said.is_some_and(|moment| self.arrived.since(moment) > OUTCOMES_KEPT_MS) {
            return self.refused(transaction, &Rejection::TooOld).map(Some);
        }
        match &self.request.intent {
            Intent::Invalid { reason, .. } => {
                self.refused(transaction, &Rejection::Invalid { reason: reason.to_string() }).map(Some)
            }
            Intent::Forbidden(_) => self.refused(transaction, &Rejection::Forbidden).map(Some),
            Intent::Command(command) => self.decide_command(transaction, command),
        }
    }

    fn decide_command(&self, transaction: &mut dyn Transaction, command: &Command) -> Result<Option<Done>, StoreError> {
        let mut venue = transaction.slice(&decide::needs(command))?;
        if Plant::ReleaseIsFinal.is_planted() {
            let over: Vec<_> =
                venue.sessions().filter(|session| !session.is_live()).map(|row| row.id.clone()).collect();
            over.iter().for_each(|id| venue.apply(&[Change::gone(Collection::Sessions, id.as_str())]));
        }
        let effective = self.effective_at(transaction, command, &venue)?;
        self.remember_desk(transaction, command, effective.at)?;
        let (context, unknown_catalogue) = self.context(transaction, effective.at)?;
        let Decision { mut events, mut flags } = match decide::decide(&venue, command, &context) {
            Ok(decision) => decision,
            Err(_) if self.request.origin == Origin::Clock => return Ok(None),
            Err(rejection) => return self.rejected(transaction, &venue, &context, &rejection).map(Some),
        };
        if events.is_empty() && self.request.origin == Origin::Clock {
            return Ok(None);
        }
        flags.extend(unknown_catalogue.then_some(Flag::CatalogueUnknown));
        let by_ms = self.request.occurred_at.map_or(0, |said| effective.at.since(said));
        flags.extend(effective.clamped.then_some(Flag::TimeClamped { by_ms }));
        record::bring_back(transaction, &mut events, &mut venue)?;
        if let Command::PlaceWriteOff { device_id, .. } = command {
            // Nor is it to be believed that it holds what it held, if this log is lost.
            transaction.put_share(device_id, 0)?;
        }
        let entry = self.flagged(&venue, &context, &events, &flags);
        events.iter().for_each(|event| venue.apply(&event.changes));
        // The entry goes first, so that what the profile `full` sees of the unit ends with its last event.
        events.splice(0..0, entry);
        let head = self.record(transaction, &events, &venue)?;
        let result = answer::result(command, &events, &venue, self.arrived.max(effective.at));
        let flags = flags.iter().map(to_value).collect();
        let outcome = Outcome::accepted((self.head.seq + 1..=head.seq).collect(), result, flags);
        Ok(Some(Done { outcome, head, effective_at: effective.at }))
    }

    /// What it is decided with at `now`, and whether its catalogue had to be guessed.
    fn context(&self, transaction: &dyn Transaction, now: VenueTime) -> Result<(Context, bool), StoreError> {
        let (catalogue, unknown_catalogue) = pricing::catalogue(transaction, self.request, self.head, now)?;
        let context = Context {
            command_id: self.request.command_id,
            now,
            catalogue,
            device_id: self.request.device_id.clone(),
            staff_id: self.request.staff_id.clone(),
            late: self.late() || self.happened(),
            place: self.request.place.clone(),
            other_log: self.request.based_on.as_ref().is_some_and(|seen| seen.epoch != self.head.epoch),
            happened: self.happened(),
            force: self.request.force.clone(),
        };
        Ok((context, unknown_catalogue))
    }

    fn late(&self) -> bool {
        let queued = self.request.origin == Origin::Queue;
        self.request.occurred_at.is_some_and(|moment| queued && self.arrived.since(moment) > LATE_MS)
    }

    /// This log is an older copy of one that had accepted it: if it were of this one, its id would be known.
    fn happened(&self) -> bool {
        self.request.origin == Origin::Queue
            && self.request.accepted_in.as_ref().is_some_and(|epoch| *epoch != self.head.epoch)
    }

    fn record(&self, transaction: &mut dyn Transaction, events: &[Event], venue: &Venue) -> Result<Head, StoreError> {
        let command_id = match self.request.origin {
            Origin::Person | Origin::Queue => Some(self.request.command_id),
            Origin::Clock => None,
        };
        record::record(
            transaction,
            self.head,
            events,
            &record::Stamp { venue, command_id, now: self.arrived, ids: self.ports.ids.as_ref() },
        )
    }

    /// `sync.md` rule 13: what a desk says, bounded by what people did before.
    fn effective_at(
        &self,
        transaction: &dyn Transaction,
        command: &Command,
        venue: &Venue,
    ) -> Result<Effective, StoreError> {
        let Some(mut not_before) = decide::not_before(venue, command) else {
            return Ok(Effective { at: self.arrived, clamped: false });
        };
        for key in command.keys() {
            let (Key::Band(band), Some(device)) = (key, &self.request.device_id) else { continue };
            not_before = transaction.desk_band_at(device, band.as_str())?.map_or(not_before, |at| at.max(not_before));
        }
        let occurred_at = self.request.occurred_at.unwrap_or(self.arrived);
        if Plant::TrustsTheClock.is_planted() {
            return Ok(Effective { at: occurred_at, clamped: false });
        }
        let effective = decide::effective_at(occurred_at, Some(not_before), self.arrived);
        // Without a moment of its own it can't have said a wrong one.
        Ok(Effective { clamped: effective.clamped && self.request.occurred_at.is_some(), ..effective })
    }

    fn remember_desk(
        &self,
        transaction: &mut dyn Transaction,
        command: &Command,
        at: VenueTime,
    ) -> Result<(), StoreError> {
        let Some(device) = &self.request.device_id else { return Ok(()) };
        for key in command.keys() {
            if let Key::Band(band) = key {
                transaction.put_desk_band(device, band.as_str(), at)?;
            }
        }
        Ok(())
    }

    fn stored(&self, done: &Done) -> Result<StoredCommand, StoreError> {
        Ok(StoredCommand {
            command_id: self.request.command_id,
            fingerprint: self.request.intent.fingerprint(),
            kind: self.request.intent.kind().to_owned(),
            device_id: self.request.device_id.clone(),
            staff_id: self.request.staff_id.clone(),
            occurred_at: self.request.occurred_at,
            reason: self.reason(),
            effective_at: done.effective_at,
            stored_at: self.arrived,
            outcome: done.outcome.to_json()?,
        })
    }
}

impl Work<'_> {
    /// Why somebody overrode the venue.
    fn reason(&self) -> Option<String> {
        match &self.request.intent {
            Intent::Command(Command::PlaceWriteOff { reason, .. }) => Some(reason.clone()),
            Intent::Command(_) | Intent::Forbidden(_) | Intent::Invalid { .. } => self.request.force.clone(),
        }
    }
}

fn to_value(flag: &Flag) -> Value {
    serde_json::to_value(flag).unwrap_or_default()
}
