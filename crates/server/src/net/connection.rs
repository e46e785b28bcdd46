//! One TCP connection: counted, and closable from outside.

use std::{
    io,
    net::IpAddr,
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{progress::Progress, unfinished::Unfinished};

/// Requests a second (`contract.md`, Bounds).
const RATE: NonZeroU32 = NonZeroU32::new(200).expect("not zero");
/// Requests at once.
const BURST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

/// What is known of a connection while it lasts; requests carry it as an extension.
pub struct Connection {
    peer: IpAddr,
    progress: Mutex<Progress>,
    closing: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    written: AtomicU64,
    writes: AtomicU64,
    flushes: AtomicU64,
    rate: DefaultDirectRateLimiter,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(peer: IpAddr) -> Self {
        Self {
            peer,
            progress: Mutex::new(Progress::new()),
            closing: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            written: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            rate: RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST)),
        }
    }

    /// Where it comes from.
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing has come yet, and the server wants something. Gives the number of the wait that begins with it.
    pub(super) fn starve(&self) -> Option<u64> {
        self.progress().starve()
    }

    /// Ends when the connection is to be closed, for who reads and writes nothing yet.
    pub(super) async fn closed(&self) {
        std::future::poll_fn(|context| {
            self.reader.register(context.waker());
            if self.closing.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// A complete request head has come.
    pub(super) fn start(&self, has_body: bool) {
        self.progress().start(has_body);
    }

    /// The request's body is complete, or nobody wants it any more.
    pub(super) fn receive(&self) {
        self.progress().receive();
    }

    /// The answer is complete.
    pub(super) fn answer(&self) {
        self.progress().answer();
    }

    /// It is a websocket from here on.
    pub(super) fn upgrade(&self) {
        self.progress().upgrade();
    }

    /// Whether its wait of that number for the rest of a request goes on.
    pub(super) fn is_waiting(&self, wait: u64) -> bool {
        self.progress().is_waiting(wait)
    }

    /// Whether one more request is within its rate.
    pub fn allow(&self) -> bool {
        self.rate.check().is_ok()
    }

    /// Breaks it: whoever reads or writes it gets an error at once.
    pub fn close(&self) {
        self.closing.store(true, Relaxed);
        self.reader.wake();
        self.writer.wake();
    }

    /// Bytes that the system has taken so far.
    pub fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Writes so far that the system took.
    pub fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    /// Flushes so far.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Relaxed)
    }

    fn check(&self) -> io::Result<()> {
        if self.closing.load(Relaxed) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// The stream of a [`Connection`], as plain bytes: TCP, or TLS over it.
pub struct ConnectionStream<S> {
    stream: S,
    connection: Arc<Connection>,
    unfinished: Arc<Unfinished>,
}

impl<S> ConnectionStream<S> {
    /// Counts `stream` under `connection`, and among the `unfinished` while it owes the rest of a request.
    pub fn new(stream: S, connection: Arc<Connection>, unfinished: Arc<Unfinished>) -> Self {
        Self { stream, connection, unfinished }
    }

    fn count(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.connection.written.fetch_add(u64::try_from(*bytes).unwrap_or(0), Relaxed);
            self.connection.writes.fetch_add(1, Relaxed);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ConnectionStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.connection.reader.register(context.waker());
        self.connection.check()?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buf);
        if read.is_ready() {
            self.connection.progress().read(&buf.filled()[before..]);
        } else {
            let wait = self.connection.starve();
            wait.into_iter().for_each(|wait| self.unfinished.add(&self.connection, wait));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ConnectionStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.connection.writer.register(context.waker());
        self.connection.check()?;
        let written = Pin::new(&mut self.stream).poll_write(context, buf);
        self.count(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.writer.register(context.waker());
        self.connection.check()?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bufs);
        self.count(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check()?;
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.connection.flushes.fetch_add(1, Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
