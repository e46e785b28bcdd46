//! The server's parts on their own: a store, ports that a test controls, a dispatcher with any emitter.

use std::{
    collections::HashMap,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use gangway_domain::{
    command::Command,
    ids::{CommandId, Epoch, EventId},
    settings::SettingsRow,
    time::{Millis, VenueTime},
};
use gangway_server::{
    access::Access,
    clock::{Clock, Ids, SystemSecrets},
    dispatcher::{
        Dispatcher, Notice,
        mirror::{Mirror, Place, SharedMirror},
        queue::Emitter,
    },
    execute::{self, Executed, Outcome, Ports, Request},
    metrics::Metrics,
    realtime::sockets::Sockets,
    store::{
        Founding, Head, Store, View,
        sqlite::{FILE, SqliteStore},
        threads::StoreThreads,
    },
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

/// A Wednesday, 16:04 in Madrid.
pub const NOON: VenueTime = VenueTime(1_764_000_240_000);

/// A clock that a test sets.
#[derive(Default)]
pub struct TestClock(AtomicI64, AtomicI64);

impl TestClock {
    pub fn at(moment: VenueTime) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(moment.0), AtomicI64::new(0)))
    }

    /// The wall clock is set.
    pub fn step(&self, ms: Millis) {
        self.1.store(ms, Relaxed);
    }

    pub fn pass(&self, ms: Millis) {
        self.0.fetch_add(ms, Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> VenueTime {
        VenueTime(self.0.load(Relaxed))
    }
    fn take_step(&self) -> Option<Millis> {
        Some(self.1.swap(0, Relaxed)).filter(|ms| *ms != 0)
    }
}

/// Ids that count up.
#[derive(Default)]
pub struct TestIds(AtomicU64);

impl TestIds {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed)
    }
}

impl Ids for TestIds {
    fn event_id(&self) -> EventId {
        EventId(format!("event-{}", self.next()))
    }
    fn epoch(&self) -> Epoch {
        Epoch(format!("epoch-{}", self.next()))
    }
    fn command_id(&self) -> CommandId {
        CommandId(uuid::Uuid::new_v4())
    }
    fn venue_id(&self) -> String {
        format!("venue-{}", self.next())
    }
}

pub fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(&dir.join(FILE), founding).expect("it opens")
}

pub fn founding() -> Founding {
    Founding {
        venue_id: "venue".to_owned(),
        epoch: Epoch::from("first"),
        settings: SettingsRow::new("Test", NOON.plus(-86_400_000)),
    }
}

/// A store with the clock that it is driven by.
pub struct Bench {
    pub store: Box<dyn Store>,
    pub clock: Arc<TestClock>,
    pub ports: Ports,
    pub dir: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self::on(Box::new(open(dir.path())), dir)
    }

    pub fn on(store: Box<dyn Store>, dir: tempfile::TempDir) -> Self {
        let clock = TestClock::at(NOON);
        let ports = Ports { clock: clock.clone(), ids: Arc::new(TestIds::default()) };
        Self { store, clock, ports, dir }
    }

    pub fn run(&mut self, request: &Request) -> Executed {
        execute::execute(self.store.as_mut(), &self.ports, request).expect("the store works")
    }

    /// Executes a command that was just given.
    pub fn give(&mut self, command: Value) -> Outcome {
        let request = Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), None);
        self.run(&request).outcome
    }

    /// Executes one that has to be accepted; its result.
    pub fn accept(&mut self, command: Value) -> Value {
        match self.give(command.clone()) {
            Outcome::Accepted { result, .. } => result,
            Outcome::Rejected { rejection } => panic!("{command}: {rejection:?}"),
        }
    }

    /// Makes a product; its id.
    pub fn product(&mut self, price: f64, seconds: Option<u32>) -> String {
        let product = json!({ "name": "Hour", "price": price, "category": "time", "timeValueSeconds": seconds });
        let made = self.accept(json!({ "type": "product.create", "product": product }));
        made["id"].as_str().expect("an id").to_owned()
    }

    pub fn sell(&mut self, band: &str, product: &str) -> Value {
        let products = json!([{ "id": product, "quantity": 1 }]);
        self.accept(json!({ "type": "session.checkin", "barcodeId": band, "products": products }))
    }

    pub fn view<T>(&self, read: impl Fn(&dyn View) -> T) -> T {
        let mut seen = None;
        let mut reader = self.store.reader().expect("a reader");
        let viewed = reader.view(&mut |view| {
            seen = Some(read(view));
            Ok(())
        });
        viewed.expect("a view");
        seen.expect("it was read")
    }

    pub fn head(&self) -> Head {
        self.view(|view| view.head().expect("a head"))
    }
}

pub fn parse(command: &Value) -> Command {
    Command::parse(&command.to_string()).expect("a command")
}

/// A dispatcher over `bench`'s store, running on the test's thread while `work` does.
pub struct Line {
    pub store: StoreThreads,
    pub mirror: Arc<SharedMirror>,
    pub metrics: Arc<Metrics>,
    pub emitted: Arc<watch::Sender<Place>>,
    pub clock: Arc<TestClock>,
}

/// What a dispatcher needs beside its emitter.
pub struct Lined {
    pub line: Line,
    notices: mpsc::Receiver<Notice>,
    _dir: tempfile::TempDir,
}

impl Line {
    /// Nobody needs a token.
    pub fn access(&self, sockets: &Arc<Sockets>) -> Arc<Access> {
        let parts = (self.store.clone(), sockets.clone());
        Arc::new(Access::new(true, HashMap::new(), parts, (self.clock.clone(), Arc::new(SystemSecrets))))
    }
}

impl Lined {
    pub fn of(bench: Bench) -> Self {
        let head = bench.head();
        let mirror = bench.view(|view| Mirror::load(view).expect("rows"));
        let place = mirror.place.clone();
        let store = StoreThreads::start(bench.store, bench.ports, &head).expect("threads");
        let (_, notices) = mpsc::channel(1);
        let line = Line {
            store,
            mirror: Arc::new(SharedMirror::new(mirror)),
            metrics: Arc::new(Metrics::default()),
            emitted: Arc::new(watch::Sender::new(place)),
            clock: bench.clock,
        };
        Self { line, notices, _dir: bench.dir }
    }

    pub fn run<E: Emitter + 'static, F: Future>(self, emitter: E, work: impl FnOnce(Line) -> F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dispatcher = Dispatcher {
                store: self.line.store.clone(),
                mirror: self.line.mirror.clone(),
                emitter,
                clock: self.line.clock.clone(),
                metrics: self.line.metrics.clone(),
                emitted: self.line.emitted.clone(),
                notices: self.notices,
            };
            let (stop, stopped) = watch::channel(false);
            let task = tokio::spawn(dispatcher.run(stopped));
            let result = work(self.line).await;
            stop.send_replace(true);
            task.await.expect("the dispatcher ends");
            result
        })
    }
}
