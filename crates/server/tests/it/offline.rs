//! Commands that were tapped earlier take effect when they were tapped, within bounds (`sync.md` rule 13).

use gangway_domain::{
    ids::{CommandId, DeviceId, Position},
    time::VenueTime,
};
use gangway_server::{
    dispatcher::mirror::Mirror,
    execute::{Outcome, Request},
};
use serde_json::{Value, json};

use crate::support::parts::{Bench, NOON, parse};

fn at(bench: &mut Bench, moment: VenueTime, device: &str, command: Value) -> (Value, Value) {
    let request = Request {
        occurred_at: Some(moment),
        ..Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), Some(DeviceId::from(device)))
    };
    match bench.run(&request).outcome {
        Outcome::Accepted { result, flags, .. } => {
            // By how much is a matter of the tests of `decide`.
            let flags: Vec<_> = flags.iter().map(|flag| json!({ "flag": flag["flag"] })).collect();
            (result, json!(flags))
        }
        Outcome::Rejected { rejection } => panic!("{rejection:?}"),
    }
}

fn started(result: &Value) -> VenueTime {
    VenueTime::from_iso(result["lastStartAt"].as_str().expect("it plays")).expect("a moment")
}

#[test]
fn a_play_counts_from_the_tap_and_not_from_its_arrival() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    bench.sell("B-1", &hour);
    bench.clock.pass(600_000);
    let tapped = NOON.plus(300_000);
    let (played, flags) = at(&mut bench, tapped, "d", json!({ "type": "session.play", "barcodeId": "B-1" }));
    assert_eq!((started(&played), flags), (tapped, json!([])));
    assert_eq!(played["remainingSeconds"], 3300, "as it stands at the arrival");
}

#[test]
fn a_moment_that_can_not_be_is_bounded_and_flagged() {
    let clamped = json!([{ "flag": "timeClamped" }]);
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    for band in ["B-1", "B-2", "B-3"] {
        bench.sell(band, &hour);
    }
    bench.clock.pass(600_000);
    let now = NOON.plus(600_000);
    let play = |band: &str| json!({ "type": "session.play", "barcodeId": band });
    let (played, flags) = at(&mut bench, now.plus(60_000), "d", play("B-1"));
    assert_eq!((started(&played), flags), (now.plus(2_000), clamped.clone()), "no later than 2 s ahead");
    let (played, flags) = at(&mut bench, NOON.plus(-1), "d", play("B-2"));
    assert_eq!((started(&played), flags), (NOON, clamped.clone()), "not before the sale");
    let (played, flags) = at(&mut bench, now.plus(1_999), "d", play("B-3"));
    assert_eq!((started(&played), flags), (now.plus(1_999), json!([])));
}

#[test]
fn a_desks_commands_on_a_band_keep_their_order_also_after_a_refusal() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    bench.sell("B-1", &hour);
    bench.clock.pass(600_000);
    let pause = json!({ "type": "session.pause", "barcodeId": "B-1" });
    let refused = Request {
        occurred_at: Some(NOON.plus(500_000)),
        ..Request::now(CommandId(uuid::Uuid::new_v4()), parse(&pause), Some(DeviceId::from("d")))
    };
    assert_eq!(bench.run(&refused).outcome.name(), "rejected");
    let play = json!({ "type": "session.play", "barcodeId": "B-1" });
    let (played, _) = at(&mut bench, NOON.plus(100_000), "d", play);
    assert_eq!(started(&played), NOON.plus(500_000), "not before what the same desk did before");
}

#[test]
fn venue_time_never_goes_behind_what_was_committed() {
    let mut bench = Bench::new();
    bench.product(10.0, None);
    bench.clock.pass(-3_600_000);
    bench.product(10.0, None);
    let events = bench.view(|view| view.events_after(0, 10).expect("events"));
    assert!(events[1].emitted_at >= events[0].emitted_at, "the clock went back an hour");
}

#[test]
fn a_refund_is_never_earlier_than_what_the_line_and_its_visit_went_through() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let line = bench.sell("B-1", &hour)["transactions"][0]["id"].clone();
    bench.accept(json!({ "type": "session.play", "barcodeId": "B-1" }));
    bench.clock.pass(600_000);
    let refund =
        json!({ "type": "transaction.correct", "transactionId": line, "status": "refunded", "reason": "sent away" });
    let (_, flags) = at(&mut bench, NOON.plus(-5 * 86_400_000), "d", refund);
    assert_eq!(flags, json!([{ "flag": "timeClamped" }]));
    bench.clock.pass(1_000);
    let venue = bench.view(|view| Mirror::load(view).expect("rows").venue);
    let stats = venue.dashboard_stats(NOON.plus(601_000));
    assert_eq!((stats.today_revenue.to_string(), stats.total_transactions), ("0".to_owned(), 1), "both are of today");
}

#[test]
fn a_new_visit_does_not_begin_before_a_person_ended_the_one_before() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    bench.sell("B-1", &hour);
    bench.clock.pass(600_000);
    bench.accept(json!({ "type": "session.end", "barcodeId": "B-1" }));
    bench.clock.pass(600_000);
    let sale = json!({ "type": "session.checkin", "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }] });
    let (sold, flags) = at(&mut bench, NOON.plus(300_000), "d", sale);
    assert_eq!(flags, json!([{ "flag": "timeClamped" }]));
    assert_eq!(sold["playerSession"]["createdAt"], json!(NOON.plus(600_000).to_iso()), "when the other was ended");
}

#[test]
fn settings_hold_from_when_they_arrive() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    bench.sell("B-1", &hour);
    let day = |bench: &Bench| {
        let venue = bench.view(|view| Mirror::load(view).expect("rows").venue);
        venue.settings().day_rules().day_of(NOON)
    };
    let before = day(&bench);
    let changes = json!({ "timezone": "UTC", "operationalDayStart": "11:00" });
    let (_, flags) =
        at(&mut bench, NOON.plus(-6 * 86_400_000), "d", json!({ "type": "settings.update", "changes": changes }));
    assert_eq!((day(&bench), flags), (before, json!([])), "the running day keeps its rule, whenever it was tapped");
}

#[test]
fn a_sale_by_an_older_catalogue_is_in_the_money_of_now() {
    let mut bench = Bench::new();
    let hour = bench.product(12.0, Some(3600));
    let head = bench.head();
    bench.accept(json!({ "type": "settings.update", "changes": { "currency": "JPY" } }));
    let sale = json!({ "type": "session.checkin", "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }] });
    let based_on = Some(Position { epoch: head.epoch.clone(), seq: head.seq });
    let request = Request { based_on, ..Request::now(CommandId(uuid::Uuid::new_v4()), parse(&sale), None) };
    let Outcome::Accepted { result, .. } = bench.run(&request).outcome else { panic!("a sale") };
    assert_eq!(result["transactions"][0]["totalPrice"], 12);
    let based_on = Some(Position { epoch: head.epoch, seq: u64::MAX });
    let request = Request { based_on, ..Request::now(CommandId(uuid::Uuid::new_v4()), parse(&sale), None) };
    assert_eq!(bench.run(&request).outcome.name(), "accepted", "nobody has seen more than there is");
}

#[test]
fn a_product_that_the_desk_made_itself_is_sold_as_it_was_made() {
    let mut bench = Bench::new();
    let before = bench.head();
    let product = bench.product(5.0, Some(3600));
    bench.accept(json!({ "type": "product.update", "productId": product, "changes": { "price": 9 } }));
    let lines = json!([{ "id": product, "quantity": 1 }]);
    let command = parse(&json!({ "type": "session.checkin", "barcodeId": "B-1", "products": lines }));
    let request = Request {
        // Tapped while neither was back from the server.
        based_on: Some(Position { epoch: before.epoch, seq: before.seq }),
        ..Request::now(CommandId(uuid::Uuid::new_v4()), command, Some(DeviceId::from("d")))
    };
    let Outcome::Accepted { result, flags, .. } = bench.run(&request).outcome else { panic!("it is sold") };
    assert_eq!(result["transactions"][0]["totalPrice"], json!(5));
    assert_eq!(flags[0]["flag"], "priceChanged");
}
