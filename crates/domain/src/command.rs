//! What somebody wants: the commands of `contract.md`, parsed and within bounds.
//!
//! A command names the wanted state ("play"), never "toggle" (`domain.md` rule 9). Parsing needs nothing
//! of the venue; what does (does the product exist, has the currency these decimals) is [`crate::decide`]'s.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    band::BarcodeId,
    ids::{ProductId, SessionId, TransactionId},
    money::Amount,
    settings::SettingsChanges,
    wire::settings::read_settings_changes,
};

/// Most lines of one sale.
pub const LINES_MAX: usize = 30;
/// Most of one product in a line.
pub const QUANTITY_MAX: u32 = 999;
/// Most characters of a name or category.
pub const NAME_MAX_CHARS: usize = 120;
/// Most characters of a description or reason.
pub const TEXT_MAX_CHARS: usize = 2_000;
/// Most credit that one product adds, in seconds.
pub const TIME_VALUE_MAX_SECONDS: u32 = 86_400;

/// What is wrong with a command by itself, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidCommand(pub String);

/// A product and how many of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub product_id: ProductId,
    /// How many, 1–999.
    pub quantity: u32,
}

/// One line of a sale over several bands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleLine {
    /// For whom.
    pub barcode_id: BarcodeId,
    /// What.
    pub line: Line,
}

/// The fields of a product that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProduct {
    /// See [`crate::rows::ProductRow::name`].
    pub name: String,
    /// See [`crate::rows::ProductRow::description`].
    pub description: Option<String>,
    /// In major units.
    pub price: Amount,
    /// See [`crate::rows::ProductRow::category`].
    pub category: String,
    /// See [`crate::rows::ProductRow::required`].
    pub required: bool,
    /// Credit of one, 1–86,400 s; none for an extra.
    pub time_value_seconds: Option<u32>,
}

/// The fields of a product that change; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductChanges {
    /// See [`NewProduct::name`].
    pub name: Option<String>,
    /// See [`NewProduct::description`].
    pub description: Option<Option<String>>,
    /// See [`NewProduct::price`].
    pub price: Option<Amount>,
    /// See [`NewProduct::category`].
    pub category: Option<String>,
    /// See [`NewProduct::required`].
    pub required: Option<bool>,
    /// See [`NewProduct::time_value_seconds`].
    pub time_value_seconds: Option<Option<u32>>,
}

/// What is to stand of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    /// Another quantity.
    Quantity(u32),
    /// Nothing: the money goes back.
    Refund,
}

/// An intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `session.checkin`: sell to one band.
    Checkin {
        /// The band.
        barcode_id: BarcodeId,
        /// 1–30 lines.
        lines: Vec<Line>,
    },
    /// `sale.create`: sell to several bands at once, all or nothing.
    Sale {
        /// 1–30 lines.
        lines: Vec<SaleLine>,
        /// How it was paid.
        payment: Option<String>,
    },
    /// `session.play`: the band enters.
    Play(BarcodeId),
    /// `session.pause`: it leaves and keeps its credit.
    Pause(BarcodeId),
    /// `session.end`: the visitor left.
    End(BarcodeId),
    /// `product.create`.
    ProductCreate(NewProduct),
    /// `product.update`.
    ProductUpdate {
        /// Which.
        product_id: ProductId,
        /// What of it.
        changes: ProductChanges,
    },
    /// `product.delete`.
    ProductDelete(ProductId),
    /// `transaction.correct`.
    Correct {
        /// Which line.
        transaction_id: TransactionId,
        /// What is to stand.
        correction: Correction,
        /// Why.
        reason: String,
    },
    /// `settings.update`.
    SettingsUpdate(SettingsChanges),
    /// The clock releases a band (`domain.md` rule 4); never from outside.
    Release(SessionId),
    /// The operational day begins (`sync.md` rule 23); never from outside.
    DayChange,
}

/// What a command waits for: every earlier pending one that shares a key (`sync.md` rule 17).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A band.
    Band(BarcodeId),
    /// A product.
    Product(ProductId),
    /// A line.
    Transaction(TransactionId),
    /// The settings.
    Settings,
}

impl Command {
    /// Reads a command of the wire: an object with `type` and its fields; other fields are ignored.
    ///
    /// # Errors
    /// Not JSON, an unknown type, a missing field, or a value out of bounds.
    pub fn parse(text: &str) -> Result<Self, InvalidCommand> {
        #[derive(Deserialize)]
        struct Typed {
            r#type: String,
        }
        let typed: Typed = read(text)?;
        Self::from_fields(&typed.r#type, text)
    }

    /// Reads the fields of a command whose `type` is known otherwise (a REST call).
    ///
    /// # Errors
    /// As [`Command::parse`].
    pub fn from_fields(kind: &str, text: &str) -> Result<Self, InvalidCommand> {
        Ok(match kind {
            "session.checkin" => {
                let fields: CheckinFields = read(text)?;
                Self::Checkin { barcode_id: fields.barcode_id, lines: bounded_lines(fields.products)? }
            }
            "sale.create" => {
                let fields: SaleFields = read(text)?;
                Self::Sale { lines: bounded_lines(fields.lines)?, payment: fields.payment }
            }
            "session.play" => Self::Play(read::<BandFields>(text)?.barcode_id),
            "session.pause" => Self::Pause(read::<BandFields>(text)?.barcode_id),
            "session.end" => Self::End(read::<BandFields>(text)?.barcode_id),
            "product.create" => Self::ProductCreate(read::<CreateFields>(text)?.product.into()),
            "product.update" => {
                let fields: UpdateFields = read(text)?;
                Self::ProductUpdate { product_id: fields.product_id, changes: fields.changes.into_changes()? }
            }
            "product.delete" => Self::ProductDelete(read::<DeleteFields>(text)?.product_id),
            "transaction.correct" => read::<CorrectFields>(text)?.into_command()?,
            "settings.update" => Self::SettingsUpdate(read_settings_changes(&read::<SettingsFields>(text)?.changes)?),
            other => return Err(InvalidCommand(format!("There is no command {:?}.", shorten(other)))),
        })
    }

    /// The `type` on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Checkin { .. } => "session.checkin",
            Self::Sale { .. } => "sale.create",
            Self::Play(_) => "session.play",
            Self::Pause(_) => "session.pause",
            Self::End(_) => "session.end",
            Self::ProductCreate(_) => "product.create",
            Self::ProductUpdate { .. } => "product.update",
            Self::ProductDelete(_) => "product.delete",
            Self::Correct { .. } => "transaction.correct",
            Self::SettingsUpdate(_) => "settings.update",
            Self::Release(_) => "session.release",
            Self::DayChange => "day.change",
        }
    }

    /// The keys that it shares with others (`sync.md` rule 17).
    pub fn keys(&self) -> BTreeSet<Key> {
        match self {
            Self::Checkin { barcode_id, .. }
            | Self::Play(barcode_id)
            | Self::Pause(barcode_id)
            | Self::End(barcode_id) => BTreeSet::from([Key::Band(barcode_id.clone())]),
            Self::Sale { lines, .. } => lines.iter().map(|line| Key::Band(line.barcode_id.clone())).collect(),
            Self::ProductUpdate { product_id, .. } | Self::ProductDelete(product_id) => {
                BTreeSet::from([Key::Product(product_id.clone())])
            }
            Self::Correct { transaction_id, .. } => BTreeSet::from([Key::Transaction(transaction_id.clone())]),
            Self::SettingsUpdate(_) => BTreeSet::from([Key::Settings]),
            Self::ProductCreate(_) | Self::Release(_) | Self::DayChange => BTreeSet::new(),
        }
    }

    /// SHA-256 over type and parsed fields, in hex: two texts of the same intent have the same one,
    /// whatever their bytes (`sync.md` rule 16).
    pub fn fingerprint(&self) -> String {
        // The debug form of parsed, normalised fields is total and stable within a release, and a
        // fingerprint that changes with a release would only refuse a repeat, never execute it twice.
        let digest = Sha256::digest(format!("{}\0{self:?}", self.kind()).as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads `text` as a `T`, with a sentence where it is none.
///
/// # Errors
/// Not JSON, or not of that shape.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, InvalidCommand> {
    serde_json::from_str(text).map_err(|error| {
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        InvalidCommand(format!("This can't be read: {}.", shorten(what)))
    })
}

/// The start of a text that somebody sent, for a sentence about it.
fn shorten(text: &str) -> String {
    text.chars().take(120).collect()
}

fn bounded_lines<L, T: From<L>>(lines: Vec<L>) -> Result<Vec<T>, InvalidCommand> {
    if (1..=LINES_MAX).contains(&lines.len()) {
        Ok(lines.into_iter().map(T::from).collect())
    } else {
        Err(InvalidCommand(format!("A sale has 1 to {LINES_MAX} lines.")))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BandFields {
    #[serde(deserialize_with = "barcode")]
    barcode_id: BarcodeId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckinFields {
    #[serde(deserialize_with = "barcode")]
    barcode_id: BarcodeId,
    products: Vec<CheckinLine>,
}

#[derive(Deserialize)]
struct CheckinLine {
    id: ProductId,
    #[serde(deserialize_with = "quantity")]
    quantity: u32,
}

#[derive(Deserialize)]
struct SaleFields {
    lines: Vec<SaleLineFields>,
    #[serde(default, deserialize_with = "optional_name")]
    payment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SaleLineFields {
    #[serde(deserialize_with = "barcode")]
    barcode_id: BarcodeId,
    product_id: ProductId,
    #[serde(deserialize_with = "quantity")]
    quantity: u32,
}

#[derive(Deserialize)]
struct CreateFields {
    product: ProductFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductFields {
    #[serde(deserialize_with = "name")]
    name: String,
    #[serde(default, deserialize_with = "optional_text")]
    description: Option<String>,
    price: Amount,
    #[serde(deserialize_with = "name")]
    category: String,
    #[serde(default)]
    required: bool,
    #[serde(default, deserialize_with = "time_value")]
    time_value_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateFields {
    product_id: ProductId,
    changes: ChangeFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeFields {
    #[serde(default, deserialize_with = "some_name")]
    name: Option<String>,
    #[serde(default, deserialize_with = "some_optional_text")]
    description: Option<Option<String>>,
    #[serde(default)]
    price: Option<Amount>,
    #[serde(default, deserialize_with = "some_name")]
    category: Option<String>,
    #[serde(default)]
    required: Option<bool>,
    #[serde(default, deserialize_with = "some_time_value")]
    time_value_seconds: Option<Option<u32>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeleteFields {
    product_id: ProductId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CorrectFields {
    transaction_id: TransactionId,
    #[serde(default, deserialize_with = "some_quantity")]
    quantity: Option<u32>,
    #[serde(default)]
    status: Option<String>,
    #[serde(deserialize_with = "reason")]
    reason: String,
}

#[derive(Deserialize)]
struct SettingsFields {
    changes: serde_json::Map<String, Value>,
}

// === conversions of fields

impl From<CheckinLine> for Line {
    fn from(line: CheckinLine) -> Self {
        Self { product_id: line.id, quantity: line.quantity }
    }
}

impl From<SaleLineFields> for SaleLine {
    fn from(line: SaleLineFields) -> Self {
        Self { barcode_id: line.barcode_id, line: Line { product_id: line.product_id, quantity: line.quantity } }
    }
}

impl From<ProductFields> for NewProduct {
    fn from(fields: ProductFields) -> Self {
        let ProductFields { name, description, price, category, required, time_value_seconds } = fields;
        Self { name, description, price, category, required, time_value_seconds }
    }
}

impl ChangeFields {
    fn into_changes(self) -> Result<ProductChanges, InvalidCommand> {
        let Self { name, description, price, category, required, time_value_seconds } = self;
        let changes = ProductChanges { name, description, price, category, required, time_value_seconds };
        if changes == ProductChanges::default() {
            return Err(InvalidCommand("Nothing was given to change.".to_owned()));
        }
        Ok(changes)
    }
}

impl CorrectFields {
    fn into_command(self) -> Result<Command, InvalidCommand> {
        let correction = match (self.quantity, self.status.as_deref()) {
            (Some(quantity), None) => Correction::Quantity(quantity),
            (None, Some("refunded")) => Correction::Refund,
            (Some(_), Some(_)) => return Err(InvalidCommand("Give a quantity or a refund, not both.".to_owned())),
            (None, Some(_)) => return Err(InvalidCommand("The only status that can be set is refunded.".to_owned())),
            (None, None) => return Err(InvalidCommand("Give the quantity that is right, or a refund.".to_owned())),
        };
        Ok(Command::Correct { transaction_id: self.transaction_id, correction, reason: self.reason })
    }
}

// === values within bounds; they read a JSON value, so that the sentence is ours

fn barcode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BarcodeId, D::Error> {
    let value = Value::deserialize(deserializer)?;
    value
        .as_str()
        .and_then(|text| BarcodeId::parse(text).ok())
        .ok_or_else(|| serde::de::Error::custom(crate::band::InvalidBarcode))
}

fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    bounded(&value, 1, QUANTITY_MAX)
        .ok_or_else(|| serde::de::Error::custom(format!("a quantity is a whole number from 1 to {QUANTITY_MAX}")))
}

fn some_quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    quantity(deserializer).map(Some)
}

fn time_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    bounded(&value, 1, TIME_VALUE_MAX_SECONDS).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "a time value is a whole number of seconds from 1 to {TIME_VALUE_MAX_SECONDS}"
        ))
    })
}

fn some_time_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    time_value(deserializer).map(Some)
}

/// `value` as a whole number within `min..=max`; refused, not clamped.
pub(crate) fn bounded(value: &Value, min: u32, max: u32) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| (min..=max).contains(number))
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    bounded_text(&value, 1, NAME_MAX_CHARS)
        .ok_or_else(|| serde::de::Error::custom(format!("a name has 1 to {NAME_MAX_CHARS} characters")))
}

fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    name(deserializer).map(Some)
}

fn optional_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    bounded_text(&value, 1, NAME_MAX_CHARS)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom(format!("a payment has 1 to {NAME_MAX_CHARS} characters")))
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    bounded_text(&value, 1, TEXT_MAX_CHARS)
        .ok_or_else(|| serde::de::Error::custom(format!("a reason has 1 to {TEXT_MAX_CHARS} characters")))
}

fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    bounded_text(&value, 0, TEXT_MAX_CHARS)
        .map(|text| Some(text).filter(|text| !text.is_empty()))
        .ok_or_else(|| serde::de::Error::custom(format!("a description has up to {TEXT_MAX_CHARS} characters")))
}

fn some_optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    optional_text(deserializer).map(Some)
}

/// `value` as a trimmed text of `min..=max` characters without control characters but new lines.
pub(crate) fn bounded_text(value: &Value, min: usize, max: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    let clean = !text.chars().any(|c| c.is_control() && c != '\n');
    ((min..=max).contains(&text.chars().count()) && clean).then(|| text.to_owned())
}
