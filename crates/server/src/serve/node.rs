//! The tasks of a server on its one async thread, and how they end.

use std::{
    sync::{Arc, atomic::AtomicBool, mpsc as std_mpsc},
    time::Duration,
};

use axum::Router;
use gangway_domain::{settings::SettingsRow, time::VenueTime};
use socketioxide::SocketIo;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};

use super::{Ready, ServeOptions, StartError, StopError, folder::Folder};
use crate::{
    clock::{Clock, Ids, RandomIds, RealMachine, VenueClock},
    demo,
    dispatcher::{
        Dispatcher,
        mirror::{Mirror, Place, SharedMirror},
    },
    execute::Ports,
    http::{self, app::App},
    metrics::Metrics,
    net,
    realtime::{self, RoomEmitter, Shared, sockets::Sockets},
    store::{Founding, Head, Store, StoreError, sqlite, threads::StoreThreads},
    sweeper::Sweeper,
};

/// The name of a venue that nobody named.
const VENUE_NAME: &str = "Gangway";
/// Snapshots at once; one reader stays for the rest.
const SNAPSHOTS: usize = 2;
/// Carts that may wait for the dispatcher.
const NOTICES: usize = 256;
/// How long the sockets may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a server: tells when it is ready or why it is not, ends when `stop` is set.
pub(super) async fn run(
    options: ServeOptions,
    stop: watch::Receiver<bool>,
    tell: &std_mpsc::Sender<Result<Ready, StartError>>,
) -> Result<(), StopError> {
    let started = start(&options, &stop).await;
    let (node, ready) = match started {
        Ok(started) => started,
        Err(error) => {
            let _ = tell.send(Err(error));
            return Ok(());
        }
    };
    if tell.send(Ok(ready)).is_err() {
        return node.end().await;
    }
    let mut stop = stop;
    // A sender that is gone asks for the end as well.
    let _ = stop.wait_for(|stop| *stop).await;
    node.end().await
}

/// A running server.
struct Node {
    folder: Folder,
    store: StoreThreads,
    io: SocketIo,
    draining: Arc<AtomicBool>,
    /// Ends the tasks that make and send events, after the calls have ended.
    quiet: watch::Sender<bool>,
    listener: JoinHandle<()>,
    dispatcher: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

/// The venue as opened.
struct Opened {
    store: StoreThreads,
    mirror: Arc<SharedMirror>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    head: Head,
}

async fn start(options: &ServeOptions, stop: &watch::Receiver<bool>) -> Result<(Node, Ready), StartError> {
    let folder = Folder::open(&options.data_dir)?;
    let opened =
        open(options, &folder).map_err(|error| StartError::Fault(format!("The venue can't be opened: {error}.")))?;
    if options.demo {
        let seeded = demo::seed(&opened.store, &opened.mirror, opened.clock.as_ref()).await;
        seeded.map_err(|error| StartError::Fault(format!("The demo can't be made: {error}.")))?;
    }
    let metrics = Arc::new(Metrics::default());
    let sockets = Arc::new(Sockets::default());
    let emitted = Arc::new(watch::Sender::new(Place::of(&opened.head)));
    let draining = Arc::new(AtomicBool::new(false));
    let shared = Shared {
        sockets: sockets.clone(),
        emitted: emitted.clone(),
        clock: opened.clock.clone(),
        metrics: metrics.clone(),
    };
    let (layer, io) = realtime::build(shared.clone());
    let (notices, notices_in) = mpsc::channel(NOTICES);
    let app = App {
        store: opened.store.clone(),
        mirror: opened.mirror.clone(),
        clock: opened.clock.clone(),
        ids: opened.ids.clone(),
        metrics: metrics.clone(),
        sockets,
        notices,
        snapshots: Arc::new(Semaphore::new(SNAPSHOTS)),
        open: options.insecure_open,
        draining: draining.clone(),
    };
    let router = http::router(app, layer, &options.allow_origins);
    let router: Router = router.map_err(|error| StartError::Options(format!("--allow-origin: {error}.")))?;
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| cannot_listen(options, &error))?;
    let listen = listener.local_addr().map_err(|error| cannot_listen(options, &error))?;
    if !options.insecure_open {
        tracing::warn!("tokens can't be made yet: every call is refused unless --insecure-open is given");
    }
    let (quiet, quieted) = watch::channel(false);
    let dispatcher = Dispatcher {
        store: opened.store.clone(),
        mirror: opened.mirror.clone(),
        emitter: RoomEmitter { io: io.clone(), shared },
        clock: opened.clock.clone(),
        metrics,
        emitted,
        notices: notices_in,
    };
    let sweeper = Sweeper { store: opened.store.clone(), mirror: opened.mirror, clock: opened.clock, ids: opened.ids };
    let node = Node {
        folder,
        store: opened.store,
        io,
        draining,
        quiet,
        listener: tokio::spawn(net::serve(listener, router, stop.clone())),
        dispatcher: tokio::spawn(dispatcher.run(quieted)),
        sweeper: tokio::spawn(sweeper.run(stop.clone())),
    };
    let ready = Ready { listen, venue_id: opened.head.venue_id, epoch: opened.head.epoch.0 };
    tracing::info!(%listen, venue = ready.venue_id, epoch = ready.epoch, seq = opened.head.seq, "serving");
    Ok((node, ready))
}

fn cannot_listen(options: &ServeOptions, error: &std::io::Error) -> StartError {
    StartError::Fault(format!("The server can't listen at {}: {error}.", options.listen))
}

/// Opens the venue's file and starts its threads.
fn open(options: &ServeOptions, folder: &Folder) -> Result<Opened, StoreError> {
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let founding = || {
        let name = options.venue.as_deref().map_or(VENUE_NAME, str::trim);
        let now = VenueClock::new(RealMachine::default(), VenueTime(0)).now();
        Founding { venue_id: ids.venue_id(), epoch: ids.epoch(), settings: SettingsRow::new(name, now) }
    };
    let store = sqlite::SqliteStore::open(&folder.file(sqlite::FILE), founding)?;
    let mut loaded = None;
    store.reader()?.view(&mut |view| {
        loaded = Some((Mirror::load(view)?, view.head()?));
        Ok(())
    })?;
    let (mirror, head) = loaded.ok_or(StoreError::Busy)?;
    let clock: Arc<dyn Clock> = Arc::new(VenueClock::new(RealMachine::default(), head.last_time));
    let ports = Ports { clock: clock.clone(), ids: ids.clone() };
    let store = StoreThreads::start(Box::new(store), ports, &head)?;
    Ok(Opened { store, mirror: Arc::new(SharedMirror::new(mirror)), clock, ids, head })
}

impl Node {
    /// Calls first, then what they logged goes out, then the sockets, then the file.
    async fn end(self) -> Result<(), StopError> {
        self.draining.store(true, std::sync::atomic::Ordering::Relaxed);
        let broke = |what: &str| StopError(format!("The {what} broke."));
        self.sweeper.await.map_err(|_| broke("sweeper"))?;
        let sockets = self.io.clone();
        let closing = async {
            // The websockets' connections end with their sockets; polls in progress are calls.
            self.listener.await.map_err(|_| broke("listener"))
        };
        let _ = self.quiet.send(true);
        self.dispatcher.await.map_err(|_| broke("dispatcher"))?;
        if tokio::time::timeout(CLOSE_TIMEOUT, sockets.close()).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
        closing.await?;
        self.store.close().await.map_err(|error| StopError(format!("The venue's file can't be closed: {error}.")))?;
        drop(self.folder);
        tracing::info!("ended");
        Ok(())
    }
}
