//! Carries the core's pushes to the page. The core has already joined what fell into one frame.

use std::sync::Arc;

use gangway_console::{Console, Push};
use tauri::{AppHandle, Emitter, Runtime};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::window::MAIN;

/// The one event that the page listens to.
pub const UPDATES: &str = "updates";

/// Puts a push on its way to the page.
pub type Emit = Arc<dyn Fn(Push) + Send + Sync>;

/// Emits to the window of `app`.
pub fn to_window<R: Runtime>(app: AppHandle<R>) -> Emit {
    Arc::new(move |push| {
        if let Err(error) = app.emit_to(MAIN, UPDATES, push) {
            tracing::warn!(%error, "a push did not reach the page");
        }
    })
}

/// Forwards what `console` pushes until the task is ended.
pub async fn forward(mut pushes: Receiver<Push>, console: Console, emit: Emit) {
    loop {
        match pushes.recv().await {
            Ok(push) => emit(push),
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(lost, "pushes were lost on the way to the page; it gets everything again");
                console.invalidate_all();
            }
            Err(RecvError::Closed) => return,
        }
    }
}
