//! What somebody wants: the commands of `contract.md`, parsed and within bounds.
//!
//! A command names the wanted state ("play"), never "toggle" (`domain.md` rule 9). Parsing needs nothing
//! of the venue; what does (does the product exist, has the currency these decimals) is [`crate::decide`]'s.

mod bounds;
mod fields;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    band::BarcodeId,
    ids::{AttentionId, CommandId, DeviceId, PlaceId, ProductId, SessionId, TransactionId, row_id},
    money::Amount,
    noticed::Remark,
    settings::SettingsChanges,
    wire::settings::read_settings_changes,
};

use fields::{
    BandFields, CheckinFields, CorrectFields, CreateFields, DeleteFields, RaiseFields, ResolveFields, SaleFields,
    SettingsFields, UpdateFields, WriteOffFields, bounded_lines,
};

pub(crate) use bounds::{bounded, bounded_text};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What.
    pub product_id: ProductId,
    /// How many, 1–999.
    pub quantity: u32,
}

/// One line of a sale over several bands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaleLine {
    /// For whom.
    pub barcode_id: BarcodeId,
    /// What.
    pub line: Line,
}

/// The fields of a product that is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewProduct {
    /// See [`crate::rows::ProductRow::name`].
    pub name: String,
    /// See [`crate::rows::ProductRow::description`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// In major units.
    pub price: Amount,
    /// See [`crate::rows::ProductRow::category`].
    pub category: String,
    /// See [`crate::rows::ProductRow::required`].
    pub required: bool,
    /// Credit of one, 1–86,400 s; none for an extra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_value_seconds: Option<u32>,
}

/// The fields of a product that change; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProductChanges {
    /// See [`NewProduct::name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// See [`NewProduct::description`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    /// See [`NewProduct::price`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// See [`NewProduct::category`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// See [`NewProduct::required`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// See [`NewProduct::time_value_seconds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_value_seconds: Option<Option<u32>>,
}

/// What is to stand of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Correction {
    /// Another quantity.
    Quantity(u32),
    /// Nothing: the money goes back.
    Refund,
}

/// What a desk itself puts on the attention list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RaiseKind {
    /// A stored command that can't be read.
    Unreadable,
    /// A wall clock was set.
    ClockStep,
}

/// How an entry of the attention list is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "camelCase")]
pub enum AttentionAction {
    /// The command was given again, with today's values.
    Redo,
    /// The money that was taken is recorded as a correction.
    Correct,
    /// Nothing is to be done.
    Dismiss,
}

/// An intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", content = "fields")]
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
        #[serde(skip_serializing_if = "Option::is_none")]
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
    /// `attention.raise`: a desk puts something on the attention list.
    AttentionRaise {
        /// Why.
        kind: RaiseKind,
        /// In words.
        message: String,
        /// The same for programs.
        #[serde(flatten)]
        remark: Option<Remark>,
        /// What it is about, as it was stored.
        #[serde(skip_serializing_if = "Option::is_none")]
        command: Option<Value>,
    },
    /// `attention.resolve`: an entry is settled.
    AttentionResolve {
        /// Which.
        entry_id: AttentionId,
        /// How.
        action: AttentionAction,
        /// Why; needed but for a redo.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The command that did it again.
        #[serde(skip_serializing_if = "Option::is_none")]
        again: Option<CommandId>,
    },
    /// `place.writeOff`: a manager gives up a desk and what was lent to it (`sync.md` rule 21).
    PlaceWriteOff {
        /// Which desk.
        device_id: DeviceId,
        /// Why.
        reason: String,
    },
    /// The server says which places a desk holds from now on; never from outside.
    Lend {
        /// Which desk.
        device_id: DeviceId,
        /// All that it holds.
        places: BTreeSet<PlaceId>,
    },
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
    /// An entry of the attention list.
    Attention(AttentionId),
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
        // An array would be read as the fields in their order, and nothing can be added to it.
        if text.trim_start().starts_with('[') {
            return Err(InvalidCommand("This can't be read: a command is an object.".to_owned()));
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
            "attention.raise" => read::<RaiseFields>(text)?.into_command()?,
            "attention.resolve" => read::<ResolveFields>(text)?.into_command()?,
            "place.writeOff" => {
                let fields: WriteOffFields = read(text)?;
                Self::PlaceWriteOff { device_id: fields.lost_device_id, reason: fields.reason }
            }
            other => return Err(InvalidCommand(format!("There is no command {:?}.", shorten(other)))),
        })
    }

    /// The types that a device can send; the clock and the lending of places have more.
    pub const SENT_KINDS: [&str; 13] = [
        "session.checkin",
        "sale.create",
        "session.play",
        "session.pause",
        "session.end",
        "product.create",
        "product.update",
        "product.delete",
        "transaction.correct",
        "settings.update",
        "attention.raise",
        "attention.resolve",
        "place.writeOff",
    ];

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
            Self::AttentionRaise { .. } => "attention.raise",
            Self::AttentionResolve { .. } => "attention.resolve",
            Self::PlaceWriteOff { .. } => "place.writeOff",
            Self::Lend { .. } => "place.lend",
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
            Self::AttentionResolve { entry_id, .. } => BTreeSet::from([Key::Attention(entry_id.clone())]),
            Self::ProductCreate(_)
            | Self::AttentionRaise { .. }
            | Self::PlaceWriteOff { .. }
            | Self::Lend { .. }
            | Self::Release(_)
            | Self::DayChange => BTreeSet::new(),
        }
    }

    /// The keys of the rows that it makes under the id `command`: what is tapped later may name them, and has to
    /// wait for it (`sync.md` rules 11 and 17).
    pub fn made_keys(&self, command: CommandId) -> BTreeSet<Key> {
        let lines = match self {
            Self::Checkin { lines, .. } => lines.len(),
            Self::Sale { lines, .. } => lines.len(),
            _ => 0,
        };
        let line = |index| Key::Transaction(TransactionId(row_id(command, "transaction", index)));
        let mut keys: BTreeSet<Key> = (0..lines).map(line).collect();
        if matches!(self, Self::ProductCreate(_)) {
            keys.insert(Key::Product(ProductId(row_id(command, "product", 0))));
        }
        keys
    }

    /// The keys of what it only reads: it does not hold those back that change them, but it waits for the one
    /// that makes them.
    pub fn read_keys(&self) -> BTreeSet<Key> {
        match self {
            Self::Checkin { lines, .. } => lines.iter().map(|line| Key::Product(line.product_id.clone())).collect(),
            Self::Sale { lines, .. } => lines.iter().map(|line| Key::Product(line.line.product_id.clone())).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// SHA-256 over type and parsed fields, in hex: two texts of the same intent have the same one,
    /// whatever their bytes (`sync.md` rule 16). It is kept with the outcome, so its form must not change
    /// from release to release: fields that are not given don't count.
    pub fn fingerprint(&self) -> String {
        // Commands are made of texts and whole numbers, so they can always be written.
        let fields = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(fields).iter().map(|byte| format!("{byte:02x}")).collect()
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
