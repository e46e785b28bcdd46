//! What a window asks, and how events change what it was told.
//!
//! [`rules`] is the one table of the specification, event × view × key; [`answer`] computes the data of any
//! key from the venue's rows; [`coalesce`] keeps the last update of each key until the next frame; and
//! [`push`] sends at most one message a frame, of the keys that somebody looks at.

pub mod answer;
pub mod attention;
pub mod coalesce;
pub mod key;
pub mod push;
pub mod rules;
pub mod subscriptions;
pub mod touched;
