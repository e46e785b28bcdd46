//! The console's behaviour over its ports: a venue in memory stands in for the server, its network and its
//! clock, so that what goes wrong goes wrong on purpose.

mod attention;
mod bad_input;
mod cache_file;
mod catching_up;
mod clocks;
mod commands;
mod disk;
mod files;
mod laws;
mod leases;
mod network;
mod offline;
mod outbox_file;
mod overlay;
mod power;
mod program;
mod pushes;
mod sending;
mod support;
mod traffic;
