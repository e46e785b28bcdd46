//! The venue's time on a desk whose own clock may be wrong: a monotonic anchor, moved by an offset to the
//! server's clock (`sync.md` rule 22). Pure: what the clocks say is an argument.

use gangway_domain::time::{Millis, VenueTime};

/// How far the offset may fall at one heartbeat, so that a desk whose clock runs fast follows slowly.
const DRIFT_MS: Millis = 1;

/// This desk's idea of venue time.
#[derive(Clone, Copy, Debug)]
pub struct VenueClock {
    anchor: VenueTime,
    anchor_ms: u64,
    offset_ms: Millis,
    uncertainty_ms: Option<u64>,
}

impl VenueClock {
    /// Starts from the wall clock, moved by the offset that was known when the desk was last in touch.
    pub fn new(wall: VenueTime, mono_ms: u64, offset_ms: Millis) -> Self {
        Self { anchor: wall, anchor_ms: mono_ms, offset_ms, uncertainty_ms: None }
    }

    fn desk_at(&self, mono_ms: u64) -> VenueTime {
        self.anchor.plus(i64::try_from(mono_ms.saturating_sub(self.anchor_ms)).unwrap_or(i64::MAX))
    }

    /// Venue time at a monotonic moment. A jump of the wall clock does not move it.
    pub fn at(&self, mono_ms: u64) -> VenueTime {
        self.desk_at(mono_ms).plus(self.offset_ms)
    }

    /// The server's clock minus this desk's.
    pub fn offset_ms(&self) -> Millis {
        self.offset_ms
    }

    /// How far off that may be; none before the first answer.
    pub fn uncertainty_ms(&self) -> Option<u64> {
        self.uncertainty_ms
    }

    /// Another server, or the same one with its clock put right: what was measured before counts no more
    /// than until the next answer.
    pub fn ask_anew(&mut self) {
        self.uncertainty_ms = None;
    }

    /// The server said `server` in an answer to what was asked at `asked_ms` and came at `came_ms`: half
    /// of the round trip ago, give or take that half.
    pub fn answered(&mut self, server: VenueTime, asked_ms: u64, came_ms: u64) {
        let half_ms = came_ms.saturating_sub(asked_ms) / 2;
        if self.uncertainty_ms.is_some_and(|known| known < half_ms) {
            return;
        }
        self.offset_ms = server.since(self.desk_at(asked_ms + half_ms));
        self.uncertainty_ms = Some(half_ms);
    }

    /// The server said `server` some unknown, short time before `came_ms`: the offset is at least that.
    pub fn heard(&mut self, server: VenueTime, came_ms: u64) {
        let least_ms = server.since(self.desk_at(came_ms));
        match self.uncertainty_ms {
            None => {
                self.offset_ms = least_ms;
                self.uncertainty_ms = Some(1_000);
            }
            Some(_) if least_ms > self.offset_ms => self.offset_ms = least_ms,
            Some(_) => self.offset_ms -= (self.offset_ms - least_ms).min(DRIFT_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk_an_hour_behind() -> VenueClock {
        VenueClock::new(VenueTime(1_000_000), 500, 0)
    }

    #[test]
    fn an_answer_counts_from_the_middle_of_its_round_trip() {
        let mut clock = desk_an_hour_behind();
        clock.answered(VenueTime(4_600_020), 500, 540);
        assert_eq!(clock.offset_ms(), 3_600_000);
        assert_eq!(clock.uncertainty_ms(), Some(20));
        assert_eq!(clock.at(1_500), VenueTime(4_601_000));
    }

    #[test]
    fn a_slow_answer_does_not_replace_a_quick_one() {
        let mut clock = desk_an_hour_behind();
        clock.answered(VenueTime(4_600_020), 500, 540);
        clock.answered(VenueTime(9_999_999), 500, 2_500);
        assert_eq!(clock.offset_ms(), 3_600_000);
    }

    #[test]
    fn the_first_answer_of_a_new_link_counts_however_slow_it_is() {
        let mut clock = desk_an_hour_behind();
        clock.answered(VenueTime(4_600_020), 500, 540);
        clock.ask_anew();
        clock.answered(VenueTime(1_001_000), 500, 2_500);
        assert_eq!(clock.offset_ms(), 0, "the server's clock was put back");
    }

    #[test]
    fn a_heartbeat_can_only_have_been_said_before_it_came() {
        let mut clock = desk_an_hour_behind();
        clock.answered(VenueTime(4_600_020), 500, 540);
        clock.heard(VenueTime(4_601_030), 1_500);
        assert_eq!(clock.offset_ms(), 3_600_030, "the server was further ahead than assumed");
        clock.heard(VenueTime(4_601_000), 1_500);
        assert_eq!(clock.offset_ms(), 3_600_029, "one late heartbeat moves it by the drift only");
    }

    #[test]
    fn the_first_heartbeat_is_better_than_a_wrong_wall_clock() {
        let mut clock = desk_an_hour_behind();
        clock.heard(VenueTime(4_600_000), 500);
        assert_eq!(clock.at(500), VenueTime(4_600_000));
    }
}
