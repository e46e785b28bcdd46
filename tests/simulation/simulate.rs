//! `scripts/simulate`: runs seeds, shows how it goes, and prints a failing one as a command that replays it.

use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use gangway_simulation::{Options, Plant, Report, run, trace::Aloud};
use serde_json::json;

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_secs(2);

/// A venue on a virtual clock, under seeded faults.
#[derive(Parser)]
struct Args {
    /// How many runs.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The seed of the first.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Runs at once; as many as there are cores if not said.
    #[arg(long)]
    threads: Option<usize>,
    /// Put a deliberate bug in; it ends with the first seed that finds it.
    #[arg(long, value_parser = plant)]
    plant: Option<Plant>,
    /// Name the deliberate bugs.
    #[arg(long)]
    list_plants: bool,
    /// Say what happens; twice: every step of every machine. One run at a time.
    #[arg(long, action = clap::ArgAction::Count)]
    aloud: u8,
}

fn plant(name: &str) -> Result<Plant, String> {
    Plant::of(name).ok_or_else(|| "there is no such bug; --list-plants names them".to_owned())
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list_plants {
        Plant::ALL.iter().for_each(|plant| println!("{:24} {}", plant.name(), plant.what()));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let mut sum = Sum::default();
    let (reports, taken) = mpsc::channel();
    let next = AtomicU64::new(args.first_seed);
    let aloud = [Aloud::Silent, Aloud::Events, Aloud::Steps][usize::from(args.aloud.min(2))];
    if aloud != Aloud::Silent {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .without_time()
            .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
            .init();
    }
    let threads = args.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let threads = if aloud == Aloud::Silent { threads } else { 1 };
    thread::scope(|scope| {
        for _ in 0..threads {
            let (reports, next, args) = (reports.clone(), &next, &args);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= args.first_seed + args.seeds {
                        return;
                    }
                    let report = run(&Options { seed, aloud, plant: args.plant, plan: None });
                    let is_found = args.plant.is_some() && !report.failures.is_empty();
                    if is_found {
                        next.store(u64::MAX / 2, Relaxed);
                    }
                    if reports.send(report).is_err() {
                        return;
                    }
                }
            });
        }
        drop(reports);
        let mut shown = Instant::now();
        for report in taken {
            sum.take(&report);
            if shown.elapsed() > PROGRESS && std::io::stderr().is_terminal() {
                eprint!("\r{}", sum.progress(args.seeds, started.elapsed()));
                shown = Instant::now();
            }
        }
    });
    eprintln!("\r{}", sum.progress(args.seeds, started.elapsed()));
    println!("{}", sum.line());
    if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Sum {
    seeds: u64,
    failed: u64,
    all: Report,
}

impl Sum {
    fn take(&mut self, report: &Report) {
        self.seeds += 1;
        self.all.add(report);
        if !report.failures.is_empty() {
            self.failed += 1;
            eprintln!("\n{}", report.told());
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn progress(&self, of: u64, took: Duration) -> String {
        let (seeds, hours) = (self.seeds, self.all.virtual_ms / 3_600_000);
        let rate = seeds as f64 / took.as_secs_f64();
        format!("{seeds} of {of} runs, {} failed, {rate:.1} runs/s, {hours} h of virtual time ", self.failed)
    }

    fn line(&self) -> serde_json::Value {
        let Report { commands, events, crashes, cuts, offline_ms, attention, state_hashes, .. } = &self.all;
        json!({
            "seeds": self.seeds, "commands": commands, "events": events, "crashes": crashes, "cuts": cuts,
            "offlineMs": offline_ms, "attention": attention, "stateHashes": state_hashes,
        })
    }
}
