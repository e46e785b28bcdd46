//! Guessing at pairing codes: slow for everybody, and at an end for an address that is wrong too often.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::{Duration, Instant};

/// Tries a second, from all addresses together: of 2⁴⁰ codes, a thousand or two are tried while one counts.
const RATE: NonZeroU32 = NonZeroU32::new(2).expect("not zero");
/// Tries at once.
const BURST: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// Wrong codes of one address until it is locked.
const WRONG_MAX: u32 = 10;
/// How long it is locked; also how long a wrong code counts.
const LOCKED: Duration = Duration::from_secs(600);
/// Addresses that are remembered; past it the one that was wrong longest ago is forgotten.
const ADDRESSES_MAX: usize = 4_096;

/// Who guessed wrong, and how often.
pub struct Guesses {
    rate: DefaultDirectRateLimiter,
    wrong: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { rate: RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST)), wrong: Mutex::default() }
    }
}

impl Guesses {
    /// Whether somebody at `peer` may try a code; if not, after how long.
    ///
    /// # Errors
    /// Not now.
    pub fn allow(&self, peer: IpAddr) -> Result<(), Duration> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, at)) = wrong.get(&peer) {
            let left = LOCKED.saturating_sub(at.elapsed());
            if *count >= WRONG_MAX && !left.is_zero() {
                return Err(left);
            }
        }
        self.rate.check().map_err(|_| Duration::from_secs(1))
    }

    /// It was no code that counts.
    pub fn wrong(&self, peer: IpAddr) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, (_, at)| at.elapsed() < LOCKED);
        if wrong.len() >= ADDRESSES_MAX && !wrong.contains_key(&peer) {
            let oldest = wrong.iter().min_by_key(|(_, (_, at))| *at).map(|(peer, _)| *peer);
            oldest.map(|peer| wrong.remove(&peer));
        }
        let entry = wrong.entry(peer).or_insert((0, Instant::now()));
        *entry = (entry.0 + 1, Instant::now());
    }

    /// It was one.
    pub fn right(&self, peer: IpAddr) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_wrong_too_often_is_locked_for_a_while_and_another_is_not() {
        let guesses = Guesses::default();
        for _ in 0..WRONG_MAX {
            assert_eq!(guesses.allow(peer(1)), Ok(()));
            guesses.wrong(peer(1));
        }
        assert_eq!(guesses.allow(peer(1)), Err(LOCKED));
        assert_eq!(guesses.allow(peer(2)), Ok(()));
        tokio::time::advance(LOCKED).await;
        assert_eq!(guesses.allow(peer(1)), Ok(()), "there is a way back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_code_forgives() {
        let guesses = Guesses::default();
        for _ in 1..WRONG_MAX {
            guesses.wrong(peer(1));
        }
        guesses.right(peer(1));
        guesses.wrong(peer(1));
        assert_eq!(guesses.allow(peer(1)), Ok(()));
    }

    #[test]
    fn many_addresses_together_are_slow_too() {
        let guesses = Guesses::default();
        let allowed = (0..200).filter(|last| guesses.allow(peer(*last)).is_ok()).count();
        assert!(allowed < 30, "{allowed} at once");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let guesses = Guesses::default();
        for number in 0..u32::try_from(ADDRESSES_MAX).expect("fits") + 10 {
            guesses.wrong(IpAddr::V4(Ipv4Addr::from_bits(number)));
        }
        assert_eq!(guesses.wrong.lock().expect("a lock").len(), ADDRESSES_MAX);
    }
}
