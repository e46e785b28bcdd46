//! A command counts once, however often it is sent (`sync.md` rules 15 and 16).

use std::thread;

use serde_json::json;

use crate::support::venue::{Venue, sale};

const ID: &str = "0192f3a0-0000-7000-8000-000000000001";

#[test]
fn the_same_call_twice_answers_the_same_and_sells_once() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let body = sale("B-1", &hour, 2).to_string();
    let call = || venue.send("POST", "/api/checkin", Some(&body), &[("idempotency-key", ID)]);
    let first = call();
    let head = venue.head();
    let second = call();
    assert_eq!((first.status, &first.text), (201, &second.text));
    assert_eq!(first.status, second.status, "the status is part of the answer");
    assert_eq!(venue.head(), head, "the repeat wrote into the log");
}

#[test]
fn the_bytes_of_a_repeat_do_not_matter() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let call = |body: &str| venue.send("POST", "/api/checkin", Some(body), &[("idempotency-key", ID)]);
    let first = call(&format!("{{\"barcodeId\":\" b-1\",\"products\":[{{\"id\":\"{hour}\",\"quantity\":1}}]}}"));
    let second = call(&format!("{{ \"products\": [ {{\"quantity\": 1, \"id\":\"{hour}\"}} ], \"barcodeId\":\"B-1\"}}"));
    assert_eq!((first.status, second.status), (201, 201), "{}", second.text);
    assert_eq!(first.text, second.text);
}

#[test]
fn two_at_once_sell_once() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let body = sale("B-1", &hour, 1).to_string();
    let call = || venue.send("POST", "/api/checkin", Some(&body), &[("idempotency-key", ID)]);
    let answers: Vec<_> = thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().expect("a call")).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text), "{answers:?}");
    assert_eq!(venue.get("/api/dashboard/stats").json["totalTransactions"], 1);
}

#[test]
fn other_content_under_a_known_id_is_refused_and_the_outcome_stays() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let send = |quantity| {
        let body = sale("B-1", &hour, quantity).to_string();
        venue.send("POST", "/api/checkin", Some(&body), &[("idempotency-key", ID)])
    };
    let first = send(1);
    let head = venue.head();
    let other = send(2);
    assert_eq!((other.status, other.code()), (409, "id_conflict"));
    assert_eq!(send(1).text, first.text);
    let other = venue.send("POST", "/api/sessions/play", Some("{\"barcodeId\":\"B-1\"}"), &[("idempotency-key", ID)]);
    assert_eq!((other.status, other.code()), (409, "id_conflict"), "also on a call that promises 400");
    assert_eq!(venue.head(), head);
}

#[test]
fn a_refusal_is_an_outcome_too() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let play = || venue.send("POST", "/api/sessions/play", Some("{\"barcodeId\":\"B-1\"}"), &[("idempotency-key", ID)]);
    let first = play();
    assert_eq!((first.status, first.code()), (400, "unknown_band"));
    assert_eq!(venue.sell("B-1", &hour, 1).status, 201);
    let second = play();
    assert_eq!((second.status, second.text), (first.status, first.text), "the outcome of an id is final");
    assert_eq!(venue.gate("play", "B-1").status, 200, "another id is another command");
}

#[test]
fn a_malformed_key_is_refused_before_anything_happens() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let head = venue.head();
    for (method, path) in [("POST", "/api/checkin"), ("POST", "/api/commands"), ("POST", "/api/cart/notify")] {
        let body = sale("B-1", &hour, 1).to_string();
        let answer = venue.send(method, path, Some(&body), &[("idempotency-key", "seven")]);
        assert_eq!((answer.status, answer.code()), (400, "invalid_idempotency_key"), "{path}");
    }
    assert_eq!(venue.head(), head);
}

#[test]
fn an_outcome_outlives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = Venue::start_with(crate::support::venue::options(folder.path()));
    let hour = venue.product(12.5, Some(3600));
    let body = sale("B-1", &hour, 1).to_string();
    let call = |venue: &Venue| venue.send("POST", "/api/checkin", Some(&body), &[("idempotency-key", ID)]);
    let first = call(&venue);
    venue.stop();
    let venue = Venue::start_with(crate::support::venue::options(folder.path()));
    assert_eq!(call(&venue).text, first.text);
    let stored = venue.get(&format!("/api/commands/{ID}"));
    assert_eq!(stored.json["outcome"], json!("accepted"));
    assert_eq!(stored.json["result"], first.json);
}
