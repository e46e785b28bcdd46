//! What a run comes to.

use std::fmt;

use gangway_testkit::Audit;
use serde_json::json;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Acknowledged, and not there.
    Lost(String),
    /// There more often than tapped.
    Doubled(String),
    /// Two that should be equal are not, or something else is wrong.
    Diverged(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(what) => write!(out, "lost: {what}"),
            Self::Doubled(what) => write!(out, "doubled: {what}"),
            Self::Diverged(what) => write!(out, "diverged: {what}"),
        }
    }
}

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Times that everything was struck, healed and compared.
    pub rounds: u64,
    /// Commands that were acknowledged as durable.
    pub commands: u64,
    /// Of them, and of those whose answer was struck down, accepted by the server.
    pub accepted: u64,
    /// Rejected by the server.
    pub rejected: u64,
    /// Processes that were ended by SIGKILL.
    pub kills: u64,
    /// Connections that were reset, and cables that were pulled.
    pub cuts: u64,
    /// Processes that were stopped for a while.
    pub pauses: u64,
    /// Wall time.
    pub seconds: f64,
    /// What failed; empty is good.
    pub failures: Vec<Failure>,
}

impl Report {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(super) fn add(&mut self, audit: Audit) {
        self.failures.extend(audit.lost.into_iter().map(Failure::Lost));
        self.failures.extend(audit.doubled.into_iter().map(Failure::Doubled));
        self.diverged(audit.diverged);
    }

    pub(super) fn diverged(&mut self, found: impl IntoIterator<Item = String>) {
        self.failures.extend(found.into_iter().map(Failure::Diverged));
    }

    pub(super) fn progress(&self) -> String {
        let Self { rounds, commands, rejected, kills, cuts, pauses, seconds, .. } = self;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = *commands as f64 / seconds.max(0.001);
        format!(
            "round {rounds}: {commands} commands ({rate:.0}/s, {rejected} rejected), {kills} kills, {cuts} cuts, {pauses} pauses, {seconds:.0} s"
        )
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        let count = |kind: fn(&Failure) -> bool| self.failures.iter().filter(|failure| kind(failure)).count();
        json!({
            "seed": self.seed, "rounds": self.rounds, "commands": self.commands, "accepted": self.accepted,
            "rejected": self.rejected, "kills": self.kills, "cuts": self.cuts, "pauses": self.pauses,
            "lost": count(|failure| matches!(failure, Failure::Lost(_))),
            "doubled": count(|failure| matches!(failure, Failure::Doubled(_))),
            "diverged": count(|failure| matches!(failure, Failure::Diverged(_))),
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
        .to_string()
    }
}
