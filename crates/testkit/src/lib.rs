//! A venue in a test: the real server and console binaries as processes, stock Socket.IO clients, links that
//! misbehave on demand, and a ledger that knows what was tapped.
//!
//! Everything that is started here ends with the value that stands for it, or with the process. Nothing waits for a time: tests
//! wait for a condition ([`until`]) and fail with a sentence when it does not come.

mod binaries;
mod console;
mod disk;
mod launch;
mod ledger;
mod namespace;
mod proxy;
mod remains;
mod server;
mod stock;
mod wait;

pub use binaries::{binary, workspace_root};
pub use console::{ConsoleProcess, Silence};
pub use disk::SmallDisk;
pub use launch::{FakeClock, Launch, Target};
pub use ledger::{Audit, Ledger, Tap, TapAnswer};
pub use namespace::Namespace;
pub use proxy::{Behaviour, Certificates, Point, Proxy, Trap, Way};
pub use server::{Answer, ServerProcess};
pub use stock::{Seen, StockClient};
pub use wait::{PATIENCE, until, until_within};
