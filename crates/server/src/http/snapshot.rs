//! `/api/sync/snapshot`: the whole sync set at one moment (`sync.md` rule 9).
//!
//! A snapshot holds a reader and an old state of the file as long as its client takes, so there are few
//! places: the others wait a moment for one, and who does not take what it asked for loses its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::FutureExt;
use gangway_domain::ids::DeviceId;
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout, timeout_at},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

use super::{app::App, error::ApiError, input::Caller};
use crate::store::{StoreError, View};

/// Snapshots at once; one reader stays for the rest.
const PLACES: usize = 2;
/// How long one may wait for a place.
const QUEUE_MAX: Duration = Duration::from_secs(5);
/// A client that takes nothing for so long loses its place, in time for one that waits.
const STALL: Duration = Duration::from_secs(4);
/// The longest that a snapshot may take.
const TOTAL_MAX: Duration = Duration::from_secs(60);
/// A snapshot is sent in pieces of about this many bytes.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that may wait for a client that is slower than the disk.
const PIECES_WAITING: usize = 4;

/// The snapshots under way.
#[derive(Debug)]
pub struct Snapshots {
    places: Arc<Semaphore>,
    /// The last snapshot that each device asked for, and what ends it.
    devices: Mutex<HashMap<DeviceId, Arc<Notify>>>,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), devices: Mutex::default() }
    }
}

impl Snapshots {
    fn devices(&self) -> MutexGuard<'_, HashMap<DeviceId, Arc<Notify>>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place. A device has one at most: what it asked for before ends.
    async fn enter(self: &Arc<Self>, device: Option<DeviceId>) -> Result<Place, ApiError> {
        let asked = Asked { snapshots: self.clone(), device, ended: Arc::default() };
        if let Some(device) = &asked.device {
            let older = self.devices().insert(device.clone(), asked.ended.clone());
            older.into_iter().for_each(|older| older.notify_one());
        }
        let permit = tokio::select! {
            biased;
            () = asked.ended.notified() => None,
            permit = timeout(QUEUE_MAX, self.places.clone().acquire_owned()) => permit.ok().and_then(Result::ok),
        };
        let permit = permit.ok_or_else(|| ApiError::unavailable("Other snapshots are being sent."))?;
        Ok(Place { asked, _permit: permit, deadline: Instant::now() + TOTAL_MAX })
    }
}

/// That somebody asked for a snapshot.
struct Asked {
    snapshots: Arc<Snapshots>,
    device: Option<DeviceId>,
    ended: Arc<Notify>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(device) = &self.device else { return };
        let mut devices = self.snapshots.devices();
        if devices.get(device).is_some_and(|last| Arc::ptr_eq(last, &self.ended)) {
            devices.remove(device);
        }
    }
}

/// A snapshot's place; another gets it when this goes.
struct Place {
    asked: Asked,
    _permit: OwnedSemaphorePermit,
    deadline: Instant,
}

impl Place {
    /// Sends a piece; says whether the client still takes them and may have more.
    async fn send(&self, pieces: &mpsc::Sender<Bytes>, piece: Vec<u8>) -> bool {
        let until = self.deadline.min(Instant::now() + STALL);
        tokio::select! {
            biased;
            () = self.asked.ended.notified() => false,
            sent = timeout_at(until, pieces.send(Bytes::from(piece))) => matches!(sent, Ok(Ok(()))),
        }
    }
}

/// The whole sync set at one moment, line by line.
#[utoipa::path(get, path = "/api/sync/snapshot", tag = "sync",
    responses((status = 200, description = "NDJSON: the position, the rows, `{end:true, rows}`",
        content_type = "application/x-ndjson", body = String), (status = 503, body = super::schema::ApiError)))]
pub async fn snapshot(State(app): State<App>, caller: Caller) -> Result<Response, ApiError> {
    let place = app.snapshots.enter(caller.device_id).await?;
    let (pieces, stream) = mpsc::channel::<Bytes>(app.store.workers().waiting_max(PIECES_WAITING));
    let server_time = app.now().to_iso();
    let (runtime, workers) = (tokio::runtime::Handle::current(), app.store.workers().clone());
    let send = move |piece: Vec<u8>| {
        let sent = workers.wait(&runtime, place.send(&pieces, piece).boxed());
        if !sent {
            tracing::debug!("a snapshot ended before its end");
        }
        sent
    };
    let store = app.store.clone();
    tokio::spawn(async move {
        let written = store.read(move |view| write(view, &server_time, &send)).await;
        if let Err(error) = written {
            // The client sees a stream without its last line, and starts again.
            tracing::warn!(%error, "a snapshot broke off");
        }
    });
    let body = Body::from_stream(ReceiverStream::new(stream).map(Ok::<_, std::convert::Infallible>));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn write(view: &dyn View, server_time: &str, send: &dyn Fn(Vec<u8>) -> bool) -> Result<(), StoreError> {
    let head = view.head()?;
    let first = json!({
        "venueId": head.venue_id, "epoch": head.epoch, "epochBase": head.epoch_base, "seq": head.seq,
        "eventId": head.event_id, "serverTime": server_time, "stateHash": head.state_hash.to_hex(),
    });
    let mut piece = format!("{first}\n").into_bytes();
    let mut rows: u64 = 0;
    let mut gone = false;
    view.sync_set(&mut |collection, id, row| {
        rows += 1;
        piece.extend_from_slice(
            format!("{{\"collection\":\"{}\",\"id\":{},\"row\":", collection.name(), json!(id)).as_bytes(),
        );
        piece.extend_from_slice(row.as_bytes());
        piece.extend_from_slice(b"}\n");
        if piece.len() >= PIECE_BYTES {
            gone = !send(std::mem::take(&mut piece));
        }
        !gone
    })?;
    if gone {
        return Ok(());
    }
    piece.extend_from_slice(format!("{}\n", json!({ "end": true, "rows": rows })).as_bytes());
    send(piece);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn place(snapshots: &Arc<Snapshots>, device: Option<&str>) -> Place {
        snapshots.enter(device.map(|id| DeviceId(id.to_owned()))).await.expect("a place")
    }

    /// Sends until nothing more is taken.
    async fn hog(place: Place) {
        let (pieces, _unread) = mpsc::channel(PIECES_WAITING);
        while place.send(&pieces, vec![0]).await {}
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_loses_its_place_to_who_waits() {
        let snapshots = Arc::new(Snapshots::default());
        for _ in 0..PLACES {
            tokio::spawn(hog(place(&snapshots, None).await));
        }
        let started = Instant::now();
        place(&snapshots, None).await;
        assert_eq!(started.elapsed(), STALL);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_a_little_at_a_time_loses_its_place_in_the_end() {
        let snapshots = Arc::new(Snapshots::default());
        let place = place(&snapshots, None).await;
        let (pieces, mut taken) = mpsc::channel(1);
        tokio::spawn(async move {
            while taken.recv().await.is_some() {
                tokio::time::sleep(STALL / 2).await;
            }
        });
        let started = Instant::now();
        while place.send(&pieces, vec![0]).await {}
        assert_eq!(started.elapsed(), TOTAL_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for_a_moment_and_not_for_ever() {
        let snapshots = Arc::new(Snapshots::default());
        let _places = (place(&snapshots, None).await, place(&snapshots, None).await);
        let started = Instant::now();
        let refused = snapshots.enter(None).await.map(|_| ()).expect_err("no place");
        assert_eq!(started.elapsed(), QUEUE_MAX);
        let response = refused.into_response();
        assert_eq!(response.status(), http::StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(http::header::RETRY_AFTER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_asks_again_ends_what_it_asked_for_before() {
        let snapshots = Arc::new(Snapshots::default());
        let started = Instant::now();
        for _ in 0..10 {
            tokio::spawn(hog(place(&snapshots, Some("desk-1")).await));
        }
        place(&snapshots, Some("desk-2")).await;
        assert_eq!(started.elapsed(), Duration::ZERO, "nobody had to wait");
        tokio::task::yield_now().await;
        assert_eq!(snapshots.devices().len(), 1, "who has its snapshot is forgotten");
    }
}
