//! The clocks: the true time of a run, and what each machine takes for it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use gangway_domain::{
    ids::{CommandId, Epoch, EventId},
    time::{Millis, VenueTime},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::dice::Dice;

/// The true time.
#[derive(Clone, Copy, Debug)]
pub struct TrueTime {
    start: Instant,
    began_ms: Millis,
}

impl TrueTime {
    /// It is `began_ms` now.
    pub fn beginning(began_ms: Millis) -> Self {
        Self { start: Instant::now(), began_ms }
    }

    fn since_start_us(self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Now, in ms since 1970.
    pub fn now_ms(self) -> Millis {
        self.began_ms + Millis::try_from(self.since_start_us() / 1_000).unwrap_or(Millis::MAX)
    }
}

/// A machine's clocks: a wall clock that is off and may be set, and a monotonic one that starts anew with the machine.
#[derive(Debug)]
pub struct MachineClock {
    time: TrueTime,
    off_ms: AtomicI64,
    /// Parts per million that both run too fast.
    drift_ppm: i64,
    booted_us: AtomicU64,
    boots_at_us: AtomicU64,
}

impl MachineClock {
    /// A clock that is `off_ms` off and drifts.
    pub fn new(time: TrueTime, off_ms: Millis, drift_ppm: i64) -> Arc<Self> {
        let clock = Self {
            time,
            off_ms: AtomicI64::new(off_ms),
            drift_ppm,
            booted_us: AtomicU64::new(0),
            boots_at_us: AtomicU64::new(0),
        };
        Arc::new(clock)
    }

    /// The wall clock is set.
    pub fn jump(&self, by_ms: Millis) {
        self.off_ms.fetch_add(by_ms, Relaxed);
    }

    /// How far the wall clock is off.
    pub fn off_ms(&self) -> Millis {
        self.off_ms.load(Relaxed)
    }

    /// The machine starts: its monotonic clock counts from anywhere.
    pub fn boot(&self, from_us: u64) {
        self.booted_us.store(from_us, Relaxed);
        self.boots_at_us.store(self.time.since_start_us(), Relaxed);
    }

    fn drifted_us(&self, us: u64) -> u64 {
        us.saturating_add_signed(i64::try_from(us).unwrap_or(0) * self.drift_ppm / 1_000_000)
    }

    fn monotonic_us(&self) -> u64 {
        let since = self.time.since_start_us().saturating_sub(self.boots_at_us.load(Relaxed));
        self.booted_us.load(Relaxed) + self.drifted_us(since)
    }

    fn wall(&self) -> Millis {
        let since = Millis::try_from(self.drifted_us(self.time.since_start_us()) / 1_000).unwrap_or(Millis::MAX);
        self.time.began_ms + since + self.off_ms.load(Relaxed)
    }
}

/// A desk's clock.
pub struct DeskClock(pub Arc<MachineClock>);

impl gangway_console::net::Clock for DeskClock {
    fn mono_us(&self) -> u64 {
        self.0.monotonic_us()
    }

    fn wall(&self) -> VenueTime {
        VenueTime(self.0.wall())
    }
}

/// The server's clocks, which its venue clock is made from.
pub struct ServerClock(pub Arc<MachineClock>);

impl gangway_server::clock::Machine for ServerClock {
    fn wall_ms(&self) -> Millis {
        self.0.wall()
    }

    fn monotonic_ms(&self) -> Millis {
        Millis::try_from(self.0.monotonic_us() / 1_000).unwrap_or(Millis::MAX)
    }
}

/// A desk's randomness.
pub struct DeskChance(pub Dice);

impl gangway_console::net::Chance for DeskChance {
    fn fraction(&self) -> f64 {
        self.0.fraction()
    }

    fn command_id(&self) -> Uuid {
        self.0.uuid()
    }
}

/// A server's ids.
pub struct ServerIds(pub Dice);

impl gangway_server::clock::Ids for ServerIds {
    fn event_id(&self) -> EventId {
        EventId(self.0.uuid().to_string())
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.0.uuid().to_string())
    }

    fn command_id(&self) -> CommandId {
        CommandId(self.0.uuid())
    }

    fn venue_id(&self) -> String {
        self.0.uuid().to_string()
    }
}
