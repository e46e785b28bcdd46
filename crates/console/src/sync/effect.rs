//! What the synchronisation wants done.

use gangway_domain::ids::Epoch;

use super::{
    input::{FetchId, LinkId},
    message::LoggedEvent,
    state::Held,
};
use crate::net::EventsAfter;

/// One command's events (`sync.md` rule 3): applied in one transaction or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit(pub Vec<LoggedEvent>);

/// Why a snapshot is fetched; a repair reports what differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotReason {
    /// There is no cache, or the log can't say what followed it.
    Behind,
    /// The rows are not the server's, or not those that were applied.
    Repair,
}

/// Something to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask for the events after a place.
    FetchEvents {
        /// To be named in the answer.
        fetch: FetchId,
        /// Which.
        after: EventsAfter,
    },
    /// Load a snapshot beside the cache.
    FetchSnapshot {
        /// To be named in the answer.
        fetch: FetchId,
        /// Why.
        reason: SnapshotReason,
    },
    /// Forget the running fetch.
    CancelFetch,
    /// Commit units and cursor in one transaction.
    Apply {
        /// In order.
        units: Vec<Unit>,
        /// Where the cache stands afterwards.
        held: Held,
    },
    /// Put the staged snapshot in the cache's place.
    Swap {
        /// Where the cache stands afterwards.
        held: Held,
    },
    /// Look whether another process changed the cache file.
    CheckFile,
    /// Give this link up: it is dead.
    DropLink {
        /// Which.
        link: LinkId,
    },
    /// The link works: the next try may start without waiting long.
    ConfirmLink,
    /// Something to count and log.
    Note(Note),
}

/// What is counted and logged, with nothing else to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// Events are missing after the cursor.
    Gap,
    /// An event that can't be: a place from the past with another id, or one that the log does not have.
    Impossible(String),
    /// An event or heartbeat of another log than the held one.
    OtherEpoch(Epoch),
    /// Nothing was heard for too long.
    Silence,
    /// The rows are not the server's.
    HashMismatch {
        /// Compared there.
        seq: u64,
        /// Of the cache.
        ours: String,
        /// Of the server.
        theirs: String,
    },
}
