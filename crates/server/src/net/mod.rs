//! Accepting connections: bounded per address, each counted, ended when the server drains.

pub mod connection;

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower::ServiceExt;

use self::connection::{Connection, ConnectionStream};

/// Connections of one address without a complete request head (`contract.md`, Bounds).
const UNFINISHED_MAX: usize = 50;
/// What one past that bound has left to finish.
const UNFINISHED_GRACE: Duration = Duration::from_secs(1);
/// A request head must be complete within this, also the next one of a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest request head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long calls in progress may take when the server drains.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Before accepting again after the system refused (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The connections that have not yet sent a request head, by address, oldest first.
#[derive(Default)]
pub struct Unfinished {
    by_address: Mutex<HashMap<IpAddr, VecDeque<Weak<Connection>>>>,
}

impl Unfinished {
    /// Counts a new connection in; past the bound gives the oldest unfinished ones of its address, to be
    /// closed, so that somebody who opens many never keeps out the others.
    pub fn add(&self, connection: &Arc<Connection>) -> Vec<Arc<Connection>> {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        by_address.retain(|_, waiting| {
            waiting.retain(|waiting| waiting.upgrade().is_some_and(|connection| !connection.is_started()));
            !waiting.is_empty()
        });
        let waiting = by_address.entry(connection.peer()).or_default();
        waiting.push_back(Arc::downgrade(connection));
        let surplus = waiting.len().saturating_sub(UNFINISHED_MAX);
        waiting.drain(..surplus).filter_map(|oldest| oldest.upgrade()).collect()
    }
}

/// Closes connections that are still unfinished after a moment: the head of one that was accepted in a
/// burst may have arrived and only wait for its turn to be read.
async fn close_unfinished(connections: Vec<Arc<Connection>>) {
    tokio::time::sleep(UNFINISHED_GRACE).await;
    // Those that became readable while the thread was busy get their turn first.
    tokio::task::yield_now().await;
    for connection in connections.iter().filter(|connection| !connection.is_started()) {
        tracing::debug!(peer = %connection.peer(), "an unfinished connection makes room for a newer one");
        connection.close();
    }
}

/// Serves `app` until `stop` is set, then lets calls in progress end.
pub async fn serve(listener: TcpListener, app: Router, mut stop: watch::Receiver<bool>) {
    let unfinished = Unfinished::default();
    let mut connections = JoinSet::new();
    while !*stop.borrow() {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = Arc::new(Connection::new(peer.ip()));
                    let surplus = unfinished.add(&connection);
                    if !surplus.is_empty() {
                        tokio::spawn(close_unfinished(surplus));
                    }
                    connections.spawn(serve_one(stream, connection, app.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    drop(listener);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(left = connections.len(), "calls were still in progress when the server ended");
    }
}

async fn serve_one(stream: TcpStream, connection: Arc<Connection>, app: Router, mut stop: watch::Receiver<bool>) {
    // Nagle's algorithm would hold back the second of two small packets.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY can't be set");
    }
    let io = TokioIo::new(ConnectionStream::new(stream, connection.clone()));
    let service = service_fn(move |mut request: Request<Incoming>| {
        connection.start();
        request.extensions_mut().insert(connection.clone());
        let app = app.clone();
        async move { Ok::<_, Infallible>(answer(app, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    let mut served = std::pin::pin!(http.serve_connection(io, service).with_upgrades());
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?error, "a connection broke");
    }
}

async fn answer(app: Router, request: Request<Incoming>) -> http::Response<Body> {
    match app.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
