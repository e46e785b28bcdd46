//! The shell of the front desk: windows, IPC, hosting. Glue only: no rules, no SQL, no sockets.
//!
//! ```text
//! page ──IPC──▶ ipc ──▶ desk ──▶ gangway_console ──▶ the venue's server, hosted by `hosting` or elsewhere
//!   ▲                                  │
//!   └── event "updates" ◀── pushes ◀───┘
//! ```

mod app;
mod choice;
mod cli;
mod desk;
mod folder;
mod hosting;
mod ipc;
mod logs;
mod pushes;
mod refusal;
mod screenshot;
mod subscriptions;
mod window;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Bad usage, as clap has it.
const USAGE: u8 = 2;

/// Runs the program with its command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if let Some(sentence) = cli.unsupported() {
        eprintln!("{sentence}");
        return ExitCode::from(USAGE);
    }
    let plan = match cli.plan() {
        Ok(plan) => plan,
        Err(refusal) => {
            eprintln!("gangway: {refusal}");
            return ExitCode::from(USAGE);
        }
    };
    match app::run(cli, plan) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            eprintln!("gangway: {error:#}");
            ExitCode::FAILURE
        }
    }
}
