//! The start of an operational day: credit that has run its days ends, old visits leave the sync set
//! (`sync.md` rules 4 and 23).

use super::{Draft, stay};
use crate::{
    event::{EventName, Subject},
    ids::SessionId,
    rows::{Change, Collection, CorrectionRow, Row, SessionRow},
    venue::Venue,
};

/// Visits that one command handles; the sweeper repeats it until nothing is left to do.
const BATCH: usize = 200;

pub(super) fn day_change(draft: &mut Draft) {
    let now = draft.now();
    let settings = draft.venue.settings();
    let rules = settings.day_rules();
    let kept_from = rules.day_before(now).start;
    let has_run = |session: &SessionRow| {
        session.is_live()
            && session.open_segment.is_none()
            && rules.credit_ends(session.credit_at, settings.credit_valid_days) <= now
    };
    for mut session in first_by_id(draft.venue, has_run) {
        stay::end(&mut session, now);
        let subject = Subject::Session(session.id.clone());
        draft.event(EventName::SessionEnded, subject, vec![Change::put(Row::Session(session))]);
    }
    let aged = |session: &SessionRow| !session.is_live() && session.updated_at < kept_from;
    let mut gone: Vec<Change> =
        first_by_id(draft.venue, aged).iter().flat_map(|session| family_gone(draft.venue, &session.id)).collect();
    // Money that was recorded without a line belongs to no visit, so it ages by itself.
    let lone =
        |row: &&CorrectionRow| row.created_at < kept_from && draft.venue.transaction(&row.transaction_id).is_none();
    let mut lone: Vec<_> = draft.venue.corrections().filter(lone).map(|row| row.id.as_str()).collect();
    lone.sort_unstable();
    gone.extend(lone.into_iter().map(|id| Change::gone(Collection::Corrections, id)));
    if !gone.is_empty() {
        draft.event(EventName::Rows, Subject::Venue, gone);
    }
}

fn first_by_id(venue: &Venue, wanted: impl Fn(&SessionRow) -> bool) -> Vec<SessionRow> {
    let mut found: Vec<_> = venue.sessions().filter(|session| wanted(session)).collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.into_iter().take(BATCH).cloned().collect()
}

/// A visit with all that belongs to it leaves the sync set.
fn family_gone(venue: &Venue, session: &SessionId) -> Vec<Change> {
    let mut gone = Vec::new();
    for line in venue.transactions_of(session) {
        gone.extend(venue.corrections_of(&line.id).map(|row| Change::gone(Collection::Corrections, row.id.as_str())));
        gone.push(Change::gone(Collection::Transactions, line.id.as_str()));
    }
    gone.extend(venue.segments_of(session).map(|row| Change::gone(Collection::Segments, row.id.as_str())));
    gone.push(Change::gone(Collection::Sessions, session.as_str()));
    gone
}
