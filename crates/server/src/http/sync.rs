//! `/api/sync`: how a client gets what it missed (`sync.md` rules 1–9).

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use gangway_domain::{
    ids::{Epoch, EventId, Seq},
    time::VenueTime,
};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

use super::{app::App, error::ApiError, input::Params};
use crate::{
    execute::{EpochProof, seen_by_full},
    realtime::Profile,
    store::{Head, LoggedEvent, StoreError, View},
};

/// Most events of a page, but for those that finish a command.
const PAGE_MAX: u64 = 1_000;
/// Events of a page where the caller does not say.
const PAGE: u64 = 500;
/// A snapshot is sent in pieces of about this many bytes.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that may wait for a client that is slower than the disk.
const PIECES_WAITING: usize = 4;
/// A client that takes nothing for so long loses its snapshot.
const STALL: std::time::Duration = std::time::Duration::from_secs(30);

/// What a client says that it has.
#[derive(Clone, Debug)]
struct Asked {
    after: Seq,
    after_id: Option<EventId>,
    epoch: Option<Epoch>,
    limit: usize,
    profile: Profile,
}

/// What the log says to that.
enum Told {
    Page(Head, Vec<LoggedEvent>),
    /// 410; with what a new epoch would need, if this proves that it is due.
    Gone(Option<EpochProof>),
}

/// The events after a position: whole commands, filtered as the room's rule does.
#[utoipa::path(get, path = "/api/sync/events", tag = "sync",
    params(("after" = Option<u64>, Query), ("afterId" = Option<String>, Query), ("epoch" = Option<String>, Query),
        ("limit" = Option<u64>, Query, description = "1–1,000, 500 by default"),
        ("profile" = Option<String>, Query, description = "lean (default) or full")),
    responses((status = 200, body = super::schema::EventsPage), (status = 400, body = super::schema::ApiError),
        (status = 410, body = super::schema::ApiError)))]
pub async fn events(State(app): State<App>, params: Params) -> Result<Response, ApiError> {
    let asked = asked(&params)?;
    let question = asked.clone();
    match app.store.read(move |view| look(view, &question)).await? {
        Told::Page(head, events) => Ok(Json(page(&asked, &head, &events, app.now())?).into_response()),
        Told::Gone(proof) => {
            if let Some(proof) = proof.filter(|_| app.open) {
                app.store.start_epoch(proof).await?;
            }
            Err(ApiError::snapshot_required())
        }
    }
}

fn asked(params: &Params) -> Result<Asked, ApiError> {
    let profile = match params.text("profile") {
        Some(name) => Profile::parse(name).ok_or_else(|| ApiError::bad("invalid_query", "profile is full or lean."))?,
        None => Profile::Lean,
    };
    let limit = params.number("limit", PAGE, 1, PAGE_MAX)?;
    Ok(Asked {
        after: params.number("after", 0, 0, i64::MAX.unsigned_abs())?,
        after_id: params.text("afterId").filter(|id| !id.is_empty()).map(EventId::from),
        epoch: params.text("epoch").filter(|epoch| !epoch.is_empty()).map(Epoch::from),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        profile,
    })
}

fn look(view: &dyn View, asked: &Asked) -> Result<Told, StoreError> {
    let head = view.head()?;
    if asked.epoch.as_ref().is_some_and(|epoch| *epoch != head.epoch) {
        return Ok(Told::Gone(None));
    }
    // An id at 0 names nothing, so it proves nothing.
    let claim = asked.after_id.clone().filter(|_| asked.after > 0);
    let lacks = match &claim {
        Some(id) => view.event_id(asked.after)?.as_ref() != Some(id),
        None => false,
    };
    if lacks || asked.after > head.seq {
        let proof = claim.zip(asked.epoch.clone()).filter(|_| lacks);
        let proof = proof.map(|(after_id, epoch)| EpochProof { epoch, after: asked.after, after_id });
        return Ok(Told::Gone(proof));
    }
    Ok(Told::Page(head, view.events_after(asked.after, asked.limit)?))
}

fn page(asked: &Asked, head: &Head, events: &[LoggedEvent], server_time: VenueTime) -> Result<Value, StoreError> {
    let through = events.last().map_or(head.seq, |event| event.seq);
    let seen = events.iter().filter(|event| asked.profile == Profile::Lean || seen_by_full(event.name));
    let events: Vec<Value> = seen.map(|event| entry(asked.profile, event)).collect::<Result<_, _>>()?;
    let visible = match asked.profile {
        Profile::Full => head.full_seq,
        Profile::Lean => head.seq,
    };
    let time = server_time.to_iso();
    Ok(json!({ "epoch": head.epoch, "head": visible, "through": through, "events": events, "serverTime": time }))
}

fn entry(profile: Profile, event: &LoggedEvent) -> Result<Value, StoreError> {
    let read = |json: &str| -> Result<Value, StoreError> {
        serde_json::from_str(json).map_err(|error| StoreError::Damaged(format!("event {}: {error}", event.seq)))
    };
    let prev = match profile {
        Profile::Full => event.prev_full,
        Profile::Lean => event.seq.saturating_sub(1),
    };
    Ok(json!({
        "seq": event.seq, "prev": prev, "last": event.last, "id": event.id, "name": event.name.as_str(),
        "payload": read(&event.payload)?, "changes": read(&event.changes)?,
        "emittedAt": event.emitted_at.to_iso(), "commandId": event.command_id.map(|id| id.to_string()),
    }))
}

/// The whole sync set at one moment, line by line.
#[utoipa::path(get, path = "/api/sync/snapshot", tag = "sync",
    responses((status = 200, description = "NDJSON: the position, the rows, `{end:true, rows}`",
        content_type = "application/x-ndjson", body = String), (status = 503, body = super::schema::ApiError)))]
pub async fn snapshot(State(app): State<App>) -> Result<Response, ApiError> {
    let permit = app.snapshots.clone().try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::unavailable("Other snapshots are being sent."))?;
    let (pieces, stream) = mpsc::channel::<Bytes>(PIECES_WAITING);
    let server_time = app.now().to_iso();
    let runtime = tokio::runtime::Handle::current();
    let send = move |piece: Vec<u8>| {
        let sent = runtime.block_on(async { tokio::time::timeout(STALL, pieces.send(Bytes::from(piece))).await });
        matches!(sent, Ok(Ok(())))
    };
    let store = app.store.clone();
    tokio::spawn(async move {
        let _permit: OwnedSemaphorePermit = permit;
        let written = store.read(move |view| write_snapshot(view, &server_time, &send)).await;
        if let Err(error) = written {
            // The client sees a stream without its last line, and starts again.
            tracing::warn!(%error, "a snapshot broke off");
        }
    });
    let body = Body::from_stream(ReceiverStream::new(stream).map(Ok::<_, std::convert::Infallible>));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn write_snapshot(view: &dyn View, server_time: &str, send: &dyn Fn(Vec<u8>) -> bool) -> Result<(), StoreError> {
    let head = view.head()?;
    let first = json!({
        "venueId": head.venue_id, "epoch": head.epoch, "epochBase": head.epoch_base, "seq": head.seq,
        "eventId": head.event_id,        "serverTime": server_time, "stateHash": head.state_hash.to_hex(),
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
