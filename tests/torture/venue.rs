//! A venue for a few rounds: a server, desks and the ledger.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use gangway_testkit::{ConsoleProcess, FakeClock, Launch, Ledger, Namespace, ServerProcess, Target, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    chaos::{Chaos, Handle},
    desk::{Desk, Shared},
    report::Report,
};

/// How long a round is struck.
const RAGES: Duration = Duration::from_secs(4);
/// How long everything may take to come to rest after it: a desk tries again after 15 s at most, and gives a
/// server that is silent 15 s for an answer.
const REST: Duration = Duration::from_secs(120);
/// How often the server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// SIGKILL.
const KILLED: i32 = 9;

pub(super) struct Venue {
    root: TempDir,
    server: ServerProcess,
    server_target: Target,
    server_launch: Launch,
    server_faults: Vec<String>,
    ledger: Ledger,
    products: Vec<Value>,
    desks: Vec<Desk>,
    rounds: u64,
    chance: fastrand::Rng,
}

impl Venue {
    pub(super) fn open(consoles: usize, mut chance: fastrand::Rng, tell: &dyn Fn(&str)) -> Self {
        let root = TempDir::with_prefix("torture-").expect("a folder");
        let server_target = Target::new();
        let server_launch = Launch::plain().as_target(&server_target);
        let dir = root.path().join("server");
        let server = ServerProcess::launch(&dir, "127.0.0.1:0", &["--insecure-open"], &server_launch);
        let server = server.unwrap_or_else(|why| panic!("{why}"));
        let ledger = Ledger::new();
        let (policy, places) = match chance.u8(..4) {
            0 | 1 => ("strict", consoles * 3),
            2 => ("advisory", consoles * 3),
            _ => ("advisory", 9_000),
        };
        if policy == "strict" {
            ledger.strict(places);
        }
        // A visit outlives the change of the day, in the middle of which a run may be.
        let changes = json!({ "maxOccupancy": places, "capacityPolicy": policy, "creditValidDays": 7 });
        let settings = server.call("PUT", "/api/system/settings", &changes);
        assert_eq!(settings.status, 200, "{}", settings.text);
        let products = vec![server.product("Day", 19.9, Some(86_400)), server.product("Two hours", 12.5, Some(7_200))];
        products.iter().for_each(|product| ledger.product(product));
        let desks = (0..consoles).map(|number| {
            let (cable, clock) = surroundings(number, tell);
            Desk::start(root.path(), number, &server, cable, clock, chance.fork())
        });
        let desks = desks.collect();
        let (rounds, server_faults) = (0, Vec::new());
        Self { root, server, server_target, server_launch, server_faults, ledger, products, desks, rounds, chance }
    }

    /// Taps and strikes, heals, and compares.
    pub(super) fn round(&mut self, report: &mut Report) {
        let (first, acknowledged) = (self.ledger.taps().len(), self.ledger.acknowledged());
        let handles: Vec<Handle> = self.desks.iter().map(Desk::handle).collect();
        let resets = |handles: &[Handle]| handles.iter().map(|desk| desk.link.resets()).sum::<u64>();
        let before = resets(&handles);
        self.rounds += 1;
        self.strike(&handles, report);
        report.cuts += resets(&handles) - before;
        report.rounds += 1;
        report.commands += (self.ledger.acknowledged() - acknowledged) as u64;
        let faults = self.desks.iter_mut().flat_map(|desk| std::mem::take(&mut desk.faults));
        report.diverged(faults.chain(std::mem::take(&mut self.server_faults)));
        self.compare(first, report);
    }

    fn strike(&mut self, handles: &[Handle], report: &mut Report) {
        let shared = Shared {
            ledger: &self.ledger,
            products: &self.products,
            bands: Mutex::new(Vec::new()),
            round: self.rounds,
        };
        let chaos = Chaos::new(handles, &self.server_target, self.chance.fork());
        let (over, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut keeper =
            Keeper { server: &mut self.server, launch: &self.server_launch, faults: &mut self.server_faults, handles };
        // Most rounds end with a start of every desk, which is quick; the others wait until each has found back.
        let patient = self.chance.u8(..3) == 0;
        let strikes = thread::scope(|scope| {
            let raging = scope.spawn(|| {
                let strikes = chaos.rage(RAGES);
                over.store(true, Ordering::Relaxed);
                strikes
            });
            for desk in &mut self.desks {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        desk.tap(&shared);
                    }
                    if patient {
                        desk.stand();
                    } else {
                        desk.restart();
                    }
                });
            }
            while !over.load(Ordering::Relaxed) {
                keeper.look();
                thread::sleep(LOOK_EVERY);
            }
            // One that was struck last may still look alive, and answers nobody.
            until("the server stands", || {
                keeper.look();
                keeper.server.try_call("GET", "/healthz", None, &[]).map(drop)
            });
            stop.store(true, Ordering::Relaxed);
            raging.join().expect("it strikes")
        });
        report.kills += strikes.kills + if patient { 0 } else { handles.len() as u64 };
        report.cuts += strikes.pulls;
        report.pauses += strikes.pauses;
    }

    fn compare(&mut self, first: usize, report: &mut Report) {
        let mut consoles: Vec<&mut ConsoleProcess> = self.desks.iter_mut().map(|desk| &mut desk.console).collect();
        if let Err(found) = self.ledger.converge(&self.server, &mut consoles, REST) {
            report.diverged(found);
            return;
        }
        let audit = self.ledger.audit_from(&self.server, first);
        report.accepted += audit.accepted as u64;
        report.rejected += audit.rejected.len() as u64;
        report.diverged(self.ledger.attention_differs(&audit.for_attention, &mut consoles));
        report.add(audit);
        for desk in &mut self.desks {
            report.diverged(self.ledger.fates_differ(desk.number, &mut desk.console, first));
        }
    }

    /// Everything once more at its end: what was right after its round still is.
    pub(super) fn last_look(&mut self, report: &mut Report) {
        report.add(self.ledger.audit(&self.server));
    }

    /// Ends it and keeps its folders, with what its processes have logged.
    pub(super) fn keep(self) -> PathBuf {
        for desk in &self.desks {
            desk.keep_log();
        }
        keep_log(&self.server);
        self.root.keep()
    }
}

/// Starts the server again when it was killed.
struct Keeper<'a> {
    server: &'a mut ServerProcess,
    launch: &'a Launch,
    faults: &'a mut Vec<String>,
    handles: &'a [Handle],
}

impl Keeper<'_> {
    fn look(&mut self) {
        let Some(status) = self.server.ended() else { return };
        if status.signal() != Some(KILLED) {
            self.faults.push(format!("the server ended by itself: {status}; {}", self.server.stderr()));
        }
        keep_log(self.server);
        let dir = self.server.dir().to_owned();
        let mut tries = 0;
        let started = loop {
            match ServerProcess::launch(&dir, "127.0.0.1:0", &["--insecure-open"], self.launch) {
                Ok(server) => break server,
                // Struck while it started.
                Err(_) if tries < 20 => tries += 1,
                Err(why) => panic!("the server does not start any more: {why}"),
            }
        };
        *self.server = started;
        self.handles.iter().for_each(|desk| desk.link.lead_to(self.server.address()));
    }
}

fn keep_log(server: &ServerProcess) {
    let file = OpenOptions::new().create(true).append(true).open(server.dir().with_extension("log"));
    let kept = file.and_then(|mut file| writeln!(file, "{}— ended —", server.stderr()));
    if let Err(error) = kept {
        eprintln!("the log of the server is not kept: {error}");
    }
}

/// A cable for the first desk, an hour ahead for the second, a day behind for the third.
fn surroundings(number: usize, tell: &dyn Fn(&str)) -> (Option<Namespace>, Option<FakeClock>) {
    let or_tell = |why: String| tell(&format!("desk {number} goes without: {why}"));
    match number {
        0 => (Namespace::new().map_err(or_tell).ok(), None),
        1 => (None, FakeClock::ahead_by(3_600).map_err(or_tell).ok()),
        2 => (None, FakeClock::ahead_by(-86_400).map_err(or_tell).ok()),
        _ => (None, None),
    }
}
