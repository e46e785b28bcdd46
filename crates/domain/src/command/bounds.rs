//! Values within bounds (`contract.md`, Bounds): refused, never clamped. Each reads a JSON value first, so
//! that the sentence about a wrong one is ours.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{NAME_MAX_CHARS, QUANTITY_MAX, TEXT_MAX_CHARS, TIME_VALUE_MAX_SECONDS};
use crate::band::{BarcodeId, InvalidBarcode};

pub(super) fn barcode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BarcodeId, D::Error> {
    let value = Value::deserialize(deserializer)?;
    value.as_str().and_then(|text| BarcodeId::parse(text).ok()).ok_or_else(|| serde::de::Error::custom(InvalidBarcode))
}

pub(super) fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    bounded(&value, 1, QUANTITY_MAX)
        .ok_or_else(|| serde::de::Error::custom(format!("a quantity is a whole number from 1 to {QUANTITY_MAX}")))
}

pub(super) fn some_quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    quantity(deserializer).map(Some)
}

pub(super) fn time_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
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

pub(super) fn some_time_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    time_value(deserializer).map(Some)
}

/// `value` as a whole number within `min..=max`; refused, not clamped.
pub(crate) fn bounded(value: &Value, min: u32, max: u32) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| (min..=max).contains(number))
}

pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    bounded_text(&value, 1, NAME_MAX_CHARS)
        .ok_or_else(|| serde::de::Error::custom(format!("a name has 1 to {NAME_MAX_CHARS} characters")))
}

pub(super) fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    name(deserializer).map(Some)
}

pub(super) fn optional_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    bounded_text(&value, 1, NAME_MAX_CHARS)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom(format!("a payment has 1 to {NAME_MAX_CHARS} characters")))
}

pub(super) fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    bounded_text(&value, 1, TEXT_MAX_CHARS)
        .ok_or_else(|| serde::de::Error::custom(format!("a reason has 1 to {TEXT_MAX_CHARS} characters")))
}

pub(super) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    bounded_text(&value, 0, TEXT_MAX_CHARS)
        .map(|text| Some(text).filter(|text| !text.is_empty()))
        .ok_or_else(|| serde::de::Error::custom(format!("a description has up to {TEXT_MAX_CHARS} characters")))
}

pub(super) fn some_optional_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    optional_text(deserializer).map(Some)
}

/// `value` as a trimmed text of `min..=max` characters without control characters but new lines.
pub(crate) fn bounded_text(value: &Value, min: usize, max: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    let clean = !text.chars().any(|c| c.is_control() && c != '\n');
    ((min..=max).contains(&text.chars().count()) && clean).then(|| text.to_owned())
}
