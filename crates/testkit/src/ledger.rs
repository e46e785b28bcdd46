//! An independent oracle: it notes what was tapped and what was acknowledged, does its own sums, and compares
//! them with what the server and the desks say at the end. It knows the wire and nothing of the product's rules.

mod audit;
mod equal;
mod log;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde_json::Value;

pub use audit::Audit;

/// What is known of a venue's taps. Shared by the threads that tap.
#[derive(Default)]
pub struct Ledger {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    products: BTreeMap<String, Priced>,
    taps: Vec<Tap>,
    by_id: BTreeMap<String, usize>,
    /// The bands of lines that are refunded by their ids.
    line_bands: BTreeMap<String, String>,
    log: log::LogIndex,
    /// By command, what the server said last; none of those that it does not know.
    outcomes: BTreeMap<String, String>,
    /// Rejected commands whose entries somebody has tried to settle, and whether a desk took that.
    resolved: BTreeMap<String, bool>,
    /// The most that may play, where nobody may be let in without a place.
    places: Option<usize>,
}

/// What a product costs and gives.
#[derive(Clone, Copy, Debug)]
struct Priced {
    price_minor: i64,
    seconds: i64,
}

/// One tap.
#[derive(Clone, Debug)]
pub struct Tap {
    /// The command's id.
    pub id: String,
    /// Which desk.
    pub desk: usize,
    /// What was tapped.
    pub command: Value,
    /// What the desk said.
    pub answer: TapAnswer,
    asked: Instant,
    answered: Instant,
    /// The desk showed that it was done, and not that only the server can say so.
    shown: bool,
}

/// What a desk said to a tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapAnswer {
    /// Nothing: it was struck before it could. It may have kept the command, and may not.
    Nothing,
    /// It is durable: it must never be lost.
    Acknowledged,
    /// The venue's rules say no.
    Refused,
    /// It can't take it, for this reason: it must never count.
    NotTaken(String),
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Knows a product, as the server answered it.
    pub fn product(&self, product: &Value) {
        let priced = Priced {
            price_minor: minor(&product["price"]),
            seconds: product["timeValueSeconds"].as_i64().unwrap_or(0),
        };
        self.book().products.insert(text(&product["id"]).to_owned(), priced);
    }

    /// Knows whose line a refund will name.
    pub fn line(&self, transaction: &str, band: &str) {
        self.book().line_bands.insert(transaction.to_owned(), band.to_owned());
    }

    /// Knows that only so many may play at once, and that a desk says GO only where one has a place.
    pub fn strict(&self, places: usize) {
        self.book().places = Some(places);
    }

    /// Notes that somebody settles the entry of a rejected command: `taken` once a desk has said so, and false before.
    pub fn resolves(&self, command: &str, taken: bool) {
        *self.book().resolved.entry(command.to_owned()).or_default() |= taken;
    }

    /// Notes a tap before the desk is asked.
    pub fn tap(&self, desk: usize, id: &str, command: &Value) {
        let mut book = self.book();
        if book.by_id.contains_key(id) {
            return;
        }
        let now = Instant::now();
        let place = book.taps.len();
        book.by_id.insert(id.to_owned(), place);
        book.taps.push(Tap {
            id: id.to_owned(),
            desk,
            command: command.clone(),
            answer: TapAnswer::Nothing,
            asked: now,
            answered: now,
            shown: false,
        });
    }

    /// Notes what the desk answered; a repeat of a tap may be answered by what has become of it since.
    pub fn answered(&self, id: &str, answer: &Value) {
        let mut book = self.book();
        let Some(place) = book.by_id.get(id).copied() else { return };
        let tap = &mut book.taps[place];
        tap.answered = Instant::now();
        if tap.answer == TapAnswer::Acknowledged {
            return;
        }
        tap.answer = match (answer["ok"].as_bool(), answer["state"].as_str()) {
            (Some(true), Some("rejected")) => TapAnswer::Refused,
            (Some(true), _) => {
                tap.shown = answer["awaiting"] != true;
                TapAnswer::Acknowledged
            }
            _ => TapAnswer::NotTaken(text(&answer["error"]["code"]).to_owned()),
        };
    }

    /// How many taps were acknowledged as durable.
    pub fn acknowledged(&self) -> usize {
        self.book().taps.iter().filter(|tap| tap.answer == TapAnswer::Acknowledged).count()
    }

    /// All taps so far.
    pub fn taps(&self) -> Vec<Tap> {
        self.book().taps.clone()
    }
}

/// A price of the wire in minor units.
fn minor(price: &Value) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a price is at most a million")]
    let minor = (price.as_f64().unwrap_or(0.0) * 100.0).round() as i64;
    minor
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
