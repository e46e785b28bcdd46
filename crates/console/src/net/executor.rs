//! The program's own runtime behind the [`Executor`] port.

use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::JoinHandle;

use super::Executor;

/// The tokio runtime that is current; disk work has threads of its own there.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioExecutor;

impl Executor for TokioExecutor {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> JoinHandle<()> {
        tokio::spawn(task)
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        // Work that broke has told whoever waits for its result: what it would have sent was dropped.
        tokio::task::spawn_blocking(work).map(drop).boxed()
    }
}
