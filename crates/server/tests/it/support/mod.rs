//! What the tests build on: a server in this process, its parts on their own, a raw Socket.IO client.

pub mod desk;
pub mod parts;
pub mod program;
pub mod socket;
pub mod venue;

use std::time::{Duration, Instant};

/// The longest that anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "did not happen: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
