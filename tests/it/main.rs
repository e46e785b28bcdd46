//! What crosses parts, on real binaries: stock clients, two consoles, kills, and the tree's structure.

mod backup;
mod conformance;
mod consoles;
mod crash;
mod desktop;
mod faults;
mod load;
mod pairing;
mod snapshot;
mod spec_coverage;
mod structure;
mod tls;
mod torture;
mod walk;
