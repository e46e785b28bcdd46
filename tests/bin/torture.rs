//! `scripts/torture`: see [`gangway_tests::torture`].

use clap::Parser;
use gangway_tests::torture::{Budget, Options, run};

/// Real consoles and a real server under kills, cuts, pauses and wrong clocks; then a ledger compares.
#[derive(Debug, Parser)]
struct Flags {
    /// How long to go on; the last round is finished
    #[arg(long, conflicts_with = "rounds")]
    minutes: Option<f64>,
    /// How many rounds
    #[arg(long)]
    rounds: Option<u64>,
    /// Plans taps and faults; drawn if there is none
    #[arg(long)]
    seed: Option<u64>,
    /// How many consoles
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    consoles: u8,
}

fn main() {
    let flags = Flags::parse();
    let budget = match (flags.rounds, flags.minutes) {
        (Some(rounds), _) => Budget::Rounds(rounds),
        (None, minutes) => Budget::Minutes(minutes.unwrap_or(1.0)),
    };
    let seed = flags.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let report = run(&Options { budget, seed, consoles: usize::from(flags.consoles) }, &|line| eprintln!("{line}"));
    println!("{}", report.to_json());
    if !report.failures.is_empty() {
        std::process::exit(1);
    }
}
