//! Seeded randomness. Each part of a run has dice of its own, so that one more throw in one part changes no other.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use uuid::Uuid;

/// Dice that fall the same way for the same seed. Clones are the same dice.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<fastrand::Rng>>);

impl Dice {
    /// Dice of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// Dice of a part, which depend on these and on its name only.
    pub fn of(seed: u64, part: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, part).hash(&mut hasher);
        Self::new(hasher.finish())
    }

    fn throw<T>(&self, throw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        throw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// In `[0, 1)`.
    pub fn fraction(&self) -> f64 {
        self.throw(fastrand::Rng::f64)
    }

    /// True this often.
    pub fn chance(&self, often: f64) -> bool {
        self.fraction() < often
    }

    /// One of the range.
    pub fn within(&self, range: Range<u64>) -> u64 {
        self.throw(|rng| rng.u64(range))
    }

    /// One of them.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.throw(|rng| rng.usize(0..of.len()))]
    }

    /// A while within these, in ms.
    pub fn while_ms(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }

    /// A UUID, version 4.
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.throw(|rng| rng.u128(..)).to_be_bytes()).into_uuid()
    }
}
