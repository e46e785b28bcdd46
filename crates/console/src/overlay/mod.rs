//! What is shown: the confirmed rows with this desk's pending commands decided on top of them, by the domain's own
//! `decide` (`design.md`, Working offline).
//!
//! There is one venue in memory, the shown one. For each command that stands on top, the rows as they were before it
//! are kept, so that it can be taken back. When confirmed rows come, only the commands that are connected with them
//! (a band, a line, a product, an attention entry, a lent place; the settings connect all) are taken back in reverse
//! order; the confirmed rows are folded in, what they show already is dropped, and the rest is decided again in the
//! order of the taps. So the cost depends on what changed, never on how many visits or pending commands there are.
//!
//! ```text
//!   tap ──▶ shown ──────────────▶ dropped: its rows are confirmed, or the venue said no
//!             │  ▲ decided again
//!             ▼  │
//!          in conflict: changes nothing, stays until the server has said
//! ```
//!
//! Pure, and never saved: after a start it is made from the two files. Nothing counts twice: what the log names as
//! ours, what the cursor has passed, and what has left a row whose id comes from a command is no longer on top.

mod component;
mod links;
mod touched;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gangway_domain::{
    command::{Command, Key},
    decide::{self, Catalogue, Context},
    ids::{CommandId, DeviceId, PlaceId, Position, ProductId, Seq, row_id},
    rejection::Rejection,
    rows::{Change, Collection, ProductRow, Row},
    settings::CapacityPolicy,
    time::VenueTime,
    venue::Venue,
};

use links::Link;
pub use touched::Touched;

/// A command of this desk that the confirmed rows do not show yet.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the order of the taps.
    pub order: i64,
    /// Its id.
    pub id: CommandId,
    /// What is wanted.
    pub command: Command,
    /// When it happened, as the desk says.
    pub occurred_at: VenueTime,
    /// When it was tapped.
    pub tapped_at: VenueTime,
    /// The products that it reads, as the desk showed them when it was tapped (`sync.md` rule 12).
    pub seen: BTreeMap<ProductId, ProductRow>,
    /// The lent place that it spends.
    pub place: Option<PlaceId>,
    /// A log that is gone had accepted it: it happened.
    pub happened: bool,
    /// Why it is done although the desk would have refused it.
    pub force: Option<String>,
    /// The last place of its events, once the server has said yes.
    pub last_seq: Option<Seq>,
}

impl Entry {
    /// Only the server can say GO: a play under strict capacity without a place of this desk's own (`sync.md` rule 21).
    pub fn is_for_the_server(&self, venue: &Venue) -> bool {
        matches!(self.command, Command::Play(_))
            && self.place.is_none()
            && !self.happened
            && self.force.is_none()
            && venue.settings().capacity_policy == CapacityPolicy::Strict
    }
}

/// The server's answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Yes; its events are in the log up to there. None: nothing had to change.
    Accepted(Option<Seq>),
    /// No.
    Rejected,
}

/// How a command stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It shows.
    Shown,
    /// The rows as they are now don't let it; it changes nothing until the server has said.
    Conflict(Rejection),
    /// Only the server can say GO.
    Awaiting,
}

/// Confirmed rows that come in.
#[derive(Clone, Copy, Debug)]
pub struct Confirmed<'a> {
    /// The rows, in order.
    pub changes: &'a [Change],
    /// The commands that the log names with them.
    pub commands: &'a [CommandId],
    /// Where the log stands with them.
    pub at: &'a Position,
}

/// The pending commands of this desk, on top of the confirmed rows.
#[derive(Clone, Debug)]
pub struct Overlay {
    device: DeviceId,
    kept: BTreeMap<i64, Kept>,
    by_id: HashMap<CommandId, i64>,
    by_link: HashMap<Link, BTreeSet<i64>>,
    /// Accepted ones, by the last place of their events.
    accepted: BTreeSet<(Seq, i64)>,
    /// How many shown commands touch a row.
    marks: HashMap<Collection, HashMap<String, u32>>,
    /// How many of them change the catalogue.
    of_products: usize,
    /// Whether the confirmed rows hold a line of a sale.
    sold: bool,
    /// Shown commands that sold something.
    selling: usize,
    decided: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    entry: Entry,
    makes: Vec<(Collection, String)>,
    links: BTreeSet<Link>,
    standing: Standing,
    /// The rows as they were before each of its changes.
    undo: Vec<Change>,
}

impl Kept {
    fn sells(&self) -> bool {
        self.undo.iter().any(|change| change.collection == Collection::Transactions && change.row.is_none())
    }

    fn is_settings(&self) -> bool {
        matches!(self.entry.command, Command::SettingsUpdate(_))
    }

    fn is_of_products(&self) -> bool {
        use Command::{ProductCreate, ProductDelete, ProductUpdate};
        matches!(self.entry.command, ProductCreate(_) | ProductUpdate { .. } | ProductDelete(_))
    }
}

impl Overlay {
    /// Nothing on top, at the desk `device`.
    pub fn new(device: DeviceId) -> Self {
        Self {
            device,
            kept: BTreeMap::new(),
            by_id: HashMap::new(),
            by_link: HashMap::new(),
            accepted: BTreeSet::new(),
            marks: HashMap::new(),
            of_products: 0,
            sold: false,
            selling: 0,
            decided: 0,
        }
    }

    /// Begins anew on confirmed rows: after the start, or when a snapshot replaced them. `entries` are the commands
    /// that wait for an answer, or whose events those rows may lack.
    pub fn begin(&mut self, venue: &mut Venue, entries: Vec<Entry>, at: Option<&Position>, now: VenueTime) {
        let decided = self.decided;
        *self = Self { decided, sold: venue.sold(), ..Self::new(self.device.clone()) };
        let seen = |entry: &Entry| entry.last_seq.is_some_and(|last| at.is_some_and(|at| last <= at.seq));
        let mut touched = Touched::default();
        for entry in entries.into_iter().filter(|entry| !seen(entry)) {
            let order = self.keep(entry, venue);
            self.decide(venue, order, now, &mut touched);
        }
    }

    /// Takes everything back: the confirmed rows alone are left.
    pub fn clear(&mut self, venue: &mut Venue) {
        let all: BTreeSet<i64> = self.kept.keys().copied().collect();
        let mut touched = Touched::default();
        all.iter().rev().for_each(|order| self.take_back(venue, *order, &mut touched));
        all.iter().for_each(|order| self.forget(*order));
    }

    /// A command was tapped: it is the last of all.
    pub fn push(&mut self, venue: &mut Venue, entry: Entry, now: VenueTime) -> Touched {
        let mut touched = Touched::default();
        let order = self.keep(entry, venue);
        self.decide(venue, order, now, &mut touched);
        touched
    }

    /// Confirmed rows come in. Says what looks otherwise besides what they themselves change.
    pub fn confirm(&mut self, venue: &mut Venue, confirmed: Confirmed<'_>, now: VenueTime) -> Touched {
        let Confirmed { changes, commands, at } = confirmed;
        let mut seen: BTreeSet<i64> = commands.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
        seen.extend(self.accepted.range(..=(at.seq, i64::MAX)).map(|(_, order)| *order));
        let mut starts = seen.clone();
        if !self.kept.is_empty() {
            starts.extend(self.started_by(changes, venue));
        }
        let sells = |change: &Change| matches!(change.row, Some(Row::Transaction(_)));
        self.sold |= changes.iter().any(sells);
        self.rebase(venue, &starts, &seen, changes, now)
    }

    /// The server has answered. What it accepted stays on top until its rows are here; what it refused is taken back.
    /// `at` is where the rows stand in the log that it answered from; none if they are of another one.
    pub fn answered(
        &mut self,
        venue: &mut Venue,
        answers: &[(CommandId, Answered)],
        at: Option<&Position>,
        now: VenueTime,
    ) -> Touched {
        let mut over = BTreeSet::new();
        for (id, answer) in answers {
            let Some(order) = self.by_id.get(id).copied() else { continue };
            match answer {
                Answered::Accepted(Some(last)) if at.is_some_and(|at| *last > at.seq) => {
                    self.accepted.insert((*last, order));
                    if let Some(kept) = self.kept.get_mut(&order) {
                        kept.entry.last_seq = Some(*last);
                    }
                }
                Answered::Accepted(_) | Answered::Rejected => {
                    over.insert(order);
                }
            }
        }
        self.rebase(venue, &over, &over, &[], now)
    }

    /// Whether a shown command touches that row.
    pub fn touches(&self, collection: Collection, id: &str) -> bool {
        self.marks.get(&collection).is_some_and(|rows| rows.contains_key(id))
    }

    /// Nothing is on top.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many commands are on top, those in conflict included.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// How a command stands; none if it is not on top.
    pub fn standing(&self, id: CommandId) -> Option<&Standing> {
        self.by_id.get(&id).and_then(|order| self.kept.get(order)).map(|kept| &kept.standing)
    }

    /// When the oldest of them was tapped.
    pub fn oldest_at(&self) -> Option<VenueTime> {
        self.kept.values().next().map(|kept| kept.entry.tapped_at)
    }

    /// How many of them show and spend a lent place.
    pub fn spent_places(&self) -> usize {
        let spends = |kept: &&Kept| kept.standing == Standing::Shown && kept.entry.place.is_some();
        self.kept.values().filter(spends).count()
    }

    /// All of them, in order.
    pub fn entries(&self) -> Vec<Entry> {
        self.kept.values().map(|kept| kept.entry.clone()).collect()
    }

    /// How often a command was decided, for those who measure.
    pub fn decided(&self) -> u64 {
        self.decided
    }

    // Taking back and deciding again.

    /// Takes back what is connected with `starts`, drops `over`, folds `changes` in and decides the rest again.
    fn rebase(
        &mut self,
        venue: &mut Venue,
        starts: &BTreeSet<i64>,
        over: &BTreeSet<i64>,
        changes: &[Change],
        now: VenueTime,
    ) -> Touched {
        let mut touched = Touched::default();
        let component = self.component(starts, venue);
        for order in component.iter().rev() {
            self.take_back(venue, *order, &mut touched);
        }
        for order in over {
            self.forget(*order);
        }
        venue.apply(changes);
        // Taking a line back does not say whether anything else was ever sold.
        venue.set_sold(self.sold || self.selling > 0);
        for order in component.difference(over) {
            self.decide(venue, *order, now, &mut touched);
        }
        touched
    }

    fn take_back(&mut self, venue: &mut Venue, order: i64, touched: &mut Touched) {
        let Some(kept) = self.kept.get_mut(&order) else { return };
        self.selling -= usize::from(kept.sells());
        for image in std::mem::take(&mut kept.undo).into_iter().rev() {
            if let Some(shown) = venue.row(image.collection, &image.id) {
                touched.note(&shown);
            }
            if let Some(row) = &image.row {
                touched.note(row);
            }
            unmark(&mut self.marks, image.collection, &image.id);
            venue.apply(std::slice::from_ref(&image));
        }
    }

    /// Decides a command on what is shown, unless the confirmed rows hold it already.
    fn decide(&mut self, venue: &mut Venue, order: i64, now: VenueTime, touched: &mut Touched) {
        let Some(mut kept) = self.kept.remove(&order) else { return };
        if kept.makes.iter().any(|(collection, id)| venue.row(*collection, id).is_some()) {
            self.kept.insert(order, kept);
            self.forget(order);
            return;
        }
        self.link_again(&mut kept, venue);
        if kept.entry.is_for_the_server(venue) {
            kept.standing = Standing::Awaiting;
        } else {
            self.decided += 1;
            match decide::decide(venue, &kept.entry.command, &self.context(&kept.entry, venue, now)) {
                Ok(decision) => {
                    kept.standing = Standing::Shown;
                    let changes = decision.events.into_iter().flat_map(|event| event.changes);
                    changes.for_each(|change| self.show(venue, &mut kept, &change, touched));
                }
                Err(rejection) => kept.standing = Standing::Conflict(rejection),
            }
        }
        self.selling += usize::from(kept.sells());
        self.kept.insert(order, kept);
    }

    fn show(&mut self, venue: &mut Venue, kept: &mut Kept, change: &Change, touched: &mut Touched) {
        let before = venue.row(change.collection, &change.id);
        for row in [before.as_ref(), change.row.as_ref()].into_iter().flatten() {
            touched.note(row);
        }
        *self.marks.entry(change.collection).or_default().entry(change.id.clone()).or_default() += 1;
        kept.undo.push(before.map_or_else(|| Change::gone(change.collection, &change.id), Change::put));
        venue.apply(std::slice::from_ref(change));
    }

    /// What the server will decide it with, as far as that can be known here.
    fn context(&self, entry: &Entry, venue: &Venue, now: VenueTime) -> Context {
        let moment = match decide::not_before(venue, &entry.command) {
            Some(earliest) => decide::effective_at(entry.occurred_at, Some(earliest), now).at,
            // It takes effect when it arrives; until then it is of the moment of its tap.
            None => entry.tapped_at,
        };
        let is_known = |(id, _): &(&ProductId, &ProductRow)| venue.product(id).is_some();
        let seen = entry.seen.iter().filter(is_known).map(|(id, row)| (id.clone(), Some(row.clone())));
        let force = match entry.command {
            // The gate has said GO: the child is inside, however full the venue turns out to have been.
            Command::Play(_) => Some(entry.force.clone().unwrap_or_default()),
            _ => entry.force.clone(),
        };
        Context {
            catalogue: if entry.seen.is_empty() { Catalogue::Now } else { Catalogue::AsOf(seen.collect()) },
            device_id: Some(self.device.clone()),
            late: true,
            place: entry.place.clone(),
            force,
            ..Context::new(entry.id, moment)
        }
    }

    // Bookkeeping.

    fn keep(&mut self, entry: Entry, venue: &Venue) -> i64 {
        let order = entry.order;
        self.by_id.insert(entry.id, order);
        if let Some(last) = entry.last_seq {
            self.accepted.insert((last, order));
        }
        let makes = links::made_rows(entry.id, &entry.command);
        let mut kept = Kept { entry, makes, links: BTreeSet::new(), standing: Standing::Awaiting, undo: Vec::new() };
        self.link_again(&mut kept, venue);
        self.of_products += usize::from(kept.is_of_products());
        self.kept.insert(order, kept);
        order
    }

    /// What a command is connected with may only be known once a row is here: the band of a line.
    fn link_again(&mut self, kept: &mut Kept, venue: &Venue) {
        let order = kept.entry.order;
        let links = links::of_entry(&kept.entry, venue, |product| self.is_made_here(product));
        for link in kept.links.difference(&links) {
            unlink(&mut self.by_link, link, order);
        }
        for link in links.difference(&kept.links) {
            self.by_link.entry(link.clone()).or_default().insert(order);
        }
        kept.links = links;
    }

    fn is_made_here(&self, product: &ProductId) -> bool {
        let linked = self.by_link.get(&Link::Key(Key::Product(product.clone()))).into_iter().flatten();
        linked.filter_map(|order| self.kept.get(order)).any(|kept| {
            matches!(kept.entry.command, Command::ProductCreate(_))
                && row_id(kept.entry.id, "product", 0) == product.as_str()
        })
    }

    fn forget(&mut self, order: i64) {
        let Some(kept) = self.kept.remove(&order) else { return };
        self.by_id.remove(&kept.entry.id);
        self.of_products -= usize::from(kept.is_of_products());
        if let Some(last) = kept.entry.last_seq {
            self.accepted.remove(&(last, order));
        }
        for link in &kept.links {
            unlink(&mut self.by_link, link, order);
        }
    }
}

fn unlink(by_link: &mut HashMap<Link, BTreeSet<i64>>, link: &Link, order: i64) {
    let Some(orders) = by_link.get_mut(link) else { return };
    orders.remove(&order);
    if orders.is_empty() {
        by_link.remove(link);
    }
}

fn unmark(marks: &mut HashMap<Collection, HashMap<String, u32>>, collection: Collection, id: &str) {
    let Some(rows) = marks.get_mut(&collection) else { return };
    let Some(count) = rows.get_mut(id) else { return };
    *count -= 1;
    if *count == 0 {
        rows.remove(id);
    }
}

#[cfg(test)]
mod tests;
