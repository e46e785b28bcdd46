//! Waiting for a condition.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take to come before a test fails: far over what it takes, so that a busy
/// machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `condition` gives something, and returns it.
///
/// # Panics
/// It gave nothing within [`PATIENCE`].
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, condition)
}

/// [`until`] with another patience.
///
/// # Panics
/// The condition gave nothing within `patience`.
pub fn until_within<T>(patience: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        thread::sleep(LOOK_EVERY);
    }
}
