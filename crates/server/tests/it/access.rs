//! Who may call, from where, how often.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use gangway_server::{ServeOptions, StartError};
use serde_json::json;

use crate::support::{
    PATIENCE,
    socket::{Socket, upgrade},
    venue::{Venue, options, sale},
};

fn refused(options: ServeOptions) -> StartError {
    match gangway_server::start(options) {
        Ok(running) => {
            let _ = running.stop();
            panic!("it started");
        }
        Err(error) => error,
    }
}

#[test]
fn an_open_server_is_only_possible_on_loopback() {
    let folder = tempfile::tempdir().expect("a folder");
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = refused(ServeOptions { listen, ..options(folder.path()) });
    assert!(matches!(error, StartError::Options(_)), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing was touched");
}

#[test]
fn tokens_do_not_travel_in_the_clear() {
    let folder = tempfile::tempdir().expect("a folder");
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = refused(ServeOptions { listen, insecure_open: false, ..options(folder.path()) });
    assert!(matches!(error, StartError::Options(_)) && error.to_string().contains("loopback"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing was touched");
}

#[test]
fn without_tokens_every_call_and_every_socket_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = Venue::start_with(ServeOptions { insecure_open: false, ..options(folder.path()) });
    for (method, path) in
        [("GET", "/api/products"), ("POST", "/api/checkin"), ("GET", "/metrics"), ("GET", "/api/sync/snapshot")]
    {
        let answer = venue.send(method, path, None, &[]);
        assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{path}");
    }
    // A socket says who it is in its handshake, so that is where it ends.
    for query in ["", "&profile=lean"] {
        let refused = Socket::try_connect(venue.address(), query, &json!({ "deviceId": "desk-1" })).map(|_| ());
        assert_eq!(refused, Err("unauthorized".to_owned()));
    }
    assert_eq!(venue.get("/healthz").status, 200);
    assert_eq!(venue.get("/readyz").status, 200);
}

#[test]
fn a_second_server_on_the_same_folder_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Venue::start_with(options(folder.path()));
    let error = refused(options(folder.path()));
    assert!(matches!(error, StartError::Fault(_)) && error.to_string().contains("Another server"), "{error}");
    first.stop();
    Venue::start_with(options(folder.path())).stop();
}

#[cfg(unix)]
#[test]
fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("venue");
    let venue = Venue::start_with(options(&dir));
    let mode = std::fs::metadata(&dir).expect("a folder").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    drop(venue);
}

#[test]
fn only_pages_of_allowed_origins_may_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let origin = "https://desk.example";
    let venue = Venue::start_with(ServeOptions { allow_origins: vec![origin.to_owned()], ..options(folder.path()) });
    let hour = venue.product(10.0, None);
    let preflight = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,idempotency-key,x-device-id"),
    ];
    let answer = venue.send("OPTIONS", "/api/checkin", None, &preflight);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(origin)));
    let allowed = answer.header("access-control-allow-headers").unwrap_or_default().to_owned();
    assert!(["content-type", "idempotency-key", "x-device-id"].iter().all(|name| allowed.contains(name)), "{allowed}");
    let body = sale("B-1", &hour, 1).to_string();
    let answer = venue.send("POST", "/api/checkin", Some(&body), &[("origin", origin)]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (201, Some(origin)));
    let polling = venue.send("GET", "/socket.io/?EIO=4&transport=polling", None, &[("origin", origin)]);
    assert_eq!((polling.status, polling.header("access-control-allow-origin")), (200, Some(origin)));
    let (_stream, head) = upgrade(venue.address(), "", &format!("origin: {origin}\r\n"));
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let head = venue.head();
    let answer = venue.send("POST", "/api/checkin", Some(&body), &[("origin", "https://evil.example")]);
    assert_eq!((answer.status, answer.code()), (403, "origin_not_allowed"));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(venue.head(), head);
}

#[test]
fn an_origin_that_is_none_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("venue");
    for origin in ["desk", "https://desk.example/", "https://desk.example/page"] {
        let error = refused(ServeOptions { allow_origins: vec![origin.to_owned()], ..options(&dir) });
        assert!(matches!(error, StartError::Options(_)) && error.to_string().contains(origin), "{error}");
        assert!(!dir.exists(), "nothing was made");
    }
}

#[test]
fn without_allowed_origins_no_page_is_answered() {
    let venue = Venue::start();
    let answer = venue.send("GET", "/api/products", None, &[("origin", "https://desk.example")]);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let body = json!({ "name": "x", "price": 1, "category": "c" }).to_string();
    let answer = venue.send("POST", "/api/products", Some(&body), &[("origin", "https://desk.example")]);
    assert_eq!(answer.status, 403);
}

/// One answer from a kept connection; its status.
fn pipelined(stream: &mut TcpStream, count: usize, path: &str, headers: &str) -> Vec<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n").repeat(count);
    let mut writer = stream.try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || writer.write_all(request.as_ref()).is_ok());
    let mut text = Vec::new();
    let mut piece = vec![0; 64 << 10];
    let answers = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let statuses = text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok());
        statuses.collect::<Vec<u16>>()
    };
    while answers(&text).len() < count {
        let read = stream.read(&mut piece).expect("answers");
        assert!(read > 0, "the server hung up after {} answers", answers(&text).len());
        text.extend_from_slice(&piece[..read]);
    }
    assert!(writing.join().expect("written"));
    answers(&text)
}

#[test]
fn a_connection_that_asks_too_much_is_told_to_wait_and_another_is_not() {
    let venue = Venue::start();
    let mut stream = TcpStream::connect(venue.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let statuses = pipelined(&mut stream, 3_000, "/healthz", "");
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(refused > 0, "3,000 at once are more than 1,000");
    assert!(statuses[..1_000].iter().all(|status| *status == 200), "a burst of 1,000 is allowed");
    assert_eq!(venue.get("/healthz").status, 200, "another connection has its own rate");
}

#[test]
fn a_token_has_one_rate_over_all_its_connections_and_another_its_own() {
    let (venue, manager) = Venue::start_closed();
    let desk = venue.pair(&manager, "operator")["token"].as_str().expect("a token").to_owned();
    let headers = format!("authorization: Bearer {desk}\r\n");
    let mut refused = 0;
    for _ in 0..4 {
        let mut stream = TcpStream::connect(venue.address()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // Far below what one connection may ask.
        let statuses = pipelined(&mut stream, 800, "/api/system/capacity", &headers);
        refused += statuses.iter().filter(|status| **status == 429).count();
    }
    assert!(refused > 0, "3,200 at once are more than 1,000");
    assert_eq!(venue.send_as(&manager, "GET", "/api/system/capacity", None).status, 200);
}

#[test]
fn a_refusal_for_too_many_requests_says_when_to_come_back() {
    let venue = Venue::start();
    let mut stream = TcpStream::connect(venue.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3_000);
    let mut writer = stream.try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || writer.write_all(request.as_ref()).is_ok());
    let mut text = String::new();
    let mut piece = vec![0; 64 << 10];
    while !(text.contains("429 Too Many Requests") && text.ends_with('}')) {
        let read = stream.read(&mut piece).expect("answers");
        assert!(read > 0, "no 429 came");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    let refusal = text.split("HTTP/1.1 ").find(|answer| answer.starts_with("429")).expect("a 429");
    assert!(refusal.contains("retry-after: 1"), "{refusal}");
    assert!(refusal.contains("\"code\":\"too_many_requests\""), "{refusal}");
    drop(stream);
    drop(writing);
}

#[test]
fn of_many_unfinished_connections_the_oldest_are_dropped_and_new_ones_served() {
    let venue = Venue::start();
    let mut waiting: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut stream = TcpStream::connect(venue.address()).expect("it listens");
            stream.write_all(b"GET /healthz HT").expect("half a head");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            stream
        })
        .collect();
    assert_eq!(venue.get("/healthz").status, 200, "a new one is never refused");
    let mut byte = [0; 1];
    for (index, stream) in waiting.iter_mut().take(10).enumerate() {
        let ended = stream.read(&mut byte);
        assert!(!matches!(ended, Ok(count) if count > 0), "connection {index} is among the oldest");
    }
    let newest = waiting.last_mut().expect("some");
    newest.write_all(b"TP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it is still there");
    let mut answer = String::new();
    newest.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn methods_that_somebody_made_up_do_not_grow_the_figures() {
    let venue = Venue::start();
    let mut stream = TcpStream::connect(venue.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    for index in 0..50 {
        let close = if index == 49 { "connection: close\r\n" } else { "" };
        write!(stream, "MADE{index} /healthz HTTP/1.1\r\nhost: x\r\n{close}\r\n").expect("it reads");
    }
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    assert_eq!(answers.matches("HTTP/1.1 405").count(), 50, "{answers}");
    let figures = venue.get("/metrics").text;
    assert!(figures.contains("method=\"other\"") && !figures.contains("MADE"), "{figures}");
}
