//! Keeping the cache equal to the venue's log.
//!
//! ```text
//!            connecting          up              page complete
//!  Offline ────────────▶ Connecting ──▶ CatchingUp ────────────▶ Live
//!     ▲                      │              ▲  │   gap, mismatch   │
//!     │        no link       │              └──┼───────────────────┘
//!     └──────────────────────┴─────────────────┘  closed, silence
//! ```
//!
//! [`step::step`] is pure: what was heard, answered or timed out goes in, what is to be done comes out.
//! [`driver`] does it. The socket only rings: rows, epoch and head come from an authenticated HTTP answer,
//! or from an event that follows what is held (`sync.md` rules 2 and 6).

pub(crate) mod clock_watch;
pub mod driver;
pub mod effect;
pub mod input;
pub mod load;
pub mod message;
pub mod payload;
pub mod state;
pub mod step;
pub mod venue_clock;
