//! What the server does, seen from outside and from its ports.

mod access;
mod attention;
mod binary;
mod commands;
mod contract;
mod days;
mod emission;
mod flush;
mod idempotency;
mod lease_calls;
mod leases;
mod log;
mod offline;
mod openapi;
mod pairing;
mod places;
mod release;
mod restore;
mod roles;
mod sockets;
mod stats;
mod store_contract;
mod support;
mod sync_pages;
mod tidy;
mod unfinished;
