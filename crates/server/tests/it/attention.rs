//! What a person must look at is a row of the venue: made with the outcome that it is about, seen by every desk, and
//! gone when somebody settled it (`design.md`, Needs attention).

use serde_json::{Value, json};

use crate::support::{
    desk::Desk,
    venue::{Venue, sale},
};

fn id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn act(act: &str, band: &str) -> Value {
    json!({ "type": format!("session.{act}"), "barcodeId": band })
}

fn with(mut command: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("fields") {
        command[name] = value.clone();
    }
    command
}

fn checkin(band: &str, product: &str) -> Value {
    with(sale(band, product, 2), json!({ "type": "session.checkin" }))
}

/// A sale that the venue refuses, with something in it that it knows.
fn refused(band: &str, product: &str) -> Value {
    let lines = json!([{ "id": product, "quantity": 2 }, { "id": "none", "quantity": 1 }]);
    json!({ "type": "session.checkin", "barcodeId": band, "products": lines })
}

/// A band that can play.
fn visit(venue: &Venue, band: &str) -> String {
    let hour = venue.product(10.0, Some(3600));
    assert_eq!(venue.sell(band, &hour, 1).status, 201);
    hour
}

#[test]
fn a_refusal_of_a_desks_queue_is_an_entry_with_what_was_tapped_and_what_it_means() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let desk = Desk { venue: &venue, device: "desk-1" };
    let (command, tapped) = (id(), venue.ago(60_000));
    let sold = with(refused("B-1", &hour), json!({ "commandId": command, "occurredAt": tapped, "staffId": "ana" }));
    let before = venue.head();
    let result = desk.send(sold.clone());
    assert_eq!((&result["outcome"], &result["seqs"]), (&json!("rejected"), &json!([])));
    assert_eq!(venue.head(), before + 1, "the entry is one event");
    let event = venue.log().pop().expect("an event");
    assert_eq!((&event["name"], &event["payload"]), (&json!("sync:rows"), &json!({})));
    let row = event["changes"][0]["row"].clone();
    assert_eq!(row, venue.rows("attention")[0]);
    assert_eq!(
        (&row["kind"], &row["commandId"], &row["deviceId"], &row["staffId"]),
        (&json!("rejected"), &json!(command), &json!("desk-1"), &json!("ana"))
    );
    assert_eq!(row["command"], refused("B-1", &hour), "what was tapped, without its circumstances");
    assert_eq!(row["rejection"], result["rejection"]);
    assert_eq!((&row["moneyMinor"], &row["creditMs"]), (&json!(2000), &json!(7_200_000)), "of what is known");
    assert_eq!(desk.send(sold), result);
    assert_eq!(venue.head(), before + 1, "a repeat makes no second entry");
}

#[test]
fn only_a_desks_queue_makes_entries() {
    let venue = Venue::start();
    let head = venue.head();
    assert_eq!(venue.gate("play", "B-1").status, 400);
    let body = json!({ "barcodeId": "B-1" }).to_string();
    let answer = venue.send("POST", "/api/sessions/play", Some(&body), &[("x-device-id", "desk-1")]);
    assert_eq!(answer.status, 400, "who calls hears it itself");
    let nobody = with(act("play", "B-1"), json!({ "commandId": id() }));
    let answer = venue.call("POST", "/api/commands", &json!({ "commands": [nobody] }));
    assert_eq!(answer.json["results"][0]["outcome"], "rejected");
    assert_eq!(venue.head(), head);
    assert!(venue.rows("attention").is_empty());
}

#[test]
fn who_was_told_to_wait_is_no_entry_and_who_was_let_in_is() {
    let venue = Venue::start();
    visit(&venue, "B-1");
    visit(&venue, "B-2");
    let settings = json!({ "maxOccupancy": 1, "capacityPolicy": "strict" });
    assert_eq!(venue.call("PUT", "/api/system/settings", &settings).status, 200);
    assert_eq!(venue.gate("play", "B-1").status, 200);
    let desk = Desk { venue: &venue, device: "desk-1" };
    let full = |command: Value| assert_eq!(desk.send(command)["rejection"]["code"], "venue_full");
    full(act("play", "B-2"));
    full(with(act("play", "B-2"), json!({ "occurredAt": venue.ago(4_000) })));
    assert!(venue.rows("attention").is_empty(), "nobody was told GO");
    full(with(act("play", "B-2"), json!({ "occurredAt": venue.ago(6_000) })));
    assert_eq!(venue.rows("attention").len(), 1, "tapped without a link");
    full(with(act("play", "B-2"), json!({ "placeId": "a-place" })));
    assert_eq!(venue.rows("attention").len(), 2, "on a place that it believed its own");
}

#[test]
fn who_was_let_in_and_finds_the_venue_full_is_an_entry_where_a_desk_does_not_wait() {
    let venue = Venue::start();
    visit(&venue, "B-1");
    visit(&venue, "B-2");
    let settings = json!({ "maxOccupancy": 1, "capacityPolicy": "advisory" });
    assert_eq!(venue.call("PUT", "/api/system/settings", &settings).status, 200);
    assert_eq!(venue.gate("play", "B-1").status, 200);
    let desk = Desk { venue: &venue, device: "desk-1" };
    assert_eq!(desk.send(act("play", "B-2"))["rejection"]["code"], "venue_full");
    assert_eq!(venue.rows("attention").len(), 1, "the desk had said GO for the last place");
}

#[test]
fn an_invalid_command_and_another_content_are_an_entry_once() {
    let venue = Venue::start();
    let desk = Desk { venue: &venue, device: "desk-1" };
    let (invalid, known) = (id(), id());
    let fly = with(act("fly", "B-1"), json!({ "commandId": invalid, "occurredAt": venue.ago(1_000) }));
    for _ in 0..2 {
        assert_eq!(desk.send(fly.clone())["rejection"]["code"], "invalid_command");
    }
    let entries = venue.rows("attention");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["command"], act("fly", "B-1"));
    assert!(entries[0]["occurredAt"].is_i64(), "its moment could be read");
    let hour = visit(&venue, "B-1");
    desk.accept(with(act("play", "B-1"), json!({ "commandId": known })));
    let head = venue.head();
    for _ in 0..2 {
        let other = with(checkin("B-1", &hour), json!({ "commandId": known }));
        assert_eq!(desk.send(other)["rejection"]["code"], "id_conflict");
    }
    assert_eq!(venue.head(), head + 1);
    let entries = venue.rows("attention");
    let entry = entries.iter().find(|entry| entry["commandId"] == json!(known)).expect("an entry");
    assert_eq!((&entry["moneyMinor"], &entry["rejection"]["code"]), (&json!(2000), &json!("id_conflict")));
    assert_eq!(venue.get(&format!("/api/commands/{known}")).json["outcome"], "accepted", "the stored outcome stays");
}

#[test]
fn circumstances_of_a_play_are_bounded_and_no_part_of_the_command() {
    let venue = Venue::start();
    visit(&venue, "B-1");
    let desk = Desk { venue: &venue, device: "desk-1" };
    let code = |more: Value| desk.send(with(act("play", "B-1"), more))["rejection"]["code"].clone();
    assert_eq!(code(json!({ "placeId": "" })), "invalid_command");
    assert_eq!(code(json!({ "placeId": "p".repeat(65) })), "invalid_command");
    assert_eq!(code(json!({ "force": "please" })), "invalid_command");
    assert_eq!(code(json!({ "force": { "reason": " " } })), "invalid_command");
    assert_eq!(code(json!({ "force": { "reason": "r".repeat(2_001) } })), "invalid_command");
    let known = id();
    let play = with(act("play", "B-1"), json!({ "commandId": known, "force": { "reason": "r".repeat(2_000) } }));
    let first = desk.accept(play.clone());
    let again = with(play, json!({ "placeId": "p", "force": null }));
    assert_eq!(desk.send(again), first, "the same command in other circumstances");
}

#[test]
fn what_is_done_and_hardly_possible_is_an_entry_of_the_same_unit() {
    let venue = Venue::start();
    visit(&venue, "B-1");
    visit(&venue, "B-2");
    assert_eq!(venue.call("PUT", "/api/system/settings", &json!({ "maxOccupancy": 1 })).status, 200);
    assert_eq!(venue.gate("play", "B-1").status, 200);
    let desk = Desk { venue: &venue, device: "desk-1" };
    let before = venue.head();
    let forced = desk.accept(with(act("play", "B-2"), json!({ "force": { "reason": "its sister is inside" } })));
    assert_eq!(forced["seqs"], json!([before + 1, before + 2]));
    assert_eq!(forced["flags"], json!([{ "flag": "forced", "reason": "its sister is inside" }]));
    let entry = venue.rows("attention").pop().expect("an entry");
    assert_eq!((&entry["kind"], &entry["flags"]), (&json!("flagged"), &forced["flags"]));
    let seen = venue.get(&format!("/api/sync/events?after={before}&profile=full")).json;
    let seen = seen["events"].as_array().expect("events").clone();
    assert_eq!(seen.len(), 1, "only consoles hear of entries");
    assert_eq!(seen[0]["seq"], seen[0]["last"], "so what others see of the unit ends with its last event");
    let everyday = desk.accept(with(act("pause", "B-2"), json!({ "occurredAt": venue.ago(-1_000) })));
    assert_eq!(everyday["seqs"].as_array().map(Vec::len), Some(1), "{everyday}");
}

#[test]
fn a_late_wish_that_is_fulfilled_already_changes_nothing_and_settles() {
    let venue = Venue::start();
    visit(&venue, "B-1");
    let played = venue.gate("play", "B-1").json;
    let desk = Desk { venue: &venue, device: "desk-1" };
    let head = venue.head();
    let late = with(act("play", "B-1"), json!({ "commandId": id(), "occurredAt": venue.ago(6_000) }));
    let settled = desk.accept(late.clone());
    assert_eq!(settled["seqs"], json!([]));
    assert_eq!(settled["result"]["id"], played["id"], "{settled}");
    assert_eq!((venue.head(), venue.rows("attention")), (head, Vec::new()), "it needs nobody's attention");
    assert_eq!(desk.send(late)["seqs"], settled["seqs"], "and is the same each time");
    let now = with(act("play", "B-1"), json!({ "occurredAt": venue.ago(4_000) }));
    assert_eq!(desk.send(now)["rejection"]["code"], "already_playing", "a scan too many");
    let earlier = json!({ "barcodeId": "B-1", "occurredAt": venue.ago(6_000) });
    let rest = venue.call("POST", "/api/sessions/play", &earlier);
    assert_eq!(rest.code(), "already_playing", "who calls is never late");
}

#[test]
fn a_settled_entry_is_stored_and_leaves_the_sync_set() {
    let venue = Venue::start();
    let desk = Desk { venue: &venue, device: "desk-1" };
    let hour = venue.product(10.0, Some(3600));
    desk.send(refused("B-1", &hour));
    let entry = venue.rows("attention").pop().expect("an entry");
    let resolve = json!({ "type": "attention.resolve", "entryId": entry["id"], "action": "correct", "reason": "it is in the till" });
    let resolved = desk.accept(resolve.clone());
    let event = venue.log().pop().expect("an event");
    assert_eq!(resolved["seqs"], json!([event["seq"]]));
    let stays: Vec<bool> = event["changes"].as_array().expect("changes").iter().map(|c| !c["row"].is_null()).collect();
    assert_eq!(stays, [true, true, false], "the money, how it was settled, and that it is off the list");
    assert!(venue.rows("attention").is_empty());
    assert_eq!(venue.rows("corrections")[0]["amountMinor"], 2000);
    assert_eq!(desk.send(resolve)["rejection"]["code"], "unknown_entry", "it is settled once");
}

#[test]
fn a_desk_raises_what_it_can_not_send() {
    let venue = Venue::start();
    let desk = Desk { venue: &venue, device: "desk-1" };
    let raise = json!({ "type": "attention.raise", "kind": "unreadable", "message": "a torn page", "command": { "type": "?" } });
    desk.accept(raise);
    let entry = venue.rows("attention").pop().expect("an entry");
    assert_eq!((&entry["kind"], &entry["message"]), (&json!("unreadable"), &json!("a torn page")));
}

#[test]
fn what_is_older_than_outcomes_are_kept_is_never_done() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let desk = Desk { venue: &venue, device: "desk-1" };
    let old =
        with(checkin("B-1", &hour), json!({ "commandId": id(), "occurredAt": venue.ago(30 * 86_400_000 + 60_000) }));
    let refused = desk.send(old.clone());
    assert_eq!(refused["rejection"]["code"], "too_old");
    assert_eq!(venue.get("/api/sessions/status/B-1").status, 404);
    let entry = venue.rows("attention").pop().expect("an entry");
    assert_eq!((&entry["rejection"]["code"], &entry["moneyMinor"]), (&json!("too_old"), &json!(2000)));
    assert_eq!(desk.send(old), refused);
    let young = with(checkin("B-2", &hour), json!({ "occurredAt": venue.ago(30 * 86_400_000 - 60_000) }));
    desk.accept(young);
}
