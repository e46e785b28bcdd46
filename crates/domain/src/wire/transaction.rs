//! `Transaction` of `contract.md`, alone and with relations.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use ts_rs::TS;

use crate::{
    money::Currency,
    rows::{TransactionRow, TransactionStatus},
    time::whole_seconds,
};

/// One line of a sale; `quantity` and `totalPrice` are what stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// Its id.
    pub id: String,
    /// The visit that it was sold to.
    pub player_session_id: String,
    /// What was sold.
    pub product_id: String,
    /// What stands now.
    pub quantity: u32,
    /// What stands now, in major units.
    #[ts(type = "number")]
    pub total_price: Number,
    /// As sold.
    pub original_quantity: u32,
    /// As sold.
    #[ts(type = "number")]
    pub original_total_price: Number,
    /// When it was sold.
    pub created_at: String,
    /// What stands.
    pub status: TransactionStatus,
}

/// The band that a line was sold to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SoldTo {
    /// The visit.
    pub id: String,
    /// The band's code.
    pub barcode_id: String,
}

/// The product of a line as it was at the sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SoldProduct {
    /// Its id.
    pub id: String,
    /// Its name at the sale.
    pub name: String,
    /// Its price at the sale, in major units.
    #[ts(type = "number")]
    pub price: Number,
    /// Its category at the sale.
    pub category: String,
    /// The credit that one added at the sale.
    #[ts(type = "number | null")]
    pub time_value_seconds: Option<u64>,
}

/// A line with the band and the product as they were at the sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TransactionWithRelations {
    /// The line.
    #[serde(flatten)]
    pub transaction: Transaction,
    /// The visit.
    pub player_session: SoldTo,
    /// The product.
    pub product: SoldProduct,
}

impl Transaction {
    /// `row` with its money in `currency`.
    pub fn of(row: &TransactionRow, currency: Currency) -> Self {
        Self {
            id: row.id.0.clone(),
            player_session_id: row.session_id.0.clone(),
            product_id: row.product_id.0.clone(),
            quantity: row.quantity,
            total_price: currency.to_wire(row.total_price_minor),
            original_quantity: row.original_quantity,
            original_total_price: currency.to_wire(row.original_total_price_minor),
            created_at: row.created_at.to_iso(),
            status: row.status,
        }
    }
}

impl TransactionWithRelations {
    /// `row` with its money in `currency`.
    pub fn of(row: &TransactionRow, currency: Currency) -> Self {
        Self {
            transaction: Transaction::of(row, currency),
            player_session: SoldTo { id: row.session_id.0.clone(), barcode_id: row.barcode_id.as_str().to_owned() },
            product: SoldProduct {
                id: row.product_id.0.clone(),
                name: row.product_name.clone(),
                price: currency.to_wire(row.unit_price_minor),
                category: row.product_category.clone(),
                time_value_seconds: row.unit_time_ms.map(whole_seconds),
            },
        }
    }
}
