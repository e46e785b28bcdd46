//! `/api/products`: the catalogue.

use axum::{
    Json,
    extract::{Path, State},
    response::Response,
};
use gangway_domain::{command::Command, ids::ProductId, rows::ProductRow, wire::product::Product};
use http::StatusCode;
use serde_json::{json, value::RawValue};

use super::{
    app::{Answer, App},
    error::ApiError,
    input::{Caller, JsonObject},
    written,
};

/// The products on sale, by name.
#[utoipa::path(get, path = "/api/products", tag = "products",
    responses((status = 200, body = [super::schema::Product])))]
pub async fn list(State(app): State<App>) -> Result<Json<Vec<Product>>, ApiError> {
    select(&app, |_| true).await
}

/// The products that add time.
#[utoipa::path(get, path = "/api/products/time", tag = "products",
    responses((status = 200, body = [super::schema::Product])))]
pub async fn with_time(State(app): State<App>) -> Result<Json<Vec<Product>>, ApiError> {
    select(&app, |product| product.time_value_ms.is_some()).await
}

/// The products of a category.
#[utoipa::path(get, path = "/api/products/category/{category}", tag = "products",
    params(("category" = String, Path)), responses((status = 200, body = [super::schema::Product])))]
pub async fn of_category(State(app): State<App>, Path(category): Path<String>) -> Result<Json<Vec<Product>>, ApiError> {
    select(&app, |product| product.category == category).await
}

async fn select(app: &App, wanted: impl Fn(&ProductRow) -> bool) -> Result<Json<Vec<Product>>, ApiError> {
    let products = app.current(|venue, _| {
        let currency = venue.settings().currency();
        let on_sale = venue.products_on_sale().into_iter().filter(|product| wanted(product));
        on_sale.map(|product| Product::of(product, currency)).collect()
    });
    products.await.map(Json)
}

/// One product, a removed one too.
#[utoipa::path(get, path = "/api/products/{id}", tag = "products", params(("id" = String, Path)),
    responses((status = 200, body = super::schema::Product), (status = 404, body = super::schema::ApiError)))]
pub async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Product>, ApiError> {
    let id = ProductId(id);
    let product = app.current(|venue, _| venue.product(&id).map(|row| Product::of(row, venue.settings().currency())));
    product.await?.map(Json).ok_or_else(|| ApiError::not_found("unknown_product", "There is no such product."))
}

/// Makes a product.
#[utoipa::path(post, path = "/api/products", tag = "products", request_body = super::schema::NewProduct,
    responses((status = 201, body = super::schema::Product), (status = 400, body = super::schema::ApiError)))]
pub async fn create(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    let text = format!("{{\"product\":{}}}", body.0);
    let answer = app.write(caller, Command::from_fields("product.create", &text)).await?;
    answered(StatusCode::CREATED, answer)
}

/// Changes a product.
#[utoipa::path(put, path = "/api/products/{id}", tag = "products", params(("id" = String, Path)),
    request_body = super::schema::ProductChanges,
    responses((status = 200, body = super::schema::Product), (status = 400, body = super::schema::ApiError),
        (status = 404, body = super::schema::ApiError), (status = 409, body = super::schema::ApiError)))]
pub async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let changes =
        RawValue::from_string(body.0).map_err(|_| ApiError::bad("invalid_json", "The body is no JSON object."))?;
    let text = format!("{{\"productId\":{},\"changes\":{changes}}}", json!(id));
    let answer = app.write(caller, Command::from_fields("product.update", &text)).await?;
    answered(StatusCode::OK, answer)
}

/// Removes a product from sale.
#[utoipa::path(delete, path = "/api/products/{id}", tag = "products", params(("id" = String, Path)),
    responses((status = 200, body = super::schema::Product), (status = 404, body = super::schema::ApiError),
        (status = 409, body = super::schema::ApiError)))]
pub async fn delete(State(app): State<App>, Path(id): Path<String>, caller: Caller) -> Result<Response, ApiError> {
    let answer = app.write(caller, Ok(Command::ProductDelete(ProductId(id)))).await?;
    answered(StatusCode::OK, answer)
}

fn answered(status: StatusCode, answer: Answer) -> Result<Response, ApiError> {
    written(status, answer, |code| match code {
        "unknown_product" => StatusCode::NOT_FOUND,
        "invalid_command" => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    })
}
