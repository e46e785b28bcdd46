//! Commands that were tapped earlier take effect when they were tapped, within bounds (`sync.md` rule 13).

use gangway_domain::{
    ids::{CommandId, DeviceId},
    time::VenueTime,
};
use gangway_server::execute::{Outcome, Request};
use serde_json::{Value, json};

use crate::support::parts::{Bench, NOON, parse};

fn at(bench: &mut Bench, moment: VenueTime, device: &str, command: Value) -> (Value, Value) {
    let request = Request {
        occurred_at: Some(moment),
        ..Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), Some(DeviceId::from(device)))
    };
    match bench.run(&request).outcome {
        Outcome::Accepted { result, flags, .. } => (result, json!(flags)),
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
