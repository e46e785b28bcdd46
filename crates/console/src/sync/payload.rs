//! The documented payloads as data: which field has which kind. A payload is checked before anything is
//! processed (`spec/realtime-sync.md`, Error Handling); fields that are not listed are nobody's business.

use gangway_domain::event::EventName;
use serde_json::Value;

use super::message::Malformed;

/// What a field may hold.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    TextOrNull,
    /// An integer from 0 up; a float never.
    Whole,
    WholeOrNull,
    Number,
    Flag,
    OneOf(&'static [&'static str]),
    Object(&'static [Field]),
    List(&'static [Field]),
}

struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

const SESSION: &[Field] = &[
    must("id", Kind::Text),
    must("barcodeId", Kind::Text),
    must("totalAllowedSeconds", Kind::Whole),
    must("accumulatedSeconds", Kind::Whole),
    must("lastStartAt", Kind::TextOrNull),
    must("isActive", Kind::Flag),
    must("expiresAt", Kind::TextOrNull),
    must("createdAt", Kind::Text),
    must("updatedAt", Kind::Text),
    must("remainingSeconds", Kind::Whole),
    must("remainingMinutes", Kind::Whole),
    must("status", Kind::OneOf(&["waiting", "playing", "paused", "ended"])),
];

const TRANSACTION: &[Field] = &[
    must("id", Kind::Text),
    must("playerSessionId", Kind::Text),
    must("productId", Kind::Text),
    must("quantity", Kind::Whole),
    must("totalPrice", Kind::Number),
    must("originalQuantity", Kind::Whole),
    must("originalTotalPrice", Kind::Number),
    must("createdAt", Kind::Text),
    must("status", Kind::OneOf(&["completed", "corrected", "refunded"])),
];

const PRODUCT: &[Field] = &[
    must("id", Kind::Text),
    must("name", Kind::Text),
    must("description", Kind::TextOrNull),
    must("price", Kind::Number),
    must("category", Kind::Text),
    must("required", Kind::Flag),
    must("timeValueSeconds", Kind::WholeOrNull),
    must("isDeleted", Kind::Flag),
    must("createdAt", Kind::Text),
    must("updatedAt", Kind::Text),
];

const SETTINGS: &[Field] = &[
    must("id", Kind::Text),
    must("maxOccupancy", Kind::Whole),
    must("currency", Kind::Text),
    must("timezone", Kind::Text),
    must("operationalDayStart", Kind::Text),
    must("autoReleaseSeconds", Kind::Whole),
    must("capacityPolicy", Kind::OneOf(&["advisory", "strict"])),
    must("siteName", Kind::Text),
];

const TOP_PRODUCT: &[Field] = &[
    must("productId", Kind::Text),
    must("name", Kind::Text),
    must("category", Kind::Text),
    must("totalQuantity", Kind::Number),
    must("totalRevenue", Kind::Number),
];

/// Any subset: a reader merges it.
const STATS: &[Field] = &[
    may("todayRevenue", Kind::Number),
    may("topProducts", Kind::List(TOP_PRODUCT)),
    may("waitingCount", Kind::Whole),
    may("currentRevenue", Kind::Number),
    may("activePlayers", Kind::Whole),
    may("totalTransactions", Kind::Whole),
    may("maxOccupancy", Kind::Whole),
    may("currentOccupancy", Kind::Whole),
];

const SESSION_FIELD: Field = must("playerSession", Kind::Object(SESSION));
const SESSIONS_FIELD: Field = may("activeSessions", Kind::List(SESSION));
const STATS_FIELD: Field = may("dashboardStats", Kind::Object(STATS));

const TRANSACTION_CREATED: &[Field] = &[must("transaction", Kind::Object(TRANSACTION)), SESSION_FIELD, STATS_FIELD];
const TRANSACTION_UPDATED: &[Field] = &[must("transaction", Kind::Object(TRANSACTION)), STATS_FIELD];
const SESSION_EVENT: &[Field] = &[SESSION_FIELD, SESSIONS_FIELD, STATS_FIELD];
const PRODUCT_EVENT: &[Field] = &[must("product", Kind::Object(PRODUCT))];
const PRODUCT_DELETED: &[Field] = &[must("productId", Kind::Text)];
const SETTINGS_UPDATED: &[Field] = &[must("settings", Kind::Object(SETTINGS))];
const CAPACITY_CHANGED: &[Field] =
    &[must("maxOccupancy", Kind::Whole), must("currentOccupancy", Kind::Whole), STATS_FIELD];

fn fields(event: EventName) -> &'static [Field] {
    match event {
        EventName::TransactionCreated => TRANSACTION_CREATED,
        EventName::TransactionUpdated => TRANSACTION_UPDATED,
        EventName::SessionCreated
        | EventName::SessionUpdated
        | EventName::SessionPlay
        | EventName::SessionPause
        | EventName::SessionEnded => SESSION_EVENT,
        EventName::ProductCreated | EventName::ProductUpdated => PRODUCT_EVENT,
        EventName::ProductDeleted => PRODUCT_DELETED,
        EventName::SettingsUpdated => SETTINGS_UPDATED,
        EventName::CapacityChanged => CAPACITY_CHANGED,
        EventName::Rows => &[],
    }
}

/// Checks the payload of a logged event, full or lean.
///
/// # Errors
/// A field is missing or of another kind than the contract's.
pub fn check(event: EventName, payload: &Value) -> Result<(), Malformed> {
    check_fields("payload", payload, fields(event))
}

/// Checks the figures of `dashboard:stats:updated`.
///
/// # Errors
/// A figure of another kind than the contract's.
pub fn check_stats(stats: &Value) -> Result<(), Malformed> {
    check_fields("dashboardStats", stats, STATS)
}

fn check_fields(what: &str, value: &Value, fields: &[Field]) -> Result<(), Malformed> {
    let object = value.as_object().ok_or_else(|| Malformed(format!("{what} is no object")))?;
    for field in fields {
        match object.get(field.name) {
            Some(value) => check_kind(field.name, value, field.kind)?,
            None if field.required => return Err(Malformed(format!("{what} has no {}", field.name))),
            None => {}
        }
    }
    Ok(())
}

fn check_kind(name: &str, value: &Value, kind: Kind) -> Result<(), Malformed> {
    let fits = match kind {
        Kind::Text => value.is_string(),
        Kind::TextOrNull => value.is_string() || value.is_null(),
        Kind::Whole => value.is_u64(),
        Kind::WholeOrNull => value.is_u64() || value.is_null(),
        Kind::Number => value.is_number(),
        Kind::Flag => value.is_boolean(),
        Kind::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Kind::Object(fields) => return check_fields(name, value, fields),
        Kind::List(fields) => {
            let list = value.as_array().ok_or_else(|| Malformed(format!("{name} is no list")))?;
            return list.iter().try_for_each(|entry| check_fields(name, entry, fields));
        }
    };
    if fits { Ok(()) } else { Err(Malformed(format!("{name} is of another kind"))) }
}
