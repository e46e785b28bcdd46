//! A venue on a virtual clock: real consoles and a real server under seeded faults, judged by a ledger of its own.
//!
//! One seed is one run, and the same run every time. Everything runs as tasks of one thread on tokio's paused
//! clock; what a console or a server sees of the world are ports: clocks that are wrong, a network that loses, delays,
//! doubles and cuts, disks below the real SQLite stores that fill, fail and lose what was not synced, and machines that
//! die between any two of their steps. The consoles are [`gangway_console::Console`], and the server is the shipped
//! one's router, store, dispatcher and sweeper.
//!
//! When it is over everything heals. Within a bounded time all must be equal, and [`oracle`] judges the rest.
#![deny(missing_docs)]

pub mod chaos;
pub mod check;
pub mod clock;
pub mod desk;
pub mod dice;
pub mod herd;
pub mod ledger;
pub mod link;
pub mod machine;
pub mod net;
pub mod oracle;
pub mod screen;
pub mod server;
pub mod sweep;
pub mod taps;
pub mod trace;
pub mod world;

pub use chaos::Plan;
pub use gangway_plants::Plant;
pub use world::{Options, Report, run};
