//! A venue in memory, and consoles on it.

pub mod desk;
pub mod venue;

pub use desk::{Desk, until};
pub use venue::FakeVenue;
