//! The outbox: every command of this desk, on disk before anybody is told that it was taken.
//!
//! ```text
//!             POST /api/commands          accepted
//!  pending ─────────────────────▶ sent ──────────────▶ settled   (seen once the cursor reaches its seqs)
//!     ▲                            │ │     rejected
//!     │    no answer, or "retry"   │ └────────────────▶ rejected
//!     └────────────────────────────┘   sent again with the same id, in the same order
//! ```
//!
//! Order: commands that share a key (a band, a product, a line, the settings) reach the server in the order
//! in which they were tapped: calls that are under way at once share none, and each keeps that order. Retry: until
//! the server answers, with the same id, so that it can never count twice (`sync.md` rules 15–18). A batch
//! that the server can't read is halved, so that one such command holds back no other; alone, it is rejected. The
//! answer of a command changes nothing but its fate here: rows come by the log.
//!
//! A stored command that can't be read (a newer version wrote it, a disk bent it) keeps its place and its state, holds
//! nothing back, and is put on the attention list once.
//!
//! The file is never thrown away: one that can't be read stops the start, with a sentence that says so.

pub(crate) mod lease;
mod migrate;
mod newest;
mod places;
mod queue;
mod schema;
pub mod sender;
mod sending;
mod store;
mod unreadable;
mod unseen;
mod wire;

use std::{collections::BTreeMap, path::PathBuf};

use gangway_domain::{
    command::{Command, Key},
    ids::{CommandId, Epoch, PlaceId, Position, ProductId, Seq},
    rows::ProductRow,
    time::VenueTime,
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use thiserror::Error;

pub use newest::Told;
pub use sending::KEPT_MS;
pub use store::Outbox;
pub use unseen::Unseen;
pub use wire::UNREAD_CODES;

/// Commands of one batch (`contract.md`, Bounds).
pub const BATCH_MAX: usize = 100;
/// The longest body that the server reads (`contract.md`, Bounds).
const BODY_MAX_BYTES: usize = 256 << 10;
/// The longest command that is taken: a body of it alone, with what the desk adds, can be read.
pub const COMMAND_MAX_BYTES: usize = BODY_MAX_BYTES - (1 << 10);

/// The outbox can't be used.
#[derive(Debug, Error)]
pub enum OutboxError {
    /// A newer version wrote it.
    #[error("The outbox {path} was written by a newer version of Gangway. Start that version; nothing was changed.")]
    Newer {
        /// Which file.
        path: PathBuf,
    },
    /// It is damaged, or something else.
    #[error(
        "The outbox {path} can't be read ({reason}). It may hold commands that were never sent, so it was left as it is: restore it, or move it away to start with an empty one."
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// Nothing is wrong with the file, but with its place: a full disk, missing rights.
    #[error("The outbox {path} can't be opened here ({reason}). It was left as it is: put that right and start again.")]
    Place {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// SQLite says no.
    #[error("the outbox: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored value that can't be.
    #[error("the outbox: {0}")]
    Value(#[from] serde_json::Error),
}

/// Where a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandState {
    /// On disk.
    Pending,
    /// On its way, and not answered.
    Sent,
    /// Accepted.
    Settled,
    /// The venue said no, for good.
    Rejected,
}

impl CommandState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Settled => "settled",
            Self::Rejected => "rejected",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Sent, Self::Settled, Self::Rejected].into_iter().find(|state| state.as_str() == text)
    }
}

/// A command that was tapped.
#[derive(Clone, Debug)]
pub struct Tapped {
    /// Its id.
    pub id: CommandId,
    /// As parsed.
    pub command: Command,
    /// Its JSON as it came: amounts keep their digits.
    pub text: Box<RawValue>,
    /// When it happened.
    pub occurred_at: VenueTime,
    /// What the desk had seen.
    pub based_on: Position,
    /// The products that it reads, as the desk showed them: what the guest was told (`sync.md` rule 12).
    pub seen: BTreeMap<ProductId, ProductRow>,
    /// The lent place that it spends (`sync.md` rule 21): one that [`Outbox::places`] named.
    pub place: Option<PlaceId>,
    /// Why it is to be sent although the desk would refuse it.
    pub force_reason: Option<String>,
    /// It was tapped without a link.
    pub offline: bool,
    /// When it was tapped.
    pub tapped_at: VenueTime,
}

/// What the outbox says to a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// It is on disk now.
    New {
        /// Its place in the order of the taps.
        order: i64,
    },
    /// The place that it was to spend is no longer this desk's: nothing was queued.
    PlaceGone,
    /// Its id is known with the same content: nothing was queued.
    Known(Box<Fate>),
    /// Its id is known with other content: nothing was queued.
    Conflict,
}

/// A command that waits for the server's answer.
#[derive(Clone, Debug)]
pub struct Unanswered {
    /// Its id.
    pub id: CommandId,
    /// Its place in the order.
    pub order: i64,
    /// Its JSON as it came.
    pub text: String,
    /// When it happened.
    pub occurred_at: String,
    /// What the desk had seen.
    pub based_on: Position,
    /// The products that it was shown with, as JSON.
    pub shown: Option<String>,
    /// The place that it spends.
    pub place: Option<PlaceId>,
    /// The log that had accepted it, and is gone.
    pub accepted_in: Option<Epoch>,
    /// Why it is to be done although the venue would say no.
    pub force_reason: Option<String>,
}

/// The server's answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Accepted {
        /// The places of its events; none where nothing had to change.
        seqs: Vec<Seq>,
        /// What a caller would have been answered.
        result: Option<Value>,
    },
    /// The venue said no.
    Rejected {
        /// `{code, message, details}`.
        rejection: Value,
    },
}

/// The way of a command (`contract.md`, `command`).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fate {
    /// Its id.
    pub command_id: String,
    /// Where it is.
    pub state: CommandState,
    /// It was tapped without a link.
    pub offline: bool,
    /// When it was tapped.
    pub tapped_at: String,
    /// When it was on disk.
    pub stored_at: String,
    /// When it was first sent.
    pub sent_at: Option<String>,
    /// When it was answered.
    pub settled_at: Option<String>,
    /// The places of its events.
    pub seqs: Option<Vec<Seq>>,
    /// What a caller would have been answered.
    pub result: Option<Value>,
    /// Why the venue said no.
    pub rejection: Option<Value>,
    /// The log that the places are of.
    #[serde(skip)]
    pub epoch: Option<String>,
}

impl Fate {
    /// Whether it is answered, and what it changed is on this desk's screens (`sync.md` rule 18).
    pub fn is_seen(&self, at: Option<&Position>) -> bool {
        match self.state {
            CommandState::Pending | CommandState::Sent => false,
            CommandState::Rejected => true,
            CommandState::Settled => {
                let last = self.seqs.iter().flatten().max();
                // Places of another log can't be compared; what is held came after the answer.
                last.is_none_or(|last| {
                    at.is_some_and(|at| self.epoch.as_deref() != Some(at.epoch.as_str()) || at.seq >= *last)
                })
            }
        }
    }
}

/// The key as text, for the file.
fn key_text(key: &Key) -> String {
    match key {
        Key::Band(band) => format!("band:{band}"),
        Key::Product(id) => format!("product:{id}"),
        Key::Transaction(id) => format!("transaction:{id}"),
        Key::Settings => "settings".to_owned(),
        Key::Attention(id) => format!("attention:{id}"),
    }
}
