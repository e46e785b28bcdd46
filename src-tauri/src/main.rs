//! The `gangway` program: the window of the front desk.

// A console window beside the real one would only confuse on Windows.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    gangway_lib::run(std::env::args_os())
}
