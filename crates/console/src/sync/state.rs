//! What the synchronisation knows.

use std::collections::{BTreeMap, VecDeque};

use gangway_domain::ids::{EventId, Position, Seq};
use serde::Serialize;

use super::{
    effect::SnapshotReason,
    input::{FetchId, LinkId},
    message::{LoggedEvent, SyncHead},
};

/// How many (seq, hash) pairs are kept for the heartbeat (`sync.md` rule 5).
pub const HASHES_KEPT: usize = 64;
/// How many event ids are kept, to tell a repeat from an event that can't be.
pub const IDS_KEPT: usize = 512;
/// How many events wait for a running catch-up; more are left to the log.
pub const WAITING_MAX: usize = 2_000;
/// Shortest time between the starts of two catch-ups (`sync.md` rule 6).
pub const CATCH_UP_EVERY_MS: u64 = 1_000;
/// How long a heartbeat may be ahead of its events before that is a gap.
pub const BEHIND_GRACE_MS: u64 = 300;
/// Longest wait after failed fetches or repeated mismatches.
pub const RETRY_MAX_MS: u64 = 30_000;
/// Heartbeat until the server says.
pub const INTERVAL_DEFAULT_MS: u64 = 5_000;

/// Where the cache stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which log, and the last event applied of it.
    pub position: Position,
    /// The id of that event, if it is known.
    pub event_id: Option<EventId>,
}

/// The link as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    /// The socket stands and every known event is applied.
    Live,
    /// The socket stands and events or a snapshot are being fetched.
    CatchingUp,
    /// A connection is being tried.
    Connecting,
    /// Waiting for the next try.
    Offline,
}

/// The link and what goes on over it.
#[derive(Debug)]
pub enum Link {
    /// Waiting for the next try.
    Offline,
    /// Trying.
    Connecting,
    /// Up, and behind.
    CatchingUp(Up),
    /// Up, and every known event is applied.
    Live(Up),
}

/// What is known of a link that stands.
#[derive(Debug)]
pub struct Up {
    /// Which.
    pub link: LinkId,
    /// It answered with what belongs to the held rows; before, nothing is sent to it.
    pub own_server: bool,
    /// When something was last heard.
    pub heard_ms: u64,
    /// When the last heartbeat was heard, or the link came up.
    pub head_ms: u64,
    /// How often the heartbeat comes.
    pub interval_ms: u64,
    /// The state hashes were equal at one seq on this link, and nothing was wrong since.
    pub agreed: bool,
    /// A heartbeat's hash whose place is not reached yet.
    pub awaited: Option<(Seq, String)>,
    /// The last heartbeat that came before there was anything to compare.
    pub early_head: Option<SyncHead>,
    /// The fetch that runs or waits.
    pub fetch: Fetch,
    /// What was wanted while a fetch ran: one more after it.
    pub again: Option<Want>,
    /// No catch-up starts before.
    pub not_before_ms: u64,
    /// Failed fetches in a row.
    pub failures: u32,
    /// Mismatches in a row.
    pub mismatches: u32,
    /// The heartbeat, or a command's outcome, is ahead of the events since then.
    pub behind_since_ms: Option<(Seq, u64)>,
    /// Events of a unit whose last is not here yet.
    pub unit: Vec<LoggedEvent>,
    /// Events that wait for a running fetch, with the number of fetches begun when they came.
    pub waiting: BTreeMap<Seq, (FetchId, LoggedEvent)>,
    /// Events up to here may still come without meaning anything: a snapshot overtook them.
    pub overtaken: Seq,
}

/// A fetch. There is at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Nothing is wanted.
    Idle,
    /// It begins then.
    Due {
        /// What is wanted.
        want: Want,
        /// When.
        at_ms: u64,
    },
    /// Asked for events.
    Events(FetchId),
    /// Asked for a snapshot.
    Snapshot(FetchId),
}

/// What to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The events after the cursor.
    Events,
    /// Everything.
    Snapshot(SnapshotReason),
}

/// The whole of it.
#[derive(Debug)]
pub struct State {
    /// The link.
    pub link: Link,
    /// What the cache holds; none before the first snapshot.
    pub held: Option<Held>,
    /// The last place of the log that an authenticated answer named.
    pub head: Seq,
    /// The last unit ends with their hash, oldest first.
    pub hashes: VecDeque<(Seq, String)>,
    /// The last applied events, oldest first.
    pub ids: VecDeque<(Seq, EventId)>,
    /// Fetches begun so far.
    pub fetches: FetchId,
    /// The cache was found wrong before there was a link.
    pub repair: bool,
}

impl State {
    /// The state at the start: what the cache holds with the hash recomputed from its rows. `repair` says
    /// that they are not those that were applied.
    pub fn new(held: Option<Held>, hash: &str, repair: bool) -> Self {
        let mut state = Self {
            link: Link::Offline,
            head: held.as_ref().map_or(0, |held| held.position.seq),
            held: None,
            hashes: VecDeque::new(),
            ids: VecDeque::new(),
            fetches: 0,
            repair,
        };
        state.stand(held, Some(hash));
        state
    }

    /// The link as people see it.
    pub fn link_state(&self) -> LinkState {
        match &self.link {
            Link::Offline => LinkState::Offline,
            Link::Connecting => LinkState::Connecting,
            Link::CatchingUp(_) => LinkState::CatchingUp,
            Link::Live(_) => LinkState::Live,
        }
    }

    /// Whether the hashes agreed on this link and everything known is applied (`sync.md` rule 5).
    pub fn in_sync(&self) -> bool {
        match &self.link {
            Link::Live(up) => up.agreed,
            Link::Offline | Link::Connecting | Link::CatchingUp(_) => false,
        }
    }

    /// Whether who answers on this link is known to be the server of the rows that are held.
    pub fn is_own_server(&self) -> bool {
        match &self.link {
            Link::CatchingUp(up) | Link::Live(up) => up.own_server,
            Link::Offline | Link::Connecting => false,
        }
    }

    /// The last applied place; 0 before the first snapshot.
    pub fn cursor(&self) -> Seq {
        self.held.as_ref().map_or(0, |held| held.position.seq)
    }

    /// The link that stands.
    pub fn up(&mut self) -> Option<&mut Up> {
        match &mut self.link {
            Link::CatchingUp(up) | Link::Live(up) => Some(up),
            Link::Offline | Link::Connecting => None,
        }
    }

    /// When [`super::step::step`] wants a tick, if nothing else happens before.
    pub fn deadline_ms(&self) -> Option<u64> {
        let (Link::CatchingUp(up) | Link::Live(up)) = &self.link else { return None };
        let due = match up.fetch {
            Fetch::Due { at_ms, .. } => Some(at_ms),
            Fetch::Idle | Fetch::Events(_) | Fetch::Snapshot(_) => None,
        };
        let behind = up.behind_since_ms.map(|(_, since)| since + BEHIND_GRACE_MS);
        [Some(up.silent_at_ms()), due, behind].into_iter().flatten().min()
    }

    /// The cache stands there now, with this hash; nothing older counts any more.
    pub(super) fn stand(&mut self, held: Option<Held>, hash: Option<&str>) {
        self.hashes.clear();
        self.ids.clear();
        if let Some(held) = &held {
            if let Some(hash) = hash {
                self.hashes.push_back((held.position.seq, hash.to_owned()));
            }
            if let Some(id) = &held.event_id {
                self.ids.push_back((held.position.seq, id.clone()));
            }
        }
        self.held = held;
    }

    /// The hash at `seq`, if it is among the last.
    pub(super) fn hash_at(&self, seq: Seq) -> Option<&str> {
        self.hashes.iter().rev().find(|(at, _)| *at == seq).map(|(_, hash)| hash.as_str())
    }

    pub(super) fn remember_hash(&mut self, seq: Seq, hash: String) {
        if self.hashes.len() == HASHES_KEPT {
            self.hashes.pop_front();
        }
        self.hashes.push_back((seq, hash));
    }

    pub(super) fn remember_id(&mut self, seq: Seq, id: &EventId) {
        if self.ids.len() == IDS_KEPT {
            self.ids.pop_front();
        }
        self.ids.push_back((seq, id.clone()));
    }

    /// The id of the event at `seq`, if it is among the last.
    pub(super) fn id_at(&self, seq: Seq) -> Option<&EventId> {
        self.ids.iter().rev().find(|(at, _)| *at == seq).map(|(_, id)| id)
    }
}

impl Up {
    /// A link that came up just now: everything is still to be asked.
    pub(super) fn new(link: LinkId, now_ms: u64) -> Self {
        Self {
            link,
            own_server: false,
            heard_ms: now_ms,
            head_ms: now_ms,
            interval_ms: INTERVAL_DEFAULT_MS,
            agreed: false,
            awaited: None,
            early_head: None,
            fetch: Fetch::Idle,
            again: None,
            not_before_ms: now_ms,
            failures: 0,
            mismatches: 0,
            behind_since_ms: None,
            unit: Vec::new(),
            waiting: BTreeMap::new(),
            overtaken: 0,
        }
    }

    /// From when on the silence means that the link is dead: two intervals after the last heartbeat, when the second in
    /// a row is due. Heartbeats come in order with all else, so one that is late behind events is no silence: what is
    /// heard instead of it keeps the link for one interval more.
    pub(super) fn silent_at_ms(&self) -> u64 {
        (self.head_ms + 2 * self.interval_ms).max(self.heard_ms + self.interval_ms)
    }

    /// Whether a fetch was sent and not answered.
    pub(super) fn is_fetching(&self) -> bool {
        match self.fetch {
            Fetch::Events(_) | Fetch::Snapshot(_) => true,
            Fetch::Idle | Fetch::Due { .. } => false,
        }
    }

    /// The place that the next event has to follow.
    pub(super) fn reached(&self, cursor: Seq) -> Seq {
        self.unit.last().map_or(cursor, |event| event.seq)
    }
}
