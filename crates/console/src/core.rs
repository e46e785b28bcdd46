//! What the parts of a console share: the rows in memory, the two files, the ports, and who waits for what.
//!
//! Locks are held for one short, synchronous piece of work and never across an `await`; where two are held,
//! the order is file, then [`View`], then [`Desk`].

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        atomic::AtomicBool,
    },
};

use gangway_domain::{
    ids::{Epoch, Position, Seq},
    time::VenueTime,
    venue::Venue,
};
use gangway_plants::Plant;
use serde_json::Value;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Notify, broadcast, mpsc, oneshot, watch},
};

use crate::{
    cache::{Cache, Contact},
    metrics::Metrics,
    net::{Chance, Clock, Executor, Rest},
    outbox::{Outbox, OutboxError, sender::Drain},
    overlay::Overlay,
    problem::{Notice, Problem},
    query::{answer, coalesce::Pending, key::Topic, push::Push, subscriptions::Subscriptions},
    status::{Device, DifferenceReport, FoundBy, FreshState, Freshness},
    sync::{
        input::Input,
        state::{Held, LinkState},
        venue_clock::{Readings, VenueClock},
    },
};

/// What queries see.
#[derive(Debug)]
pub(crate) struct View {
    /// What is shown: the confirmed rows with the pending commands on top; none before the first snapshot.
    pub(crate) venue: Option<Venue>,
    /// The pending commands.
    pub(crate) overlay: Overlay,
    /// Where the confirmed rows stand.
    pub(crate) held: Option<Held>,
    /// Where their log left the one before, if the server knows (`sync.md` rule 8).
    pub(crate) epoch_base: Option<Position>,
    /// Whose they are, if a server said.
    pub(crate) venue_id: Option<String>,
    /// Their hash.
    pub(crate) hash: Option<String>,
    /// The last place that the server named.
    pub(crate) head: Seq,
    /// The link.
    pub(crate) link: LinkState,
    /// Who answers on this link is known to be the venue's server.
    pub(crate) is_own_server: bool,
    /// The hashes agreed on this link.
    pub(crate) agreed: bool,
    /// The rows on disk are known to be those that were committed; looked at after the start.
    pub(crate) file_checked: bool,
    /// The file was found changed, and is not repaired yet.
    pub(crate) file_differs: bool,
    /// Venue time.
    pub(crate) clock: VenueClock,
    /// When the server was last heard.
    pub(crate) last_sync_at: Option<VenueTime>,
    /// Since when there is no link.
    pub(crate) offline_since: Option<VenueTime>,
    /// What was last found to differ.
    pub(crate) differs: Option<DifferenceReport>,
    /// Why there is no link.
    pub(crate) problem: Option<Problem>,
    /// Why the outbox could not be written the last time; none: it could.
    pub(crate) outbox_problem: Option<Problem>,
    /// What was done with unusable files.
    pub(crate) notices: Vec<Notice>,
}

impl View {
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness {
            state: if self.link == LinkState::Live { FreshState::Live } else { FreshState::Stale },
            as_of_seq: self.held.as_ref().map(|held| held.position.seq),
            last_sync_at: self.last_sync_at.map(VenueTime::to_iso),
        }
    }

    /// Whether a command can be sent: the socket stands, and it is the venue's server that answers.
    pub(crate) fn can_send(&self) -> bool {
        self.is_up() && self.is_own_server
    }

    /// Whether the socket stands.
    pub(crate) fn is_up(&self) -> bool {
        match self.link {
            LinkState::Live | LinkState::CatchingUp => true,
            LinkState::Connecting | LinkState::Offline => false,
        }
    }

    /// Something was found to differ; what it is will be known with the server's rows.
    pub(crate) fn found(&mut self, found: FoundBy, now: VenueTime) {
        self.agreed = false;
        if self.differs.as_ref().is_none_or(|report| report.repaired_at.is_some()) {
            let found_at = now.to_iso();
            self.differs = Some(DifferenceReport { found, found_at, repaired_at: None, rows: Vec::new() });
        }
    }
}

/// Who looks at what, and what is about to be pushed.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) subscriptions: Subscriptions,
    pub(crate) pending: Pending,
    pub(crate) metrics: Metrics,
    pub(crate) status_moved: bool,
    pub(crate) push_id: u64,
    /// How far a backlog is sent.
    pub(crate) drain: Option<Drain>,
}

/// The shared middle.
pub(crate) struct Core {
    pub(crate) rest: Arc<dyn Rest>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) executor: Arc<dyn Executor>,
    cache: Mutex<Option<Cache>>,
    outbox: Arc<Mutex<Option<Outbox>>>,
    view: RwLock<View>,
    desk: Mutex<Desk>,
    pub(crate) device: Device,
    inputs: mpsc::UnboundedSender<Input>,
    /// A command was taken.
    pub(crate) tapped: Notify,
    /// What is in the outbox is to be put right before more of it is sent.
    pub(crate) put_right_due: AtomicBool,
    /// The server is to be told which lent places this desk holds.
    pub(crate) lease_due: Notify,
    /// Something is there to be pushed.
    pub(crate) to_push: Notify,
    /// A fate or the cursor moved.
    progress: watch::Sender<u64>,
    /// Whether a command can be sent.
    link: watch::Sender<bool>,
    /// Pushes for who listens.
    pub(crate) pushes: broadcast::Sender<Push>,
}

/// What a core is made of.
pub(crate) struct Parts {
    pub(crate) rest: Arc<dyn Rest>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) cache: Cache,
    pub(crate) outbox: Outbox,
    pub(crate) view: View,
    pub(crate) device: Device,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
}

/// Pushes that a slow listener may be behind; past it the listener is told that it missed some.
const PUSHES_KEPT: usize = 1_024;

impl Core {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { rest, clock, chance, executor, cache, outbox, view, device, inputs } = parts;
        Arc::new(Self {
            rest,
            clock,
            chance,
            executor,
            cache: Mutex::new(Some(cache)),
            outbox: Arc::new(Mutex::new(Some(outbox))),
            view: RwLock::new(view),
            desk: Mutex::new(Desk::default()),
            device,
            inputs,
            tapped: Notify::new(),
            put_right_due: AtomicBool::new(false),
            lease_due: Notify::new(),
            to_push: Notify::new(),
            progress: watch::Sender::new(0),
            link: watch::Sender::new(false),
            pushes: broadcast::Sender::new(PUSHES_KEPT),
        })
    }

    // A panic elsewhere must not take the console down with it: what is behind a lock is valid between any
    // two statements that hold it.
    pub(crate) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cache; none once the console is closed.
    pub(crate) fn cache(&self) -> MutexGuard<'_, Option<Cache>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Venue time now.
    pub(crate) fn venue_now(&self) -> VenueTime {
        self.view().clock.at(self.clock.mono_ms())
    }

    /// The server is heard now.
    pub(crate) fn contact_now(&self) -> Contact {
        let clock = self.view().clock;
        Contact { at: clock.at(self.clock.mono_ms()), clock_offset_ms: clock.offset_to_wall_ms() }
    }

    /// Looks whether the machine slept, or somebody set its clock.
    pub(crate) fn look_at_clocks(&self) {
        let (wall, mono_ms, boot_ms) = (self.clock.wall(), self.clock.mono_ms(), self.clock.boot_ms());
        self.view_mut().clock.look(Readings { wall, mono_ms, boot_ms });
    }

    /// The log that is held, and what the server knows of where it left the one before; none before the first
    /// snapshot.
    pub(crate) fn log(&self) -> Option<(Epoch, Option<Position>)> {
        let view = self.view();
        view.held.as_ref().map(|held| (held.position.epoch.clone(), view.epoch_base.clone()))
    }

    /// What another log accepted of this desk and the one that is held may lack is sent again, and is on top of the
    /// rows meanwhile (`sync.md` rule 20).
    ///
    /// # Errors
    /// The outbox can't be written; the next link finds them.
    pub(crate) fn resend_lost(&self, outbox: &mut Outbox) -> Result<(), OutboxError> {
        let Some((epoch, base)) = self.log().filter(|_| !Plant::SkipsTheResend.is_planted()) else { return Ok(()) };
        let count = outbox.resend_lost(&epoch, base.as_ref(), self.venue_now())?;
        if count > 0 {
            tracing::warn!(count, %epoch, "the venue's log was replaced: what it may lack is sent again");
            self.read_pending_of(outbox)?;
            self.show_everything();
            self.tapped.notify_one();
        }
        Ok(())
    }

    /// What was tapped while nobody knew how late it was is dated anew, before anything of it is sent: it is as young as
    /// it is, and nothing of it too old because a battery was empty.
    ///
    /// # Errors
    /// The outbox can't be written: nothing may be sent before it can.
    pub(crate) fn date_anew(&self, outbox: &mut Outbox) -> Result<(), OutboxError> {
        let Some(misdated) = self.view().clock.misdated() else { return Ok(()) };
        let count = outbox.date_anew(misdated)?;
        self.view_mut().clock.dated_anew();
        if count > 0 {
            tracing::warn!(count, by_ms = misdated.by_ms, "tapped under a clock that was behind: dated anew");
            self.read_pending_of(outbox)?;
            self.show_everything();
        }
        Ok(())
    }

    /// How far a backlog is sent; none: there is none.
    pub(crate) fn set_drain(&self, drain: Option<Drain>) {
        let moved = std::mem::replace(&mut self.desk().drain, drain) != drain;
        if moved {
            self.status_moved();
        }
    }

    /// The log that is held; empty before the first snapshot.
    pub(crate) fn epoch(&self) -> Epoch {
        let view = self.view();
        view.held.as_ref().map_or_else(|| Epoch(String::new()), |held| held.position.epoch.clone())
    }

    /// Works with the outbox on this thread.
    pub(crate) fn with_outbox<T>(
        &self,
        work: impl FnOnce(&mut Outbox) -> Result<T, OutboxError>,
    ) -> Result<T, OutboxError> {
        waiting_for_disk(|| with_open(&self.outbox, work))
    }

    /// The outbox, if nobody has it: for who must not wait for a disk.
    pub(crate) fn outbox_at_once(&self) -> Option<MutexGuard<'_, Option<Outbox>>> {
        match self.outbox.try_lock() {
            Ok(outbox) => Some(outbox),
            Err(TryLockError::Poisoned(outbox)) => Some(outbox.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Works with the outbox where waiting for the disk holds nobody up.
    pub(crate) async fn outbox_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Outbox) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let outbox = self.outbox.clone();
        let (done, result) = oneshot::channel();
        // Whoever asked may have gone away; the work is done all the same.
        let work = move || drop(done.send(with_open(&outbox, work)));
        self.executor.blocking(Box::new(work)).await;
        result.await.unwrap_or_else(|_| Err(closed()))
    }

    /// The outbox was written, or could not be: people hear of it until it can.
    pub(crate) fn outbox_written(&self, failure: Option<&OutboxError>) {
        let problem = failure.map(|error| Problem::CommandsNotSaved { reason: error.to_string() });
        let moved = {
            let mut view = self.view_mut();
            let moved = view.outbox_problem != problem;
            view.outbox_problem = problem;
            moved
        };
        if moved {
            self.status_moved();
        }
    }

    /// Closes both files; nothing can be written afterwards.
    pub(crate) fn close(&self) {
        let cache = self.cache().take();
        if let Some(cache) = cache
            && let Err(error) = cache.close()
        {
            tracing::warn!(%error, "the cache was not closed cleanly; it is checked at the next start");
        }
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(outbox) = outbox
            && let Err(error) = outbox.close()
        {
            tracing::warn!(%error, "the outbox was not closed cleanly");
        }
    }

    /// Tells the synchronisation something. After the end nobody listens, and nobody needs to.
    pub(crate) fn input(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// A fate or the cursor moved: who waits looks again.
    pub(crate) fn fates_changed(&self) {
        self.progress.send_modify(|count| *count += 1);
        self.status_moved();
    }

    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    pub(crate) fn link_changes(&self) -> watch::Receiver<bool> {
        self.link.subscribe()
    }

    pub(crate) fn set_link(&self, up: bool) {
        self.link.send_if_modified(|before| std::mem::replace(before, up) != up);
    }

    /// The status changed: who looks at it is told with the next frame that may.
    pub(crate) fn status_moved(&self) {
        self.desk().status_moved = true;
        self.to_push.notify_one();
    }

    /// The data of a topic as it stands; none of the status, which needs a file as well.
    pub(crate) fn data(&self, view: &View, topic: &Topic) -> Option<Value> {
        answer::compute(topic, view.venue.as_ref()?, &view.overlay, view.clock.at(self.clock.mono_ms()))
    }

    /// Looks whether the rows on disk are those that were committed before the start.
    pub(crate) fn check_file_of_before(&self, path: &Path) {
        let as_committed = Cache::is_as_committed(path).unwrap_or_else(|error| {
            tracing::warn!(%error, "the cache file can't be checked");
            false
        });
        let now = self.venue_now();
        {
            let mut view = self.view_mut();
            // A snapshot replaced them meanwhile.
            if view.file_checked {
                return;
            }
            view.file_checked = true;
            if !as_committed {
                view.file_differs = true;
                view.found(FoundBy::AtStart, now);
            }
        }
        if !as_committed {
            tracing::warn!("the rows on disk are not those that were committed; they are repaired from the server");
            self.input(Input::FileDiffers);
        }
        self.status_moved();
    }

    /// Looks whether somebody else changed the cache file, and says so to the synchronisation.
    pub(crate) fn check_file(&self) {
        let mut cache = self.cache();
        let Some(open) = cache.as_mut() else { return };
        let differs = {
            let view = self.view();
            if view.file_differs {
                return;
            }
            open.differs_from(view.held.as_ref())
        };
        match differs {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("another process changed the cache file; it is not trusted until it is repaired");
                let now = self.venue_now();
                {
                    let mut view = self.view_mut();
                    view.file_differs = true;
                    view.found(FoundBy::FileChanged, now);
                }
                self.desk().metrics.link.file_changes += 1;
                self.input(Input::FileDiffers);
                self.status_moved();
            }
            Err(error) => tracing::warn!(%error, "the cache file can't be checked"),
        }
    }
}

/// Does what may wait for a disk. The other tasks of this thread go on elsewhere, where the runtime has threads for it.
pub(crate) fn waiting_for_disk<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        Ok(_) | Err(_) => work(),
    }
}

fn with_open<T>(
    outbox: &Mutex<Option<Outbox>>,
    work: impl FnOnce(&mut Outbox) -> Result<T, OutboxError>,
) -> Result<T, OutboxError> {
    match outbox.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        Some(outbox) => work(outbox),
        None => Err(closed()),
    }
}

fn closed() -> OutboxError {
    OutboxError::Sqlite(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISUSE),
        Some("the console is closed".to_owned()),
    ))
}
