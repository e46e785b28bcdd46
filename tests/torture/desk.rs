//! A desk: a console on a link of its own, and the hand that taps.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use gangway_testkit::{ConsoleProcess, FakeClock, Launch, Ledger, Namespace, Proxy, ServerProcess, Silence, Target};
use serde_json::{Value, json};

use super::chaos::Handle;

/// How long a console that is not struck may take to answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The longest wait between two taps.
const THINKING: Duration = Duration::from_millis(25);
/// SIGKILL.
const KILLED: i32 = 9;

/// What the desks of a round have in common.
pub(super) struct Shared<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) products: &'a [Value],
    /// Bands of this round.
    pub(super) bands: Mutex<Vec<String>>,
    pub(super) round: u64,
}

pub(super) struct Desk {
    pub(super) number: usize,
    handle: Handle,
    pub(super) console: ConsoleProcess,
    /// Commands of it that were killed before they were answered, and are tapped again.
    unanswered: Option<(String, Value)>,
    /// One that was acknowledged, to be tapped once more.
    acknowledged: Option<(String, Value)>,
    pub(super) faults: Vec<String>,
    chance: fastrand::Rng,
    dir: PathBuf,
    launch: Launch,
    _clock: Option<FakeClock>,
}

impl Desk {
    pub(super) fn start(
        root: &Path,
        number: usize,
        server: &ServerProcess,
        cable: Option<Namespace>,
        clock: Option<FakeClock>,
        chance: fastrand::Rng,
    ) -> Self {
        let target = Target::new();
        let mut launch = Launch::plain().as_target(&target);
        let link = match &cable {
            Some(cable) => {
                launch = launch.within(cable);
                Proxy::at(cable.host(), server.address())
            }
            None => Proxy::to(server.address()),
        };
        if let Some(clock) = &clock {
            launch = launch.with_clock(clock);
        }
        let dir = root.join(format!("desk-{number}"));
        let console = ConsoleProcess::launch(&dir, &link.base(), &launch);
        let handle = Handle { link: Arc::new(link), target, cable: cable.map(Arc::new) };
        let (unanswered, acknowledged, faults) = (None, None, Vec::new());
        Self { number, handle, console, unanswered, acknowledged, faults, chance, dir, launch, _clock: clock }
    }

    /// What of it can be struck.
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Starts the console again on its folder. One that was not killed must not have ended.
    pub(super) fn restart(&mut self) {
        if let Some(status) = self.console.ended()
            && status.signal() != Some(KILLED)
        {
            self.faults.push(format!("desk {} ended by itself: {status}; {}", self.number, self.console.stderr()));
        }
        self.console.kill();
        self.keep_log();
        if self.chance.u8(..12) == 0 {
            self.damage();
        }
        self.console = ConsoleProcess::launch(&self.dir, &self.handle.link.base(), &self.launch);
    }

    /// Something happens to the file that can be made again; the other one is precious.
    fn damage(&mut self) {
        let cache = self.dir.join("cache.sqlite");
        let Ok(file) = OpenOptions::new().write(true).open(&cache) else { return };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let damaged = match self.chance.u8(..3) {
            0 => file.set_len(length / 2),
            1 => {
                let junk: Vec<u8> = std::iter::repeat_with(|| self.chance.u8(..)).take(4_096).collect();
                file.write_all_at(&junk, self.chance.u64(..length.max(1)))
            }
            _ => std::fs::remove_file(&cache),
        };
        if let Err(error) = damaged {
            eprintln!("the cache of desk {} is not damaged: {error}", self.number);
        }
    }

    /// Sees to it that the console runs. One that was struck last may still look alive, and answers nobody.
    pub(super) fn stand(&mut self) {
        while self.ask("status", json!({})).is_none() {}
    }

    /// Appends what the console has logged to a file beside its folder.
    pub(super) fn keep_log(&self) {
        let file = OpenOptions::new().create(true).append(true).open(self.dir.with_extension("log"));
        let kept = file.and_then(|mut file| writeln!(file, "{}— ended —", self.console.stderr()));
        if let Err(error) = kept {
            eprintln!("the log of desk {} is not kept: {error}", self.number);
        }
    }

    /// One tap, or one question.
    pub(super) fn tap(&mut self, shared: &Shared<'_>) {
        std::thread::sleep(THINKING.mul_f64(self.chance.f64()));
        if self.chance.u8(..40) == 0 {
            self.settle(shared);
            return;
        }
        let again = match self.chance.u8(..40) {
            0 => self.acknowledged.take(),
            _ => self.unanswered.take().filter(|_| self.chance.bool()),
        };
        let (id, command) = match again {
            Some(again) => again,
            None => {
                let id = uuid::Builder::from_random_bytes(self.chance.u128(..).to_be_bytes()).into_uuid().to_string();
                let Some(command) = self.command(shared) else { return };
                (id, command)
            }
        };
        shared.ledger.tap(self.number, &id, &command);
        match self.ask("execute", json!({ "command": command, "commandId": id })) {
            Some(answer) => {
                shared.ledger.answered(&id, &answer);
                self.acknowledged = Some((id, command)).filter(|_| answer["ok"] == true);
            }
            None => self.unanswered = Some((id, command)),
        }
    }

    /// Takes an entry off the attention list.
    fn settle(&mut self, shared: &Shared<'_>) {
        let Some(list) = self.ask("attention", json!({})) else { return };
        let entries = list["entries"].as_array().cloned().unwrap_or_default();
        let Some(entry) = self.chance.choice(&entries) else { return };
        let command = entry["commandId"].as_str().unwrap_or_default().to_owned();
        shared.ledger.resolves(&command, false);
        let request = json!({ "entryId": entry["id"], "action": "dismiss", "reason": "torture" });
        let taken = self.ask("resolve", request).is_some_and(|answer| answer["ok"] == true);
        shared.ledger.resolves(&command, taken);
    }

    /// Asks the console; one that is gone is started again.
    fn ask(&mut self, op: &str, fields: Value) -> Option<Value> {
        match self.console.ask(op, fields, ANSWER) {
            Ok(answer) => Some(answer),
            Err(Silence::Ended) => {
                self.restart();
                None
            }
            Err(Silence::TooLong) => {
                self.faults.push(format!("desk {} says nothing: {}", self.number, self.console.stderr()));
                self.restart();
                None
            }
        }
    }

    /// What somebody at this desk does next.
    fn command(&mut self, shared: &Shared<'_>) -> Option<Value> {
        let product = shared.products[self.chance.usize(..shared.products.len())]["id"].clone();
        let quantity = self.chance.u32(1..4);
        let checkin = |band: String| {
            json!({ "type": "session.checkin", "barcodeId": band,
                "products": [{ "id": product, "quantity": quantity }] })
        };
        let known = self.known(shared);
        Some(match (self.chance.u32(..100), known) {
            (0..35, _) | (_, None) => checkin(self.new_band(shared)),
            (35..42, Some(band)) => checkin(band),
            (42..50, Some(band)) => {
                let line = |band: &str| json!({ "barcodeId": band, "productId": product, "quantity": quantity });
                json!({ "type": "sale.create", "lines": [line(&band), line(&self.new_band(shared))] })
            }
            (50..74, Some(band)) => json!({ "type": "session.play", "barcodeId": band }),
            (74..92, Some(band)) => json!({ "type": "session.pause", "barcodeId": band }),
            (92..94, Some(band)) => json!({ "type": "session.end", "barcodeId": band }),
            (94..97, Some(band)) => self.refund(shared, &band)?,
            (97..98, Some(_)) => {
                let name = format!("Socks {}", self.chance.u16(..));
                json!({ "type": "product.create", "product": { "name": name, "price": 2.5, "category": "extra" } })
            }
            (_, Some(_)) => {
                let name = format!("Gangway {}", self.chance.u16(..));
                json!({ "type": "settings.update", "changes": { "siteName": name } })
            }
        })
    }

    fn known(&mut self, shared: &Shared<'_>) -> Option<String> {
        let bands = shared.bands.lock().expect("no panic");
        // Mostly the newest ones, so that desks meet at the same bands.
        let from = bands.len().saturating_sub(12);
        (!bands.is_empty()).then(|| bands[self.chance.usize(from..bands.len())].clone())
    }

    fn new_band(&self, shared: &Shared<'_>) -> String {
        let mut bands = shared.bands.lock().expect("no panic");
        let band = format!("R{}-{}", shared.round, bands.len());
        bands.push(band.clone());
        band
    }

    /// Takes a line of the band back, if this desk knows one.
    fn refund(&mut self, shared: &Shared<'_>, band: &str) -> Option<Value> {
        let history = self.ask("query", json!({ "key": ["checkinHistory", band] }))?;
        let lines = history["data"].as_array()?;
        let line = lines.iter().find(|line| line["status"] == "completed")?;
        let id = line["id"].as_str()?;
        shared.ledger.line(id, band);
        Some(json!({ "type": "transaction.correct", "transactionId": id, "status": "refunded", "reason": "torture" }))
    }
}
