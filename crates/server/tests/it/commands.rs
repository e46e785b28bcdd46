//! `/api/commands`: a batch in order, each command with an outcome of its own (`sync.md` rule 15).

use serde_json::{Value, json};

use crate::support::{desk::Desk, socket::Socket, until, venue::Venue};

fn id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn send(venue: &Venue, commands: Value) -> Vec<Value> {
    let answer = venue.call("POST", "/api/commands", &json!({ "commands": commands }));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["results"].as_array().expect("results").clone()
}

/// What is known of a command, without its way.
fn outcome(venue: &Venue, id: &str) -> Value {
    let mut way = venue.get(&format!("/api/commands/{id}")).json;
    let fields = way.as_object_mut().expect("an object");
    for name in ["deviceId", "effectiveAt", "storedAt", "seenBy"] {
        assert!(fields.remove(name).is_some(), "{name}");
    }
    way
}

#[test]
fn the_way_of_a_command_says_when_it_was_stored_and_which_desks_have_applied_it() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    assert_eq!(venue.sell("B-1", &hour, 1).status, 201);
    let desk = Desk { venue: &venue, device: "desk-1" };
    let (played, refused, tapped) = (id(), id(), venue.ago(0));
    let play = |id: &str| json!({ "commandId": id, "type": "session.play", "barcodeId": "B-1", "occurredAt": tapped });
    desk.accept(play(&played));
    desk.send(play(&refused));
    let way = |id: &str| venue.get(&format!("/api/commands/{id}")).json;
    let seen = |count: u64| until("desks say so", || (way(&played)["seenBy"] == count).then_some(()));
    assert_eq!((&way(&played)["deviceId"], &way(&played)["effectiveAt"]), (&json!("desk-1"), &tapped));
    assert!(way(&played)["storedAt"].as_str() >= tapped.as_str(), "{}", way(&played));
    assert_eq!(way(&refused)["seenBy"], Value::Null, "what changed nothing can't be seen");
    seen(0);
    let last = way(&played)["seqs"][0].as_u64().expect("a seq");
    let ack = |socket: &mut Socket, epoch: &str, seq: u64| {
        socket.send(&format!("42[\"sync:ack\",{{\"epoch\":\"{epoch}\",\"seq\":{seq}}}]"));
    };
    let epoch = venue.ready().epoch.clone();
    let lean = |device: &str| Socket::connect_as(venue.address(), "&profile=lean", device);
    let (mut behind, mut stranger) = (lean("desk-2"), lean("desk-3"));
    ack(&mut behind, &epoch, last - 1);
    ack(&mut stranger, "another", last + 9);
    let mut twice = [lean("desk-4"), lean("desk-4")];
    twice.iter_mut().for_each(|socket| ack(socket, &epoch, last));
    seen(1);
    let mut other = lean("desk-5");
    ack(&mut other, &epoch, last + 1);
    seen(2);
    drop(other);
    seen(1);
}

#[test]
fn a_display_that_keeps_no_rows_is_no_desk_that_has_applied_a_command() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    assert_eq!(venue.sell("B-1", &hour, 1).status, 201);
    let (played, desk) = (id(), Desk { venue: &venue, device: "desk-1" });
    desk.accept(json!({ "commandId": played, "type": "session.play", "barcodeId": "B-1" }));
    let way = || venue.get(&format!("/api/commands/{played}")).json;
    let last = way()["seqs"][0].as_u64().expect("a seq");
    let ack = format!("42[\"sync:ack\",{{\"epoch\":\"{}\",\"seq\":{last}}}]", venue.ready().epoch);
    let address = venue.address();
    let kitchen = ["&profile=full", ""].map(|profile| Socket::connect_as(address, profile, "kitchen"));
    let stock = Socket::connect_nameless(address);
    for (before, mut socket) in kitchen.into_iter().chain([stock]).enumerate() {
        socket.send(&ack);
        // What is not known is counted, and comes after it.
        socket.send("42[\"unknown\"]");
        let counted = format!("gangway_socket_messages_ignored_total {}", before + 1);
        until("it has said so", || venue.get("/metrics").text.contains(&counted).then_some(()));
        assert_eq!(way()["seenBy"], 0);
    }
}

#[test]
fn a_batch_is_executed_in_order_and_each_command_has_its_outcome() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let ids: Vec<String> = (0..5).map(|_| id()).collect();
    let products = json!([{ "id": hour, "quantity": 1 }]);
    let results = send(
        &venue,
        json!([
            { "commandId": ids[0], "type": "session.checkin", "barcodeId": "B-1", "products": products },
            { "commandId": ids[1], "type": "session.play", "barcodeId": "B-1" },
            { "commandId": ids[2], "type": "session.play", "barcodeId": "B-1" },
            { "commandId": ids[3], "type": "session.fly", "barcodeId": "B-1" },
            { "commandId": ids[4], "type": "session.pause", "barcodeId": "B-1" },
        ]),
    );
    let outcomes: Vec<_> = results.iter().map(|result| result["outcome"].as_str().unwrap_or_default()).collect();
    assert_eq!(outcomes, ["accepted", "accepted", "rejected", "rejected", "accepted"]);
    let given: Vec<_> = results.iter().map(|result| result["commandId"].as_str().unwrap_or_default()).collect();
    assert_eq!(given, ids);
    assert_eq!(results[0]["seqs"], json!([2, 3]));
    assert_eq!(results[0]["result"]["totalSecondsAdded"], 3600);
    assert_eq!(results[2]["rejection"]["code"], "already_playing");
    assert_eq!((&results[3]["rejection"]["code"], &results[3]["seqs"]), (&json!("invalid_command"), &json!([])));
    assert!(results[3]["rejection"]["message"].is_string() && results[3]["rejection"]["details"].is_object());
    for (id, result) in ids.iter().zip(&results) {
        assert_eq!(outcome(&venue, id), *result, "the outcome is kept by its id");
    }
}

#[test]
fn a_repeat_of_a_batch_changes_nothing() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let batch = json!([
        { "commandId": id(), "type": "session.checkin", "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }] },
        { "commandId": id(), "type": "settings.update", "changes": { "maxOccupancy": 0 } },
        { "commandId": id(), "type": "sale.create", "payment": "card",
          "lines": [{ "barcodeId": "B-2", "productId": hour, "quantity": 1 }, { "barcodeId": "B-3", "productId": hour, "quantity": 2 }] },
    ]);
    let first = send(&venue, batch.clone());
    let head = venue.head();
    assert_eq!(send(&venue, batch), first);
    assert_eq!(venue.head(), head);
    assert_eq!(
        first[2]["result"]["playerSessions"].as_array().map(Vec::len),
        Some(2),
        "a group sale has all its bands"
    );
}

#[test]
fn a_known_id_with_other_content_is_rejected_and_the_rest_goes_on() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let known = id();
    let sell = |quantity: u32| json!({ "commandId": known, "type": "session.checkin", "barcodeId": "B-1", "products": [{ "id": hour, "quantity": quantity }] });
    let results =
        send(&venue, json!([sell(1), sell(2), { "commandId": id(), "type": "session.play", "barcodeId": "B-1" }]));
    assert_eq!(results[1]["rejection"]["code"], "id_conflict");
    assert_eq!(results[2]["outcome"], "accepted");
    assert_eq!(outcome(&venue, &known), results[0], "the stored outcome stays");
    let invalid = id();
    let broken = |kind: &str| json!([{ "commandId": invalid, "type": kind }]);
    assert_eq!(send(&venue, broken("none"))[0]["rejection"]["code"], "invalid_command");
    assert_eq!(send(&venue, broken("none"))[0]["rejection"]["code"], "invalid_command");
    assert_eq!(send(&venue, broken("other"))[0]["rejection"]["code"], "id_conflict");
}

#[test]
fn a_malformed_envelope_executes_nothing() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let head = venue.head();
    let good = json!({ "commandId": id(), "type": "session.checkin", "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }] });
    let check = |body: Value| {
        let answer = venue.call("POST", "/api/commands", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert_eq!(venue.head(), head, "{body}");
    };
    check(json!({}));
    check(json!({ "commands": "all" }));
    check(json!({ "commands": [good, { "type": "session.play", "barcodeId": "B-1" }] }));
    check(json!({ "commands": [good, { "commandId": "seven", "type": "session.play", "barcodeId": "B-1" }] }));
    check(json!({ "commands": [good, 7] }));
    check(json!({ "commands": vec![good; 101] }));
    assert!(send(&venue, json!([])).is_empty());
}

#[test]
fn nothing_is_decided_on_a_log_that_lacks_what_its_desk_holds() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let (head, log) = (venue.head(), venue.log());
    let epoch = venue.get("/api/sync/events?after=0").json["epoch"].clone();
    let command = json!({ "commandId": id(), "type": "session.checkin", "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }] });
    let batch = |seq: u64, event: &Value| json!({ "log": { "epoch": epoch, "seq": seq, "eventId": event }, "commands": [command] });
    for (seq, event) in [(head + 7, json!("lost")), (1, json!("another"))] {
        let answer = venue.call("POST", "/api/commands", &batch(seq, &event));
        assert_eq!((answer.status, &answer.json["results"][0]["outcome"]), (200, &json!("retry")), "{}", answer.text);
        assert_eq!(venue.head(), head, "nothing is kept");
    }
    let now = venue.get("/api/sync/events?after=0").json["epoch"].clone();
    assert_ne!(now, epoch, "a desk has seen what this log lacks");
    let mut known = batch(1, &log[0]["id"]);
    let outcome = |batch: &Value| venue.call("POST", "/api/commands", batch).json["results"][0]["outcome"].clone();
    assert_eq!(outcome(&known), "retry", "it does not know the new epoch yet");
    known["log"]["epoch"] = now;
    assert_eq!(outcome(&known), "accepted");
    let mut ahead = json!({ "commands": [{ "commandId": id(), "type": "session.play", "barcodeId": "B-1", "basedOn": { "epoch": known["log"]["epoch"], "seq": 99 } }] });
    assert_eq!(outcome(&ahead), "retry", "nobody has seen more than there is");
    ahead["commands"][0]["basedOn"]["seq"] = json!(1);
    assert_eq!(outcome(&ahead), "accepted");
    assert_eq!(venue.call("POST", "/api/commands", &json!({ "log": 7, "commands": [] })).status, 400);
}

#[test]
fn a_desk_can_not_send_another_desks_commands() {
    let venue = Venue::start();
    let hour = venue.product(10.0, None);
    let body = json!({ "commands": [{ "commandId": id(), "type": "product.delete", "productId": hour, "deviceId": "desk-2" }] });
    let answer = venue.send("POST", "/api/commands", Some(&body.to_string()), &[("x-device-id", "desk-1")]);
    assert_eq!((answer.status, answer.code()), (403, "wrong_device"));
    let answer = venue.send("POST", "/api/commands", Some(&body.to_string()), &[("x-device-id", "desk-2")]);
    assert_eq!(answer.json["results"][0]["outcome"], "accepted");
}

#[test]
fn who_sold_and_where_is_on_the_line() {
    let venue = Venue::start();
    let hour = venue.product(10.0, None);
    let command = json!({ "commandId": id(), "type": "session.checkin", "barcodeId": "B-1", "staffId": "ana",
        "products": [{ "id": hour, "quantity": 1 }] });
    let body = json!({ "commands": [command] }).to_string();
    assert_eq!(venue.send("POST", "/api/commands", Some(&body), &[("x-device-id", "desk-1")]).status, 200);
    let log = venue.log();
    let row = &log.last().expect("an event")["changes"][0]["row"];
    assert_eq!((&row["deviceId"], &row["staffId"]), (&json!("desk-1"), &json!("ana")));
}

#[test]
fn circumstances_that_can_not_be_read_make_an_invalid_command_and_not_a_wedged_batch() {
    let venue = Venue::start();
    let hour = venue.product(10.0, None);
    let with = |name: &str, value: Value| {
        let mut command =
            json!({ "commandId": id(), "type": "product.update", "productId": hour, "changes": { "price": 2 } });
        command[name] = value;
        send(&venue, json!([command]))[0]["rejection"]["code"].clone()
    };
    assert_eq!(with("occurredAt", json!("yesterday")), "invalid_command");
    assert_eq!(with("occurredAt", json!(7)), "invalid_command");
    assert_eq!(with("basedOn", json!(7)), "invalid_command");
    assert_eq!(with("staffId", json!("")), "invalid_command");
}

#[test]
fn an_unknown_command_has_no_outcome() {
    let venue = Venue::start();
    for path in [format!("/api/commands/{}", id()), "/api/commands/seven".to_owned()] {
        assert_eq!(venue.get(&path).status, 404, "{path}");
    }
}

#[test]
fn an_invalid_command_with_other_circumstances_is_the_same_command() {
    let venue = Venue::start();
    let invalid = json!({ "commandId": id(), "type": "session.fly", "barcodeId": "B-1" });
    let first = send(&venue, json!([invalid])).remove(0);
    assert_eq!(first["rejection"]["code"], "invalid_command");
    let circumstances = [
        ("basedOn", json!({ "epoch": venue.ready().epoch, "seq": 0 })),
        ("occurredAt", json!("2026-11-24T15:04:05.123Z")),
        ("occurredAt", json!("yesterday")),
        ("deviceId", json!("desk-1")),
        ("staffId", json!("ana")),
    ];
    for (name, value) in circumstances {
        let mut again = invalid.clone();
        again[name] = value;
        assert_eq!(send(&venue, json!([again]))[0], first, "{name}");
    }
}

#[test]
fn a_device_id_has_64_characters_at_most() {
    let venue = Venue::start();
    let (fits, long) = ("d".repeat(64), "d".repeat(65));
    let give = |device: &str| {
        let command = json!({ "commandId": id(), "type": "session.play", "barcodeId": "B-1", "deviceId": device });
        venue.call("POST", "/api/commands", &json!({ "commands": [command] }))
    };
    assert_eq!(give(&fits).status, 200);
    assert_eq!((give(&long).status, give("").status), (400, 400));
    let answer = venue.send("GET", "/api/sync/snapshot", None, &[("x-device-id", &long)]);
    assert_eq!((answer.status, answer.code()), (400, "invalid_device_id"));
}
