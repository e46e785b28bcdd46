//! The one rule table: what an event does to which query of which view, as data.
//!
//! Source: `spec/realtime-sync.md`, "Socket Events Specification" (the frontend responses), "Query Update
//! Patterns" and "View-Specific Socket Listeners" (the priorities). Rules marked [`Source::Ours`] keep
//! further screens right that the specification does not name.
//!
//! All views of a window share one query cache. So where one view sets a key and another invalidates it, the
//! set wins: the invalidate would fetch what was just set. Where the data is missing, a set falls back to an
//! invalidate, and that is counted.

use gangway_domain::{band::BarcodeId, event::EventName, ids::SessionId};
use serde_json::{Map, Value};

use super::key::Topic;

/// A view of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All live sessions and key figures.
    Monitor,
    /// The desk.
    Checkin,
    /// The gate and who is in flight.
    Boarding,
    /// The day's figures.
    Dashboard,
    /// Every view that shows it.
    All,
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The specification.
    Spec,
    /// Ours, for screens that it does not name.
    Ours,
}

/// Which queries a rule is about, before it is known which band or visit the event is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `["dashboardStats"]`
    DashboardStats,
    /// `["activeSessions"]`
    ActiveSessions,
    /// `["performanceMetrics"]`
    PerformanceMetrics,
    /// `["playerSession", sessionId]`
    PlayerSessionById,
    /// `["playerSession", barcodeId]`
    PlayerSessionByBand,
    /// `["checkinHistory"]`, and with the band
    CheckinHistory,
    /// `["products"]`
    Products,
    /// `["systemSettings"]`
    SystemSettings,
    /// `["transactions"]`
    Transactions,
    /// `["queueDisplay"]`
    QueueDisplay,
    /// `["daySeries"]`
    DaySeries,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The data is replaced at once.
    Set,
    /// Figures are merged into what there is, where the event or the rows give them; else invalidated.
    Merge,
    /// The data is asked for again.
    Invalidate,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// When this happens,
    pub event: EventName,
    /// this view
    pub view: View,
    /// has this query
    pub key: Key,
    /// changed so.
    pub how: How,
    /// Where that comes from.
    pub source: Source,
}

const fn spec(event: EventName, view: View, key: Key, how: How) -> Rule {
    Rule { event, view, key, how, source: Source::Spec }
}

const fn ours(event: EventName, key: Key, how: How) -> Rule {
    Rule { event, view: View::All, key, how, source: Source::Ours }
}

/// The order in which the updates of one event go out: the priorities of the Monitor (dashboardStats >
/// activeSessions > performanceMetrics), of the Check-in (playerSession > checkinHistory > products) and of
/// Boarding (activeSessions > playerSession) in one line, then what no view gives a priority.
pub const PRIORITY: [Key; 11] = [
    Key::DashboardStats,
    Key::ActiveSessions,
    Key::PlayerSessionByBand,
    Key::PlayerSessionById,
    Key::PerformanceMetrics,
    Key::CheckinHistory,
    Key::Products,
    Key::SystemSettings,
    Key::Transactions,
    Key::QueueDisplay,
    Key::DaySeries,
];

use EventName::{
    CapacityChanged, ProductCreated, ProductDeleted, ProductUpdated, SessionCreated, SessionEnded, SessionPause,
    SessionPlay, SessionUpdated, SettingsUpdated, TransactionCreated, TransactionUpdated,
};
use How::{Invalidate, Merge, Set};
use View::{All, Boarding, Checkin, Dashboard, Monitor};

/// The table.
pub const RULES: &[Rule] = &[
    // 1. Transactions
    spec(TransactionCreated, Monitor, Key::DashboardStats, Merge),
    spec(TransactionCreated, Monitor, Key::PerformanceMetrics, Invalidate),
    spec(TransactionCreated, Checkin, Key::CheckinHistory, Invalidate),
    ours(TransactionCreated, Key::Transactions, Invalidate),
    ours(TransactionCreated, Key::DaySeries, Invalidate),
    spec(TransactionUpdated, Monitor, Key::DashboardStats, Merge),
    spec(TransactionUpdated, Monitor, Key::PerformanceMetrics, Invalidate),
    spec(TransactionUpdated, Checkin, Key::CheckinHistory, Invalidate),
    ours(TransactionUpdated, Key::Transactions, Invalidate),
    ours(TransactionUpdated, Key::DaySeries, Invalidate),
    // 2. Player sessions
    spec(SessionCreated, Monitor, Key::ActiveSessions, Set),
    spec(SessionCreated, Checkin, Key::PlayerSessionByBand, Set),
    spec(SessionCreated, Boarding, Key::ActiveSessions, Invalidate),
    ours(SessionCreated, Key::PlayerSessionById, Set),
    ours(SessionCreated, Key::DashboardStats, Merge),
    ours(SessionCreated, Key::QueueDisplay, Invalidate),
    spec(SessionUpdated, Monitor, Key::PlayerSessionById, Set),
    spec(SessionUpdated, Checkin, Key::PlayerSessionByBand, Set),
    spec(SessionUpdated, Dashboard, Key::DashboardStats, Merge),
    ours(SessionUpdated, Key::ActiveSessions, Set),
    ours(SessionUpdated, Key::QueueDisplay, Invalidate),
    spec(SessionPlay, Monitor, Key::ActiveSessions, Set),
    spec(SessionPlay, Boarding, Key::ActiveSessions, Invalidate),
    ours(SessionPlay, Key::PlayerSessionByBand, Set),
    ours(SessionPlay, Key::PlayerSessionById, Set),
    ours(SessionPlay, Key::DashboardStats, Merge),
    ours(SessionPlay, Key::PerformanceMetrics, Invalidate),
    ours(SessionPlay, Key::QueueDisplay, Invalidate),
    ours(SessionPlay, Key::DaySeries, Invalidate),
    spec(SessionPause, Monitor, Key::ActiveSessions, Set),
    spec(SessionPause, Boarding, Key::ActiveSessions, Invalidate),
    ours(SessionPause, Key::PlayerSessionByBand, Set),
    ours(SessionPause, Key::PlayerSessionById, Set),
    ours(SessionPause, Key::DashboardStats, Merge),
    ours(SessionPause, Key::PerformanceMetrics, Invalidate),
    ours(SessionPause, Key::QueueDisplay, Invalidate),
    ours(SessionPause, Key::DaySeries, Invalidate),
    spec(SessionEnded, Monitor, Key::ActiveSessions, Set),
    spec(SessionEnded, Monitor, Key::DashboardStats, Merge),
    spec(SessionEnded, All, Key::PlayerSessionByBand, Set),
    ours(SessionEnded, Key::PlayerSessionById, Set),
    ours(SessionEnded, Key::PerformanceMetrics, Invalidate),
    ours(SessionEnded, Key::QueueDisplay, Invalidate),
    ours(SessionEnded, Key::DaySeries, Invalidate),
    // 3. Products
    spec(ProductCreated, All, Key::Products, Invalidate),
    spec(ProductUpdated, All, Key::Products, Set),
    spec(ProductDeleted, All, Key::Products, Invalidate),
    // 4. System
    spec(SettingsUpdated, All, Key::SystemSettings, Set),
    // Zone, day start and currency change what every figure means.
    ours(SettingsUpdated, Key::DashboardStats, Merge),
    ours(SettingsUpdated, Key::PerformanceMetrics, Invalidate),
    ours(SettingsUpdated, Key::QueueDisplay, Invalidate),
    ours(SettingsUpdated, Key::DaySeries, Invalidate),
    spec(CapacityChanged, Monitor, Key::DashboardStats, Merge),
];

/// The update of one query.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Of what.
    pub topic: Topic,
    /// How.
    pub op: Op,
}

/// How a query changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// To this.
    Set(Given),
    /// It is asked for again.
    Invalidate {
        /// A set was wanted and its data was missing.
        fallback: bool,
    },
}

/// Where the data of a set comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// The event brought all of it.
    Data(Value),
    /// The event brought some figures, to be merged into what there is.
    Part(Map<String, Value>),
    /// The rows have it, at the time of the push.
    Rows,
}

/// What is known besides the event.
pub trait Known {
    /// Whether the rows are here, so that any data can be computed from them.
    fn has_rows(&self) -> bool;

    /// What the window was last told about a topic; the base of a merge.
    fn base(&self, topic: &Topic) -> Option<Value>;

    /// The id of the live visit of a band: `None` where that is not known, `Some(None)` where there is none.
    fn live_session(&self, band: &BarcodeId) -> Option<Option<SessionId>>;

    /// The band of a visit.
    fn band_of(&self, session: &SessionId) -> Option<BarcodeId>;
}

/// What `event` with its checked payload, full or lean, does to the queries; in the order of [`PRIORITY`].
pub fn updates(event: EventName, payload: &Value, known: &impl Known) -> Vec<Update> {
    let mut updates = Vec::new();
    for key in PRIORITY {
        let hows = RULES.iter().filter(|rule| rule.event == event && rule.key == key).map(|rule| rule.how);
        // The strongest of all views: set, then merge, then invalidate.
        let how = hows.min_by_key(|how| match how {
            How::Set => 0,
            How::Merge => 1,
            How::Invalidate => 2,
        });
        if let Some(how) = how {
            updates.extend(of_key(key, how, payload, known));
        }
    }
    updates
}

/// What figures between events do (`dashboard:stats:updated`).
pub fn stats_updates(stats: &Value, known: &impl Known) -> Vec<Update> {
    let part = stats.as_object().cloned().unwrap_or_default();
    vec![Update { op: merge(&Topic::DashboardStats, Some(part), known), topic: Topic::DashboardStats }]
}

fn of_key(key: Key, how: How, payload: &Value, known: &impl Known) -> Vec<Update> {
    topics(key, payload, known)
        .into_iter()
        .filter_map(|topic| {
            let op = match how {
                How::Invalidate => Op::Invalidate { fallback: false },
                How::Merge => {
                    let part = payload.get("dashboardStats").and_then(Value::as_object).cloned();
                    merge(&topic, part, known)
                }
                How::Set => set(key, &topic, payload, known)?,
            };
            Some(Update { topic, op })
        })
        .collect()
}

fn merge(topic: &Topic, part: Option<Map<String, Value>>, known: &impl Known) -> Op {
    match part {
        Some(part) if known.has_rows() || known.base(topic).is_some() => Op::Set(Given::Part(part)),
        // Without a base a part would look like the whole.
        Some(_) => Op::Invalidate { fallback: true },
        None if known.has_rows() => Op::Set(Given::Rows),
        None => Op::Invalidate { fallback: true },
    }
}

/// The data of a set; none where the query is not touched after all.
fn set(key: Key, topic: &Topic, payload: &Value, known: &impl Known) -> Option<Op> {
    let given = match key {
        Key::ActiveSessions => payload.get("activeSessions").cloned(),
        Key::PlayerSessionById => payload.get("playerSession").cloned(),
        Key::PlayerSessionByBand => match live_visit(topic, payload, known) {
            Band::Is(visit) => Some(visit),
            Band::IsOther => return None,
        },
        Key::Products => products_with(payload.get("product"), known.base(topic)).filter(|_| !known.has_rows()),
        Key::SystemSettings => payload.get("settings").cloned(),
        Key::DashboardStats
        | Key::PerformanceMetrics
        | Key::CheckinHistory
        | Key::Transactions
        | Key::QueueDisplay
        | Key::DaySeries => None,
    };
    Some(match given {
        Some(data) => Op::Set(Given::Data(data)),
        None if known.has_rows() => Op::Set(Given::Rows),
        None => Op::Invalidate { fallback: true },
    })
}

/// What an event says about a band's live visit.
enum Band {
    /// It is that, or null: over.
    Is(Value),
    /// Nothing: the event is about an earlier visit.
    IsOther,
}

fn live_visit(topic: &Topic, payload: &Value, known: &impl Known) -> Band {
    let visit = payload.get("playerSession").cloned().unwrap_or(Value::Null);
    let id = visit.get("id").and_then(Value::as_str).unwrap_or_default();
    let over = visit.get("status").and_then(Value::as_str) == Some("ended");
    let Topic::Band(band) = topic else { return Band::IsOther };
    let shown = match known.live_session(band) {
        Some(Some(live)) => Some(live.0),
        Some(None) => None,
        None => known.base(topic).and_then(|base| base.get("id").and_then(Value::as_str).map(str::to_owned)),
    };
    match shown {
        Some(shown) if shown != id && over => Band::IsOther,
        _ if over => Band::Is(Value::Null),
        _ => Band::Is(visit),
    }
}

/// The list that was shown with one product replaced.
fn products_with(product: Option<&Value>, base: Option<Value>) -> Option<Value> {
    let product = product?;
    let Value::Array(mut list) = base? else { return None };
    let place = list.iter().position(|entry| entry.get("id") == product.get("id"))?;
    *list.get_mut(place)? = product.clone();
    list.sort_by_key(|entry| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("name").to_lowercase(), text("id"))
    });
    Some(Value::Array(list))
}

/// Which topics a key means for this event.
fn topics(key: Key, payload: &Value, known: &impl Known) -> Vec<Topic> {
    let of_visit = |name: &str| payload.get("playerSession").and_then(|visit| visit.get(name)).and_then(Value::as_str);
    let band = || of_visit("barcodeId").and_then(|code| BarcodeId::parse(code).ok());
    match key {
        Key::DashboardStats => vec![Topic::DashboardStats],
        Key::ActiveSessions => vec![Topic::ActiveSessions],
        Key::PerformanceMetrics => vec![Topic::PerformanceMetrics],
        Key::PlayerSessionById => of_visit("id").map(|id| Topic::Session(SessionId::from(id))).into_iter().collect(),
        Key::PlayerSessionByBand => band().map(Topic::Band).into_iter().collect(),
        Key::CheckinHistory => vec![Topic::History, history(payload, known)],
        Key::Products => vec![Topic::Products],
        Key::SystemSettings => vec![Topic::SystemSettings],
        Key::Transactions => vec![Topic::Transactions],
        Key::QueueDisplay => vec![Topic::QueueDisplay],
        Key::DaySeries => vec![Topic::DaySeries],
    }
}

/// The history of the band that a line was sold to; every band's where it is not known which.
fn history(payload: &Value, known: &impl Known) -> Topic {
    let text = |of: &str, name: &str| payload.get(of).and_then(|value| value.get(name)).and_then(Value::as_str);
    let named = text("playerSession", "barcodeId").and_then(|code| BarcodeId::parse(code).ok());
    let of_visit = || known.band_of(&SessionId::from(text("transaction", "playerSessionId")?));
    named.or_else(of_visit).map_or(Topic::EveryHistory, Topic::HistoryOf)
}

#[cfg(test)]
mod tests;
