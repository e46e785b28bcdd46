//! A batch goes to a socket in one flush (`sync.md` rule 7), counted at the connection.

use std::sync::Arc;

use axum::Router;
use gangway_domain::ids::CommandId;
use gangway_server::{
    execute::Request,
    net,
    realtime::{self, Profile, RoomEmitter, Shared, sockets::Sockets},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::support::{
    parts::{Bench, Lined, parse},
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
