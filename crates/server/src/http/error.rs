//! What a call that fails is answered: `{"error","code","details"}` (`contract.md`, HTTP).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use gangway_domain::command::InvalidCommand;
use http::{
    HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};

use crate::{access::Denied, execute::WireRejection, store::StoreError};

/// Seconds after which a busy server may be asked again.
const RETRY_AFTER_S: u16 = 1;

/// A refusal of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    code: String,
    message: String,
    /// Boxed, since most refusals have none and every call returns room for one.
    details: Box<Value>,
}

impl ApiError {
    /// A refusal with a code for programs and a sentence for people.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), details: Box::new(json!({})) }
    }

    /// With what a program needs to say it in its own words.
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Box::new(details);
        self
    }

    /// 400: the call itself is wrong.
    pub fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404: what the path names is not there.
    pub fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 401: no token, or none that counts.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A token is needed.")
    }

    /// 403: its role may not do this.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This device may not do that.")
    }

    /// 410: the log can't say what was missed.
    pub fn snapshot_required() -> Self {
        Self::new(StatusCode::GONE, "snapshot_required", "The log can't say what was missed: load a snapshot.")
    }

    /// 429: too many requests.
    pub fn too_many() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests at once.")
    }

    /// 503: not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// A venue's "no" with the status that the call promises for it.
    pub fn rejected(status: StatusCode, rejection: &WireRejection) -> Self {
        Self::new(status, &rejection.code, rejection.message.clone()).with_details(rejection.details.clone())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::unavailable("The server can't do this now; nothing was changed.")
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized => Self::unauthorized(),
            Denied::Revoked => Self::new(StatusCode::UNAUTHORIZED, "revoked", denied.to_string()),
            Denied::TooMany => Self::too_many(),
        }
    }
}

impl From<InvalidCommand> for ApiError {
    fn from(error: InvalidCommand) -> Self {
        Self::bad("invalid_command", error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let again = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let body = json!({ "error": self.message, "code": self.code, "details": self.details });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if again {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}
