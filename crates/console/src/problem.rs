//! What `status` says is wrong, and what was done about files: a sentence, and for programs a code with what it
//! takes to say it in other words.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

use crate::{
    cache::CacheError,
    net::{LinkError, RestError},
    outbox::OutboxError,
    sync::load::LoadError,
};

/// Why there is no link, the last fetch failed, or a file of this desk can't be written. The text is for logs and
/// people who look into it.
#[derive(Clone, Debug, PartialEq, Eq, Error, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Problem {
    /// No answer of our server.
    #[error("{reason}")]
    NoAnswer {
        /// What the machine says.
        reason: String,
    },
    /// The server's certificate is not accepted: expired, of another name, of nobody who is known.
    #[error("{reason}")]
    Certificate {
        /// What the machine says.
        reason: String,
    },
    /// It asks for time.
    #[error("the server is busy")]
    ServerBusy,
    /// It lets in who has a token, and this desk has none, or none that it knows.
    #[error("{reason}")]
    NotPaired {
        /// What it says.
        reason: String,
    },
    /// A manager has removed this desk.
    #[error("{reason}")]
    Removed {
        /// What it says.
        reason: String,
    },
    /// This desk's role may not have what a desk needs.
    #[error("{reason}")]
    NotAllowed {
        /// What it says.
        reason: String,
    },
    /// This desk has another device's token.
    #[error("{reason}")]
    OtherDevice {
        /// What it says.
        reason: String,
    },
    /// It understood and refused.
    #[error("{reason}")]
    Refused {
        /// Its code.
        code: String,
        /// Its sentence.
        reason: String,
    },
    /// An answer that can't be read.
    #[error("{reason}")]
    AnswerUnreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// Another venue's server.
    #[error("{reason}")]
    OtherVenue {
        /// Says which.
        reason: String,
    },
    /// The cache file can't be written.
    #[error("{reason}")]
    CacheFile {
        /// What SQLite says.
        reason: String,
    },
    /// The outbox can't be written while rows are put in place.
    #[error("{reason}")]
    OutboxFile {
        /// What SQLite says.
        reason: String,
    },
    /// The outbox does not take commands.
    #[error("This desk's disk does not take commands now, so none is lost or half saved: {reason}.")]
    CommandsNotSaved {
        /// What SQLite says.
        reason: String,
    },
    /// The console is closing.
    #[error("the console is closing")]
    Closing,
}

impl Problem {
    /// The snake_case code.
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// Every code that there is.
    pub fn codes() -> &'static [&'static str] {
        Self::VARIANTS
    }

    /// Whether a server of ours is there and does not let this device in: pairing helps.
    pub fn is_of_pairing(&self) -> bool {
        match self {
            Self::NotPaired { .. } | Self::Removed { .. } | Self::NotAllowed { .. } | Self::OtherDevice { .. } => true,
            Self::NoAnswer { .. }
            | Self::Certificate { .. }
            | Self::ServerBusy
            | Self::Refused { .. }
            | Self::AnswerUnreadable { .. }
            | Self::OtherVenue { .. }
            | Self::CacheFile { .. }
            | Self::OutboxFile { .. }
            | Self::CommandsNotSaved { .. }
            | Self::Closing => false,
        }
    }

    fn params(&self) -> Value {
        match self {
            Self::Refused { code, .. } => json!({ "code": code }),
            _ => json!({}),
        }
    }

    fn of_refusal(code: &str, reason: String) -> Self {
        match code {
            "unauthorized" => Self::NotPaired { reason },
            "revoked" => Self::Removed { reason },
            "forbidden" => Self::NotAllowed { reason },
            "wrong_device" => Self::OtherDevice { reason },
            "too_many_requests" => Self::ServerBusy,
            _ => Self::Refused { code: code.to_owned(), reason },
        }
    }

    /// The libraries below give their TLS errors as text only.
    fn of_link(reason: String) -> Self {
        if reason.to_ascii_lowercase().contains("certificate") {
            Self::Certificate { reason }
        } else {
            Self::NoAnswer { reason }
        }
    }
}

impl From<&LinkError> for Problem {
    fn from(error: &LinkError) -> Self {
        match error.refusal() {
            Some(code) => Self::of_refusal(code, error.to_string()),
            None => Self::of_link(error.to_string()),
        }
    }
}

impl From<&RestError> for Problem {
    fn from(error: &RestError) -> Self {
        let reason = error.to_string();
        match error {
            RestError::Link(_) => Self::of_link(reason),
            RestError::Refused { code, .. } => Self::of_refusal(code, reason),
            RestError::Busy { .. } => Self::ServerBusy,
            RestError::Malformed(_) => Self::AnswerUnreadable { reason },
        }
    }
}

impl From<&LoadError> for Problem {
    fn from(error: &LoadError) -> Self {
        let reason = error.to_string();
        match error {
            LoadError::Rest(error) => error.into(),
            LoadError::Cache(error) => error.into(),
            LoadError::OtherVenue { .. } => Self::OtherVenue { reason },
            LoadError::Malformed(_) | LoadError::BrokenOff | LoadError::Rows { .. } | LoadError::NoSettings => {
                Self::AnswerUnreadable { reason }
            }
            LoadError::Closing => Self::Closing,
        }
    }
}

impl From<&CacheError> for Problem {
    fn from(error: &CacheError) -> Self {
        Self::CacheFile { reason: error.to_string() }
    }
}

impl From<&OutboxError> for Problem {
    fn from(error: &OutboxError) -> Self {
        Self::OutboxFile { reason: error.to_string() }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        said(self.code(), &self.params(), self).serialize(serializer)
    }
}

/// What was done with a cache file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Notice {
    /// It could not be read.
    #[error("The local copy could not be used ({reason}); it was kept as {file} and is rebuilt from the server.")]
    CacheReplaced {
        /// What SQLite says.
        reason: String,
        /// The name that it has now.
        file: String,
    },
    /// It held another venue's rows.
    #[error("The local copy could not be used ({reason}); it was kept as {file} and is rebuilt from the server.")]
    CacheOfOtherVenue {
        /// In words.
        reason: String,
        /// The name that it has now.
        file: String,
    },
    /// It was gone, or empty, beside an outbox that is not.
    #[error(
        "The local copy of this venue was gone; it is fetched again from the server. What was tapped here is kept."
    )]
    CacheGone,
    /// The outbox was gone, beside a cache that is not.
    #[error(
        "The file of what this desk had taken and not sent was gone. What was in it is lost; the desk goes on as a new one."
    )]
    OutboxLost,
}

impl Notice {
    /// For a cache file that was set aside as `file`, because of `why`.
    pub fn of_cache(why: &CacheError, file: String) -> Self {
        let reason = why.to_string();
        match why {
            CacheError::OtherVenue => Self::CacheOfOtherVenue { reason, file },
            _ => Self::CacheReplaced { reason, file },
        }
    }

    /// The snake_case code.
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// Every code that there is.
    pub fn codes() -> &'static [&'static str] {
        Self::VARIANTS
    }

    fn params(&self) -> Value {
        match self {
            Self::CacheReplaced { file, .. } | Self::CacheOfOtherVenue { file, .. } => json!({ "file": file }),
            Self::CacheGone | Self::OutboxLost => json!({}),
        }
    }
}

impl Serialize for Notice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        said(self.code(), &self.params(), self).serialize(serializer)
    }
}

fn said(code: &str, params: &Value, text: &dyn std::fmt::Display) -> Value {
    json!({ "code": code, "params": params, "message": text.to_string() })
}
