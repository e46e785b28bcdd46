//! The fault matrix (`docs/faults.md`): who fails, how, and when, against real processes and real sockets.
//!
//! Each cell is a test. Cells wait for most of their time, so all that are asked for run beside each other on a
//! pool of threads, and each test waits for its own. `GANGWAY_FAULTS_RUNS=N` runs each cell N times, and
//! `GANGWAY_FAULTS_REPORT=FILE` gets a line of JSON for each run (`scripts/faults` makes the table of them).

#[macro_use]
mod pool;
mod document;
pub mod floor;
mod matrix;
mod supervisor;
mod worlds;
