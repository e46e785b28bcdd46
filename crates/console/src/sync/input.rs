//! What can happen to the synchronisation.

use gangway_domain::ids::Seq;

use super::{
    message::{EventsPage, Incoming},
    state::Held,
};

/// A link, counted from 1 since the start; what belongs to an earlier one is ignored.
pub type LinkId = u64;
/// A fetch, counted from 1 since the start; answers to earlier ones are ignored.
pub type FetchId = u64;

/// When an input happens, and the chance that it brings, so that `step` needs neither.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Monotonic milliseconds.
    pub now_ms: u64,
    /// In `[0, 1)`.
    pub fraction: f64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection is being tried.
    Connecting,
    /// The try failed.
    ConnectFailed,
    /// It stands.
    Up {
        /// Which.
        link: LinkId,
    },
    /// It is gone.
    Down {
        /// Which.
        link: LinkId,
    },
    /// Something was heard on it.
    Heard {
        /// Which.
        link: LinkId,
        /// What.
        incoming: Incoming,
    },
    /// Something was heard that is not what it should be (counted already).
    Malformed {
        /// Which link.
        link: LinkId,
    },
    /// More was heard than could be kept.
    Overflow {
        /// Which link.
        link: LinkId,
    },
    /// The server answered with a page.
    Page {
        /// To which fetch.
        fetch: FetchId,
        /// The page.
        page: EventsPage,
    },
    /// The server answered that its log can't say (410).
    SnapshotRequired {
        /// To which fetch.
        fetch: FetchId,
    },
    /// A snapshot is whole and waits to be swapped in.
    SnapshotStaged {
        /// Of which fetch.
        fetch: FetchId,
        /// Where it stands.
        held: Held,
        /// The hash computed from its rows.
        hash: String,
        /// The hash that the server named.
        named: Option<String>,
    },
    /// The fetch has no answer.
    FetchFailed {
        /// Which.
        fetch: FetchId,
    },
    /// Units were committed; their ends and the hash there.
    Applied {
        /// In order.
        hashes: Vec<(Seq, String)>,
    },
    /// The cache could not be written; it stands where it says.
    ApplyFailed {
        /// What it holds.
        held: Option<Held>,
    },
    /// Another process changed the cache file, and its rows are not those that were applied.
    FileDiffers,
    /// An authenticated answer named a place of the log (the outcome of a command).
    HeadKnown {
        /// The place.
        seq: Seq,
    },
    /// Time has passed.
    Tick,
}
