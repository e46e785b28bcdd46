//! The desk: the one venue that is open in this process, and its way from closed to open and back.
//!
//! ```text
//!  nothing chosen ──choose──▶ opening ──▶ open ──choose──▶ opening …
//!                                │ fails                 │ fails: the venue of before is opened again
//!                                ▼
//!                              closed, tried again when the page asks for its venue
//! ```

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gangway_console::sync::state::LinkState;
use gangway_console::{Console, Options, QueryKey};
use gangway_server::Running;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::choice::{self, Plan, VenueChoice};
use crate::hosting;
use crate::pushes::{self, Emit};
use crate::refusal::{Code, Refusal};
use crate::subscriptions::Subscriptions;

/// How long a server that was just typed in may take to show that it is one.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the IPC commands work on. There is one, managed by Tauri.
pub struct Desk {
    data_dir: PathBuf,
    emit: Emit,
    /// Held while a venue is opened, changed or closed, so that these happen one after the other.
    venue: Mutex<Venue>,
    /// The open console, apart from `venue` so that a query never waits for an opening.
    console: RwLock<Option<Console>>,
    subscriptions: Subscriptions,
    /// Grows with each sign of life of the page.
    signs: AtomicU64,
}

#[derive(Default)]
struct Venue {
    plan: Option<Plan>,
    server: Option<Running>,
    forwarding: Option<JoinHandle<()>>,
    /// The program is quitting: nothing is opened any more.
    closed: bool,
}

impl Desk {
    pub fn new(data_dir: PathBuf, plan: Option<Plan>, emit: Emit) -> Self {
        Self {
            data_dir,
            emit,
            venue: Mutex::new(Venue { plan, ..Venue::default() }),
            console: RwLock::new(None),
            subscriptions: Subscriptions::default(),
            signs: AtomicU64::new(0),
        }
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The core of the open venue.
    pub fn console(&self) -> Option<Console> {
        self.console.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The choice, once its venue is open. Opens it when that failed before.
    pub async fn choice(&self) -> Result<VenueChoice, Refusal> {
        let mut venue = self.venue.lock().await;
        if let (Some(plan), None) = (venue.plan.clone(), self.console()) {
            self.open(&mut venue, &plan).await?;
        }
        Ok(VenueChoice::from(venue.plan.as_ref()))
    }

    /// Opens the venue of `plan` in place of the one that is open, and remembers it.
    pub async fn choose(&self, plan: Plan) -> Result<VenueChoice, Refusal> {
        let mut venue = self.venue.lock().await;
        let before = venue.plan.clone();
        self.shut(&mut venue).await;
        if let Err(refusal) = self.open_for_good(&mut venue, &plan).await {
            self.shut(&mut venue).await;
            if let Some(before) = before {
                // The desk goes on as it was; should that fail too, the page asks again.
                let _ = self.open(&mut venue, &before).await;
            }
            return Err(refusal);
        }
        venue.plan = Some(plan);
        Ok(VenueChoice::from(venue.plan.as_ref()))
    }

    /// Flushes and closes everything; afterwards nothing can be opened.
    pub async fn close(&self) {
        let mut venue = self.venue.lock().await;
        venue.closed = true;
        self.shut(&mut venue).await;
    }

    pub fn subscribe(&self, window: &str, keys: Vec<QueryKey>) {
        self.subscriptions.add(window, &keys);
        if let Some(console) = self.console() {
            console.subscribe(window, keys);
        }
    }

    pub fn unsubscribe(&self, window: &str, keys: Vec<QueryKey>) {
        self.subscriptions.remove(window, &keys);
        if let Some(console) = self.console() {
            console.unsubscribe(window, keys);
        }
    }

    /// The page of `window` is gone or loads anew: it subscribes to what it shows by itself.
    pub fn forget(&self, window: &str) {
        self.subscriptions.forget(window);
        if let Some(console) = self.console() {
            console.forget_subscriber(window);
        }
    }

    /// Notes that the page asked for something or painted.
    pub fn sign_of_life(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    pub fn signs_of_life(&self) -> u64 {
        self.signs.load(Ordering::Relaxed)
    }

    async fn open_for_good(&self, venue: &mut Venue, plan: &Plan) -> Result<(), Refusal> {
        self.open(venue, plan).await?;
        self.first_answer(plan).await?;
        choice::remember(&self.data_dir, plan).map_err(|error| {
            let folder = self.data_dir.display();
            Refusal::new(Code::CannotRemember, format!("The choice can't be saved in {folder}: {error}"))
        })
    }

    async fn open(&self, venue: &mut Venue, plan: &Plan) -> Result<(), Refusal> {
        if venue.closed {
            return Err(Refusal::new(Code::Closing, "Gangway is closing."));
        }
        let folder = self.folder(plan);
        let server = match plan {
            Plan::Demo => Some(hosting::demo(folder.join("server")).await?),
            Plan::Host { venue_name } => Some(hosting::venue(folder.join("server"), venue_name.clone()).await?),
            Plan::Connect { .. } => None,
        };
        let address = match (plan, &server) {
            (Plan::Connect { server }, _) => server.clone(),
            (_, Some(running)) => format!("http://{}", running.ready().listen),
            (_, None) => return Err(Refusal::not_ready()),
        };
        venue.server = server;
        let options = Options { server: address, token: None, data_dir: folder.join("console"), device_name: None };
        match Console::open(options).await {
            Ok(console) => self.connect(venue, console),
            Err(error) => {
                self.shut(venue).await;
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Lets the page hear `console`; what it shows already comes again.
    fn connect(&self, venue: &mut Venue, console: Console) {
        let pushes = pushes::forward(console.pushes(), console.clone(), Arc::clone(&self.emit));
        venue.forwarding = Some(tokio::spawn(pushes));
        *self.console.write().unwrap_or_else(PoisonError::into_inner) = Some(console.clone());
        for (window, keys) in self.subscriptions.all() {
            console.subscribe(&window, keys);
        }
        console.invalidate_all();
    }

    /// The console first, so that what it still sends finds its server.
    async fn shut(&self, venue: &mut Venue) {
        let console = self.console.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(console) = console {
            console.shutdown().await;
        }
        if let Some(forwarding) = venue.forwarding.take() {
            forwarding.abort();
        }
        if let Some(running) = venue.server.take() {
            hosting::stop(running).await;
        }
    }

    /// A demo never mixes with what is real.
    fn folder(&self, plan: &Plan) -> PathBuf {
        match plan {
            Plan::Demo => self.data_dir.join("demo"),
            Plan::Host { .. } | Plan::Connect { .. } => self.data_dir.clone(),
        }
    }

    /// A mistyped address must not be remembered: waits for a sign that a server is there.
    async fn first_answer(&self, plan: &Plan) -> Result<(), Refusal> {
        let Plan::Connect { server } = plan else { return Ok(()) };
        let answered = async {
            while !self.is_answered() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(FIRST_ANSWER_MAX, answered).await.map_err(|_| {
            Refusal::new(Code::NoServer, format!("No Gangway server answers at {server}. Check the address."))
        })
    }

    /// Whether the console has, or is getting, what the server has, or is told to be paired first.
    fn is_answered(&self) -> bool {
        self.console().map(|console| console.status()).is_some_and(|status| {
            matches!(status.link, LinkState::Live | LinkState::CatchingUp)
                || status.problem.is_some_and(|problem| problem.is_of_pairing())
        })
    }

    /// Whether the console has found its rows equal to the server's.
    pub fn is_in_sync(&self) -> bool {
        self.console().is_some_and(|console| console.status().in_sync)
    }
}
