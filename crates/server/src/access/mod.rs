//! Who may do what: roles, the one table, devices with their tokens, and how a new one gets its own.
//!
//! ```text
//! pairing code (minutes, once) ──POST /api/pair──> token ──every call, every socket──> Identity ──table──> yes | 403
//! ```
//!
//! A token is opaque, 256 random bits, and only its hash is stored. Whoever holds one is that device: what a caller
//! says beside it about who it is has to agree. Under `--insecure-open` there are no tokens and everybody is a manager.

pub mod devices;
pub mod guesses;
mod role;
pub mod table;

pub use self::{
    devices::{Access, CODE_LETTERS, Denied, Identity},
    role::Role,
};
