//! What a call brings along: its body, its query, its `Idempotency-Key`, its device.

use std::{collections::BTreeMap, str::FromStr};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
};
use bytes::{Bytes, BytesMut};
use gangway_domain::{
    band::BarcodeId,
    ids::{CommandId, DeviceId},
};
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use http_body_util::BodyExt;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::error::ApiError;
use crate::access::{Identity, Role};

/// The largest body (`contract.md`, Bounds).
pub const BODY_MAX: usize = 256 << 10;
/// How much of a body that is too large is read and thrown away, so that the caller hears the answer
/// instead of a reset.
const DRAIN_MAX: usize = 4 << 20;
/// The longest `X-Device-Id`.
const DEVICE_ID_MAX: usize = 64;

/// A body that is a JSON object, as its text: an amount is read from its text, never from a float.
#[derive(Clone, Debug)]
pub struct JsonObject(pub String);

impl<S: Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let json = request.headers().get(CONTENT_TYPE).is_none_or(|value| is_json(value.as_bytes()));
        let bytes = read_body(request).await?;
        if !json {
            let sentence = "The body has to be application/json.";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", sentence));
        }
        let not_json = || ApiError::bad("invalid_json", "The body is no JSON object.");
        let text = String::from_utf8(bytes.into()).map_err(|_| not_json())?;
        let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(&text).is_ok();
        if is_object { Ok(Self(text)) } else { Err(not_json()) }
    }
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
}

async fn read_body(request: Request) -> Result<Bytes, ApiError> {
    let announced: Option<usize> =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body: Body = request.into_body();
    let mut bytes = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::bad("incomplete_body", "The body did not come to its end."))?;
        let Ok(part) = frame.into_data() else { continue };
        read += part.len();
        if read > DRAIN_MAX {
            break;
        }
        if read <= BODY_MAX {
            bytes.extend_from_slice(&part);
        }
    }
    if read > BODY_MAX || announced.is_some_and(|length| length > BODY_MAX) {
        let sentence = format!("A body has at most {BODY_MAX} bytes.");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", sentence));
    }
    Ok(bytes.freeze())
}

impl JsonObject {
    /// The object's fields with their texts.
    ///
    /// # Errors
    /// A key comes twice is no error; the last one counts.
    pub fn fields(&self) -> Result<BTreeMap<String, Box<RawValue>>, ApiError> {
        serde_json::from_str(&self.0).map_err(|_| ApiError::bad("invalid_json", "The body is no JSON object."))
    }
}

/// The query of a call.
#[derive(Debug)]
pub struct Params(BTreeMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(params)| Self(params))
            .map_err(|_| ApiError::bad("invalid_query", "The query can't be read."))
    }
}

impl Params {
    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A whole number within `min..=max`, or `default` where it is not given.
    ///
    /// # Errors
    /// 400 `invalid_query`.
    pub fn number(&self, name: &str, default: u64, min: u64, max: u64) -> Result<u64, ApiError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|number| digits && (min..=max).contains(number))
            .ok_or_else(|| ApiError::bad("invalid_query", format!("{name} is a whole number from {min} to {max}.")))
    }
}

/// The band code in the rest of a call's path.
#[derive(Debug)]
pub struct PathBand(pub BarcodeId);

impl<S: Send + Sync> FromRequestParts<S> for PathBand {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = text.map_err(|_| ApiError::bad("invalid_barcode", "This is no band code: it is no text."))?;
        band(&text).map(Self)
    }
}

/// A band code.
///
/// # Errors
/// 400 `invalid_barcode`.
pub fn band(text: &str) -> Result<BarcodeId, ApiError> {
    BarcodeId::parse(text).map_err(|error| ApiError::bad("invalid_barcode", format!("This is no band code: {error}.")))
}

/// Who calls: the id of its command, if it gave one, and its device.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `Idempotency-Key`.
    pub command_id: Option<CommandId>,
    /// The device whose token it has; without tokens, `X-Device-Id`.
    pub device_id: Option<DeviceId>,
    /// What it may do.
    pub role: Role,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let said = device_id(&parts.headers)?;
        let identity = parts.extensions.get::<Identity>().ok_or_else(ApiError::unauthorized)?;
        let device_id = identity.device.clone().or(said);
        Ok(Self { command_id: command_id(&parts.headers)?, device_id, role: identity.role })
    }
}

fn command_id(headers: &HeaderMap) -> Result<Option<CommandId>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| CommandId::from_str(text.trim()).ok());
    id.map(Some).ok_or_else(|| ApiError::bad("invalid_idempotency_key", "Idempotency-Key has to be a UUID."))
}

fn device_id(headers: &HeaderMap) -> Result<Option<DeviceId>, ApiError> {
    let Some(value) = headers.get("x-device-id") else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim).filter(|text| (1..=DEVICE_ID_MAX).contains(&text.len()));
    let device = text.map(|text| DeviceId(text.to_owned()));
    device.map(Some).ok_or_else(|| ApiError::bad("invalid_device_id", "X-Device-Id has 1 to 64 characters."))
}
