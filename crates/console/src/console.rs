//! The handle: what the shell and `gangway-console` call.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use gangway_domain::{command::AttentionAction, time::VenueTime};
use gangway_plants::Plant;
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinHandle,
};

use crate::{
    cache::{Cache, CacheError, Loaded},
    core::{Core, Parts, View},
    error::{ConsoleError, OpenError},
    execute::{self, ExecuteRequest, Executed},
    net::{
        Chance, Clock, Executor, Realtime, Rest,
        clock::{SystemChance, SystemClock, fresh_device_id},
        credential::{self, Credential, Token},
        executor::TokioExecutor,
        rest::{Http, server_url},
        socket::SocketIo,
        supervisor::{Order, Supervisor},
        trust::Trust,
    },
    outbox::{self, Fate, Outbox},
    overlay::Overlay,
    pairing::{self, PairedAs},
    problem::Notice,
    query::{
        key::{QueryKey, Topic},
        push::{self, Push},
        rules::{Op, Update},
    },
    resolve,
    status::{Device, FoundBy, Freshness, SyncStatus},
    sync::{
        clock_watch,
        driver::{Driver, Running},
        state::{LinkState, State},
        venue_clock::VenueClock,
    },
};

/// News of the link that may wait.
const NEWS: usize = 256;
/// Orders to the supervisor that may wait.
const ORDERS: usize = 64;
/// How long the server may take to say who has seen a command.
const SEEN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the tasks may take to end.
const END_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How a console is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// `http://host:port` of the server.
    pub server: String,
    /// What lets this device in.
    pub token: Option<String>,
    /// Where its files are; made with mode 0700.
    pub data_dir: PathBuf,
    /// What people call this desk.
    pub device_name: Option<String>,
}

/// The edges of a console; a test or a simulator brings its own.
pub struct Ports {
    /// The doorbell.
    pub realtime: Arc<dyn Realtime>,
    /// The server's HTTP.
    pub rest: Arc<dyn Rest>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub chance: Arc<dyn Chance>,
    /// Where its tasks run.
    pub executor: Arc<dyn Executor>,
}

/// What a query answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The data; null before the first snapshot.
    pub data: Value,
    /// How old it is.
    pub freshness: Freshness,
}

/// The way of a command, and who has seen what it changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenFate {
    /// Its way so far.
    #[serde(flatten)]
    pub fate: Fate,
    /// Desks that have applied it; none where that is not known.
    pub seen_by: Option<u64>,
}

/// A console. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    /// Where its files are.
    folder: PathBuf,
    orders: mpsc::Sender<Order>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<File>>,
}

impl Console {
    /// Opens the console in its data folder and starts to keep a link. Answers from the cache at once,
    /// whether the server is there or not.
    ///
    /// # Errors
    /// Another process uses the folder, it can't be used, a newer version wrote it, or the outbox can't be read.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let base = server_url(&options.server)?;
        Self::open_with(&options.data_dir, options.device_name.as_deref(), |device| {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let given = options.token.clone().map(Token::given);
            let token = given.or_else(|| credential::stored(&options.data_dir));
            let (credential, trust) = (Credential::new(token), Trust::stored(&options.data_dir));
            Ok(Ports {
                realtime: Arc::new(SocketIo::new(&base, (credential.clone(), trust.clone()), device, clock.clone())),
                rest: Arc::new(Http::new(base.clone(), credential, trust, device)?),
                clock,
                chance: Arc::new(SystemChance),
                executor: Arc::new(TokioExecutor),
            })
        })
    }

    /// Opens a console with other edges; `ports` is told which device it is. Needs a tokio runtime.
    ///
    /// # Errors
    /// As [`Console::open`].
    pub fn open_with(
        data_dir: &Path,
        device_name: Option<&str>,
        ports: impl FnOnce(&gangway_domain::ids::DeviceId) -> Result<Ports, OpenError>,
    ) -> Result<Self, OpenError> {
        let lock = lock_folder(data_dir)?;
        let cache_file = data_dir.join("cache.sqlite");
        // Before anything is opened, made or migrated: a newer version's folder is left as it is.
        Cache::refuse_newer(&cache_file)?;
        let outbox = Outbox::open(&data_dir.join("outbox.sqlite"), fresh_device_id())?;
        if let Some(name) = device_name {
            outbox.name_device(name)?;
        }
        let device = Device { id: outbox.device().0.clone(), name: outbox.device_name()? };
        let Ports { realtime, rest, clock, chance, executor } = ports(outbox.device())?;
        let (cache, loaded, mut notices) = open_cache_of(&outbox, &cache_file)?;
        let lost = loaded.venue_id.clone().filter(|_| loaded.held.is_some()).zip(loaded.held.clone());
        let lost = if outbox.is_of_no_use_yet()? { lost } else { None };
        notices.extend(lost.is_some().then_some(Notice::OutboxLost));
        if Plant::ForgetsTheOutbox.is_planted() && !notices.is_empty() {
            outbox.forget_everything()?;
        }
        let state = State::new(loaded.held.clone(), &loaded.hash.to_hex(), loaded.tampered);
        let known = loaded.last_sync_at.max(outbox.last_moment()?);
        let venue_clock = first_clock(&loaded, clock.as_ref(), known);
        let now = venue_clock.at(clock.mono_ms());
        let view = first_view(loaded, Overlay::new(outbox.device().clone()), venue_clock, now, notices);
        let (inputs, inputs_out) = mpsc::unbounded_channel();
        let (jitter, tasks) = (chance.clone(), executor.clone());
        let core = Core::new(Parts { rest, clock, chance, executor, cache, outbox, view, device, inputs });
        let now = core.venue_now();
        core.with_outbox(|outbox| match &lost {
            Some((venue_id, held)) => outbox.follows_a_lost_one(venue_id, &held.position, now),
            None => core.view().venue_id.as_ref().map_or(Ok(()), |venue_id| outbox.belong_to(venue_id)),
        })?;
        core.with_outbox(|outbox| outbox.part_unreadable(now))?;
        if let Err(error) = core.with_outbox(|outbox| core.resend_lost(outbox)) {
            // The next link finds them.
            tracing::error!(%error, "the outbox can't be written");
        }
        core.read_pending()?;
        let of_before = core.clone();
        let check = tasks.blocking(Box::new(move || of_before.check_file_of_before(&cache_file)));
        drop(tasks.spawn(check));
        let (news, news_out) = mpsc::channel(NEWS);
        let (orders, orders_out) = mpsc::channel(ORDERS);
        let (applied, applied_out) = watch::channel(None);
        let supervisor = Supervisor { realtime, chance: jitter, news, orders: orders_out, applied: applied_out };
        let driver = Driver {
            core: core.clone(),
            state,
            news: news_out,
            inputs: inputs_out,
            orders: orders.clone(),
            applied,
            running: Running::default(),
        };
        let tasks = vec![
            tasks.spawn(supervisor.run().boxed()),
            tasks.spawn(driver.run().boxed()),
            tasks.spawn(outbox::sender::run(core.clone()).boxed()),
            tasks.spawn(outbox::lease::run(core.clone()).boxed()),
            tasks.spawn(clock_watch::run(core.clone()).boxed()),
            tasks.spawn(push::run(core.clone()).boxed()),
        ];
        let (tasks, lock) = (Mutex::new(tasks), Mutex::new(Some(lock)));
        Ok(Self { inner: Arc::new(Inner { core, folder: data_dir.to_owned(), orders, tasks, lock }) })
    }

    /// Answers a query from what is held.
    pub fn query(&self, key: &QueryKey) -> Answer {
        let core = &self.inner.core;
        if key.topics() == [Topic::SyncStatus] {
            let data = serde_json::to_value(core.status_at_once()).unwrap_or_default();
            return Answer { data, freshness: core.view().freshness() };
        }
        if key.topics() == [Topic::Commands] {
            // A file that can't be read is no empty one.
            let newest = core.with_outbox(|outbox| outbox.newest()).inspect_err(|error| {
                tracing::error!(%error, "the outbox can't be read");
            });
            let data = newest.map(|newest| serde_json::to_value(newest).unwrap_or_default()).unwrap_or_default();
            return Answer { data, freshness: core.view().freshness() };
        }
        let view = core.view();
        // A key that may name a visit or a band is the first of them that there is.
        let mut answers = key.topics().iter().filter_map(|topic| core.data(&view, topic));
        let data = answers.find(|data| !data.is_null()).unwrap_or(Value::Null);
        Answer { data, freshness: view.freshness() }
    }

    /// `subscriber` looks at these keys, until it lets go of them as often. Says how many were too many and
    /// are not pushed.
    pub fn subscribe(&self, subscriber: &str, keys: Vec<QueryKey>) -> usize {
        self.inner.core.desk().subscriptions.add(subscriber, keys)
    }

    /// `subscriber` lets go of these keys.
    pub fn unsubscribe(&self, subscriber: &str, keys: Vec<QueryKey>) {
        self.inner.core.desk().subscriptions.remove(subscriber, &keys);
    }

    /// `subscriber` is gone: a page that closed or was loaded again.
    pub fn forget_subscriber(&self, subscriber: &str) {
        self.inner.core.desk().subscriptions.forget(subscriber);
    }

    /// What is pushed from here on. Whoever is too slow is told that it missed some, and asks again.
    pub fn pushes(&self) -> broadcast::Receiver<Push> {
        self.inner.core.pushes.subscribe()
    }

    /// Everything that is looked at is pushed once more: for who missed pushes.
    pub fn invalidate_all(&self) {
        let core = &self.inner.core;
        {
            let now_us = core.clock.mono_us();
            let mut desk = core.desk();
            let again = |topic: &Topic| Update { topic: topic.clone(), op: Op::Invalidate { fallback: false } };
            let updates = desk.subscriptions.topics().map(again).collect();
            desk.pending.add(updates, Some(now_us));
        }
        core.to_push.notify_one();
    }

    /// Takes a command: durable on disk and shown when this returns, then sent until it is answered. A known id queues
    /// nothing and answers that one's state; what the desk itself can't let happen is rejected and not remembered.
    ///
    /// # Errors
    /// `not_ready`, `invalid_command`, `invalid_command_id`, `invalid_request`, `id_conflict`, `disk`; nothing was
    /// taken.
    pub async fn execute(&self, request: ExecuteRequest) -> Result<Executed, ConsoleError> {
        execute::execute(&self.inner.core, request).await
    }

    /// Waits until a command is answered and what it changed is on this desk's screens.
    ///
    /// # Errors
    /// `unknown_command`, `not_settled` when the time is over, `disk`.
    pub async fn settled(&self, command_id: &str, timeout: Duration) -> Result<Fate, ConsoleError> {
        let mut progress = self.inner.core.progress();
        let wait = async {
            loop {
                progress.borrow_and_update();
                let fate = self.fate(command_id)?.ok_or(ConsoleError::UnknownCommand)?;
                let seen = {
                    let view = self.inner.core.view();
                    fate.is_seen(view.held.as_ref().map(|held| &held.position))
                };
                if seen {
                    return Ok(fate);
                }
                progress.changed().await.map_err(|_| ConsoleError::Closing)?;
            }
        };
        tokio::time::timeout(timeout, wait).await.map_err(|_| ConsoleError::NotSettled)?
    }

    /// The way of a command so far; none if it is none of this desk's.
    ///
    /// # Errors
    /// `invalid_command_id`, `disk`.
    pub fn fate(&self, command_id: &str) -> Result<Option<Fate>, ConsoleError> {
        let id = command_id.parse().map_err(|_| ConsoleError::InvalidCommandId)?;
        Ok(self.inner.core.with_outbox(|outbox| outbox.fate(id))?)
    }

    /// The way of a command so far, and how many desks have seen what it changed, if there is a link to ask.
    ///
    /// # Errors
    /// `invalid_command_id`, `unknown_command`, `disk`.
    pub async fn fate_seen(&self, command_id: &str) -> Result<SeenFate, ConsoleError> {
        let id = command_id.parse().map_err(|_| ConsoleError::InvalidCommandId)?;
        let fate = self.fate(command_id)?.ok_or(ConsoleError::UnknownCommand)?;
        let core = &self.inner.core;
        let seen_by = if core.view().can_send() {
            let asked = tokio::time::timeout(SEEN_TIMEOUT, core.rest.command(id)).await;
            let result = asked.ok().and_then(Result::ok).flatten();
            result.and_then(|result| result.get("seenBy").and_then(Value::as_u64))
        } else {
            None
        };
        Ok(SeenFate { fate, seen_by })
    }

    /// Does with an entry of the attention list what a person chose: gives its command again as of now, records the
    /// money that it means, or closes it. Answers the entry with its `resolution`.
    ///
    /// # Errors
    /// `unknown_entry`, `not_ready`, `invalid_request`, `invalid_command` (a reason is missing), `disk`, and the code
    /// of a rejection where this desk knows that the command can't be done now either; nothing was taken.
    pub async fn resolve(
        &self,
        entry_id: &str,
        action: AttentionAction,
        reason: Option<String>,
    ) -> Result<Value, ConsoleError> {
        resolve::resolve(&self.inner.core, entry_id, action, reason).await
    }

    /// Gets this desk's token for a code that a manager shows, keeps it beside the outbox, and tries the link at once.
    /// Says which device the server knows it as, and what it may do.
    ///
    /// # Errors
    /// `wrong_code`, `device_paired`, `not_private`, `too_many_guesses`, `invalid_request` (the name), `offline`, `token_not_saved`.
    pub async fn pair(&self, code: &str, device_name: Option<String>) -> Result<PairedAs, ConsoleError> {
        pairing::pair(&self.inner.core, &self.inner.folder, &self.inner.orders, code, device_name).await
    }

    /// How the console stands. Looks at the cache file too.
    pub fn status(&self) -> SyncStatus {
        self.inner.core.check_file();
        self.inner.core.status()
    }

    /// The page has painted a push.
    pub fn painted(&self, push_id: u64) {
        let now_us = self.inner.core.clock.mono_us();
        self.inner.core.desk().metrics.painted(push_id, now_us);
    }

    /// Ends the link, closes both files and lets go of the folder, within two seconds.
    pub async fn shutdown(self) {
        let tasks = std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in &tasks {
            task.abort();
        }
        let ended = futures_util::future::join_all(tasks);
        if tokio::time::timeout(END_TIMEOUT, ended).await.is_err() {
            tracing::warn!("a task did not end in time");
        }
        self.inner.core.close();
        self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Makes the folder and locks it, until the file is closed or the process ends.
fn lock_folder(folder: &Path) -> Result<File, OpenError> {
    let named = folder.display().to_string();
    let unusable = |reason| OpenError::Folder { folder: named.clone(), reason };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(unusable)?;
    }
    let file = File::create(folder.join("console.lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { folder: named }),
        Err(TryLockError::Error(reason)) => Err(unusable(reason)),
    }
}

/// Opens and reads the cache. One that opens and can't be read is set aside as well.
fn open_cache(path: &Path) -> Result<(Cache, Loaded, Vec<Notice>), OpenError> {
    let (mut cache, notice) = Cache::open(path)?;
    match cache.load() {
        Ok(loaded) => Ok((cache, loaded, notice.into_iter().collect())),
        Err(error) if error.is_file_useless() => {
            drop(cache);
            let (mut cache, notice) = Cache::replace(path, &error)?;
            let loaded = cache.load()?;
            Ok((cache, loaded, vec![notice]))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens the cache of the venue that the outbox's commands are for: rows of another one would be laid under them.
fn open_cache_of(outbox: &Outbox, path: &Path) -> Result<(Cache, Loaded, Vec<Notice>), OpenError> {
    let (cache, mut loaded, mut notices) = open_cache(path)?;
    match (outbox.venue_id()?, &loaded.venue_id) {
        (Some(ours), Some(theirs)) if ours != *theirs => {
            drop(cache);
            let (mut cache, notice) = Cache::replace(path, &CacheError::OtherVenue)?;
            let loaded = Loaded { venue_id: Some(ours), ..cache.load()? };
            return Ok((cache, loaded, vec![notice]));
        }
        (Some(ours), None) => {
            loaded.venue_id = Some(ours);
            // A desk that has met its venue never starts with nothing and says nothing.
            let is_gone = notices.is_empty() && loaded.held.is_none();
            notices.extend(is_gone.then_some(Notice::CacheGone));
        }
        _ => {}
    }
    Ok((cache, loaded, notices))
}

/// Venue time at the start; `known` is past, whatever the wall clock says.
fn first_clock(loaded: &Loaded, clock: &dyn Clock, known: Option<VenueTime>) -> VenueClock {
    let now_ms = clock.mono_ms();
    let mut venue_clock = VenueClock::new(clock.wall(), now_ms, loaded.clock_offset_ms);
    if let Some(known) = known {
        venue_clock.not_before(known, now_ms);
    }
    venue_clock
}

fn first_view(loaded: Loaded, overlay: Overlay, clock: VenueClock, now: VenueTime, notices: Vec<Notice>) -> View {
    let Loaded { held, epoch_base, venue_id, venue, hash, tampered, last_sync_at, .. } = loaded;
    for notice in &notices {
        tracing::warn!(%notice, "the cache starts empty");
    }
    let mut view = View {
        venue,
        overlay,
        hash: held.as_ref().map(|_| hash.to_hex()),
        head: held.as_ref().map_or(0, |held| held.position.seq),
        held,
        epoch_base,
        venue_id,
        link: LinkState::Offline,
        is_own_server: false,
        agreed: false,
        file_checked: false,
        file_differs: false,
        clock,
        last_sync_at,
        offline_since: last_sync_at.or(Some(now)),
        differs: None,
        problem: None,
        outbox_problem: None,
        notices,
    };
    if tampered {
        tracing::warn!("the rows on disk are not those that were committed; they are repaired from the server");
        view.found(FoundBy::AtStart, now);
    }
    view
}
