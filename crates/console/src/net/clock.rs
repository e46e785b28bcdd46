//! The only place that asks the machine for time and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use gangway_domain::time::VenueTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Chance, Clock};

/// The machine's clocks. The monotonic one is tokio's, so that tests can stop it.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Counts from now.
    #[expect(clippy::new_without_default, reason = "a clock that starts by default would hide when it started")]
    #[allow(clippy::disallowed_methods, reason = "this is the clock port")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn mono_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    #[cfg(target_os = "linux")]
    fn boot_ms(&self) -> Option<u64> {
        // The kernel's own clock that counts sleep, without a call that would need unsafe code: "12.34 56.78".
        let text = std::fs::read_to_string("/proc/uptime").ok()?;
        let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
        Some(seconds.parse::<u64>().ok()? * 1_000 + hundredths.get(..2)?.parse::<u64>().ok()? * 10)
    }

    #[allow(clippy::disallowed_methods, reason = "this is the clock port")]
    fn wall(&self) -> VenueTime {
        // A wall clock before 1970 is as wrong as any other wrong one; the server's offset corrects it.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        VenueTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// An id for a desk that has none yet. It is made before there are ports, which are told which desk they are for.
#[allow(clippy::disallowed_methods, reason = "this is the id port")]
pub fn fresh_device_id() -> Uuid {
    Uuid::new_v4()
}

/// The machine's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn fraction(&self) -> f64 {
        fastrand::f64()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the id port")]
    fn command_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
