//! A believable venue for those who want to look at one: products, visits in every state, a day so far.
//!
//! It goes through [`execute`](crate::execute) like everything else, with command ids that are always the
//! same: a demo that broke off is finished at the next start, and one that is there is never made twice.

mod day;

use gangway_domain::{
    command::{Command, Line, NewProduct},
    ids::{CommandId, ProductId, fixed_command_id, row_id},
    money::Amount,
    settings::SettingsChanges,
    time::{Millis, VenueTime},
};

use self::day::{Act, MINUTE_MS, PRODUCTS, SPAN_MINUTES, VISITS};
use crate::{
    clock::Clock,
    dispatcher::mirror::SharedMirror,
    execute::{Outcome, Request},
    store::{StoreError, threads::StoreThreads},
};

/// Places of the demo.
const PLACES: u32 = 40;

/// A command of the demo and when it happened.
struct Step {
    at: VenueTime,
    command: Command,
}

/// Fills a venue in which nothing has happened; does nothing where something has, but for finishing a demo
/// that broke off.
///
/// # Errors
/// The store failed.
pub async fn seed(store: &StoreThreads, mirror: &SharedMirror, clock: &dyn Clock) -> Result<(), StoreError> {
    let now = clock.now();
    let (seq, day) = mirror.with(|mirror| (mirror.place.seq, mirror.venue.settings().day_rules().day_of(now)));
    let steps = steps(day.start, now);
    let (first, last) = (command_id(0), command_id(steps.len() - 1));
    let begun = store.read(move |view| Ok((view.command(first)?.is_some(), view.command(last)?.is_some()))).await?;
    if !matches!((seq, begun), (0, _) | (_, (true, false))) {
        return Ok(());
    }
    for (index, step) in steps.into_iter().enumerate() {
        let kind = step.command.kind();
        let request = Request { occurred_at: Some(step.at), ..Request::now(command_id(index), step.command, None) };
        if let Outcome::Rejected { rejection } = store.execute(request).await?.outcome {
            tracing::warn!(kind, code = rejection.code, "a step of the demo was refused");
        }
    }
    tracing::info!("the demo is there");
    Ok(())
}

fn command_id(index: usize) -> CommandId {
    fixed_command_id(&format!("demo/{index}"))
}

/// Everything that happened, the catalogue first, then in order of time.
fn steps(day_start: VenueTime, now: VenueTime) -> Vec<Step> {
    let so_far_ms = (now.since(day_start) - MINUTE_MS).max(0);
    let span_ms = SPAN_MINUTES * MINUTE_MS;
    // Early in the day everything happened in less time: today's figures have to be today's.
    let ago = |minutes: i64| -> VenueTime {
        let ms: Millis = minutes * MINUTE_MS;
        now.plus(-(if so_far_ms < span_ms { ms * so_far_ms / span_ms } else { ms }))
    };
    let opening = ago(SPAN_MINUTES);
    let places = SettingsChanges { max_occupancy: Some(PLACES), ..SettingsChanges::default() };
    let mut steps = vec![Step { at: opening, command: Command::SettingsUpdate(places) }];
    steps.extend(PRODUCTS.iter().map(|product| Step { at: opening, command: Command::ProductCreate(product.make()) }));
    let mut visits = Vec::new();
    for visit in VISITS {
        for (minutes, act) in visit.acts {
            if let Some(command) = command(visit.band, act) {
                visits.push(Step { at: ago(*minutes), command });
            }
        }
    }
    visits.sort_by_key(|step| step.at);
    steps.extend(visits);
    steps
}

fn command(band: &str, act: &Act) -> Option<Command> {
    let barcode_id = gangway_domain::band::BarcodeId::parse(band).ok()?;
    Some(match act {
        Act::Buy(lines) => {
            let line = |(index, quantity): &(usize, u32)| Line { product_id: product_id(*index), quantity: *quantity };
            Command::Checkin { barcode_id, lines: lines.iter().map(line).collect() }
        }
        Act::Play => Command::Play(barcode_id),
        Act::Pause => Command::Pause(barcode_id),
        Act::Leave => Command::End(barcode_id),
    })
}

/// The id of the `index`-th product: the settings are the first command, the products follow.
fn product_id(index: usize) -> ProductId {
    ProductId(row_id(command_id(1 + index), "product", 0))
}

impl day::DemoProduct {
    fn make(&self) -> NewProduct {
        NewProduct {
            name: self.name.to_owned(),
            description: None,
            // The prices are constants of this program; a test makes all of them.
            price: Amount::parse(self.price).unwrap_or(Amount(Default::default())),
            category: self.category.to_owned(),
            required: self.required,
            time_value_seconds: self.minutes.map(|minutes| minutes * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_price_is_one() {
        for product in PRODUCTS {
            assert!(Amount::parse(product.price).is_ok(), "{}", product.name);
        }
    }

    #[test]
    fn early_in_the_day_everything_still_happened_today() {
        let start = VenueTime(1_764_000_000_000);
        for minutes in [2, 30, 600] {
            let now = start.plus(minutes * MINUTE_MS);
            for step in steps(start, now) {
                assert!(start <= step.at && step.at <= now, "{minutes} minutes into the day");
            }
        }
    }

    #[test]
    fn steps_are_in_order_and_bands_are_different() {
        let start = VenueTime(1_764_000_000_000);
        let steps = steps(start, start.plus(600 * MINUTE_MS));
        assert!(steps.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let bands: BTreeSet<_> = VISITS.iter().map(|visit| visit.band).collect();
        assert_eq!(bands.len(), VISITS.len());
    }
}
