//! The console's core without a window.
//!
//! A [`Console`] keeps a copy of the venue's rows equal to the server's log, answers queries from it, pushes
//! what changed to who looks at it, and takes commands: durable on disk first, then sent. What the screen shows is
//! the log's rows with the pending commands on top; the yes to a command changes nothing there.
//!
//! `net` holds the edges, `sync` the protocol, `cache` and `outbox` the two files, `overlay` what is pending, `query` what a window asks.
#![deny(missing_docs)]

pub mod cache;
mod console;
mod core;
pub mod error;
mod execute;
pub mod metrics;
pub mod net;
pub mod outbox;
pub mod overlay;
mod pairing;
pub mod problem;
pub mod query;
mod resolve;
mod shown;
pub mod status;
pub mod sync;

pub use console::{Answer, Console, Options, Ports, SeenFate};
pub use error::{ConsoleError, OpenError};
pub use execute::{ExecuteRequest, Executed, Force};
pub use gangway_domain::command::AttentionAction;
pub use outbox::{CommandState, Fate, Told};
pub use pairing::PairedAs;
pub use problem::{Notice, Problem};
pub use query::{
    key::QueryKey,
    push::{Push, PushedOp, PushedUpdate},
};
pub use status::{Freshness, SyncStatus};
