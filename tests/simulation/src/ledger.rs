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
    /// The desk showed strict capacity, at both.
    pub strict: bool,
    /// What the desk said.
    pub answer: Answer,
    /// It said GO at once, if it was a play.
    pub go: bool,
    /// The true time of that, in ms.
    pub answered_ms: i64,
    /// When the server first said that it is done, in true ms.
    pub accepted_ms: Option<i64>,
}

/// What somebody did with an entry of the attention list. The desk gives the command an id of its own.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Which desk.
    pub desk: usize,
    /// As the server knows it.
    pub device: String,
    /// Which entry.
    pub entry: String,
    /// `redo`, `correct` or `dismiss`.
    pub action: String,
    /// What the desk said.
    pub answer: Answer,
}

/// All that was tapped. Clones are the same ledger.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    taps: Vec<Tap>,
    settled: Vec<Settled>,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody taps; its place in the ledger.
    pub fn tapped(&self, tap: Tap) -> usize {
        let taps = &mut self.lock().taps;
        taps.push(tap);
        taps.len() - 1
    }

    /// The desk answered.
    pub fn answered(&self, place: usize, at_ms: i64, answer: Answer, go: bool, then: Then) {
        let tap = &mut self.lock().taps[place];
        (tap.answered_ms, tap.answer, tap.go, tap.shown_then) = (at_ms, answer, go, then.products);
        tap.strict &= then.strict;
    }

    /// Somebody settles an entry; its place in the ledger.
    pub fn settles(&self, settled: Settled) -> usize {
        let all = &mut self.lock().settled;
        all.push(settled);
        all.len() - 1
    }

    /// The desk answered to that.
    pub fn settled_as(&self, place: usize, answer: Answer) {
        self.lock().settled[place].answer = answer;
    }

    /// The server answers that a command is done.
    pub fn accepted(&self, id: &str, at_ms: i64) {
        for tap in self.lock().taps.iter_mut().filter(|tap| tap.id == id) {
            tap.accepted_ms.get_or_insert(at_ms);
        }
    }

    /// The last tap of a desk, if the desk said no to it.
    pub fn last_no(&self, desk: usize) -> Option<Value> {
        let pages = self.lock();
        let last = pages.taps.iter().rev().find(|tap| tap.desk == desk)?;
        matches!(last.answer, Answer::LocalNo(_)).then(|| last.command.clone())
    }

    /// What a desk said to the last tap of a command.
    pub fn answer(&self, desk: usize, id: &str) -> Option<Answer> {
        let pages = self.lock();
        pages.taps.iter().rev().find(|tap| tap.desk == desk && tap.id == id).map(|tap| tap.answer.clone())
    }

    /// All taps.
    pub fn taps(&self) -> Vec<Tap> {
        self.lock().taps.clone()
    }

    /// All that was done with entries.
    pub fn settled(&self) -> Vec<Settled> {
        self.lock().settled.clone()
    }
}

/// What a desk shows when it answers.
#[derive(Clone, Debug)]
pub struct Then {
    /// The products.
    pub products: Value,
    /// Capacity is strict.
    pub strict: bool,
}
