//! `/api/sync`: pages, 410, new epochs, the snapshot (`sync.md` rules 1–9).

use gangway_domain::{
    hash::StateHash,
    rows::{Collection, Row},
    time::VenueTime,
};
use serde_json::{Value, json};

use crate::support::{
    socket::Socket,
    venue::{Venue, options, sale},
};

fn events(venue: &Venue, query: &str) -> Value {
    let answer = venue.get(&format!("/api/sync/events?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.json
}

fn seqs(page: &Value) -> Vec<u64> {
    page["events"].as_array().expect("events").iter().filter_map(|event| event["seq"].as_u64()).collect()
}

/// A venue with a command of one event, one of three and one of one.
fn three_commands() -> (Venue, String) {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let sale =
        json!({ "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }, { "id": hour, "quantity": 2 }] });
    assert_eq!(venue.call("POST", "/api/checkin", &sale).status, 201);
    assert_eq!(venue.gate("play", "B-1").status, 200);
    (venue, hour)
}

#[test]
fn pages_never_end_inside_a_command_and_say_how_far_they_go() {
    let (venue, _) = three_commands();
    let page = events(&venue, "after=0&limit=2");
    assert_eq!((seqs(&page), &page["through"], &page["head"]), (vec![1, 2, 3, 4], &json!(4), &json!(5)));
    let page = events(&venue, "after=4&limit=1");
    assert_eq!((seqs(&page), &page["through"]), (vec![5], &json!(5)));
    let page = events(&venue, "after=5");
    assert_eq!((seqs(&page), &page["through"], &page["head"]), (vec![], &json!(5), &json!(5)));
}

#[test]
fn an_event_of_a_page_is_what_the_socket_said() {
    let venue = Venue::start();
    let mut lean = Socket::connect(venue.address(), "&profile=lean");
    let hour = venue.product(10.0, Some(3600));
    venue.sell("B-1", &hour, 1);
    let heard = lean.logged_to(3);
    let page = events(&venue, "after=0");
    for (event, heard) in page["events"].as_array().expect("events").iter().zip(&heard) {
        let meta = heard.args[1].as_object().expect("meta");
        assert_eq!(event["payload"], heard.args[0]);
        assert_eq!(event["name"], json!(heard.name));
        for (key, value) in meta.iter().filter(|(key, _)| *key != "epoch") {
            assert_eq!(event[key], *value, "{key}");
        }
    }
    assert_eq!(heard.len(), 3);
}

#[test]
fn a_history_that_changed_needs_a_snapshot() {
    let (venue, _) = three_commands();
    let log = venue.log();
    let (id, epoch) = (log[1]["id"].as_str().expect("an id"), venue.ready().epoch.clone());
    let check = |query: String, status: u16| {
        let answer = venue.get(&format!("/api/sync/events?{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
        if status == 410 {
            assert_eq!(answer.code(), "snapshot_required");
        }
    };
    check(format!("after=2&afterId={id}&epoch={epoch}"), 200);
    check(format!("after=2&epoch={epoch}"), 200);
    check(format!("after=2&afterId={id}"), 200);
    check(format!("after=2&afterId={id}&epoch=another"), 410);
    check("after=6".to_owned(), 410);
    check("after=3&afterId=somebody-elses".to_owned(), 410);
    check("after=-1".to_owned(), 400);
    check("after=1.5".to_owned(), 400);
    check("after=0&limit=0".to_owned(), 400);
    check("after=0&profile=none".to_owned(), 400);
    assert_eq!(venue.get("/api/sync/snapshot").text.lines().next().map(|line| line.contains(&epoch)), Some(true));
}

#[test]
fn a_desk_that_has_seen_more_than_the_log_makes_a_new_epoch_once_a_minute() {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = Venue::start_with(options(folder.path()));
    venue.product(10.0, None);
    let old = venue.ready().epoch.clone();
    venue.stop();
    let venue = Venue::start_with(options(folder.path()));
    assert_eq!(venue.ready().epoch, old, "a restart is no new epoch");
    let mut lean = Socket::connect(venue.address(), "&profile=lean");
    let query = format!("/api/sync/events?after=9&afterId=seen-by-a-desk&epoch={old}");
    assert_eq!(venue.get(&query).status, 410);
    let page = events(&venue, "after=0");
    let new = page["epoch"].as_str().expect("an epoch").to_owned();
    assert_ne!(new, old);
    assert_eq!(seqs(&page), [1], "the log itself stays");
    let snapshot = venue.get("/api/sync/snapshot").text;
    let first: Value = serde_json::from_str(snapshot.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["epochBase"], json!({ "epoch": old, "seq": 1 }), "nothing was committed since the start");
    lean.until("the desks hear of it", |events| {
        events.iter().any(|event| event.name == "sync:head" && event.args[0]["epoch"] == *new).then_some(())
    });
    let again = format!("/api/sync/events?after=9&afterId=seen-by-a-desk&epoch={new}");
    assert_eq!(venue.get(&again).status, 410);
    assert_eq!(events(&venue, "after=0")["epoch"], json!(new), "not again within a minute");
    assert_eq!(venue.get(&query).status, 410, "the old epoch is gone");
}

#[test]
fn an_epoch_that_began_after_commits_does_not_know_its_base() {
    let venue = Venue::start();
    venue.product(10.0, None);
    let query = format!("/api/sync/events?after=1&afterId=another&epoch={}", venue.ready().epoch);
    assert_eq!(venue.get(&query).status, 410);
    let first = venue.get("/api/sync/snapshot").text;
    let first: Value = serde_json::from_str(first.lines().next().expect("a line")).expect("JSON");
    assert_ne!(first["epoch"], json!(venue.ready().epoch));
    assert_eq!(first["epochBase"], Value::Null);
}

#[test]
fn an_event_that_the_log_has_elsewhere_makes_no_new_epoch() {
    let venue = Venue::start();
    venue.product(10.0, None);
    venue.product(10.0, None);
    let second = events(&venue, "after=1")["events"][0]["id"].as_str().expect("an id").to_owned();
    let query = format!("/api/sync/events?after=1&afterId={second}&epoch={}", venue.ready().epoch);
    assert_eq!(venue.get(&query).status, 410, "it is not the event at 1");
    assert_eq!(events(&venue, "after=0")["epoch"], json!(venue.ready().epoch), "but the log does not lack it");
}

#[test]
fn a_claim_without_the_current_epoch_or_at_zero_proves_nothing() {
    let venue = Venue::start();
    venue.product(10.0, None);
    let epoch = venue.ready().epoch.clone();
    venue.get("/api/sync/events?after=9&afterId=x");
    venue.get("/api/sync/events?after=9&afterId=x&epoch=older");
    venue.get(&format!("/api/sync/events?after=9&epoch={epoch}"));
    venue.get(&format!("/api/sync/events?after=0&afterId=x&epoch={epoch}"));
    assert_eq!(events(&venue, "after=0")["epoch"], json!(epoch));
}

#[test]
fn a_snapshot_is_whole_and_has_the_hash_that_it_says() {
    let (venue, _) = three_commands();
    let text = venue.get("/api/sync/snapshot").text;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    let rows = &lines[1..lines.len() - 1];
    assert_eq!(*last, json!({ "end": true, "rows": rows.len() }));
    assert_eq!(first["seq"], venue.head());
    assert_eq!(first["venueId"], venue.ready().venue_id);
    assert_eq!(first["eventId"], venue.log()[4]["id"]);
    let mut hash = StateHash::default();
    for line in rows {
        let collection: Collection = serde_json::from_value(line["collection"].clone()).expect("a collection");
        let row = Row::from_value(collection, line["row"].clone()).expect("a row");
        assert_eq!(row.id(), line["id"]);
        hash.add(collection.name(), row.id(), &line["row"].to_string()).expect("JSON");
    }
    assert_eq!(first["stateHash"], json!(hash.to_hex()));
    assert_eq!(rows.len(), 6, "settings, product, session, segment, two lines");
}

#[test]
fn a_sale_is_priced_by_what_the_desk_had_seen() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let epoch = venue.ready().epoch.clone();
    assert_eq!(venue.call("PUT", &format!("/api/products/{hour}"), &json!({ "price": 12 })).status, 200);
    let sell = |band: &str, based_on: Value| {
        let mut command = sale(band, &hour, 1);
        command["type"] = json!("session.checkin");
        command["commandId"] = json!(uuid::Uuid::new_v4().to_string());
        command["basedOn"] = based_on;
        let answer = venue.call("POST", "/api/commands", &json!({ "commands": [command] }));
        let result = answer.json["results"][0].clone();
        let price = result["result"]["transactions"][0]["totalPrice"].clone();
        (price, result["flags"].clone())
    };
    let changed = json!([{ "flag": "priceChanged", "productId": hour }]);
    assert_eq!(sell("B-1", json!({ "epoch": epoch, "seq": 1 })), (json!(10), changed));
    assert_eq!(sell("B-2", json!({ "epoch": epoch, "seq": 2 })), (json!(12), json!([])));
    let unknown = json!([{ "flag": "catalogueUnknown" }]);
    assert_eq!(sell("B-3", json!({ "epoch": "lost", "seq": 1 })), (json!(12), unknown), "as of when it was tapped");
    assert_eq!(venue.call("DELETE", &format!("/api/products/{hour}"), &json!({})).status, 200);
    let removed = json!([{ "flag": "productRemoved", "productId": hour }]);
    assert_eq!(sell("B-4", json!({ "epoch": epoch, "seq": 2 })), (json!(12), removed), "never refused for that");
}

#[test]
fn a_page_says_what_time_it_is_at_the_venue() {
    let (venue, _) = three_commands();
    for query in ["after=0", "after=5", "after=0&profile=full"] {
        let page = events(&venue, query);
        let time = page["serverTime"].as_str().map(VenueTime::from_iso).expect("a time").expect("ISO 8601");
        let last = venue.log().last().expect("an event")["emittedAt"].clone();
        let last = last.as_str().map(VenueTime::from_iso).expect("a time").expect("ISO 8601");
        assert!((0..60_000).contains(&time.since(last)), "{page}");
    }
}
