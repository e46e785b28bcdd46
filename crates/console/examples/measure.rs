//! How long a tap takes to the push that shows it, and what one event costs with many commands pending:
//! `cargo run --release -p gangway-console --example measure`. Prints one line of figures for each size.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_console::{
    Console, ExecuteRequest, Ports, QueryKey,
    net::{
        Connection, EventsAfter, EventsAnswer, Inbox, LinkError, Realtime, Rest, RestError, Signal, SnapshotChunks,
        clock::{SystemChance, SystemClock},
        executor::TokioExecutor,
    },
    overlay::{Confirmed, Entry, Overlay},
    sync::message::EventsPage,
};
use gangway_domain::{
    command::Command,
    decide::{Context, decide},
    hash::StateHash,
    ids::{DeviceId, Epoch, Position, fixed_command_id},
    settings::SettingsRow,
    time::VenueTime,
    venue::Venue,
    wire::payload::lean,
};
use serde_json::{Value, json};

/// Visits that are live; the others have ended.
const LIVE: usize = 300;
/// Taps that are timed.
const TAPS: usize = 200;
/// Commands that wait when an event comes.
const PENDING: usize = 5_000;

/// A server that has rows, sends what it is told to, and answers no command.
#[derive(Clone)]
struct Server(Arc<Mutex<Held>>);

struct Held {
    venue: Venue,
    seq: u64,
    now: VenueTime,
    inbox: Option<Inbox>,
}

impl Server {
    fn new(visits: usize) -> Self {
        let now = VenueTime(1_764_068_400_000);
        let mut venue = Venue::new(SettingsRow::new("Measured", now));
        let settings = json!({ "type": "settings.update", "changes": { "maxOccupancy": 100_000 } });
        let product = json!({ "name": "Hour", "price": 10, "category": "time", "timeValueSeconds": 36_000 });
        apply(&mut venue, "settings", &settings, now);
        apply(&mut venue, "product", &json!({ "type": "product.create", "product": product }), now);
        let hour = venue.products().next().expect("the product").id.0.clone();
        for n in 0..visits {
            let band = format!("B-{n}");
            apply(&mut venue, &format!("sale {n}"), &checkin(&band, &hour), now);
            if n >= LIVE {
                apply(&mut venue, &format!("end {n}"), &json!({ "type": "session.end", "barcodeId": band }), now);
            }
        }
        Self(Arc::new(Mutex::new(Held { venue, seq: 1, now, inbox: None })))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().expect("nothing panics while it is held")
    }

    fn heartbeat(&self) {
        let held = self.held();
        let head = json!({ "epoch": "e", "head": held.seq, "seq": held.seq, "serverTime": held.now.to_iso(),
            "stateHash": null, "intervalMs": 5_000 });
        if let Some(inbox) = &held.inbox {
            inbox.put(Signal::Event { name: "sync:head".to_owned(), args: vec![head], at_us: 0 });
        }
    }

    /// Another desk does something: its events go to the console.
    fn elsewhere(&self, occasion: &str, command: &Value) {
        let mut held = self.held();
        let now = held.now;
        let id = fixed_command_id(occasion);
        let command = Command::parse(&command.to_string()).expect("a command");
        let decision = decide(&held.venue, &command, &Context::new(id, now)).expect("accepted");
        decision.events.iter().for_each(|event| held.venue.apply(&event.changes));
        let (first, last) = (held.seq + 1, held.seq + decision.events.len() as u64);
        held.seq = last;
        for (seq, event) in (first..).zip(&decision.events) {
            let payload = lean(event, &held.venue, now);
            let meta = json!({ "epoch": "e", "seq": seq, "prev": seq - 1, "last": last, "id": format!("e-{seq}"),
                "commandId": id, "changes": event.changes });
            let signal = Signal::Event { name: event.name.as_str().to_owned(), args: vec![payload, meta], at_us: 0 };
            held.inbox.as_ref().expect("a link").put(signal);
        }
    }
}

fn apply(venue: &mut Venue, occasion: &str, command: &Value, now: VenueTime) {
    let command = Command::parse(&command.to_string()).expect("a command");
    let decision = decide(venue, &command, &Context::new(fixed_command_id(occasion), now)).expect("accepted");
    decision.events.iter().for_each(|event| venue.apply(&event.changes));
}

fn checkin(band: &str, product: &str) -> Value {
    json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": product, "quantity": 1 }] })
}

impl Rest for Server {
    fn events(&self, after: EventsAfter) -> BoxFuture<'_, Result<EventsAnswer, RestError>> {
        // Nothing gets lost here, so nothing has to be asked for.
        let seq = self.held().seq;
        let page = EventsPage { epoch: after.epoch, head: seq, through: seq, events: Vec::new(), server_time: None };
        async { Ok(EventsAnswer::Page(page)) }.boxed()
    }

    fn snapshot(&self, chunks: SnapshotChunks) -> BoxFuture<'_, ()> {
        let text = {
            let held = self.held();
            let hash = StateHash::of_rows(held.venue.rows()).expect("rows are JSON").to_hex();
            let header = json!({ "epoch": "e", "epochBase": null, "seq": held.seq, "eventId": "e-1",
                "serverTime": held.now.to_iso(), "stateHash": hash });
            let mut text = format!("{header}\n");
            let mut rows = 0;
            for row in held.venue.rows() {
                text += &format!("{}\n", json!({ "collection": row.collection(), "id": row.id(), "row": row }));
                rows += 1;
            }
            text + &format!("{}\n", json!({ "end": true, "rows": rows }))
        };
        async move {
            for chunk in text.into_bytes().chunks(1 << 16) {
                let _ = chunks.send(Ok(chunk.to_vec())).await;
            }
        }
        .boxed()
    }

    fn commands(&self, _body: String) -> BoxFuture<'_, Result<Vec<Value>, RestError>> {
        async {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            Err(RestError::Link("busy".to_owned()))
        }
        .boxed()
    }
}

impl Realtime for Server {
    fn connect(&self, inbox: Inbox) -> BoxFuture<'_, Result<Box<dyn Connection>, LinkError>> {
        self.held().inbox = Some(inbox);
        self.heartbeat();
        async { Ok(Box::new(Open) as Box<dyn Connection>) }.boxed()
    }
}

struct Open;

impl Connection for Open {
    fn ack(&self, _position: Position) -> BoxFuture<'_, Result<(), LinkError>> {
        async { Ok(()) }.boxed()
    }
}

#[allow(clippy::disallowed_methods, reason = "this measures the real time that something takes")]
fn now() -> Instant {
    Instant::now()
}

fn key(parts: &[&str]) -> QueryKey {
    QueryKey::parse(parts.iter().map(|part| (*part).to_owned()).collect()).expect("a key")
}

/// The median and the 99th of a hundred, in milliseconds.
fn figures(mut taken: Vec<Duration>) -> String {
    taken.sort();
    let ms = |part: usize| taken[(taken.len() - 1) * part / 100].as_secs_f64() * 1_000.0;
    format!("p50 {:.3} ms, p99 {:.3} ms, longest {:.3} ms", ms(50), ms(99), ms(100))
}

async fn measure(visits: usize) {
    let server = Server::new(visits);
    let hour = server.held().venue.products().next().expect("the product").id.0.clone();
    let folder = tempfile::tempdir().expect("a folder");
    let heart = server.clone();
    let heart = tokio::spawn(async move {
        loop {
            heart.heartbeat();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    });
    let console = Console::open_with(folder.path(), None, |_| {
        Ok(Ports {
            realtime: Arc::new(server.clone()),
            rest: Arc::new(server.clone()),
            clock: Arc::new(SystemClock::new()),
            chance: Arc::new(SystemChance),
            executor: Arc::new(TokioExecutor),
        })
    })
    .expect("a console");
    while console.status().cursor.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    console.subscribe("page", vec![key(&["activeSessions"]), key(&["dashboardStats"]), key(&["playerSession", "B-7"])]);
    let mut pushes = console.pushes();
    let execute = |command: &Value| {
        let request = ExecuteRequest::of(command).expect("a command");
        let console = console.clone();
        async move { console.execute(request).await.expect("taken") }
    };
    let (mut taken, mut shown) = (Vec::new(), Vec::new());
    for n in 0..TAPS {
        // Past the frame of the push before.
        tokio::time::sleep(Duration::from_millis(25)).await;
        while pushes.try_recv().is_ok() {}
        let begun = now();
        execute(&checkin(&format!("T-{}", n % 50), &hour)).await;
        taken.push(begun.elapsed());
        pushes.recv().await.expect("a push");
        shown.push(begun.elapsed());
    }
    println!("{visits} visits, tap to on disk: {}", figures(taken));
    println!("{visits} visits, tap to push: {}", figures(shown));
    for n in TAPS..PENDING {
        execute(&checkin(&format!("P-{}", n % LIVE), &hour)).await;
    }
    let mut pushed = Vec::new();
    for n in 0..100 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        while pushes.try_recv().is_ok() {}
        let begun = now();
        // The band of pending sales.
        server.elsewhere(&format!("elsewhere {n}"), &checkin(&format!("P-{n}"), &hour));
        pushes.recv().await.expect("a push");
        pushed.push(begun.elapsed());
    }
    println!("{visits} visits, {PENDING} pending, event to push: {}", figures(pushed));
    heart.abort();
    console.shutdown().await;
}

/// The overlay alone: each pending sale on a band of its own.
fn measure_overlay(visits: usize) {
    let server = Server::new(visits);
    let mut truth = server.held().venue.clone();
    let (mut shown, at) = (truth.clone(), server.held().now);
    let hour = truth.products().next().expect("the product").clone();
    let mut overlay = Overlay::new(DeviceId::from("desk"));
    overlay.begin(&mut shown, Vec::new(), None, at);
    shown.keep_totals(at);
    let (mut pushed, mut confirmed) = (Vec::new(), Vec::new());
    for n in 0..PENDING {
        let command = Command::parse(&checkin(&format!("P-{n}"), hour.id.as_str()).to_string()).expect("a command");
        let entry = Entry {
            order: i64::try_from(n).expect("few"),
            id: fixed_command_id(&format!("tap {n}")),
            command,
            occurred_at: at,
            tapped_at: at,
            seen: [(hour.id.clone(), hour.clone())].into(),
            place: None,
            happened: false,
            force: None,
            last_seq: None,
        };
        let begun = now();
        overlay.push(&mut shown, entry, at);
        pushed.push(begun.elapsed());
    }
    for n in 0..1_000 {
        let command = checkin(&format!("P-{n}"), hour.id.as_str());
        let command = Command::parse(&command.to_string()).expect("a command");
        let id = fixed_command_id(&format!("elsewhere {n}"));
        let decision = decide(&truth, &command, &Context::new(id, at)).expect("accepted");
        let changes: Vec<_> = decision.events.into_iter().flat_map(|event| event.changes).collect();
        truth.apply(&changes);
        let place = Position { epoch: Epoch::from("e"), seq: n };
        let begun = now();
        overlay.confirm(&mut shown, Confirmed { changes: &changes, commands: &[id], at: &place }, at);
        confirmed.push(begun.elapsed());
    }
    println!("{visits} visits, the overlay alone, a tap: {}", figures(pushed));
    println!("{visits} visits, the overlay alone, an event with {PENDING} pending: {}", figures(confirmed));
}

#[tokio::main]
async fn main() {
    for visits in [1_000, 100_000] {
        measure_overlay(visits);
        measure(visits).await;
    }
}
