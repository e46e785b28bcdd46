//! `/healthz`, `/readyz`, `/metrics`: for those who run the server.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use gangway_domain::ids::Position;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{app::App, error::ApiError};
use crate::realtime::Profile;

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = super::schema::Health)))]
pub async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// It can serve: the store answers and the server is not ending.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = super::schema::Health), (status = 503, body = super::schema::ApiError)))]
pub async fn readyz(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    if app.is_draining() {
        return Err(ApiError::unavailable("The server is ending."));
    }
    app.store.read(|view| view.head()).await?;
    Ok(Json(json!({ "status": "ready" })))
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn metrics(State(app): State<App>) -> Response {
    let head = app.mirror.with(|mirror| Position { epoch: mirror.place.epoch.clone(), seq: mirror.place.seq });
    app.metrics.desks(&app.sockets.devices(Profile::Lean), &head);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
