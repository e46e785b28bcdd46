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
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::support::{
    parts::{Bench, Lined, NOON, parse},
    socket::Socket,
};

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
    };
    let (layer, io) = realtime::build(shared.clone());
    let emitter = RoomEmitter { io, shared };
    lined.run(emitter, async |line| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(net::serve(listener, Router::new().layer(layer), stopped));
        let connect = tokio::task::spawn_blocking(move || {
            ["", "&profile=lean"].map(|query| {
                let mut socket = Socket::connect(at, query);
                socket.event("sync:head");
                socket.pinged();
                socket
            })
        });
        let clients = connect.await.expect("connected");
        let connections: Vec<_> = Profile::ALL
            .iter()
            .map(|profile| sockets.get(&sockets.of(*profile)[0]).and_then(|entry| entry.connection()).expect("its own"))
            .collect();
        let before: Vec<_> = connections.iter().map(|connection| (connection.flushes(), connection.writes())).collect();
        let lines: Vec<Value> =
            (0..30).map(|_| json!({ "barcodeId": "B-1", "productId": hour, "quantity": 1 })).collect();
        let sale = parse(&json!({ "type": "sale.create", "lines": lines }));
        let request = Request::now(CommandId(uuid::Uuid::new_v4()), sale, None);
        let last = line.store.execute(request).await.expect("sold").head;
        let received = tokio::task::spawn_blocking(move || {
            clients.map(|mut client| {
                let heard = client.events.len();
                let logged = client.logged_to(last).len();
                let others = client.events[heard..].iter().filter(|event| !event.is_logged()).count();
                // It stays connected: closing flushes, too.
                (client, logged, others)
            })
        });
        let received = received.await.expect("received");
        assert!(received.iter().all(|(_, logged, _)| *logged == 31), "one session and thirty lines");
        for (((connection, before), room), (_, _, others)) in
            connections.iter().zip(before).zip(Profile::ALL).zip(&received)
        {
            let flushes = connection.flushes() - before.0;
            let writes = connection.writes() - before.1;
            // Figures and heartbeats that came meanwhile have flushes of their own; `full` may not have
            // read its figures yet.
            let most = 1 + u64::try_from(*others).expect("few") + u64::from(room == Profile::Full);
            assert!(flushes <= most, "{}: {flushes} flushes for one batch", room.as_str());
            assert!(writes <= most, "{}: {writes} writes for one batch", room.as_str());
        }
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
    };
    let (layer, io) = realtime::build(shared.clone());
    let emitter = RoomEmitter { io: io.clone(), shared: shared.clone() };
    lined.run(emitter, async |line| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(net::serve(listener, Router::new().layer(layer), stopped));
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
