//! `/api/sessions`: who is here, and the gate.

use axum::{Json, extract::State, response::Response};
use gangway_domain::{
    command::Command,
    wire::{payload, player_session::PlayerSession},
};
use http::StatusCode;

use super::{
    app::App,
    error::ApiError,
    input::{Caller, JsonObject, PathBand},
    written,
};

/// Every live session with credit left or playing, oldest first.
#[utoipa::path(get, path = "/api/sessions/active", tag = "sessions",
    responses((status = 200, body = [super::schema::PlayerSession])))]
pub async fn active(State(app): State<App>) -> Result<Json<Vec<PlayerSession>>, ApiError> {
    app.current(payload::active_sessions).await.map(Json)
}

/// The band's live session.
#[utoipa::path(get, path = "/api/sessions/status/{barcodeId}", tag = "sessions",
    params(("barcodeId" = String, Path, description = "A band code; it may hold `/`: the rest of the path counts")),
    responses((status = 200, body = super::schema::PlayerSession), (status = 400, body = super::schema::ApiError),
        (status = 404, body = super::schema::ApiError)))]
pub async fn status(State(app): State<App>, PathBand(band): PathBand) -> Result<Json<PlayerSession>, ApiError> {
    let session = app.current(|venue, now| venue.live_session(&band).map(|row| PlayerSession::at(row, now))).await?;
    session.map(Json).ok_or_else(|| ApiError::not_found("unknown_band", "This band has no visit now."))
}

/// The band enters.
#[utoipa::path(post, path = "/api/sessions/play", tag = "sessions", request_body = super::schema::Band,
    responses((status = 200, body = super::schema::PlayerSession), (status = 400, body = super::schema::ApiError),
        (status = 409, body = super::schema::ApiError)))]
pub async fn play(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    gate(&app, caller, "session.play", &body).await
}

/// The band leaves and keeps its credit.
#[utoipa::path(post, path = "/api/sessions/pause", tag = "sessions", request_body = super::schema::Band,
    responses((status = 200, body = super::schema::PlayerSession), (status = 400, body = super::schema::ApiError),
        (status = 409, body = super::schema::ApiError)))]
pub async fn pause(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    gate(&app, caller, "session.pause", &body).await
}

/// The visitor left.
#[utoipa::path(post, path = "/api/sessions/end", tag = "sessions", request_body = super::schema::Band,
    responses((status = 200, body = super::schema::PlayerSession), (status = 400, body = super::schema::ApiError),
        (status = 409, body = super::schema::ApiError)))]
pub async fn end(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    gate(&app, caller, "session.end", &body).await
}

async fn gate(app: &App, caller: Caller, kind: &str, body: &JsonObject) -> Result<Response, ApiError> {
    let answer = app.write(caller, Command::from_fields(kind, &body.0)).await?;
    // The gate's calls promise 400 for every "no".
    written(StatusCode::OK, answer, |_| StatusCode::BAD_REQUEST)
}
