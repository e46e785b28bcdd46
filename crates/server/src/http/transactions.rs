//! `/api/transactions`: the lines of sales, their corrections and refunds.

use axum::{
    Json,
    extract::{Path, State},
    response::Response,
};
use gangway_domain::{
    command::Command,
    ids::{SessionId, TransactionId},
    wire::transaction::TransactionWithRelations,
};
use http::StatusCode;
use serde_json::value::to_raw_value;

use super::{
    app::App,
    error::ApiError,
    input::{Caller, JsonObject, Params, PathBand},
    written,
};
use crate::store::LinesOf;

/// Most lines of a list.
const LIMIT_MAX: u64 = 200;
/// Lines of a list where the caller does not say.
const LIMIT: u64 = 50;

/// The newest lines.
#[utoipa::path(get, path = "/api/transactions", tag = "transactions",
    params(("limit" = Option<u64>, Query, description = "1–200, 50 by default")),
    responses((status = 200, body = [super::schema::TransactionWithRelations]),
        (status = 400, body = super::schema::ApiError)))]
pub async fn list(State(app): State<App>, params: Params) -> Result<Json<Vec<TransactionWithRelations>>, ApiError> {
    let limit = params.number("limit", LIMIT, 1, LIMIT_MAX)?;
    lines(&app, LinesOf::Everything, limit).await
}

/// One line.
#[utoipa::path(get, path = "/api/transactions/{id}", tag = "transactions", params(("id" = String, Path)),
    responses((status = 200, body = super::schema::TransactionWithRelations),
        (status = 404, body = super::schema::ApiError)))]
pub async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<TransactionWithRelations>, ApiError> {
    let line = app.store.read(move |view| view.line(&TransactionId(id))).await?;
    let line = line.ok_or_else(|| ApiError::not_found("unknown_transaction", "There is no such sale."))?;
    let currency = app.current(|venue, _| venue.settings().currency()).await?;
    Ok(Json(TransactionWithRelations::of(&line, currency)))
}

/// The lines of a visit, newest first.
#[utoipa::path(get, path = "/api/transactions/player/{playerSessionId}", tag = "transactions",
    params(("playerSessionId" = String, Path), ("limit" = Option<u64>, Query)),
    responses((status = 200, body = [super::schema::TransactionWithRelations]),
        (status = 404, body = super::schema::ApiError)))]
pub async fn of_session(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Vec<TransactionWithRelations>>, ApiError> {
    let limit = params.number("limit", LIMIT, 1, LIMIT_MAX)?;
    let id = SessionId(id);
    let wanted = id.clone();
    if !app.store.read(move |view| view.has_session(&wanted)).await? {
        return Err(ApiError::not_found("unknown_session", "There is no such visit."));
    }
    lines(&app, LinesOf::Session(id), limit).await
}

/// The lines of a band over all its visits, newest first.
#[utoipa::path(get, path = "/api/transactions/barcode/{barcodeId}", tag = "transactions",
    params(("barcodeId" = String, Path), ("limit" = Option<u64>, Query)),
    responses((status = 200, body = [super::schema::TransactionWithRelations]),
        (status = 400, body = super::schema::ApiError)))]
pub async fn of_band(
    State(app): State<App>,
    PathBand(band): PathBand,
    params: Params,
) -> Result<Json<Vec<TransactionWithRelations>>, ApiError> {
    let limit = params.number("limit", LIMIT, 1, LIMIT_MAX)?;
    lines(&app, LinesOf::Band(band.as_str().to_owned()), limit).await
}

/// Lines with relations.
///
/// # Errors
/// 503 where the store failed.
pub async fn lines(app: &App, of: LinesOf, limit: u64) -> Result<Json<Vec<TransactionWithRelations>>, ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let rows = app.store.read(move |view| view.lines(&of, limit)).await?;
    let currency = app.current(|venue, _| venue.settings().currency()).await?;
    Ok(Json(rows.iter().map(|row| TransactionWithRelations::of(row, currency)).collect()))
}

/// Another quantity, or a refund.
#[utoipa::path(put, path = "/api/transactions/{id}", tag = "transactions", params(("id" = String, Path)),
    request_body = super::schema::Correction,
    responses((status = 200, body = super::schema::TransactionWithRelations),
        (status = 400, body = super::schema::ApiError), (status = 404, body = super::schema::ApiError),
        (status = 409, body = super::schema::ApiError)))]
pub async fn correct(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let mut fields = body.fields()?;
    let id = to_raw_value(&id).map_err(|_| ApiError::bad("invalid_id", "This is no id."))?;
    fields.insert("transactionId".to_owned(), id);
    let text = serde_json::to_string(&fields).map_err(|_| ApiError::bad("invalid_json", "This can't be read."))?;
    let answer = app.write(caller, Command::from_fields("transaction.correct", &text)).await?;
    written(StatusCode::OK, answer, |code| match code {
        "unknown_transaction" => StatusCode::NOT_FOUND,
        "invalid_command" => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    })
}
