//! Corrections and refunds: the line stays, linked to what was corrected (`domain.md` rules 11 and 14).

use super::{Draft, stay};
use crate::{
    command::Correction,
    event::{EventName, Subject},
    ids::{CorrectionId, SegmentId, TransactionId, row_id},
    money::MinorUnits,
    rejection::Rejection,
    rows::{Change, CorrectionRow, Row, SessionRow, TransactionRow, TransactionStatus},
    time::Millis,
};

pub(super) fn correct(
    draft: &mut Draft,
    id: &TransactionId,
    correction: &Correction,
    reason: &str,
) -> Result<(), Rejection> {
    let line = draft.venue.transaction(id).cloned().ok_or(Rejection::UnknownTransaction)?;
    if line.status == TransactionStatus::Refunded {
        return Err(Rejection::AlreadyRefunded);
    }
    let (quantity, status) = match correction {
        Correction::Quantity(quantity) if *quantity == line.quantity => {
            return Err(Rejection::Invalid { reason: "That quantity stands already.".to_owned() });
        }
        Correction::Quantity(quantity) => (*quantity, TransactionStatus::Corrected),
        Correction::Refund => (0, TransactionStatus::Refunded),
    };
    let now = draft.now();
    let mut session = draft.venue.session(&line.session_id).cloned();
    let quantity_change = i64::from(quantity) - i64::from(line.quantity);
    let wanted_ms = line.unit_time_ms.unwrap_or(0) * quantity_change;
    let credit_ms = session.as_ref().map_or(0, |session| credit_change(session, wanted_ms, draft));
    let total = MinorUnits(line.unit_price_minor.0 * i64::from(quantity));
    let row = CorrectionRow {
        id: CorrectionId(row_id(draft.context.command_id, "correction", 0)),
        transaction_id: line.id.clone(),
        session_id: line.session_id.clone(),
        product_id: line.product_id.clone(),
        quantity_change,
        amount_minor: MinorUnits(total.0 - line.total_price_minor.0),
        credit_ms,
        reason: reason.to_owned(),
        created_at: now,
        device_id: draft.context.device_id.clone(),
        staff_id: draft.context.staff_id.clone(),
    };
    let line = TransactionRow { quantity, total_price_minor: total, status, ..line };
    let mut changes = vec![Change::put(Row::Transaction(line)), Change::put(Row::Correction(row))];
    let mut segments = Vec::new();
    if let Some(session) = &mut session {
        let segment_id = SegmentId(row_id(draft.context.command_id, "segment", 0));
        segments = stay::add_credit(session, credit_ms, segment_id, now);
        // A visit that is over is touched too: its rows are in the sync set again (`sync.md` rule 4).
        stay::touch(session, now);
        changes.push(Change::put(Row::Session(session.clone())));
    }
    draft.event(EventName::TransactionUpdated, Subject::Transaction(id.clone()), changes);
    if let Some(session) = session.filter(|_| credit_ms != 0) {
        draft.event(EventName::SessionUpdated, Subject::Session(session.id.clone()), segments);
    }
    Ok(())
}

/// How much of `wanted_ms` the visit's credit changes: what was played is never taken back, and the
/// credit of a visit that is over is closed.
fn credit_change(session: &SessionRow, wanted_ms: Millis, draft: &Draft) -> Millis {
    if !session.is_live() {
        return 0;
    }
    let unplayed_ms = (session.credit_ms - session.played_at(draft.now())).max(0);
    wanted_ms.max(-unplayed_ms)
}
