//! `/api/pair` and `/api/devices`: how a device gets its token, and how it loses it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use gangway_domain::{command::NAME_MAX_CHARS, ids::DeviceId};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{app::App, error::ApiError, input::JsonObject};
use crate::{
    access::{
        Role,
        devices::{Device, Paired},
    },
    net::connection::Connection,
    tls::sealed,
};

/// The longest code that is looked at.
const CODE_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    code: String,
    device_name: String,
    device_id: Option<String>,
}

#[derive(Deserialize)]
struct CodeFor {
    role: Option<String>,
}

/// Gives a new device its token for a code that a manager shows. A console names the `deviceId` that it has already.
#[utoipa::path(post, path = "/api/pair", tag = "devices", request_body = super::schema::Pair,
    responses((status = 201, body = super::schema::Paired), (status = 400, body = super::schema::ApiError),
        (status = 403, body = super::schema::ApiError), (status = 409, body = super::schema::ApiError),
        (status = 429, body = super::schema::ApiError)))]
pub async fn pair(
    State(app): State<App>,
    connection: Option<Extension<Arc<Connection>>>,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let bad = |sentence: &str| ApiError::bad("invalid_pairing", sentence);
    let Pair { code, device_name, device_id } = gangway_domain::command::read(&body.0)?;
    let name = device_name.trim().to_owned();
    if !(1..=NAME_MAX_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(bad("deviceName has 1 to 120 characters."));
    }
    if code.len() > CODE_MAX {
        return Err(bad("A code has eight letters and digits."));
    }
    let id = match device_id {
        Some(id) => Uuid::parse_str(&id).map_err(|_| bad("deviceId is a UUID."))?.to_string(),
        None => app.ids.command_id().to_string(),
    };
    let peer = connection.map_or(IpAddr::from([127, 0, 0, 1]), |connection| connection.0.peer());
    if let Err(wait) = app.access.guesses.allow(peer) {
        return Ok(too_many_guesses(wait));
    }
    match app.access.pair(&code, name, DeviceId(id)).await? {
        Paired::Device(device, token) => {
            app.access.guesses.right(peer);
            let body = json!({
                "token": token, "deviceId": device.id, "role": device.role.as_str(), "venueId": app.venue_id,
            });
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        Paired::WrongCode => {
            app.access.guesses.wrong(peer);
            let sentence = "This code does not count. A manager can show a new one.";
            Err(ApiError::new(StatusCode::FORBIDDEN, "wrong_code", sentence))
        }
        Paired::Taken => {
            let sentence = "This device is paired already. A manager can remove it first.";
            Err(ApiError::new(StatusCode::CONFLICT, "device_paired", sentence))
        }
    }
}

fn too_many_guesses(wait: Duration) -> Response {
    let sentence = "Too many codes were tried. Wait a while.";
    let mut response = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_guesses", sentence).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    response
}

/// A code by which one device gets a token for a role, `operator` if none is said.
#[utoipa::path(post, path = "/api/devices/codes", tag = "devices", request_body = super::schema::CodeFor,
    responses((status = 201, body = super::schema::PairingCode), (status = 400, body = super::schema::ApiError)))]
pub async fn make_code(State(app): State<App>, body: JsonObject) -> Result<Response, ApiError> {
    let CodeFor { role } = gangway_domain::command::read(&body.0)?;
    let role = role.as_deref().map_or(Some(Role::Operator), Role::parse);
    let role = role.ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        ApiError::bad("invalid_role", format!("A role is one of {}.", names.join(", ")))
    })?;
    let (code, expires_at) = app.access.make_code(role).await?;
    let code = sealed(&code, app.seal.as_deref());
    let body = json!({ "code": code, "role": role.as_str(), "expiresAt": expires_at.to_iso() });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// All devices that were ever paired, the oldest first.
#[utoipa::path(get, path = "/api/devices", tag = "devices", responses((status = 200, body = [super::schema::Device])))]
pub async fn list(State(app): State<App>) -> Json<Value> {
    let devices = app.access.devices();
    Json(devices.iter().map(|device| to_wire(&app, device)).collect())
}

/// Ends a device's token at once, with its sockets.
#[utoipa::path(delete, path = "/api/devices/{id}", tag = "devices", params(("id" = String, Path)),
    responses((status = 200, body = super::schema::Device), (status = 404, body = super::schema::ApiError)))]
pub async fn revoke(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let device = app.access.revoke(&DeviceId(id)).await?;
    let device = device.ok_or_else(|| ApiError::not_found("unknown_device", "There is no such device."))?;
    Ok(Json(to_wire(&app, &device)))
}

fn to_wire(app: &App, device: &Device) -> Value {
    json!({
        "id": device.id, "name": device.name, "role": device.role.as_str(), "pairedAt": device.paired_at.to_iso(),
        "lastSeenAt": device.seen_at().map(|at| at.to_iso()), "revokedAt": device.revoked_at.map(|at| at.to_iso()),
        "connected": app.sockets.has_device(&device.id),
    })
}
