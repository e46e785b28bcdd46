//! Accepting connections: bounded per address, each counted, ended when the server drains.

mod bodies;
pub mod connection;
mod progress;
mod unfinished;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{Request, Response, StatusCode};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use self::{
    bodies::{AnswerBody, RequestBody},
    connection::{Connection, ConnectionStream},
    unfinished::Unfinished,
};
use crate::tls::Tls;

/// A request head must be complete within this, also the next one of a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest request head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// TLS must stand within this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long calls in progress may take when the server drains.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Before accepting again after the system refused (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` until `stop` is set, then lets calls in progress end.
pub async fn serve(listener: TcpListener, tls: Option<Tls>, app: Router, mut stop: watch::Receiver<bool>) {
    let unfinished = Arc::new(Unfinished::default());
    let mut connections = JoinSet::new();
    while !*stop.borrow() {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = Arc::new(Connection::new(peer.ip()));
                    // Nagle's algorithm would hold back the second of two small packets.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY can't be set");
                    }
                    let unfinished = unfinished.clone();
                    let (tls, app, stop) = (tls.clone(), app.clone(), stop.clone());
                    connections.spawn(async move {
                        match tls {
                            None => serve_one(stream, connection, unfinished, app, stop).await,
                            Some(tls) => {
                                let stream = shake_hands(&tls, stream, &connection, &unfinished, stop.clone()).await;
                                if let Some(stream) = stream {
                                    serve_one(stream, connection, unfinished, app, stop).await;
                                }
                            }
                        }
                    });
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

/// TLS over a connection that was just accepted; it counts as unfinished meanwhile, so that the oldest make room.
async fn shake_hands(
    tls: &Tls,
    stream: TcpStream,
    connection: &Arc<Connection>,
    unfinished: &Unfinished,
    mut stop: watch::Receiver<bool>,
) -> Option<TlsStream<TcpStream>> {
    if let Some(wait) = connection.starve() {
        unfinished.add(connection, wait);
    }
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.acceptor().accept(stream));
    tokio::select! {
        shaken = handshake => match shaken {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, peer = %connection.peer(), "no TLS");
                None
            }
            Err(_) => None,
        },
        () = connection.closed() => None,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => None,
    }
}

async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: Arc<Connection>,
    unfinished: Arc<Unfinished>,
    app: Router,
    mut stop: watch::Receiver<bool>,
) {
    let io = TokioIo::new(ConnectionStream::new(stream, connection.clone(), unfinished));
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, connection) = (app.clone(), connection.clone());
        async move { Ok::<_, Infallible>(answer(app, request, connection).await) }
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

async fn answer(app: Router, request: Request<Incoming>, connection: Arc<Connection>) -> Response<Body> {
    let has_body = !request.body().is_end_stream();
    connection.start(has_body);
    let mut request = request.map(|body| match has_body {
        true => Body::new(RequestBody::new(body, connection.clone())),
        false => Body::empty(),
    });
    request.extensions_mut().insert(connection.clone());
    let response = match app.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        connection.upgrade();
    }
    response.map(|body| Body::new(AnswerBody::new(body, connection)))
}
