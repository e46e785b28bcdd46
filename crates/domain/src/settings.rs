//! The venue's settings: one row, changed field by field (`contract.md`, SystemSettings).

use serde::{Deserialize, Serialize};

use crate::{
    day::{DayRule, DayRules, DayStart, RuleUntil},
    money::Currency,
    time::{Millis, SECOND_MS, VenueTime},
};

/// The id of the one settings row.
pub const SETTINGS_ID: &str = "system";
/// Longest automatic release, in seconds.
pub const AUTO_RELEASE_MAX_SECONDS: u32 = 86_400;
/// Longest life of left-over credit, in days.
pub const CREDIT_VALID_MAX_DAYS: u32 = 3_650;

/// What happens when a desk without a link finds the venue full (`sync.md` rule 21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "camelCase")]
pub enum CapacityPolicy {
    /// Warn only.
    Advisory,
    /// Nobody enters without a covered place.
    Strict,
}

/// The settings as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsRow {
    /// Always [`SETTINGS_ID`].
    pub id: String,
    /// Places, 1–100,000.
    pub max_occupancy: u32,
    /// ISO 4217; can't change after the first sale (`sync.md` rule 23).
    pub currency: String,
    /// IANA time zone.
    pub timezone: String,
    /// When the operational day starts, `HH:MM` in that zone.
    pub operational_day_start: DayStart,
    /// The zone and start that still hold for the running day after a change of them.
    pub previous_day_rule: Option<RuleUntil>,
    /// How long after running out a band is released.
    pub auto_release_seconds: u32,
    /// Below the first a clock is yellow, below the second red.
    pub low_time_seconds: [u32; 2],
    /// What a full venue means offline.
    pub capacity_policy: CapacityPolicy,
    /// How many further days left-over credit lasts; 0: it ends with the day.
    pub credit_valid_days: u32,
    /// A sale without the required products is rejected.
    pub required_products_enforced: bool,
    /// The venue's name.
    pub site_name: String,
    /// Where its logo is.
    pub logo_url: Option<String>,
    /// When the venue was made.
    pub created_at: VenueTime,
    /// When the settings last changed.
    pub updated_at: VenueTime,
}

impl SettingsRow {
    /// The settings of a venue that was just made.
    pub fn new(site_name: &str, now: VenueTime) -> Self {
        Self {
            id: SETTINGS_ID.to_owned(),
            max_occupancy: 100,
            currency: "EUR".to_owned(),
            timezone: "Europe/Madrid".to_owned(),
            operational_day_start: DayStart::default(),
            previous_day_rule: None,
            auto_release_seconds: 300,
            low_time_seconds: [300, 60],
            capacity_policy: CapacityPolicy::Advisory,
            credit_valid_days: 0,
            required_products_enforced: false,
            site_name: site_name.to_owned(),
            logo_url: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The currency; a stored code is always one that was checked.
    pub fn currency(&self) -> Currency {
        Currency::from_code(&self.currency).unwrap_or_else(|| Currency::from_code("EUR").expect("EUR is in ISO 4217"))
    }

    /// When operational days begin and end.
    pub fn day_rules(&self) -> DayRules {
        DayRules {
            rule: DayRule { timezone: self.timezone.clone(), start: self.operational_day_start },
            previous: self.previous_day_rule.clone(),
        }
    }

    /// [`Self::auto_release_seconds`] in milliseconds.
    pub fn auto_release_ms(&self) -> Millis {
        Millis::from(self.auto_release_seconds) * SECOND_MS
    }
}

/// A change of settings, already within bounds; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SettingsChanges {
    /// See [`SettingsRow::max_occupancy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_occupancy: Option<u32>,
    /// See [`SettingsRow::currency`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// See [`SettingsRow::timezone`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// See [`SettingsRow::operational_day_start`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operational_day_start: Option<DayStart>,
    /// See [`SettingsRow::auto_release_seconds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_release_seconds: Option<u32>,
    /// See [`SettingsRow::low_time_seconds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_time_seconds: Option<[u32; 2]>,
    /// See [`SettingsRow::capacity_policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_policy: Option<CapacityPolicy>,
    /// See [`SettingsRow::credit_valid_days`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_valid_days: Option<u32>,
    /// See [`SettingsRow::required_products_enforced`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_products_enforced: Option<bool>,
    /// See [`SettingsRow::site_name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_name: Option<String>,
    /// See [`SettingsRow::logo_url`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<Option<String>>,
}
