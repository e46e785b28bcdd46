//! How the console stands: `status`, and `["syncStatus"]` for the window.

use gangway_domain::ids::Seq;
use serde::Serialize;

use crate::{
    cache::RowDifference,
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
