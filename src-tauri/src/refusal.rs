//! What the page gets when the shell or the core would not do something.

use std::borrow::Cow;

use serde::Serialize;

/// A code for the page and a sentence for people; every failed IPC call rejects with one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// snake_case, stable.
    pub code: Cow<'static, str>,
    /// Says what happened and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal of the shell itself.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }

    /// There is no venue yet that the call could be about.
    pub fn not_ready() -> Self {
        Self::new("not_ready", "This desk has no venue yet. Choose one first.")
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<gangway_console::ConsoleError> for Refusal {
    fn from(error: gangway_console::ConsoleError) -> Self {
        Self { code: Cow::Owned(error.code().to_string()), message: error.to_string() }
    }
}
