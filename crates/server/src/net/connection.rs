//! One TCP connection: counted, and closable from outside.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Requests a second (`contract.md`, Bounds).
const RATE: NonZeroU32 = NonZeroU32::new(200).expect("not zero");
/// Requests at once.
const BURST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

/// What is known of a connection while it lasts; requests carry it as an extension.
pub struct Connection {
    peer: IpAddr,
    started: AtomicBool,
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
            started: AtomicBool::new(false),
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

    /// A complete request head has come.
    pub fn start(&self) {
        self.started.store(true, Relaxed);
    }

    /// Whether a complete request head has come.
    pub fn is_started(&self) -> bool {
        self.started.load(Relaxed)
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

/// The stream of a [`Connection`].
pub struct ConnectionStream {
    stream: TcpStream,
    connection: std::sync::Arc<Connection>,
}

impl ConnectionStream {
    /// Counts `stream` under `connection`.
    pub fn new(stream: TcpStream, connection: std::sync::Arc<Connection>) -> Self {
        Self { stream, connection }
    }

    fn count(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.connection.written.fetch_add(u64::try_from(*bytes).unwrap_or(0), Relaxed);
            self.connection.writes.fetch_add(1, Relaxed);
        }
    }
}

impl AsyncRead for ConnectionStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.connection.reader.register(context.waker());
        self.connection.check()?;
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl AsyncWrite for ConnectionStream {
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
