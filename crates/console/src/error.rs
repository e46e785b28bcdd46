//! What a caller is told when something can't be done. Every code of the console is made here.

use gangway_domain::rejection::Rejection;
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

use crate::{cache::CacheError, outbox::OutboxError};

/// A call that can't be done. [`ConsoleError::code`] is for programs, the text for people.
#[derive(Debug, Error, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConsoleError {
    /// Nothing is known of the venue yet.
    #[error("This desk has not seen the venue yet. It needs the server once before it can be used.")]
    NotReady,
    /// The command is invalid by itself.
    #[error("{0}")]
    InvalidCommand(String),
    /// Its id was used for another command.
    #[error("This command's id was used before for something else.")]
    IdConflict,
    /// The id is no UUID.
    #[error("A command id is a UUID.")]
    InvalidCommandId,
    /// No command of this desk has that id.
    #[error("This desk has no command with that id.")]
    UnknownCommand,
    /// There is no such query.
    #[error("{0}")]
    InvalidKey(String),
    /// The request can't be read.
    #[error("{0}")]
    InvalidRequest(String),
    /// There is no such operation.
    #[error("There is no operation {0:?}.")]
    UnknownOp(String),
    /// The venue's own no, said by this desk.
    #[error("{0}")]
    Rejected(Rejection),
    /// No attention entry has that id.
    #[error("There is no entry with that id.")]
    UnknownEntry,
    /// The command is on disk, and its outcome is not known yet.
    #[error("The server has not answered in time. The command is saved and will be sent again.")]
    NotSettled,
    /// The code that was typed gives no token.
    #[error("This code does not count. A manager can show a new one.")]
    WrongCode,
    /// The server has this desk among those that it lets in.
    #[error("The server knows this desk already. A manager has to remove it there before it is paired again.")]
    DevicePaired,
    /// Whoever is on the way to the server could read along.
    #[error("This address has no TLS, so nothing is paired over it. Use the server's https address.")]
    NotPrivate,
    /// Too many codes were tried.
    #[error("Too many codes were tried. Wait a while.")]
    TooManyGuesses,
    /// The server can't be reached, or says nothing that can be used.
    #[error("The server can't be reached, so nothing was changed: {0}")]
    Offline(String),
    /// It is paired, and will have to be again after its next start.
    #[error("This desk is paired until it is closed. Its token could not be saved: {0}")]
    TokenNotSaved(std::io::Error),
    /// The disk refused.
    #[error("The command could not be saved, so nothing was done: {0}")]
    Disk(String),
    /// The console is closing.
    #[error("The console is closing.")]
    Closing,
}

impl ConsoleError {
    /// The snake_case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            _ => self.into(),
        }
    }

    /// Every code of this console's own; those of [`Rejection::codes`] come to it.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        Self::VARIANTS.iter().copied().filter(|name| *name != "rejected")
    }
}

impl From<OutboxError> for ConsoleError {
    fn from(error: OutboxError) -> Self {
        Self::Disk(error.to_string())
    }
}

/// Why a console can't be opened: one sentence. [`OpenError::code`] is for programs.
#[derive(Debug, Error, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum OpenError {
    /// Another process holds the folder.
    #[error("Another Gangway console is using {folder}. Close it, or give this one its own --data-dir.")]
    #[strum(serialize = "folder_locked")]
    Locked {
        /// Which.
        folder: String,
    },
    /// The folder can't be used.
    #[error("The data folder {folder} can't be used: {reason}.")]
    #[strum(serialize = "folder_unusable")]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        reason: std::io::Error,
    },
    /// The outbox is precious: a file that can't be read is never replaced.
    #[error("{0}")]
    #[strum(serialize = "outbox_unusable")]
    Outbox(#[from] OutboxError),
    /// Not even a new cache file could be made.
    #[error("The local copy can't be kept: {0}.")]
    #[strum(serialize = "cache_unusable")]
    Cache(CacheError),
    /// The local copy is a newer version's: updating is all that helps, and it is never thrown away for that.
    #[error("{0}")]
    CacheNewer(CacheError),
    /// The server's address is none.
    #[error("{0:?} is no address of a server; it begins with http:// or https://.")]
    #[strum(serialize = "invalid_server")]
    Server(String),
    /// The machine has no TLS to speak of.
    #[error("Secure connections can't be set up: {0}.")]
    #[strum(serialize = "no_tls")]
    Tls(String),
}

impl From<CacheError> for OpenError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Newer { .. } => Self::CacheNewer(error),
            error => Self::Cache(error),
        }
    }
}

/// The code of an outbox that a newer version wrote: starting that one is all that helps.
const OUTBOX_NEWER: &str = "outbox_newer";

impl OpenError {
    /// The snake_case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Outbox(OutboxError::Newer { .. }) => OUTBOX_NEWER,
            _ => self.into(),
        }
    }

    /// Every code that there is.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        Self::VARIANTS.iter().copied().chain([OUTBOX_NEWER])
    }
}
