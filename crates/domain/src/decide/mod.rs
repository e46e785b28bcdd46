//! The venue's rules: a command and the venue as it stands give events or a rejection.
//!
//! Pure: the moment, the ids and the catalogue are arguments, so that server, console and replay decide
//! alike. Nothing is changed here; [`Venue::apply`] folds the events' changes in.

mod attention;
mod correct;
mod day_change;
mod places;
mod play;
mod product;
mod reopen;
mod sale;
mod settings;
mod stay;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::{
    band::BarcodeId,
    command::Command,
    event::{Event, EventName, Subject},
    ids::{AttentionId, CommandId, DeviceId, PlaceId, ProductId, SessionId, StaffId, TransactionId},
    rejection::Rejection,
    rows::{Change, ProductRow},
    time::{DAY_MS, Millis, SECOND_MS, VenueTime},
    venue::Venue,
};

/// How far in the past a command may say that it was tapped (`sync.md` rule 13).
pub const OCCURRED_AGE_MAX_MS: Millis = 7 * DAY_MS;
/// How far in the future (`sync.md` rule 13).
pub const OCCURRED_AHEAD_MAX_MS: Millis = 2 * SECOND_MS;

/// Which prices a sale is made at (`sync.md` rule 12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// The venue's as it stands.
    Now,
    /// As of the seq that the desk had seen: the products that were different then; none: not there yet.
    AsOf(BTreeMap<ProductId, Option<ProductRow>>),
}

/// What a command is decided with, besides the venue.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its id; the ids of the rows that it creates come from it.
    pub command_id: CommandId,
    /// When it takes effect ([`effective_at`]), never when it arrived.
    pub now: VenueTime,
    /// What a sale is priced by.
    pub catalogue: Catalogue,
    /// Which desk.
    pub device_id: Option<DeviceId>,
    /// Who.
    pub staff_id: Option<StaffId>,
    /// It was tapped without a link and comes later: what a gate let in then is inside, whatever is known by now
    /// (`domain.md` rules 9 and 14, `sync.md` rule 21).
    pub late: bool,
    /// The lent place that a play spends (`sync.md` rule 21).
    pub place: Option<PlaceId>,
    /// It was given on another log than this one, which may be an older copy: a place that it names and nobody knows
    /// was lent by that log.
    pub other_log: bool,
    /// A log that is gone had accepted it, and this one is an older copy: it happened (`sync.md` rule 20).
    pub happened: bool,
    /// Why staff do it although the venue would say no.
    pub force: Option<String>,
}

impl Context {
    /// Of a command that is decided at once, by nobody in particular.
    pub fn new(command_id: CommandId, now: VenueTime) -> Self {
        Self {
            command_id,
            now,
            catalogue: Catalogue::Now,
            device_id: None,
            staff_id: None,
            late: false,
            place: None,
            other_log: false,
            happened: false,
            force: None,
        }
    }
}

/// Something about an accepted command that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(tag = "flag", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum Flag {
    /// It was priced by an older catalogue than the venue's.
    PriceChanged {
        /// The product.
        product_id: ProductId,
    },
    /// The product was removed since.
    ProductRemoved {
        /// The product.
        product_id: ProductId,
    },
    /// Nobody knows what the desk had seen: it was priced by its moment.
    CatalogueUnknown,
    /// It said a moment that can't be, and another was taken (`sync.md` rule 13).
    TimeClamped {
        /// The moment that was taken less the one that it said.
        by_ms: Millis,
    },
    /// It was let in without a link, and the venue was full.
    OverCapacity,
    /// It was let in without a link, and its credit was used up: all of it is overstay.
    NoCredit,
    /// It was let in on a lent place that a manager had written off meanwhile, or that only a log that is gone knew.
    PlaceLost,
    /// Staff did it although the venue would have said no.
    Forced {
        /// In their words.
        reason: String,
    },
    /// It was tapped before the clock ended the visit, which is open again (`sync.md` rule 14).
    Reopened {
        /// The visit.
        session_id: SessionId,
    },
    /// What it wanted was so already (`domain.md` rule 9).
    NoChange,
}

impl Flag {
    /// The name of each that there is, as it goes over the wire.
    pub fn names() -> &'static [&'static str] {
        Self::VARIANTS
    }
}

/// An accepted command: what happened, in log order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// At least one event, but where nothing had to change.
    pub events: Vec<Event>,
    /// What somebody should know about it.
    pub flags: Vec<Flag>,
}

/// The rows that a slice of the venue must hold for a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The live visit of each, with its segments and lines, and the last visit that ended.
    pub bands: BTreeSet<BarcodeId>,
    /// These products.
    pub products: BTreeSet<ProductId>,
    /// Every product.
    pub all_products: bool,
    /// This line, with its corrections and its visit.
    pub transaction: Option<TransactionId>,
    /// This visit, with its segments and lines.
    pub session: Option<SessionId>,
    /// This entry of the attention list.
    pub attention: Option<AttentionId>,
    /// All lent places.
    pub places: bool,
    /// The whole sync set.
    pub everything: bool,
}

/// Which rows `command` is decided by; settings, occupancy and whether anything was sold always count.
pub fn needs(command: &Command) -> Needs {
    let mut needs = Needs::default();
    match command {
        Command::Checkin { barcode_id, lines } => {
            needs.bands.insert(barcode_id.clone());
            needs.products = lines.iter().map(|line| line.product_id.clone()).collect();
        }
        Command::Sale { lines, .. } => {
            needs.bands = lines.iter().map(|line| line.barcode_id.clone()).collect();
            needs.products = lines.iter().map(|line| line.line.product_id.clone()).collect();
        }
        Command::Play(band) | Command::Pause(band) | Command::End(band) => {
            needs.bands.insert(band.clone());
            needs.places = matches!(command, Command::Play(_));
        }
        Command::ProductCreate(_) | Command::AttentionRaise { .. } => {}
        Command::AttentionResolve { entry_id, .. } => needs.attention = Some(entry_id.clone()),
        Command::PlaceWriteOff { .. } | Command::Lend { .. } => needs.places = true,
        Command::ProductUpdate { product_id, .. } | Command::ProductDelete(product_id) => {
            needs.products.insert(product_id.clone());
        }
        Command::Correct { transaction_id, .. } => needs.transaction = Some(transaction_id.clone()),
        Command::SettingsUpdate(_) => needs.all_products = true,
        Command::Release(session) => needs.session = Some(session.clone()),
        Command::DayChange => needs.everything = true,
    }
    needs
}

/// Decides `command` against the venue as it stands, without changing it.
///
/// Returns at least one event, in log order; none for a day change or a lease that finds nothing to do, and for a
/// late command whose wish is fulfilled already.
/// `context.now` is venue time, given by the caller, so that server, console and replay decide alike.
///
/// # Errors
/// A [`Rejection`] that staff can act on. Source: `domain.md`, Rules; codes in `contract.md`, HTTP.
pub fn decide(venue: &Venue, command: &Command, context: &Context) -> Result<Decision, Rejection> {
    let mut draft = Draft { venue, context, decision: Decision::default(), playing: venue.playing() };
    let max_before = venue.settings().max_occupancy;
    let mut max_after = max_before;
    match command {
        Command::Checkin { barcode_id, lines } => sale::checkin(&mut draft, barcode_id, lines)?,
        Command::Sale { lines, payment } => sale::sale(&mut draft, lines, payment.as_deref())?,
        Command::Play(band) => play::play(&mut draft, band)?,
        Command::Pause(band) => play::pause(&mut draft, band)?,
        Command::End(band) => play::end(&mut draft, band)?,
        Command::Release(session) => play::release(&mut draft, session)?,
        Command::ProductCreate(product) => product::create(&mut draft, product)?,
        Command::ProductUpdate { product_id, changes } => product::update(&mut draft, product_id, changes)?,
        Command::ProductDelete(product_id) => product::delete(&mut draft, product_id)?,
        Command::Correct { transaction_id, correction, reason } => {
            correct::correct(&mut draft, transaction_id, correction, reason)?;
        }
        Command::SettingsUpdate(changes) => {
            settings::update(&mut draft, changes)?;
            max_after = changes.max_occupancy.unwrap_or(max_before);
        }
        Command::AttentionRaise { kind, message, remark, command } => {
            attention::raise(&mut draft, *kind, message, remark.as_ref(), command.as_ref());
        }
        Command::AttentionResolve { entry_id, action, reason, again } => {
            attention::resolve(&mut draft, entry_id, *action, reason.as_deref(), *again)?;
        }
        Command::PlaceWriteOff { device_id, .. } => places::write_off(&mut draft, device_id),
        Command::Lend { device_id, places } => places::lend(&mut draft, device_id, places),
        Command::DayChange => day_change::day_change(&mut draft),
    }
    let full_before = venue.playing() >= max_before;
    let full_after = draft.playing >= max_after;
    if max_before != max_after || full_before != full_after {
        draft.event(EventName::CapacityChanged, Subject::Venue, Vec::new());
    }
    Ok(draft.decision)
}

/// The earliest moment at which `command` can take effect, by what the slice holds (`sync.md` rule 13): after
/// the last change by a person of the visit that it is about. None: the command is about no visit, so it
/// takes effect when it arrives, whenever it was tapped.
pub fn not_before(venue: &Venue, command: &Command) -> Option<VenueTime> {
    let of_band = |band: &BarcodeId| {
        venue.visits_of_band(band).map(|session| session.person_at).max().unwrap_or(VenueTime(i64::MIN))
    };
    match command {
        Command::Checkin { barcode_id: band, .. } | Command::Play(band) | Command::Pause(band) | Command::End(band) => {
            Some(of_band(band))
        }
        Command::Sale { lines, .. } => lines.iter().map(|line| of_band(&line.barcode_id)).max(),
        Command::Correct { transaction_id, .. } => {
            let line = venue.transaction(transaction_id)?;
            let visit = venue.session(&line.session_id).map(|session| session.person_at);
            let corrected = venue.corrections_of(transaction_id).map(|row| row.created_at).max();
            [Some(line.created_at), visit, corrected].into_iter().flatten().max()
        }
        Command::ProductCreate(_)
        | Command::ProductUpdate { .. }
        | Command::ProductDelete(_)
        | Command::SettingsUpdate(_)
        | Command::AttentionRaise { .. }
        | Command::AttentionResolve { .. }
        | Command::PlaceWriteOff { .. }
        | Command::Lend { .. }
        | Command::Release(_)
        | Command::DayChange => None,
    }
}

/// When a command takes effect, and whether that is not when it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The moment that it is decided for.
    pub at: VenueTime,
    /// It said another one that can't be.
    pub clamped: bool,
}

/// `occurred_at` clamped to what can be (`sync.md` rule 13). `not_before` is the later of the band's last
/// change by a person and this desk's previous command on it.
pub fn effective_at(occurred_at: VenueTime, not_before: Option<VenueTime>, now: VenueTime) -> Effective {
    let oldest = now.plus(-OCCURRED_AGE_MAX_MS);
    let latest = now.plus(OCCURRED_AHEAD_MAX_MS);
    let earliest = not_before.map_or(oldest, |moment| moment.max(oldest));
    // A desk a little ahead is believed; what it did before can't be after what it does now.
    let at = occurred_at.min(latest).max(earliest);
    Effective { at, clamped: at != occurred_at }
}

/// A decision in the making.
struct Draft<'a> {
    venue: &'a Venue,
    context: &'a Context,
    decision: Decision,
    /// Occupancy with what was decided so far.
    playing: u32,
}

impl Draft<'_> {
    fn event(&mut self, name: EventName, subject: Subject, changes: Vec<Change>) {
        self.decision.events.push(Event { name, subject, changes });
    }

    fn now(&self) -> VenueTime {
        self.context.now
    }

    fn flag(&mut self, flag: Flag) {
        if !self.decision.flags.contains(&flag) {
            self.decision.flags.push(flag);
        }
    }
}
