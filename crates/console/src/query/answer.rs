//! The data of any query, computed from the rows as they stand. Cheap enough to be done when it is asked
//! or pushed; nothing computed is kept.

use gangway_domain::{
    band::BarcodeId,
    curves, performance, queue,
    rows::{Collection, TransactionRow},
    time::VenueTime,
    venue::Venue,
    wire::{
        payload::active_sessions, player_session::PlayerSession, product::Product, settings::SystemSettings,
        transaction::TransactionWithRelations,
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{attention, key::Topic};
use crate::overlay::Overlay;

/// Lines in an answer, as the server's own list has at most.
pub const LINES_MAX: usize = 200;
/// Lines in a history, as the server's own has at most.
pub const HISTORY_MAX: usize = 100;

/// The data of `topic` at `now`, with the rows in question marked; none where the rows do not have it (a display's
/// cart, the link's status, the way of commands).
pub fn compute(topic: &Topic, venue: &Venue, overlay: &Overlay, now: VenueTime) -> Option<Value> {
    let mut data = unmarked(topic, venue, now)?;
    if !overlay.is_empty() {
        mark(topic, &mut data, overlay);
    }
    Some(data)
}

/// `"pending": true` in what a pending command touches; the key is absent otherwise.
fn mark(topic: &Topic, data: &mut Value, overlay: &Overlay) {
    let each = |data: &mut Value, collection| {
        data.as_array_mut().into_iter().flatten().for_each(|row| mark_row(row, collection, overlay));
    };
    match topic {
        Topic::ActiveSessions => each(data, Collection::Sessions),
        Topic::Band(_) | Topic::Session(_) => mark_row(data, Collection::Sessions, overlay),
        Topic::HistoryOf(_) | Topic::History | Topic::Transactions => each(data, Collection::Transactions),
        Topic::Products => each(data, Collection::Products),
        Topic::SystemSettings => mark_row(data, Collection::Settings, overlay),
        Topic::QueueDisplay => {
            let lists = data.as_object_mut().into_iter().flat_map(|lists| lists.values_mut());
            lists.for_each(|list| each(list, Collection::Sessions));
        }
        Topic::Attention => each(data, Collection::Attention),
        Topic::DashboardStats
        | Topic::PerformanceMetrics
        | Topic::DaySeries
        | Topic::Cart
        | Topic::SyncStatus
        | Topic::Commands
        | Topic::EveryHistory => {}
    }
}

fn mark_row(row: &mut Value, collection: Collection, overlay: &Overlay) {
    let Some(fields) = row.as_object_mut() else { return };
    if fields.get("id").and_then(Value::as_str).is_some_and(|id| overlay.touches(collection, id)) {
        fields.insert("pending".to_owned(), json!(true));
    }
}

fn unmarked(topic: &Topic, venue: &Venue, now: VenueTime) -> Option<Value> {
    match topic {
        Topic::DashboardStats => to_value(&venue.dashboard_stats(now)),
        Topic::ActiveSessions => to_value(&active_sessions(venue, now)),
        Topic::PerformanceMetrics => to_value(&performance::metrics(venue, now)),
        Topic::Band(band) => {
            Some(venue.live_session(band).map_or(Value::Null, |row| json!(PlayerSession::at(row, now))))
        }
        Topic::Session(id) => Some(venue.session(id).map_or(Value::Null, |row| json!(PlayerSession::at(row, now)))),
        Topic::HistoryOf(band) => to_value(&lines_of_band(venue, band)),
        Topic::History => to_value(&newest(venue, venue.transactions(), HISTORY_MAX)),
        Topic::Products => {
            let currency = venue.settings().currency();
            let products: Vec<_> = venue.products_on_sale().into_iter().map(|row| Product::of(row, currency)).collect();
            to_value(&products)
        }
        Topic::SystemSettings => to_value(&SystemSettings::of(venue.settings())),
        Topic::Transactions => to_value(&newest(venue, venue.transactions(), LINES_MAX)),
        Topic::QueueDisplay => to_value(&queue::display_queue(venue, now)),
        Topic::DaySeries => to_value(&curves::day_series(venue, now)),
        Topic::Attention => to_value(&attention::entries(venue)),
        Topic::Cart | Topic::SyncStatus | Topic::Commands | Topic::EveryHistory => None,
    }
}

fn to_value(data: &impl Serialize) -> Option<Value> {
    serde_json::to_value(data).ok()
}

fn lines_of_band(venue: &Venue, band: &BarcodeId) -> Vec<TransactionWithRelations> {
    newest(venue, venue.transactions().filter(|row| row.barcode_id == *band), HISTORY_MAX)
}

/// The newest lines, newest first; within one moment the order of the sale's lines is that of their ids.
fn newest<'a>(
    venue: &Venue,
    rows: impl Iterator<Item = &'a TransactionRow>,
    max: usize,
) -> Vec<TransactionWithRelations> {
    let currency = venue.settings().currency();
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    rows.into_iter().take(max).map(|row| TransactionWithRelations::of(row, currency)).collect()
}
