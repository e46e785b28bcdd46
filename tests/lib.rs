//! Tests that cross parts; see `it/main.rs`. Here is what is run on its own as well.

pub mod torture;
