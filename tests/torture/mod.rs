//! Torture: real processes and real sockets, struck at random while commands stream in, then healed, and compared
//! with a ledger of what was tapped and acknowledged.
//!
//! ```text
//!  desk threads ─ tap ─▶ consoles ─▶ proxies ─▶ server ◀─ started again by the calling thread
//!       │                   ▲           ▲          ▲
//!       ▼                   └───────────┴──────────┘ kill -9, SIGSTOP, cut, stall, delay … (chaos thread)
//!    ledger ── compared when all has healed
//! ```
//!
//! A *venue* lives for a few rounds, with folders and a ledger of its own. The seed plans taps and faults; when they
//! meet is the machine's, so a seed repeats the plan and not the run.

mod chaos;
mod desk;
mod report;
mod venue;

use std::time::{Duration, Instant};

pub use report::{Failure, Report};
use venue::Venue;

/// Rounds that a venue lives for: long enough for a past, short enough that looking at it stays quick.
const ROUNDS_PER_VENUE: u64 = 4;

/// When it ends.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// After so many rounds.
    Rounds(u64),
    /// With the round in which so many minutes are over.
    Minutes(f64),
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When it ends.
    pub budget: Budget,
    /// Plans taps and faults.
    pub seed: u64,
    /// How many consoles, at least one.
    pub consoles: usize,
}

/// Runs until the budget is used up or something fails; `tell` hears of the progress.
pub fn run(options: &Options, tell: &dyn Fn(&str)) -> Report {
    let began = Instant::now();
    let mut report = Report::new(options.seed);
    let mut chance = fastrand::Rng::with_seed(options.seed);
    tell(&format!("seed {}, {} consoles", options.seed, options.consoles));
    let is_over = |report: &Report| match options.budget {
        Budget::Rounds(rounds) => report.rounds >= rounds,
        Budget::Minutes(minutes) => began.elapsed() >= Duration::from_secs_f64(minutes * 60.0),
    };
    while !is_over(&report) && report.failures.is_empty() {
        let mut venue = Venue::open(options.consoles, chance.fork(), tell);
        for _ in 0..ROUNDS_PER_VENUE {
            venue.round(&mut report);
            report.seconds = began.elapsed().as_secs_f64();
            tell(&report.progress());
            if is_over(&report) || !report.failures.is_empty() {
                break;
            }
        }
        if report.failures.is_empty() {
            venue.last_look(&mut report);
        }
        if !report.failures.is_empty() {
            let kept = venue.keep();
            tell(&format!("FAILED: seed {}, data kept in {}", options.seed, kept.display()));
            report.failures.iter().for_each(|failure| tell(&failure.to_string()));
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    report
}
