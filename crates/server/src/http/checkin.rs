//! `/api/checkin`: sales at the desk, and what a band bought.

use axum::{Json, extract::State, response::Response};
use gangway_domain::{command::Command, wire::transaction::TransactionWithRelations};
use http::StatusCode;

use super::{
    app::App,
    error::ApiError,
    input::{Caller, JsonObject, Params, PathBand},
    transactions::lines,
    written,
};
use crate::store::LinesOf;

/// Most lines of a band's history.
const HISTORY_MAX: u64 = 100;

/// Sells products to a band: sale, session and credit together or not at all.
#[utoipa::path(post, path = "/api/checkin", tag = "checkin", request_body = super::schema::Checkin,
    responses((status = 201, body = super::schema::CheckinResult), (status = 400, body = super::schema::ApiError),
        (status = 409, body = super::schema::ApiError)))]
pub async fn checkin(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    let answer = app.write(caller, Command::from_fields("session.checkin", &body.0)).await?;
    written(StatusCode::CREATED, answer, |code| match code {
        "unknown_product" | "product_removed" | "invalid_command" => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    })
}

/// What the band bought, newest first.
#[utoipa::path(get, path = "/api/checkin/history/{barcodeId}", tag = "checkin",
    params(("barcodeId" = String, Path), ("limit" = Option<u64>, Query, description = "1–100, 10 by default")),
    responses((status = 200, body = [super::schema::TransactionWithRelations]),
        (status = 400, body = super::schema::ApiError)))]
pub async fn history(
    State(app): State<App>,
    PathBand(band): PathBand,
    params: Params,
) -> Result<Json<Vec<TransactionWithRelations>>, ApiError> {
    let limit = params.number("limit", 10, 1, HISTORY_MAX)?;
    lines(&app, LinesOf::Band(band.as_str().to_owned()), limit).await
}
