//! What happened, in order: to tell whether two runs are the same, and to read what led to a failure.

use std::{
    collections::VecDeque,
    fmt::Display,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::check::{Check, Failure};

/// Lines kept for a failure.
const KEPT: usize = 4_000;

/// The trace of a run. Clones are the same one.
#[derive(Clone)]
pub struct Trace {
    aloud: Aloud,
    inner: Arc<Mutex<Inner>>,
}

/// What goes to stderr at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aloud {
    /// Nothing.
    #[default]
    Silent,
    /// What happens.
    Events,
    /// Every step of every machine as well.
    Steps,
}

struct Inner {
    start: Instant,
    hasher: DefaultHasher,
    lines: VecDeque<String>,
    failures: Vec<Failure>,
}

impl Trace {
    /// Begins now.
    pub fn new(aloud: Aloud) -> Self {
        let inner =
            Inner { start: Instant::now(), hasher: DefaultHasher::new(), lines: VecDeque::new(), failures: Vec::new() };
        Self { aloud, inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened.
    pub fn say(&self, who: &str, what: impl Display) {
        let mut inner = self.lock();
        let line = format!("{:>9} ms  {who:<8} {what}", inner.start.elapsed().as_millis());
        line.hash(&mut inner.hasher);
        if self.aloud >= Aloud::Events {
            eprintln!("{line}");
        }
        if inner.lines.len() == KEPT {
            inner.lines.pop_front();
        }
        inner.lines.push_back(line);
    }

    /// A detail, for who reads along: no part of what is the same for the same run.
    pub fn detail(&self, who: &str, what: impl Display) {
        if self.aloud >= Aloud::Steps {
            eprintln!("{:>9} ms  {who:<8} {what}", self.elapsed_ms());
        }
    }

    /// Something that must not happen.
    pub fn fail(&self, who: &str, check: Check, what: impl Display) {
        let what = what.to_string();
        self.say(who, format_args!("FAILURE [{check}] {what}"));
        self.lock().failures.push(Failure { check, what: format!("{who}: {what}") });
    }

    /// What must not have happened.
    pub fn failures(&self) -> Vec<Failure> {
        self.lock().failures.clone()
    }

    /// Equal for equal runs.
    pub fn hash(&self) -> u64 {
        self.lock().hasher.finish()
    }

    /// The last `count` lines.
    pub fn last(&self, count: usize) -> Vec<String> {
        let inner = self.lock();
        inner.lines.iter().skip(inner.lines.len().saturating_sub(count)).cloned().collect()
    }

    /// Since the start, in ms.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.lock().start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
