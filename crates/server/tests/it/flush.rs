//! A batch goes to a socket in one flush (`sync.md` rule 7), counted at the connection.

use std::sync::Arc;

use axum::Router;
use gangway_domain::ids::CommandId;
use gangway_server::{
    dispatcher::{head_packet, queue::Emitter},
    execute::Request,
    net,
    realtime::{self, Profile, RoomEmitter, Shared, sockets::Sockets},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use crate::support::{
    parts::{Bench, Line, Lined, NOON, parse},
    socket::Socket,
};

/// Batches that are counted.
const ROUNDS: usize = 6;

async fn sell_thirty(line: &Line, product: &str, band: &str) -> u64 {
    let one = json!({ "barcodeId": band, "productId": product, "quantity": 1 });
    let sale = parse(&json!({ "type": "sale.create", "lines": vec![one; 30] }));
    line.store.execute(Request::now(CommandId(uuid::Uuid::new_v4()), sale, None)).await.expect("sold").head
}

#[test]
fn the_events_of_a_command_reach_each_socket_in_one_flush() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let lined = Lined::of(bench);
    let sockets = Arc::new(Sockets::default());
    let shared = Shared {
        sockets: sockets.clone(),
        emitted: lined.line.emitted.clone(),
        clock: lined.line.clock.clone(),
        metrics: lined.line.metrics.clone(),
        access: lined.line.access(&sockets),
    };
    let (layer, io) = realtime::build(shared.clone());
    let emitter = RoomEmitter { io, shared };
    lined.run(emitter, async |line| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(net::serve(listener, None, Router::new().layer(layer), stopped));
        let connect = tokio::task::spawn_blocking(move || {
            ["", "&profile=lean"].map(|query| {
                let mut socket = Socket::connect(at, query);
                socket.event("sync:head");
                socket.pinged();
                socket
            })
        });
        let mut clients = connect.await.expect("connected");
        let connections: Vec<_> = Profile::ALL
            .iter()
            .map(|profile| sockets.get(&sockets.of(*profile)[0]).and_then(|entry| entry.connection()).expect("its own"))
            .collect();
        // A heartbeat or the figures may fall into a round and flush for themselves, but not into every one.
        let mut least = [u64::MAX; 2];
        for round in 0..ROUNDS {
            let before: Vec<u64> =
                connections.iter().map(|connection| connection.flushes() + connection.writes()).collect();
            let last = sell_thirty(&line, &hour, &format!("B-{round}")).await;
            let heard = tokio::task::spawn_blocking(move || {
                let counts = clients.each_mut().map(|client| client.logged_to(last).len());
                (clients, counts)
            });
            let counts;
            (clients, counts) = heard.await.expect("received");
            assert_eq!(counts, [31 * (round + 1); 2], "one session and thirty lines each");
            for ((connection, before), least) in connections.iter().zip(before).zip(&mut least) {
                *least = (connection.flushes() + connection.writes() - before).min(*least);
            }
        }
        assert_eq!(least, [2; 2], "one write and one flush for a batch of 31 events, in each room");
        stop.send_replace(true);
    });
}

#[test]
fn a_socket_whose_channel_is_full_is_closed_and_not_skipped() {
    let lined = Lined::of(Bench::new());
    let sockets = Arc::new(Sockets::default());
    let shared = Shared {
        sockets: sockets.clone(),
        emitted: lined.line.emitted.clone(),
        clock: lined.line.clock.clone(),
        metrics: lined.line.metrics.clone(),
        access: lined.line.access(&sockets),
    };
    let (layer, io) = realtime::build(shared.clone());
    let emitter = RoomEmitter { io: io.clone(), shared: shared.clone() };
    lined.run(emitter, async |line| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(net::serve(listener, None, Router::new().layer(layer), stopped));
        let connect = tokio::task::spawn_blocking(move || {
            ["", "&profile=lean"].map(|query| {
                let mut socket = Socket::connect(at, query);
                socket.event("sync:head");
                socket
            })
        });
        let [mut full, mut lean] = connect.await.expect("connected");
        let emitter = RoomEmitter { io, shared };
        let place = line.emitted.borrow().clone();
        let packet = head_packet(&place, Profile::Full, NOON).expect("a packet");
        // Nothing is awaited in between, so that the socket's task can't empty its channel.
        let receivers: Vec<usize> = (0..4_010).map(|_| emitter.emit(&packet).expect("emitted").receivers).collect();
        assert_eq!((receivers[0], receivers.last()), (1, Some(&0)), "it was given up");
        assert!(receivers.iter().sum::<usize>() >= 4_000, "not before its channel was full");
        let closed = tokio::task::spawn_blocking(move || full.closed());
        closed.await.expect("its connection is closed");
        assert!(line.metrics.render().contains("gangway_sockets_closed_slow_total 1"));
        let head = head_packet(&place, Profile::Lean, NOON).expect("a packet");
        assert_eq!(emitter.emit(&head).expect("emitted").receivers, 1, "the other room goes on");
        let heard = tokio::task::spawn_blocking(move || {
            lean.until("another heartbeat", |events| (events.len() > 1).then_some(()));
        });
        heard.await.expect("heard");
        stop.send_replace(true);
    });
}
