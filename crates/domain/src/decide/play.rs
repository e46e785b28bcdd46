//! Play, pause, out, and the release by the clock (`domain.md` rules 2, 4, 6, 9).

use super::{
    Draft, Flag, places,
    reopen::{self, Standing},
    stay,
};
use crate::{
    band::BarcodeId,
    event::{EventName, Subject},
    ids::{SegmentId, SessionId, row_id},
    rejection::Rejection,
    rows::{Change, ClosedBy, Row, SessionRow},
};

pub(super) fn play(draft: &mut Draft, band: &BarcodeId) -> Result<(), Rejection> {
    let standing = standing(draft, band)?;
    if standing.session.open_segment.is_some() {
        if !draft.context.late {
            return Err(Rejection::AlreadyPlaying);
        }
        // It is where it was wanted; a lent place that it names stays lent until the desk gives it back.
        draft.flag(Flag::NoChange);
        return Ok(());
    }
    if !standing.session.is_listed() {
        if !draft.context.late {
            return Err(Rejection::NoCredit);
        }
        draft.flag(Flag::NoCredit);
    }
    let place = places::enter(draft)?;
    let mut session = standing.open(draft);
    let now = draft.now();
    let segment = stay::open_segment(&mut session, SegmentId(row_id(draft.context.command_id, "segment", 0)), now);
    stay::touch(&mut session, now);
    draft.playing += 1;
    emit(draft, EventName::SessionPlay, session, [Some(segment), place].into_iter().flatten());
    Ok(())
}

pub(super) fn pause(draft: &mut Draft, band: &BarcodeId) -> Result<(), Rejection> {
    let standing = standing(draft, band)?;
    if standing.session.open_segment.is_none() {
        if !draft.context.late {
            return Err(Rejection::NotPlaying);
        }
        draft.flag(Flag::NoChange);
        return Ok(());
    }
    let mut session = standing.open(draft);
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
    match reopen::standing(draft, band) {
        Some(standing) => {
            let session = standing.open(draft);
            end_session(draft, session);
        }
        None if draft.context.late && draft.venue.visits_of_band(band).next().is_some() => draft.flag(Flag::NoChange),
        None => return Err(Rejection::UnknownBand),
    }
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

fn standing(draft: &Draft, band: &BarcodeId) -> Result<Standing, Rejection> {
    reopen::standing(draft, band).ok_or(Rejection::UnknownBand)
}

fn emit(draft: &mut Draft, name: EventName, session: SessionRow, others: impl IntoIterator<Item = Change>) {
    let subject = Subject::Session(session.id.clone());
    let mut changes = vec![Change::put(Row::Session(session))];
    changes.extend(others);
    draft.event(name, subject, changes);
}
