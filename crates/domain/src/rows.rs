//! The rows of a venue as they are stored and synchronised: times in ms, money in minor units, nothing
//! derived (`sync.md` rule 3). Every screen is computed from them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    attention::AttentionRow,
    band::BarcodeId,
    command::{NAME_MAX_CHARS, TEXT_MAX_CHARS, TIME_VALUE_MAX_SECONDS},
    ids::{CommandId, CorrectionId, DeviceId, PlaceId, ProductId, SegmentId, SessionId, StaffId, TransactionId},
    money::{MINOR_PER_MAJOR_MAX, MinorUnits, PRICE_MAX_MAJOR},
    settings::SettingsRow,
    time::{Millis, SECOND_MS, VenueTime},
};

/// What kind of row a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Collection {
    /// [`ProductRow`].
    Products,
    /// [`SettingsRow`], one row with the id `system`.
    Settings,
    /// [`SessionRow`].
    Sessions,
    /// [`SegmentRow`].
    Segments,
    /// [`TransactionRow`].
    Transactions,
    /// [`CorrectionRow`].
    Corrections,
    /// [`AttentionRow`].
    Attention,
    /// [`PlaceRow`].
    Places,
}

impl Collection {
    /// Every collection, in the order in which a snapshot sends them: what others refer to comes first.
    pub const ALL: [Self; 8] = [
        Self::Settings,
        Self::Products,
        Self::Sessions,
        Self::Segments,
        Self::Transactions,
        Self::Corrections,
        Self::Attention,
        Self::Places,
    ];

    /// The name on the wire and in the state hash.
    pub fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Settings => "settings",
            Self::Sessions => "sessions",
            Self::Segments => "segments",
            Self::Transactions => "transactions",
            Self::Corrections => "corrections",
            Self::Attention => "attention",
            Self::Places => "places",
        }
    }
}

/// A thing that is sold; with `time_value_ms` it adds credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductRow {
    /// Its id.
    pub id: ProductId,
    /// 1–120 characters.
    pub name: String,
    /// Up to 2,000 characters.
    pub description: Option<String>,
    /// Price of one.
    pub price_minor: MinorUnits,
    /// 1–120 characters.
    pub category: String,
    /// Preselected at check-in; see [`SettingsRow::required_products_enforced`].
    pub required: bool,
    /// Credit that one adds, up to a day; none for an extra.
    pub time_value_ms: Option<Millis>,
    /// Removed from sale; the row stays, since lines of sales name it.
    pub is_deleted: bool,
    /// When it was made.
    pub created_at: VenueTime,
    /// When it last changed.
    pub updated_at: VenueTime,
}

impl ProductRow {
    /// Whether a venue can have such a product, in whatever currency: asked of one that comes from elsewhere.
    pub fn is_plausible(&self) -> bool {
        let is_text = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
        is_text(&self.name, NAME_MAX_CHARS)
            && is_text(&self.category, NAME_MAX_CHARS)
            && self.description.as_ref().is_none_or(|text| text.chars().count() <= TEXT_MAX_CHARS)
            && (0..=PRICE_MAX_MAJOR * MINOR_PER_MAJOR_MAX).contains(&self.price_minor.0)
            && self.time_value_ms.is_none_or(|ms| (0..=i64::from(TIME_VALUE_MAX_SECONDS) * SECOND_MS).contains(&ms))
    }
}

/// One visit with one band: bought credit, played time, state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The band.
    pub barcode_id: BarcodeId,
    /// All credit bought, less what refunds took back.
    pub credit_ms: Millis,
    /// Sum of what the closed segments count; never over `credit_ms`.
    pub played_ms: Millis,
    /// Time in the zone past the credit, kept apart and not billed (`domain.md` rule 3).
    pub overstay_ms: Millis,
    /// The segment that runs, and since when.
    pub open_segment: Option<OpenSegment>,
    /// When it first played.
    pub first_play_at: Option<VenueTime>,
    /// When it was last paused; the order of the display queue.
    pub paused_at: Option<VenueTime>,
    /// The check-in that opened it.
    pub created_at: VenueTime,
    /// When credit was last bought; `credit_valid_days` count from here.
    pub credit_at: VenueTime,
    /// When a person last changed it: no later command of a desk is effective before it (`sync.md` rule 13).
    pub person_at: VenueTime,
    /// When it ended; then what is left of the credit is closed.
    pub ended_at: Option<VenueTime>,
    /// When it last changed.
    pub updated_at: VenueTime,
}

/// The running segment of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenSegment {
    /// The segment's row.
    pub id: SegmentId,
    /// When the clock started.
    pub started_at: VenueTime,
}

/// Who closed a segment. A person's scan is evidence, the clock an assumption (`domain.md` rule 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClosedBy {
    /// A pause, an out, or a top-up after the credit had run out.
    Person,
    /// The release of `domain.md` rule 4.
    Clock,
}

/// One stretch of play `[startedAt, endedAt)`, never longer than the credit that there was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentRow {
    /// Its id.
    pub id: SegmentId,
    /// The visit.
    pub session_id: SessionId,
    /// When the clock started.
    pub started_at: VenueTime,
    /// When it stopped counting; none while it runs.
    pub ended_at: Option<VenueTime>,
    /// When the place was free again: later than `ended_at` after overstay; none while it runs.
    pub left_at: Option<VenueTime>,
    /// Who closed it; none while it runs.
    pub closed_by: Option<ClosedBy>,
}

/// What stands of a line now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "camelCase")]
pub enum TransactionStatus {
    /// As sold.
    Completed,
    /// Another quantity stands.
    Corrected,
    /// The money was given back.
    Refunded,
}

/// One line of a sale, with the product as it was (`domain.md`, Words).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionRow {
    /// Its id.
    pub id: TransactionId,
    /// The sale that it is a line of: the command's id.
    pub sale_id: CommandId,
    /// The visit that it was sold to.
    pub session_id: SessionId,
    /// The band of that visit.
    pub barcode_id: BarcodeId,
    /// What was sold.
    pub product_id: ProductId,
    /// Its name at the sale.
    pub product_name: String,
    /// Its category at the sale.
    pub product_category: String,
    /// Its price at the sale.
    pub unit_price_minor: MinorUnits,
    /// The credit that one added at the sale.
    pub unit_time_ms: Option<Millis>,
    /// What stands now; 0 once refunded.
    pub quantity: u32,
    /// What stands now; 0 once refunded.
    pub total_price_minor: MinorUnits,
    /// As sold.
    pub original_quantity: u32,
    /// As sold.
    pub original_total_price_minor: MinorUnits,
    /// What stands.
    pub status: TransactionStatus,
    /// How it was paid, if the desk said.
    pub payment: Option<String>,
    /// When it was sold, in venue time.
    pub created_at: VenueTime,
    /// Which desk sold it.
    pub device_id: Option<DeviceId>,
    /// Who sold it.
    pub staff_id: Option<StaffId>,
}

/// One correction or refund, a row of its own: the line itself stays (`domain.md` rules 11 and 14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CorrectionRow {
    /// Its id.
    pub id: CorrectionId,
    /// The corrected line.
    pub transaction_id: TransactionId,
    /// The visit of that line.
    pub session_id: SessionId,
    /// The product of that line.
    pub product_id: ProductId,
    /// Change of the quantity that stands.
    pub quantity_change: i64,
    /// Change of the money that stands; negative when it was given back.
    pub amount_minor: MinorUnits,
    /// Change of the session's credit; never takes what was played.
    pub credit_ms: Millis,
    /// Why, in the words of who did it.
    pub reason: String,
    /// When it was made.
    pub created_at: VenueTime,
    /// Where.
    pub device_id: Option<DeviceId>,
    /// Who.
    pub staff_id: Option<StaffId>,
}

/// A free place that only the desk that it is lent to may fill (`sync.md` rule 21).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceRow {
    /// Its id.
    pub id: PlaceId,
    /// To whom it is lent.
    pub device_id: DeviceId,
    /// Since when.
    pub granted_at: VenueTime,
    /// A manager gave the desk up: others may have the place, and a play that still names it is believed.
    pub written_off: bool,
}

/// A row of any collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Row {
    /// Of [`Collection::Products`].
    Product(ProductRow),
    /// Of [`Collection::Settings`].
    Settings(SettingsRow),
    /// Of [`Collection::Sessions`].
    Session(SessionRow),
    /// Of [`Collection::Segments`].
    Segment(SegmentRow),
    /// Of [`Collection::Transactions`].
    Transaction(TransactionRow),
    /// Of [`Collection::Corrections`].
    Correction(CorrectionRow),
    /// Of [`Collection::Attention`].
    Attention(Box<AttentionRow>),
    /// Of [`Collection::Places`].
    Place(PlaceRow),
}

impl Row {
    /// Which collection it belongs to.
    pub fn collection(&self) -> Collection {
        match self {
            Self::Product(_) => Collection::Products,
            Self::Settings(_) => Collection::Settings,
            Self::Session(_) => Collection::Sessions,
            Self::Segment(_) => Collection::Segments,
            Self::Transaction(_) => Collection::Transactions,
            Self::Correction(_) => Collection::Corrections,
            Self::Attention(_) => Collection::Attention,
            Self::Place(_) => Collection::Places,
        }
    }

    /// Its id within the collection.
    pub fn id(&self) -> &str {
        match self {
            Self::Product(row) => row.id.as_str(),
            Self::Settings(row) => &row.id,
            Self::Session(row) => row.id.as_str(),
            Self::Segment(row) => row.id.as_str(),
            Self::Transaction(row) => row.id.as_str(),
            Self::Correction(row) => row.id.as_str(),
            Self::Attention(row) => row.id.as_str(),
            Self::Place(row) => row.id.as_str(),
        }
    }

    /// Reads a stored row.
    ///
    /// # Errors
    /// The JSON is not a row of that collection.
    pub fn from_value(collection: Collection, row: Value) -> Result<Self, serde_json::Error> {
        Ok(match collection {
            Collection::Products => Self::Product(serde_json::from_value(row)?),
            Collection::Settings => Self::Settings(serde_json::from_value(row)?),
            Collection::Sessions => Self::Session(serde_json::from_value(row)?),
            Collection::Segments => Self::Segment(serde_json::from_value(row)?),
            Collection::Transactions => Self::Transaction(serde_json::from_value(row)?),
            Collection::Corrections => Self::Correction(serde_json::from_value(row)?),
            Collection::Attention => Self::Attention(serde_json::from_value(row)?),
            Collection::Places => Self::Place(serde_json::from_value(row)?),
        })
    }

    /// Reads a stored row from its JSON text.
    ///
    /// # Errors
    /// The JSON is not a row of that collection.
    pub fn from_json(collection: Collection, row: &str) -> Result<Self, serde_json::Error> {
        Ok(match collection {
            Collection::Products => Self::Product(serde_json::from_str(row)?),
            Collection::Settings => Self::Settings(serde_json::from_str(row)?),
            Collection::Sessions => Self::Session(serde_json::from_str(row)?),
            Collection::Segments => Self::Segment(serde_json::from_str(row)?),
            Collection::Transactions => Self::Transaction(serde_json::from_str(row)?),
            Collection::Corrections => Self::Correction(serde_json::from_str(row)?),
            Collection::Attention => Self::Attention(serde_json::from_str(row)?),
            Collection::Places => Self::Place(serde_json::from_str(row)?),
        })
    }
}

/// One row as it stands after an event, or gone from the sync set (`row: null`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which collection.
    pub collection: Collection,
    /// Which row.
    pub id: String,
    /// The row now; none: no longer in the sync set.
    pub row: Option<Row>,
}

impl Change {
    /// The row stands so now.
    pub fn put(row: Row) -> Self {
        Self { collection: row.collection(), id: row.id().to_owned(), row: Some(row) }
    }

    /// The row left the sync set.
    pub fn gone(collection: Collection, id: &str) -> Self {
        Self { collection, id: id.to_owned(), row: None }
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            collection: Collection,
            id: String,
            row: Option<Value>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let row =
            raw.row.map(|row| Row::from_value(raw.collection, row)).transpose().map_err(serde::de::Error::custom)?;
        if row.as_ref().is_some_and(|row| row.id() != raw.id) {
            return Err(serde::de::Error::custom("a change names another row than it carries"));
        }
        Ok(Self { collection: raw.collection, id: raw.id, row })
    }
}
