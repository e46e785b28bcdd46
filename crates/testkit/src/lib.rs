//! A venue in a test: the real server and console binaries as processes, and stock Socket.IO clients.
//!
//! Everything that is started here ends with the value that stands for it. Nothing waits for a time: tests
//! wait for a condition ([`until`]) and fail with a sentence when it does not come.

mod binaries;
mod console;
mod server;
mod stock;
mod wait;

pub use binaries::{binary, workspace_root};
pub use console::ConsoleProcess;
pub use server::{Answer, ServerProcess};
pub use stock::{Seen, StockClient};
pub use wait::{PATIENCE, until, until_within};
