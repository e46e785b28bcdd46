//! One run: a venue is made, things go wrong, everything heals, and the oracle judges.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use gangway_plants::Plant;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    chaos::{self, Chaos, Counts, Plan},
    check::{Check, Failure},
    clock::{MachineClock, TrueTime},
    desk::{self, Desk},
    dice::Dice,
    ledger::{Ledger, Tap},
    link::Link,
    machine::Machine,
    net::Servers,
    oracle::{self, Closed, Facts},
    screen,
    server::{Ask, Server},
    taps::{Manages, Person},
    trace::{Aloud, Trace},
};

mod gather;

/// 24 November 2026, 10:00 in Madrid.
const MORNING_MS: i64 = 1_795_510_800_000;
/// The same day, a little before the operational day begins.
const DAY_BEGINS_MS: i64 = 1_795_499_940_000;
/// How long everybody may take to be equal again.
const CONVERGENCE: Duration = Duration::from_secs(600);
/// How long things go wrong after a month without anybody.
const AFTER_HOLIDAYS: Duration = Duration::from_secs(25);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its seed.
    pub seed: u64,
    /// What goes to stderr at once.
    pub aloud: Aloud,
    /// A deliberate bug.
    pub plant: Option<Plant>,
    /// How bad it gets; by the seed if not said.
    pub plan: Option<Plan>,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// The deliberate bug that was in.
    pub plant: Option<Plant>,
    /// Where a machine was told to die, as `--sweep` names it.
    pub point: Option<String>,
    /// Commands that a desk took.
    pub commands: u64,
    /// Events of the log.
    pub events: u64,
    /// Deaths of machines.
    pub crashes: u64,
    /// Links that were cut.
    pub cuts: u64,
    /// How long desks were without a link, all together.
    pub offline_ms: u64,
    /// Entries that a person must look at.
    pub attention: u64,
    /// State hashes of desks that were held against the server's and were equal.
    pub state_hashes: u64,
    /// Virtual time.
    pub virtual_ms: u64,
    /// The same for the same run.
    pub trace_hash: u64,
    /// What was wrong.
    pub failures: Vec<Failure>,
    /// The last lines of the trace of a run that failed.
    pub last: Vec<String>,
}

impl Report {
    /// Adds what can be added.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.events += other.events;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.offline_ms += other.offline_ms;
        self.attention += other.attention;
        self.state_hashes += other.state_hashes;
        self.virtual_ms += other.virtual_ms;
    }

    /// What was wrong, and how to see it again.
    pub fn told(&self) -> String {
        let failures: Vec<String> = self.failures.iter().map(ToString::to_string).collect();
        let (seed, failures, last) = (self.seed, failures.join("\n  "), self.last.join("\n"));
        let plant = self.plant.map(|plant| format!(" --plant {}", plant.name())).unwrap_or_default();
        let point = self.point.as_ref().map(|point| format!(" --sweep {point}")).unwrap_or_default();
        format!(
            "{last}\nseed {seed} failed:\n  {failures}\nAgain: scripts/simulate --seeds 1 --first-seed {seed}{plant}{point} --aloud"
        )
    }
}

/// Runs one seed.
pub fn run(options: &Options) -> Report {
    on_a_clock(options, async |folder| World::new(options, &folder).run().await)
}

/// Runs something in a folder of its own, on a clock that only waiting moves.
pub(crate) fn on_a_clock<T>(options: &Options, what: impl AsyncFnOnce(PathBuf) -> T) -> T {
    gangway_faulty_disk::install();
    fastrand::seed(options.seed);
    assert!(gangway_plants::plant(options.plant), "this program has no bugs to plant");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let folder = folder();
    // Within the runtime from the first moment on: outside of it the time is the real one.
    let done = runtime.block_on(what(folder.path().to_owned()));
    drop(runtime);
    gangway_plants::plant(None);
    done
}

/// In memory, if the machine has such a place: what is durable is for the disks of the run to say.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

pub(crate) struct World {
    seed: u64,
    plant: Option<Plant>,
    folder: PathBuf,
    trace: Trace,
    time: TrueTime,
    plan: Arc<Plan>,
    servers: Arc<Servers>,
    desks: Vec<Desk>,
    ledger: Ledger,
    counts: Arc<Counts>,
    others: BTreeSet<String>,
    /// The log as far as it was read before the venue closed for long.
    read: Vec<Value>,
    closed: Option<Closed>,
    offline_ms: u64,
    state_hashes: u64,
}

impl World {
    pub(crate) fn new(options: &Options, folder: &Path) -> Self {
        let seed = options.seed;
        let plan = options.plan.clone().unwrap_or_else(|| Plan::of(&Dice::of(seed, "plan")));
        let trace = Trace::new(options.aloud);
        trace.say("plan", format_args!("{plan:?}"));
        let time = TrueTime::beginning(if plan.midnight { DAY_BEGINS_MS } else { MORNING_MS });
        let server = |name: &str| {
            let folder = folder.join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            let machine = Machine::new(name, &trace, Dice::of(seed, name));
            let clock = MachineClock::new(time, 0, 0);
            Server::new(machine, &folder, clock, Dice::of(seed, &format!("{name} ids")))
        };
        let other = plan.elsewhere.then(|| server("other"));
        let servers = Arc::new(Servers { own: server("server"), other });
        let ledger = Ledger::default();
        let desk = |index: usize| {
            let name = format!("desk-{index}");
            let dice = Dice::of(seed, &name);
            let off = if plan.clocks > 0.0 { *dice.pick(&[0, 0, 3_600_000, -3_600_000, 40_000]) } else { 0 };
            let drift_ppm = if plan.clocks > 0.0 { *dice.pick(&[0, 50, -80]) } else { 0 };
            Desk::new(desk::Parts {
                index,
                machine: Machine::new(&name, &trace, Dice::of(seed, &format!("{name} disk"))),
                folder: folder.join(&name),
                link: Link::new(&name, &trace, Dice::of(seed, &format!("{name} link"))),
                servers: servers.clone(),
                clock: MachineClock::new(time, off, drift_ppm),
                time,
                dice,
                ledger: ledger.clone(),
            })
        };
        let desks = (0..plan.desks).map(desk).collect();
        Self {
            seed,
            plant: options.plant,
            folder: folder.to_owned(),
            trace,
            time,
            plan: Arc::new(plan),
            servers,
            desks,
            ledger,
            counts: Arc::default(),
            others: BTreeSet::new(),
            read: Vec::new(),
            closed: None,
            offline_ms: 0,
            state_hashes: 0,
        }
    }

    async fn run(mut self) -> Report {
        self.open().await;
        self.day("", self.plan.chaos).await;
        if self.plan.closes {
            self.close_for_long().await;
            self.day(" again", AFTER_HOLIDAYS).await;
        }
        self.end().await
    }

    /// The venue is there, and furnished.
    pub(crate) async fn open(&mut self) {
        let dice = Dice::of(self.seed, "world");
        chaos::serve(&self.servers.own, &dice).await;
        if let Some(other) = &self.servers.other {
            chaos::serve(other, &dice).await;
        }
        self.furnish(&dice).await;
    }

    /// Things go wrong.
    async fn day(&mut self, which: &str, how_long: Duration) {
        let over = Arc::new(AtomicBool::new(false));
        let chaos = Chaos { plan: self.plan.clone(), counts: self.counts.clone(), over: over.clone() };
        let going = self.go_wrong(which, &chaos);
        self.watch(how_long).await;
        self.trace.say("world", "it is over");
        over.store(true, Relaxed);
        // Before holidays links may stay as they are, so that desks miss something.
        let is_last = !self.plan.closes || self.closed.is_some();
        if is_last {
            self.heal();
        }
        for task in going {
            if let Err(error) = task.await {
                self.trace.fail("world", Check::Runs, format_args!("a part of the run broke: {error}"));
            }
        }
        if is_last {
            self.heal();
        }
    }

    /// The desks.
    pub(crate) fn desks(&self) -> &[Desk] {
        &self.desks
    }

    /// The venue's server.
    pub(crate) fn server(&self) -> &Server {
        &self.servers.own
    }

    /// What was tapped.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is counted.
    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Something that must not happen.
    pub(crate) fn fail(&self, check: Check, what: impl std::fmt::Display) {
        self.trace.fail("world", check, what);
    }

    /// Where an older copy of the server's folder may be kept.
    pub(crate) fn copy(&self) -> PathBuf {
        self.folder.join("copy")
    }

    fn heal(&self) {
        self.desks.iter().for_each(|desk| desk.link().heal());
    }

    /// All must be equal soon, and nothing wrong.
    pub(crate) async fn end(mut self) -> Report {
        let converged = self.converge().await;
        let facts = self.facts().await;
        if !converged {
            self.not_converged();
        }
        for Failure { check, what } in oracle::judge(&facts) {
            self.trace.fail("oracle", check, what);
        }
        self.report(&facts)
    }

    /// Products and settings, as somebody makes them before the venue opens.
    async fn furnish(&mut self, dice: &Dice) {
        let policy = if self.plan.strict { "strict" } else { "advisory" };
        let mut commands = vec![json!({ "type": "settings.update", "changes": {
            "maxOccupancy": self.plan.places, "autoReleaseSeconds": 20, "capacityPolicy": policy,
        } })];
        for (name, price, seconds) in
            [("Half", "7.50", 30), ("Hour", "12.00", 90), ("Day", "30.00", 3_600), ("Socks", "2.20", 0)]
        {
            let price: Value = serde_json::from_str(price).expect("a number");
            let seconds = if seconds == 0 { Value::Null } else { json!(seconds) };
            let product = json!({ "name": name, "price": price, "category": "time", "timeValueSeconds": seconds });
            commands.push(json!({ "type": "product.create", "product": product }));
        }
        for command in &mut commands {
            let id = dice.uuid().to_string();
            command["commandId"] = json!(id);
            self.others.insert(id);
        }
        let body = json!({ "commands": commands }).to_string();
        let reply = self.servers.own.ask(Ask::post("/api/commands", None, body)).await.expect("the server is up");
        let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let accepted = answer["results"]
            .as_array()
            .is_some_and(|results| results.iter().all(|result| result["outcome"] == "accepted"));
        assert!(accepted, "the venue can be furnished: {answer}");
    }

    fn go_wrong(&self, which: &str, chaos: &Chaos) -> Vec<JoinHandle<()>> {
        let dice = |part: &str| Dice::of(self.seed, &format!("{part}{which}"));
        let writes_off = self.plan.strict || self.plan.settings;
        let devices = self.desks.iter().filter(|_| writes_off).map(Desk::device).collect();
        let manages = Manages { devices, settings: self.plan.settings };
        let copy = self.copy();
        let mut tasks =
            vec![tokio::spawn(chaos::server(self.servers.own.clone(), chaos.clone(), copy, dice("server day")))];
        for desk in &self.desks {
            let name = desk.machine().name();
            let person = Person::new(dice(&format!("{name} person")), self.time, manages.clone());
            tasks.push(tokio::spawn(chaos::desk(desk.clone(), person, chaos.clone(), dice(&format!("{name} day")))));
            tasks.push(tokio::spawn(chaos::link(desk.clone(), chaos.clone(), dice(&format!("{name} weather")))));
        }
        tasks
    }

    /// Looks at the desks now and then: what they say of themselves has to be true.
    async fn watch(&mut self, how_long: Duration) {
        let ends_ms = self.trace.elapsed_ms() + u64::try_from(how_long.as_millis()).unwrap_or(u64::MAX);
        while self.trace.elapsed_ms() < ends_ms {
            sleep(LOOK).await;
            let taps = self.ledger.taps();
            for desk in self.desks.clone() {
                self.look_at(&desk, &taps);
            }
            if !self.trace.failures().is_empty() {
                return;
            }
        }
    }

    fn look_at(&mut self, desk: &Desk, taps: &[Tap]) {
        let Some(status) = desk.status() else { return };
        let status = serde_json::to_value(status).unwrap_or_default();
        if status["link"] == "offline" || status["link"] == "connecting" {
            self.offline_ms += u64::try_from(LOOK.as_millis()).unwrap_or(0);
        }
        // A log that is an older copy is another one, and that is how a desk may find it out.
        if !self.is_restored() && (status["hashMismatches"] != 0 || !status["differs"].is_null()) {
            let (count, differs) = (&status["hashMismatches"], &status["differs"]);
            self.trace.fail(
                desk.machine().name(),
                Check::Hashes,
                format_args!("{count} hashes were not equal: {differs}"),
            );
        }
        if !self.plan.midnight && !self.is_restored() && !desk.has_lost_rows() {
            for wrong in screen::wrong(desk, taps, self.closed.as_ref().map_or(0, |closed| closed.at_ms)) {
                self.trace.fail(desk.machine().name(), Check::Screen, wrong);
            }
        }
    }

    fn is_restored(&self) -> bool {
        self.counts.restores.load(Relaxed) > 0
    }

    async fn converge(&mut self) -> bool {
        let started_ms = self.trace.elapsed_ms();
        let within_ms = u64::try_from(CONVERGENCE.as_millis()).unwrap_or(u64::MAX);
        while self.trace.elapsed_ms() - started_ms < within_ms {
            // A run that failed has shown what it had to show.
            if !self.trace.failures().is_empty() {
                return true;
            }
            sleep(LOOK).await;
            if self.is_converged().await {
                self.trace.say("world", "all are equal");
                return true;
            }
        }
        false
    }

    async fn is_converged(&mut self) -> bool {
        let Some((header, _)) = self.snapshot().await else { return false };
        let mut equal = 0;
        for desk in &self.desks {
            let Some(status) = desk.status() else { return false };
            let status = serde_json::to_value(status).unwrap_or_default();
            let is_there = status["link"] == "live"
                && status["inSync"] == true
                && status["pending"] == 0
                && status["cursor"] == header["seq"]
                && status["epoch"] == header["epoch"]
                && status["stateHash"] == header["stateHash"];
            if !is_there {
                return false;
            }
            equal += 1;
        }
        self.state_hashes += equal;
        true
    }

    fn not_converged(&self) {
        for desk in &self.desks {
            let status = desk.status().and_then(|status| serde_json::to_value(status).ok()).unwrap_or_default();
            let mut short = status.clone();
            if let Some(fields) = short.as_object_mut() {
                fields.remove("metrics");
            }
            self.trace.fail(
                desk.machine().name(),
                Check::Converges,
                format_args!("not equal after {CONVERGENCE:?}: {short}"),
            );
        }
    }

    fn report(self, facts: &Facts) -> Report {
        let machines = self.desks.iter().map(Desk::machine).chain([self.servers.own.machine()]);
        machines.for_each(|machine| machine.say(format_args!("{} steps", machine.steps())));
        let failures = self.trace.failures();
        Report {
            seed: self.seed,
            plant: self.plant,
            point: None,
            commands: facts.desks.iter().map(|desk| desk.fates.len() as u64).sum(),
            events: facts.log.len() as u64,
            crashes: self.counts.crashes.load(Relaxed),
            cuts: self.counts.cuts.load(Relaxed),
            offline_ms: self.offline_ms,
            attention: facts.rows.keys().filter(|(collection, _)| collection == "attention").count() as u64,
            state_hashes: self.state_hashes,
            virtual_ms: self.trace.elapsed_ms(),
            trace_hash: self.trace.hash(),
            last: if failures.is_empty() { Vec::new() } else { self.trace.last(120) },
            failures,
        }
    }
}
