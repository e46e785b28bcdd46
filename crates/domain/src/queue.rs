//! The queue on the wall (`domain.md` rule 8).

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{session::Status, time::VenueTime, venue::Venue, wire::player_session::PlayerSession};

/// Places on the display's list.
const QUEUE_SHOWN: usize = 15;

/// What the wall shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct QueueDisplay {
    /// Who enters next: waiting by check-in, then paused by when they were paused; the first fifteen.
    pub next: Vec<PlayerSession>,
    /// Who plays, soonest to run out first.
    pub in_flight: Vec<PlayerSession>,
}

/// The queue of `venue` at `now`. A top-up moves nobody: neither order depends on it.
pub fn display_queue(venue: &Venue, now: VenueTime) -> QueueDisplay {
    let listed = venue.listed_sessions();
    let of = |status| listed.iter().copied().filter(move |row| row.status() == status);
    let mut paused: Vec<_> = of(Status::Paused).collect();
    paused.sort_by_key(|row| (row.paused_at, &row.id));
    let next = of(Status::Waiting).chain(paused).take(QUEUE_SHOWN);
    let mut playing: Vec<_> = of(Status::Playing).collect();
    playing.sort_by_key(|row| (row.runs_out_at(), &row.id));
    QueueDisplay {
        next: next.map(|row| PlayerSession::at(row, now)).collect(),
        in_flight: playing.into_iter().map(|row| PlayerSession::at(row, now)).collect(),
    }
}
