//! What the page gets when the shell or the core would not do something.

use std::borrow::Cow;

use serde::Serialize;
use strum::{IntoStaticStr, VariantNames};

/// What the shell itself refuses for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Code {
    /// The call can't be read.
    BadRequest,
    /// This computer can't host the venue.
    CannotHost,
    /// The choice can't be saved.
    CannotRemember,
    /// The program ends.
    Closing,
    /// No way to a venue was chosen.
    InvalidChoice,
    /// That is no server's address.
    InvalidServer,
    /// There is no venue yet.
    NotReady,
    /// No Gangway server answers there.
    NoServer,
    /// A newer version keeps the venue of this computer.
    VenueNewer,
}

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
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code.into()), message: message.into() }
    }

    /// There is no venue yet that the call could be about.
    pub fn not_ready() -> Self {
        Self::new(Code::NotReady, "This desk has no venue yet. Choose one first.")
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
        Self { code: Cow::Borrowed(error.code()), message: error.to_string() }
    }
}

impl From<gangway_console::OpenError> for Refusal {
    fn from(error: gangway_console::OpenError) -> Self {
        Self { code: Cow::Borrowed(error.code()), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests;
