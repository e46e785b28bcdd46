//! The venue's backend: one log, one write path, HTTP and Socket.IO.
//!
//! A command is decided by the domain, and its rows and its events commit in one transaction
//! ([`execute`]); one task reads the committed log and emits it ([`dispatcher`]). Emission can fail or be
//! slow: it never touches persistence, and the log heals what it lost.
#![deny(missing_docs)]

pub mod access;
pub mod backup;
pub mod bailout;
pub mod clock;
pub mod demo;
pub mod dispatcher;
pub mod execute;
mod folder;
pub mod http;
pub mod metrics;
pub mod net;
pub mod realtime;
mod serve;
pub mod store;
pub mod sweeper;
pub mod tls;

pub use serve::{
    Opening, PairingCode, Parts, Ready, Running, ServeOptions, StartError, StopError, TlsFiles, Venue, make_code, start,
};
