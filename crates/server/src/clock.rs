//! Ports for what is not deterministic: time and ids. A simulator brings its own.

use std::{
    sync::{Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use gangway_domain::{
    ids::{CommandId, Epoch, EventId, PlaceId},
    time::{Millis, SECOND_MS, VenueTime},
};
use uuid::Uuid;

/// A step of the wall clock past this is worth a word (`sync.md` rule 22).
const STEP_MS: Millis = 2 * SECOND_MS;
/// Venue time follows the wall clock by at most this part of the time that passes: a child's minutes may
/// be three seconds an hour off, never a jump.
const SLEW_DIVISOR: Millis = 20;

/// Venue time.
pub trait Clock: Send + Sync {
    /// The venue's moment; never earlier than the one before.
    fn now(&self) -> VenueTime;
    /// By how much the wall clock was set since the last call, if that is worth a word (`sync.md` rule 22).
    fn take_step(&self) -> Option<Millis> {
        None
    }
}

/// Ids that nobody can guess or repeat.
pub trait Ids: Send + Sync {
    /// For an event.
    fn event_id(&self) -> EventId;
    /// For a log.
    fn epoch(&self) -> Epoch;
    /// For a command that came without one.
    fn command_id(&self) -> CommandId;
    /// For a place that is lent.
    fn place_id(&self) -> PlaceId {
        PlaceId(self.command_id().to_string())
    }
    /// For a venue.
    fn venue_id(&self) -> String;
}

/// Random ids, sorted by when they were made.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn event_id(&self) -> EventId {
        EventId(Uuid::now_v7().to_string())
    }

    fn epoch(&self) -> Epoch {
        Epoch(Uuid::now_v7().to_string())
    }

    fn command_id(&self) -> CommandId {
        CommandId(Uuid::now_v7())
    }

    fn venue_id(&self) -> String {
        Uuid::now_v7().to_string()
    }
}

/// What nobody can guess: tokens and codes. Apart from [`Ids`], whose values only have to differ.
pub trait Secrets: Send + Sync {
    /// 256 random bits.
    ///
    /// # Errors
    /// The system gives none; then nothing may be made of what is there instead.
    fn secret(&self) -> std::io::Result<[u8; 32]>;
}

/// The system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSecrets;

impl Secrets for SystemSecrets {
    fn secret(&self) -> std::io::Result<[u8; 32]> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(std::io::Error::other)?;
        Ok(secret)
    }
}

/// The machine's two clocks in ms: the one on the wall, which may be set, and the one that only counts.
pub trait Machine: Send + Sync {
    /// Since 1970 UTC.
    fn wall_ms(&self) -> Millis;
    /// Since some moment.
    fn monotonic_ms(&self) -> Millis;
    /// How long it slept since some moment, if the monotonic clock stood still meanwhile and anything tells.
    fn slept_ms(&self) -> Millis {
        0
    }
}

/// The real machine.
#[derive(Debug)]
pub struct RealMachine {
    start: Instant,
    /// What `/proc/uptime` said then.
    uptime_ms: Option<Millis>,
}

impl Default for RealMachine {
    fn default() -> Self {
        Self { start: Instant::now(), uptime_ms: uptime_ms() }
    }
}

/// The kernel's clock that counts sleep, to 10 ms, without a call that would need unsafe code: "12.34 56.78". None where
/// there is no such file.
fn uptime_ms() -> Option<Millis> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    Some(seconds.parse::<Millis>().ok()? * SECOND_MS + hundredths.get(..2)?.parse::<Millis>().ok()? * 10)
}

impl Machine for RealMachine {
    fn wall_ms(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }

    fn monotonic_ms(&self) -> Millis {
        Millis::try_from(self.start.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    fn slept_ms(&self) -> Millis {
        let passed_ms = self.uptime_ms.and_then(|start| Some(uptime_ms()? - start));
        passed_ms.map_or(0, |passed_ms| passed_ms - self.monotonic_ms())
    }
}

/// Venue time from a machine: a monotonic anchor plus the wall clock at start, slewing after the wall
/// clock, never behind the moment that it was started with (`sync.md` rule 22). Sleep is time like any other.
#[derive(Debug)]
pub struct VenueClock<M = RealMachine> {
    machine: M,
    state: Mutex<ClockState>,
}

#[derive(Debug)]
struct ClockState {
    monotonic_ms: Millis,
    venue_ms: Millis,
    /// How much sleep is in it.
    slept_ms: Millis,
    /// Wall minus venue time at the last look.
    off_ms: Millis,
    /// Steps of the wall that nobody was told of.
    step_ms: Option<Millis>,
}

impl<M: Machine> VenueClock<M> {
    /// A clock that starts at the wall's time, or at `floor` where the wall is behind it.
    pub fn new(machine: M, floor: VenueTime) -> Self {
        let wall_ms = machine.wall_ms();
        let venue_ms = wall_ms.max(floor.0);
        let off_ms = wall_ms - venue_ms;
        // The wall was set back while the server was off.
        let step_ms = (off_ms < -STEP_MS).then_some(off_ms);
        let (monotonic_ms, slept_ms) = (machine.monotonic_ms(), machine.slept_ms());
        let state = ClockState { monotonic_ms, venue_ms, slept_ms, off_ms, step_ms };
        Self { machine, state: Mutex::new(state) }
    }

    /// The machine slept since the last look: that is time that went by, and no step of the wall.
    fn wake(&self, state: &mut ClockState) {
        let slept_ms = self.machine.slept_ms();
        // Less is the grain of its clocks.
        if slept_ms - state.slept_ms >= SECOND_MS {
            tracing::info!(slept_ms = slept_ms - state.slept_ms, "the machine slept");
            state.venue_ms += slept_ms - state.slept_ms;
            state.slept_ms = slept_ms;
        }
    }
}

impl<M: Machine> Clock for VenueClock<M> {
    fn now(&self) -> VenueTime {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let monotonic_ms = self.machine.monotonic_ms();
        let passed_ms = (monotonic_ms - state.monotonic_ms).max(0);
        if self.machine.wall_ms() - state.venue_ms - passed_ms - state.off_ms > STEP_MS {
            self.wake(&mut state);
        }
        let straight_ms = state.venue_ms + passed_ms;
        let off_ms = self.machine.wall_ms() - straight_ms;
        let step_ms = off_ms - state.off_ms;
        if step_ms.abs() > STEP_MS {
            tracing::warn!(step_ms, "the wall clock was set; venue time follows it slowly");
            state.step_ms = Some(state.step_ms.unwrap_or(0) + step_ms);
        }
        state.off_ms = off_ms;
        // Less than one step of the slew stays for the next look, so that frequent looks lose nothing.
        let slew_ms = off_ms.clamp(-passed_ms / SLEW_DIVISOR, passed_ms / SLEW_DIVISOR);
        if passed_ms >= SLEW_DIVISOR || slew_ms != 0 {
            state.monotonic_ms = monotonic_ms;
            state.venue_ms = straight_ms + slew_ms;
            state.off_ms = off_ms - slew_ms;
            return VenueTime(state.venue_ms);
        }
        VenueTime(straight_ms)
    }

    fn take_step(&self) -> Option<Millis> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).step_ms.take()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    use super::*;

    #[derive(Default)]
    struct Fake {
        wall: AtomicI64,
        monotonic: AtomicI64,
        slept: AtomicI64,
    }

    impl Machine for &Fake {
        fn wall_ms(&self) -> Millis {
            self.wall.load(Relaxed)
        }
        fn monotonic_ms(&self) -> Millis {
            self.monotonic.load(Relaxed)
        }
        fn slept_ms(&self) -> Millis {
            self.slept.load(Relaxed)
        }
    }

    fn pass(fake: &Fake, ms: Millis) {
        fake.wall.fetch_add(ms, Relaxed);
        fake.monotonic.fetch_add(ms, Relaxed);
    }

    #[test]
    fn venue_time_goes_with_the_wall() {
        let fake = Fake { wall: AtomicI64::new(1_000_000), ..Fake::default() };
        let clock = VenueClock::new(&fake, VenueTime(0));
        for _ in 0..1000 {
            pass(&fake, 7);
            assert_eq!(clock.now().0, fake.wall.load(Relaxed));
        }
    }

    #[test]
    fn it_never_starts_behind_the_last_committed_moment() {
        let fake = Fake { wall: AtomicI64::new(1_000), ..Fake::default() };
        let clock = VenueClock::new(&fake, VenueTime(5_000));
        assert_eq!(clock.now(), VenueTime(5_000));
        pass(&fake, 1_000);
        assert_eq!(clock.now(), VenueTime(5_950), "the wall is behind, so venue time runs a twentieth slower");
    }

    #[test]
    fn a_step_of_the_wall_is_followed_slowly_and_time_never_goes_back() {
        let fake = Fake { wall: AtomicI64::new(1_000_000), ..Fake::default() };
        let clock = VenueClock::new(&fake, VenueTime(0));
        let mut before = clock.now();
        fake.wall.fetch_sub(3_600_000, Relaxed);
        for _ in 0..100 {
            pass(&fake, 100);
            let now = clock.now();
            assert_eq!(now.since(before), 95, "time must go on, a twentieth slower");
            before = now;
        }
        fake.wall.fetch_add(7_200_000, Relaxed);
        pass(&fake, 100);
        assert_eq!(clock.now().since(before), 105, "a jump forward is no jump of the venue");
    }

    #[test]
    fn each_step_of_the_wall_is_told_once() {
        let fake = Fake { wall: AtomicI64::new(1_000_000), ..Fake::default() };
        let clock = VenueClock::new(&fake, VenueTime(0));
        let looked = |clock: &VenueClock<&Fake>| {
            clock.now();
            clock.now();
            clock.take_step()
        };
        pass(&fake, 10_000);
        fake.wall.fetch_add(2_000, Relaxed);
        assert_eq!(looked(&clock), None, "two seconds may be");
        fake.wall.fetch_add(2_001, Relaxed);
        assert_eq!(looked(&clock), Some(2_001), "however often it is looked at");
        fake.wall.fetch_sub(3_600_000, Relaxed);
        clock.now();
        fake.wall.fetch_sub(10_000, Relaxed);
        assert_eq!(looked(&clock), Some(-3_610_000));
        pass(&fake, 10_000);
        assert_eq!(looked(&clock), None);
    }

    #[test]
    fn sleep_is_time_that_went_by_and_no_step() {
        let fake = Fake { wall: AtomicI64::new(1_000_000), ..Fake::default() };
        let clock = VenueClock::new(&fake, VenueTime(0));
        pass(&fake, 10);
        fake.wall.fetch_add(3_600_000, Relaxed);
        fake.slept.fetch_add(3_600_000, Relaxed);
        for _ in 0..3 {
            assert_eq!((clock.now().0, clock.take_step()), (4_600_010, None), "once, however often it is looked at");
        }
        // It slept again, and somebody set the wall meanwhile.
        fake.wall.fetch_add(7_200_000, Relaxed);
        fake.slept.fetch_add(60_000, Relaxed);
        assert_eq!((clock.now().0, clock.take_step()), (4_660_010, Some(7_140_000)));
    }

    #[test]
    fn the_real_machine_is_awake_during_this_test() {
        let machine = RealMachine::default();
        let clock = VenueClock::new(RealMachine::default(), VenueTime(0));
        assert!(machine.slept_ms().abs() < SECOND_MS, "{}", machine.slept_ms());
        let before = clock.now();
        assert!(clock.now() >= before && clock.take_step().is_none());
    }

    #[test]
    fn a_wall_that_was_set_back_while_the_server_was_off_is_told() {
        let fake = Fake { wall: AtomicI64::new(1_000_000), ..Fake::default() };
        assert_eq!(VenueClock::new(&fake, VenueTime(1_002_000)).take_step(), None);
        assert_eq!(VenueClock::new(&fake, VenueTime(1_002_001)).take_step(), Some(-2_001));
    }

    #[test]
    fn ids_are_all_different() {
        assert_ne!(RandomIds.event_id(), RandomIds.event_id());
        assert_ne!(RandomIds.epoch(), RandomIds.epoch());
        assert_ne!(RandomIds.command_id(), RandomIds.command_id());
    }
}
