//! A desk: a real console on a machine that may die.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use gangway_console::{
    AttentionAction, CommandState, Console, ConsoleError, ExecuteRequest, Executed, OpenError, Ports, QueryKey,
    SyncStatus, outbox::Outbox, sync::state::LinkState,
};
use gangway_domain::ids::DeviceId;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock::{DeskChance, DeskClock, MachineClock, TrueTime},
    dice::Dice,
    ledger::{Answer, Ledger, Settled, Tap, Then},
    link::Link,
    machine::Machine,
    net::{Line, Servers},
};

/// The namespace of the ids of rows, and of commands that follow from one (`docs/sync.md`, 5).
pub const ROWS: Uuid = Uuid::from_u128(0x8f2d_51c6_0a7e_4d53_9b1e_6d3a_47c0_91ee);

/// What a desk is made of.
pub struct Parts {
    /// Its place among the desks.
    pub index: usize,
    /// Where it runs.
    pub machine: Machine,
    /// Where its files are.
    pub folder: PathBuf,
    /// Its way to the server.
    pub link: Link,
    /// Where that leads.
    pub servers: Arc<Servers>,
    /// Its clocks.
    pub clock: Arc<MachineClock>,
    /// The true time.
    pub time: TrueTime,
    /// Its randomness.
    pub dice: Dice,
    /// Where its taps are written down.
    pub ledger: Ledger,
}

/// A desk. Clones are the same one.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    parts: Parts,
    device: Uuid,
    is_founded: AtomicBool,
    console: Mutex<Option<Console>>,
    has_lost_rows: AtomicBool,
}

/// How a tap is given.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The command's id, if it has one already.
    pub id: Option<String>,
    /// When it happened, if that is said.
    pub occurred_at: Option<String>,
    /// It is to be sent although the desk would say no.
    pub forced: bool,
}

impl Desk {
    /// A desk that is off.
    pub fn new(parts: Parts) -> Self {
        std::fs::create_dir_all(&parts.folder).expect("a folder");
        parts.machine.mount(&parts.folder);
        let device = parts.dice.uuid();
        Self(Arc::new(Inner {
            parts,
            device,
            is_founded: AtomicBool::new(false),
            console: Mutex::new(None),
            has_lost_rows: AtomicBool::new(false),
        }))
    }

    /// Its place among the desks.
    pub fn index(&self) -> usize {
        self.0.parts.index
    }

    /// Where it runs.
    pub fn machine(&self) -> &Machine {
        &self.0.parts.machine
    }

    /// Its way to the server.
    pub fn link(&self) -> &Link {
        &self.0.parts.link
    }

    /// Its clocks.
    pub fn clock(&self) -> &MachineClock {
        &self.0.parts.clock
    }

    fn slot(&self) -> MutexGuard<'_, Option<Console>> {
        self.0.console.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its console, if it is on.
    pub fn console(&self) -> Option<Console> {
        self.slot().clone().filter(|_| self.machine().is_alive())
    }

    /// Starts it on its files.
    ///
    /// # Errors
    /// The files can't be used, or it died over it.
    pub fn start(&self) -> Result<(), OpenError> {
        let Parts { machine, folder, link, servers, clock, dice, time, ledger, .. } = &self.0.parts;
        machine.boot();
        clock.boot(dice.within(0..1 << 40));
        if !self.0.is_founded.load(Relaxed) {
            let outbox = Outbox::open(&folder.join("outbox.sqlite"), self.0.device)?;
            drop(outbox);
            self.0.is_founded.store(machine.is_alive(), Relaxed);
        }
        let clock = Arc::new(DeskClock(clock.clone()));
        let console = Console::open_with(folder, Some(machine.name()), |device: &DeviceId| {
            let line = Line {
                link: link.clone(),
                servers: servers.clone(),
                device: device.clone(),
                machine: machine.clone(),
                clock: clock.clone(),
                time: *time,
                ledger: ledger.clone(),
            };
            Ok(Ports {
                realtime: Arc::new(line.clone()),
                rest: Arc::new(line),
                clock: clock.clone(),
                chance: Arc::new(DeskChance(dice.clone())),
                executor: Arc::new(machine.clone()),
            })
        })?;
        machine.say("on");
        *self.slot() = Some(console);
        Ok(())
    }

    /// Ends it in order.
    pub async fn stop(&self) {
        let Some(console) = self.slot().take() else { return };
        let machine = self.machine();
        let ended = machine.spawn(console.shutdown());
        tokio::select! {
            biased;
            _ = machine.died() => {}
            _ = ended => {
                machine.switch_off().await;
                machine.say("off");
            }
        }
    }

    /// After its machine died: everything that it had in memory is gone.
    pub async fn bury(&self) {
        let death = self.machine().death();
        self.machine().bury().await;
        drop(self.slot().take());
        if death == Some(crate::machine::Death::Power) {
            self.machine().lose_unsynced();
            self.0.has_lost_rows.store(true, Relaxed);
        }
    }

    /// Taps a command; the answer goes into the ledger.
    pub fn tap(&self, command: &Value, given: Given) -> Option<String> {
        let console = self.console()?;
        let parts = &self.0.parts;
        let Given { id, occurred_at, forced } = given;
        let id = id.unwrap_or_else(|| parts.dice.uuid().to_string());
        let tap = Tap {
            id: id.clone(),
            desk: parts.index,
            at_ms: parts.time.now_ms(),
            command: command.clone(),
            occurred_at: occurred_at.clone(),
            forced,
            shown: query(&console, &["products"]),
            shown_then: Value::Null,
            strict: is_strict(&console),
            answer: Answer::None,
            go: false,
            answered_ms: 0,
            accepted_ms: None,
        };
        let place = parts.ledger.tapped(tap);
        let mut request = ExecuteRequest::of(command).expect("JSON");
        request.command_id = Some(id.clone());
        request.occurred_at = occurred_at;
        request.force = forced.then(|| gangway_console::Force { reason: "The guest was promised it.".to_owned() });
        let (machine, ledger, kind, time) =
            (parts.machine.clone(), parts.ledger.clone(), command["type"].clone(), parts.time);
        let short = id.get(..8).unwrap_or(&id).to_owned();
        machine.say(format_args!("tap {short} {command}"));
        let task = {
            let machine = machine.clone();
            async move {
                let (answer, go) = answer(console.execute(request).await);
                let then = Then { products: query(&console, &["products"]), strict: is_strict(&console) };
                machine.say(format_args!("tap {short} {kind}: {answer:?}"));
                ledger.answered(place, time.now_ms(), answer, go, then);
            }
        };
        machine.spawn(task);
        Some(id)
    }

    /// Does with an entry of the attention list, as the desk shows it, what somebody chose; the answer goes into the
    /// ledger. To do it again is a tap as well, whose id the entry's says.
    pub fn settle(&self, entry: &Value, action: AttentionAction) {
        let Some(console) = self.console() else { return };
        let parts = &self.0.parts;
        let id = entry["id"].as_str().unwrap_or_default().to_owned();
        let name = serde_json::to_value(action).expect("a word").as_str().unwrap_or_default().to_owned();
        parts.machine.say(format_args!("settle {id} {name}"));
        let place = parts.ledger.settles(Settled {
            desk: parts.index,
            device: self.0.device.to_string(),
            entry: id.clone(),
            action: name,
            answer: Answer::None,
        });
        let again = (action == AttentionAction::Redo).then(|| {
            let tap = Tap {
                id: Uuid::new_v5(&ROWS, format!("redo/{id}").as_bytes()).to_string(),
                desk: parts.index,
                at_ms: parts.time.now_ms(),
                command: entry["command"].clone(),
                occurred_at: None,
                forced: false,
                shown: query(&console, &["products"]),
                shown_then: Value::Null,
                strict: is_strict(&console),
                answer: Answer::None,
                go: false,
                answered_ms: 0,
                accepted_ms: None,
            };
            parts.ledger.tapped(tap)
        });
        let (machine, ledger, time) = (parts.machine.clone(), parts.ledger.clone(), parts.time);
        let task = async move {
            let settled = console.resolve(&id, action, Some("The manager said so.".to_owned())).await;
            let answer = match settled {
                Ok(_) => Answer::Taken,
                Err(error) if matches!(error, ConsoleError::Rejected(_)) => Answer::LocalNo(error.code().to_owned()),
                Err(error) => Answer::Refused(error.code().to_owned()),
            };
            machine.say(format_args!("settle {id}: {answer:?}"));
            // Where it was not settled, the command may be taken all the same.
            if let Some(again) = again.filter(|_| answer == Answer::Taken) {
                let then = Then { products: query(&console, &["products"]), strict: is_strict(&console) };
                ledger.answered(again, time.now_ms(), Answer::Taken, false, then);
            }
            ledger.settled_as(place, answer);
        };
        self.machine().spawn(task);
    }

    /// As the server knows it.
    pub fn device(&self) -> String {
        self.0.device.to_string()
    }

    /// The last tap, if the desk said no to it.
    pub fn last_no(&self) -> Option<Value> {
        self.0.parts.ledger.last_no(self.index())
    }

    /// What it shows for a key; null while it is off.
    pub fn shows(&self, key: &[&str]) -> Value {
        self.console().map_or(Value::Null, |console| query(&console, key))
    }

    /// Its rows may be older than what it showed before: a cache need not survive a power cut whole. So until it has
    /// caught up.
    pub fn has_lost_rows(&self) -> bool {
        if self.status().is_some_and(|status| status.link == LinkState::Live && status.cursor == status.head) {
            self.0.has_lost_rows.store(false, Relaxed);
        }
        self.0.has_lost_rows.load(Relaxed)
    }

    /// How it stands.
    pub fn status(&self) -> Option<SyncStatus> {
        self.console().map(|console| console.status())
    }

    /// While it is off: what is in its cache file is of no use any more.
    pub fn spoil_cache(&self) {
        let file = self.0.parts.folder.join("cache.sqlite");
        if std::fs::write(file, b"no database at all").is_ok() {
            self.machine().say("its cache file is spoilt");
        }
    }

    /// What it says became of a command.
    pub fn fate(&self, id: &str) -> Option<Value> {
        let fate = self.console()?.fate(id).ok()??;
        serde_json::to_value(fate).ok()
    }

    /// The rows in its cache file, as text.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn rows(&self) -> rusqlite::Result<BTreeMap<(String, String), String>> {
        rows_of(&self.0.parts.folder.join("cache.sqlite"))
    }
}

fn rows_of(path: &Path) -> rusqlite::Result<BTreeMap<(String, String), String>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare("SELECT collection, id, row FROM rows")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}

fn query(console: &Console, key: &[&str]) -> Value {
    let key = QueryKey::parse(key.iter().map(|part| (*part).to_owned()).collect()).expect("a key");
    console.query(&key).data
}

fn is_strict(console: &Console) -> bool {
    query(console, &["systemSettings"])["capacityPolicy"] == "strict"
}

/// What it said, and whether that was GO.
fn answer(executed: Result<Executed, ConsoleError>) -> (Answer, bool) {
    let go = executed.as_ref().is_ok_and(|executed| executed.state == CommandState::Pending && !executed.awaiting);
    let answer = match executed {
        Ok(Executed { state: CommandState::Rejected, rejection, .. }) => {
            let code = rejection.unwrap_or_default()["code"].as_str().unwrap_or_default().to_owned();
            Answer::LocalNo(code)
        }
        Ok(_) => Answer::Taken,
        Err(error) => Answer::Refused(error.code().to_owned()),
    };
    (answer, go)
}

/// A product's price and credit as a desk shows it.
pub fn shown_product<'a>(shown: &'a Value, id: &str) -> Option<&'a Value> {
    shown.as_array()?.iter().find(|product| product["id"] == json!(id))
}
