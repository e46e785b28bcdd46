//! Which venue this desk belongs to.

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
