//! The attention list as windows and scripts see it.

use std::cmp::Reverse;

use gangway_domain::{
    attention::AttentionRow,
    money::{Currency, MinorUnits},
    noticed::Remark,
    time::{SECOND_MS, VenueTime},
    venue::Venue,
};
use serde_json::{Value, json};

/// The open entries, newest first.
pub fn entries(venue: &Venue) -> Vec<Value> {
    let currency = venue.settings().currency();
    let mut rows: Vec<&AttentionRow> = venue.attention().collect();
    rows.sort_by_key(|row| Reverse((row.raised_at, &row.id)));
    rows.into_iter().map(|row| entry(row, currency)).collect()
}

/// One entry. `money` and `seconds` are null where it means none.
pub fn entry(row: &AttentionRow, currency: Currency) -> Value {
    let moment = |moment: Option<VenueTime>| moment.map(VenueTime::to_iso);
    json!({
        "id": row.id,
        "kind": row.kind,
        "commandId": row.command_id,
        "command": row.command,
        "deviceId": row.device_id,
        "staffId": row.staff_id,
        "occurredAt": moment(row.occurred_at),
        "effectiveAt": moment(row.effective_at),
        "raisedAt": row.raised_at.to_iso(),
        "rejection": row.rejection,
        "flags": row.flags,
        "money": (row.money_minor != MinorUnits(0)).then(|| currency.to_wire(row.money_minor)),
        "seconds": (row.credit_ms != 0).then_some(row.credit_ms / SECOND_MS),
        "message": row.message,
        "code": row.remark.as_ref().map(Remark::code),
        "params": row.remark.as_ref().map(Remark::params),
        "choices": row.choices(),
    })
}
