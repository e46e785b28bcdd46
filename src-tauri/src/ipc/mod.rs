//! The commands that the page can call: a file per group, each command parses, calls and answers.

mod app;
mod args;
mod command;
mod query;
mod venue;

#[cfg(test)]
mod tests;

use tauri::Runtime;
use tauri::ipc::Invoke;

/// All commands of the page.
pub fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        app::app_info,
        command::execute,
        command::fate,
        command::resolve,
        command::settled,
        query::painted,
        query::query,
        query::status,
        query::subscribe,
        query::unsubscribe,
        venue::choose_venue,
        venue::pair,
        venue::venue_choice,
    ]
}
