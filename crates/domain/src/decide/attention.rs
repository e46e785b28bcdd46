//! The attention list: what a desk puts on it, and how an entry is settled.

use serde_json::Value;

use super::Draft;
use crate::{
    attention::{AttentionRow, Resolution, bounded_command},
    command::{AttentionAction, RaiseKind},
    event::{EventName, Subject},
    ids::{AttentionId, CommandId, CorrectionId, ProductId, SessionId, TransactionId, row_id},
    money::MinorUnits,
    noticed::Remark,
    rejection::Rejection,
    rows::{Change, Collection, CorrectionRow, Row},
};

pub(super) fn raise(
    draft: &mut Draft,
    kind: RaiseKind,
    message: &str,
    remark: Option<&Remark>,
    command: Option<&Value>,
) {
    let context = draft.context;
    let row = AttentionRow {
        id: AttentionId(row_id(context.command_id, "attention", 0)),
        kind: kind.into(),
        command_id: Some(context.command_id),
        command: command.map(bounded_command),
        device_id: context.device_id.clone(),
        staff_id: context.staff_id.clone(),
        occurred_at: Some(context.now),
        effective_at: Some(context.now),
        raised_at: context.now,
        rejection: None,
        flags: Vec::new(),
        money_minor: MinorUnits(0),
        credit_ms: 0,
        message: Some(message.to_owned()),
        remark: remark.cloned(),
        resolution: None,
    };
    let change = Change::put(Row::Attention(Box::new(row)));
    draft.event(EventName::Rows, Subject::Venue, vec![change]);
}

/// Settles an entry: it is stored with how, and leaves the list in the same event.
pub(super) fn resolve(
    draft: &mut Draft,
    id: &AttentionId,
    action: AttentionAction,
    reason: Option<&str>,
    again: Option<CommandId>,
) -> Result<(), Rejection> {
    let mut entry = draft.venue.attention_entry(id).cloned().ok_or(Rejection::UnknownEntry)?;
    if !entry.choices().contains(&action) {
        return Err(Rejection::Invalid { reason: "That can't be done about this entry.".to_owned() });
    }
    let mut changes = Vec::new();
    if action == AttentionAction::Correct {
        changes.push(Change::put(Row::Correction(correction(draft, &entry, reason.unwrap_or_default()))));
    }
    entry.resolution = Some(Resolution {
        action,
        reason: reason.map(str::to_owned),
        command_id: again,
        at: draft.now(),
        device_id: draft.context.device_id.clone(),
        staff_id: draft.context.staff_id.clone(),
    });
    changes.push(Change::put(Row::Attention(Box::new(entry))));
    changes.push(Change::gone(Collection::Attention, id.as_str()));
    draft.event(EventName::Rows, Subject::Venue, changes);
    Ok(())
}

/// The money of a sale that never became one: it is in the till, so it belongs into the books. It names the line
/// that the sale would have had.
fn correction(draft: &Draft, entry: &AttentionRow, reason: &str) -> CorrectionRow {
    let of = |kind: &str| entry.command_id.map_or_else(String::new, |id| row_id(id, kind, 0));
    let named = |path: &str| entry.command.as_ref().and_then(|command| command.pointer(path)).and_then(Value::as_str);
    let product = named("/products/0/id").or_else(|| named("/lines/0/productId")).unwrap_or_default();
    CorrectionRow {
        id: CorrectionId(row_id(draft.context.command_id, "correction", 0)),
        transaction_id: TransactionId(of("transaction")),
        session_id: SessionId(of("session")),
        product_id: ProductId(product.to_owned()),
        quantity_change: 0,
        amount_minor: entry.money_minor,
        credit_ms: 0,
        reason: reason.to_owned(),
        created_at: draft.now(),
        device_id: draft.context.device_id.clone(),
        staff_id: draft.context.staff_id.clone(),
    }
}
