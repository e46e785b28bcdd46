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
use gangway_simulation::{
    Options, Plant, Report,
    check::{finds, is_found},
    machine::Death,
    run,
    sweep::{self, Scenario, Side},
    trace::Aloud,
};
use serde_json::json;

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_secs(2);

/// A venue on a virtual clock, under seeded faults.
#[derive(Parser)]
struct Args {
    /// How many runs: 100 if not said, 1 of a sweep.
    #[arg(long)]
    seeds: Option<u64>,
    /// The seed of the first.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Runs at once; as many as there are cores if not said.
    #[arg(long)]
    threads: Option<usize>,
    /// Put a deliberate bug in; it ends with the first seed that finds it.
    #[arg(long, value_parser = plant)]
    plant: Option<Plant>,
    /// Name the deliberate bugs, and what has to find each.
    #[arg(long)]
    list_plants: bool,
    /// Play small scripts with a death at each point, of either side, both ways; all of them, or the one that is named:
    /// `drain`, `drain/desk`, `drain/desk/17/kill`.
    #[arg(long, value_name = "WHICH", num_args = 0..=1, default_missing_value = "")]
    sweep: Option<String>,
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
        for plant in Plant::ALL {
            println!("{:24} {} Found by: {}.", plant.name(), plant.what(), found_by(*plant));
        }
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
    if let Some(which) = &args.sweep {
        return swept(&args, which, aloud);
    }
    let seeds = args.seeds.unwrap_or(100);
    let threads = args.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let threads = if aloud == Aloud::Silent { threads } else { 1 };
    thread::scope(|scope| {
        for _ in 0..threads {
            let (reports, next, args) = (reports.clone(), &next, &args);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= args.first_seed + seeds {
                        return;
                    }
                    let report = run(&Options { seed, aloud, plant: args.plant, plan: None });
                    if args.plant.is_some_and(|plant| is_found(plant, &report.failures)) {
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
                eprint!("\r{}", sum.progress(seeds, started.elapsed()));
                shown = Instant::now();
            }
        }
    });
    eprintln!("\r{}", sum.progress(seeds, started.elapsed()));
    if let Some(plant) = args.plant {
        eprintln!("{} has to be found by {}", plant.name(), found_by(plant));
    }
    println!("{}", sum.line());
    if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What has to find a deliberate bug.
fn found_by(plant: Plant) -> String {
    finds(plant).iter().map(|check| check.name()).collect::<Vec<_>>().join(" or ")
}

/// Plays the scripts that are named, with a death at each point, or at one.
fn swept(args: &Args, which: &str, aloud: Aloud) -> ExitCode {
    let mut parts = which.split('/').filter(|part| !part.is_empty());
    let (scenario, side) = (parts.next(), parts.next());
    let point = parts.next().and_then(|point| point.parse().ok());
    let one = point.map(|point| (point, if parts.next() == Some("power") { Death::Power } else { Death::Kill }));
    let is_wanted = |wanted: Option<&str>, name: &str| wanted.is_none_or(|wanted| wanted == name);
    let mut sum = Sum::default();
    for seed in args.first_seed..args.first_seed + args.seeds.unwrap_or(1) {
        let options = Options { seed, aloud, plant: args.plant, plan: None };
        for scenario in Scenario::ALL.into_iter().filter(|known| is_wanted(scenario, known.name())) {
            for side in Side::ALL.into_iter().filter(|known| is_wanted(side, known.name())) {
                if let Some((point, death)) = one {
                    sum.take(&sweep::at(&options, scenario, side, point, death));
                    continue;
                }
                let swept = sweep::sweep(&options, scenario, side, |_| vec![Death::Kill, Death::Power]);
                let (name, points) = (format!("{}/{}", scenario.name(), side.name()), swept.points);
                eprintln!("seed {seed} {name}: {points} points, {} runs", swept.runs);
                sum.take(&swept.all);
            }
        }
    }
    println!("{}", sum.line());
    if sum.seeds > 0 && sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
