//! Time accounting of one visit, by segments, in integer milliseconds (`domain.md` rules 2–5).

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    rows::SessionRow,
    time::{Millis, VenueTime},
};

/// What a visit does (`domain.md` rule 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Never played.
    Waiting,
    /// In the zone, overdue included.
    Playing,
    /// Has played and does not now.
    Paused,
    /// Over.
    Ended,
}

/// A closed segment's account: how much of it counts, how much was overstay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When it stopped counting: the closing, or when the credit ran out before.
    pub ended_at: VenueTime,
    /// What it counts.
    pub counted_ms: Millis,
    /// How long it went on past the credit.
    pub overstay_ms: Millis,
}

impl SessionRow {
    /// What it does.
    pub fn status(&self) -> Status {
        if self.ended_at.is_some() {
            Status::Ended
        } else if self.open_segment.is_some() {
            Status::Playing
        } else if self.first_play_at.is_some() {
            Status::Paused
        } else {
            Status::Waiting
        }
    }

    /// It has not ended.
    pub fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }

    /// It is in the lists of live sessions: with credit left, or playing (overdue included).
    pub fn is_listed(&self) -> bool {
        self.is_live() && (self.open_segment.is_some() || self.credit_ms > self.played_ms)
    }

    /// It counts as waiting: credit, and never played.
    pub fn is_waiting(&self) -> bool {
        self.is_listed() && self.status() == Status::Waiting
    }

    /// Credit left at `now`, never negative. Of an ended visit nothing is left.
    pub fn remaining_ms(&self, now: VenueTime) -> Millis {
        if self.is_live() { (self.credit_ms - self.played_ms - self.running_ms(now)).max(0) } else { 0 }
    }

    /// How long the open segment has run at `now`, past the credit too.
    fn running_ms(&self, now: VenueTime) -> Millis {
        self.open_segment.as_ref().map_or(0, |open| now.since(open.started_at).max(0))
    }

    /// When the credit runs out if it keeps playing; none while it does not play.
    pub fn runs_out_at(&self) -> Option<VenueTime> {
        self.open_segment.as_ref().map(|open| open.started_at.plus((self.credit_ms - self.played_ms).max(0)))
    }

    /// It plays and its credit has run out.
    pub fn is_overdue(&self, now: VenueTime) -> bool {
        self.runs_out_at().is_some_and(|moment| moment <= now)
    }

    /// When the clock releases it, if it keeps playing (`domain.md` rule 4).
    pub fn release_at(&self, auto_release_ms: Millis) -> Option<VenueTime> {
        self.runs_out_at().map(|moment| moment.plus(auto_release_ms))
    }

    /// Overstay so far, what runs included.
    pub fn overstay_ms(&self, now: VenueTime) -> Millis {
        let running = self.runs_out_at().map_or(0, |moment| now.since(moment).max(0));
        self.overstay_ms + running
    }

    /// All play at `now` that counts: closed segments, and the open one up to the credit.
    pub fn played_at(&self, now: VenueTime) -> Millis {
        self.played_ms + self.running_ms(now).min((self.credit_ms - self.played_ms).max(0))
    }

    /// What closing the open segment at `now` counts: never more than the credit that there was.
    pub fn closing(&self, now: VenueTime) -> Option<Closed> {
        let open = self.open_segment.as_ref()?;
        let counted_ms = self.played_at(now) - self.played_ms;
        let ran_ms = self.running_ms(now);
        Some(Closed { ended_at: open.started_at.plus(counted_ms), counted_ms, overstay_ms: ran_ms - counted_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        band::BarcodeId,
        ids::{SegmentId, SessionId},
        rows::OpenSegment,
    };

    fn session(credit_s: i64, played_s: i64, started_s: Option<i64>) -> SessionRow {
        let zero = VenueTime(0);
        SessionRow {
            id: SessionId::from("s"),
            barcode_id: BarcodeId::parse("B-1").expect("a code"),
            credit_ms: credit_s * 1000,
            played_ms: played_s * 1000,
            overstay_ms: 0,
            open_segment: started_s.map(|s| OpenSegment { id: SegmentId::from("g"), started_at: VenueTime(s * 1000) }),
            first_play_at: None,
            paused_at: None,
            created_at: zero,
            credit_at: zero,
            person_at: zero,
            ended_at: None,
            updated_at: zero,
        }
    }

    #[test]
    fn time_runs_only_while_it_plays() {
        assert_eq!(session(60, 10, None).remaining_ms(VenueTime(1_000_000)), 50_000);
        assert_eq!(session(60, 10, Some(100)).remaining_ms(VenueTime(110_000)), 40_000);
        assert_eq!(
            session(60, 10, Some(100)).remaining_ms(VenueTime(90_000)),
            50_000,
            "a clock that is behind takes nothing"
        );
    }

    #[test]
    fn a_segment_never_counts_more_than_the_credit() {
        let overdue = session(60, 10, Some(100));
        let closed = overdue.closing(VenueTime(170_500)).expect("it plays");
        assert_eq!(closed, Closed { ended_at: VenueTime(150_000), counted_ms: 50_000, overstay_ms: 20_500 });
        assert_eq!(overdue.remaining_ms(VenueTime(170_500)), 0);
        assert_eq!(overdue.overstay_ms(VenueTime(170_500)), 20_500);
    }

    #[test]
    fn it_is_overdue_from_the_moment_the_credit_runs_out() {
        let playing = session(60, 0, Some(0));
        assert!(!playing.is_overdue(VenueTime(59_999)) && playing.is_overdue(VenueTime(60_000)));
        assert_eq!(playing.release_at(300_000), Some(VenueTime(360_000)));
    }

    #[test]
    fn a_band_with_extras_only_is_waiting_but_in_no_list() {
        let extras = session(0, 0, None);
        assert_eq!((extras.status(), extras.is_listed(), extras.is_waiting()), (Status::Waiting, false, false));
        let waiting = session(1, 0, None);
        assert_eq!((waiting.status(), waiting.is_listed(), waiting.is_waiting()), (Status::Waiting, true, true));
    }

    #[test]
    fn of_an_ended_visit_nothing_is_left() {
        let mut ended = session(60, 10, None);
        ended.ended_at = Some(VenueTime(1));
        assert_eq!((ended.status(), ended.remaining_ms(VenueTime(2)), ended.is_listed()), (Status::Ended, 0, false));
    }
}
