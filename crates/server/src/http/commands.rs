//! `/api/commands`: what desks send, in order, each with an outcome of its own (`sync.md` rules 11–17).

use std::{collections::BTreeMap, str::FromStr};

use axum::{
    Json,
    extract::{Path, State},
};
use gangway_domain::{
    command::{Command, InvalidCommand, LINES_MAX, TEXT_MAX_CHARS},
    hash::canonical,
    ids::{CommandId, DeviceId, Epoch, PlaceId, Position, ProductId, StaffId},
    rows::ProductRow,
    time::VenueTime,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    app::App,
    error::ApiError,
    input::{Caller, JsonObject},
    same_log::{self, LastEvent},
};
use crate::{
    access::table,
    execute::{Intent, Origin, Outcome, Request},
};

/// Most commands of a batch (`contract.md`, Bounds).
const BATCH_MAX: usize = 100;
/// The longest `staffId`, `deviceId`, `placeId` and `acceptedIn`.
const WHO_MAX: usize = 64;
/// What goes with a command and is no part of it (`sync.md` rule 16).
const CIRCUMSTANCES: [&str; 8] =
    ["basedOn", "shown", "occurredAt", "deviceId", "staffId", "placeId", "acceptedIn", "force"];

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    log: Option<LastEvent>,
    commands: Vec<Box<RawValue>>,
}

/// The fields around a command whose absence spoils the whole batch.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    command_id: String,
    #[serde(default)]
    device_id: Option<String>,
}

/// The fields around a command that only spoil the command.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Circumstances {
    #[serde(default)]
    occurred_at: Option<String>,
    #[serde(default)]
    based_on: Option<Position>,
    #[serde(default)]
    shown: BTreeMap<ProductId, ProductRow>,
    #[serde(default)]
    staff_id: Option<String>,
    #[serde(default)]
    place_id: Option<String>,
    #[serde(default)]
    accepted_in: Option<String>,
    #[serde(default)]
    force: Option<Force>,
}

#[derive(Deserialize)]
struct Force {
    reason: String,
}

/// [`Circumstances`] within their bounds.
#[derive(Default)]
struct Said {
    occurred_at: Option<VenueTime>,
    based_on: Option<Position>,
    shown: BTreeMap<ProductId, ProductRow>,
    staff_id: Option<StaffId>,
    place: Option<PlaceId>,
    accepted_in: Option<Epoch>,
    force: Option<String>,
}

/// Executes commands in order.
#[utoipa::path(post, path = "/api/commands", tag = "commands", request_body = super::schema::CommandBatch,
    responses((status = 200, body = super::schema::CommandResults), (status = 400, body = super::schema::ApiError),
        (status = 403, body = super::schema::ApiError)))]
pub async fn execute(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Json<Value>, ApiError> {
    let batch: Batch =
        gangway_domain::command::read(&body.0).map_err(|error| ApiError::bad("invalid_batch", error.to_string()))?;
    if batch.commands.len() > BATCH_MAX {
        return Err(ApiError::bad("invalid_batch", format!("A batch has at most {BATCH_MAX} commands.")));
    }
    // The whole envelope first: a batch that is malformed executes nothing.
    let requests: Vec<Request> =
        batch.commands.iter().map(|text| request(text.get(), &caller)).collect::<Result<_, _>>()?;
    let ids: Vec<CommandId> = requests.iter().map(|request| request.command_id).collect();
    if !same_log::is_meant(&app, batch.log, &requests).await? {
        let retry = |id: &CommandId| json!({ "commandId": id, "outcome": "retry", "seqs": [] });
        return Ok(Json(json!({ "results": ids.iter().map(retry).collect::<Vec<_>>() })));
    }
    let executed = app.execute_batch(requests).await;
    let results = ids.iter().zip(executed).map(|(id, executed)| match executed {
        Ok(executed) => executed.outcome.to_wire(&id.to_string()),
        Err(_) => json!({ "commandId": id, "outcome": "retry", "seqs": [] }),
    });
    Ok(Json(json!({ "results": results.collect::<Vec<Value>>() })))
}

/// Reads one command of a batch. One that is invalid by itself still gets an outcome.
fn request(text: &str, caller: &Caller) -> Result<Request, ApiError> {
    let bad = |sentence: &str| ApiError::bad("invalid_batch", sentence);
    if !text.trim_start().starts_with('{') {
        return Err(bad("A command is an object."));
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(|_| bad("Each command needs a commandId, a UUID."))?;
    let command_id = CommandId::from_str(&envelope.command_id).map_err(|_| bad("A commandId has to be a UUID."))?;
    if envelope.device_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > WHO_MAX) {
        return Err(bad("A deviceId has 1 to 64 characters."));
    }
    let said = envelope.device_id.map(DeviceId);
    let device_id = match (&caller.device_id, said) {
        (Some(device), Some(said)) if *device != said => {
            let sentence = "A desk can't send another desk's commands.";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "wrong_device", sentence));
        }
        (device, said) => device.clone().or(said),
    };
    let fields = fields(text);
    let said = circumstances(text);
    let parsed = Command::parse(text).and_then(|command| said.as_ref().map(|_| command).map_err(Clone::clone));
    let intent = match parsed {
        Ok(command) if !table::may_give(caller.role, command.kind()) => Intent::Forbidden(command),
        Ok(command) => Intent::Command(command),
        Err(reason) => Intent::Invalid { fingerprint: fingerprint(text, &fields), reason },
    };
    let Said { occurred_at, based_on, shown, staff_id, place, accepted_in, force } = said.unwrap_or_default();
    let wire = Some(wire(fields));
    let origin = Origin::Queue;
    Ok(Request {
        command_id,
        intent,
        occurred_at,
        based_on,
        shown,
        device_id,
        staff_id,
        place,
        accepted_in,
        force,
        wire,
        origin,
    })
}

fn circumstances(text: &str) -> Result<Said, InvalidCommand> {
    let said: Circumstances = gangway_domain::command::read(text)?;
    let moment = said.occurred_at.as_deref().map(VenueTime::from_iso).transpose();
    let occurred_at =
        moment.map_err(|_| InvalidCommand("occurredAt is a moment such as 2026-11-24T15:04:05.123Z.".to_owned()))?;
    let bounded = |name: &str, id: &Option<String>| match id {
        Some(id) if id.is_empty() || id.len() > WHO_MAX => {
            Err(InvalidCommand(format!("{name} has 1 to {WHO_MAX} characters.")))
        }
        _ => Ok(()),
    };
    bounded("staffId", &said.staff_id)?;
    bounded("placeId", &said.place_id)?;
    bounded("acceptedIn", &said.accepted_in)?;
    if said.shown.len() > LINES_MAX || !said.shown.iter().all(|(id, row)| row.id == *id && row.is_plausible()) {
        return Err(InvalidCommand(format!("shown has up to {LINES_MAX} products, each as its row under its id.")));
    }
    let force = said.force.map(|force| force.reason);
    if force.as_ref().is_some_and(|why| why.trim().is_empty() || why.chars().count() > TEXT_MAX_CHARS) {
        return Err(InvalidCommand(format!("The reason of a force has 1 to {TEXT_MAX_CHARS} characters.")));
    }
    let (staff_id, place) = (said.staff_id.map(StaffId), said.place_id.map(PlaceId));
    let accepted_in = said.accepted_in.map(Epoch);
    Ok(Said { occurred_at, based_on: said.based_on, shown: said.shown, staff_id, place, accepted_in, force })
}

/// A command's text as an object, without what goes with it.
fn fields(text: &str) -> serde_json::Map<String, Value> {
    let mut fields: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    for circumstance in CIRCUMSTANCES {
        fields.remove(circumstance);
    }
    fields
}

/// What was tapped, for people: `{type, …fields}`.
fn wire(mut fields: serde_json::Map<String, Value>) -> Value {
    fields.remove("commandId");
    Value::Object(fields)
}

/// Of a command that is none: over its text in canonical form without the circumstances, so that a repeat
/// is known again (`sync.md` rule 16).
fn fingerprint(text: &str, fields: &serde_json::Map<String, Value>) -> String {
    let canonical = canonical(&Value::Object(fields.clone()).to_string()).unwrap_or_else(|_| text.as_bytes().to_vec());
    format!("invalid:{}", String::from_utf8_lossy(&canonical))
}

/// The outcome of a command, when it took effect and was stored, and how many desks have applied it.
#[utoipa::path(get, path = "/api/commands/{commandId}", tag = "commands", params(("commandId" = String, Path)),
    responses((status = 200, body = super::schema::CommandWay), (status = 404, body = super::schema::ApiError)))]
pub async fn outcome(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let unknown = || ApiError::not_found("unknown_command", "No command of that id has an outcome here.");
    let id = CommandId::from_str(&id).map_err(|_| unknown())?;
    let (stored, head) = app.store.read(move |view| Ok((view.command(id)?, view.head()?))).await?;
    let stored = stored.ok_or_else(unknown)?;
    let outcome = Outcome::read(&stored.outcome)?;
    let last = outcome.seqs().iter().max().map(|seq| Position { epoch: head.epoch, seq: *seq });
    let mut way = outcome.to_wire(&id.to_string());
    way["deviceId"] = json!(stored.device_id);
    way["effectiveAt"] = json!(stored.effective_at.to_iso());
    way["storedAt"] = json!(stored.stored_at.to_iso());
    // What changed nothing can't be seen.
    way["seenBy"] = json!(last.map(|position| app.sockets.seen_by(&position)));
    Ok(Json(way))
}
