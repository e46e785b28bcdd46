//! The short version of `scripts/torture`.

use gangway_tests::torture::{Budget, Options, run};

/// Each run meets other moments, whatever the seed; these plans are as good as any.
const SEED: u64 = 20_261_125;

#[test]
fn nothing_is_lost_or_doubled_under_kills_cuts_and_pauses() {
    let options = Options { budget: Budget::Rounds(2), seed: SEED, consoles: 3 };
    let report = run(&options, &|line| eprintln!("{line}"));
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(report.kills >= 24 && report.cuts >= 10 && report.pauses >= 2, "it was struck: {}", report.to_json());
    assert!(report.commands >= 100 && report.accepted >= 50, "it was busy: {}", report.to_json());
}
