//! What the clock does by itself, on time: releases (`domain.md` rule 4) and the day change (`sync.md`
//! rule 23). Nobody has to look, and a restart changes nothing: what is due is seen at once.

use std::{sync::Arc, time::Duration};

use gangway_domain::{
    command::Command,
    ids::{CommandId, SessionId, clock_command_id},
    time::VenueTime,
    venue::Venue,
};
use tokio::sync::watch;

use crate::{
    clock::Clock,
    dispatcher::mirror::{Place, SharedMirror},
    execute::Request,
    store::{StoreError, threads::StoreThreads},
};

/// The longest sleep: venue time slews after the wall clock, so a long one would wake at the wrong moment.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Before trying again after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

/// The sweeper's task.
pub struct Sweeper {
    /// Where commands go.
    pub store: StoreThreads,
    /// What is due is seen here.
    pub mirror: Arc<SharedMirror>,
    /// Venue time.
    pub clock: Arc<dyn Clock>,
}

/// Something that the clock has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: VenueTime,
    /// The same however often it is met, so that it happens once.
    pub id: CommandId,
    /// What.
    pub command: Command,
}

impl Sweeper {
    /// Runs until `stop` is set.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changed = self.mirror.watch();
        // The day may have changed while the server was off.
        let mut day_start = VenueTime(i64::MIN);
        while !*stop.borrow() {
            let wait = match self.sweep(&mut day_start).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "what is due could not be done; trying again");
                    PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = changed.changed() => {}
                Ok(()) = stop.changed() => {}
            }
        }
    }

    /// Does what is due; says how long to sleep.
    async fn sweep(&self, day_start: &mut VenueTime) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let (day, next) = self.mirror.with(|mirror| {
            let day = mirror.venue.settings().day_rules().day_of(now);
            (day, next_release(&mirror.venue))
        });
        if *day_start != day.start {
            self.change_day(day.start).await?;
            *day_start = day.start;
        }
        let Some(due) = next else { return Ok(until(day.end, now)) };
        if due.at <= now {
            let executed = self.store.execute(Request::clock(due.id, due.command)).await?;
            self.mirror.reach(executed.head).await;
            // Not due after all: somebody was quicker, and the mirror is about to say so.
            return Ok(if executed.logged { Duration::ZERO } else { PAUSE });
        }
        Ok(until(due.at.min(day.end), now))
    }

    /// Repeats the day change until it finds nothing more to do.
    async fn change_day(&self, start: VenueTime) -> Result<(), StoreError> {
        loop {
            let place = self.mirror.with(|mirror| mirror.place.clone());
            let request = Request::clock(day_change_id(start, &place), Command::DayChange);
            let executed = self.store.execute(request).await?;
            if !executed.logged {
                return Ok(());
            }
            self.mirror.reach(executed.head).await;
        }
    }
}

fn day_change_id(start: VenueTime, place: &Place) -> CommandId {
    clock_command_id(&format!("day/{}/{}/{}", start.0, place.epoch, place.seq))
}

/// The release that is due first.
pub fn next_release(venue: &Venue) -> Option<Due> {
    let release_ms = venue.settings().auto_release_ms();
    let due = |id: &SessionId, at: VenueTime| Due {
        at,
        id: clock_command_id(&format!("release/{id}/{}", at.0)),
        command: Command::Release(id.clone()),
    };
    let playing = venue.live_sessions().filter_map(|row| row.release_at(release_ms).map(|at| (at, &row.id)));
    playing.min().map(|(at, id)| due(id, at))
}

fn until(moment: VenueTime, now: VenueTime) -> Duration {
    Duration::from_millis(moment.since(now).max(0).unsigned_abs()).min(SLEEP_MAX)
}
