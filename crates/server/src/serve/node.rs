//! The tasks of a server on its one async thread, and how they end.

use std::{
    sync::{Arc, mpsc as std_mpsc},
    time::Duration,
};

use gangway_domain::time::VenueTime;
use socketioxide::SocketIo;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    Checked, Ready, ServeOptions, StartError, StopError, unix_now,
    venue::{Opening, Venue},
};
use crate::{
    access::{Access, Role},
    backup, bailout,
    clock::{Clock, RandomIds, RealMachine, VenueClock},
    demo,
    folder::Folder,
    http::{self, calls::Calls},
    metrics::Metrics,
    net,
    realtime::{self, RoomEmitter},
    store::{
        StoreError, sqlite,
        threads::{OwnThreads, StoreThreads},
    },
    tls::{RENEW_DAYS, Tls, sealed},
};

/// The name of a venue that nobody named.
const VENUE_NAME: &str = "Gangway";
/// How long calls in progress may take when the server ends.
const CALLS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the sockets may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a server: tells when it is ready or why it is not, ends when `stop` is set.
pub(super) async fn run(
    options: ServeOptions,
    checked: Checked,
    stop: watch::Receiver<bool>,
    tell: &std_mpsc::Sender<Result<Ready, StartError>>,
) -> Result<(), StopError> {
    let started = start(&options, checked, &stop).await;
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
    /// Make copies and lists.
    keepers: Vec<JoinHandle<()>>,
}

async fn start(
    options: &ServeOptions,
    checked: Checked,
    stop: &watch::Receiver<bool>,
) -> Result<(Node, Ready), StartError> {
    let Checked { origins, tls } = checked;
    let folder = Folder::open(&options.data_dir)?;
    folder.is_whole()?;
    let venue = open(options, &folder).map_err(|error| StartError::of_store("The venue can't be opened", &error))?;
    if options.demo {
        let seeded = demo::seed(&venue.store, &venue.mirror, venue.clock.as_ref()).await;
        seeded.map_err(|error| StartError::Fault(format!("The demo can't be made: {error}.")))?;
    }
    let mut parts = venue.parts(options.insecure_open);
    parts.app.seal = tls.as_ref().and_then(Tls::seal).map(Arc::from);
    let (layer, io) = realtime::build(parts.shared.clone());
    let calls = parts.app.calls.clone();
    let router = http::router(parts.app.clone(), layer, origins);
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| cannot_listen(options, &error))?;
    let listen = listener.local_addr().map_err(|error| cannot_listen(options, &error))?;
    let pairing_code = first_code(options, &parts.app.access).await?;
    let pairing_code = pairing_code.map(|code| sealed(&code, parts.app.seal.as_deref()));
    tls.iter().for_each(say_when_to_renew);
    let (quiet, quieted) = watch::channel(false);
    let emitter = RoomEmitter { io: io.clone(), shared: parts.shared.clone() };
    let metrics = parts.app.metrics.clone();
    let (dispatcher, sweeper) = parts.tasks(emitter);
    metrics.watch_database(folder.file(sqlite::FILE));
    tls.iter().for_each(|tls| metrics.certificate_expires(tls.expires_s()));
    let keepers = keepers(options, &folder, &venue, &metrics, stop);
    let node = Node {
        folder,
        store: venue.store,
        io,
        calls,
        quiet,
        listener: tokio::spawn(net::serve(listener, tls, router, stop.clone())),
        dispatcher: tokio::spawn(dispatcher.run(quieted)),
        sweeper: tokio::spawn(sweeper.run(stop.clone())),
        keepers,
    };
    let ready = Ready { listen, venue_id: venue.head.venue_id, epoch: venue.head.epoch.0, pairing_code };
    tracing::info!(%listen, venue = ready.venue_id, epoch = ready.epoch, seq = venue.head.seq, "serving");
    Ok((node, ready))
}

/// Starts what brings the venue out of harm's way.
fn keepers(
    options: &ServeOptions,
    folder: &Folder,
    venue: &Venue,
    metrics: &Arc<Metrics>,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let lists =
        bailout::Schedule::new(options.bailouts.clone(), folder.path(), venue.mirror.clone(), venue.clock.clone());
    let copies = options.backups.clone().map(|backups| {
        backup::Schedule::new(
            backups,
            folder.file(sqlite::FILE),
            &venue.head.venue_id,
            (venue.clock.clone(), metrics.clone()),
        )
    });
    let copies = copies.map(|copies| tokio::spawn(copies.run(stop.clone())));
    [tokio::spawn(lists.run(stop.clone()))].into_iter().chain(copies).collect()
}

/// A venue that has no manager shows a code for one: there is no default password.
async fn first_code(options: &ServeOptions, access: &Access) -> Result<Option<String>, StartError> {
    if options.insecure_open || access.has(Role::Manager) {
        return Ok(None);
    }
    let made = access.make_code(Role::Manager).await;
    let (code, _) = made.map_err(|error| StartError::Fault(format!("A pairing code can't be made: {error}.")))?;
    Ok(Some(code))
}

/// Whoever reads the log has time to renew it.
fn say_when_to_renew(tls: &Tls) {
    let days = tls.days_left(unix_now());
    if days < RENEW_DAYS {
        tracing::warn!(days, "the certificate ends soon; `gangway-server cert` makes a new one");
    }
}

fn cannot_listen(options: &ServeOptions, error: &std::io::Error) -> StartError {
    StartError::Fault(format!("The server can't listen at {}: {error}.", options.listen))
}

/// Opens the venue's file and starts its threads.
fn open(options: &ServeOptions, folder: &Folder) -> Result<Venue, StoreError> {
    Venue::open(Opening {
        file: &folder.file(sqlite::FILE),
        name: options.venue.as_deref().map_or(VENUE_NAME, str::trim),
        ids: Arc::new(RandomIds),
        clock: &|floor: VenueTime| -> Arc<dyn Clock> { Arc::new(VenueClock::new(RealMachine::default(), floor)) },
        workers: Arc::new(OwnThreads),
    })
}

impl Node {
    /// Calls first, then what they logged goes out, then the sockets, then the file.
    async fn end(self) -> Result<(), StopError> {
        let broke = |what: &str| StopError(format!("The {what} broke."));
        if tokio::time::timeout(CALLS_TIMEOUT, self.calls.drain()).await.is_err() {
            tracing::warn!("calls were still in progress when the server ended");
        }
        self.sweeper.await.map_err(|_| broke("sweeper"))?;
        for keeper in self.keepers {
            keeper.await.map_err(|_| broke("keeper of copies"))?;
        }
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
