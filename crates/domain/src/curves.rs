//! The curves of the day for the dashboard: money by hour, occupancy by quarter hour.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use ts_rs::TS;

use crate::{
    day::OperationalDay,
    money::MinorUnits,
    performance::peak_between,
    time::{Millis, VenueTime},
    venue::Venue,
};

const HOUR_MS: Millis = 3_600_000;
const QUARTER_MS: Millis = 900_000;

/// Money taken within an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HourRevenue {
    /// The hour's first moment.
    pub starts_at: String,
    /// Lines sold and corrections made within it, in major units.
    #[ts(type = "number")]
    pub revenue: Number,
}

/// The most playing within a quarter hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct QuarterPeak {
    /// Its first moment.
    pub starts_at: String,
    /// The most playing at one moment of it.
    #[ts(type = "number")]
    pub peak: u64,
}

/// The day so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DaySeries {
    /// Hour by hour, from the day's start to now.
    pub revenue_by_hour: Vec<HourRevenue>,
    /// Quarter by quarter, from the day's start to now.
    pub occupancy_by_quarter_hour: Vec<QuarterPeak>,
    /// The operational day's start.
    pub day_start: String,
    /// Its end.
    pub day_end: String,
}

/// The curves of the operational day of `now`, up to and with the step that `now` is in.
pub fn day_series(venue: &Venue, now: VenueTime) -> DaySeries {
    let day = venue.settings().day_rules().day_of(now);
    let currency = venue.settings().currency();
    let hours = steps(day, now, HOUR_MS);
    let mut revenue = vec![0_i64; hours.len()];
    let lines = venue.transactions().map(|row| (row.created_at, row.original_total_price_minor.0));
    let corrections = venue.corrections().map(|row| (row.created_at, row.amount_minor.0));
    for (at, amount) in lines.chain(corrections).filter(|(at, _)| day.contains(*at)) {
        let step = usize::try_from(at.since(day.start) / HOUR_MS).unwrap_or(usize::MAX);
        if let Some(sum) = revenue.get_mut(step) {
            *sum += amount;
        }
    }
    let quarters = steps(day, now, QUARTER_MS);
    let peaks = peak_between(venue, &quarters, now);
    DaySeries {
        revenue_by_hour: hours
            .iter()
            .zip(revenue)
            .map(|((start, _), sum)| HourRevenue {
                starts_at: start.to_iso(),
                revenue: currency.to_wire(MinorUnits(sum)),
            })
            .collect(),
        occupancy_by_quarter_hour: quarters
            .iter()
            .zip(peaks)
            .map(|((start, _), peak)| QuarterPeak { starts_at: start.to_iso(), peak })
            .collect(),
        day_start: day.start.to_iso(),
        day_end: day.end.to_iso(),
    }
}

/// The steps of the day that have begun by `now`.
fn steps(day: OperationalDay, now: VenueTime, length: Millis) -> Vec<(VenueTime, VenueTime)> {
    let mut steps = Vec::new();
    let mut start = day.start;
    while start <= now && start < day.end {
        let end = start.plus(length).min(day.end);
        steps.push((start, end));
        start = end;
    }
    steps
}
