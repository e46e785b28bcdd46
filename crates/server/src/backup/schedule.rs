//! Copies made by the server itself, on time, of which the newest are kept.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gangway_domain::time::{Millis, SECOND_MS, VenueTime};
use tokio::sync::watch;

use super::{
    BackedUp, BackingUp, BackupError, back_up_as,
    series::{Series, sweep},
};
use crate::{clock::Clock, metrics::Metrics};

/// The longest sleep: venue time and the folder's files are looked at again after it.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// Before a copy that failed is tried again.
const PAUSE_MS: Millis = 5 * 60_000;

/// When copies are made, and how many are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backups {
    /// Where they go; better on another disk.
    pub dir: PathBuf,
    /// From one to the next.
    pub every: Duration,
    /// The newest that are kept, at least one.
    pub keep: usize,
}

/// The task that makes them.
pub(crate) struct Schedule {
    venue: PathBuf,
    series: Series,
    /// What those are called that are not done.
    part: String,
    backups: Backups,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Schedule {
    /// Copies of the venue in the file `venue`, whose id tells them from those of others in the same folder.
    pub(crate) fn new(
        backups: Backups,
        venue: PathBuf,
        venue_id: &str,
        (clock, metrics): (Arc<dyn Clock>, Arc<Metrics>),
    ) -> Self {
        let series = Series { dir: backups.dir.clone(), prefix: format!("gangway-{venue_id}-"), suffix: ".sqlite" };
        Self { venue, series, part: format!(".gangway-{venue_id}-"), backups, clock, metrics }
    }

    /// Runs until `stop` is set; a copy that is being made then is given up.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let this = Arc::new(self);
        // A copy that an earlier run has made is one too.
        let newest = this.series.moments().ok().and_then(|moments| moments.last().copied());
        newest.into_iter().for_each(|newest| this.metrics.backed_up(newest.0 / SECOND_MS));
        let mut not_before = VenueTime(i64::MIN);
        while !*stop.borrow() && stop.has_changed().is_ok() {
            let now = this.clock.now();
            let due = this.due(now).max(not_before);
            if due <= now {
                if let Err(error) = this.clone().make(now, &mut stop).await {
                    tracing::error!(%error, "the venue was not backed up; trying again");
                    this.metrics.backup_failed();
                    not_before = now.plus(PAUSE_MS.min(this.every_ms()));
                }
                continue;
            }
            let wait = Duration::from_millis(due.since(now).unsigned_abs()).min(SLEEP_MAX);
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn every_ms(&self) -> Millis {
        Millis::try_from(self.backups.every.as_millis()).unwrap_or(Millis::MAX)
    }

    /// When the next one is due: a restart of the server changes nothing about that.
    fn due(&self, now: VenueTime) -> VenueTime {
        let newest = self.series.moments().ok().and_then(|moments| moments.last().copied());
        // One that is ahead was made by a clock that was wrong.
        newest.filter(|newest| *newest <= now).map_or(now, |newest| newest.plus(self.every_ms()))
    }

    async fn make(self: Arc<Self>, now: VenueTime, stop: &mut watch::Receiver<bool>) -> Result<(), BackupError> {
        let ended = Arc::new(AtomicBool::new(false));
        let (this, told) = (self.clone(), ended.clone());
        let mut work = tokio::task::spawn_blocking(move || this.copy(now, &told));
        let done = tokio::select! {
            done = &mut work => done,
            _ = stop.changed() => {
                ended.store(true, Ordering::Relaxed);
                work.await
            }
        };
        match done {
            Ok(Err(_)) if ended.load(Ordering::Relaxed) => Ok(()),
            Ok(Err(error)) => Err(error),
            Ok(Ok(made)) => {
                let file = self.series.file(now);
                self.metrics.backed_up(now.0 / SECOND_MS);
                tracing::info!(file = %file.display(), bytes = made.bytes, seq = made.head.seq, "the venue was backed up");
                Ok(())
            }
            Err(error) => Err(BackupError::disk(&self.backups.dir, "can't be written to")(io::Error::other(error))),
        }
    }

    fn copy(&self, now: VenueTime, ended: &AtomicBool) -> Result<BackedUp, BackupError> {
        let dir = &self.backups.dir;
        fs::create_dir_all(dir).map_err(BackupError::disk(dir, "can't be made"))?;
        // This server holds the venue's folder, so nobody else makes any.
        sweep(dir, &self.part).map_err(BackupError::disk(dir, "can't be tidied"))?;
        let file = self.series.file(now);
        let go_on = |_, _, _| !ended.load(Ordering::Relaxed);
        let made = back_up_as(&self.venue, &file, &self.part, BackingUp::default(), &go_on)?;
        // Only now that there is a new one.
        self.series.keep(self.backups.keep.max(1)).map_err(BackupError::disk(dir, "can't be tidied"))?;
        Ok(made)
    }
}
