//! The bodies of a call as its connection sees them: when the request's is complete, when the answer's is.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::Connection;

/// A body must be complete within this.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A request's body. It tells its connection when it is complete, or when nobody wants it any more.
pub(super) struct RequestBody<B> {
    inner: B,
    connection: Arc<Connection>,
    deadline: Pin<Box<Sleep>>,
}

impl<B> RequestBody<B> {
    pub(super) fn new(inner: B, connection: Arc<Connection>) -> Self {
        Self { inner, connection, deadline: Box::pin(sleep_until(Instant::now() + BODY_TIMEOUT)) }
    }
}

impl<B> HttpBody for RequestBody<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(frame) => {
                if frame.is_none() || self.inner.is_end_stream() {
                    self.connection.receive();
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let late = self.deadline.as_mut().poll(context);
                late.map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        self.connection.receive();
    }
}

/// An answer's body. Its end, or that nobody wants it any more, ends the call.
pub(super) struct AnswerBody {
    inner: Body,
    connection: Arc<Connection>,
}

impl AnswerBody {
    pub(super) fn new(inner: Body, connection: Arc<Connection>) -> Self {
        Self { inner, connection }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.connection.answer();
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, net::Ipv4Addr};

    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let connection = Arc::new(Connection::new(Ipv4Addr::LOCALHOST.into()));
        let never = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
        let started = Instant::now();
        let given_up = RequestBody::new(StreamBody::new(never), connection).frame().await;
        assert!(matches!(given_up, Some(Err(_))));
        assert_eq!(started.elapsed().as_secs(), 30);
    }
}
