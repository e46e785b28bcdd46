//! What this program is.

use serde::Serialize;
use tauri::State;

use crate::desk::Desk;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppInfo {
    version: &'static str,
    /// What stands before the visitor or the staff: only desks so far.
    kind: &'static str,
    data_dir: String,
}

#[tauri::command]
pub fn app_info(desk: State<'_, Desk>) -> AppInfo {
    AppInfo { version: env!("CARGO_PKG_VERSION"), kind: "desk", data_dir: desk.data_dir().display().to_string() }
}
