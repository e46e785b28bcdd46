//! `GET /api/openapi.json`: made from the calls themselves, never by hand.

use axum::Json;
use utoipa::OpenApi;

use super::{
    checkin, commands, devices, health, lease, products, schema, sessions, snapshot, sync, transactions, venue,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Gangway", description = "The backend of a timed-play venue"),
    paths(
        sessions::active,
        sessions::status,
        sessions::play,
        sessions::pause,
        sessions::end,
        checkin::checkin,
        checkin::history,
        products::list,
        products::with_time,
        products::of_category,
        products::one,
        products::create,
        products::update,
        products::delete,
        transactions::list,
        transactions::one,
        transactions::of_session,
        transactions::of_band,
        transactions::correct,
        venue::stats,
        venue::performance,
        venue::settings,
        venue::update_settings,
        venue::capacity,
        venue::notify_cart,
        commands::execute,
        commands::outcome,
        sync::events,
        snapshot::snapshot,
        lease::lease,
        devices::list,
        devices::make_code,
        devices::revoke,
        devices::pair,
        document,
        health::healthz,
        health::readyz,
        health::metrics
    ),
    components(schemas(schema::LoggedEvent))
)]
struct Document;

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "operation", responses((status = 200)))]
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
