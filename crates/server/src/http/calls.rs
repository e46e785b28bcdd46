//! The calls in progress, so that the server can end after them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::watch;

use super::error::ApiError;

/// Counts the calls in progress; polls of the socket layer, which last, are none.
#[derive(Debug, Default)]
pub struct Calls {
    count: watch::Sender<usize>,
    draining: AtomicBool,
}

/// One call in progress.
struct Call(Arc<Calls>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.count.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Calls {
    /// Whether the server is ending.
    pub fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    /// Takes no more calls, and waits until those in progress have ended.
    pub async fn drain(&self) {
        self.draining.store(true, SeqCst);
        // The sender lives as long as this.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Counted before the look at `draining`, so that nobody slips in between.
    fn begin(self: &Arc<Self>) -> Option<Call> {
        self.count.send_modify(|count| *count += 1);
        let call = Call(self.clone());
        (!self.is_draining()).then_some(call)
    }
}

/// Counts a call while it is in progress; refuses one that comes while the server ends.
pub(super) async fn in_progress(State(calls): State<Arc<Calls>>, request: Request, next: Next) -> Response {
    let Some(_call) = calls.begin() else {
        return ApiError::unavailable("The server is ending.").into_response();
    };
    next.run(request).await
}
