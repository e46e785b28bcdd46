//! The domain's laws, through its public doors.

mod bindings;
mod commands;
mod days;
mod laws;
mod payloads;
mod rows;
mod venue;
