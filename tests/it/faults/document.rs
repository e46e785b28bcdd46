//! `docs/faults.md` names each cell, and `scripts/faults --write` puts in how often each has run and failed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use gangway_testkit::workspace_root;
use serde_json::Value;

use super::pool;

/// Where the counts are.
const MARKS: (&str, &str) = ("<!-- faults:start -->", "<!-- faults:end -->");
/// The moments of the matrix, each a column.
const MOMENTS: [&str; 4] = ["before", "half_sent", "unanswered", "after"];

fn page() -> PathBuf {
    workspace_root().join("docs/faults.md")
}

/// How often a cell has run, failed, and could not be run.
#[derive(Clone, Copy, Default)]
struct Counts {
    runs: u64,
    failures: u64,
    skipped: u64,
}

impl Counts {
    fn of(report: &str) -> BTreeMap<String, Self> {
        let mut counts: BTreeMap<String, Self> = BTreeMap::new();
        for line in report.lines() {
            let line: Value = serde_json::from_str(line).expect("a line of the report");
            let cell = counts.entry(line["cell"].as_str().expect("a name").to_owned()).or_default();
            cell.skipped += u64::from(line["outcome"] == "skipped");
            cell.runs += u64::from(line["outcome"] != "skipped");
            cell.failures += u64::from(line["outcome"] == "failed");
        }
        counts
    }

    fn text(self) -> String {
        let skipped = if self.skipped == 0 { String::new() } else { format!(" ({} not run)", self.skipped) };
        format!("{} / {}{skipped}", self.runs, self.failures)
    }
}

/// The tables, with a column for each moment of the matrix.
fn tables(counts: &BTreeMap<String, Counts>) -> String {
    let text = |cell: &str| counts.get(cell).copied().unwrap_or_default().text();
    let mut matrix = String::from(
        "| tests in `tests/it/faults/matrix.rs` | `before` | `half_sent` | `unanswered` | `after` |\n|---|---|---|---|---|\n",
    );
    let mut others = String::from("| test | runs / failures |\n|---|---|\n");
    let mut groups = Vec::new();
    for cell in pool::all() {
        match cell.name.strip_prefix("matrix::").and_then(|name| name.rsplit_once("::")) {
            Some((group, _)) if groups.contains(&group) => {}
            Some((group, _)) => groups.push(group),
            None => others += &format!("| `faults::{}` | {} |\n", cell.name, text(cell.name)),
        }
    }
    let place = |group: &str| {
        let (who, how) = group.split_once("::").expect("who and how");
        let at = |all: &[&str], word: &str| all.iter().position(|one| *one == word);
        (at(&["console", "server", "both", "link"], who), at(&["killed", "cut", "paused", "stalled"], how))
    };
    groups.sort_by_key(|group| place(group));
    for group in groups {
        let cells = MOMENTS.map(|moment| text(&format!("matrix::{group}::{moment}")));
        matrix += &format!("| `faults::matrix::{group}` | {} |\n", cells.join(" | "));
    }
    format!("{matrix}\n{others}")
}

/// Puts the counts of a finished report into the page.
pub fn write(report: &str) {
    let text = fs::read_to_string(page()).expect("the page");
    let (before, rest) = text.split_once(MARKS.0).expect("a mark");
    let (_, after) = rest.split_once(MARKS.1).expect("a mark");
    let tables = tables(&Counts::of(report));
    fs::write(page(), format!("{before}{}\n{tables}{}{after}", MARKS.0, MARKS.1)).expect("the page is ours");
}

#[test]
fn the_page_counts_each_cell_and_no_failure() {
    let text = fs::read_to_string(page()).expect("the page");
    let (_, rest) = text.split_once(MARKS.0).expect("a mark");
    let (counted, _) = rest.split_once(MARKS.1).expect("a mark");
    let names = |table: &str| -> Vec<String> {
        table.lines().filter_map(|line| line.split('`').nth(1).map(str::to_owned)).collect()
    };
    assert_eq!(names(counted), names(&tables(&BTreeMap::new())), "scripts/faults --write makes the tables anew");
    let cells = counted.lines().filter(|line| line.contains("`faults::")).flat_map(|line| line.split('|').skip(2));
    for cell in cells.map(str::trim).filter(|cell| !cell.is_empty()) {
        let (runs, failures) = cell.split_once(" / ").expect("runs / failures");
        assert_ne!(runs, "0", "no cell is only claimed: {cell}");
        assert_eq!(failures.split(' ').next(), Some("0"), "{cell}");
    }
}
