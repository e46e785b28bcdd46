//! What every change has to pass: a few hundred seeds, and that a seed is the same run every time.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use gangway_simulation::{Options, run, trace::Aloud};

/// Seeds of one test run.
const SEEDS: u64 = 200;

fn of(seed: u64) -> Options {
    Options { seed, aloud: Aloud::Silent, plan: None }
}

#[test]
fn nothing_is_lost_doubled_or_apart_whatever_goes_wrong() {
    let next = AtomicU64::new(1);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let seed @ 1..=SEEDS = next.fetch_add(1, Relaxed) {
                    let report = run(&of(seed));
                    assert!(report.failures.is_empty(), "{}", report.told());
                }
            });
        }
    });
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in [3, 12, 25] {
        assert_eq!(run(&of(seed)), run(&of(seed)), "seed {seed}");
    }
}
