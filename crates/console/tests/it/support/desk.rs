//! A console in a folder of its own, on a venue in memory.

use std::{path::Path, sync::Arc, time::Duration};

use gangway_console::{
    Console, ConsoleError, ExecuteRequest, Executed, OpenError, Ports, QueryKey, SyncStatus,
    net::{
        clock::{SystemChance, SystemClock},
        executor::TokioExecutor,
    },
};
use serde_json::Value;
use tempfile::TempDir;

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
    Console::open_with(folder, None, |_| {
        Ok(Ports {
            realtime: Arc::new(venue.clone()),
            rest: Arc::new(venue.clone()),
            clock: Arc::new(SystemClock::new()),
            chance: Arc::new(SystemChance),
            executor: Arc::new(TokioExecutor),
        })
    })
}
