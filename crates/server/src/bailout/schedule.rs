//! The list is on disk before anybody needs it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gangway_domain::time::VenueTime;
use tokio::sync::watch;

use super::{list, write_as};
use crate::{
    backup::{
        BackupError,
        series::{Series, sweep},
    },
    clock::Clock,
    dispatcher::mirror::SharedMirror,
};

/// Its folder in the venue's, where no other is named.
const FOLDER: &str = "bailout";
/// The newest.
const NEWEST: &str = "live-sessions.csv";
/// How a list is called that is not done.
const PART: &str = ".gangway-live-sessions-";
/// How many are kept beside it: an hour's, by default.
const KEEP: usize = 6;

/// Where the list goes, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bailouts {
    /// Its folder; `bailout` in the venue's where none is named.
    pub dir: Option<PathBuf>,
    /// From one to the next.
    pub every: Duration,
}

impl Default for Bailouts {
    fn default() -> Self {
        Self { dir: None, every: Duration::from_secs(10 * 60) }
    }
}

/// The task that writes it.
pub(crate) struct Schedule {
    dir: PathBuf,
    every: Duration,
    mirror: Arc<SharedMirror>,
    clock: Arc<dyn Clock>,
}

impl Schedule {
    /// Lists of what `mirror` shows, for the venue whose folder is `home`.
    pub(crate) fn new(bailouts: Bailouts, home: &Path, mirror: Arc<SharedMirror>, clock: Arc<dyn Clock>) -> Self {
        Self { dir: bailouts.dir.unwrap_or_else(|| home.join(FOLDER)), every: bailouts.every, mirror, clock }
    }

    /// Runs until `stop` is set.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() && stop.has_changed().is_ok() {
            let now = self.clock.now();
            let made = self.mirror.with(|mirror| list(&mirror.venue, now));
            let dir = self.dir.clone();
            let written = tokio::task::spawn_blocking(move || store(dir, now, &made?)).await;
            if let Err(error) = written.unwrap_or_else(|error| Err(NotWritten::Other(io::Error::other(error)))) {
                tracing::error!(%error, "the list to run the venue from on paper was not written");
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error(transparent)]
    Disk(#[from] BackupError),
    #[error(transparent)]
    Other(#[from] io::Error),
}

fn store(dir: PathBuf, now: VenueTime, list: &[u8]) -> Result<(), NotWritten> {
    fs::create_dir_all(&dir)?;
    sweep(&dir, PART)?;
    let series = Series { dir, prefix: "live-sessions-".to_owned(), suffix: ".csv" };
    write_as(list, &series.file(now), PART, true)?;
    write_as(list, &series.dir.join(NEWEST), PART, true)?;
    series.keep(KEEP)?;
    Ok(())
}
