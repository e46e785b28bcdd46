//! What every call may use.

use std::{sync::Arc, time::Duration};

use gangway_domain::{
    command::{Command, InvalidCommand},
    time::VenueTime,
    venue::Venue,
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{calls::Calls, error::ApiError, input::Caller, lease::Desks, snapshot::Snapshots};
use crate::{
    access::Access,
    clock::{Clock, Ids},
    dispatcher::{Notice, mirror::SharedMirror},
    execute::{Batch, Executed, Outcome, Request, WireRejection},
    metrics::Metrics,
    realtime::sockets::Sockets,
    store::{StoreError, threads::StoreThreads},
};

/// How long a read may wait for what was committed before it; a healthy server takes a few ms.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(5);

/// The server's parts, for the calls.
#[derive(Clone)]
pub struct App {
    /// The venue.
    pub store: StoreThreads,
    /// The venue as it stands, in memory.
    pub mirror: Arc<SharedMirror>,
    /// Venue time.
    pub clock: Arc<dyn Clock>,
    /// Ids for commands that come without one.
    pub ids: Arc<dyn Ids>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// The sockets.
    pub sockets: Arc<Sockets>,
    /// For events that are not logged.
    pub notices: mpsc::Sender<Notice>,
    /// Snapshots under way.
    pub snapshots: Arc<Snapshots>,
    /// Who may call.
    pub access: Arc<Access>,
    /// What a new device knows the venue's own authority by; none without one.
    pub seal: Option<Arc<str>>,
    /// The venue's id.
    pub venue_id: String,
    /// The calls in progress.
    pub calls: Arc<Calls>,
    /// The desks that places are lent to.
    pub desks: Arc<Desks>,
}

/// What a REST write was answered by the venue.
#[derive(Debug)]
pub enum Answer {
    /// The body.
    Accepted(Value),
    /// The "no"; the call says with which status.
    Rejected(WireRejection),
}

impl App {
    /// Venue time now.
    pub fn now(&self) -> VenueTime {
        self.clock.now()
    }

    /// Whether the server is ending.
    pub fn is_draining(&self) -> bool {
        self.calls.is_draining()
    }

    /// Reads the venue as it stands, with everything that this server has committed: who wrote sees what
    /// it wrote.
    ///
    /// # Errors
    /// 503 where the log can't be followed.
    pub async fn current<T>(&self, read: impl FnOnce(&Venue, VenueTime) -> T) -> Result<T, ApiError> {
        let reached = tokio::time::timeout(FOLLOW_TIMEOUT, self.mirror.reach(self.store.commits().seq())).await;
        // An old state that looks like the current one would be worse than none.
        reached.map_err(|_| ApiError::unavailable("The server can't say how things stand now."))?;
        let now = self.now();
        Ok(self.mirror.with(|mirror| read(&mirror.venue, now)))
    }

    /// Executes a command and counts its outcome.
    ///
    /// # Errors
    /// The store failed; nothing was kept.
    pub async fn execute(&self, request: Request) -> Result<Executed, StoreError> {
        self.execute_batch(vec![request]).await.pop().unwrap_or(Err(StoreError::Busy))
    }

    /// Executes commands in order and counts their outcomes.
    pub async fn execute_batch(&self, batch: Batch) -> Vec<Result<Executed, StoreError>> {
        let _wanted = self.recall(&batch).await;
        let executed = self.store.execute_batch(batch).await;
        for executed in &executed {
            self.metrics.command(executed.as_ref().map_or("retry", |executed| executed.outcome.name()));
            if let Ok(Executed { outcome: Outcome::Rejected { rejection }, .. }) = executed {
                self.metrics.rejected(&rejection.code);
            }
        }
        executed
    }

    /// Runs a REST write: `command` now, under the caller's id or a new one.
    ///
    /// # Errors
    /// 400 where it is no command, 503 where the store failed.
    pub async fn write(&self, caller: Caller, command: Result<Command, InvalidCommand>) -> Result<Answer, ApiError> {
        let command_id = caller.command_id.unwrap_or_else(|| self.ids.command_id());
        let executed = self.execute(Request::now(command_id, command?, caller.device_id)).await?;
        Ok(match executed.outcome {
            Outcome::Accepted { result, .. } => Answer::Accepted(result),
            Outcome::Rejected { rejection } => Answer::Rejected(rejection),
        })
    }
}
