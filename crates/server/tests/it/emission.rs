//! The dispatcher over socket layers that work, fail, or fail for a while (`sync.md` rule 7).

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use gangway_domain::ids::{CommandId, Epoch, EventId};
use gangway_server::{
    dispatcher::{
        packet::Packet,
        queue::{EmitError, Emitter, Sent},
    },
    execute::{EpochProof, Request},
    realtime::Profile,
};
use serde_json::{Value, json};

use crate::support::{
    PATIENCE,
    parts::{Bench, Line, Lined, parse},
};

/// What a recorder saw.
#[derive(Clone, Debug)]
pub struct Emitted {
    pub name: String,
    pub room: Profile,
    pub seq: Option<u64>,
    pub payload: Value,
    pub meta: Value,
}

pub type Seen = Arc<Mutex<Vec<Emitted>>>;

/// A socket layer that remembers what it is given and refuses as often as it is told to.
pub struct Recorder {
    seen: Seen,
    refusals: Arc<AtomicUsize>,
    tries: Arc<AtomicUsize>,
}

impl Emitter for Recorder {
    fn emit(&self, packet: &Packet) -> Result<Sent, EmitError> {
        // The heartbeat comes by itself and is not what is counted here.
        if packet.name != "sync:head" {
            self.tries.fetch_add(1, Relaxed);
            if self.refusals.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                return Err(EmitError("no socket layer".to_owned()));
            }
        }
        self.seen.lock().expect("a lock").push(Emitted {
            name: packet.name.to_owned(),
            room: packet.room,
            seq: packet.seq,
            payload: serde_json::from_str(packet.payload.get()).expect("JSON"),
            meta: packet.meta.as_ref().map_or(Value::Null, |meta| serde_json::from_str(meta.get()).expect("JSON")),
        });
        Ok(Sent { receivers: 1 })
    }

    fn receivers(&self, _: Profile) -> usize {
        1
    }

    fn backlog(&self) -> u64 {
        0
    }
}

pub fn recorder() -> (Recorder, Seen) {
    let (recorder, seen, _) = refusing(0);
    (recorder, seen)
}

fn refusing(refusals: usize) -> (Recorder, Seen, Arc<AtomicUsize>) {
    let seen = Seen::default();
    let tries = Arc::new(AtomicUsize::new(0));
    let recorder =
        Recorder { seen: seen.clone(), refusals: Arc::new(AtomicUsize::new(refusals)), tries: tries.clone() };
    (recorder, seen, tries)
}

/// Waits until an event of that name was emitted.
pub async fn until_seen(seen: &Seen, name: &str) {
    wait(name, || seen.lock().expect("a lock").iter().any(|emitted| emitted.name == name)).await;
}

async fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "did not happen: {what}");
}

async fn give(line: &Line, command: Value) -> u64 {
    let request = Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), None);
    let executed = line.store.execute(request).await.expect("the store works");
    assert_eq!(executed.outcome.name(), "accepted", "{command}");
    executed.head
}

fn new_product() -> Value {
    json!({ "type": "product.create", "product": { "name": "Hour", "price": 1, "category": "time", "timeValueSeconds": 3600 } })
}

fn logged(seen: &Seen, room: Profile) -> Vec<Emitted> {
    let seen = seen.lock().expect("a lock");
    seen.iter().filter(|emitted| emitted.room == room && emitted.seq.is_some()).cloned().collect()
}

#[test]
fn each_room_gets_its_form_of_each_event_in_order() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let lined = Lined::of(bench);
    let (emitter, seen) = recorder();
    lined.run(emitter, async |line| {
        let products = json!([{ "id": hour, "quantity": 1 }]);
        give(&line, json!({ "type": "session.checkin", "barcodeId": "B-1", "products": products })).await;
        give(&line, json!({ "type": "session.play", "barcodeId": "B-1" })).await;
        let last = give(&line, json!({ "type": "session.end", "barcodeId": "B-1" })).await;
        wait("all of it", || logged(&seen, Profile::Lean).last().is_some_and(|event| event.seq == Some(last))).await;
    });
    let full = logged(&seen, Profile::Full);
    let lean = logged(&seen, Profile::Lean);
    let names: Vec<_> = full.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["session:created", "transaction:created", "session:play", "session:ended"]);
    assert_eq!(full.len(), lean.len());
    for (full, lean) in full.iter().zip(&lean) {
        assert_eq!(full.seq, lean.seq);
        assert!(full.meta["changes"].is_null() && lean.meta["changes"].is_array(), "rows are for consoles alone");
        assert_eq!(full.payload["playerSession"], lean.payload["playerSession"]);
        assert!(lean.payload.get("activeSessions").is_none() && lean.payload.get("dashboardStats").is_none());
    }
    let extras = |event: &Emitted| {
        (event.payload["activeSessions"].is_array(), event.payload["dashboardStats"]["topProducts"].is_array())
    };
    assert_eq!(
        full.iter().map(extras).collect::<Vec<_>>(),
        [(true, false), (false, true), (true, false), (true, true)]
    );
}

#[test]
fn an_emission_that_fails_for_a_while_comes_once_and_in_order() {
    let lined = Lined::of(Bench::new());
    let (emitter, seen, tries) = refusing(3);
    let text = lined.run(emitter, async |line| {
        let mut last = 0;
        for _ in 0..5 {
            last = give(&line, new_product()).await;
        }
        wait("all of it", || logged(&seen, Profile::Lean).last().is_some_and(|event| event.seq == Some(last))).await;
        line.metrics.render()
    });
    for room in Profile::ALL {
        let seqs: Vec<_> = logged(&seen, room).iter().filter_map(|event| event.seq).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5]);
    }
    assert!(tries.load(Relaxed) >= 13, "ten packets and three refusals");
    assert!(text.contains("gangway_emission_failures_total{event=\"product:created\"} 3"), "{text}");
    assert!(!text.contains("gangway_emissions_skipped_total{"), "nothing was given up");
}

#[test]
fn an_emission_that_always_fails_is_given_up_after_five_retries_and_the_next_goes_out() {
    let lined = Lined::of(Bench::new());
    let (emitter, seen, _) = refusing(6);
    let (text, took) = lined.run(emitter, async |line| {
        let started = tokio::time::Instant::now();
        let last = give(&line, new_product()).await;
        wait("the other room's", || logged(&seen, Profile::Lean).last().is_some_and(|event| event.seq == Some(last)))
            .await;
        (line.metrics.render(), started.elapsed())
    });
    assert!(logged(&seen, Profile::Full).is_empty(), "that room's was given up");
    assert!(text.contains("gangway_emission_failures_total{event=\"product:created\"} 5"), "{text}");
    assert!(text.contains("gangway_emissions_skipped_total{event=\"product:created\"} 1"), "{text}");
    assert!(took.as_millis() < 4_000, "within about 2 s, not {took:?}");
}

#[test]
fn a_dead_socket_layer_stops_neither_commands_nor_reads() {
    let lined = Lined::of(Bench::new());
    let (emitter, seen, _) = refusing(usize::MAX);
    lined.run(emitter, async |line| {
        let mut last = 0;
        for _ in 0..40 {
            last = give(&line, new_product()).await;
        }
        let reached = tokio::time::timeout(PATIENCE, line.mirror.reach(last)).await;
        assert!(reached.is_ok(), "reads wait for the sockets");
        assert_eq!(line.mirror.with(|mirror| mirror.venue.products().count()), 40);
        let head = line.store.read(|view| view.head()).await.expect("a head");
        assert_eq!(head.seq, 40, "persistence is untouched");
    });
    assert!(logged(&seen, Profile::Full).is_empty());
}

#[test]
fn the_heartbeat_names_what_was_emitted_and_its_hash() {
    let lined = Lined::of(Bench::new());
    let (emitter, seen) = recorder();
    let (head, place) = lined.run(emitter, async |line| {
        let last = give(&line, new_product()).await;
        wait("it", || line.emitted.borrow().seq == last).await;
        let place = line.emitted.borrow().clone();
        (line.store.read(|view| view.head()).await.expect("a head"), place)
    });
    assert_eq!((place.seq, place.full_seq, &place.epoch), (head.seq, head.full_seq, &head.epoch));
    assert_eq!(place.state_hash, head.state_hash, "the hash at exactly that seq");
    let beats = seen.lock().expect("a lock").iter().filter(|event| event.name == "sync:head").count();
    assert!(beats >= 2, "one to each room at the start");
}

#[test]
fn a_skipped_emission_still_moves_the_heartbeat_on_so_that_clients_find_the_hole() {
    let lined = Lined::of(Bench::new());
    let (emitter, _, _) = refusing(12);
    lined.run(emitter, async |line| {
        let last = give(&line, new_product()).await;
        wait("both were given up", || line.emitted.borrow().seq == last).await;
        assert_eq!(line.emitted.borrow().full_seq, last);
    });
}

/// A socket layer that refuses until it is opened.
#[derive(Clone, Default)]
struct Gate {
    open: Arc<AtomicBool>,
    tries: Arc<AtomicUsize>,
}

impl Emitter for Gate {
    fn emit(&self, packet: &Packet) -> Result<Sent, EmitError> {
        self.tries.fetch_add(usize::from(packet.seq.is_some()), Relaxed);
        if packet.seq.is_none() || self.open.load(Relaxed) {
            return Ok(Sent { receivers: 1 });
        }
        Err(EmitError("closed".to_owned()))
    }

    fn receivers(&self, _: Profile) -> usize {
        1
    }

    fn backlog(&self) -> u64 {
        0
    }
}

#[test]
fn what_was_queued_before_a_new_epoch_does_not_bring_the_old_one_back() {
    let gate = Gate::default();
    let (open, tries) = (gate.open.clone(), gate.tries.clone());
    Lined::of(Bench::new()).run(gate, async |line| {
        let head = give(&line, new_product()).await;
        wait("the event waits", || tries.load(Relaxed) > 0).await;
        let proof = EpochProof { epoch: Epoch::from("first"), after: 9, after_id: Some(EventId::from("lost")) };
        let renewed = line.store.start_epoch(proof).await.expect("the store works").expect("it is due").epoch;
        wait("the new epoch is told", || line.emitted.borrow().epoch == renewed).await;
        assert_eq!(line.emitted.borrow().seq, 0, "the event still waits");
        open.store(true, Relaxed);
        wait("it goes out", || line.emitted.borrow().seq == head).await;
        assert_eq!(line.emitted.borrow().epoch, renewed);
    });
}
