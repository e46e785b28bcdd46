//! Reading the venue and following it.

use gangway_console::status::FreshState;
use gangway_console::{Answer, Freshness, QueryKey, SyncStatus};
use serde::Deserialize;
use serde_json::Value;
use tauri::{Runtime, State, WebviewWindow};

use super::args::Args;
use crate::desk::Desk;
use crate::refusal::Refusal;

#[derive(Deserialize)]
pub struct Query {
    key: QueryKey,
}

#[derive(Deserialize)]
pub struct Keys {
    keys: Vec<QueryKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Painted {
    push_id: u64,
}

#[tauri::command(async)]
pub fn query(desk: State<'_, Desk>, args: Args<Query>) -> Answer {
    desk.sign_of_life();
    desk.console().map_or_else(no_data, |console| console.query(&args.0.key))
}

/// What the core answers before it has seen the venue.
fn no_data() -> Answer {
    let freshness = Freshness { state: FreshState::Stale, as_of_seq: None, last_sync_at: None };
    Answer { data: Value::Null, freshness }
}

#[tauri::command(async)]
pub fn subscribe<R: Runtime>(desk: State<'_, Desk>, window: WebviewWindow<R>, args: Args<Keys>) {
    desk.subscribe(window.label(), args.0.keys);
}

#[tauri::command(async)]
pub fn unsubscribe<R: Runtime>(desk: State<'_, Desk>, window: WebviewWindow<R>, args: Args<Keys>) {
    desk.unsubscribe(window.label(), args.0.keys);
}

#[tauri::command(async)]
pub fn status(desk: State<'_, Desk>) -> Result<SyncStatus, Refusal> {
    desk.console().map(|console| console.status()).ok_or_else(Refusal::not_ready)
}

#[tauri::command(async)]
pub fn painted(desk: State<'_, Desk>, args: Args<Painted>) {
    desk.sign_of_life();
    if let Some(console) = desk.console() {
        console.painted(args.0.push_id);
    }
}
