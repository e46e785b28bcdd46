//! `/api/system`, `/api/dashboard`, `/api/cart`: the venue as a whole.

use axum::{Json, extract::State, response::Response};
use gangway_domain::{
    band::BarcodeId,
    command::{Command, LINES_MAX, QUANTITY_MAX},
    figures::DashboardStats,
    performance::{PerformanceMetrics, metrics},
    wire::settings::SystemSettings,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    app::App,
    error::ApiError,
    input::{Caller, JsonObject, band},
    written,
};
use crate::dispatcher::Notice;

/// The dashboard's figures.
#[utoipa::path(get, path = "/api/dashboard/stats", tag = "dashboard",
    responses((status = 200, body = super::schema::DashboardStats)))]
pub async fn stats(State(app): State<App>) -> Result<Json<DashboardStats>, ApiError> {
    app.current(|venue, now| venue.dashboard_stats(now)).await.map(Json)
}

/// How the day goes.
#[utoipa::path(get, path = "/api/dashboard/performance", tag = "dashboard",
    responses((status = 200, body = super::schema::PerformanceMetrics)))]
pub async fn performance(State(app): State<App>) -> Result<Json<PerformanceMetrics>, ApiError> {
    app.current(metrics).await.map(Json)
}

/// The venue's settings.
#[utoipa::path(get, path = "/api/system/settings", tag = "system",
    responses((status = 200, body = super::schema::SystemSettings)))]
pub async fn settings(State(app): State<App>) -> Result<Json<SystemSettings>, ApiError> {
    app.current(|venue, _| SystemSettings::of(venue.settings())).await.map(Json)
}

/// Changes any of the settings.
#[utoipa::path(put, path = "/api/system/settings", tag = "system", request_body = super::schema::SystemSettings,
    responses((status = 200, body = super::schema::SystemSettings), (status = 400, body = super::schema::ApiError),
        (status = 409, body = super::schema::ApiError)))]
pub async fn update_settings(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    let text = format!("{{\"changes\":{}}}", body.0);
    let answer = app.write(caller, Command::from_fields("settings.update", &text)).await?;
    written(StatusCode::OK, answer, |code| match code {
        "invalid_command" => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    })
}

/// Places, and how many are taken.
#[utoipa::path(get, path = "/api/system/capacity", tag = "system",
    responses((status = 200, body = super::schema::Capacity)))]
pub async fn capacity(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let capacity = app.current(
        |venue, _| json!({ "maxOccupancy": venue.settings().max_occupancy, "currentOccupancy": venue.playing() }),
    );
    capacity.await.map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cart {
    barcode_id: String,
    cart: Vec<CartLine>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct CartLine {
    product_id: String,
    quantity: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CartPayload<'a> {
    barcode_id: &'a BarcodeId,
    cart: &'a [CartLine],
}

/// Shows a cart in the making to displays; not logged. An empty one clears it.
#[utoipa::path(post, path = "/api/cart/notify", tag = "cart", request_body = super::schema::Cart,
    responses((status = 200, body = super::schema::Success), (status = 400, body = super::schema::ApiError)))]
pub async fn notify_cart(State(app): State<App>, _: Caller, body: JsonObject) -> Result<Json<Value>, ApiError> {
    let cart: Cart = gangway_domain::command::read(&body.0)?;
    let barcode_id = band(&cart.barcode_id)?;
    if cart.cart.len() > LINES_MAX {
        return Err(ApiError::bad("invalid_cart", format!("A cart has at most {LINES_MAX} lines.")));
    }
    if cart.cart.iter().any(|line| !(1..=QUANTITY_MAX).contains(&line.quantity)) {
        let sentence = format!("A quantity is a whole number from 1 to {QUANTITY_MAX}.");
        return Err(ApiError::bad("invalid_cart", sentence));
    }
    let unknown = app.current(|venue, _| {
        let known = |line: &&CartLine| venue.product(&line.product_id.as_str().into()).is_some();
        cart.cart.iter().find(|line| !known(line)).map(|line| line.product_id.clone())
    });
    if let Some(product_id) = unknown.await? {
        let error = ApiError::bad("unknown_product", "There is no such product.");
        return Err(error.with_details(json!({ "productId": product_id })));
    }
    let payload = CartPayload { barcode_id: &barcode_id, cart: &cart.cart };
    let payload = serde_json::to_string(&payload).map_err(|_| ApiError::unavailable("The cart can't be written."))?;
    let told = app.notices.try_send(Notice::Cart(payload));
    told.map_err(|_| ApiError::unavailable("Too many carts at once."))?;
    Ok(Json(json!({ "success": true })))
}
