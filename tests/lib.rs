//! Tests that cross parts; see `it/main.rs`.
