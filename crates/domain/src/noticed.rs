//! What a desk or the server notices by itself and puts on the attention list: a sentence, and for programs a code
//! with what it takes to say it in other words.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

use crate::{
    command::{Command, InvalidCommand, RaiseKind},
    time::{Millis, SECOND_MS},
};

/// The longest code, in bytes.
const CODE_MAX_BYTES: usize = 64;
/// The longest JSON of the params, in bytes.
const PARAMS_MAX_BYTES: usize = 1_024;

/// Something noticed. The text is a sentence for people; [`Noticed::code`] is for programs.
#[derive(Clone, Debug, PartialEq, Eq, Error, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Noticed {
    /// A desk's wall clock was set forward.
    #[error("The clock of this desk was set {seconds} s ahead while it ran. Venue time does not follow it.")]
    DeskClockAhead {
        /// By how much.
        seconds: i64,
    },
    /// A desk's wall clock was set back.
    #[error("The clock of this desk was set {seconds} s back while it ran. Venue time does not follow it.")]
    DeskClockBack {
        /// By how much.
        seconds: i64,
    },
    /// A desk's wall clock was before what the desk knew to be past when it started.
    #[error(
        "The clock of this desk was at least {seconds} s behind when it started without the server. Venue time goes on from the last moment that the desk knew, until the server says better."
    )]
    DeskClockBehind {
        /// By how much, at least.
        seconds: i64,
    },
    /// The server's wall clock was set forward.
    #[error("The server's clock was set ahead by {seconds} s.")]
    ServerClockAhead {
        /// By how much.
        seconds: i64,
    },
    /// The server's wall clock was set back.
    #[error("The server's clock was set back by {seconds} s.")]
    ServerClockBack {
        /// By how much.
        seconds: i64,
    },
    /// A desk can't read a command that it had stored.
    #[error("A command that this desk had stored can't be read, and was not sent. {why}")]
    CommandUnreadable {
        /// What the reader says: for who looks into it, so it is no param.
        why: String,
    },
    /// A desk that had worked for the venue started without the file of what it had taken and not sent.
    #[error(
        "The file of what this desk had taken and not sent was gone when it started. What was in it is lost; the desk goes on as a new one, and the places of the old one stay lent until they are written off."
    )]
    OutboxLost,
}

impl Noticed {
    /// A desk's wall clock was set by `step_ms`, forward where that is above 0.
    pub fn of_desk_clock(step_ms: Millis) -> Self {
        let seconds = whole_seconds(step_ms);
        if step_ms < 0 { Self::DeskClockBack { seconds } } else { Self::DeskClockAhead { seconds } }
    }

    /// A desk's wall clock was at least `behind_ms` behind at the start.
    pub fn of_desk_start(behind_ms: Millis) -> Self {
        Self::DeskClockBehind { seconds: whole_seconds(behind_ms) }
    }

    /// The server's wall clock was set by `step_ms`, forward where that is above 0.
    pub fn of_server_clock(step_ms: Millis) -> Self {
        let seconds = whole_seconds(step_ms);
        if step_ms < 0 { Self::ServerClockBack { seconds } } else { Self::ServerClockAhead { seconds } }
    }

    /// The snake_case code.
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// Every code that there is.
    pub fn codes() -> &'static [&'static str] {
        Self::VARIANTS
    }

    /// The command that puts it on the attention list, about `command` where it is about one.
    pub fn raise(&self, command: Option<Value>) -> Command {
        Command::AttentionRaise { kind: self.kind(), message: self.to_string(), remark: Some(self.remark()), command }
    }

    /// As [`Noticed::raise`], as it goes over the wire.
    pub fn raise_wire(&self, command: Option<Value>) -> Value {
        let Remark { code, params } = self.remark();
        let mut wire = json!({
            "type": "attention.raise", "kind": self.kind(), "message": self.to_string(), "code": code, "params": params,
        });
        if let Some(command) = command {
            wire["command"] = command;
        }
        wire
    }

    fn kind(&self) -> RaiseKind {
        match self {
            Self::CommandUnreadable { .. } | Self::OutboxLost => RaiseKind::Unreadable,
            Self::DeskClockAhead { .. }
            | Self::DeskClockBack { .. }
            | Self::DeskClockBehind { .. }
            | Self::ServerClockAhead { .. }
            | Self::ServerClockBack { .. } => RaiseKind::ClockStep,
        }
    }

    fn remark(&self) -> Remark {
        let params = match self {
            Self::DeskClockAhead { seconds }
            | Self::DeskClockBack { seconds }
            | Self::DeskClockBehind { seconds }
            | Self::ServerClockAhead { seconds }
            | Self::ServerClockBack { seconds } => Map::from_iter([("seconds".to_owned(), json!(seconds))]),
            Self::CommandUnreadable { .. } | Self::OutboxLost => Map::new(),
        };
        Remark { code: self.code().to_owned(), params }
    }
}

fn whole_seconds(step_ms: Millis) -> i64 {
    (step_ms.abs() + SECOND_MS / 2) / SECOND_MS
}

/// What was noticed, for programs. Its code may be of a newer version, which knows more than [`Noticed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    code: String,
    #[serde(default)]
    params: Map<String, Value>,
}

impl Remark {
    /// A remark that somebody sends.
    ///
    /// # Errors
    /// The code is no snake_case word, or one of them is too long.
    pub fn new(code: String, params: Map<String, Value>) -> Result<Self, InvalidCommand> {
        let is_code = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if code.is_empty() || code.len() > CODE_MAX_BYTES || !is_code {
            return Err(InvalidCommand(format!("A code is a snake_case word of up to {CODE_MAX_BYTES} letters.")));
        }
        let remark = Self { code, params };
        if Value::Object(remark.params.clone()).to_string().len() > PARAMS_MAX_BYTES {
            return Err(InvalidCommand(format!("The params of a code have up to {PARAMS_MAX_BYTES} bytes.")));
        }
        Ok(remark)
    }

    /// Which.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What it takes to say it in words.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }
}
