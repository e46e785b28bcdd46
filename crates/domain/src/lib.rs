//! The rules of a timed-play venue, pure: no I/O, no clock, no randomness.
//!
//! [`decide`](decide::decide) turns a [`Command`](command::Command) into events or a
//! [`Rejection`](rejection::Rejection); [`Venue::apply`](venue::Venue::apply) folds the row changes of
//! events into the venue. Server, console, simulator and replay all run this one code, so they cannot
//! disagree. The time, the ids and the catalogue that a sale is priced by are arguments.
#![deny(missing_docs)]

pub mod attention;
pub mod band;
pub mod command;
pub mod curves;
pub mod day;
pub mod decide;
pub mod event;
pub mod figures;
pub mod hash;
pub mod ids;
pub mod money;
pub mod noticed;
pub mod performance;
pub mod queue;
pub mod rejection;
pub mod rows;
pub mod session;
pub mod settings;
pub mod time;
pub mod venue;
pub mod wire;
