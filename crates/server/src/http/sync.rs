//! `/api/sync`: how a client gets what it missed (`sync.md` rules 1–9).

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use gangway_domain::{
    ids::{Epoch, EventId, Seq},
    time::VenueTime,
};
use serde_json::{Value, json};

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
            if let Some(proof) = proof {
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
    let trimmed = view.trimmed()?;
    if asked.after < trimmed || (claim.is_some() && asked.after == trimmed) {
        return Ok(Told::Gone(None));
    }
    let lacks = match &claim {
        Some(id) => view.event_id(asked.after)?.as_ref() != Some(id),
        None => false,
    };
    if lacks || asked.after > head.seq {
        let proof = claim.zip(asked.epoch.clone()).filter(|_| lacks);
        let proof = proof.map(|(after_id, epoch)| EpochProof { epoch, after: asked.after, after_id: Some(after_id) });
        return Ok(Told::Gone(proof));
    }
    Ok(Told::Page(head, view.events_after(asked.after, asked.limit)?))
}

fn page(asked: &Asked, head: &Head, events: &[LoggedEvent], server_time: VenueTime) -> Result<Value, StoreError> {
    let through = events.last().map_or(head.seq, |event| event.seq);
    let seen = events.iter().filter(|event| asked.profile == Profile::Lean || seen_by_full(event.name));
    let events: Vec<Value> = seen.map(|event| entry(asked.profile, event)).collect::<Result<_, _>>()?;
    let visible = match asked.profile {
        Profile::Full | Profile::Kiosk | Profile::Display => head.full_seq,
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
        Profile::Full | Profile::Kiosk | Profile::Display => event.prev_full,
        Profile::Lean => event.seq.saturating_sub(1),
    };
    Ok(json!({
        "seq": event.seq, "prev": prev, "last": event.last, "id": event.id, "name": event.name.as_str(),
        "payload": read(&event.payload)?, "changes": read(&event.changes)?,
        "emittedAt": event.emitted_at.to_iso(), "commandId": event.command_id.map(|id| id.to_string()),
    }))
}
