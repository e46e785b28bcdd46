//! The shapes of `contract.md`, made from rows: what stock clients, HTTP callers and the window read.
//!
//! A shape is derived at a moment of venue time and never stored; the window's TypeScript types are
//! generated from these.

pub mod payload;
pub mod player_session;
pub mod product;
pub mod settings;
pub mod transaction;
