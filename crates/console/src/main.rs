//! `gangway-console`: the console without a window, JSON lines on stdin and stdout (`contract.md`, Programs).

mod lines;

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Parser;
use directories::ProjectDirs;
use gangway_console::{Console, Options};
use tokio::{
    io::BufReader,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// How long the last answers may take to be written: nobody may be reading.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(1);

/// The console of a venue without a window: one JSON request a line on stdin, one answer a line on stdout.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// The server, such as http://127.0.0.1:8787
    #[arg(long, env = "GANGWAY_SERVER_URL")]
    server: String,
    /// What lets this desk in
    #[arg(long, env = "GANGWAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Where the files are
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// What people call this desk
    #[arg(long, env = "GANGWAY_DEVICE")]
    device: Option<String>,
}

#[tokio::main]
async fn main() {
    let code = start().await;
    // Everything is written and closed. Returning would wait for the thread that still reads stdin.
    std::process::exit(code);
}

/// Runs the program; its exit code.
async fn start() -> i32 {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) => {
            // Help and version go to stdout and are no fault.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    match run(flags).await {
        Ok(()) => 0,
        Err(Fault::Usage(why)) => {
            eprintln!("{why}");
            2
        }
        Err(Fault::Other(error)) => {
            // Each sentence names its cause already.
            eprintln!("{error}");
            1
        }
    }
}

enum Fault {
    /// A flag is wrong.
    Usage(String),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

async fn run(flags: Flags) -> Result<(), Fault> {
    let data_dir = match flags.data_dir {
        Some(folder) => folder,
        None => default_folder()?,
    };
    let options = Options { server: flags.server, token: flags.token, data_dir, device_name: flags.device };
    let console = match Console::open(options).await {
        Ok(console) => console,
        Err(error @ gangway_console::OpenError::Server(_)) => return Err(Fault::Usage(error.to_string())),
        Err(error) => return Err(Fault::Other(error.into())),
    };
    let result = serve(&console).await;
    console.shutdown().await;
    Ok(result?)
}

fn default_folder() -> anyhow::Result<PathBuf> {
    let folders = ProjectDirs::from("", "", "gangway").context("There is no home folder; say --data-dir.")?;
    Ok(folders.data_dir().join("console"))
}

/// Answers requests until the end of stdin, `shutdown`, or a signal.
async fn serve(console: &Console) -> anyhow::Result<()> {
    let (output, written) = lines::Output::start();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let pushes = tokio::spawn(lines::forward_pushes(console.clone(), output.clone()));
    let mut requests = lines::Requests::new(BufReader::new(tokio::io::stdin()));
    loop {
        let line = tokio::select! {
            line = requests.next() => line?,
            _ = terminated.recv() => None,
            _ = interrupted.recv() => None,
        };
        let Some(line) = line else { break };
        // An answer that nobody reads holds no signal up.
        let next = tokio::select! {
            next = lines::answer(console, &line, &output) => next,
            _ = terminated.recv() => lines::Next::End,
            _ = interrupted.recv() => lines::Next::End,
        };
        if next == lines::Next::End {
            break;
        }
    }
    pushes.abort();
    // The last answers are written before the process ends; nobody reading them any more is no fault.
    let _ = pushes.await;
    drop(output);
    let _ = tokio::time::timeout(LAST_LINES_TIMEOUT, written).await;
    Ok(())
}
