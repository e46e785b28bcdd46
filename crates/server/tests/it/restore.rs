//! A server that comes back with an older copy of its log: what desks send again is done once, at the prices that they
//! showed as far as anybody knows them (`sync.md` rules 8, 12 and 20).

use gangway_domain::{
    ids::{CommandId, DeviceId, Epoch, EventId, Position, Seq},
    time::VenueTime,
};
use gangway_server::{
    execute::{self, EpochProof, Origin, Outcome, Request},
    store::{Head, sqlite::FILE},
};
use serde_json::{Value, json};

use crate::support::parts::{Bench, NOON, open, parse};

fn queued(command: &Value, occurred_at: VenueTime, based_on: Position) -> Request {
    Request {
        occurred_at: Some(occurred_at),
        based_on: Some(based_on),
        origin: Origin::Queue,
        ..Request::now(CommandId(uuid::Uuid::new_v4()), parse(command), Some(DeviceId::from("desk-1")))
    }
}

fn sale(band: &str, product: &str) -> Value {
    json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": product, "quantity": 1 }] })
}

fn price(product: &str, price: u32) -> Value {
    json!({ "type": "product.update", "productId": product, "changes": { "price": price } })
}

fn total(outcome: &Outcome) -> (Value, Vec<Value>) {
    match outcome {
        Outcome::Accepted { result, flags, .. } => (result["transactions"][0]["totalPrice"].clone(), flags.clone()),
        Outcome::Rejected { rejection } => panic!("{rejection:?}"),
    }
}

/// A copy of the venue as it stands, opened as another server would.
fn older_copy(bench: &Bench) -> Bench {
    let dir = tempfile::tempdir().expect("a folder");
    let raw = rusqlite::Connection::open(bench.dir.path().join(FILE)).expect("the file");
    raw.execute("VACUUM INTO ?1", [dir.path().join(FILE).to_str().expect("a path")]).expect("a copy");
    let mut copy = Bench::on(Box::new(open(dir.path())), dir);
    copy.ports.ids = bench.ports.ids.clone();
    copy.clock.pass(gangway_server::clock::Clock::now(bench.clock.as_ref()).since(NOON));
    copy
}

/// A desk shows an event that the copy lacks.
fn prove(bench: &mut Bench, seen: &Head, head_at_start: Seq, epoch: &str) -> Option<Head> {
    let proof = EpochProof {
        epoch: Epoch::from(epoch),
        after: seen.seq,
        after_id: seen.event_id.clone().unwrap_or(EventId::from("none")),
    };
    execute::start_epoch(bench.store.as_mut(), &bench.ports, &proof, head_at_start, None).expect("the store works")
}

#[test]
fn a_sale_that_the_copy_lacks_is_done_again_once_at_the_price_that_the_copy_still_knows() {
    let mut lost = Bench::new();
    let hour = lost.product(10.0, Some(3600));
    lost.accept(price(&hour, 11));
    let mut bench = older_copy(&lost);
    let copied = bench.head();
    lost.accept(price(&hour, 12));
    let seen = lost.head();
    let at = |seq| Position { epoch: Epoch::from("first"), seq };
    let settled = queued(&sale("B-1", &hour), NOON, at(seen.seq));
    assert_eq!(total(&lost.run(&settled).outcome), (json!(12), vec![]));
    let head = prove(&mut bench, &lost.head(), copied.seq, "first").expect("a new epoch");
    assert_eq!(head.epoch_base, Some(at(copied.seq)), "nothing was committed since the start");
    // The venue goes on before the desk is back.
    bench.accept(price(&hour, 13));
    let again = bench.run(&settled);
    let changed = json!({ "flag": "priceChanged", "productId": hour });
    assert_eq!(total(&again.outcome), (json!(11), vec![changed.clone()]), "what was the price where the copy ends");
    assert_eq!(bench.run(&settled).outcome, again.outcome, "and done once");
    let older = queued(&sale("B-2", &hour), NOON, at(1));
    assert_eq!(total(&bench.run(&older).outcome), (json!(10), vec![changed]), "what the copy has is known exactly");
}

#[test]
fn where_nobody_knows_what_a_desk_had_seen_its_moment_counts_and_somebody_is_told() {
    let mut lost = Bench::new();
    let hour = lost.product(10.0, Some(3600));
    let mut bench = older_copy(&lost);
    let copied = bench.head();
    lost.accept(price(&hour, 12));
    let seen = Position { epoch: Epoch::from("first"), seq: lost.head().seq };
    // A price changed before the first desk could show that the log is a copy.
    bench.clock.pass(60_000);
    bench.accept(price(&hour, 13));
    assert_eq!(bench.head().seq, lost.head().seq, "another event at the same place");
    let head = prove(&mut bench, &lost.head(), copied.seq, "first").expect("a new epoch");
    assert_eq!(head.epoch_base, None);
    let unknown = json!({ "flag": "catalogueUnknown" });
    let before = queued(&sale("B-1", &hour), NOON.plus(59_999), seen.clone());
    let changed = json!({ "flag": "priceChanged", "productId": hour });
    assert_eq!(total(&bench.run(&before).outcome), (json!(10), vec![changed, unknown.clone()]));
    let after = queued(&sale("B-2", &hour), NOON.plus(60_000), seen);
    assert_eq!(total(&bench.run(&after).outcome), (json!(13), vec![unknown]));
}

#[test]
fn an_epoch_before_the_last_is_known_by_time_only() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let lacks = |seq| Head { event_id: Some(EventId::from("lost")), seq, ..bench.head() };
    let seen = lacks(9);
    let start = bench.head().seq;
    prove(&mut bench, &seen, start, "first").expect("a second epoch");
    let second = bench.head().epoch;
    prove(&mut bench, &seen, start, second.as_str()).expect("a third");
    let first = queued(&sale("B-1", &hour), NOON, Position { epoch: Epoch::from("first"), seq: 1 });
    assert_eq!(total(&bench.run(&first).outcome).1, [json!({ "flag": "catalogueUnknown" })]);
    let base = queued(&sale("B-2", &hour), NOON, Position { epoch: second, seq: 9 });
    assert_eq!(total(&bench.run(&base).outcome), (json!(10), vec![]));
}
