//! Which venue this desk belongs to.

use gangway_console::PairedAs;
use serde::Deserialize;
use tauri::State;

use super::args::Args;
use crate::choice::{Plan, VenueChoice};
use crate::desk::Desk;
use crate::refusal::Refusal;

#[derive(Deserialize)]
pub struct Choose {
    choice: VenueChoice,
}

#[tauri::command]
pub async fn venue_choice(desk: State<'_, Desk>) -> Result<VenueChoice, Refusal> {
    desk.sign_of_life();
    desk.choice().await
}

#[tauri::command]
pub async fn choose_venue(desk: State<'_, Desk>, args: Args<Choose>) -> Result<VenueChoice, Refusal> {
    desk.choose(Plan::try_from(args.0.choice)?).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    code: String,
    device_name: Option<String>,
}

#[tauri::command]
pub async fn pair(desk: State<'_, Desk>, args: Args<Pair>) -> Result<PairedAs, Refusal> {
    let console = desk.console().ok_or_else(Refusal::not_ready)?;
    Ok(console.pair(&args.0.code, args.0.device_name).await?)
}
