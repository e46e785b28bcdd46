//! What the clock does by itself, on time: releases (`domain.md` rule 4) and the day change (`sync.md`
//! rule 23). Nobody has to look, and a restart changes nothing: what is due is seen at once. With the day it also
//! tidies up, a step at a time.

use std::{sync::Arc, time::Duration};

use gangway_domain::{
    command::Command,
    ids::SessionId,
    noticed::Noticed,
    rows::SessionRow,
    time::{Millis, VenueTime},
    venue::Venue,
};
use tokio::sync::watch;

use crate::{
    clock::{Clock, Ids},
    dispatcher::mirror::SharedMirror,
    execute::Request,
    store::{StoreError, threads::StoreThreads},
};

/// The longest sleep: venue time slews after the wall clock, so a long one would wake at the wrong moment.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Before trying again after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Between two steps of tidying: commands come first.
const TIDY_PAUSE: Duration = Duration::from_millis(50);

/// What the loop keeps between its turns.
struct Turn {
    /// Start of the day that was changed to.
    day_start: VenueTime,
    /// There may be something that nobody needs any more.
    untidy: bool,
    /// By how much the wall clock was set, until it is on the attention list.
    step_ms: Option<Millis>,
}

/// The sweeper's task.
pub struct Sweeper {
    /// Where commands go.
    pub store: StoreThreads,
    /// What is due is seen here.
    pub mirror: Arc<SharedMirror>,
    /// Venue time.
    pub clock: Arc<dyn Clock>,
    /// For its commands.
    pub ids: Arc<dyn Ids>,
}

impl Sweeper {
    /// Runs until `stop` is set.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changed = self.mirror.watch();
        // The day may have changed while the server was off.
        let mut turn = Turn { day_start: VenueTime(i64::MIN), untidy: false, step_ms: None };
        while !*stop.borrow() {
            let wait = match self.sweep(&mut turn).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "what is due could not be done; trying again");
                    PAUSE
                }
            };
            tokio::select! {
                biased;
                Ok(()) = stop.changed() => {}
                Ok(()) = changed.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Does what is due; says how long to sleep.
    async fn sweep(&self, turn: &mut Turn) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let (day, releases) = self.mirror.with(|mirror| {
            let day = mirror.venue.settings().day_rules().day_of(now);
            (day, releases(&mirror.venue))
        });
        if turn.day_start != day.start {
            self.change_day().await?;
            (turn.day_start, turn.untidy) = (day.start, true);
        }
        turn.step_ms = self.clock.take_step().or(turn.step_ms);
        if let Some(step_ms) = turn.step_ms {
            self.store.execute(Request::clock(self.ids.command_id(), clock_step(step_ms))).await?;
            turn.step_ms = None;
        }
        let mut wait = until(day.end, now);
        for (at, session) in releases {
            if at > now {
                wait = wait.min(until(at, now));
                break;
            }
            let request = Request::clock(self.ids.command_id(), Command::Release(session));
            let executed = self.store.execute(request).await?;
            self.mirror.reach(executed.head).await;
            if !executed.logged {
                // Not due after all: somebody was quicker. Those behind it don't wait for it.
                wait = wait.min(PAUSE);
            }
        }
        if turn.untidy {
            turn.untidy = self.store.tidy().await?;
            wait = wait.min(TIDY_PAUSE);
        }
        Ok(wait)
    }

    /// Repeats the day change until it finds nothing more to do.
    async fn change_day(&self) -> Result<(), StoreError> {
        loop {
            let executed = self.store.execute(Request::clock(self.ids.command_id(), Command::DayChange)).await?;
            if !executed.logged {
                return Ok(());
            }
            self.mirror.reach(executed.head).await;
        }
    }
}

/// What somebody has to know: until venue time has slewed after it, moments are not what a watch says.
fn clock_step(step_ms: Millis) -> Command {
    Noticed::of_server_clock(step_ms).raise(None)
}

/// When each visit that plays is released, the first one first.
pub fn releases(venue: &Venue) -> Vec<(VenueTime, SessionId)> {
    let release_ms = venue.settings().auto_release_ms();
    let at = |row: &SessionRow| row.release_at(release_ms).map(|at| (at, row.id.clone()));
    let mut releases: Vec<_> = venue.live_sessions().filter_map(at).collect();
    releases.sort();
    releases
}

fn until(moment: VenueTime, now: VenueTime) -> Duration {
    Duration::from_millis(moment.since(now).max(0).unsigned_abs()).min(SLEEP_MAX)
}
