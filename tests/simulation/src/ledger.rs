//! What was tapped, and what the desks said to it: what the oracle judges by.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// What a desk said to a tap.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing: it died over it. The command may be on its disk.
    None,
    /// It is on disk: from here on it must not be lost.
    Taken,
    /// The desk itself says no: nothing was stored.
    LocalNo(String),
    /// It could not be taken, with a code. A disk that failed may have it all the same.
    Refused(String),
}

/// A tap.
#[derive(Clone, Debug)]
pub struct Tap {
    /// The command's id.
    pub id: String,
    /// Which desk.
    pub desk: usize,
    /// The true time, in ms.
    pub at_ms: i64,
    /// `{type, …}`.
    pub command: Value,
    /// The moment that was given with it, if one was.
    pub occurred_at: Option<String>,
    /// It was to be sent although the desk would say no.
    pub forced: bool,
    /// The products as the desk showed them when it was tapped.
    pub shown: Value,
    /// And when it answered: a disk may be slow.
    pub shown_then: Value,
    /// What the desk said.
    pub answer: Answer,
    /// It said GO at once, if it was a play.
    pub go: bool,
    /// The true time of that, in ms.
    pub answered_ms: i64,
    /// When the server first said that it is done, in true ms.
    pub accepted_ms: Option<i64>,
}

/// All taps. Clones are the same ledger.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Tap>>>);

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Vec<Tap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody taps; its place in the ledger.
    pub fn tapped(&self, tap: Tap) -> usize {
        let mut taps = self.lock();
        taps.push(tap);
        taps.len() - 1
    }

    /// The desk answered.
    pub fn answered(&self, place: usize, at_ms: i64, answer: Answer, go: bool, shown_then: Value) {
        let tap = &mut self.lock()[place];
        (tap.answered_ms, tap.answer, tap.go, tap.shown_then) = (at_ms, answer, go, shown_then);
    }

    /// The server answers that a command is done.
    pub fn accepted(&self, id: &str, at_ms: i64) {
        for tap in self.lock().iter_mut().filter(|tap| tap.id == id) {
            tap.accepted_ms.get_or_insert(at_ms);
        }
    }

    /// All of them.
    pub fn taps(&self) -> Vec<Tap> {
        self.lock().clone()
    }
}
