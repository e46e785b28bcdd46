//! A server as a whole: folder, store, tasks, listener, and its end in order.

mod code;
mod node;
mod venue;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use gangway_domain::time::SECOND_MS;
use thiserror::Error;
use tokio::sync::watch;

pub use self::{
    code::{PairingCode, make_code},
    venue::{Opening, Parts, Venue},
};
use crate::{
    backup::Backups,
    bailout::Bailouts,
    clock::{Machine, RealMachine},
    folder::FolderError,
    http::Origins,
    store::StoreError,
    tls::Tls,
};

/// Where a server listens if nobody says (`contract.md`, Programs).
const PORT: u16 = 8787;

/// How to serve a venue.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The folder that holds the venue; made if it is not there.
    pub data_dir: PathBuf,
    /// The name of a venue that is made; one that is there keeps its own.
    pub venue: Option<String>,
    /// Fill a venue that is empty with products and visits.
    pub demo: bool,
    /// No tokens, every caller is a manager; on loopback only.
    pub insecure_open: bool,
    /// Origins whose pages may call.
    pub allow_origins: Vec<String>,
    /// TLS; without it the server listens on loopback only.
    pub tls: Option<TlsFiles>,
    /// Copies that the server makes by itself.
    pub backups: Option<Backups>,
    /// The list to run the venue from on paper.
    pub bailouts: Bailouts,
}

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, with those that signed it, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            data_dir: PathBuf::from("gangway-data"),
            venue: None,
            demo: false,
            insecure_open: false,
            allow_origins: Vec::new(),
            tls: None,
            backups: None,
            bailouts: Bailouts::default(),
        }
    }
}

impl ServeOptions {
    /// Looks whether they can be right, without touching anything.
    ///
    /// # Errors
    /// [`StartError::Options`].
    pub fn check(&self) -> Result<(), StartError> {
        if self.data_dir.exists() && !self.data_dir.is_dir() {
            return Err(StartError::Options(format!("{} is no folder.", self.data_dir.display())));
        }
        check(self).map(drop)
    }
}

/// A server that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Where.
    pub listen: SocketAddr,
    /// The venue's id.
    pub venue_id: String,
    /// Its log.
    pub epoch: String,
    /// By it a manager gets in, once and within minutes; only where there is none.
    pub pairing_code: Option<String>,
}

/// Why a server did not start, in one sentence.
#[derive(Debug, Error)]
pub enum StartError {
    /// The options can't be right; nothing was touched.
    #[error("{0}")]
    Options(String),
    /// The machine, the folder or the venue's file refused.
    #[error("{0}")]
    Fault(String),
    /// A newer version keeps the venue; it was left as it is.
    #[error("{0}")]
    Newer(String),
}

impl StartError {
    /// What the venue's file refused, and what therefore can't be done.
    fn of_store(what: &str, error: &StoreError) -> Self {
        match error {
            StoreError::Newer(_) => Self::Newer(error.to_string()),
            StoreError::Unusable(sentence) => Self::Fault(sentence.clone()),
            error => Self::Fault(format!("{what}: {error}.")),
        }
    }
}

impl From<FolderError> for StartError {
    fn from(error: FolderError) -> Self {
        Self::Fault(error.to_string())
    }
}

/// Why a server did not end as it should.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct StopError(String);

/// A server on a thread of its own, with its own runtime.
pub struct Running {
    ready: Ready,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<(), StopError>>,
}

impl Running {
    /// Where it serves.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Lets calls in progress end, closes the sockets and the venue's file.
    ///
    /// # Errors
    /// The file could not be closed in order; what was answered is on disk all the same.
    pub fn stop(self) -> Result<(), StopError> {
        // The other end is gone only where the thread has ended already.
        let _ = self.stop.send(true);
        self.thread.join().unwrap_or_else(|_| Err(StopError("The server broke while it ended.".to_owned())))
    }
}

/// Starts a server and waits until it serves.
///
/// # Errors
/// One sentence for people; see [`StartError`].
pub fn start(options: ServeOptions) -> Result<Running, StartError> {
    let checked = check(&options)?;
    let (stop, stopped) = watch::channel(false);
    let (tell, told) = mpsc::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(node::run(options, checked, stopped, &tell)),
            Err(error) => {
                let _ = tell.send(Err(StartError::Fault(format!("The machine gives no runtime: {error}."))));
                Ok(())
            }
        }
    };
    let thread = thread::Builder::new().name("gangway-server".to_owned()).spawn(run);
    let thread = thread.map_err(|error| StartError::Fault(format!("A thread can't be started: {error}.")))?;
    match told.recv() {
        Ok(Ok(ready)) => Ok(Running { ready, stop, thread }),
        Ok(Err(error)) => Err(error),
        Err(mpsc::RecvError) => Err(StartError::Fault("The server broke while it started.".to_owned())),
    }
}

/// What was read of the options.
struct Checked {
    origins: Origins,
    tls: Option<Tls>,
}

/// What the options say that can't be right is found before anything is touched.
fn check(options: &ServeOptions) -> Result<Checked, StartError> {
    if options.insecure_open && !options.listen.ip().is_loopback() {
        let sentence = format!(
            "--insecure-open lets everybody in, so it is only possible on a loopback address, not on {}.",
            options.listen
        );
        return Err(StartError::Options(sentence));
    }
    if !options.listen.ip().is_loopback() && options.tls.is_none() {
        let sentence = format!(
            "Without --tls-cert and --tls-key tokens would travel in the clear: the server listens on a loopback address only, not on {}. `gangway-server cert` makes a certificate.",
            options.listen
        );
        return Err(StartError::Options(sentence));
    }
    let name = options.venue.as_ref().map(|name| name.trim().chars().count());
    if name.is_some_and(|length| !(1..=gangway_domain::command::NAME_MAX_CHARS).contains(&length)) {
        return Err(StartError::Options("The venue's name has 1 to 120 characters.".to_owned()));
    }
    let origins = Origins::parse(&options.allow_origins);
    let origins = origins.map_err(|error| StartError::Options(format!("--allow-origin: {error}.")))?;
    let tls = options.tls.as_ref().map(|files| Tls::load(&files.certificate, &files.key, unix_now()));
    let tls = tls.transpose().map_err(|error| StartError::Options(error.to_string()))?;
    Ok(Checked { origins, tls })
}

/// Unix time in seconds: certificates know no venue time.
fn unix_now() -> i64 {
    RealMachine::default().wall_ms() / SECOND_MS
}
