//! The venue's settings change field by field.

use super::Draft;
use crate::{
    day::{DayRule, RuleUntil},
    event::{EventName, Subject},
    money::{Currency, MinorUnits},
    rejection::Rejection,
    rows::{Change, ProductRow, Row},
    settings::{SettingsChanges, SettingsRow},
    time::VenueTime,
};

pub(super) fn update(draft: &mut Draft, wanted: &SettingsChanges) -> Result<(), Rejection> {
    let now = draft.now();
    let old = draft.venue.settings();
    let mut row = old.clone();
    set(&mut row.max_occupancy, wanted.max_occupancy);
    set(&mut row.auto_release_seconds, wanted.auto_release_seconds);
    set(&mut row.low_time_seconds, wanted.low_time_seconds);
    set(&mut row.capacity_policy, wanted.capacity_policy);
    set(&mut row.credit_valid_days, wanted.credit_valid_days);
    set(&mut row.required_products_enforced, wanted.required_products_enforced);
    set(&mut row.site_name, wanted.site_name.clone());
    set(&mut row.logo_url, wanted.logo_url.clone());
    set(&mut row.timezone, wanted.timezone.clone());
    set(&mut row.operational_day_start, wanted.operational_day_start);
    if row.day_rules().rule != old.day_rules().rule {
        row.previous_day_rule = Some(rule_of_today(old, now));
    }
    let mut changes = Vec::new();
    if let Some(code) = wanted.currency.as_ref().filter(|code| **code != old.currency) {
        row.currency.clone_from(code);
        changes = reprice(draft, old.currency(), row.currency(), now)?;
    }
    row.updated_at = now;
    changes.insert(0, Change::put(Row::Settings(row)));
    draft.event(EventName::SettingsUpdated, Subject::Venue, changes);
    Ok(())
}

fn set<T>(field: &mut T, wanted: Option<T>) {
    if let Some(value) = wanted {
        *field = value;
    }
}

/// The rule that the running day keeps until its end (`sync.md` rule 23).
fn rule_of_today(settings: &SettingsRow, now: VenueTime) -> RuleUntil {
    match &settings.previous_day_rule {
        Some(previous) if now < previous.until => previous.clone(),
        _ => {
            let rule = DayRule { timezone: settings.timezone.clone(), start: settings.operational_day_start };
            RuleUntil { rule, until: settings.day_rules().day_of(now).end }
        }
    }
}

/// The products with the same price in major units in another currency.
fn reprice(draft: &Draft, from: Currency, to: Currency, now: VenueTime) -> Result<Vec<Change>, Rejection> {
    if draft.venue.sold() {
        return Err(Rejection::CurrencyFixed);
    }
    if from.decimals() == to.decimals() {
        return Ok(Vec::new());
    }
    draft.venue.products().map(|product| repriced(product, from, to, now)).collect()
}

fn repriced(product: &ProductRow, from: Currency, to: Currency, now: VenueTime) -> Result<Change, Rejection> {
    let scaled = product.price_minor.0 * 10_i64.pow(to.decimals());
    let divisor = 10_i64.pow(from.decimals());
    if scaled % divisor != 0 {
        let reason = format!("The price of {} has more decimals than the new currency.", product.name);
        return Err(Rejection::Invalid { reason });
    }
    let price_minor = MinorUnits(scaled / divisor);
    Ok(Change::put(Row::Product(ProductRow { price_minor, updated_at: now, ..product.clone() })))
}
