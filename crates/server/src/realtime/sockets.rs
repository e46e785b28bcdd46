//! The sockets that are connected, how much each has not read yet, and how far each says that it is.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use gangway_domain::ids::{DeviceId, Position};
use tokio::time::{Duration, Instant};

use super::Profile;
use crate::net::connection::Connection;

/// Unsent bytes past which a socket is closed (`sync.md` rule 7).
pub const UNSENT_MAX: u64 = 4 << 20;
/// Between two acknowledgements of a socket that count.
const ACK_INTERVAL: Duration = Duration::from_secs(1);
/// Upgrades that may wait for their socket's CONNECT packet.
const UPGRADES_MAX: usize = 1_024;

/// One socket.
pub struct Entry {
    /// What it wants.
    pub profile: Profile,
    /// Which desk it says it is.
    pub device_id: Option<DeviceId>,
    queued: AtomicU64,
    polled: AtomicU64,
    transport: Mutex<Option<Arc<Connection>>>,
    acked: Mutex<(Option<Position>, Option<Instant>)>,
    leave: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Entry {
    /// A socket that came over `transport`, or by polling.
    pub fn new(profile: Profile, device_id: Option<DeviceId>, transport: Option<Arc<Connection>>) -> Self {
        Self {
            profile,
            device_id,
            queued: AtomicU64::new(0),
            polled: AtomicU64::new(0),
            transport: Mutex::new(transport),
            acked: Mutex::new((None, None)),
            leave: None,
        }
    }

    /// With what takes it out of its room.
    pub fn leaving(mut self, leave: impl Fn() + Send + Sync + 'static) -> Self {
        self.leave = Some(Box::new(leave));
        self
    }

    /// The connection that is its own, once it has one.
    pub fn connection(&self) -> Option<Arc<Connection>> {
        self.transport.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts `bytes` that were queued for it; says how many are unsent now.
    ///
    /// What the system took holds framing and pings too, so a socket that has read everything is ahead;
    /// it starts even with the next packet. While it lags, the count is short by the framing alone.
    pub fn queue(&self, bytes: u64) -> u64 {
        let sent = self.sent();
        let queued = self.queued.load(Relaxed).max(sent) + bytes;
        self.queued.store(queued, Relaxed);
        queued - sent
    }

    fn sent(&self) -> u64 {
        self.polled.load(Relaxed) + self.connection().map_or(0, |connection| connection.written())
    }

    /// How many bytes are unsent.
    pub fn unsent(&self) -> u64 {
        self.queued.load(Relaxed).saturating_sub(self.sent())
    }

    /// Breaks its connection, if it has one of its own.
    pub fn close(&self) {
        if let Some(connection) = self.connection() {
            connection.close();
        }
    }

    /// How far it says that it is, at most once a second. Says whether it counted.
    pub fn acknowledge(&self, position: Position) -> bool {
        let mut acked = self.acked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if acked.1.is_some_and(|at| now.duration_since(at) < ACK_INTERVAL) {
            return false;
        }
        *acked = (Some(position), Some(now));
        true
    }

    /// How far it said last that it is.
    pub fn acknowledged(&self) -> Option<Position> {
        self.acked.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

#[derive(Default)]
struct Table {
    entries: HashMap<String, Arc<Entry>>,
    upgrades: HashMap<String, Arc<Connection>>,
    /// Polling sockets that were given up: their next poll is told so.
    dropped: HashMap<String, Instant>,
}

/// All sockets, by engine.io session.
#[derive(Default)]
pub struct Sockets {
    table: Mutex<Table>,
}

impl Sockets {
    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a socket.
    pub fn add(&self, sid: &str, entry: Entry) -> Arc<Entry> {
        let mut table = self.lock();
        let entry = Arc::new(entry);
        if let Some(connection) = table.upgrades.remove(sid) {
            *entry.transport.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        }
        table.entries.insert(sid.to_owned(), entry.clone());
        entry
    }

    /// Forgets a socket.
    pub fn remove(&self, sid: &str) {
        let mut table = self.lock();
        table.entries.remove(sid);
        table.upgrades.remove(sid);
    }

    /// A session that began by polling goes on over a websocket.
    pub fn upgrade(&self, sid: &str, connection: &Arc<Connection>) {
        let mut table = self.lock();
        match table.entries.get(sid) {
            Some(entry) => {
                *entry.transport.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
            }
            None if table.upgrades.len() < UPGRADES_MAX => {
                table.upgrades.insert(sid.to_owned(), connection.clone());
            }
            // It can't be closed for being slow then, but the full channel still stops it.
            None => {}
        }
    }

    /// Counts what a poll took.
    pub fn polled(&self, sid: &str, bytes: u64) {
        if let Some(entry) = self.lock().entries.get(sid) {
            entry.polled.fetch_add(bytes, Relaxed);
        }
    }

    /// How many sockets a room has.
    pub fn count(&self, profile: Profile) -> usize {
        self.lock().entries.values().filter(|entry| entry.profile == profile).count()
    }

    /// Counts `bytes` as queued for all of a room; gives those that are past the bound.
    pub fn queue(&self, profile: Profile, bytes: u64) -> (usize, Vec<String>) {
        let table = self.lock();
        let mut receivers = 0;
        let mut slow = Vec::new();
        for (sid, entry) in table.entries.iter().filter(|(_, entry)| entry.profile == profile) {
            receivers += 1;
            if entry.queue(bytes) > UNSENT_MAX {
                slow.push(sid.clone());
            }
        }
        (receivers, slow)
    }

    /// The unsent bytes of the socket that has most of them.
    pub fn most_unsent(&self) -> u64 {
        self.lock().entries.values().map(|entry| entry.unsent()).max().unwrap_or(0)
    }

    /// The sockets of a room.
    pub fn of(&self, profile: Profile) -> Vec<String> {
        let table = self.lock();
        let of = table.entries.iter().filter(|(_, entry)| entry.profile == profile);
        of.map(|(sid, _)| sid.clone()).collect()
    }

    /// The desks whose sockets are in a room.
    pub fn devices(&self, profile: Profile) -> BTreeSet<DeviceId> {
        let table = self.lock();
        let of = table.entries.values().filter(|entry| entry.profile == profile);
        of.filter_map(|entry| entry.device_id.clone()).collect()
    }

    /// Whether a device has a socket.
    pub fn has_device(&self, device: &DeviceId) -> bool {
        self.lock().entries.values().any(|entry| entry.device_id.as_ref() == Some(device))
    }

    /// How many desks have applied everything up to `position`, as they say themselves.
    pub fn seen_by(&self, position: &Position) -> usize {
        let table = self.lock();
        let lean = table.entries.iter().filter(|(_, entry)| entry.profile == Profile::Lean);
        let seen = lean.filter(|(_, entry)| {
            entry.acknowledged().is_some_and(|acked| acked.epoch == position.epoch && acked.seq >= position.seq)
        });
        // One that says no name is a desk of its own.
        seen.map(|(sid, entry)| entry.device_id.as_ref().map_or(sid.as_str(), DeviceId::as_str))
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// Gives a socket up: its connection breaks, and what it polls is refused.
    pub fn give_up(&self, sid: &str) {
        let mut table = self.lock();
        table.dropped.retain(|_, at| at.elapsed() < Duration::from_secs(120));
        table.dropped.insert(sid.to_owned(), Instant::now());
        if let Some(entry) = table.entries.remove(sid) {
            entry.close();
        }
    }

    /// Closes the sockets of a device that may not listen any more; says how many. One that polls is out of its room
    /// at once and hears so with its next poll.
    pub fn close_device(&self, device: &DeviceId) -> usize {
        let of: Vec<(String, Arc<Entry>)> = {
            let table = self.lock();
            let of = table.entries.iter().filter(|(_, entry)| entry.device_id.as_ref() == Some(device));
            of.map(|(sid, entry)| (sid.clone(), entry.clone())).collect()
        };
        for (sid, entry) in &of {
            if let Some(leave) = &entry.leave {
                leave();
            }
            self.give_up(sid);
        }
        of.len()
    }

    /// Whether a session was given up.
    pub fn is_given_up(&self, sid: &str) -> bool {
        self.lock().dropped.contains_key(sid)
    }

    /// Forgets the sockets that are `gone` without having said so.
    pub fn prune(&self, mut gone: impl FnMut(&str) -> bool) {
        let mut table = self.lock();
        table.entries.retain(|sid, _| !gone(sid));
        table.upgrades.retain(|_, connection| Arc::strong_count(connection) > 1);
    }

    /// The socket of a session.
    pub fn get(&self, sid: &str) -> Option<Arc<Entry>> {
        self.lock().entries.get(sid).cloned()
    }
}
