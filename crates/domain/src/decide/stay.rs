//! What the rules do to one visit: adding credit, closing a segment, ending. Each gives the changed rows.

use crate::{
    ids::SegmentId,
    rows::{Change, ClosedBy, OpenSegment, Row, SegmentRow, SessionRow},
    time::{Millis, VenueTime},
};

/// Closes the open segment, if there is one: what it counts goes to played time, the rest to overstay.
/// Returns the segment's change.
pub(super) fn close_segment(session: &mut SessionRow, now: VenueTime, closed_by: ClosedBy) -> Option<Change> {
    let closed = session.closing(now)?;
    let open = session.open_segment.take()?;
    session.played_ms += closed.counted_ms;
    session.overstay_ms += closed.overstay_ms;
    Some(Change::put(Row::Segment(SegmentRow {
        id: open.id,
        session_id: session.id.clone(),
        started_at: open.started_at,
        ended_at: Some(closed.ended_at),
        left_at: Some(now.max(closed.ended_at)),
        closed_by: Some(closed_by),
    })))
}

/// Starts a segment. Returns its change.
pub(super) fn open_segment(session: &mut SessionRow, id: SegmentId, now: VenueTime) -> Change {
    session.open_segment = Some(OpenSegment { id: id.clone(), started_at: now });
    session.first_play_at.get_or_insert(now);
    session.paused_at = None;
    Change::put(Row::Segment(SegmentRow {
        id,
        session_id: session.id.clone(),
        started_at: now,
        ended_at: None,
        left_at: None,
        closed_by: None,
    }))
}

/// Adds credit. While it is overdue the new time starts counting now; the minutes over stay overstay
/// (`domain.md` rule 4). Returns the changes of segments.
pub(super) fn add_credit(session: &mut SessionRow, ms: Millis, segment_id: SegmentId, now: VenueTime) -> Vec<Change> {
    let mut changes = Vec::new();
    if ms > 0 && session.is_overdue(now) {
        changes.extend(close_segment(session, now, ClosedBy::Person));
        changes.push(open_segment(session, segment_id, now));
    }
    session.credit_ms += ms;
    changes
}

/// Ends the visit; what is left of its credit is closed.
pub(super) fn end(session: &mut SessionRow, now: VenueTime) {
    session.ended_at = Some(now);
    session.updated_at = session.updated_at.max(now);
}

/// Marks that a person changed it now.
pub(super) fn touch(session: &mut SessionRow, now: VenueTime) {
    session.person_at = session.person_at.max(now);
    session.updated_at = session.updated_at.max(now);
}
