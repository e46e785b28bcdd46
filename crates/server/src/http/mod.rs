//! The HTTP side: a file per resource, no rule of the venue, no SQL.
//!
//! Around the calls, from outside in: CORS, JSON errors, origin, who calls and how often, the socket layer, figures,
//! whether its role may make this call.

pub mod app;
pub mod calls;
mod checkin;
mod commands;
mod devices;
pub mod error;
mod guard;
mod health;
pub mod input;
pub mod lease;
mod openapi;
mod products;
mod same_log;
mod schema;
mod sessions;
pub mod snapshot;
mod sync;
mod transactions;
mod venue;

use axum::{
    Json, Router, middleware,
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use http::StatusCode;
use socketioxide::layer::SocketIoLayer;

pub use self::guard::Origins;
use self::{
    app::{Answer, App},
    error::ApiError,
};

/// The whole server as one service; browsers from the `allowed` origins may call it.
pub fn router(app: App, socket: SocketIoLayer, allowed: Origins) -> Router {
    let cors = allowed.cors();
    let calls = Router::new()
        .route("/api/sessions/active", get(sessions::active))
        .route("/api/sessions/status/{*barcodeId}", get(sessions::status))
        .route("/api/sessions/play", post(sessions::play))
        .route("/api/sessions/pause", post(sessions::pause))
        .route("/api/sessions/end", post(sessions::end))
        .route("/api/checkin", post(checkin::checkin))
        .route("/api/checkin/history/{*barcodeId}", get(checkin::history))
        .route("/api/products", get(products::list).post(products::create))
        .route("/api/products/time", get(products::with_time))
        .route("/api/products/category/{category}", get(products::of_category))
        .route("/api/products/{id}", get(products::one).put(products::update).delete(products::delete))
        .route("/api/transactions", get(transactions::list))
        .route("/api/transactions/player/{playerSessionId}", get(transactions::of_session))
        .route("/api/transactions/barcode/{*barcodeId}", get(transactions::of_band))
        .route("/api/transactions/{id}", get(transactions::one).put(transactions::correct))
        .route("/api/dashboard/stats", get(venue::stats))
        .route("/api/dashboard/performance", get(venue::performance))
        .route("/api/system/settings", get(venue::settings))
        .route("/api/system/settings", put(venue::update_settings))
        .route("/api/system/capacity", get(venue::capacity))
        .route("/api/cart/notify", post(venue::notify_cart))
        .route("/api/commands", post(commands::execute))
        .route("/api/commands/{commandId}", get(commands::outcome))
        .route("/api/sync/lease", post(lease::lease))
        .route("/api/sync/events", get(sync::events))
        .route("/api/sync/snapshot", get(snapshot::snapshot))
        .route("/api/devices", get(devices::list))
        .route("/api/devices/codes", post(devices::make_code))
        .route("/api/devices/{id}", delete(devices::revoke))
        .route("/api/pair", post(devices::pair))
        .route("/api/openapi.json", get(openapi::document))
        .layer(middleware::from_fn_with_state(app.calls.clone(), calls::in_progress))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .layer(middleware::from_fn(guard::authorise))
        .fallback(async || ApiError::not_found("not_found", "There is nothing at this address."))
        .layer(middleware::from_fn_with_state(app.clone(), guard::measure))
        .with_state(app.clone());
    let guarded = calls
        .layer(socket)
        .layer(middleware::from_fn_with_state(app.clone(), guard::socket_traffic))
        .layer(middleware::from_fn_with_state(app, guard::access))
        .layer(middleware::from_fn_with_state(allowed, guard::origin))
        .layer(middleware::map_response(guard::json_errors));
    match cors {
        Some(cors) => guarded.layer(cors),
        None => guarded,
    }
}

/// The answer to a write: `accepted` with the body, or the venue's "no" with the status that `refused`
/// gives for its code. A known id with other content is 409 on every call (`sync.md` rule 16).
///
/// # Errors
/// The venue's "no".
fn written(
    accepted: StatusCode,
    answer: Answer,
    refused: impl FnOnce(&str) -> StatusCode,
) -> Result<Response, ApiError> {
    match answer {
        Answer::Accepted(body) => Ok((accepted, Json(body)).into_response()),
        Answer::Rejected(rejection) => {
            let status = if rejection.code == "id_conflict" { StatusCode::CONFLICT } else { refused(&rejection.code) };
            Err(ApiError::rejected(status, &rejection))
        }
    }
}
