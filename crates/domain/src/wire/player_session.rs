//! `PlayerSession` of `contract.md`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    rows::SessionRow,
    session::Status,
    time::{VenueTime, whole_seconds},
};

/// One visit as every screen shows it. Seconds are whole, rounded down, never negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PlayerSession {
    /// Its id.
    pub id: String,
    /// The band's code.
    pub barcode_id: String,
    /// All credit bought, less what refunds took back.
    #[ts(type = "number")]
    pub total_allowed_seconds: u64,
    /// Sum of the closed segments.
    #[ts(type = "number")]
    pub accumulated_seconds: u64,
    /// When the running segment started; null while it does not play.
    pub last_start_at: Option<String>,
    /// It plays (overdue included).
    pub is_active: bool,
    /// When the credit runs out if it keeps playing; null while it does not.
    pub expires_at: Option<String>,
    /// The check-in.
    pub created_at: String,
    /// The last change.
    pub updated_at: String,
    /// Credit left at the moment of the answer; 0 when overdue or ended.
    #[ts(type = "number")]
    pub remaining_seconds: u64,
    /// The same in whole minutes.
    #[ts(type = "number")]
    pub remaining_minutes: u64,
    /// What it does.
    pub status: Status,
    /// When it was paused, for the order of the queue.
    pub paused_at: Option<String>,
    /// Time in the zone past the credit, so far.
    #[ts(type = "number")]
    pub overstay_seconds: u64,
}

impl PlayerSession {
    /// `row` as it stands at `now`.
    pub fn at(row: &SessionRow, now: VenueTime) -> Self {
        let remaining_seconds = whole_seconds(row.remaining_ms(now));
        Self {
            id: row.id.0.clone(),
            barcode_id: row.barcode_id.as_str().to_owned(),
            total_allowed_seconds: whole_seconds(row.credit_ms),
            accumulated_seconds: whole_seconds(row.played_ms),
            last_start_at: row.open_segment.as_ref().map(|open| open.started_at.to_iso()),
            is_active: row.open_segment.is_some(),
            expires_at: row.runs_out_at().map(VenueTime::to_iso),
            created_at: row.created_at.to_iso(),
            updated_at: row.updated_at.to_iso(),
            remaining_seconds,
            remaining_minutes: remaining_seconds / 60,
            status: row.status(),
            paused_at: row.paused_at.map(VenueTime::to_iso),
            overstay_seconds: whole_seconds(row.overstay_ms(now)),
        }
    }
}
