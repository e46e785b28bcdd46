//! Changing the venue.

use std::time::Duration;

use gangway_console::{ExecuteRequest, Executed, Fate, SeenFate};
use gangway_domain::command::AttentionAction;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    command_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolve {
    entry_id: String,
    action: AttentionAction,
    reason: Option<String>,
}

#[derive(Serialize)]
pub struct Resolved {
    entry: Value,
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

#[tauri::command]
pub async fn fate(desk: State<'_, Desk>, args: Args<Named>) -> Result<SeenFate, Refusal> {
    let console = desk.console().ok_or_else(Refusal::not_ready)?;
    Ok(console.fate_seen(&args.0.command_id).await?)
}

#[tauri::command]
pub async fn resolve(desk: State<'_, Desk>, args: Args<Resolve>) -> Result<Resolved, Refusal> {
    let console = desk.console().ok_or_else(Refusal::not_ready)?;
    let Resolve { entry_id, action, reason } = args.0;
    Ok(Resolved { entry: console.resolve(&entry_id, action, reason).await? })
}
