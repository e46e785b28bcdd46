//! `Product` of `contract.md`.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use ts_rs::TS;

use crate::{
    money::Currency,
    rows::ProductRow,
    time::{VenueTime, whole_seconds},
};

/// A thing that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// More about it.
    pub description: Option<String>,
    /// Price of one, in major units.
    #[ts(type = "number")]
    pub price: Number,
    /// Its category.
    pub category: String,
    /// Preselected at check-in.
    pub required: bool,
    /// Credit that one adds; null for an extra.
    #[ts(type = "number | null")]
    pub time_value_seconds: Option<u64>,
    /// Removed from sale.
    pub is_deleted: bool,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl Product {
    /// `row` with its price in `currency`.
    pub fn of(row: &ProductRow, currency: Currency) -> Self {
        Self {
            id: row.id.0.clone(),
            name: row.name.clone(),
            description: row.description.clone(),
            price: currency.to_wire(row.price_minor),
            category: row.category.clone(),
            required: row.required,
            time_value_seconds: row.time_value_ms.map(whole_seconds),
            is_deleted: row.is_deleted,
            created_at: row.created_at.to_iso(),
            updated_at: VenueTime::to_iso(row.updated_at),
        }
    }
}
