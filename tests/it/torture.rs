//! The short version of `scripts/torture`, and what is left of a run that is killed.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use gangway_testkit::{until, until_within};
use gangway_tests::torture::{Budget, Options, run};

/// Each run meets other moments, whatever the seed; these plans are as good as any.
const SEED: u64 = 20_261_125;
/// A server and three consoles.
const PROCESSES: usize = 4;
/// How long it may take until they run: the programs are built first.
const REST: Duration = Duration::from_secs(300);

#[test]
fn nothing_is_lost_or_doubled_under_kills_cuts_and_pauses() {
    let options = Options { budget: Budget::Rounds(2), seed: SEED, consoles: 3 };
    let report = run(&options, &|line| eprintln!("{line}"));
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(report.kills >= 24 && report.cuts >= 10 && report.pauses >= 2, "it was struck: {}", report.to_json());
    assert!(report.commands >= 100 && report.accepted >= 50, "it was busy: {}", report.to_json());
}

/// The processes that work in `folder`, by their ids.
fn at_work_in(folder: &Path) -> BTreeSet<u32> {
    let folder = folder.to_str().expect("a name");
    let ids = fs::read_dir("/proc").expect("processes").flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let arguments = |id: &u32| fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    ids.filter(|id| arguments(id).contains(folder)).collect()
}

#[test]
fn a_run_that_is_killed_leaves_no_process_network_or_clock_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut torture = Command::new(env!("CARGO_BIN_EXE_torture"));
    torture.args(["--rounds", "1", "--consoles", "3"]).env("TMPDIR", folder.path());
    let mut run = torture.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut seen: BTreeSet<u32> = BTreeSet::new();
    let one = until_within(REST, "all of its processes run", || {
        let now = at_work_in(folder.path());
        seen.extend(&now);
        now.last().copied().filter(|_| now.len() >= PROCESSES)
    });
    // One that stands still does not hear that nobody is there any more. It may have been struck in just that moment.
    let _ = Command::new("kill").args(["-STOP", &one.to_string()]).status();
    run.kill().expect("it runs");
    run.wait().expect("it ran");
    until("nothing is left", || {
        let left = at_work_in(folder.path());
        seen.extend(&left);
        let network = Path::new("/run/netns").join(format!("gangway-{}-0", run.id()));
        let clocks = seen.iter().any(|id| Path::new(&format!("/dev/shm/sem.faketime_sem_{id}")).exists());
        (left.is_empty() && !network.exists() && !clocks).then_some(())
    });
}
