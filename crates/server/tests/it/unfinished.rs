//! Connections whose request is not complete: bounded per address, the oldest make room (`contract.md`, Bounds).

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::support::{PATIENCE, socket::Socket, until, venue::Venue};

/// Half a head, a head without its body, a whole request with half of the next one.
const HALVES: [&str; 3] = [
    "GET /healthz HT",
    "POST /api/checkin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nx: ",
];

fn open(venue: &Venue, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(venue.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(text.as_bytes()).expect("it is taken");
    stream
}

/// Reads whatever came, without waiting; says whether the server hung up.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

fn closed(streams: &mut [TcpStream]) -> usize {
    streams.iter_mut().map(|stream| usize::from(is_closed(stream))).sum()
}

/// Asks on a kept connection and reads the answer to its end.
fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is there");
    let mut text = Vec::new();
    while !text.ends_with(b"}") {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).expect("an answer");
        assert!(read > 0, "the server hung up");
        text.extend_from_slice(&piece[..read]);
    }
    assert!(text.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn of_unfinished_requests_of_any_kind_the_oldest_are_dropped() {
    for half in HALVES {
        let venue = Venue::start();
        let mut kept = open(&venue, "");
        ask(&mut kept);
        let mut socket = Socket::connect(venue.address(), "");
        let mut waiting: Vec<TcpStream> = (0..60).map(|_| open(&venue, half)).collect();
        until("ten are dropped", || (closed(&mut waiting) == 10).then_some(()));
        assert_eq!(closed(&mut waiting[30..]), 0, "of those that came together the older ones: {half:?}");
        assert_eq!(venue.get("/healthz").status, 200, "a new one is never refused");
        ask(&mut kept);
        venue.product(1.0, None);
        socket.logged_to(1);
    }
}

#[test]
fn connections_that_wait_between_two_requests_are_finished() {
    let venue = Venue::start();
    let mut kept: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut stream = open(&venue, "");
            ask(&mut stream);
            stream
        })
        .collect();
    let mut waiting: Vec<TcpStream> = (0..52).map(|_| open(&venue, HALVES[1])).collect();
    until("two unfinished ones are dropped", || (closed(&mut waiting) == 2).then_some(()));
    kept.iter_mut().for_each(ask);
}
