//! Where the log goes: to stderr for whoever started the program, and to `logs/` for support.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::Context;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// One file a day; older ones are removed.
const FILES_KEPT: usize = 14;
const FILTER: &str = "info,tao=warn,wry=warn,hyper_util=warn";
/// A hosted venue notes each emission; whoever looks at a terminal is looking for something else.
const STDERR_FILTER: &str = "info,tao=warn,wry=warn,hyper_util=warn,gangway_server::emission=warn,refinery_core=warn";

/// Starts logging. The log is complete on disk when the guard has been dropped.
pub fn start(data_dir: &Path) -> anyhow::Result<WorkerGuard> {
    let folder = data_dir.join("logs");
    // Made here, because the appender complains about a missing folder before it makes one.
    std::fs::create_dir_all(&folder).with_context(|| format!("the log folder {} can't be made", folder.display()))?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("gangway")
        .filename_suffix("log")
        .max_log_files(FILES_KEPT)
        .build(&folder)
        .with_context(|| format!("the log folder {} can't be written", folder.display()))?;
    let (file, guard) = tracing_appender::non_blocking(file);
    let stderr = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(stderr.with_filter(filter(STDERR_FILTER)))
        .with(fmt::layer().json().with_writer(file).with_filter(filter(FILTER)))
        .try_init()
        .context("logging was started twice")?;
    Ok(guard)
}

/// What `GANGWAY_LOG` asks for, else `usual`.
fn filter(usual: &str) -> EnvFilter {
    EnvFilter::try_from_env("GANGWAY_LOG").unwrap_or_else(|_| EnvFilter::new(usual))
}
