//! Play, pause, out, and the release by the clock (`domain.md` rules 2, 4, 6, 9).

use super::{Draft, stay};
use crate::{
    band::BarcodeId,
    event::{EventName, Subject},
    ids::{SegmentId, SessionId, row_id},
    rejection::Rejection,
    rows::{Change, ClosedBy, Row, SessionRow},
};

pub(super) fn play(draft: &mut Draft, band: &BarcodeId) -> Result<(), Rejection> {
    let mut session = live(draft, band)?;
    if session.open_segment.is_some() {
        return Err(Rejection::AlreadyPlaying);
    }
    if !session.is_listed() {
        return Err(Rejection::NoCredit);
    }
    let max = draft.venue.settings().max_occupancy;
    if draft.venue.playing() >= max {
        return Err(Rejection::VenueFull { max });
    }
    let now = draft.now();
    let segment = stay::open_segment(&mut session, SegmentId(row_id(draft.context.command_id, "segment", 0)), now);
    stay::touch(&mut session, now);
    draft.playing += 1;
    emit(draft, EventName::SessionPlay, session, Some(segment));
    Ok(())
}

pub(super) fn pause(draft: &mut Draft, band: &BarcodeId) -> Result<(), Rejection> {
    let mut session = live(draft, band)?;
    let now = draft.now();
    let used_up = session.is_overdue(now);
    let segment = stay::close_segment(&mut session, now, ClosedBy::Person).ok_or(Rejection::NotPlaying)?;
    stay::touch(&mut session, now);
    draft.playing = draft.playing.saturating_sub(1);
    let settings = draft.venue.settings();
    let expired = settings.day_rules().credit_ends(session.credit_at, settings.credit_valid_days) <= now;
    if used_up || expired {
        stay::end(&mut session, now);
        emit(draft, EventName::SessionEnded, session, Some(segment));
    } else {
        session.paused_at = Some(now);
        emit(draft, EventName::SessionPause, session, Some(segment));
    }
    Ok(())
}

pub(super) fn end(draft: &mut Draft, band: &BarcodeId) -> Result<(), Rejection> {
    let session = live(draft, band)?;
    end_session(draft, session);
    Ok(())
}

/// Ends a live visit by a person's doing, playing or not.
pub(super) fn end_session(draft: &mut Draft, mut session: SessionRow) {
    let now = draft.now();
    let segment = stay::close_segment(&mut session, now, ClosedBy::Person);
    draft.playing = draft.playing.saturating_sub(u32::from(segment.is_some()));
    stay::touch(&mut session, now);
    stay::end(&mut session, now);
    emit(draft, EventName::SessionEnded, session, segment);
}

/// The clock's release: only when it is due, so that a top-up that came first wins.
pub(super) fn release(draft: &mut Draft, session: &SessionId) -> Result<(), Rejection> {
    let mut session = draft.venue.session(session).cloned().ok_or(Rejection::UnknownBand)?;
    let now = draft.now();
    let due = session.release_at(draft.venue.settings().auto_release_ms());
    if due.is_none_or(|due| due > now) {
        return Err(Rejection::NotPlaying);
    }
    let segment = stay::close_segment(&mut session, now, ClosedBy::Clock);
    draft.playing = draft.playing.saturating_sub(1);
    stay::end(&mut session, now);
    emit(draft, EventName::SessionEnded, session, segment);
    Ok(())
}

fn live(draft: &Draft, band: &BarcodeId) -> Result<SessionRow, Rejection> {
    draft.venue.live_session(band).cloned().ok_or(Rejection::UnknownBand)
}

fn emit(draft: &mut Draft, name: EventName, session: SessionRow, segment: Option<Change>) {
    let subject = Subject::Session(session.id.clone());
    let mut changes = vec![Change::put(Row::Session(session))];
    changes.extend(segment);
    draft.event(name, subject, changes);
}
