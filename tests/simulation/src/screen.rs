//! What a desk shows while things go wrong: a sale that it took is on its screen until the venue says no, also in the
//! moment in which it settles, and nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use crate::{
    desk::{Desk, ROWS, shown_product},
    ledger::{Answer, Tap},
};

/// Sales that are looked for: the last of a desk.
const SALES: usize = 12;
/// A desk that shows so many lines leaves others out.
const LINES_MAX: usize = 190;

/// What a desk shows that can't be, as sentences. What was tapped before `since_ms` may be forgotten.
pub fn wrong(desk: &Desk, taps: &[Tap], since_ms: i64) -> Vec<String> {
    let lines = desk.shows(&["transactions"]);
    let Some(lines) = lines.as_array().filter(|lines| lines.len() < LINES_MAX) else { return Vec::new() };
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for line in lines {
        let id = line["id"].as_str().unwrap_or_default();
        if !ids.insert(id) {
            wrong.push(format!("line {id} is shown twice"));
        }
    }
    // What was forced may be something that no desk can show.
    let forced: BTreeSet<_> = taps.iter().filter(|tap| tap.forced).map(|tap| &tap.id).collect();
    let is_own = |tap: &&Tap| {
        tap.desk == desk.index() && tap.answer == Answer::Taken && tap.at_ms >= since_ms && !forced.contains(&tap.id)
    };
    let own = taps.iter().rev().filter(is_own);
    for tap in own.filter(|tap| is_sale(tap)).take(SALES) {
        let fate = desk.fate(&tap.id);
        let state = fate.as_ref().and_then(|fate| fate["state"].as_str()).unwrap_or("unknown");
        let shown = sold(tap).iter().enumerate().all(|(index, _)| ids.contains(line_of(&tap.id, index).as_str()));
        if state == "unknown" || (state != "rejected" && !shown) {
            wrong.push(format!("{} {} is {state} and not shown", tap.command["type"], tap.id));
        }
    }
    wrong.extend(too_much_credit(desk, taps));
    wrong
}

/// A band never has more credit than was ever tapped for it.
fn too_much_credit(desk: &Desk, taps: &[Tap]) -> Vec<String> {
    let mut tapped: BTreeMap<&str, u64> = BTreeMap::new();
    let mut known = BTreeSet::new();
    let corrected: BTreeSet<_> = taps.iter().filter_map(|tap| tap.command["transactionId"].as_str()).collect();
    let mut unbounded = BTreeSet::new();
    for tap in taps.iter().filter(|tap| is_sale(tap) && may_count(&tap.answer)) {
        // The second tap of one id is the same sale.
        if known.insert((&tap.id, tap.command.to_string())) {
            for (index, (band, product, quantity)) in sold(tap).into_iter().enumerate() {
                if corrected.contains(line_of(&tap.id, index).as_str()) {
                    unbounded.insert(band);
                }
                let seconds =
                    shown_product(&tap.shown, product).map_or(0, |product| seconds(&product["timeValueSeconds"]));
                *tapped.entry(band).or_default() += seconds * quantity;
            }
        }
    }
    let sessions = desk.shows(&["activeSessions"]);
    let too_much = |session: &Value| {
        let (band, has) = (session["barcodeId"].as_str()?, seconds(&session["totalAllowedSeconds"]));
        let most = tapped.get(band).copied().unwrap_or(0);
        (has > most && !unbounded.contains(band))
            .then(|| format!("band {band} is shown with {has} s, and only {most} s were ever tapped"))
    };
    sessions.as_array().into_iter().flatten().filter_map(too_much).collect()
}

fn may_count(answer: &Answer) -> bool {
    match answer {
        Answer::None | Answer::Taken => true,
        Answer::LocalNo(_) => false,
        Answer::Refused(code) => code == "disk",
    }
}

fn seconds(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn is_sale(tap: &Tap) -> bool {
    tap.command["type"] == "session.checkin" || tap.command["type"] == "sale.create"
}

/// The id of a line of a sale, which desk and server agree on (`docs/sync.md`, 5).
pub fn line_of(id: &str, index: usize) -> String {
    Uuid::new_v5(&ROWS, format!("{id}/transaction/{index}").as_bytes()).to_string()
}

/// Band, product and quantity of each line.
fn sold(tap: &Tap) -> Vec<(&str, &str, u64)> {
    let (lines, product) = match tap.command["products"].as_array() {
        Some(products) => (products, "id"),
        None => (tap.command["lines"].as_array().expect("lines"), "productId"),
    };
    let band = |line: &'_ Value| line["barcodeId"].as_str().is_some();
    let of = |line| -> (&str, &str, u64) {
        let line: &Value = line;
        let to = if band(line) { &line["barcodeId"] } else { &tap.command["barcodeId"] };
        (to.as_str().unwrap_or_default(), line[product].as_str().unwrap_or_default(), seconds(&line["quantity"]))
    };
    lines.iter().map(of).collect()
}

/// Where what two desks show begins to differ, for people.
pub fn difference(ours: &Value, theirs: &Value) -> String {
    let empty = Vec::new();
    let rows = |shown: &'_ Value, name: &str| shown[name].as_array().unwrap_or(&empty).clone();
    let names = ["products", "sessions", "transactions"];
    let differs = names.into_iter().find_map(|name| {
        let (ours, theirs) = (rows(ours, name), rows(theirs, name));
        let place = (0..ours.len().max(theirs.len())).find(|place| ours.get(*place) != theirs.get(*place))?;
        Some(format!("{:?} in {name} and the first desk {:?}", ours.get(place), theirs.get(place)))
    });
    differs.unwrap_or_default()
}
