//! Runs cells beside each other.

use std::{
    collections::BTreeMap,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

/// Cells at a time. They wait more than they work.
const THREADS: usize = 24;

/// What the names of cells have in them that wait until a desk has given up a link that says nothing.
const SLOW: &[&str] = &["half_open", "says_nothing", "stalled", "link::killed"];

/// What a cell ends with, if it does not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It did what its name says.
    Whole,
    /// This machine does not allow it.
    Skipped(String),
}

/// One cell of the table.
pub struct Cell {
    /// The test that waits for it, from `faults::` on.
    pub name: &'static str,
    /// It panics where it fails.
    pub run: fn() -> Ran,
}

/// Declares cells, each with its test: `cells! { fn name() -> Ran { … } … }`.
macro_rules! cells {
    ($module:literal, $($name:ident => $run:expr),+ $(,)?) => {
        pub const CELLS: &[$crate::faults::pool::Cell] =
            &[$($crate::faults::pool::Cell { name: concat!($module, "::", stringify!($name)), run: $run }),+];

        $(#[test]
        fn $name() {
            $crate::faults::pool::wait_for(concat!($module, "::", stringify!($name)));
        })+
    };
}

/// Every cell, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Cell> {
    [super::matrix::cells(), super::supervisor::CELLS.iter().collect(), super::worlds::CELLS.iter().collect()]
        .into_iter()
        .flatten()
}

#[derive(Default)]
struct Pool {
    verdicts: Mutex<BTreeMap<&'static str, Result<Ran, String>>>,
    changed: Condvar,
}

/// Waits for the cell's verdict; the first that waits starts all that this run of the tests asks for.
pub fn wait_for(name: &str) {
    static POOL: OnceLock<Pool> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let pool = POOL.get_or_init(Pool::default);
    STARTED.get_or_init(|| start(pool));
    let verdicts = pool.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
    let known = pool.changed.wait_while(verdicts, |verdicts| !verdicts.contains_key(name));
    let verdict = known.unwrap_or_else(PoisonError::into_inner)[name].clone();
    match verdict {
        Ok(Ran::Whole) => {}
        Ok(Ran::Skipped(why)) => eprintln!("SKIPPED, not run: {name}: {why}"),
        Err(why) => panic!("{name}: {why}"),
    }
}

fn start(pool: &'static Pool) {
    let wanted = wanted();
    let mut queue: Vec<&'static Cell> = all().filter(|cell| wanted(cell.name)).collect();
    // Taken from the end: those that wait longest first, so that nobody waits for them at last.
    queue.sort_by_key(|cell| SLOW.iter().any(|word| cell.name.contains(word)));
    let queue: &'static Mutex<Vec<&'static Cell>> = Box::leak(Box::new(Mutex::new(queue)));
    let all = queue.lock().unwrap_or_else(PoisonError::into_inner).len();
    for _ in 0..THREADS {
        thread::spawn(move || {
            loop {
                let Some(cell) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
                let verdict = run(cell);
                let mut verdicts = pool.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                if verdicts.len() + 1 == all {
                    document();
                }
                verdicts.insert(cell.name, verdict);
                drop(verdicts);
                pool.changed.notify_all();
            }
        });
    }
}

/// Which cells the run's filters ask for: others would be struck down in the middle when it ends.
fn wanted() -> impl Fn(&str) -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names = arguments.iter().enumerate().filter(|(place, argument)| {
        let is_a_value = *place > 0 && ["--skip", "--test-threads"].contains(&arguments[place - 1].as_str());
        !argument.starts_with('-') && !is_a_value
    });
    let filters: Vec<String> = names.map(|(_, name)| name.clone()).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    move |name| {
        let test = format!("faults::{name}");
        filters.is_empty()
            || filters.iter().any(|filter| if exact { test == *filter } else { test.contains(filter.as_str()) })
    }
}

fn run(cell: &Cell) -> Result<Ran, String> {
    let runs = std::env::var("GANGWAY_FAULTS_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1);
    let mut verdict = Ok(Ran::Whole);
    for _ in 0..runs {
        let began = Instant::now();
        let ran = catch_unwind(AssertUnwindSafe(cell.run)).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
        });
        report(cell.name, &ran, began.elapsed());
        if verdict.is_ok() {
            verdict = ran;
        }
    }
    verdict
}

/// Puts the counts into the page, if that is wanted, before the last test may end.
fn document() {
    if let (Some(report), Some(_)) =
        (std::env::var_os("GANGWAY_FAULTS_REPORT"), std::env::var_os("GANGWAY_FAULTS_WRITE"))
    {
        super::document::write(&std::fs::read_to_string(report).expect("the report"));
    }
}

fn report(name: &str, ran: &Result<Ran, String>, took: Duration) {
    let Some(path) = std::env::var_os("GANGWAY_FAULTS_REPORT") else { return };
    let (outcome, why) = match ran {
        Ok(Ran::Whole) => ("passed", None),
        Ok(Ran::Skipped(why)) => ("skipped", Some(why)),
        Err(why) => ("failed", Some(why)),
    };
    let line = json!({ "cell": name, "outcome": outcome, "why": why, "ms": took.as_millis() });
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("the report's file");
    // One write: lines of several threads do not mix.
    file.write_all(format!("{line}\n").as_bytes()).expect("the report's file");
}
