//! A server that comes back with an older copy of its log: what desks send again is done once, at the prices that they
//! showed as far as anybody knows them (`sync.md` rules 8, 12 and 20).

use std::collections::{BTreeMap, BTreeSet};

use gangway_domain::{
    ids::{CommandId, DeviceId, Epoch, EventId, PlaceId, Position, ProductId, Seq},
    time::VenueTime,
};
use gangway_server::{
    dispatcher::mirror::Mirror,
    execute::{self, EpochProof, LeaseCall, Leases, Origin, Outcome, Request, SeenTurn},
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
pub fn older_copy(bench: &Bench) -> Bench {
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
        after_id: Some(seen.event_id.clone().unwrap_or(EventId::from("none"))),
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
fn a_sale_that_the_copy_lacks_comes_back_at_the_price_that_the_guest_paid() {
    let mut lost = Bench::new();
    let hour = lost.product(10.0, Some(3600));
    let mut bench = older_copy(&lost);
    let copied = bench.head();
    lost.accept(price(&hour, 12));
    let cap = lost.product(5.0, None);
    let at = |seq| Position { epoch: Epoch::from("first"), seq };
    let shown = |lost: &Bench, id: &str| {
        let venue = lost.view(|view| Mirror::load(view).expect("rows").venue);
        let row = venue.product(&ProductId::from(id)).expect("a product").clone();
        BTreeMap::from([(row.id.clone(), row)])
    };
    let seen = lost.head();
    let shown_as = |lost: &Bench, id: &str, band: &str, seq| Request {
        shown: shown(lost, id),
        ..queued(&sale(band, id), NOON, at(seq))
    };
    let hours = shown_as(&lost, &hour, "B-1", seen.seq);
    let caps = shown_as(&lost, &cap, "B-2", seen.seq);
    prove(&mut bench, &seen, copied.seq, "first").expect("a new epoch");
    let changed = json!({ "flag": "priceChanged", "productId": hour });
    assert_eq!(total(&bench.run(&hours).outcome), (json!(12), vec![changed]));
    let unknown = json!({ "flag": "catalogueUnknown" });
    assert_eq!(total(&bench.run(&caps).outcome), (json!(5), vec![unknown]), "a product that nobody has made again yet");
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

/// What a desk may fill that says that it holds nothing.
pub fn lend(bench: &mut Bench, leases: &mut Leases, device: &str) -> Vec<PlaceId> {
    let device = DeviceId::from(device);
    let live = BTreeSet::from([device.clone()]);
    let (held, spent, seen) = (BTreeSet::new(), BTreeSet::new(), SeenTurn::Unsaid);
    let call = LeaseCall { device, held, spent, seen, live, wanted: 0 };
    leases.answer(bench.store.as_mut(), &bench.ports, &call).expect("the store works").places
}

pub fn boarding(device: &str, band: &str, place: Option<&str>, based_on: &Position) -> Request {
    let play = json!({ "type": "session.play", "barcodeId": band });
    let (device_id, place) = (Some(DeviceId::from(device)), place.map(PlaceId::from));
    Request { device_id, place, ..queued(&play, NOON, based_on.clone()) }
}

/// How many play, and how many places are lent.
pub fn filled(bench: &Bench) -> (u32, u32) {
    let venue = bench.view(|view| Mirror::load(view).expect("rows").venue);
    (venue.playing(), venue.lent())
}

/// A strict venue of two places and four bands, which another log said to `desk-1` were lent to it: an older copy of it
/// that has begun a new epoch, what the desk was lent since, and where.
fn copy_without_places() -> (Bench, Vec<PlaceId>, Position) {
    let mut lost = Bench::new();
    let day = lost.product(10.0, Some(86_400));
    for band in 0..4 {
        lost.sell(&format!("B-{band}"), &day);
    }
    let strict = json!({ "maxOccupancy": 2, "capacityPolicy": "strict" });
    lost.accept(json!({ "type": "settings.update", "changes": strict }));
    let mut leases = Leases::default();
    lend(&mut lost, &mut leases, "desk-1");
    let mut bench = older_copy(&lost);
    // The answers were lost on their way, so it was lent others.
    lend(&mut lost, &mut leases, "desk-1");
    let lent = lend(&mut lost, &mut leases, "desk-1");
    assert_eq!(lent.len(), 2);
    let (seen, copied) = (lost.head(), bench.head());
    prove(&mut bench, &seen, copied.seq, "first").expect("a new epoch");
    assert_eq!(filled(&bench), (0, 2), "the desk counts as holding its share");
    (bench, lent, Position { epoch: Epoch::from("first"), seq: seen.seq })
}

#[test]
fn who_was_let_in_on_a_place_that_the_copy_never_knew_is_inside_on_the_desks_share() {
    let (mut bench, lent, seen) = copy_without_places();
    let boards: Vec<Request> =
        (0..2).map(|index| boarding("desk-1", &format!("B-{index}"), Some(lent[index].as_str()), &seen)).collect();
    for (board, after) in boards.iter().zip([(1, 1), (2, 0)]) {
        let executed = bench.run(board);
        let Outcome::Accepted { flags, .. } = &executed.outcome else { panic!("{:?}", executed.outcome) };
        assert_eq!((flags.as_slice(), filled(&bench)), ([].as_slice(), after));
        let head = bench.head();
        assert_eq!((bench.run(board).outcome, bench.head().seq), (executed.outcome, head.seq), "once");
    }
}

#[test]
fn who_was_let_in_on_a_place_that_nothing_stands_in_for_is_inside_and_somebody_is_told() {
    let (mut bench, _, seen) = copy_without_places();
    let Outcome::Accepted { flags, .. } = bench.run(&boarding("desk-2", "B-2", Some("of-desk-2"), &seen)).outcome
    else {
        panic!("the child is inside")
    };
    assert_eq!(flags, [json!({ "flag": "placeLost" })]);
    assert_eq!(filled(&bench), (1, 2), "another desk's share is not touched");
    let venue = bench.view(|view| Mirror::load(view).expect("rows").venue);
    assert_eq!(venue.attention().count(), 1);
}

#[test]
fn who_was_let_in_without_a_place_is_inside_and_somebody_is_told_where_there_is_no_room() {
    let (mut bench, _, seen) = copy_without_places();
    let first = Epoch::from("first");
    let here = bench.head().epoch;
    let accepted_in = |band: &str, epoch: &Epoch| Request {
        accepted_in: Some(epoch.clone()),
        ..boarding("desk-2", band, None, &seen)
    };
    let lied = accepted_in("B-2", &here);
    let Outcome::Rejected { rejection } = bench.run(&lied).outcome else { panic!("this log would know it") };
    assert_eq!(rejection.code.as_str(), "venue_full");
    let board = accepted_in("B-3", &first);
    let executed = bench.run(&board);
    let Outcome::Accepted { flags, .. } = &executed.outcome else { panic!("the child is inside") };
    assert_eq!(*flags, [json!({ "flag": "overCapacity" })]);
    assert_eq!(filled(&bench), (1, 2), "nobody's place is spent");
    let head = bench.head();
    assert_eq!((bench.run(&board).outcome, bench.head().seq), (executed.outcome, head.seq), "once");
    let venue = bench.view(|view| Mirror::load(view).expect("rows").venue);
    assert_eq!(venue.attention().count(), 1);
}

#[test]
fn a_place_that_nobody_knows_covers_nothing_where_no_log_was_lost() {
    let (mut bench, lent, seen) = copy_without_places();
    let here = Position { epoch: bench.head().epoch, seq: 1 };
    let of_none = boarding("desk-1", "B-2", None, &seen);
    for refused in [boarding("desk-1", "B-2", Some(lent[0].as_str()), &here), of_none] {
        let Outcome::Rejected { rejection } = bench.run(&refused).outcome else { panic!("let in") };
        assert_eq!((rejection.code.as_str(), filled(&bench)), ("venue_full", (0, 2)));
    }
}
