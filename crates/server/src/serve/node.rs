//! The tasks of a server on its one async thread, and how they end.

use std::{
    sync::{Arc, mpsc as std_mpsc},
    time::Duration,
};

use gangway_domain::{settings::SettingsRow, time::VenueTime};
use socketioxide::SocketIo;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
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
    http::{self, Origins, app::App, calls::Calls},
    metrics::Metrics,
    net,
    realtime::{self, RoomEmitter, Shared, sockets::Sockets},
    store::{Founding, Head, Store, StoreError, sqlite, threads::StoreThreads},
    sweeper::Sweeper,
};

/// The name of a venue that nobody named.
const VENUE_NAME: &str = "Gangway";
/// Carts that may wait for the dispatcher.
const NOTICES: usize = 256;
/// How long calls in progress may take when the server ends.
const CALLS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the sockets may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a server: tells when it is ready or why it is not, ends when `stop` is set.
pub(super) async fn run(
    options: ServeOptions,
    origins: Origins,
    stop: watch::Receiver<bool>,
    tell: &std_mpsc::Sender<Result<Ready, StartError>>,
) -> Result<(), StopError> {
    let started = start(&options, origins, &stop).await;
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
    calls: Arc<Calls>,
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

async fn start(
    options: &ServeOptions,
    origins: Origins,
    stop: &watch::Receiver<bool>,
) -> Result<(Node, Ready), StartError> {
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
    let calls = Arc::new(Calls::default());
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
        snapshots: Arc::default(),
        open: options.insecure_open,
        calls: calls.clone(),
    };
    let router = http::router(app, layer, origins);
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
        calls,
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
        let broke = |what: &str| StopError(format!("The {what} broke."));
        if tokio::time::timeout(CALLS_TIMEOUT, self.calls.drain()).await.is_err() {
            tracing::warn!("calls were still in progress when the server ended");
        }
        self.sweeper.await.map_err(|_| broke("sweeper"))?;
        let _ = self.quiet.send(true);
        self.dispatcher.await.map_err(|_| broke("dispatcher"))?;
        // Polls in progress are answered by the end of their sockets, so the listener ends after them.
        if tokio::time::timeout(CLOSE_TIMEOUT, self.io.close()).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
        self.listener.await.map_err(|_| broke("listener"))?;
        self.store.close().await.map_err(|error| StopError(format!("The venue's file can't be closed: {error}.")))?;
        drop(self.folder);
        tracing::info!("ended");
        Ok(())
    }
}
