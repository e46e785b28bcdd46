//! That money adds up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Judge, says};
use crate::{
    desk::shown_product,
    ledger::{Answer, Tap},
    screen::line_of,
};

impl Judge<'_> {
    pub(super) fn money_adds_up(&mut self) {
        let mut lines: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for line in self.ever("transactions").into_values() {
            lines.entry(line["saleId"].as_str().unwrap_or_default()).or_default().push(line);
        }
        let stories = self.stories();
        for (id, lines) in &lines {
            if !stories.contains_key(id) {
                self.wrong(format!("sale {id} is in the books and nobody made it"));
            }
            for line in lines {
                self.line_adds_up(line);
            }
        }
        self.corrections_add_up();
        self.days_add_up();
        for (id, taps) in stories {
            let outcome = self.outcome(id);
            let is_accepted = outcome.is_some_and(|outcome| outcome["outcome"] == "accepted");
            let sold = lines.remove(id).unwrap_or_default();
            // Of several contents under one id the first that was taken counts.
            let Some(tap) = taps.iter().find(|tap| tap.answer == Answer::Taken) else { continue };
            if let (true, Some(wanted)) = (is_accepted, wanted(tap)) {
                self.sale_adds_up(tap, &taps, &wanted, &sold, outcome.unwrap_or(&Value::Null));
            } else if !sold.is_empty() && !is_accepted {
                self.wrong(format!("{} {id} was not accepted and is in the books", tap.command["type"]));
            }
        }
    }

    fn sale_adds_up(
        &mut self,
        tap: &Tap,
        taps: &[&Tap],
        wanted: &BTreeMap<String, u64>,
        sold: &[&Value],
        outcome: &Value,
    ) {
        let mut has: BTreeMap<String, u64> = BTreeMap::new();
        for line in sold {
            let product = line["productId"].as_str().unwrap_or_default();
            *has.entry(product.to_owned()).or_default() += line["originalQuantity"].as_u64().unwrap_or(0);
            // Of several desks that do the same again, the first that the server hears counts.
            let mut desks = BTreeSet::new();
            let first = taps.iter().filter(|tap| tap.answer == Answer::Taken && desks.insert(tap.desk));
            let shown: Vec<Option<i64>> = first.flat_map(|tap| prices(tap, product)).collect();
            let charged = line["unitPriceMinor"].as_i64();
            let unknown = says(outcome, &["catalogueUnknown"]);
            if prices(tap, product)[0].is_some() && !shown.contains(&charged) && !unknown {
                self.wrong(format!("{}: {product} was shown at {shown:?} and sold at {charged:?}", tap.id));
            }
        }
        if has != *wanted {
            self.wrong(format!("{} sold {has:?}, tapped was {wanted:?}", tap.id));
        }
    }

    fn line_adds_up(&mut self, line: &Value) {
        let number = |name: &str| line[name].as_i64().unwrap_or(i64::MIN);
        let id = line["id"].as_str().unwrap_or_default();
        if number("originalTotalPriceMinor") != number("unitPriceMinor") * number("originalQuantity") {
            self.wrong(format!("line {id}: quantity times price is not the total"));
        }
        let corrections: Vec<&Value> =
            self.ever("corrections").into_values().filter(|correction| correction["transactionId"] == id).collect();
        let sum = |name: &str| corrections.iter().map(|row| row[name].as_i64().unwrap_or(0)).sum::<i64>();
        let stands = number("originalTotalPriceMinor") + sum("amountMinor");
        if number("totalPriceMinor") != stands {
            self.wrong(format!("line {id} stands at {} and should at {stands}", number("totalPriceMinor")));
        }
        let quantity = number("originalQuantity") + sum("quantityChange");
        if number("quantity") != quantity {
            self.wrong(format!("line {id} has quantity {} and should have {quantity}", number("quantity")));
        }
    }

    /// What was booked by hand for a sale that never was one is what the guest was told.
    fn corrections_add_up(&mut self) {
        let corrections = self.ever("corrections");
        let stories = self.stories();
        for (id, entry) in self.ever("attention") {
            if entry["resolution"]["action"] != "correct" {
                continue;
            }
            // It names the line that the sale would have had.
            let tapped = entry["commandId"].as_str().unwrap_or_default();
            let line = line_of(tapped, 0);
            let booked: Vec<_> = corrections.values().filter(|row| row["transactionId"] == *line).collect();
            let [booked] = booked[..] else {
                self.wrong(format!("entry {id} was booked by hand {} times", booked.len()));
                continue;
            };
            let amount = booked["amountMinor"].as_i64();
            if amount != entry["moneyMinor"].as_i64() || booked["creditMs"] != 0 || booked["quantityChange"] != 0 {
                self.wrong(format!("entry {id} is about {} and was booked as {booked}", entry["moneyMinor"]));
            }
            let Some(tap) = stories.get(tapped).and_then(|taps| taps.first()) else { continue };
            let told = told(tap);
            if !self.facts.is_restored
                && told.is_some_and(|(least, most)| !(least..=most).contains(&amount.unwrap_or(0)))
            {
                self.wrong(format!("entry {id} was booked as {amount:?}, and the guest was told {told:?}"));
            }
        }
    }

    /// The day's revenue on every desk is the sum of the day's lines and of what was corrected.
    fn days_add_up(&mut self) {
        let Some((from, to)) = self.facts.day else { return };
        let sum = |collection: &str, amount: &str| {
            let of_day = |row: &&&Value| row["createdAt"].as_i64().is_some_and(|at| (from..to).contains(&at));
            let rows = self.ever(collection);
            rows.values().filter(of_day).map(|row| row[amount].as_i64().unwrap_or(0)).sum::<i64>()
        };
        let revenue = sum("transactions", "originalTotalPriceMinor") + sum("corrections", "amountMinor");
        for desk in &self.facts.desks {
            let shown = minor(&desk.stats["todayRevenue"]);
            if shown != Some(revenue) {
                self.wrong(format!("{} shows a revenue of {shown:?}, and it is {revenue}", desk.name));
            }
        }
    }
}

/// What a product costs as a desk showed it when a sale was tapped, and when it was taken.
fn prices(tap: &Tap, product: &str) -> [Option<i64>; 2] {
    [&tap.shown, &tap.shown_then].map(|shown| shown_product(shown, product).and_then(|found| minor(&found["price"])))
}

/// What the guest was told to pay, at least and at most; none where the desk did not show it all.
fn told(tap: &Tap) -> Option<(i64, i64)> {
    let mut told = (0, 0);
    for (product, quantity) in wanted(tap)? {
        let prices = prices(tap, &product);
        let first = prices[0]?;
        let quantity = i64::try_from(quantity).ok()?;
        told.0 += quantity * prices[1].map_or(first, |then| then.min(first));
        told.1 += quantity * prices[1].map_or(first, |then| then.max(first));
    }
    Some(told)
}

/// What a sale asks for: how many of which product.
fn wanted(tap: &Tap) -> Option<BTreeMap<String, u64>> {
    let (lines, product) = match tap.command["type"].as_str()? {
        "session.checkin" => (&tap.command["products"], "id"),
        "sale.create" => (&tap.command["lines"], "productId"),
        _ => return None,
    };
    let mut wanted = BTreeMap::new();
    for line in lines.as_array()? {
        *wanted.entry(line[product].as_str()?.to_owned()).or_default() += line["quantity"].as_u64()?;
    }
    Some(wanted)
}

/// An amount in major units, as minor ones: by its digits.
fn minor(amount: &Value) -> Option<i64> {
    let text = amount.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{part:0<2}").parse().ok()
}
