//! Which commands go out next, and together (`sync.md` rules 15 and 17). Pure: the sender does what it says.
//!
//! A command waits for every earlier one without an answer that shares a key with it, and for those that make or
//! change what it reads. Calls that are under way at once have no key in common. A call goes by one of three lanes:
//!
//! ```text
//!   fresh ──no answer──▶ doubtful: halves, one call at a time ──alone, no answer──▶ alone: its own growing wait
//!     ▲                      │ an answer                                               │ an answer
//!     └──────────────────────┴─────────────────────────────────────────────────────────┘
//! ```
//!
//! So one command that the server can't stand is found after a few calls and holds back only what shares a key with
//! it. A command that the server has not decided ("retry") waits by itself in the same way. What is tapped meanwhile
//! waits only where the server as a whole does not answer or asks for time.

use std::collections::{BTreeMap, HashSet};

use super::{BATCH_MAX, BODY_MAX_BYTES};

/// Calls of the fresh lane that may be under way at once.
const FRESH_CALLS_MAX: usize = 4;
/// Calls with one doubtful command each that may be under way at once.
const ALONE_CALLS_MAX: usize = 2;
/// Shortest wait before something is sent again, and between two calls that hold commands sent before.
pub(super) const RETRY_MIN_MS: u64 = 200;
/// Longest wait of what the server as a whole did not take.
pub(super) const RETRY_MAX_MS: u64 = 10_000;
/// Longest wait of one command that was not decided alone.
pub(super) const ALONE_MAX_MS: u64 = 60_000;
/// No server may ask for more time than this.
const BUSY_MAX_MS: u64 = 60_000;
/// What a command adds to a body beside its own text: id, moment, position, place, reason.
const AROUND_BYTES: usize = 1_024;
/// So many calls in a row may fail until one command is found; only more of them mean that the server is away.
const HALVINGS: u32 = 7;
/// A command that failed alone so often waits its time out even when a link comes back.
const ALONE_STUBBORN: u32 = 2;

/// A command that waits to be sent.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// Its place in the order of the taps.
    pub order: i64,
    /// Keys that it shares.
    pub keys: Vec<String>,
    /// Keys of the rows that it makes.
    pub made: Vec<String>,
    /// Keys of what it only reads.
    pub reads: Vec<String>,
    /// The length of its text.
    pub text_bytes: usize,
}

/// Commands that are sent together, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) orders: Vec<i64>,
}

/// Why a call has no answer for its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody answered, or not with what was asked for.
    NoAnswer,
    /// The server can't read one of them.
    Unread,
    /// The server asks for time.
    Busy { after_ms: Option<u64> },
    /// Nothing is wrong with the commands, but with this desk: who it is, its disk.
    NotNow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Fresh,
    Doubtful,
    Alone,
}

#[derive(Debug)]
struct Entry {
    waiting: Waiting,
    lane: Lane,
    under_way: bool,
    /// How often it had no answer when it was sent alone.
    failures: u32,
    /// How often the server has not decided it.
    undecided: u32,
    retry_at_ms: u64,
}

/// What waits, and what is under way.
#[derive(Debug)]
pub(super) struct Queue {
    entries: BTreeMap<i64, Entry>,
    calls: BTreeMap<u64, (Lane, Vec<i64>)>,
    begun: u64,
    /// Most commands of a doubtful call: halved by each that fails, doubled by each that doesn't.
    doubtful_max: usize,
    fresh_failures: u32,
    fresh_at_ms: u64,
    doubtful_failures: u32,
    doubtful_at_ms: u64,
    alone_at_ms: u64,
    again_at_ms: u64,
    pauses: u32,
    paused_until_ms: u64,
}

/// The wait before the `failures`-th retry: full jitter above a floor, up to a bound that doubles.
pub(super) fn wait_ms(failures: u32, longest_ms: u64, fraction: f64) -> u64 {
    let bound_ms = RETRY_MIN_MS.saturating_mul(1 << failures.min(20)).min(longest_ms);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a wait")]
    let jitter_ms = (bound_ms.saturating_sub(RETRY_MIN_MS) as f64 * fraction) as u64;
    RETRY_MIN_MS + jitter_ms
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            calls: BTreeMap::new(),
            begun: 0,
            doubtful_max: BATCH_MAX,
            fresh_failures: 0,
            fresh_at_ms: 0,
            doubtful_failures: 0,
            doubtful_at_ms: 0,
            alone_at_ms: 0,
            again_at_ms: 0,
            pauses: 0,
            paused_until_ms: 0,
        }
    }

    /// Commands to be sent; those that are known already stay as they are.
    pub(super) fn add(&mut self, waiting: Vec<Waiting>) {
        for waiting in waiting {
            self.entries.entry(waiting.order).or_insert(Entry {
                waiting,
                lane: Lane::Fresh,
                under_way: false,
                failures: 0,
                undecided: 0,
                retry_at_ms: 0,
            });
        }
    }

    /// Commands without an answer, up to a place in the order.
    pub(super) fn left(&self, through: i64) -> usize {
        self.entries.range(..=through).count()
    }

    /// A link came up: what waited for one goes at once. What is known to be hard to swallow keeps its wait.
    pub(super) fn link_up(&mut self) {
        (self.fresh_failures, self.fresh_at_ms) = (0, 0);
        (self.doubtful_failures, self.doubtful_at_ms, self.alone_at_ms) = (0, 0, 0);
        (self.pauses, self.paused_until_ms) = (0, 0);
        for entry in self.entries.values_mut().filter(|entry| entry.failures <= ALONE_STUBBORN) {
            entry.retry_at_ms = 0;
        }
    }

    /// The next call, if one may begin now.
    pub(super) fn next(&mut self, now_ms: u64) -> Option<Call> {
        if now_ms < self.paused_until_ms {
            return None;
        }
        let (lane, orders) = [Lane::Fresh, Lane::Doubtful, Lane::Alone].into_iter().find_map(|lane| {
            let orders = self.collect(lane, self.most(lane, now_ms), now_ms);
            if orders.is_empty() { None } else { Some((lane, orders)) }
        })?;
        let mut is_again = false;
        for order in &orders {
            if let Some(entry) = self.entries.get_mut(order) {
                entry.under_way = true;
                is_again |= entry.undecided > 0;
            }
        }
        if is_again {
            self.again_at_ms = now_ms + RETRY_MIN_MS;
        }
        self.begun += 1;
        self.calls.insert(self.begun, (lane, orders.clone()));
        Some(Call { id: self.begun, orders })
    }

    /// Most commands of a call of this lane that may begin now.
    fn most(&self, lane: Lane, now_ms: u64) -> usize {
        let running = self.calls.values().filter(|(of, _)| *of == lane).count();
        match lane {
            Lane::Fresh => {
                let calls = if self.fresh_failures == 0 { FRESH_CALLS_MAX } else { 1 };
                if now_ms >= self.fresh_at_ms && running < calls { BATCH_MAX } else { 0 }
            }
            Lane::Doubtful if now_ms >= self.doubtful_at_ms && running == 0 => self.doubtful_max,
            Lane::Doubtful => 0,
            Lane::Alone => usize::from(now_ms >= self.alone_at_ms && running < ALONE_CALLS_MAX),
        }
    }

    /// The first commands of a lane that wait for nothing, in order.
    fn collect(&self, lane: Lane, most: usize, now_ms: u64) -> Vec<i64> {
        let mut held = HashSet::new();
        let (mut orders, mut body_bytes) = (Vec::new(), 0);
        if most == 0 {
            return orders;
        }
        for (order, entry) in &self.entries {
            let Waiting { keys, made, reads, text_bytes, .. } = &entry.waiting;
            let due =
                !entry.under_way && entry.retry_at_ms <= now_ms && (entry.undecided == 0 || self.again_at_ms <= now_ms);
            // A sale follows what this desk itself did to the product: it was shown with it.
            let waits = keys.iter().chain(made).chain(reads).any(|key| held.contains(key.as_str()));
            if entry.lane == lane && due && !waits {
                body_bytes += text_bytes + AROUND_BYTES;
                if !orders.is_empty() && body_bytes > BODY_MAX_BYTES {
                    break;
                }
                orders.push(*order);
                if orders.len() == most {
                    break;
                }
            } else {
                held.extend(keys.iter().chain(made).map(String::as_str));
            }
        }
        orders
    }

    /// When [`Queue::next`] may say more than now, if nothing else happens before.
    pub(super) fn due_ms(&self, now_ms: u64) -> Option<u64> {
        let lanes = [self.paused_until_ms, self.fresh_at_ms, self.doubtful_at_ms, self.alone_at_ms, self.again_at_ms];
        let own = self.entries.values().filter(|entry| !entry.under_way).map(|entry| entry.retry_at_ms);
        let after = lanes.into_iter().chain(own).filter(|at_ms| *at_ms > now_ms).min();
        after.filter(|_| self.entries.values().any(|entry| !entry.under_way))
    }

    /// These of a call were not sent after all.
    pub(super) fn left_out(&mut self, call: u64, orders: &[i64]) {
        if let Some((_, under_way)) = self.calls.get_mut(&call) {
            under_way.retain(|order| !orders.contains(order));
        }
        for order in orders {
            if let Some(entry) = self.entries.get_mut(order) {
                entry.under_way = false;
            }
        }
    }

    /// These of a call are not to be sent any more.
    pub(super) fn gone(&mut self, call: u64, orders: &[i64]) {
        if let Some((_, under_way)) = self.calls.get_mut(&call) {
            under_way.retain(|order| !orders.contains(order));
        }
        for order in orders {
            self.entries.remove(order);
        }
    }

    /// The server has answered; what is not among `decided` it has not decided.
    pub(super) fn answered(&mut self, call: u64, decided: &HashSet<i64>, now_ms: u64, fraction: f64) {
        let Some((lane, orders)) = self.calls.remove(&call) else { return };
        (self.fresh_failures, self.fresh_at_ms) = (0, 0);
        (self.doubtful_failures, self.doubtful_at_ms, self.alone_at_ms) = (0, 0, 0);
        self.pauses = 0;
        if lane == Lane::Doubtful {
            self.doubtful_max = (self.doubtful_max * 2).min(BATCH_MAX);
        }
        let mut held = HashSet::new();
        for order in orders {
            if decided.contains(&order) {
                self.entries.remove(&order);
                continue;
            }
            let Some(entry) = self.entries.get_mut(&order) else { continue };
            entry.under_way = false;
            entry.lane = Lane::Fresh;
            let mut keys = entry.waiting.keys.iter().chain(&entry.waiting.made).chain(&entry.waiting.reads);
            // One that waits for an undecided one before it in the same call waits with it, not by itself.
            if !keys.any(|key| held.contains(key)) {
                entry.undecided += 1;
                entry.retry_at_ms = now_ms + wait_ms(entry.undecided, ALONE_MAX_MS, fraction);
            }
            held.extend(entry.waiting.keys.iter().chain(&entry.waiting.made).cloned());
        }
    }

    /// The call has no answer for its commands.
    pub(super) fn failed(&mut self, call: u64, failure: Failure, now_ms: u64, fraction: f64) {
        let Some((lane, orders)) = self.calls.remove(&call) else { return };
        let alone = orders.len() == 1;
        let is_doubted = matches!(failure, Failure::NoAnswer | Failure::Unread);
        for order in &orders {
            let Some(entry) = self.entries.get_mut(order) else { continue };
            entry.under_way = false;
            if is_doubted && alone {
                entry.lane = Lane::Alone;
                entry.failures += 1;
                entry.retry_at_ms = now_ms + wait_ms(entry.failures, ALONE_MAX_MS, fraction);
            } else if is_doubted {
                entry.lane = Lane::Doubtful;
            }
        }
        if is_doubted && !alone {
            self.doubtful_max = self.doubtful_max.min(orders.len() / 2).max(1);
        }
        match (failure, lane) {
            (Failure::NoAnswer, Lane::Fresh) => {
                // One that fails may be the fault of one command: the others go at once.
                if self.fresh_failures > 0 {
                    self.fresh_at_ms = now_ms + wait_ms(self.fresh_failures, RETRY_MAX_MS, fraction);
                }
                self.fresh_failures += 1;
            }
            (Failure::NoAnswer, Lane::Doubtful) => {
                self.doubtful_failures += 1;
                let more = self.doubtful_failures.saturating_sub(HALVINGS).max(1);
                self.doubtful_at_ms = now_ms + wait_ms(more, RETRY_MAX_MS, fraction);
            }
            (Failure::NoAnswer, Lane::Alone) => {
                // Where nobody answers to anything, nothing is known of a command either: one is enough to ask with.
                let away = self.fresh_failures.max(self.doubtful_failures.saturating_sub(HALVINGS));
                if away > 1 {
                    self.alone_at_ms = now_ms + wait_ms(away, RETRY_MAX_MS, fraction);
                }
            }
            (Failure::Unread, _) => {}
            (Failure::Busy { after_ms }, _) => {
                self.pauses += 1;
                let after_ms = after_ms.unwrap_or(0).min(BUSY_MAX_MS);
                // All desks are asked for the same time: they must not come back in one moment.
                let longest_ms = RETRY_MAX_MS.max(after_ms);
                self.pause(now_ms + after_ms + wait_ms(self.pauses, longest_ms, fraction));
            }
            (Failure::NotNow, _) => {
                self.pauses += 1;
                self.pause(now_ms + wait_ms(self.pauses, RETRY_MAX_MS, fraction));
            }
        }
    }

    fn pause(&mut self, until_ms: u64) {
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }
}

#[cfg(test)]
mod tests;
