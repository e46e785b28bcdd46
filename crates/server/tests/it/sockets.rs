//! What sockets get, what they may send, and what happens to one that does not read.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    socket::{Socket, upgrade},
    until,
    venue::{Answer, Venue},
};

#[test]
fn every_event_reaches_a_stock_client_with_prev_naming_the_one_before() {
    let venue = Venue::start();
    let mut socket = Socket::connect(venue.address(), "");
    let head = socket.event("sync:head");
    assert_eq!(head.args[0]["head"], 0);
    assert_eq!(head.args.len(), 1, "the heartbeat has no second argument");
    let hour = venue.product(12.5, Some(3600));
    venue.sell("B-1", &hour, 2);
    venue.sell("B-1", &hour, 1);
    for act in ["play", "pause", "end"] {
        assert_eq!(venue.gate(act, "B-1").status, 200);
    }
    let events = socket.logged_to(venue.head());
    let mut cursor = 0;
    for event in &events {
        assert!(event.meta("prev") <= cursor && cursor < event.meta("seq"), "{event:?} after {cursor}");
        cursor = event.meta("seq");
        let mut keys: Vec<_> = event.args[1].as_object().expect("meta").keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["commandId", "emittedAt", "epoch", "id", "last", "prev", "seq"]);
    }
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    let expect = [
        "product:created",
        "session:created",
        "transaction:created",
        "transaction:created",
        "session:updated",
        "session:play",
        "session:pause",
        "session:ended",
    ];
    assert_eq!(names, expect);
}

#[test]
fn a_new_socket_hears_at_once_where_the_log_is() {
    let venue = Venue::start();
    venue.product(1.0, None);
    let snapshot = venue.get("/api/sync/snapshot");
    let first: Value = serde_json::from_str(snapshot.text.lines().next().expect("a line")).expect("JSON");
    for query in ["", "&profile=lean"] {
        let head = Socket::connect(venue.address(), query).until("a heartbeat that is up to date", |events| {
            let head = events.iter().rfind(|event| event.name == "sync:head")?;
            (head.args[0]["seq"] == first["seq"]).then(|| head.args[0].clone())
        });
        assert_eq!(head["epoch"], first["epoch"]);
        assert_eq!(head["stateHash"], first["stateHash"], "the hash of exactly that seq");
        assert_eq!(head["intervalMs"], 5000);
    }
}

#[test]
fn an_unknown_profile_is_refused() {
    let venue = Venue::start();
    let (_stream, head) = upgrade(venue.address(), "&profile=everything", "");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}

#[test]
fn a_cart_goes_to_displays_and_not_to_desks_and_is_not_logged() {
    let venue = Venue::start();
    let socks = venue.product(2.0, None);
    let mut full = Socket::connect(venue.address(), "");
    let mut lean = Socket::connect(venue.address(), "&profile=lean");
    let head = venue.head();
    let cart = json!({ "barcodeId": " b-1 ", "cart": [{ "productId": socks, "quantity": 2 }] });
    let answer = venue.call("POST", "/api/cart/notify", &cart);
    assert_eq!((answer.status, answer.json), (200, json!({ "success": true })));
    let shown = full.event("cart:updated");
    assert_eq!(shown.args[0], json!({ "barcodeId": "B-1", "cart": [{ "productId": socks, "quantity": 2 }] }));
    assert_eq!(venue.head(), head);
    venue.product(1.0, None);
    lean.logged_to(venue.head());
    assert!(lean.events.iter().all(|event| event.name != "cart:updated"));
}

#[test]
fn what_a_client_sends_is_counted_and_ignored() {
    let venue = Venue::start();
    let mut socket = Socket::connect(venue.address(), "");
    let epoch = &venue.ready().epoch;
    socket.send(&format!("42[\"sync:ack\",{{\"epoch\":\"{epoch}\",\"seq\":0}}]"));
    socket.send(&format!("42[\"sync:ack\",{{\"epoch\":\"{epoch}\",\"seq\":0}}]"));
    socket.send("42[\"sync:ack\",{\"seq\":\"x\"}]");
    socket.send("42[\"session:play\",{\"barcodeId\":\"B-1\"}]");
    socket.send("42[\"transaction:created\"]");
    let count = "gangway_socket_messages_ignored_total 4";
    until("four were ignored", || venue.get("/metrics").text.contains(count).then_some(()));
    venue.product(1.0, None);
    socket.logged_to(1);
}

#[test]
fn a_message_that_is_too_large_costs_its_sender_the_connection_and_nobody_else() {
    let venue = Venue::start();
    let mut other = Socket::connect(venue.address(), "");
    let mut socket = Socket::connect(venue.address(), "");
    socket.try_send(&format!("42[\"x\",\"{}\"]", "x".repeat(1 << 20)));
    socket.closed();
    venue.product(1.0, None);
    other.logged_to(1);
    assert_eq!(venue.get("/healthz").status, 200);
}

#[test]
fn a_socket_that_never_reads_is_closed_and_the_others_go_on() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let silent = Socket::connect_silent(venue.address(), "");
    let mut reading = Socket::connect(venue.address(), "");
    // Each event of a full payload carries all live visits, so that a few megabytes come together soon.
    for band in 0..150 {
        assert_eq!(venue.sell(&format!("B-{band}"), &hour, 1).status, 201);
    }
    let reader = thread::spawn(move || {
        reading.until("the end", |events| events.iter().any(|event| event.name == "product:deleted").then_some(()));
        let logged: Vec<_> = reading.events.iter().filter(|event| event.is_logged()).collect();
        // The product was made before it came, and may have been told after that.
        let mut cursor = logged.first().expect("an event").meta("prev");
        for event in logged {
            assert!(event.meta("prev") <= cursor && cursor < event.meta("seq"), "{event:?} after {cursor}");
            cursor = event.meta("seq");
        }
        reading
    });
    let closed = "gangway_sockets_closed_slow_total 1";
    until("the silent one was closed", || {
        for act in ["play", "pause"] {
            assert_eq!(venue.gate(act, "B-1").status, 200);
        }
        venue.get("/metrics").text.contains(closed).then_some(())
    });
    assert_eq!(venue.call("DELETE", &format!("/api/products/{hour}"), &json!({})).status, 200);
    let _reading = reader.join().expect("the reader has them all, in order");
    drop(silent);
    let one = "gangway_connections{room=\"full\"} 1";
    until("it is forgotten", || venue.get("/metrics").text.contains(one).then_some(()));
}

#[test]
fn a_burst_of_many_megabytes_costs_a_client_that_reads_nothing() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let mut socket = Socket::connect(venue.address(), "");
    let reader = thread::spawn(move || socket.skim("\"session:created\"", 300));
    // Each new visit is told with all that live: some 20 MB, on few commits.
    for batch in 0..3 {
        let sale = |index: usize| {
            let mut command = crate::support::venue::sale(&format!("B-{batch}-{index}"), &hour, 1);
            command["type"] = json!("session.checkin");
            command["commandId"] = json!(uuid::Uuid::new_v4().to_string());
            command
        };
        let commands: Vec<Value> = (0..100).map(sale).collect();
        assert_eq!(venue.call("POST", "/api/commands", &json!({ "commands": commands })).status, 200);
    }
    assert_eq!(venue.head(), 601);
    reader.join().expect("it stays connected and gets every visit");
    assert!(!venue.get("/metrics").text.contains("gangway_sockets_closed_slow_total 1"));
}

#[test]
fn a_page_of_a_foreign_origin_can_not_listen() {
    let venue = Venue::start();
    let (_stream, head) = upgrade(venue.address(), "", "origin: http://evil.example\r\n");
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

#[test]
fn sockets_are_told_when_the_server_ends() {
    let venue = Venue::start();
    let mut socket = Socket::connect(venue.address(), "");
    let started = Instant::now();
    venue.stop();
    socket.closed();
    assert!(started.elapsed() < Duration::from_secs(5), "draining took {:?}", started.elapsed());
}

#[test]
fn a_call_in_progress_at_the_end_is_answered_and_told_to_the_sockets() {
    let venue = Venue::start();
    let at = venue.address();
    let mut socket = Socket::connect(at, "");
    let path = polling(&venue);
    let mut poll = TcpStream::connect(at).expect("it listens");
    write!(poll, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("it reads");
    let body = json!({ "name": "late", "price": 1, "category": "c" }).to_string();
    let mut call = TcpStream::connect(at).expect("it listens");
    let head = "POST /api/products HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json";
    write!(call, "{head}\r\ncontent-length: {}\r\n\r\n", body.len()).expect("it reads");
    let mut answer = vec![0; 25];
    call.read_exact(&mut answer).expect("it wants the body");
    let started = Instant::now();
    let ending = thread::spawn(move || venue.stop());
    until("nobody else is let in", || TcpStream::connect(at).is_err().then_some(()));
    call.write_all(body.as_bytes()).expect("it reads");
    call.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("HTTP/1.1 201"), "{answer}");
    let told = socket.event("product:created");
    assert_eq!(told.args[0]["product"]["name"], "late");
    socket.closed();
    ending.join().expect("it ends in order");
    assert!(started.elapsed() < Duration::from_secs(5), "the poll held it up: {:?}", started.elapsed());
    let mut answer = String::new();
    poll.read_to_string(&mut answer).expect("its end");
    assert!(answer.starts_with("HTTP/1.1 200"), "the poll is answered: {answer:?}");
}

/// A client that polls: connects and gives its path.
fn polling(venue: &Venue) -> String {
    let open = venue.get("/socket.io/?EIO=4&transport=polling").text;
    let open: Value = serde_json::from_str(&open[1..]).expect("an open packet");
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().expect("a sid"));
    assert_eq!(post(venue, &path, "40").status, 200);
    until("its first heartbeat", || venue.get(&path).text.contains("sync:head").then_some(()));
    path
}

fn post(venue: &Venue, path: &str, packet: &str) -> Answer {
    venue.send("POST", path, Some(packet), &[("content-type", "text/plain")])
}

/// Polls once; how many events of that name came.
fn poll(venue: &Venue, path: &str, name: &str) -> usize {
    let poll = venue.get(path);
    assert_eq!(poll.status, 200, "{}", poll.text);
    if poll.text.split('\u{1e}').any(|packet| packet == "2") {
        // A ping wants its pong.
        post(venue, path, "3");
    }
    poll.text.matches(&format!("42[\"{name}\"")).count()
}

#[test]
fn a_client_that_polls_keeps_up_with_a_burst() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let give = |kind: &str, count: usize| {
        let command = |index: usize| {
            let mut command = crate::support::venue::sale(&format!("B-{index}"), &hour, 1);
            command["type"] = json!(kind);
            command["commandId"] = json!(uuid::Uuid::new_v4().to_string());
            command
        };
        for first in (0..count).step_by(100) {
            let commands: Vec<Value> = (first..count.min(first + 100)).map(command).collect();
            let answer = venue.call("POST", "/api/commands", &json!({ "commands": commands }));
            assert!(answer.json["results"].as_array().expect("results").iter().all(|end| end["outcome"] == "accepted"));
        }
    };
    assert_eq!(venue.call("PUT", "/api/system/settings", &json!({ "maxOccupancy": 1000 })).status, 200);
    give("session.checkin", 300);
    let path = polling(&venue);
    thread::scope(|scope| {
        let polling = scope.spawn(|| {
            let mut heard = 0;
            while heard < 100 {
                heard += poll(&venue, &path, "session:play");
            }
        });
        give("session.play", 100);
        polling.join().expect("it keeps up");
    });
    // What gathers while it is away comes with few polls.
    let mut reading = Socket::connect(venue.address(), "");
    give("session.pause", 25);
    reading.skim("\"session:pause\"", 25);
    let polls = (1..).scan(0, |heard, polls| {
        *heard += poll(&venue, &path, "session:pause");
        Some((*heard, polls))
    });
    let (_, polls) = polls.into_iter().find(|(heard, _)| *heard >= 25).expect("all of them");
    assert!(polls <= 8, "{polls} polls for 25 events");
    let large = format!("42[\"x\",\"{}\"]", "x".repeat(100 << 10));
    assert!(matches!(post(&venue, &path, &large).status, 400 | 413), "what comes in stays bounded");
}
