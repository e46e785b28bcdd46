//! The edges: ports as traits, and what stands behind them in a shipped console.
//!
//! Everything above this module knows the ports only, so that a simulator can stand in for the network,
//! the clock and the threads. Nothing here knows rows, queries or commands.

pub mod clock;
pub mod credential;
pub mod executor;
pub mod rest;
pub mod snapshot;
pub mod socket;
pub mod supervisor;
pub mod trust;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_domain::{
    ids::{CommandId, DeviceId, Epoch, EventId, PlaceId, Position, Seq},
    time::VenueTime,
};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use self::credential::Token;
use crate::sync::message::EventsPage;

/// Signals of one link that wait to be read; past it the link has a gap.
pub const INBOX_SIGNALS: usize = 4_096;

/// The clock of this machine; never the venue's, which is this one moved by an offset.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since some moment before; never goes back.
    fn mono_us(&self) -> u64;

    /// What the wall clock says; may jump.
    fn wall(&self) -> VenueTime;

    /// Milliseconds since some moment before, which count on while the machine sleeps; none where it has no such clock.
    fn boot_ms(&self) -> Option<u64> {
        None
    }

    /// Milliseconds since some moment before; never goes back.
    fn mono_ms(&self) -> u64 {
        self.mono_us() / 1_000
    }
}

/// Randomness and ids.
pub trait Chance: Send + Sync + 'static {
    /// A number in `[0, 1)`.
    fn fraction(&self) -> f64;

    /// A fresh id for a command.
    fn command_id(&self) -> uuid::Uuid;
}

/// Where a console's tasks and its disk work run: on the program's runtime, or where a simulator can end all of
/// them at once and tell their steps apart.
pub trait Executor: Send + Sync + 'static {
    /// Runs `task` beside the others until it ends or is aborted.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> JoinHandle<()>;

    /// Does work that waits for the disk where it holds nobody up. It goes on when nobody waits for it any more.
    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()>;
}

/// One thing that came over a link, as it came: nothing is parsed on the socket's own task.
#[derive(Clone, Debug)]
pub enum Signal {
    /// An event with all its arguments.
    Event {
        /// Its name.
        name: String,
        /// Its arguments.
        args: Vec<Value>,
        /// When it arrived, by [`Clock::mono_us`].
        at_us: u64,
    },
    /// An event whose arguments are not JSON text.
    NotText {
        /// Its name.
        name: String,
    },
}

/// Where a link puts what it hears. Putting never waits: what does not fit is a gap, which the log heals.
#[derive(Clone, Debug)]
pub struct Inbox {
    signals: mpsc::Sender<Signal>,
    overflowed: Arc<AtomicBool>,
    closed: Arc<watch::Sender<bool>>,
}

/// The reading end of an [`Inbox`].
#[derive(Debug)]
pub struct Outlet {
    /// What was heard, in order.
    pub signals: mpsc::Receiver<Signal>,
    overflowed: Arc<AtomicBool>,
    closed: watch::Receiver<bool>,
}

impl Inbox {
    /// An inbox for one link.
    pub fn new(capacity: usize) -> (Self, Outlet) {
        let (sender, signals) = mpsc::channel(capacity);
        let (closed, is_closed) = watch::channel(false);
        let overflowed = Arc::new(AtomicBool::new(false));
        let outlet = Outlet { signals, overflowed: overflowed.clone(), closed: is_closed };
        (Self { signals: sender, overflowed, closed: Arc::new(closed) }, outlet)
    }

    /// Puts a signal in, or remembers that one was lost.
    pub fn put(&self, signal: Signal) {
        if self.signals.try_send(signal).is_err() {
            self.overflowed.store(true, Ordering::Release);
        }
    }

    /// The connection is gone. Never lost, however full the inbox is.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }
}

impl Outlet {
    /// Whether signals were lost since the last call.
    pub fn take_overflow(&self) -> bool {
        self.overflowed.swap(false, Ordering::AcqRel)
    }

    /// What says that the connection is gone; the inbox being dropped means the same.
    pub fn closed(&self) -> watch::Receiver<bool> {
        self.closed.clone()
    }
}

/// Why there is no link.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct LinkError(pub String);

impl LinkError {
    const REFUSED: &'static str = "the server refused: ";

    /// The server answered, and does not let this device in; `code` says why.
    pub fn refused(code: &str) -> Self {
        Self(format!("{}{code}", Self::REFUSED))
    }

    /// Why the server does not let this device in, if that is what happened.
    pub fn refusal(&self) -> Option<&str> {
        self.0.strip_prefix(Self::REFUSED)
    }
}

/// What happened ("connection refused"): the innermost source; the outermost names only what was tried.
fn cause(mut error: &dyn std::error::Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The doorbell: a connection over which the server says that something happened.
pub trait Realtime: Send + Sync + 'static {
    /// Opens a fresh connection; what is heard on it goes into `inbox`.
    fn connect(&self, inbox: Inbox) -> BoxFuture<'_, Result<Box<dyn Connection>, LinkError>>;
}

/// One open connection. Dropping it closes it, in the background.
pub trait Connection: Send + Sync {
    /// Tells the server how far this console has applied (`sync:ack`).
    fn ack(&self, position: Position) -> BoxFuture<'_, Result<(), LinkError>>;
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RestError {
    /// No answer of our server: unreachable, timed out, a proxy's page, a fault of the server.
    #[error("no answer of the server: {0}")]
    Link(String),
    /// The server understood and refused: asking again the same way changes nothing.
    #[error("the server refused ({status} {code}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its snake_case code.
        code: String,
        /// Its sentence.
        message: String,
    },
    /// The server asks for time (429, 503), and may say how much.
    #[error("the server is busy")]
    Busy {
        /// Milliseconds.
        after_ms: Option<u64>,
    },
    /// An answer that can't be read.
    #[error("the server's answer can't be read: {0}")]
    Malformed(String),
}

/// The lines of a snapshot as they come in, in chunks.
pub type SnapshotChunks = mpsc::Sender<Result<Vec<u8>, RestError>>;

/// The server's HTTP: where truth comes from.
pub trait Rest: Send + Sync + 'static {
    /// `GET /api/sync/events`.
    fn events(&self, after: EventsAfter) -> BoxFuture<'_, Result<EventsAnswer, RestError>>;

    /// `GET /api/sync/snapshot`: sends its bytes into `chunks` until the end or a fault.
    fn snapshot(&self, chunks: SnapshotChunks) -> BoxFuture<'_, ()>;

    /// `POST /api/commands` with that body; the answer's `results` as JSON.
    fn commands(&self, body: String) -> BoxFuture<'_, Result<Vec<Value>, RestError>>;

    /// `GET /api/commands/:commandId`; none where the server has no outcome of it. Only for people: an edge that
    /// does not have it says none.
    fn command(&self, _id: CommandId) -> BoxFuture<'_, Result<Option<Value>, RestError>> {
        std::future::ready(Ok(None)).boxed()
    }

    /// `POST /api/pair`: gets this device's token for a code, and uses it from then on. An edge that has no tokens says
    /// that there is nothing to pair with.
    fn pair(&self, _call: PairCall) -> BoxFuture<'_, Result<Paired, RestError>> {
        std::future::ready(Err(RestError::Link("there is nothing to pair with".to_owned()))).boxed()
    }

    /// `POST /api/sync/lease`: says which lent places this desk holds and which it has spent; the server answers with
    /// those that it holds from now on (`sync.md` rule 21). Without a server that lends, all stays as it is.
    fn lease(&self, call: LeaseCall) -> BoxFuture<'_, Result<Lent, RestError>> {
        std::future::ready(Ok(Lent { places: call.held, turn: None })).boxed()
    }
}

/// What a device says when it is paired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairCall {
    /// What a manager shows.
    pub code: String,
    /// What people call this device.
    pub device_name: String,
    /// The id that its commands have.
    pub device_id: DeviceId,
}

/// What pairing gives.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paired {
    /// Lets this device in from now on.
    pub token: String,
    /// Which device it is.
    pub device_id: DeviceId,
    /// What it may do.
    pub role: String,
    /// Whose certificates it believes from now on, if its code had a seal.
    #[serde(skip)]
    pub authority: Option<CertificateDer<'static>>,
    /// The server's name, where only that says who it is.
    #[serde(skip)]
    pub host: Option<String>,
}

impl Paired {
    /// The token, and whom it is for.
    pub fn token(&self) -> Token {
        Token { token: self.token.clone(), host: self.host.clone() }
    }
}

/// What a desk says of its lent places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeaseCall {
    /// Those that it may still fill.
    pub held: Vec<PlaceId>,
    /// Those that its unanswered plays name.
    pub spent: Vec<PlaceId>,
    /// The last answer that it has.
    pub turn: Option<String>,
}

/// What the server says to a [`LeaseCall`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Lent {
    /// Those that it may fill from now on.
    pub places: Vec<PlaceId>,
    /// Names this answer.
    #[serde(default)]
    pub turn: Option<String>,
}

/// Which events are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsAfter {
    /// Those after this one.
    pub after: Seq,
    /// The id of the event there, if it is known; the server compares it (`sync.md` rule 8).
    pub after_id: Option<EventId>,
    /// Of this log.
    pub epoch: Epoch,
}

/// What the server says to [`EventsAfter`].
#[derive(Clone, Debug)]
pub enum EventsAnswer {
    /// A page of them.
    Page(EventsPage),
    /// The log can't say (410): another epoch, trimmed, or another history.
    SnapshotRequired,
}
