//! Changing the venue.

use std::time::Duration;

use gangway_console::{ExecuteRequest, Executed, Fate};
use serde::Deserialize;
use tauri::State;

use super::args::Args;
use crate::desk::Desk;
use crate::refusal::Refusal;

/// A page that wants to wait longer asks again.
const WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    command_id: String,
    timeout_ms: u64,
}

#[tauri::command]
pub async fn execute(desk: State<'_, Desk>, args: Args<ExecuteRequest>) -> Result<Executed, Refusal> {
    let console = desk.console().ok_or_else(Refusal::not_ready)?;
    Ok(console.execute(args.0).await?)
}

#[tauri::command]
pub async fn settled(desk: State<'_, Desk>, args: Args<Settled>) -> Result<Fate, Refusal> {
    let console = desk.console().ok_or_else(Refusal::not_ready)?;
    let wait = Duration::from_millis(args.0.timeout_ms).min(WAIT_MAX);
    Ok(console.settled(&args.0.command_id, wait).await?)
}
