//! A console in a folder of its own, on a venue in memory.

use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use gangway_console::{
    Console, ConsoleError, ExecuteRequest, Executed, OpenError, Ports, QueryKey, SyncStatus,
    net::{
        Clock,
        clock::{SystemChance, SystemClock},
        executor::TokioExecutor,
    },
};
use gangway_domain::time::VenueTime;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use super::venue::FakeVenue;

/// How long a condition may take, in the test's stopped time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `condition` holds; fails with `what` when it never does.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let patience = tokio::time::sleep(PATIENCE);
    tokio::pin!(patience);
    while !condition() {
        tokio::select! {
            () = &mut patience => panic!("never: {what}"),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

/// A key as a window writes it.
pub fn key(parts: &[&str]) -> QueryKey {
    QueryKey::parse(parts.iter().map(|part| (*part).to_owned()).collect()).expect("a key")
}

/// A console and its folder.
pub struct Desk {
    pub folder: TempDir,
    pub console: Console,
}

impl Desk {
    /// A new desk.
    pub fn open(venue: &FakeVenue) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let console = open_in(folder.path(), venue).expect("a console");
        Self { folder, console }
    }

    /// A new desk that is live.
    pub async fn live(venue: &FakeVenue) -> Self {
        let desk = Self::open(venue);
        desk.until_live().await;
        desk
    }

    /// Ends the console properly and starts it again in the same folder.
    pub async fn restart(self, venue: &FakeVenue) -> Self {
        let Self { folder, console } = self;
        console.shutdown().await;
        let console = open_in(folder.path(), venue).expect("a console");
        Self { folder, console }
    }

    pub async fn until_live(&self) {
        until("the desk is live", || {
            let status = self.status();
            status["link"] == "live" && status["cursor"] == status["head"]
        })
        .await;
    }

    /// Waits until the heartbeat agreed, sending heartbeats.
    pub async fn until_in_sync(&self, venue: &FakeVenue) {
        for _ in 0..100 {
            venue.heartbeat();
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.console.status().in_sync {
                return;
            }
        }
        panic!("never in sync: {:#?}", self.console.status());
    }

    pub fn status(&self) -> Value {
        serde_json::to_value(self.console.status()).expect("JSON")
    }

    pub fn sync_status(&self) -> SyncStatus {
        self.console.status()
    }

    pub fn data(&self, parts: &[&str]) -> Value {
        self.console.query(&key(parts)).data
    }

    pub fn fresh(&self) -> String {
        let freshness = self.console.query(&key(&["products"])).freshness;
        serde_json::to_value(freshness.state).expect("JSON").as_str().expect("a word").to_owned()
    }

    pub async fn execute(&self, command: &Value) -> Result<Executed, ConsoleError> {
        self.console.execute(ExecuteRequest::of(command).expect("a command")).await
    }

    /// Executes and waits until it shows.
    pub async fn settle(&self, command: &Value) -> gangway_console::Fate {
        let executed = self.execute(command).await.expect("taken");
        self.console.settled(&executed.command_id, PATIENCE).await.expect("settled")
    }

    /// The bands in the list of live sessions.
    pub fn bands(&self) -> Vec<String> {
        let sessions = self.data(&["activeSessions"]);
        let sessions = sessions.as_array().cloned().unwrap_or_default();
        sessions.iter().map(|session| session["barcodeId"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Opens a console in `folder`.
pub fn open_in(folder: &Path, venue: &FakeVenue) -> Result<Console, OpenError> {
    open_with_clock(folder, venue, &TestClock::default())
}

/// Opens a console that people call `name`.
pub fn open_named(folder: &Path, venue: &FakeVenue, name: &str) -> Result<Console, OpenError> {
    open(folder, venue, &TestClock::default(), Some(name))
}

/// Opens a console in `folder` of a machine with this clock.
pub fn open_with_clock(folder: &Path, venue: &FakeVenue, clock: &TestClock) -> Result<Console, OpenError> {
    open(folder, venue, clock, None)
}

fn open(folder: &Path, venue: &FakeVenue, clock: &TestClock, name: Option<&str>) -> Result<Console, OpenError> {
    Console::open_with(folder, name, |_| {
        Ok(Ports {
            realtime: Arc::new(venue.clone()),
            rest: Arc::new(venue.clone()),
            clock: Arc::new(clock.clone()),
            chance: Arc::new(SystemChance),
            executor: Arc::new(TokioExecutor),
        })
    })
}

/// What the wall clock said at a moment of the process.
static START: OnceLock<(VenueTime, Instant)> = OnceLock::new();

#[allow(clippy::disallowed_methods, reason = "this is the tests' clock")]
fn now() -> Instant {
    Instant::now()
}

/// A machine's clocks in the test's stopped time; its wall clock may be set, and it may sleep. Clones are the same.
#[derive(Clone)]
pub struct TestClock {
    mono: Arc<SystemClock>,
    /// What the wall clock said when the monotonic one began.
    began: VenueTime,
    set_ms: Arc<AtomicI64>,
    slept_ms: Arc<AtomicI64>,
}

impl Default for TestClock {
    fn default() -> Self {
        let mono = Arc::new(SystemClock::new());
        // A clock that is made later in a test says as much more as went by in the test's time.
        let (wall, at) = *START.get_or_init(|| (mono.wall(), now()));
        let since_ms = now().duration_since(at).as_millis();
        Self {
            began: wall.plus(i64::try_from(since_ms).expect("short")),
            mono,
            set_ms: Arc::default(),
            slept_ms: Arc::default(),
        }
    }
}

impl TestClock {
    /// Somebody sets the wall clock.
    pub fn set(&self, by_ms: i64) {
        self.set_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// The machine sleeps for so long, and only the wall clock and the one that counts sleep go on.
    pub fn sleep(&self, ms: i64) {
        self.slept_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn mono_us(&self) -> u64 {
        self.mono.mono_us()
    }

    fn boot_ms(&self) -> Option<u64> {
        Some(self.mono_ms() + self.slept_ms.load(Ordering::SeqCst) as u64)
    }

    fn wall(&self) -> VenueTime {
        let awake_ms = i64::try_from(self.mono_ms()).expect("short");
        let off_ms = self.set_ms.load(Ordering::SeqCst) + self.slept_ms.load(Ordering::SeqCst);
        self.began.plus(awake_ms + off_ms)
    }
}
