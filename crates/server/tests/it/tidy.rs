//! What nobody needs any more goes, a little at a time, and nothing that anybody may still ask for (`sync.md` rule 16).

use gangway_domain::{
    hash::StateHash,
    ids::{CommandId, DeviceId, Position},
    time::{DAY_MS, Millis},
};
use gangway_server::{
    dispatcher::mirror::Mirror,
    execute::{self, Executed, Origin, Outcome, Request},
};
use serde_json::{Value, json};

use crate::support::{
    parts::{Bench, NOON, open, parse},
    until,
    venue::{Venue, options},
};

fn tidy(bench: &mut Bench) -> usize {
    let mut steps = 0;
    while execute::tidy(bench.store.as_mut(), &bench.ports).expect("the store works") {
        steps += 1;
    }
    steps
}

/// A command that a desk gave `after` ms after noon.
fn tapped(command: &Value, after: Millis) -> Request {
    Request {
        occurred_at: Some(NOON.plus(after)),
        origin: Origin::Queue,
        ..Request::now(CommandId(uuid::Uuid::new_v4()), parse(command), Some(DeviceId::from("desk-1")))
    }
}

fn kept(bench: &Bench, request: &Request) -> bool {
    bench.view(|view| view.command(request.command_id).expect("read")).is_some()
}

fn rejection(executed: Executed) -> String {
    match executed.outcome {
        Outcome::Rejected { rejection } => rejection.code,
        Outcome::Accepted { .. } => panic!("it was done again"),
    }
}

#[test]
fn an_outcome_is_kept_as_long_as_its_command_may_come_again() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let sale = json!({ "type": "session.checkin", "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }] });
    let sold = tapped(&sale, 0);
    let ahead = tapped(&json!({ "type": "session.play", "barcodeId": "B-1" }), 2 * DAY_MS);
    let first = bench.run(&sold).outcome;
    assert_eq!(bench.run(&ahead).outcome.name(), "accepted", "a desk whose clock is two days ahead");
    bench.clock.pass(30 * DAY_MS);
    tidy(&mut bench);
    assert_eq!(bench.run(&sold).outcome, first, "kept 30 days");
    bench.clock.pass(DAY_MS);
    tidy(&mut bench);
    assert!(kept(&bench, &sold));
    bench.clock.pass(1);
    tidy(&mut bench);
    assert!(!kept(&bench, &sold), "a day more, and it is gone");
    assert_eq!(rejection(bench.run(&sold)), "too_old", "it is never done twice");
    assert!(kept(&bench, &ahead), "this one is not yet too old by its own moment");
    bench.clock.pass(2 * DAY_MS);
    tidy(&mut bench);
    assert!(!kept(&bench, &ahead));
    assert_eq!(rejection(bench.run(&ahead)), "too_old");
}

#[test]
fn a_trimmed_log_leaves_the_venue_as_it_stands() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    for band in 0..600 {
        bench.sell(&format!("B-{band}"), &hour);
    }
    let before = bench.head();
    bench.clock.pass(31 * DAY_MS);
    let steps = tidy(&mut bench);
    assert!(steps > 2, "not all at once: {steps}");
    assert_eq!(bench.head(), before, "the head stays");
    let events = bench.view(|view| view.events_after(0, 10_000).expect("events"));
    let last: Vec<_> = events.iter().map(|event| event.last).collect();
    assert_eq!(last, [before.seq, before.seq], "the last command's events stay");
    bench.store = Box::new(open(bench.dir.path()));
    let rows = bench.view(|view| Mirror::load(view).expect("rows"));
    assert_eq!(rows.place.seq, before.seq);
    assert_eq!(StateHash::of_rows(rows.venue.rows()).expect("rows"), before.state_hash);
    bench.accept(json!({ "type": "product.update", "productId": hour, "changes": { "price": 11 } }));
    assert_eq!(bench.head().seq, before.seq + 1, "and the log goes on");
}

#[test]
fn a_price_is_known_as_long_as_the_log_and_is_guessed_and_flagged_after_that() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let first = bench.head().seq;
    let price = |price: u32| json!({ "type": "product.update", "productId": hour, "changes": { "price": price } });
    bench.accept(price(11));
    bench.clock.pass(31 * DAY_MS);
    let young = bench.head().seq;
    bench.accept(price(12));
    bench.accept(price(13));
    tidy(&mut bench);
    let epoch = bench.head().epoch;
    let mut sell = |seq, band: &str| {
        let products = json!([{ "id": hour, "quantity": 1 }]);
        let sale = json!({ "type": "session.checkin", "barcodeId": band, "products": products });
        let based_on = Some(Position { epoch: epoch.clone(), seq });
        match bench.run(&Request { based_on, ..tapped(&sale, 31 * DAY_MS) }).outcome {
            Outcome::Accepted { result, flags, .. } => (result["transactions"][0]["totalPrice"].clone(), flags),
            Outcome::Rejected { rejection } => panic!("{rejection:?}"),
        }
    };
    let changed = json!({ "flag": "priceChanged", "productId": hour });
    assert_eq!(sell(young, "B-1"), (json!(11), vec![changed]), "the version before the log's first event is kept");
    assert_eq!(sell(first, "B-2"), (json!(13), vec![json!({ "flag": "catalogueUnknown" })]));
}

#[test]
fn moments_of_a_desk_that_bound_nothing_any_more_are_forgotten() {
    let mut bench = Bench::new();
    let play = json!({ "type": "session.play", "barcodeId": "B-1" });
    bench.run(&tapped(&play, 0));
    let known = |bench: &mut Bench| {
        tidy(bench);
        let transaction = bench.store.begin().expect("a transaction");
        transaction.desk_band_at(&DeviceId::from("desk-1"), "B-1").expect("read").is_some()
    };
    bench.clock.pass(8 * DAY_MS);
    assert!(known(&mut bench), "a command may say a moment of a week ago");
    bench.clock.pass(1);
    assert!(!known(&mut bench));
}

#[test]
fn who_missed_what_was_trimmed_is_told_to_load_a_snapshot_and_starts_no_new_epoch() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    bench.sell("B-1", &hour);
    let ids: Vec<_> = bench.view(|view| view.events_after(0, 10).expect("events")).into_iter().map(|e| e.id).collect();
    bench.store.close().expect("closed");
    let Bench { store, dir, .. } = bench;
    drop(store);
    // For the machine's clock all this was long ago.
    let venue = Venue::start_with(options(dir.path()));
    let page = |after: u64, id: &str| {
        let epoch = venue.ready().epoch.clone();
        venue.get(&format!("/api/sync/events?after={after}&afterId={id}&epoch={epoch}"))
    };
    until("the server tidies up", || (venue.get("/api/sync/events?after=0").status == 410).then_some(()));
    // The day that changed is younger than the visit that it ended.
    for (seq, id) in (1..=3).zip(&ids) {
        let trimmed = page(seq, id.as_str());
        assert_eq!((trimmed.status, trimmed.code()), (410, "snapshot_required"), "{seq} can't be compared any more");
    }
    assert_eq!(venue.get("/api/sync/events?after=3").status, 200, "who says no id has all that comes after");
    let snapshot = venue.get("/api/sync/snapshot").text;
    let first: Value = serde_json::from_str(snapshot.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["epoch"], json!(venue.ready().epoch), "the old ids proved nothing");
    let head = page(first["seq"].as_u64().expect("a seq"), first["eventId"].as_str().expect("an id"));
    assert_eq!(head.status, 200);
}
