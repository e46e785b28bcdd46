//! The console's core without a window.
//!
//! A [`Console`] keeps a copy of the venue's rows equal to the server's log, answers queries from it, pushes
//! what changed to who looks at it, and takes commands: durable on disk first, then sent. What the screen
//! shows comes by the log alone; the answer of a command only settles it.
//!
//! `net` holds the edges, `sync` the protocol, `cache` and `outbox` the two files, `query` what a window asks.
#![deny(missing_docs)]

pub mod cache;
mod console;
mod core;
pub mod error;
pub mod metrics;
pub mod net;
pub mod outbox;
pub mod overlay;
pub mod query;
pub mod status;
pub mod sync;

pub use console::{Answer, Console, ExecuteRequest, Executed, Force, Options, Ports};
pub use error::{ConsoleError, OpenError};
pub use outbox::{CommandState, Fate};
pub use query::{
    key::QueryKey,
    push::{Push, PushedOp, PushedUpdate},
};
pub use status::{Freshness, SyncStatus};
