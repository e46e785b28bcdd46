//! A venue with two desks, each on a link of its own, and the ledger beside it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use gangway_testkit::{
    Audit, Certificates, ConsoleProcess, FakeClock, Launch, Ledger, Namespace, Proxy, ServerProcess, SmallDisk, Target,
    until, until_within,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the venue may take to come to rest. Far over what it takes: a desk tries again after 15 s at most,
/// and gives a silent server 15 s for an answer.
const REST: Duration = Duration::from_secs(120);

/// One desk.
pub struct Desk {
    number: usize,
    pub console: ConsoleProcess,
    pub link: Proxy,
    pub cable: Option<Namespace>,
    pub target: Target,
    launch: Launch,
    dir: PathBuf,
    pub disk: Option<SmallDisk>,
    _folder: TempDir,
}

/// How a desk is set up.
#[derive(Default)]
pub struct Setup<'a> {
    /// It sits at the end of a cable.
    pub cable: Option<Namespace>,
    /// Its wall clock.
    pub clock: Option<&'a FakeClock>,
    /// Its link speaks TLS, and it trusts the authority.
    pub tls: Option<&'a Certificates>,
    /// Its folder is on this disk.
    pub disk: Option<SmallDisk>,
}

impl Desk {
    pub fn start(number: usize, server: &ServerProcess, setup: Setup<'_>) -> Self {
        let link = match &setup.cable {
            Some(cable) => Proxy::at(cable.host(), server.address()),
            None => match setup.tls {
                Some(certificates) => Proxy::with_tls(server.address(), certificates),
                None => Proxy::to(server.address()),
            },
        };
        let target = Target::new();
        let mut launch = Launch::plain().as_target(&target);
        if let Some(cable) = &setup.cable {
            launch = launch.within(cable);
        }
        if let Some(clock) = setup.clock {
            launch = launch.with_clock(clock);
        }
        if let Some(certificates) = setup.tls {
            launch = launch.with("SSL_CERT_FILE", certificates.authority());
        }
        let folder = TempDir::new().expect("a folder");
        let dir = setup.disk.as_ref().map_or(folder.path(), SmallDisk::path).join("desk");
        let console = ConsoleProcess::launch(&dir, &link.base(), &launch);
        let Setup { cable, disk, .. } = setup;
        Self { number, console, link, cable, target, launch, dir, disk, _folder: folder }
    }

    /// Where its two files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts it again on its folder.
    pub fn restart(&mut self) {
        let server = self.link.base();
        self.restart_for(&server);
    }

    /// Starts it again on its folder, for a server at another address.
    pub fn restart_for(&mut self, server: &str) {
        self.console.kill();
        self.console = ConsoleProcess::launch(&self.dir, server, &self.launch);
    }

    pub fn link_state(&mut self) -> String {
        self.console.status()["link"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until it is live again.
    pub fn comes_back(&mut self) {
        until_within(REST, "the desk is live again", || (self.link_state() == "live").then_some(()));
    }

    /// Waits until it shows the band so.
    pub fn sees(&mut self, band: &str, status: &str) {
        until(&format!("{band} is {status} at desk {}", self.number), || {
            let sessions = self.console.query(&["activeSessions"]);
            let session = sessions.as_array()?.iter().find(|session| session["barcodeId"] == band)?.clone();
            (session["status"] == status).then_some(())
        });
    }

    /// Waits until it shows the band.
    pub fn sees_band(&mut self, band: &str) {
        until(&format!("{band} is at desk {}", self.number), || {
            let sessions = self.console.query(&["activeSessions"]);
            sessions.as_array()?.iter().any(|session| session["barcodeId"] == band).then_some(())
        });
    }

    /// Waits until it sees that it has no server.
    pub fn notices(&mut self) {
        until_within(REST, "the desk sees that its link is gone", || {
            ["connecting", "offline"].contains(&self.link_state().as_str()).then_some(())
        });
    }
}

/// The venue.
pub struct Floor {
    pub server: ServerProcess,
    pub server_target: Target,
    pub server_folder: TempDir,
    pub ledger: Ledger,
    pub hour: Value,
    pub desks: Vec<Desk>,
    bands: usize,
}

impl Floor {
    /// Two desks that are live.
    pub fn open() -> Self {
        Self::with(vec![Setup::default(), Setup::default()])
    }

    pub fn with(setups: Vec<Setup<'_>>) -> Self {
        let server_folder = TempDir::new().expect("a folder");
        let server_target = Target::new();
        let server = serve(server_folder.path(), &Launch::plain().as_target(&server_target));
        let hour = server.product("Hour", 12.5, Some(3600));
        let ledger = Ledger::new();
        ledger.product(&hour);
        let desks = setups.into_iter().enumerate();
        let desks = desks.map(|(number, setup)| Desk::start(number, &server, setup)).collect();
        let mut floor = Self { server, server_target, server_folder, ledger, hour, desks, bands: 0 };
        for desk in &mut floor.desks {
            desk.console.live();
        }
        floor
    }

    /// A band that nobody has had.
    pub fn band(&mut self) -> String {
        self.bands += 1;
        format!("BAND-{}", self.bands)
    }

    pub fn checkin(&self, band: &str, quantity: u32) -> Value {
        json!({ "type": "session.checkin", "barcodeId": band,
            "products": [{ "id": self.hour["id"], "quantity": quantity }] })
    }

    /// Taps a command; what the desk answers, whatever that is.
    pub fn answered(&mut self, desk: usize, command: &Value) -> Value {
        let id = uuid::Uuid::new_v4().to_string();
        self.ledger.tap(desk, &id, command);
        let answer = self.desks[desk].console.request("execute", json!({ "command": command, "commandId": id }));
        self.ledger.answered(&id, &answer);
        answer
    }

    /// Taps a command, which must be acknowledged as durable, with a link or without; its id.
    pub fn acknowledged(&mut self, desk: usize, command: &Value) -> String {
        let answer = self.answered(desk, command);
        assert_eq!((&answer["ok"], &answer["state"]), (&json!(true), &json!("pending")), "{command}: {answer}");
        answer["commandId"].as_str().expect("an id").to_owned()
    }

    /// Sells an hour on a new band and lets it in, at one desk; the band.
    pub fn sell_and_board(&mut self, desk: usize) -> String {
        let band = self.band();
        let sale = self.checkin(&band, 1);
        self.acknowledged(desk, &sale);
        self.acknowledged(desk, &gate("play", &band));
        band
    }

    /// Waits until a command of a desk has its outcome.
    pub fn settled(&mut self, desk: usize, id: &str) -> Value {
        let console = &mut self.desks[desk].console;
        until("an outcome", || {
            let fate = console.request("command", json!({ "commandId": id }));
            ["settled", "rejected"].contains(&fate["state"].as_str()?).then_some(fate)
        })
    }

    /// Starts the server again on its folder, and leads the links there.
    pub fn restart_server(&mut self) {
        self.launch_server(&Launch::plain());
    }

    /// As [`Floor::restart_server`], with the wall clock that `clock` shows.
    pub fn restart_server_under(&mut self, clock: &FakeClock) {
        self.launch_server(&Launch::plain().with_clock(clock));
    }

    fn launch_server(&mut self, launch: &Launch) {
        self.server.kill();
        self.server = serve(self.server_folder.path(), &launch.clone().as_target(&self.server_target));
        for desk in &self.desks {
            desk.link.lead_to(self.server.address());
        }
    }

    /// Waits until all is at rest, and compares it with the ledger: nothing lost, nothing twice, nobody apart.
    pub fn check(&mut self) -> Audit {
        {
            let mut consoles: Vec<&mut ConsoleProcess> = self.desks.iter_mut().map(|desk| &mut desk.console).collect();
            if let Err(found) = self.ledger.converge(&self.server, &mut consoles, REST) {
                panic!("not at rest within {REST:?}: {}", found.join("; "));
            }
        }
        let audit = self.ledger.audit(&self.server);
        assert!(audit.is_clean(), "{audit}");
        let mut consoles: Vec<&mut ConsoleProcess> = self.desks.iter_mut().map(|desk| &mut desk.console).collect();
        let differ = self.ledger.attention_differs(&audit.for_attention, &mut consoles);
        assert!(differ.is_empty(), "{}", differ.join("; "));
        for desk in &mut self.desks {
            let differ = self.ledger.fates_differ(desk.number, &mut desk.console, 0);
            assert!(differ.is_empty(), "{}", differ.join("; "));
        }
        audit
    }
}

fn serve(folder: &Path, launch: &Launch) -> ServerProcess {
    ServerProcess::launch(folder, "127.0.0.1:0", &["--insecure-open"], launch).expect("it starts")
}

pub fn gate(verb: &str, band: &str) -> Value {
    json!({ "type": format!("session.{verb}"), "barcodeId": band })
}
