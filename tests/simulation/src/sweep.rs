//! Deaths at every point: small scripts, played once for each moment in which a machine can die.
//!
//! A point is where a task of the machine waits, and each operation of its disk. A script is played first without a
//! death, which counts its points; then as often as there are points, and the machine dies at the first, the second, and
//! so on until there are no more. It starts again at once, whoever tapped taps again what was not answered, and the
//! oracle judges as ever.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use gangway_console::{AttentionAction, sync::state::LinkState};
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinHandle, time::sleep};

use crate::{
    chaos::{self, Plan},
    check::Check,
    desk::{Desk, Given},
    dice::Dice,
    ledger::Answer,
    machine::{Death, Machine},
    server::Server,
    world::{Options, Report, World, on_a_clock},
};

/// How often a script looks whether what it waits for is so.
const LOOK: Duration = Duration::from_millis(50);
/// How often it does before that is a failure.
const LOOKS_MAX: u32 = 6_000;
/// How long a machine that died stays off.
const OFF: Duration = Duration::from_millis(300);

/// Whose deaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first desk's.
    Desk,
    /// The server's.
    Server,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Desk, Self::Server];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Server => "server",
        }
    }
}

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// A sale and a boarding without a link, which comes back.
    Offline,
    /// A link comes back to many commands that wait.
    Drain,
    /// A desk whose cache is of no use starts.
    Snapshot,
    /// Two desks share the places under strict capacity.
    Lease,
    /// Entries of the attention list are settled without a link.
    Attention,
    /// An older copy of the server's folder is put in place.
    Restore,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Offline, Self::Drain, Self::Snapshot, Self::Lease, Self::Attention, Self::Restore];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Drain => "drain",
            Self::Snapshot => "snapshot",
            Self::Lease => "lease",
            Self::Attention => "attention",
            Self::Restore => "restore",
        }
    }

    fn plan(self) -> Plan {
        let calm = Plan::calm(2);
        if self == Self::Lease { Plan { strict: true, places: 4, ..calm } } else { calm }
    }

    /// What is there before a machine may die.
    async fn prepare(self, stage: &mut Stage) {
        match self {
            Self::Offline => {}
            Self::Drain => {
                stage.cut(0);
                for band in 0..4 {
                    stage.sell(0, &format!("B-{band}")).await;
                    stage.play(0, &format!("B-{band}")).await;
                }
            }
            Self::Snapshot => {
                for band in 0..3 {
                    stage.sell(1, &format!("B-{band}")).await;
                }
                stage.settles().await;
                stage.desk(0).stop().await;
                stage.desk(0).spoil_cache();
            }
            Self::Lease => {
                for band in 0..5 {
                    stage.sell(0, &format!("B-{band}")).await;
                }
                stage.settles().await;
            }
            Self::Attention => {
                let forced = |kind: &str, band: &str| json!({ "type": kind, "barcodeId": band });
                stage.force(0, forced("session.play", "B-8")).await;
                stage.force(0, forced("session.pause", "B-9")).await;
                stage.settles().await;
                stage.sell(1, "B-8").await;
                stage.until("two entries", |stage| stage.entries(0).len() == 2 && stage.entries(1).len() == 2).await;
            }
            Self::Restore => {
                stage.sell(0, "B-1").await;
                stage.settles().await;
                stage.world.server().copy_to(&stage.world.copy()).expect("a copy");
                stage.play(0, "B-1").await;
                stage.sell(0, "B-2").await;
                stage.sell(1, "B-3").await;
                stage.settles().await;
            }
        }
    }

    /// What is played while it may.
    async fn play(self, stage: &mut Stage) {
        match self {
            Self::Offline => {
                stage.cut(0);
                stage.sell(0, "B-1").await;
                stage.play(0, "B-1").await;
                stage.desk(0).link().heal();
            }
            Self::Drain => stage.desk(0).link().heal(),
            Self::Snapshot => stage.switch_on(0).await,
            Self::Lease => {
                stage.play(1, "B-0").await;
                stage.play(0, "B-1").await;
                stage.cut(0);
                stage.cut(1);
                for (desk, band) in [(0, "B-2"), (1, "B-3"), (0, "B-4")] {
                    stage.play(desk, band).await;
                }
                stage.desk(0).link().heal();
                stage.desk(1).link().heal();
            }
            Self::Attention => {
                stage.cut(0);
                stage.settle(0, "session.play", AttentionAction::Redo).await;
                stage.settle(0, "session.pause", AttentionAction::Dismiss).await;
                stage.desk(0).link().heal();
            }
            Self::Restore => stage.restore().await,
        }
        stage.drains().await;
    }
}

/// What came of a sweep.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many points there were to die at.
    pub points: u64,
    /// All runs together; its failures are those of the first that had any.
    pub all: Report,
    /// How many runs there were.
    pub runs: u64,
}

/// Plays a script with a death at each point. `deaths` says how one dies at a point: of a killed program, without power,
/// or once of each.
pub fn sweep(options: &Options, scenario: Scenario, side: Side, deaths: impl Fn(u64) -> Vec<Death>) -> Swept {
    let calm = once(options, scenario, side, None);
    let mut swept = Swept { points: 0, all: calm.report, runs: 1 };
    for point in 1.. {
        let mut is_there = false;
        for death in deaths(point) {
            let Run { report, died, .. } = once(options, scenario, side, Some((point, death)));
            swept.all.add(&report);
            swept.runs += 1;
            is_there |= died;
            if swept.all.failures.is_empty() && !report.failures.is_empty() {
                let Report { point, failures, last, .. } = report;
                swept.all = Report { point, failures, last, ..swept.all };
            }
        }
        if !is_there {
            break;
        }
        swept.points = point;
    }
    // The last run had no death any more, so it was the first one again.
    if swept.points != calm.points {
        let what = format!("{} points were counted and {} were died at", calm.points, swept.points);
        swept.all.failures.push(crate::check::Failure { check: Check::Runs, what });
    }
    swept
}

/// Plays a script once, with a death at one point.
pub fn at(options: &Options, scenario: Scenario, side: Side, point: u64, death: Death) -> Report {
    once(options, scenario, side, Some((point, death))).report
}

struct Run {
    report: Report,
    points: u64,
    died: bool,
}

fn once(options: &Options, scenario: Scenario, side: Side, crash: Option<(u64, Death)>) -> Run {
    let options = Options { plan: Some(scenario.plan()), ..options.clone() };
    on_a_clock(&options, async |folder| {
        let mut stage = Stage::open(&options, World::new(&options, &folder)).await;
        scenario.prepare(&mut stage).await;
        let machine = match side {
            Side::Desk => stage.desk(0).machine().clone(),
            Side::Server => stage.world.server().machine().clone(),
        };
        let before = machine.steps();
        if let Some((point, death)) = crash {
            machine.die_after(point, death);
        }
        scenario.play(&mut stage).await;
        let points = machine.steps() - before;
        let died = crash.is_some() && !machine.spare();
        stage.world.counts().crashes.fetch_add(u64::from(died), Relaxed);
        let mut report = stage.close().await;
        report.point = crash.map(|(point, death)| {
            let death = if death == Death::Kill { "kill" } else { "power" };
            format!("{}/{}/{point}/{death}", scenario.name(), side.name())
        });
        Run { report, points, died }
    })
}

/// A venue on which a script is played.
struct Stage {
    world: World,
    dice: Dice,
    /// Held by whoever switches a machine on or off: the server's last.
    switches: Vec<Arc<Mutex<()>>>,
    caretakers: Vec<JoinHandle<()>>,
}

impl Stage {
    /// All are live, and who dies starts again.
    async fn open(options: &Options, mut world: World) -> Self {
        world.open().await;
        let dice = Dice::of(options.seed, "stage");
        let switches: Vec<Arc<Mutex<()>>> = (0..=world.desks().len()).map(|_| Arc::default()).collect();
        let mut caretakers = Vec::new();
        for (desk, switch) in world.desks().iter().zip(&switches) {
            chaos::switch_on(desk, &dice).await;
            caretakers.push(tokio::spawn(care_for_desk(desk.clone(), switch.clone(), dice.clone())));
        }
        let (server, switch) = (world.server().clone(), switches[switches.len() - 1].clone());
        caretakers.push(tokio::spawn(care_for_server(server, switch, dice.clone())));
        let mut stage = Self { world, dice, switches, caretakers };
        stage.settles().await;
        stage
    }

    async fn close(self) -> Report {
        // Who died at the very end starts again as well.
        let is_on = |desk: &Desk| desk.console().is_some();
        self.until("all are on", |stage| stage.world.server().is_up() && stage.world.desks().iter().all(is_on)).await;
        for caretaker in self.caretakers {
            caretaker.abort();
        }
        self.world.end().await
    }

    fn desk(&self, desk: usize) -> &Desk {
        &self.world.desks()[desk]
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..LOOKS_MAX {
            if is_so(self) {
                return;
            }
            sleep(LOOK).await;
        }
        self.world.fail(Check::Converges, format_args!("the script waits in vain: {what}"));
    }

    /// Waits until all desks are live and nothing is pending.
    async fn settles(&mut self) {
        let settled = |desk: &Desk| {
            let status = desk.status();
            status.is_some_and(|status| status.link == LinkState::Live && status.pending == 0 && status.in_sync)
        };
        self.until("all settle", |stage| stage.world.desks().iter().all(settled)).await;
    }

    /// Waits until all desks are live on the server's log and nothing is pending.
    async fn drains(&self) {
        let drained = |desk: &Desk, epoch: &str| {
            let status = desk.status().filter(|status| status.link == LinkState::Live && status.pending == 0);
            status.and_then(|status| status.epoch).is_some_and(|of| of == epoch)
        };
        self.until("all drain", |stage| {
            let epoch = stage.world.server().epoch();
            epoch.is_some_and(|epoch| stage.world.desks().iter().all(|desk| drained(desk, &epoch)))
        })
        .await;
    }

    fn cut(&self, desk: usize) {
        self.desk(desk).link().change("is cut", |state| {
            state.refuses = true;
            state.resets += 1;
        });
    }

    async fn sell(&self, desk: usize, band: &str) {
        self.until("the desk is on", |stage| stage.desk(desk).shows(&["products"]).is_array()).await;
        let products = self.desk(desk).shows(&["products"]);
        let day = products.as_array().into_iter().flatten().find(|product| product["name"] == "Day");
        let id = day.map(|product| product["id"].clone());
        self.tap(
            desk,
            json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": id, "quantity": 1 }] }),
        )
        .await;
    }

    async fn play(&self, desk: usize, band: &str) {
        self.tap(desk, json!({ "type": "session.play", "barcodeId": band })).await;
    }

    async fn tap(&self, desk: usize, command: Value) {
        self.tap_as(desk, command, false).await;
    }

    async fn force(&self, desk: usize, command: Value) {
        self.tap_as(desk, command, true).await;
    }

    /// Taps until the desk says yes or no: what died over it is tapped again.
    async fn tap_as(&self, desk: usize, command: Value, forced: bool) {
        let id = self.dice.uuid().to_string();
        for _ in 0..LOOKS_MAX {
            let on = self.desk(desk);
            let life = on.machine().life();
            let given = Given { id: Some(id.clone()), occurred_at: None, forced };
            if on.tap(&command, given).is_some() {
                self.until("the desk answers", |stage| {
                    let answer = stage.world.ledger().answer(desk, &id);
                    answer != Some(Answer::None) || !is_on(stage.desk(desk).machine(), life)
                })
                .await;
                if matches!(self.world.ledger().answer(desk, &id), Some(Answer::Taken | Answer::LocalNo(_))) {
                    return;
                }
            }
            sleep(LOOK).await;
        }
        self.world.fail(Check::Starts, format_args!("{command} can't be tapped"));
    }

    /// The open entries of commands as a desk shows them.
    fn entries(&self, desk: usize) -> Vec<Value> {
        self.desk(desk).shows(&["attention"]).as_array().cloned().unwrap_or_default()
    }

    /// Settles the entry about such a command, until the desk says that it is.
    async fn settle(&self, desk: usize, kind: &str, action: AttentionAction) {
        for _ in 0..LOOKS_MAX {
            let on = self.desk(desk);
            let life = on.machine().life();
            let is_it = |entry: &&Value| entry["command"]["type"] == kind;
            let entries = self.entries(desk);
            let is_shown = on.console().is_some() && !on.shows(&["products"]).is_null();
            match entries.iter().find(is_it) {
                Some(entry) => {
                    let before = self.world.ledger().settled().len();
                    on.settle(entry, action);
                    self.until("the desk answers", |stage| {
                        let said = stage.world.ledger().settled().get(before).map(|by| by.answer.clone());
                        said.is_some_and(|said| said != Answer::None) || !is_on(stage.desk(desk).machine(), life)
                    })
                    .await;
                }
                None if is_shown => return,
                None => {}
            }
            sleep(LOOK).await;
        }
        self.world.fail(Check::Starts, format_args!("the entry about {kind} can't be settled"));
    }

    async fn switch_on(&self, desk: usize) {
        let _held = self.switches[desk].lock().await;
        chaos::switch_on(self.desk(desk), &self.dice).await;
    }

    /// Puts the older copy of the server's folder in place.
    async fn restore(&self) {
        let server = self.world.server();
        let before = server.epoch();
        let held = self.switches[self.switches.len() - 1].lock().await;
        server.stop().await;
        if server.machine().death().is_some() {
            server.bury().await;
        }
        server.replace_by(&self.world.copy()).expect("the copy");
        self.world.counts().restores.fetch_add(1, Relaxed);
        chaos::serve(server, &self.dice).await;
        drop(held);
        self.until("a desk says that it knows more", |stage| {
            let now = stage.world.server().epoch();
            now.is_some() && now != before
        })
        .await;
    }
}

fn is_on(machine: &Machine, life: u64) -> bool {
    machine.is_alive() && machine.life() == life
}

async fn care_for_desk(desk: Desk, switch: Arc<Mutex<()>>, dice: Dice) {
    loop {
        desk.machine().died().await;
        let _held = switch.lock().await;
        if desk.machine().death().is_some() {
            desk.bury().await;
            sleep(OFF).await;
            chaos::switch_on(&desk, &dice).await;
        }
    }
}

async fn care_for_server(server: Server, switch: Arc<Mutex<()>>, dice: Dice) {
    loop {
        server.machine().died().await;
        let _held = switch.lock().await;
        if server.machine().death().is_some() {
            server.bury().await;
            sleep(OFF).await;
            chaos::serve(&server, &dice).await;
        }
    }
}
