//! `SystemSettings` of `contract.md`, and the change of any subset of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

use crate::{
    command::{InvalidCommand, NAME_MAX_CHARS, TEXT_MAX_CHARS, bounded, bounded_text},
    day::is_timezone,
    money::Currency,
    settings::{AUTO_RELEASE_MAX_SECONDS, CREDIT_VALID_MAX_DAYS, CapacityPolicy, SettingsChanges, SettingsRow},
};

/// Most places of a venue (`contract.md`, Bounds).
pub const OCCUPANCY_MAX: u32 = 100_000;

/// The venue's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SystemSettings {
    /// Always `system`.
    pub id: String,
    /// Places.
    pub max_occupancy: u32,
    /// ISO 4217.
    pub currency: String,
    /// Decimals of that currency, for forms.
    pub currency_decimals: u32,
    /// IANA time zone.
    pub timezone: String,
    /// `HH:MM`.
    pub operational_day_start: String,
    /// Seconds from running out to the release.
    pub auto_release_seconds: u32,
    /// Yellow below the first, red below the second.
    pub low_time_seconds: [u32; 2],
    /// What a full venue means offline.
    pub capacity_policy: CapacityPolicy,
    /// Further days that left-over credit lasts.
    pub credit_valid_days: u32,
    /// A sale without the required products is rejected.
    pub required_products_enforced: bool,
    /// The venue's name.
    pub site_name: String,
    /// Its logo.
    pub logo_url: Option<String>,
    /// When the venue was made.
    pub created_at: String,
    /// When the settings last changed.
    pub updated_at: String,
}

impl SystemSettings {
    /// `row` as the wire has it.
    pub fn of(row: &SettingsRow) -> Self {
        Self {
            id: row.id.clone(),
            max_occupancy: row.max_occupancy,
            currency: row.currency.clone(),
            currency_decimals: row.currency().decimals(),
            timezone: row.timezone.clone(),
            operational_day_start: row.operational_day_start.into(),
            auto_release_seconds: row.auto_release_seconds,
            low_time_seconds: row.low_time_seconds,
            capacity_policy: row.capacity_policy,
            credit_valid_days: row.credit_valid_days,
            required_products_enforced: row.required_products_enforced,
            site_name: row.site_name.clone(),
            logo_url: row.logo_url.clone(),
            created_at: row.created_at.to_iso(),
            updated_at: row.updated_at.to_iso(),
        }
    }
}

/// Reads a subset of the settings; fields that are none of ours are ignored.
///
/// # Errors
/// A value out of bounds, or nothing that could change.
pub fn read_settings_changes(fields: &Map<String, Value>) -> Result<SettingsChanges, InvalidCommand> {
    let mut changes = SettingsChanges::default();
    for (name, value) in fields {
        read_field(&mut changes, name, value)?;
    }
    if changes == SettingsChanges::default() {
        return Err(InvalidCommand("Nothing was given to change.".to_owned()));
    }
    Ok(changes)
}

fn read_field(changes: &mut SettingsChanges, name: &str, value: &Value) -> Result<(), InvalidCommand> {
    let text = value.as_str();
    let whole =
        |min, max| or_say(bounded(value, min, max), || format!("{name} is a whole number from {min} to {max}."));
    match name {
        "maxOccupancy" => changes.max_occupancy = Some(whole(1, OCCUPANCY_MAX)?),
        "currency" => {
            let known = text.filter(|code| Currency::from_code(code).is_some());
            changes.currency =
                Some(or_say(known, || "currency is an ISO 4217 code such as EUR.".to_owned())?.to_owned());
        }
        "timezone" => {
            let known = text.filter(|zone| is_timezone(zone));
            changes.timezone =
                Some(or_say(known, || "timezone is an IANA name such as Europe/Madrid.".to_owned())?.to_owned());
        }
        "operationalDayStart" => {
            let start = text.and_then(|text| text.parse().ok());
            changes.operational_day_start =
                Some(or_say(start, || "operationalDayStart is a time such as 07:00.".to_owned())?);
        }
        "autoReleaseSeconds" => changes.auto_release_seconds = Some(whole(0, AUTO_RELEASE_MAX_SECONDS)?),
        "lowTimeSeconds" => {
            let pair = read_low_time(value);
            changes.low_time_seconds =
                Some(or_say(pair, || "lowTimeSeconds is two whole numbers of seconds, the larger first.".to_owned())?);
        }
        "capacityPolicy" => {
            let policy = match text {
                Some("advisory") => Some(CapacityPolicy::Advisory),
                Some("strict") => Some(CapacityPolicy::Strict),
                _ => None,
            };
            changes.capacity_policy = Some(or_say(policy, || "capacityPolicy is advisory or strict.".to_owned())?);
        }
        "creditValidDays" => changes.credit_valid_days = Some(whole(0, CREDIT_VALID_MAX_DAYS)?),
        "requiredProductsEnforced" => {
            changes.required_products_enforced = Some(or_say(value.as_bool(), || format!("{name} is true or false."))?);
        }
        "siteName" => {
            let site_name = bounded_text(value, 1, NAME_MAX_CHARS);
            changes.site_name = Some(or_say(site_name, || format!("{name} has 1 to {NAME_MAX_CHARS} characters."))?);
        }
        "logoUrl" if value.is_null() => changes.logo_url = Some(None),
        "logoUrl" => {
            let logo = bounded_text(value, 1, TEXT_MAX_CHARS);
            changes.logo_url = Some(Some(or_say(logo, || format!("{name} has 1 to {TEXT_MAX_CHARS} characters."))?));
        }
        _ => {}
    }
    Ok(())
}

fn read_low_time(value: &Value) -> Option<[u32; 2]> {
    match value.as_array()?.as_slice() {
        [yellow, red] => {
            Some([bounded(yellow, 0, 86_400)?, bounded(red, 0, 86_400)?]).filter(|[yellow, red]| yellow >= red)
        }
        _ => None,
    }
}

fn or_say<T>(value: Option<T>, sentence: impl FnOnce() -> String) -> Result<T, InvalidCommand> {
    value.ok_or_else(|| InvalidCommand(sentence()))
}
