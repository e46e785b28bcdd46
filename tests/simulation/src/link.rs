//! A desk's way to the server, and what is wrong with it.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use crate::{dice::Dice, trace::Trace};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Requests.
    ToServer,
    /// Answers and events.
    ToDesk,
}

/// How a link stands.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkState {
    /// What is sent to the server gets there; if not, it waits on the way.
    pub to_server: bool,
    /// What is sent to the desk gets there; if not, it waits on the way.
    pub to_desk: bool,
    /// Every try is refused at once.
    pub refuses: bool,
    /// How often everything on the way was lost, and both ends were told.
    pub resets: u64,
    /// The longest that something takes, in ms.
    pub slowest_ms: u64,
    /// How often a request or an answer is lost without a word.
    pub loses: f64,
    /// How often a request arrives twice.
    pub doubles: f64,
    /// A proxy answers in the server's place.
    pub portal: bool,
    /// It leads to another venue's server.
    pub elsewhere: bool,
}

impl Default for LinkState {
    fn default() -> Self {
        Self {
            to_server: true,
            to_desk: true,
            refuses: false,
            resets: 0,
            slowest_ms: 8,
            loses: 0.0,
            doubles: 0.0,
            portal: false,
            elsewhere: false,
        }
    }
}

/// What was on the way is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset;

/// A link. Clones are the same one.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    name: String,
    trace: Trace,
    dice: Dice,
    state: Mutex<LinkState>,
    /// Not a watch channel, which wakes those who wait in an order that no seed decides.
    changed: Notify,
}

impl Link {
    /// A link on which nothing is wrong.
    pub fn new(name: &str, trace: &Trace, dice: Dice) -> Self {
        let (name, trace) = (name.to_owned(), trace.clone());
        Self(Arc::new(Inner { name, trace, dice, state: Mutex::default(), changed: Notify::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands.
    pub fn state(&self) -> LinkState {
        self.lock().clone()
    }

    /// Changes how it stands.
    pub fn change(&self, what: impl Display, change: impl FnOnce(&mut LinkState)) {
        self.0.trace.say(&self.0.name, format_args!("link: {what}"));
        change(&mut self.lock());
        self.0.changed.notify_waiters();
    }

    /// Nothing is wrong any more.
    pub fn heal(&self) {
        self.change("heals", |state| {
            // Who was connected elsewhere is not any more.
            let resets = state.resets + u64::from(state.elsewhere);
            *state = LinkState { resets, ..LinkState::default() };
        });
    }

    /// Something happened on it.
    pub fn say(&self, what: impl Display) {
        self.0.trace.say(&self.0.name, what);
    }

    /// True this often.
    pub fn chance(&self, often: f64) -> bool {
        often > 0.0 && self.0.dice.chance(often)
    }

    /// Its dice.
    pub fn dice(&self) -> &Dice {
        &self.0.dice
    }

    /// How long something takes now.
    pub fn delay(&self) -> Duration {
        let slowest_ms = self.lock().slowest_ms;
        self.0.dice.while_ms(1..slowest_ms.max(2))
    }

    /// Takes something along a way: it needs its time, and waits while the way is blocked.
    ///
    /// # Errors
    /// The link was reset since `resets`.
    pub async fn pass(&self, way: Way, resets: u64) -> Result<(), Reset> {
        sleep(self.delay()).await;
        self.open(way, resets).await
    }

    /// Waits while the way is blocked.
    ///
    /// # Errors
    /// The link was reset since `resets`.
    pub async fn open(&self, way: Way, resets: u64) -> Result<(), Reset> {
        let state = self.until(|state| {
            let is_open = match way {
                Way::ToServer => state.to_server,
                Way::ToDesk => state.to_desk,
            };
            is_open || state.resets != resets
        });
        if state.await.resets == resets { Ok(()) } else { Err(Reset) }
    }

    /// Waits until the link was reset since `resets`.
    pub async fn reset(&self, resets: u64) {
        self.until(|state| state.resets != resets).await;
    }

    async fn until(&self, is_so: impl Fn(&LinkState) -> bool) -> LinkState {
        loop {
            let changed = self.0.changed.notified();
            let state = self.state();
            if is_so(&state) {
                return state;
            }
            changed.await;
        }
    }
}
