//! Places are counted where they are given (`domain.md` rule 6), and the log has no holes.

use std::thread;

use serde_json::json;

use crate::support::venue::Venue;

#[test]
fn at_the_last_place_two_gates_let_in_one() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    assert_eq!(venue.call("PUT", "/api/system/settings", &json!({ "maxOccupancy": 1 })).status, 200);
    for band in 0..6 {
        assert_eq!(venue.sell(&format!("B-{band}"), &hour, 1).status, 201);
    }
    let answers: Vec<_> = thread::scope(|scope| {
        let gates: Vec<_> = (0..6)
            .map(|band| {
                let venue = &venue;
                scope.spawn(move || venue.gate("play", &format!("B-{band}")))
            })
            .collect();
        gates.into_iter().map(|gate| gate.join().expect("a gate")).collect()
    });
    let let_in = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(let_in, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.status == 200 || (answer.status, answer.code()) == (400, "venue_full")));
    assert_eq!(venue.get("/api/system/capacity").json, json!({ "maxOccupancy": 1, "currentOccupancy": 1 }));
    let last = venue.log().pop().expect("an event");
    assert_eq!(last["name"], "system:capacity:changed", "the venue became full");
}

#[test]
fn commands_at_once_leave_a_log_without_holes() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    thread::scope(|scope| {
        for desk in 0..6 {
            let (venue, hour) = (&venue, &hour);
            scope.spawn(move || {
                for index in 0..10 {
                    let band = format!("D{desk}-{index}");
                    assert_eq!(venue.sell(&band, hour, 1).status, 201);
                    assert_eq!(venue.gate("play", &band).status, 200);
                }
            });
        }
    });
    let log = venue.log();
    let seqs: Vec<u64> = log.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=181).collect::<Vec<_>>(), "one product, and three events for each of 60 bands");
    for event in &log {
        let unit: Vec<_> = log.iter().filter(|other| other["commandId"] == event["commandId"]).collect();
        let last = unit.last().expect("itself")["seq"].clone();
        assert!(unit.iter().all(|other| other["last"] == last), "a command's events name its last one");
    }
    assert_eq!(venue.get("/api/dashboard/stats").json["activePlayers"], 60);
}
