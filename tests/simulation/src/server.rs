//! A server: the shipped one's parts on a machine that may die, without sockets of its own.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
};
use gangway_domain::{
    ids::{DeviceId, Position},
    time::VenueTime,
};
use gangway_server::{
    Opening, Venue,
    clock::{Clock, VenueClock},
    dispatcher::{
        head_packet,
        packet::Packet,
        queue::{EmitError, Emitter, Sent},
    },
    http::{Origins, router},
    realtime::{self, Profile, Shared, sockets::Entry},
    store::{StoreError, sqlite, threads::StoreThreads},
};
use http::{Request, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tower::ServiceExt;

use crate::{
    check::Check,
    clock::{MachineClock, ServerClock, ServerIds},
    dice::Dice,
    machine::{Death, Machine},
};

/// How long a server may take to end in order.
const END_TIMEOUT: Duration = Duration::from_secs(20);

/// A request, as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Ask {
    /// GET or POST.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// Which desk, if one.
    pub device: Option<DeviceId>,
    /// JSON, if any.
    pub body: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// It is JSON, or lines of it.
    pub is_json: bool,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Nobody listens.
    Refused,
    /// The connection broke.
    Broken,
    /// Nothing comes back, ever.
    Silent,
}

/// An event on its way to a desk.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub args: Vec<Value>,
    /// When it was sent.
    pub at: Instant,
}

/// A server. Clones are the same one.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    machine: Machine,
    folder: PathBuf,
    clock: Arc<MachineClock>,
    dice: Dice,
    node: Mutex<Option<Node>>,
    emission: Arc<Mutex<f64>>,
    sockets_so_far: AtomicU64,
}

/// A server that runs.
struct Node {
    router: Router,
    shared: Shared,
    sockets: Arc<Sockets>,
    store: StoreThreads,
    stop: watch::Sender<bool>,
    quiet: watch::Sender<bool>,
    dispatcher: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

/// The sockets that stand.
#[derive(Default)]
struct Sockets {
    open: Mutex<BTreeMap<String, mpsc::UnboundedSender<Message>>>,
}

/// A socket, as its desk's end knows it.
pub struct Socket {
    /// Its id.
    pub id: String,
    /// What is sent on it.
    pub messages: mpsc::UnboundedReceiver<Message>,
}

impl Server {
    /// A server that is off; its files are in `folder`.
    pub fn new(machine: Machine, folder: &Path, clock: Arc<MachineClock>, dice: Dice) -> Self {
        machine.mount(folder);
        let (folder, node) = (folder.to_owned(), Mutex::new(None));
        let (emission, sockets_so_far) = (Arc::default(), AtomicU64::new(0));
        Self(Arc::new(Inner { machine, folder, clock, dice, node, emission, sockets_so_far }))
    }

    /// What it runs on.
    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// Its clock.
    pub fn clock(&self) -> &MachineClock {
        &self.0.clock
    }

    fn node(&self) -> MutexGuard<'_, Option<Node>> {
        self.0.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it answers.
    pub fn is_up(&self) -> bool {
        self.0.machine.is_alive() && self.node().is_some()
    }

    /// Which log it emits, if it is up.
    pub fn epoch(&self) -> Option<String> {
        let node = self.node();
        let node = node.as_ref().filter(|_| self.0.machine.is_alive())?;
        Some(node.shared.emitted.borrow().epoch.0.clone())
    }

    /// Every emission fails this often.
    pub fn emission_fails(&self, often: f64) {
        *self.0.emission.lock().unwrap_or_else(PoisonError::into_inner) = often;
    }

    /// Starts it on its files.
    ///
    /// # Errors
    /// The files can't be used, or it died over it.
    pub fn start(&self) -> Result<(), StoreError> {
        let Inner { machine, folder, clock, dice, .. } = self.0.as_ref();
        machine.boot();
        clock.boot(dice.within(0..1 << 40));
        let venue = Venue::open(Opening {
            file: &folder.join(sqlite::FILE),
            name: "Simulated",
            ids: Arc::new(ServerIds(dice.clone())),
            clock: &|floor: VenueTime| -> Arc<dyn Clock> {
                Arc::new(VenueClock::new(ServerClock(clock.clone()), floor))
            },
            workers: Arc::new(machine.clone()),
        })?;
        machine.say(format_args!("up at {} of {}", venue.head.seq, venue.head.epoch));
        let parts = venue.parts(true);
        let shared = parts.shared.clone();
        let (layer, _) = realtime::build(shared.clone());
        let origins = Origins::parse(&[]).map_err(|error| StoreError::Unusable(error.to_string()))?;
        let router = router(parts.app.clone(), layer, origins);
        let sockets = Arc::new(Sockets::default());
        let emitter = Rooms { sockets: sockets.clone(), fails: self.0.emission.clone(), dice: dice.clone() };
        let (dispatcher, sweeper) = parts.tasks(emitter);
        let (stop, stopped) = watch::channel(false);
        let (quiet, quieted) = watch::channel(false);
        let dispatcher = machine.spawn(dispatcher.run(quieted));
        let sweeper = machine.spawn(sweeper.run(stopped));
        let store = venue.store;
        *self.node() = Some(Node { router, shared, sockets, store, stop, quiet, dispatcher, sweeper });
        Ok(())
    }

    /// Ends it as the shipped one ends: the sweeper, what was logged, the sockets, the file.
    pub async fn stop(&self) {
        let Some(node) = self.node().take() else { return };
        let Node { router, shared: _, sockets, store, stop, quiet, dispatcher, sweeper } = node;
        drop(router);
        stop.send_replace(true);
        let ended = async {
            let _ = sweeper.await;
            quiet.send_replace(true);
            let _ = dispatcher.await;
            drop(sockets);
            if let Err(error) = store.close().await {
                self.0.machine.say(format_args!("the file was not closed: {error}"));
            }
        };
        tokio::select! {
            biased;
            _ = self.0.machine.died() => {}
            ended = timeout(END_TIMEOUT, ended) => if ended.is_err() {
                self.0.machine.fail(Check::Runs, "it did not end in time");
            },
        }
        if self.0.machine.death().is_none() {
            self.0.machine.switch_off().await;
            self.0.machine.say("off");
        }
    }

    /// After its machine died: everything that it had in memory is gone.
    pub async fn bury(&self) {
        let death = self.0.machine.death();
        // Before the node, whose sockets' ends learn by it whether they are told.
        self.0.machine.bury().await;
        drop(self.node().take());
        if death == Some(Death::Power) {
            self.0.machine.lose_unsynced();
        }
    }

    /// Executes `ask` as if it had come over a connection.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(&self, ask: Ask) -> Result<Reply, Gone> {
        let router = self.node().as_ref().filter(|_| self.0.machine.is_alive()).map(|node| node.router.clone());
        let router = router.ok_or(Gone::Refused)?;
        let (answer, answered) = oneshot::channel();
        let request = ask.into_request();
        self.0.machine.spawn(async move {
            // It fails for nothing: its errors are answers.
            let Ok(response) = router.oneshot(request).await;
            let status = response.status().as_u16();
            let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let is_json = kind.starts_with("application/json") || kind.starts_with("application/x-ndjson");
            if let Ok(body) = response.into_body().collect().await {
                // Whoever asked may have gone away.
                let _ = answer.send(Reply { status, is_json, body: body.to_bytes() });
            }
        });
        answered.await.map_err(|_| self.gone())
    }

    /// How somebody whose connection is gone learns of it.
    pub fn gone(&self) -> Gone {
        match self.0.machine.death() {
            Some(Death::Power) => Gone::Silent,
            Some(Death::Kill) | None => Gone::Broken,
        }
    }

    /// A desk's socket: in its room before it hears that it is connected, and the first heartbeat at once.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(&self, device: &DeviceId) -> Result<Socket, Gone> {
        let node = self.node();
        let node = node.as_ref().filter(|_| self.0.machine.is_alive()).ok_or(Gone::Refused)?;
        let (sender, messages) = mpsc::unbounded_channel();
        // Never the same again, also not after a restart.
        let id = format!("socket-{}", self.0.sockets_so_far.fetch_add(1, Relaxed));
        node.sockets.open().insert(id.clone(), sender.clone());
        node.shared.sockets.add(&id, Entry::new(Profile::Lean, Some(device.clone()), None));
        let place = node.shared.emitted.borrow().clone();
        let head = head_packet(&place, Profile::Lean, node.shared.clock.now()).map_err(|_| Gone::Broken)?;
        // The other end is in this hand.
        let _ = sender.send(message(&head).map_err(|_| Gone::Broken)?);
        Ok(Socket { id, messages })
    }

    /// The other end of a socket is gone.
    pub fn disconnect(&self, id: &str) {
        if let Some(node) = self.node().as_ref().filter(|_| self.0.machine.is_alive()) {
            node.sockets.open().remove(id);
            node.shared.sockets.remove(id);
        }
    }

    /// The other end says how far it is.
    pub fn acknowledge(&self, id: &str, position: Position) {
        if let Some(node) = self.node().as_ref().filter(|_| self.0.machine.is_alive())
            && let Some(entry) = node.shared.sockets.get(id)
        {
            entry.acknowledge(position);
        }
    }

    /// Copies its files as they are, as somebody does who takes a copy of the folder.
    ///
    /// # Errors
    /// The real files can't be copied.
    pub fn copy_to(&self, folder: &Path) -> io::Result<()> {
        copy(&self.0.folder, folder)
    }

    /// Puts older files in the place of its own, while it is off.
    ///
    /// # Errors
    /// The real files can't be copied.
    pub fn replace_by(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(&self.0.folder)? {
            fs::remove_file(entry?.path())?;
        }
        copy(folder, &self.0.folder)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        // The index of the log is made anew from the log.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

impl Ask {
    /// A GET.
    pub fn get(target: impl Into<String>, device: Option<&DeviceId>) -> Self {
        Self { method: "GET", target: target.into(), device: device.cloned(), body: String::new() }
    }

    /// A POST of JSON.
    pub fn post(target: impl Into<String>, device: Option<&DeviceId>, body: String) -> Self {
        Self { method: "POST", target: target.into(), device: device.cloned(), body }
    }

    fn into_request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.target);
        if let Some(device) = self.device {
            request = request.header("X-Device-Id", device.as_str());
        }
        if !self.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Body::from(self.body)).expect("targets and ids are plain")
    }
}

impl Sockets {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, mpsc::UnboundedSender<Message>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Emits to the sockets that stand, which all are of the room `lean`.
struct Rooms {
    sockets: Arc<Sockets>,
    fails: Arc<Mutex<f64>>,
    dice: Dice,
}

impl Emitter for Rooms {
    fn emit(&self, packet: &Packet) -> Result<Sent, EmitError> {
        if packet.room != Profile::Lean {
            return Ok(Sent { receivers: 0 });
        }
        let fails = *self.fails.lock().unwrap_or_else(PoisonError::into_inner);
        if fails > 0.0 && self.dice.chance(fails) {
            return Err(EmitError("the socket layer fails".to_owned()));
        }
        let message = message(packet).map_err(|error| EmitError(error.to_string()))?;
        let open = self.sockets.open();
        for sender in open.values() {
            // A socket whose other end is gone is taken out when the server hears of it.
            let _ = sender.send(message.clone());
        }
        Ok(Sent { receivers: open.len() })
    }

    fn receivers(&self, room: Profile) -> usize {
        if room == Profile::Lean { self.sockets.open().len() } else { 0 }
    }

    fn backlog(&self) -> u64 {
        0
    }
}

fn message(packet: &Packet) -> Result<Message, serde_json::Error> {
    let mut args = vec![serde_json::from_str(packet.payload.get())?];
    if let Some(meta) = &packet.meta {
        args.push(serde_json::from_str(meta.get())?);
    }
    Ok(Message { name: packet.name, args, at: Instant::now() })
}
