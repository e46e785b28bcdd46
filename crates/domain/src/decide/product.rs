//! The catalogue: products are made, changed and removed; lines sold before keep what they were.

use super::Draft;
use crate::{
    command::{NewProduct, ProductChanges},
    event::{EventName, Subject},
    ids::{ProductId, row_id},
    money::{Amount, MinorUnits},
    rejection::Rejection,
    rows::{Change, ProductRow, Row},
    time::{Millis, SECOND_MS},
};

pub(super) fn create(draft: &mut Draft, product: &NewProduct) -> Result<(), Rejection> {
    let now = draft.now();
    let row = ProductRow {
        id: ProductId(row_id(draft.context.command_id, "product", 0)),
        name: product.name.clone(),
        description: product.description.clone(),
        price_minor: price(draft, product.price)?,
        category: product.category.clone(),
        required: product.required,
        time_value_ms: product.time_value_seconds.map(to_ms),
        is_deleted: false,
        created_at: now,
        updated_at: now,
    };
    emit(draft, EventName::ProductCreated, row);
    Ok(())
}

pub(super) fn update(draft: &mut Draft, id: &ProductId, changes: &ProductChanges) -> Result<(), Rejection> {
    let mut row = on_sale(draft, id)?;
    if let Some(amount) = changes.price {
        row.price_minor = price(draft, amount)?;
    }
    if let Some(name) = &changes.name {
        row.name.clone_from(name);
    }
    if let Some(description) = &changes.description {
        row.description.clone_from(description);
    }
    if let Some(category) = &changes.category {
        row.category.clone_from(category);
    }
    if let Some(required) = changes.required {
        row.required = required;
    }
    if let Some(seconds) = changes.time_value_seconds {
        row.time_value_ms = seconds.map(to_ms);
    }
    row.updated_at = draft.now();
    emit(draft, EventName::ProductUpdated, row);
    Ok(())
}

pub(super) fn delete(draft: &mut Draft, id: &ProductId) -> Result<(), Rejection> {
    let mut row = on_sale(draft, id)?;
    row.is_deleted = true;
    row.updated_at = draft.now();
    emit(draft, EventName::ProductDeleted, row);
    Ok(())
}

fn on_sale(draft: &Draft, id: &ProductId) -> Result<ProductRow, Rejection> {
    let row = draft.venue.product(id).ok_or_else(|| Rejection::UnknownProduct { product_id: id.0.clone() })?;
    if row.is_deleted { Err(Rejection::ProductRemoved) } else { Ok(row.clone()) }
}

fn price(draft: &Draft, amount: Amount) -> Result<MinorUnits, Rejection> {
    let currency = draft.venue.settings().currency();
    currency.price(amount.0).map_err(|error| Rejection::Invalid { reason: format!("The price is not right: {error}.") })
}

fn to_ms(seconds: u32) -> Millis {
    Millis::from(seconds) * SECOND_MS
}

fn emit(draft: &mut Draft, name: EventName, row: ProductRow) {
    draft.event(name, Subject::Product(row.id.clone()), vec![Change::put(Row::Product(row))]);
}
