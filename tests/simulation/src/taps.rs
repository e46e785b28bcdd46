//! What somebody at a desk taps: mostly sensible, now and then silly.

use gangway_console::AttentionAction;
use gangway_domain::time::VenueTime;
use serde_json::{Value, json};

use crate::{
    clock::TrueTime,
    desk::{Desk, Given},
    dice::Dice,
};

/// The bands of a run: few, so that desks meet over them.
const BANDS: [&str; 8] = ["B-1", "B-2", "B-3", "B-4", "B-5", "B-6", "B-7", "QR/8"];

/// A person at a desk.
pub struct Person {
    dice: Dice,
    time: TrueTime,
    manages: Manages,
    /// The last taps, which may be tapped again.
    before: Vec<(String, Value)>,
}

/// What somebody does who may do everything.
#[derive(Clone, Debug, Default)]
pub struct Manages {
    /// Writes off what is lent to these.
    pub devices: Vec<String>,
    /// Changes policy and places.
    pub settings: bool,
}

impl Person {
    /// Somebody.
    pub fn new(dice: Dice, time: TrueTime, manages: Manages) -> Self {
        Self { dice, time, manages, before: Vec::new() }
    }

    /// Taps something.
    pub fn tap(&mut self, desk: &Desk) {
        if !self.before.is_empty() && self.dice.chance(0.06) {
            return self.tap_again(desk);
        }
        if self.dice.chance(0.06) {
            return self.settle(desk);
        }
        if let Some(command) = desk.last_no().filter(|_| self.dice.chance(0.15)) {
            // The desk said no, and somebody knows better.
            desk.tap(&command, Given { forced: true, ..Given::default() });
            return;
        }
        let managed = self.managed();
        let Some(command) = managed.or_else(|| self.command(desk)) else { return };
        let given = Given { id: None, occurred_at: self.moment(), forced: self.dice.chance(0.03) };
        let Some(id) = desk.tap(&command, given) else { return };
        if self.dice.chance(0.08) {
            // A finger that trembles: the same tap twice at once.
            desk.tap(&command, Given { id: Some(id.clone()), ..Given::default() });
        }
        self.before.push((id, command));
        if self.before.len() > 20 {
            self.before.remove(0);
        }
    }

    /// A known id, with the same content, or with another.
    fn tap_again(&self, desk: &Desk) {
        let (id, command) = self.dice.pick(&self.before).clone();
        let command = if self.dice.chance(0.2) { self.command(desk).unwrap_or(command) } else { command };
        desk.tap(&command, Given { id: Some(id), ..Given::default() });
    }

    /// What is on the attention list is done with, one way or the other.
    fn settle(&self, desk: &Desk) {
        let entries = desk.shows(&["attention"]);
        let Some(entries) = entries.as_array().filter(|entries| !entries.is_empty()) else { return };
        let entry = self.dice.pick(entries);
        let can = |action: &AttentionAction| {
            entry["choices"].as_array().is_some_and(|choices| choices.contains(&json!(action)))
        };
        let all = [AttentionAction::Redo, AttentionAction::Correct, AttentionAction::Dismiss];
        let choices: Vec<_> = all.into_iter().filter(can).collect();
        if !choices.is_empty() {
            desk.settle(entry, *self.dice.pick(&choices));
        }
    }

    /// What only a manager does.
    fn managed(&self) -> Option<Value> {
        if !self.manages.devices.is_empty() && self.dice.chance(0.03) {
            let device = self.dice.pick(&self.manages.devices);
            return Some(
                json!({ "type": "place.writeOff", "lostDeviceId": device, "reason": "It fell into the pool." }),
            );
        }
        if !self.manages.settings || !self.dice.chance(0.05) {
            return None;
        }
        let changes = if self.dice.chance(0.6) {
            json!({ "maxOccupancy": self.dice.within(1..7) })
        } else {
            json!({ "capacityPolicy": self.dice.pick(&["strict", "strict", "advisory"]) })
        };
        Some(json!({ "type": "settings.update", "changes": changes }))
    }

    /// Sometimes a moment is said, and sometimes one that can't be.
    fn moment(&self) -> Option<String> {
        let off_ms = match self.dice.within(0..40) {
            0 => 7_200_000,
            1 => -10_800_000,
            2 => -4_000,
            3 => 1_500,
            4 => -20 * 86_400_000,
            _ => return None,
        };
        Some(VenueTime(self.time.now_ms() + off_ms).to_iso())
    }

    fn command(&self, desk: &Desk) -> Option<Value> {
        let band = *self.dice.pick(&BANDS);
        Some(match self.dice.within(0..100) {
            0..30 => json!({ "type": "session.checkin", "barcodeId": band, "products": [self.line(desk)?] }),
            30..36 => {
                let lines = [band, *self.dice.pick(&BANDS), "B-1"].map(|band| {
                    let line = self.line(desk)?;
                    Some(json!({ "barcodeId": band, "productId": line["id"], "quantity": line["quantity"] }))
                });
                let lines: Option<Vec<Value>> = lines.into_iter().collect();
                json!({ "type": "sale.create", "lines": lines?, "payment": "cash" })
            }
            36..64 => json!({ "type": "session.play", "barcodeId": band }),
            64..80 => json!({ "type": "session.pause", "barcodeId": band }),
            80..86 => json!({ "type": "session.end", "barcodeId": band }),
            86..91 => self.correction(desk)?,
            91..95 => self.product_change(desk)?,
            95..97 => self.new_product(),
            97 => json!({ "type": "product.delete", "productId": self.product(desk)?["id"] }),
            98 => {
                json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": "no-such", "quantity": 1 }] })
            }
            _ => {
                json!({ "type": "settings.update", "changes": { "siteName": format!("Site {}", self.dice.within(0..9)) } })
            }
        })
    }

    fn product(&self, desk: &Desk) -> Option<Value> {
        let products = desk.shows(&["products"]);
        let products = products.as_array().filter(|products| !products.is_empty())?;
        Some(self.dice.pick(products).clone())
    }

    fn line(&self, desk: &Desk) -> Option<Value> {
        Some(json!({ "id": self.product(desk)?["id"], "quantity": self.dice.within(1..4) }))
    }

    fn correction(&self, desk: &Desk) -> Option<Value> {
        let lines = desk.shows(&["transactions"]);
        let line = self.dice.pick(lines.as_array().filter(|lines| !lines.is_empty())?);
        let mut command =
            json!({ "type": "transaction.correct", "transactionId": line["id"], "reason": "A wrong key." });
        if self.dice.chance(0.5) {
            command["status"] = json!("refunded");
        } else {
            command["quantity"] = json!(self.dice.within(1..4));
        }
        Some(command)
    }

    fn product_change(&self, desk: &Desk) -> Option<Value> {
        let price = self.price();
        Some(json!({
            "type": "product.update", "productId": self.product(desk)?["id"], "changes": { "price": price },
        }))
    }

    fn new_product(&self) -> Value {
        let seconds = self.dice.pick(&[json!(30), json!(120), json!(null)]).clone();
        json!({ "type": "product.create", "product": {
            "name": format!("New {}", self.dice.within(0..9)), "price": self.price(), "category": "time",
            "timeValueSeconds": seconds,
        } })
    }

    /// Exact in two decimals.
    fn price(&self) -> Value {
        let cents = self.dice.within(50..2_000);
        serde_json::from_str(&format!("{}.{:02}", cents / 100, cents % 100)).expect("a number")
    }
}
