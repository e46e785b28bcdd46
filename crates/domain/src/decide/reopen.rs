//! A person's scan is evidence, an end by the clock an assumption (`domain.md` rule 12, `sync.md` rule 14): what was
//! tapped before the clock ended a visit, and comes after, finds it open.

use super::{Draft, Flag};
use crate::{
    band::BarcodeId,
    event::{EventName, Subject},
    rows::{Change, ClosedBy, OpenSegment, Row, SegmentRow, SessionRow},
    venue::Venue,
};

/// The visit of a band as it stood when the command was tapped.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The visit.
    pub(super) session: SessionRow,
    /// The clock had ended it: what opens it again.
    reopened: Option<Vec<Change>>,
}

/// The band's visit that was live at the command's moment.
pub(super) fn standing(draft: &Draft, band: &BarcodeId) -> Option<Standing> {
    if let Some(session) = draft.venue.live_session(band) {
        return Some(Standing { session: session.clone(), reopened: None });
    }
    let now = draft.now();
    let ended_later = |session: &&SessionRow| session.ended_at.is_some_and(|end| session.person_at <= now && now < end);
    let last = draft.venue.visits_of_band(band).filter(ended_later).max_by_key(|session| session.ended_at)?;
    let (session, changes) = reopened(draft.venue, last);
    Some(Standing { session, reopened: Some(changes) })
}

impl Standing {
    /// The visit, with what opened it again logged first.
    pub(super) fn open(self, draft: &mut Draft) -> SessionRow {
        if let Some(changes) = self.reopened {
            let id = self.session.id.clone();
            draft.playing += u32::from(self.session.open_segment.is_some());
            draft.event(EventName::SessionUpdated, Subject::Session(id.clone()), changes);
            draft.flag(Flag::Reopened { session_id: id });
        }
        self.session
    }
}

/// The visit as it was before the clock ended it: its credit is back, and what ran runs.
fn reopened(venue: &Venue, ended: &SessionRow) -> (SessionRow, Vec<Change>) {
    let mut session = SessionRow { ended_at: None, ..ended.clone() };
    let released =
        |segment: &&SegmentRow| segment.closed_by == Some(ClosedBy::Clock) && segment.left_at == ended.ended_at;
    let mut changes = Vec::new();
    if let Some(segment) = venue.segments_of(&ended.id).find(released) {
        let end = segment.ended_at.unwrap_or(segment.started_at);
        session.played_ms -= end.since(segment.started_at);
        session.overstay_ms -= segment.left_at.map_or(0, |left| left.since(end));
        session.open_segment = Some(OpenSegment { id: segment.id.clone(), started_at: segment.started_at });
        session.paused_at = None;
        let running = SegmentRow { ended_at: None, left_at: None, closed_by: None, ..segment.clone() };
        changes.push(Change::put(Row::Segment(running)));
    }
    changes.insert(0, Change::put(Row::Session(session.clone())));
    (session, changes)
}
