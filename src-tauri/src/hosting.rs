//! Hosting the venue's server in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use gangway_server::{Running, ServeOptions, StartError};

use crate::refusal::{Code, Refusal};

/// Where other programs of this machine find a hosted venue.
const HOST_PORT: u16 = 8787;

/// Starts a demo venue that is kept in `data_dir`, at any free port.
pub async fn demo(data_dir: PathBuf) -> Result<Running, Refusal> {
    start(ServeOptions { data_dir, demo: true, ..on_loopback(0) }).await
}

/// Starts the venue that is kept in `data_dir`.
pub async fn venue(data_dir: PathBuf, name: Option<String>) -> Result<Running, Refusal> {
    start(ServeOptions { data_dir, venue: name, ..on_loopback(HOST_PORT) }).await
}

/// Stops accepting, and returns when everything is on disk.
pub async fn stop(running: Running) {
    match tauri::async_runtime::spawn_blocking(move || running.stop()).await {
        Ok(Ok(())) => tracing::info!("the hosted venue is closed"),
        Ok(Err(error)) => tracing::error!(%error, "the hosted venue did not close properly"),
        Err(error) => tracing::error!(%error, "the hosted venue broke while closing"),
    }
}

/// Only this machine can reach the address, so no tokens are needed.
fn on_loopback(port: u16) -> ServeOptions {
    ServeOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        insecure_open: true,
        ..ServeOptions::default()
    }
}

async fn start(options: ServeOptions) -> Result<Running, Refusal> {
    let started = tauri::async_runtime::spawn_blocking(move || gangway_server::start(options)).await;
    let started = started.map_err(|error| Refusal::new(Code::CannotHost, error.to_string()))?;
    // The server's own sentence says what is in its way, such as an address that is taken.
    let running = started.map_err(|error| {
        let code = match error {
            StartError::Newer(_) => Code::VenueNewer,
            StartError::Options(_) | StartError::Fault(_) => Code::CannotHost,
        };
        Refusal::new(code, error.to_string())
    })?;
    let ready = running.ready();
    tracing::info!(listen = %ready.listen, venue = ready.venue_id, epoch = ready.epoch, "hosting the venue");
    Ok(running)
}
