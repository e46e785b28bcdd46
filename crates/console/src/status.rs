//! How the console stands: `status`, and `["syncStatus"]` for the window.

use gangway_domain::{ids::Seq, time::VenueTime};
use serde::Serialize;

use crate::{
    cache::RowDifference,
    core::Core,
    metrics::MetricsView,
    outbox::sender::Drain,
    problem::{Notice, Problem},
    sync::state::LinkState,
};

/// How old what a query answers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FreshState {
    /// Every known event is in it.
    Live,
    /// As of `lastSyncAt`.
    Stale,
}

/// How old an answer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// Live or not.
    pub state: FreshState,
    /// The last event that is in it; none before the first snapshot.
    pub as_of_seq: Option<Seq>,
    /// When the server was last heard.
    pub last_sync_at: Option<String>,
}

/// What was found to differ from the server's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceReport {
    /// How it was found.
    pub found: FoundBy,
    /// When.
    pub found_at: String,
    /// When the rows were replaced by the server's; none while that is still to come.
    pub repaired_at: Option<String>,
    /// The rows, once the server's are here; not all where there are many.
    pub rows: Vec<RowDifference>,
}

/// How a difference was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FoundBy {
    /// The state hashes were not equal.
    StateHash,
    /// Somebody else wrote to the cache file while the console ran.
    FileChanged,
    /// The rows on disk were not those that were committed.
    AtStart,
}

/// Which desk this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Made once, with the outbox.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
}

/// Places that a desk may fill without asking (`sync.md` rule 21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlacesStatus {
    /// All that it was lent.
    pub held: usize,
    /// Those of them that it has filled, and the server has not heard of.
    pub spent: usize,
}

/// `status` of `contract.md`, and what the window shows beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// The link.
    pub link: LinkState,
    /// Which log; none before the first snapshot.
    pub epoch: Option<String>,
    /// The last applied event; none before the first snapshot.
    pub cursor: Option<Seq>,
    /// The last event that the server named; none before the first snapshot.
    pub head: Option<Seq>,
    /// Commands that do not show yet.
    pub pending: u64,
    /// When the oldest of them was tapped.
    pub oldest_pending_at: Option<String>,
    /// How far a backlog is sent, while one is.
    pub drain: Option<Drain>,
    /// Entries that a person must look at.
    pub attention: usize,
    /// Places that are lent to this desk.
    pub places: PlacesStatus,
    /// The server's clock minus this desk's.
    pub clock_offset_ms: i64,
    /// How far off that may be.
    pub clock_uncertainty_ms: Option<u64>,
    /// The hash of the rows; none before the first snapshot.
    pub state_hash: Option<String>,
    /// The hashes were equal at one seq on this link, and nothing was found wrong since.
    pub in_sync: bool,
    /// When the server was last heard.
    pub last_sync_at: Option<String>,
    /// Since when there is no link.
    pub offline_since: Option<String>,
    /// How often the hashes were not equal.
    pub hash_mismatches: u64,
    /// What was last found to differ.
    pub differs: Option<DifferenceReport>,
    /// Why there is no link, or the last fetch failed.
    pub problem: Option<Problem>,
    /// What was done with a cache file that could not be used.
    pub notices: Vec<Notice>,
    /// Which desk this is.
    pub device: Device,
    /// The counters.
    pub metrics: MetricsView,
}

impl Core {
    /// The status, with the commands counted that are not answered or do not show yet. It waits for the outbox, so the
    /// caller holds no lock.
    pub(crate) fn status(&self) -> SyncStatus {
        let at = self.view().held.as_ref().map(|held| held.position.clone());
        let counted = self.with_outbox(|outbox| outbox.pending(at.as_ref())).ok();
        self.status_with(counted)
    }

    /// The status, for screens: a tap may hold the outbox for as long as the disk takes, and they go on. Whoever has it
    /// says afterwards that the status moved.
    pub(crate) fn status_at_once(&self) -> SyncStatus {
        let at = self.view().held.as_ref().map(|held| held.position.clone());
        let free = self.outbox_at_once();
        let open = free.as_ref().and_then(|outbox| outbox.as_ref());
        let counted = open.and_then(|outbox| outbox.pending(at.as_ref()).ok());
        drop(free);
        self.status_with(counted)
    }

    fn status_with(&self, counted: Option<u64>) -> SyncStatus {
        let view = self.view();
        // A file that can't be read is no empty one.
        let pending = counted.unwrap_or_else(|| u64::try_from(view.overlay.len()).unwrap_or(u64::MAX));
        let held = view.held.as_ref();
        let (metrics, drain) = {
            let desk = self.desk();
            (desk.metrics.view(), desk.drain)
        };
        SyncStatus {
            link: view.link,
            epoch: held.map(|held| held.position.epoch.0.clone()),
            cursor: held.map(|held| held.position.seq),
            head: held.map(|held| view.head.max(held.position.seq)),
            pending,
            oldest_pending_at: view.overlay.oldest_at().map(VenueTime::to_iso),
            attention: view.venue.as_ref().map_or(0, |venue| venue.attention().count()),
            places: view.places(&self.device.id),
            drain,
            clock_offset_ms: view.clock.offset_ms(),
            clock_uncertainty_ms: view.clock.uncertainty_ms(),
            state_hash: view.hash.clone(),
            in_sync: view.agreed && view.file_checked && !view.file_differs,
            last_sync_at: view.last_sync_at.map(VenueTime::to_iso),
            offline_since: view.offline_since.map(VenueTime::to_iso),
            hash_mismatches: metrics.link.hash_mismatches,
            differs: view.differs.clone(),
            problem: view.outbox_problem.as_ref().or(view.problem.as_ref()).cloned(),
            notices: view.notices.clone(),
            device: self.device.clone(),
            metrics,
        }
    }
}
