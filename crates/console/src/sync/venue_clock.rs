//! The venue's time on a desk whose own clock may be wrong: a monotonic anchor, moved by an offset to the
//! server's clock (`sync.md` rule 22). Pure: what the clocks say is an argument.

use gangway_domain::time::{Millis, VenueTime};

/// How far the offset may fall at one heartbeat, so that a desk whose clock runs fast follows slowly.
const DRIFT_MS: Millis = 1;

/// A wall clock that differs by more all at once was set, or ran while the machine slept (`sync.md` rule 22).
const STEP_MS: Millis = 2_000;

/// What the clocks of the machine say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// The wall clock.
    pub wall: VenueTime,
    /// Counts while the machine is awake.
    pub mono_ms: u64,
    /// Counts while it sleeps too; none where the machine has no such clock.
    pub boot_ms: Option<u64>,
}

/// This desk's idea of venue time.
#[derive(Clone, Copy, Debug)]
pub struct VenueClock {
    anchor: VenueTime,
    anchor_ms: u64,
    offset_ms: Millis,
    uncertainty_ms: Option<u64>,
    /// How long the machine slept since the anchor.
    slept_ms: Millis,
    /// How far the clock that counts sleep is ahead of the one that does not; none before the first look.
    boot_ahead_ms: Option<Millis>,
    /// How far the wall clock was set, and is known to be, since the anchor.
    wall_ahead_ms: Millis,
    /// How far it was set without anybody having been told.
    unsaid_step_ms: Millis,
    /// How far, at least, the wall clock was behind at the start without anybody having been told.
    unsaid_behind_ms: Option<Millis>,
    /// It goes on from what was known to be past, and the server has not said how late it is.
    is_guessed: bool,
    /// What was dated by the guess is to be dated anew.
    misdated: Option<Misdated>,
}

/// Moments that were named while nobody knew how late it was: too early, all by as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misdated {
    /// How much later they were.
    pub by_ms: Millis,
    /// They are not after this one; those that are were named since.
    pub until: VenueTime,
}

impl VenueClock {
    /// Starts from the wall clock, moved by the offset that was known when the desk was last in touch.
    pub fn new(wall: VenueTime, mono_ms: u64, offset_ms: Millis) -> Self {
        Self {
            anchor: wall,
            anchor_ms: mono_ms,
            offset_ms,
            uncertainty_ms: None,
            slept_ms: 0,
            boot_ahead_ms: None,
            wall_ahead_ms: 0,
            unsaid_step_ms: 0,
            unsaid_behind_ms: None,
            is_guessed: false,
            misdated: None,
        }
    }

    /// `known` is past: a wall clock that says less was set back while nobody looked, by at least the difference.
    /// Venue time goes on from there; how much later it is, nobody knows before the server says: then what was tapped
    /// meanwhile is [`Misdated`]. A clock that was set
    /// ahead meanwhile can't be told from time that went by: what is tapped by it says so of itself when the server
    /// moves it to now and flags it (`sync.md` rule 13).
    pub fn not_before(&mut self, known: VenueTime, mono_ms: u64) {
        let behind_ms = known.since(self.at(mono_ms));
        if behind_ms > 0 {
            self.offset_ms = self.offset_ms.saturating_add(behind_ms);
        }
        if behind_ms > STEP_MS {
            self.unsaid_behind_ms = Some(behind_ms);
            self.is_guessed = true;
        }
    }

    fn desk_at(&self, mono_ms: u64) -> VenueTime {
        let awake_ms = i64::try_from(mono_ms.saturating_sub(self.anchor_ms)).unwrap_or(i64::MAX);
        self.anchor.plus(awake_ms.saturating_add(self.slept_ms))
    }

    /// Looks at all clocks of the machine. What it slept is venue time like any other, and known exactly; a wall clock
    /// that jumped without sleep was set by somebody, which moves nothing and is for a person to know.
    pub fn look(&mut self, readings: Readings) {
        let Readings { wall, mono_ms, boot_ms } = readings;
        if let Some(boot_ms) = boot_ms {
            let ahead_ms = i64::try_from(i128::from(boot_ms) - i128::from(mono_ms)).unwrap_or(0);
            let slept_ms = ahead_ms - self.boot_ahead_ms.unwrap_or(ahead_ms);
            // Less is the grain of the two clocks.
            if slept_ms > STEP_MS {
                self.slept_ms += slept_ms;
                // What the server said before is older than it seems.
                self.uncertainty_ms = None;
            }
            if slept_ms > STEP_MS || self.boot_ahead_ms.is_none() {
                self.boot_ahead_ms = Some(ahead_ms);
            }
        }
        let ahead_ms = wall.since(self.desk_at(mono_ms));
        let step_ms = ahead_ms - self.wall_ahead_ms;
        if step_ms.abs() > STEP_MS {
            self.unsaid_step_ms += step_ms;
        }
        // Slow differences are the clocks' own; they are not added up until they look like a step.
        self.wall_ahead_ms = ahead_ms;
    }

    /// How far the wall clock was set since somebody was last told; none where it is not worth a word.
    pub fn unsaid_step_ms(&self) -> Option<Millis> {
        Some(self.unsaid_step_ms).filter(|step_ms| step_ms.abs() > STEP_MS)
    }

    /// Somebody was told of a step so far.
    pub fn step_said(&mut self, step_ms: Millis) {
        self.unsaid_step_ms -= step_ms;
    }

    /// How far, at least, the wall clock was behind at the start, until somebody was told.
    pub fn unsaid_behind_ms(&self) -> Option<Millis> {
        self.unsaid_behind_ms
    }

    /// Somebody was told that it was behind.
    pub fn behind_said(&mut self) {
        self.unsaid_behind_ms = None;
    }

    /// Venue time at a monotonic moment. A jump of the wall clock does not move it.
    pub fn at(&self, mono_ms: u64) -> VenueTime {
        self.desk_at(mono_ms).plus(self.offset_ms)
    }

    /// The server's clock minus this desk's.
    pub fn offset_ms(&self) -> Millis {
        self.offset_ms
    }

    /// The server's clock minus the wall clock as it was last looked at: what the next start needs, which knows nothing
    /// of how the clock was set before.
    pub fn offset_to_wall_ms(&self) -> Millis {
        self.offset_ms - self.wall_ahead_ms
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
        let until = self.at(came_ms);
        let offset_ms = server.since(self.desk_at(asked_ms + half_ms));
        let by_ms = offset_ms.saturating_sub(self.offset_ms);
        if std::mem::take(&mut self.is_guessed) && by_ms > STEP_MS {
            self.misdated = Some(Misdated { by_ms, until });
        }
        self.offset_ms = offset_ms;
        self.uncertainty_ms = Some(half_ms);
    }

    /// What was tapped under a guess that the server has put right, until it is dated anew.
    pub fn misdated(&self) -> Option<Misdated> {
        self.misdated
    }

    /// It is dated anew.
    pub fn dated_anew(&mut self) {
        self.misdated = None;
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

    fn look(clock: &mut VenueClock, wall: i64, mono_ms: u64, boot_ms: Option<u64>) {
        clock.look(Readings { wall: VenueTime(wall), mono_ms, boot_ms });
    }

    #[test]
    fn a_wall_clock_that_is_set_is_said_once_and_moves_nothing() {
        for step_ms in [3_600_000, -3_600_000, 2_001, -2_001] {
            let mut clock = VenueClock::new(VenueTime(10_000_000), 500, 0);
            look(&mut clock, 10_000_000, 500, Some(900));
            look(&mut clock, 10_005_000 + step_ms, 5_500, Some(5_900));
            assert_eq!(clock.at(5_500), VenueTime(10_005_000));
            assert_eq!(clock.unsaid_step_ms(), Some(step_ms));
            clock.step_said(step_ms);
            look(&mut clock, 10_010_000 + step_ms, 10_500, Some(10_900));
            assert_eq!(clock.unsaid_step_ms(), None, "said once");
            look(&mut clock, 10_015_000, 15_500, Some(15_900));
            assert_eq!(clock.unsaid_step_ms(), Some(-step_ms), "put right is a step too");
        }
    }

    #[test]
    fn a_start_before_what_is_known_goes_on_from_there_and_is_said_once() {
        let mut clock = VenueClock::new(VenueTime(1_000_000), 500, 50);
        clock.not_before(VenueTime(9_000_000), 500);
        assert_eq!((clock.at(500), clock.at(1_500)), (VenueTime(9_000_000), VenueTime(9_001_000)));
        assert_eq!((clock.unsaid_behind_ms(), clock.uncertainty_ms()), (Some(7_999_950), None));
        clock.behind_said();
        look(&mut clock, 1_001_000, 1_500, None);
        assert_eq!((clock.unsaid_behind_ms(), clock.unsaid_step_ms()), (None, None));
        clock.not_before(VenueTime(8_000_000), 1_500);
        assert_eq!(clock.at(1_500), VenueTime(9_001_000), "what is not later moves nothing");
    }

    #[test]
    fn what_was_dated_by_a_guess_is_known_to_be_wrong_when_the_server_is_first_heard() {
        let mut clock = VenueClock::new(VenueTime(1_000_000), 500, 0);
        clock.not_before(VenueTime(9_000_000), 500);
        assert_eq!(clock.misdated(), None, "nobody knows yet");
        clock.answered(VenueTime(50_000_020), 1_500, 1_540);
        assert_eq!(clock.misdated(), Some(Misdated { by_ms: 40_999_000, until: VenueTime(9_001_040) }));
        clock.dated_anew();
        clock.ask_anew();
        clock.answered(VenueTime(90_000_000), 2_500, 2_500);
        assert_eq!(clock.misdated(), None, "from then on it is the server's");
        let mut right = VenueClock::new(VenueTime(1_000_000), 500, 0);
        right.not_before(VenueTime(999_000), 500);
        right.answered(VenueTime(50_000_020), 1_500, 1_540);
        assert_eq!(right.misdated(), None, "a clock that nobody doubted is not put right behind people's backs");
    }

    #[test]
    fn a_step_moves_the_offset_that_the_next_start_needs() {
        let mut clock = VenueClock::new(VenueTime(1_000_000), 500, 50);
        look(&mut clock, 1_000_000, 500, None);
        look(&mut clock, 1_005_000 + 3_600_000, 5_500, None);
        assert_eq!((clock.offset_ms(), clock.offset_to_wall_ms()), (50, 50 - 3_600_000));
    }

    #[test]
    fn clocks_that_drift_apart_slowly_are_not_set() {
        let mut clock = VenueClock::new(VenueTime(0), 0, 0);
        for n in 0..10_000 {
            look(&mut clock, n * 5_050, n as u64 * 5_000, None);
        }
        assert_eq!(clock.unsaid_step_ms(), None);
    }

    #[test]
    fn what_the_machine_slept_is_venue_time_and_no_step() {
        let mut clock = VenueClock::new(VenueTime(1_000_000), 500, 50);
        look(&mut clock, 1_000_000, 500, Some(500));
        look(&mut clock, 1_000_000 + 8 * 3_600_000, 600, Some(600 + 8 * 3_600_000 - 100));
        assert_eq!(clock.at(600), VenueTime(1_000_050 + 8 * 3_600_000));
        assert_eq!(clock.unsaid_step_ms(), None);
        // Asleep, and set meanwhile: both are told apart.
        look(&mut clock, 1_000_000 + 20 * 3_600_000, 700, Some(600 + 9 * 3_600_000));
        assert_eq!(clock.at(700), VenueTime(1_000_050 + 9 * 3_600_000 + 100));
        let step_ms = clock.unsaid_step_ms().expect("a step");
        assert!((step_ms - 11 * 3_600_000).abs() < 1_000, "{step_ms}");
    }

    #[test]
    fn without_a_clock_that_counts_sleep_a_jump_moves_nothing_until_the_server_says() {
        let mut clock = VenueClock::new(VenueTime(1_000_000), 500, 0);
        look(&mut clock, 1_000_000, 500, None);
        look(&mut clock, 9_000_000, 600, None);
        assert_eq!(clock.at(600), VenueTime(1_000_100));
        assert_eq!(clock.unsaid_step_ms(), Some(7_999_900));
        clock.ask_anew();
        clock.answered(VenueTime(9_000_050), 600, 700);
        assert_eq!(clock.at(700), VenueTime(9_000_100));
    }

    #[test]
    fn the_first_heartbeat_is_better_than_a_wrong_wall_clock() {
        let mut clock = desk_an_hour_behind();
        clock.heard(VenueTime(4_600_000), 500);
        assert_eq!(clock.at(500), VenueTime(4_600_000));
    }
}
