//! The dashboard's figures of an operational day (`domain.md`, Figures): additive totals that follow each
//! row change, so that no request recounts; a recount gives the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use ts_rs::TS;

use crate::{
    day::OperationalDay,
    ids::ProductId,
    money::MinorUnits,
    rows::{CorrectionRow, TransactionRow},
    venue::Venue,
};

/// Products named in [`DashboardStats::top_products`].
const TOP_PRODUCTS: usize = 5;

/// What one product sold in a day, corrections made that day included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ProductTotals {
    name: String,
    category: String,
    lines: i64,
    quantity: i64,
    revenue: i64,
}

/// The additive figures of one operational day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTotals {
    /// Which day.
    pub day: OperationalDay,
    /// Visits that wait now.
    pub waiting: u32,
    revenue: i64,
    lines: i64,
    products: BTreeMap<ProductId, ProductTotals>,
}

impl DayTotals {
    /// Counts the totals of `day` from the rows of `venue`.
    pub fn count(venue: &Venue, day: OperationalDay) -> Self {
        let mut totals = Self { day, waiting: 0, revenue: 0, lines: 0, products: BTreeMap::new() };
        totals.waiting =
            u32::try_from(venue.live_sessions().filter(|session| session.is_waiting()).count()).unwrap_or(u32::MAX);
        venue.transactions().for_each(|row| totals.add_line(row));
        venue.corrections().for_each(|row| totals.add_correction(row));
        totals
    }

    /// Counts a line, if it was sold that day.
    pub fn add_line(&mut self, row: &TransactionRow) {
        self.count_line(row, 1);
    }

    /// Takes back what [`Self::add_line`] counted.
    pub fn remove_line(&mut self, row: &TransactionRow) {
        self.count_line(row, -1);
    }

    /// Counts a correction, if it was made that day.
    pub fn add_correction(&mut self, row: &CorrectionRow) {
        self.count_correction(row, 1);
    }

    /// Takes back what [`Self::add_correction`] counted.
    pub fn remove_correction(&mut self, row: &CorrectionRow) {
        self.count_correction(row, -1);
    }

    fn count_line(&mut self, row: &TransactionRow, sign: i64) {
        if !self.day.contains(row.created_at) {
            return;
        }
        let revenue = sign * row.original_total_price_minor.0;
        self.revenue += revenue;
        self.lines += sign;
        let product = self.products.entry(row.product_id.clone()).or_default();
        product.name.clone_from(&row.product_name);
        product.category.clone_from(&row.product_category);
        product.lines += sign;
        product.quantity += sign * i64::from(row.original_quantity);
        product.revenue += revenue;
        self.forget_if_empty(&row.product_id);
    }

    fn count_correction(&mut self, row: &CorrectionRow, sign: i64) {
        if !self.day.contains(row.created_at) {
            return;
        }
        self.revenue += sign * row.amount_minor.0;
        let product = self.products.entry(row.product_id.clone()).or_default();
        product.lines += sign;
        product.quantity += sign * row.quantity_change;
        product.revenue += sign * row.amount_minor.0;
        self.forget_if_empty(&row.product_id);
    }

    fn forget_if_empty(&mut self, id: &ProductId) {
        if self.products.get(id).is_some_and(|product| product.lines == 0) {
            self.products.remove(id);
        }
    }
}

/// One of the day's best sold products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TopProduct {
    /// Its id.
    pub product_id: String,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: String,
    /// Sold that day, less what was taken back.
    #[ts(type = "number")]
    pub total_quantity: i64,
    /// In major units.
    #[ts(type = "number")]
    pub total_revenue: Number,
}

/// The figures of the day and of now (`contract.md`, DashboardStats).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DashboardStats {
    /// Lines sold that day and corrections made that day, in major units.
    #[ts(type = "number")]
    pub today_revenue: Number,
    /// Five by revenue.
    pub top_products: Vec<TopProduct>,
    /// Visits with credit that never played.
    pub waiting_count: u32,
    /// The same as `today_revenue`.
    #[ts(type = "number")]
    pub current_revenue: Number,
    /// Visits that play, overdue ones included.
    pub active_players: u32,
    /// Lines sold that day.
    #[ts(type = "number")]
    pub total_transactions: i64,
    /// Places.
    pub max_occupancy: u32,
    /// The same as `active_players`.
    pub current_occupancy: u32,
}

impl DashboardStats {
    /// The figures that `totals` give with the venue as it stands.
    pub fn of(venue: &Venue, totals: &DayTotals) -> Self {
        let currency = venue.settings().currency();
        let revenue = currency.to_wire(MinorUnits(totals.revenue));
        let mut ranked: Vec<_> = totals.products.iter().collect();
        ranked.sort_by(|(a_id, a), (b_id, b)| {
            b.revenue.cmp(&a.revenue).then_with(|| (&a.name, a_id).cmp(&(&b.name, b_id)))
        });
        let top = ranked.into_iter().take(TOP_PRODUCTS).map(|(id, product)| {
            // The catalogue's name where there is one: that is what the manager looks for.
            let row = venue.product(id);
            TopProduct {
                product_id: id.0.clone(),
                name: row.map_or(&product.name, |row| &row.name).clone(),
                category: row.map_or(&product.category, |row| &row.category).clone(),
                total_quantity: product.quantity,
                total_revenue: currency.to_wire(MinorUnits(product.revenue)),
            }
        });
        Self {
            today_revenue: revenue.clone(),
            top_products: top.collect(),
            waiting_count: totals.waiting,
            current_revenue: revenue,
            active_players: venue.playing(),
            total_transactions: totals.lines,
            max_occupancy: venue.settings().max_occupancy,
            current_occupancy: venue.playing(),
        }
    }
}
