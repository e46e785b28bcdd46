//! From the committed log to the sockets: one task, in order, in batches (`sync.md` rule 7).
//!
//! ```text
//! commit notice or 1 s ──> read ≤ 256 events ──> mirror ──> packets ──> queue ──> emitter (rooms)
//! ```
//!
//! The task shares its thread with the sockets' tasks and does not yield while it emits a chunk, so that
//! each socket finds the whole chunk in its channel and flushes once. It never touches persistence.

pub mod mirror;
pub mod packet;
pub mod queue;
mod stats;

use std::{sync::Arc, time::Duration};

use gangway_domain::time::VenueTime;
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior},
};

use self::{
    mirror::{Place, SharedMirror, place_after},
    packet::{Packet, Packets, raw, to_json},
    queue::{Emission, EmissionQueue, Emitter},
    stats::StatsThrottle,
};
use crate::{
    access::table::{self, Hears},
    clock::Clock,
    metrics::Metrics,
    realtime::Profile,
    store::{Head, LoggedEvent, StoreError, threads::StoreThreads},
};

/// Events read at once.
const BATCH: usize = 256;
/// A missed notice costs at most this.
const POLL: Duration = Duration::from_secs(1);
/// Between two heartbeats, in ms (`sync.md` rule 10).
pub const HEAD_INTERVAL_MS: u64 = 5_000;
/// Unsent bytes of one socket above which the dispatcher pauses between two chunks.
const BACKLOG_CALM: u64 = 1 << 20;
/// One pause; a client on a local network reads a chunk in less.
const PAUSE: Duration = Duration::from_millis(10);
/// Pauses after one chunk at most: nobody can hold up the others for longer.
const PAUSES_MAX: usize = 10;
/// Events are not read while this many packets wait.
const QUEUE_MAX: usize = 2 * BATCH;

/// Payloads that are emitted without being logged.
#[derive(Debug)]
pub enum Notice {
    /// `cart:updated`, a JSON object.
    Cart(String),
    /// `sync:lease`: desks are to say at once which places they hold.
    Lease,
}

/// The dispatcher's task.
pub struct Dispatcher<E> {
    /// Where the log is.
    pub store: StoreThreads,
    /// Follows the log.
    pub mirror: Arc<SharedMirror>,
    /// The socket layer.
    pub emitter: E,
    /// Venue time.
    pub clock: Arc<dyn Clock>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// What was emitted so far, for the heartbeat.
    pub emitted: Arc<watch::Sender<Place>>,
    /// Not logged events to emit.
    pub notices: mpsc::Receiver<Notice>,
}

/// What the loop keeps between its turns.
struct Turn {
    queue: EmissionQueue,
    stats: StatsThrottle,
    /// A failed emission is not tried before.
    retry_at: Option<Instant>,
    /// The log may have more than was read.
    behind: bool,
}

impl<E: Emitter> Dispatcher<E> {
    /// Runs until `stop` is set; then emits what is committed, once more, and ends.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut turn =
            Turn { queue: EmissionQueue::default(), stats: StatsThrottle::default(), retry_at: None, behind: true };
        let mut heartbeat = tokio::time::interval(Duration::from_millis(HEAD_INTERVAL_MS));
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A socket layer that fails must not hold up the mirror, which answers reads.
            if turn.behind && (turn.queue.len() < QUEUE_MAX || turn.retry_at.is_some()) {
                self.read(&mut turn).await;
            }
            if turn.retry_at.is_none_or(|at| at <= Instant::now()) {
                self.pump(&mut turn);
            }
            let stats_at = self.emit_stats(&mut turn);
            let idle = !turn.behind && (turn.queue.is_empty() || turn.retry_at.is_some());
            if idle && *stop.borrow() {
                return;
            }
            if !idle {
                self.pace().await;
                continue;
            }
            let commits = self.store.commits().clone();
            // What is rare comes first, so that commits without end hold up neither heartbeat nor figures.
            tokio::select! {
                biased;
                Ok(()) = stop.changed() => turn.behind = true,
                _ = heartbeat.tick() => self.emit_heads(),
                () = sleep_until(turn.retry_at) => {}
                () = sleep_until(stats_at) => {}
                Some(notice) = self.notices.recv() => self.push_notice(&mut turn, notice),
                () = commits.changed() => turn.behind = true,
                () = tokio::time::sleep(POLL) => turn.behind = true,
            }
        }
    }

    /// Reads the next events, moves the mirror, and queues their packets.
    async fn read(&self, turn: &mut Turn) {
        let after = self.mirror.with(|mirror| mirror.place.seq);
        let read = self.store.read(move |view| Ok((view.head()?, view.events_after(after, BATCH)?))).await;
        let queued = read.and_then(|(head, events)| {
            turn.behind = events.len() >= BATCH;
            self.follow(&head, &events, turn)
        });
        if let Err(error) = queued {
            // The next notice or second tries again; nothing is lost by it.
            tracing::error!(%error, "the log can't be read");
            turn.behind = false;
        }
    }

    fn follow(&self, head: &Head, events: &[LoggedEvent], turn: &mut Turn) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (before, packets) = self.mirror.update(|mirror| {
            let before = mirror.place.clone();
            mirror.follow(events)?;
            mirror.place.epoch = head.epoch.clone();
            mirror.venue.keep_totals(now);
            let packets =
                if events.is_empty() { None } else { Some(Packets::new(&head.epoch, events, &mirror.venue, now)?) };
            Ok::<_, StoreError>((before, packets))
        })?;
        let renewed = before.epoch != head.epoch;
        let mut place = Place { epoch: head.epoch.clone(), ..before };
        let rooms = self.emitter.rooms();
        for (event, packets) in events.iter().zip(packets.iter().cycle()) {
            let after = place_after(&place, event);
            let before = std::mem::replace(&mut place, after);
            for room in &rooms {
                packets.of(event, *room, (&before, &place))?.into_iter().for_each(|packet| turn.queue.push(packet));
            }
        }
        if renewed {
            self.emitted.send_modify(|place| place.epoch = head.epoch.clone());
            self.emit_heads();
        }
        turn.stats.changed(!events.is_empty());
        Ok(())
    }

    /// Gives the sockets their turn to write. Where one is far behind it also gets a moment to read, so that
    /// a burst does not cost healthy clients their connection; one that does not read gets closed after few.
    async fn pace(&self) {
        tokio::task::yield_now().await;
        for _ in 0..PAUSES_MAX {
            if self.emitter.backlog() <= BACKLOG_CALM {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn pump(&self, turn: &mut Turn) {
        let wait = turn.queue.pump(&self.emitter, &mut |emission| self.saw(emission));
        turn.retry_at = wait.map(|wait| Instant::now() + wait);
    }

    fn saw(&self, emission: Emission) {
        match emission {
            Emission::Sent(packet, sent) => {
                self.saw_sent(&packet, sent.receivers);
                self.reached(packet.place);
            }
            Emission::Failed { name, error, wait } => {
                self.metrics.emission_failed(name);
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(event = name, %error, wait_ms, "emission failed; trying again");
            }
            Emission::Skipped(packet, error) => {
                self.metrics.emission_skipped(packet.name);
                tracing::error!(event = packet.name, seq = packet.seq, %error, "emission given up; the log heals it");
                self.reached(packet.place);
            }
        }
    }

    fn saw_sent(&self, packet: &Packet, receivers: usize) {
        let bytes = packet.bytes();
        self.metrics.emitted(packet.name, packet.room, bytes, receivers);
        if let Some(committed_at) = packet.committed_at {
            let lag_ms = self.clock.now().since(committed_at).max(0).unsigned_abs();
            self.metrics.emission_lag(Duration::from_millis(lag_ms));
        }
        tracing::info!(
            target: "gangway_server::emission",
            event = packet.name, seq = packet.seq, room = packet.room.as_str(), bytes, receivers, "emitted"
        );
    }

    fn reached(&self, place: Option<Place>) {
        if let Some(place) = place {
            // What was queued before a new epoch began knows the old one only.
            self.metrics.logged(place.seq.saturating_sub(self.emitted.borrow().seq));
            self.emitted.send_modify(|emitted| *emitted = Place { epoch: emitted.epoch.clone(), ..place });
        }
    }

    /// Emits the figures if they changed and their time has come; returns when that is.
    fn emit_stats(&self, turn: &mut Turn) -> Option<Instant> {
        let now = Instant::now();
        if !turn.stats.is_due(now) {
            return turn.stats.due_at();
        }
        let venue_now = self.clock.now();
        self.mirror.keep_totals(venue_now);
        let (stats, place) = self.mirror.with(|mirror| (mirror.venue.dashboard_stats(venue_now), mirror.place.clone()));
        if turn.stats.take(now, &stats) {
            let meta = json!({ "epoch": place.epoch, "head": place.full_seq });
            self.push(&mut turn.queue, "dashboard:stats:updated", to_json(&stats), Some(to_json(&meta)));
        }
        turn.stats.due_at()
    }

    fn push_notice(&self, turn: &mut Turn, notice: Notice) {
        let payload = match notice {
            Notice::Cart(payload) => payload,
            Notice::Lease => {
                if let Ok(payload) = raw("{}".to_owned()) {
                    let (name, room) = ("sync:lease", Profile::Lean);
                    turn.queue.push(Packet {
                        name,
                        room,
                        seq: None,
                        payload,
                        meta: None,
                        committed_at: None,
                        place: None,
                    });
                }
                return;
            }
        };
        let place = self.emitted.borrow().clone();
        let meta = json!({ "epoch": place.epoch, "head": place.full_seq });
        self.push(&mut turn.queue, "cart:updated", Ok(payload), Some(to_json(&meta)));
    }

    /// Queues an event that is not logged for all who hear it, but for the consoles, which count for themselves.
    fn push(
        &self,
        queue: &mut EmissionQueue,
        name: &'static str,
        payload: Result<String, StoreError>,
        meta: Option<Result<String, StoreError>>,
    ) {
        let made = payload.and_then(raw).and_then(|payload| Ok((payload, meta.transpose()?.map(raw).transpose()?)));
        match made {
            Ok((payload, meta)) => {
                let hear = |room: &Profile| *room != Profile::Lean && table::hears(*room, name) != Hears::Nothing;
                for room in self.emitter.rooms().into_iter().filter(hear) {
                    let (payload, meta) = (payload.clone(), meta.clone());
                    queue.push(Packet { name, room, seq: None, payload, meta, committed_at: None, place: None });
                }
            }
            Err(error) => tracing::error!(event = name, %error, "an event could not be written"),
        }
    }

    /// The heartbeat, to all rooms. One that fails is not tried again: the next comes by itself.
    fn emit_heads(&self) {
        let (open, lent) = self.mirror.with(|mirror| (mirror.venue.attention().count(), mirror.venue.lent()));
        self.metrics.standing(open, lent);
        for room in self.emitter.rooms() {
            self.metrics.connections(room, self.emitter.receivers(room));
            let place = self.emitted.borrow().clone();
            match head_packet(&place, room, self.clock.now()) {
                Ok(packet) => match self.emitter.emit(&packet) {
                    Ok(sent) => self.metrics.emitted(packet.name, room, packet.bytes(), sent.receivers),
                    Err(error) => {
                        self.metrics.emission_failed(packet.name);
                        tracing::warn!(%error, room = room.as_str(), "the heartbeat failed");
                    }
                },
                Err(error) => tracing::error!(%error, "the heartbeat could not be written"),
            }
        }
    }
}

/// `sync:head` for a room (`sync.md` rules 2, 5 and 10).
///
/// # Errors
/// It can't be written.
pub fn head_packet(place: &Place, room: Profile, now: VenueTime) -> Result<Packet, StoreError> {
    let payload = json!({
        "epoch": place.epoch,
        "head": place.last(room),
        "seq": place.seq,
        "serverTime": now.to_iso(),
        // Of rows that a narrow room does not see, so there it could be compared with nothing.
        "stateHash": Profile::ALL.contains(&room).then(|| place.state_hash.to_hex()),
        "intervalMs": HEAD_INTERVAL_MS,
    });
    let payload = raw(payload.to_string())?;
    Ok(Packet { name: "sync:head", room, seq: None, payload, meta: None, committed_at: None, place: None })
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
