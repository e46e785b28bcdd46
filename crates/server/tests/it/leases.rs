//! Free places are lent to desks, so that two that can't talk never fill the venue twice (`sync.md` rule 21).

use std::{collections::BTreeSet, thread};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{
    desk::Desk,
    socket::Socket,
    until,
    venue::{Answer, Venue},
};

/// A desk that keeps its places as a console does.
struct Holder<'v> {
    desk: Desk<'v>,
    held: BTreeSet<String>,
    spent: BTreeSet<String>,
    turn: Value,
}

impl<'v> Holder<'v> {
    fn new(venue: &'v Venue, device: &'static str) -> Self {
        Self { desk: Desk { venue, device }, held: BTreeSet::new(), spent: BTreeSet::new(), turn: Value::Null }
    }

    fn ask(&self) -> Answer {
        let body = json!({ "held": self.held, "spent": self.spent, "turn": self.turn });
        self.desk.post("/api/sync/lease", &body)
    }

    /// One call, and what comes of it.
    fn calls(&mut self) -> usize {
        let answer = self.ask();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let places = answer.json["places"].as_array().expect("places").iter();
        self.held = places.map(|place| place.as_str().expect("an id").to_owned()).collect();
        self.turn = answer.json["turn"].clone();
        self.held.len()
    }

    /// Boards a band on an own place, as from the queue.
    fn boards(&mut self, band: &str) -> Value {
        let place = self.held.pop_first().expect("a place");
        self.spent.insert(place.clone());
        let play = json!({ "type": "session.play", "barcodeId": band, "placeId": place });
        let result = self.desk.send(play);
        self.spent.remove(&place);
        result
    }
}

fn strict(max: u32) -> Venue {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    for band in 0..8 {
        assert_eq!(venue.sell(&format!("B-{band}"), &hour, 1).status, 201);
    }
    let settings = json!({ "maxOccupancy": max, "capacityPolicy": "strict" });
    assert_eq!(venue.call("PUT", "/api/system/settings", &settings).status, 200);
    venue
}

fn adds_up(venue: &Venue, max: usize) {
    let playing = venue.get("/api/system/capacity").json["currentOccupancy"].as_u64().expect("a number");
    let lent = venue.rows("places").iter().filter(|row| row["writtenOff"] == false).count();
    assert!(usize::try_from(playing).expect("few") + lent <= max, "{playing} playing and {lent} lent of {max}");
}

#[test]
fn free_places_are_shared_evenly_and_are_rows_before_a_desk_has_them() {
    let venue = strict(7);
    let (mut one, mut two) = (Holder::new(&venue, "d-1"), Holder::new(&venue, "d-2"));
    assert_eq!(one.calls(), 7, "alone it may fill all");
    assert_eq!(venue.log().pop().expect("an event")["name"], "sync:rows");
    assert_eq!(venue.rows("places").len(), 7);
    assert_eq!(two.calls(), 0, "what another holds is not free yet");
    assert_eq!(one.calls(), 3, "half of seven; one stays with the server");
    adds_up(&venue, 7);
    assert_eq!(two.calls(), 0, "what was taken back is free when its desk has said that it knows");
    one.calls();
    assert_eq!(two.calls(), 3);
    let head = venue.head();
    one.calls();
    two.calls();
    assert_eq!(venue.head(), head, "nothing is logged where nothing changes");
}

#[test]
fn a_desk_that_only_listens_has_its_part_kept() {
    let venue = strict(6);
    let _listens = Socket::connect_as(venue.address(), "&profile=lean", "d-2");
    let mut desk = Holder::new(&venue, "d-1");
    until("it is counted", || (desk.calls() == 3).then_some(()));
}

#[test]
fn a_display_fills_no_places_so_none_is_kept_for_it() {
    let venue = strict(6);
    let address = venue.address();
    let kitchen = ["&profile=full", ""].map(|profile| Socket::connect_as(address, profile, "kitchen"));
    let mut displays: Vec<Socket> = kitchen.into_iter().chain([Socket::connect_nameless(address)]).collect();
    displays.iter_mut().for_each(|display| drop(display.event("sync:head")));
    let mut desk = Holder::new(&venue, "d-1");
    assert_eq!(desk.calls(), 6, "all of them");
}

#[test]
fn a_covered_play_spends_its_place_and_is_let_in_however_full_it_is() {
    let venue = strict(2);
    let mut desk = Holder::new(&venue, "d-1");
    assert_eq!(desk.calls(), 2);
    for band in ["B-0", "B-1"] {
        assert_eq!(desk.boards(band)["outcome"], "accepted");
    }
    assert_eq!(venue.rows("places"), Vec::<Value>::new());
    assert_eq!(desk.calls(), 0);
    let answer = venue.gate("play", "B-2");
    assert_eq!((answer.status, answer.code()), (400, "venue_full"));
    assert_eq!(venue.gate("pause", "B-0").status, 200);
    assert_eq!(desk.calls(), 1, "a place that is free again is lent again");
}

#[test]
fn a_place_that_is_spent_stays_lent_until_its_play_comes_whatever_the_policy_is_by_then() {
    let venue = strict(2);
    let mut desk = Holder::new(&venue, "d-1");
    assert_eq!(desk.calls(), 2);
    let place = desk.held.pop_first().expect("a place");
    desk.spent.insert(place.clone());
    let policy = |policy: &str| venue.call("PUT", "/api/system/settings", &json!({ "capacityPolicy": policy }));
    assert_eq!(policy("advisory").status, 200);
    assert_eq!(desk.calls(), 0, "nothing is lent any more");
    assert_eq!(venue.rows("places").len(), 1, "but what was spent is");
    assert_eq!(policy("strict").status, 200);
    let mut other = Holder::new(&venue, "d-2");
    while other.calls() == 0 {}
    let play = json!({ "type": "session.play", "barcodeId": "B-0", "placeId": place });
    let result = desk.desk.send(play);
    assert_eq!((&result["outcome"], result["flags"].clone()), (&json!("accepted"), json!([])), "{result}");
    adds_up(&venue, 2);
}

#[test]
fn a_play_without_a_place_gets_one_back_from_a_desk_that_hears() {
    let venue = strict(2);
    let mut desk = Holder::new(&venue, "d-1");
    assert_eq!(desk.calls(), 2);
    let answer = venue.gate("play", "B-0");
    assert_eq!((answer.status, answer.code()), (400, "venue_full"), "the desk did not answer in time");
    assert_eq!(answer.json["details"]["lent"], 2);
    thread::scope(|scope| {
        let gate = scope.spawn(|| venue.gate("play", "B-0"));
        // As a console does that hears `sync:lease`: again and again until it has given up what is wanted.
        while !gate.is_finished() {
            desk.calls();
        }
        assert_eq!(gate.join().expect("a gate").status, 200);
    });
    adds_up(&venue, 2);
}

#[test]
fn a_desk_with_a_socket_is_asked_for_a_place_at_once() {
    let venue = strict(1);
    let mut desk = Holder::new(&venue, "d-1");
    assert_eq!(desk.calls(), 1);
    let mut socket = Socket::connect_as(venue.address(), "&profile=lean", "d-1");
    thread::scope(|scope| {
        let gate = scope.spawn(|| venue.gate("play", "B-0"));
        let asked = socket.event("sync:lease");
        assert_eq!(asked.args, [json!({})], "it is not logged, so it has no place in the log");
        assert_eq!(desk.calls(), 0, "the play comes first");
        // It has put its place down and says so.
        desk.calls();
        assert_eq!(gate.join().expect("a gate").status, 200);
    });
    assert!(venue.get("/metrics").text.contains("gangway_place_recalls_total 1"));
    let answer = venue.gate("play", "B-1");
    assert_eq!((answer.code(), &answer.json["details"]["lent"]), ("venue_full", &json!(0)));
    assert!(venue.get("/metrics").text.contains("gangway_place_recalls_total 1"), "nobody has one to give");
}

#[test]
fn nobody_is_asked_for_a_place_for_a_play_that_comes_late() {
    let venue = strict(1);
    let mut desk = Holder::new(&venue, "d-1");
    assert_eq!(desk.calls(), 1);
    let gate = Desk { venue: &venue, device: "gate" };
    let play = |ago_ms| json!({ "type": "session.play", "barcodeId": "B-0", "occurredAt": venue.ago(ago_ms) });
    let recalls = |count: u32| venue.get("/metrics").text.contains(&format!("gangway_place_recalls_total {count}"));
    assert_eq!(gate.send(play(6_000))["rejection"]["code"], "venue_full");
    assert!(!recalls(1), "nobody stands at the gate any more");
    assert_eq!(gate.send(play(0))["rejection"]["code"], "venue_full");
    assert!(recalls(1));
}

#[test]
fn a_desk_that_is_gone_keeps_its_places_until_it_is_written_off() {
    let venue = strict(2);
    let mut gone = Holder::new(&venue, "gone");
    assert_eq!(gone.calls(), 2);
    let place = gone.held.first().cloned().expect("a place");
    assert_eq!(venue.gate("play", "B-0").status, 400);
    let manager = Desk { venue: &venue, device: "manager" };
    manager.accept(json!({ "type": "place.writeOff", "lostDeviceId": "gone", "reason": "It fell into the pool" }));
    for band in ["B-0", "B-1"] {
        assert_eq!(venue.gate("play", band).status, 200);
    }
    // It was told GO on that place while it was away: the child is inside, and somebody has to know.
    let play = json!({ "type": "session.play", "barcodeId": "B-2", "placeId": place, "occurredAt": venue.ago(60_000) });
    let late = gone.desk.accept(play);
    assert_eq!(late["flags"][0]["flag"], "placeLost", "{late}");
    assert_eq!(venue.rows("attention").len(), 1);
    assert_eq!(gone.calls(), 0);
}

#[test]
fn places_that_the_log_does_not_know_count_until_their_desk_gives_them_up() {
    let venue = strict(3);
    let mut desk = Holder::new(&venue, "d-1");
    desk.held = BTreeSet::from(["of-a-newer-log".to_owned()]);
    desk.calls();
    assert!(!desk.held.contains("of-a-newer-log"), "it gets others instead");
    adds_up(&venue, 3);
}

#[test]
fn under_advisory_nothing_is_lent_and_what_was_comes_back() {
    let venue = strict(3);
    let mut desk = Holder::new(&venue, "d-1");
    assert_eq!(desk.calls(), 3);
    let advisory = json!({ "capacityPolicy": "advisory" });
    assert_eq!(venue.call("PUT", "/api/system/settings", &advisory).status, 200);
    assert_eq!(desk.calls(), 0);
    assert_eq!(venue.rows("places").len(), 0);
}

#[test]
fn places_are_lent_to_devices_and_named_within_bounds() {
    let venue = strict(3);
    let nobody = venue.call("POST", "/api/sync/lease", &json!({ "held": [], "spent": [] }));
    assert_eq!((nobody.status, nobody.code()), (400, "device_required"));
    let desk = Desk { venue: &venue, device: "d-1" };
    for bad in [json!({}), json!({ "held": [""], "spent": [] }), json!({ "held": ["x".repeat(65)], "spent": [] })] {
        let answer = desk.post("/api/sync/lease", &bad);
        assert_eq!((answer.status, answer.code()), (400, "invalid_lease"), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_plays_and_what_is_lent_never_exceed_the_venue(steps in prop::collection::vec((0..3_usize, 0..5_u8, 0..8_u8), 1..24)) {
        let venue = strict(5);
        let mut desks: Vec<_> = ["d-0", "d-1", "d-2"].into_iter().map(|device| Holder::new(&venue, device)).collect();
        for (desk, act, band) in steps {
            let (desk, band) = (&mut desks[desk], format!("B-{band}"));
            match act {
                0 | 1 => {
                    desk.calls();
                }
                // The answer is lost.
                2 => drop(desk.ask()),
                3 if !desk.held.is_empty() => drop(desk.boards(&band)),
                _ => drop(venue.gate("pause", &band)),
            }
            adds_up(&venue, 5);
        }
    }
}
