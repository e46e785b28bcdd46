//! `GET /api/openapi.json`: made from the calls themselves, never by hand.

use axum::Json;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

use super::{
    checkin, commands, devices, health, lease, products, schema, sessions, snapshot, sync, transactions, venue,
};
use crate::access::table::{CALLS, Who};

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
    components(schemas(schema::LoggedEvent)),
    modifiers(&Tokens)
)]
struct Document;

/// Says which calls need a token, as the table has it.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", bearer);
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in
                [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)]
            {
                let Some(operation) = operation else { continue };
                let row = CALLS.iter().find(|row| row.0 == method && row.1.replace("{*", "{") == *path);
                // What has no row is nobody's, so a token is the least that it takes.
                let is_anybodys = row.is_some_and(|row| row.2 == Who::Anybody);
                operation.security =
                    (!is_anybodys).then(|| vec![SecurityRequirement::new("token", Vec::<String>::new())]);
            }
        }
    }
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "operation", responses((status = 200)))]
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
