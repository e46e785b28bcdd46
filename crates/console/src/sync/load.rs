//! Loads a snapshot beside the cache.

use std::sync::Arc;

use gangway_domain::{hash::StateHash, ids::Position, time::VenueTime, venue::Venue};
use gangway_plants::Plant;
use thiserror::Error;
use tokio::sync::mpsc;

use super::{effect::SnapshotReason, message::Malformed, state::Held};
use crate::{
    cache::{Cache, CacheError, Fold, RowDifference, typed_row},
    core::{Core, waiting_for_disk},
    net::{
        RestError,
        snapshot::{SnapshotHeader, SnapshotLine, SnapshotReader, SnapshotRow},
    },
};

/// Rows that are staged in one transaction.
const BATCH_ROWS: usize = 1_000;
/// Chunks that may wait to be read.
const CHUNKS: usize = 16;

/// A snapshot that is whole and waits to be swapped in.
pub(crate) struct Staged {
    /// Where it stands.
    pub(crate) held: Held,
    /// Where its log left the one before, if the server knows.
    pub(crate) epoch_base: Option<Position>,
    /// Whose rows they are, if the server said.
    pub(crate) venue_id: Option<String>,
    /// The hash of its rows.
    pub(crate) hash: StateHash,
    /// The hash that the server named.
    pub(crate) named: Option<String>,
    /// Its rows.
    pub(crate) venue: Venue,
    /// Rows that this version can't read.
    pub(crate) unreadable: u64,
    /// How the cache differed from it, where that was asked.
    pub(crate) differences: Vec<RowDifference>,
    /// The server's clock, and when its header was here.
    pub(crate) server_time: Option<(VenueTime, u64)>,
}

/// Why a snapshot did not become whole. The old cache is untouched.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("it broke off")]
    BrokenOff,
    #[error("it has {has} rows and says {says}")]
    Rows { has: u64, says: u64 },
    #[error(
        "This server is of another venue ({theirs}) than this desk ({ours}). Nothing was changed and nothing is sent: connect to the desk's own server, or start with another data folder."
    )]
    OtherVenue { ours: String, theirs: String },
    #[error("it holds no settings")]
    NoSettings,
    #[error("the console is closing")]
    Closing,
}

/// Loads a snapshot; for a repair, also says how the rows differed from it.
pub(crate) async fn load(core: Arc<Core>, reason: SnapshotReason) -> Result<Staged, LoadError> {
    let (chunks, receiver) = mpsc::channel(CHUNKS);
    let mut loading = Loading::new(&core)?;
    let (read, ()) = futures_util::future::join(loading.read(receiver), core.rest.snapshot(chunks)).await;
    read?;
    loading.finish(reason)
}

/// Works with the cache, which may wait for the disk.
fn with_cache<T>(core: &Core, work: impl FnOnce(&mut Cache) -> Result<T, CacheError>) -> Result<T, LoadError> {
    waiting_for_disk(|| Ok(work(core.cache().as_mut().ok_or(LoadError::Closing)?)?))
}

struct Loading<'a> {
    core: &'a Core,
    reader: SnapshotReader,
    header: Option<(SnapshotHeader, u64)>,
    end: Option<u64>,
    batch: Vec<SnapshotRow>,
    count: u64,
    fold: Fold,
    unreadable: u64,
    hash: StateHash,
}

impl<'a> Loading<'a> {
    fn new(core: &'a Core) -> Result<Self, LoadError> {
        with_cache(core, Cache::stage_begin)?;
        Ok(Self {
            core,
            reader: SnapshotReader::default(),
            header: None,
            end: None,
            batch: Vec::new(),
            count: 0,
            fold: Fold::default(),
            unreadable: 0,
            hash: StateHash::default(),
        })
    }

    async fn read(&mut self, mut chunks: mpsc::Receiver<Result<Vec<u8>, RestError>>) -> Result<(), LoadError> {
        while let Some(chunk) = chunks.recv().await {
            if chunk.is_err() && Plant::SwapsHalfASnapshot.is_planted() {
                return self.stage();
            }
            let lines = self.reader.read(&chunk?)?;
            self.take(lines)?;
        }
        let lines = self.reader.finish()?;
        self.take(lines)?;
        self.stage()
    }

    fn take(&mut self, lines: Vec<SnapshotLine>) -> Result<(), LoadError> {
        for line in lines {
            match line {
                SnapshotLine::Header(header) => {
                    self.check_venue(header.venue_id.as_deref())?;
                    self.header = Some((header, self.core.clock.mono_ms()));
                }
                SnapshotLine::End(rows) => self.end = Some(rows),
                SnapshotLine::Row(row) => {
                    self.count += 1;
                    match typed_row(&row.collection, &row.id, &row.row) {
                        Ok(typed) => typed.into_iter().for_each(|row| self.fold.add(row)),
                        // The server's truth, and of the hash; this version just can't show it.
                        Err(error) => {
                            tracing::warn!(%error, "a row of the snapshot can't be read");
                            self.unreadable += 1;
                        }
                    }
                    self.batch.push(row);
                }
            }
        }
        if self.batch.len() >= BATCH_ROWS { self.stage() } else { Ok(()) }
    }

    /// The rows and the commands of one venue never meet another's.
    fn check_venue(&self, theirs: Option<&str>) -> Result<(), LoadError> {
        match (&self.core.view().venue_id, theirs) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                Err(LoadError::OtherVenue { ours: ours.clone(), theirs: theirs.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn stage(&mut self) -> Result<(), LoadError> {
        let rows = std::mem::take(&mut self.batch);
        let Self { core, hash, .. } = self;
        with_cache(core, |cache| cache.stage(&rows, hash))
    }

    fn finish(self, reason: SnapshotReason) -> Result<Staged, LoadError> {
        let end = self.end.or(Plant::SwapsHalfASnapshot.is_planted().then_some(self.count));
        let (Some((header, came_ms)), Some(says)) = (self.header, end) else { return Err(LoadError::BrokenOff) };
        if says != self.count {
            return Err(LoadError::Rows { has: self.count, says });
        }
        let venue = self.fold.finish().ok_or(LoadError::NoSettings)?;
        let differences = match reason {
            SnapshotReason::Behind => Vec::new(),
            // What differed is for the report; not being able to say it must not stop the repair.
            SnapshotReason::Repair => {
                with_cache(self.core, |cache| Ok(cache.differences_from_staged().unwrap_or_default()))?
            }
        };
        let position = Position { epoch: header.epoch, seq: header.seq };
        Ok(Staged {
            held: Held { position, event_id: header.event_id },
            epoch_base: header.epoch_base,
            venue_id: header.venue_id,
            hash: self.hash,
            named: header.state_hash,
            venue,
            unreadable: self.unreadable,
            differences,
            server_time: header.server_time.map(|time| (time, came_ms)),
        })
    }
}
