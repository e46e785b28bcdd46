//! A venue that was opened, and what serves it: everything of a server but its flags, its address and its sockets,
//! so that a simulator runs the very same on a clock and a network of its own.

use std::{collections::HashMap, path::Path, sync::Arc};

use gangway_domain::{settings::SettingsRow, time::VenueTime};
use tokio::sync::{mpsc, watch};

use crate::{
    access::{
        Access,
        devices::{self, Device},
    },
    clock::{Clock, Ids, SystemSecrets},
    dispatcher::{
        Dispatcher, Notice,
        mirror::{Mirror, SharedMirror},
        queue::Emitter,
    },
    execute::Ports,
    http::app::App,
    metrics::Metrics,
    realtime::{Shared, sockets::Sockets},
    store::{
        Founding, Head, Store, StoreError, sqlite,
        threads::{StoreThreads, Workers},
    },
    sweeper::Sweeper,
};

/// Carts that may wait for the dispatcher.
const NOTICES: usize = 256;

/// How a venue is opened.
pub struct Opening<'a> {
    /// The venue's file; made where there is none.
    pub file: &'a Path,
    /// What a venue that is made is called.
    pub name: &'a str,
    /// Where ids come from.
    pub ids: Arc<dyn Ids>,
    /// A clock that never says a moment before the given one.
    pub clock: &'a dyn Fn(VenueTime) -> Arc<dyn Clock>,
    /// Where the store's work is done.
    pub workers: Arc<dyn Workers>,
}

/// The venue as opened.
pub struct Venue {
    /// Its store.
    pub store: StoreThreads,
    /// Its sync set.
    pub mirror: Arc<SharedMirror>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Arc<dyn Ids>,
    /// Where its log stood.
    pub head: Head,
    devices: HashMap<String, Arc<Device>>,
}

/// What serves a venue.
pub struct Parts {
    /// For the calls.
    pub app: App,
    /// For the sockets.
    pub shared: Shared,
    /// Does what the clock does.
    pub sweeper: Sweeper,
    notices: mpsc::Receiver<Notice>,
}

impl Venue {
    /// Opens it, or makes it, and starts its store.
    ///
    /// # Errors
    /// The file is none that can be used, or the machine has no room.
    pub fn open(opening: Opening<'_>) -> Result<Self, StoreError> {
        let Opening { file, name, ids, clock, workers } = opening;
        let founding = || {
            let now = clock(VenueTime(0)).now();
            Founding { venue_id: ids.venue_id(), epoch: ids.epoch(), settings: SettingsRow::new(name, now) }
        };
        let store = sqlite::SqliteStore::open(file, founding)?;
        let mut loaded = None;
        store.reader()?.view(&mut |view| {
            loaded = Some((Mirror::load(view)?, view.head()?, devices::load(view)?));
            Ok(())
        })?;
        let (mirror, head, devices) = loaded.ok_or(StoreError::Busy)?;
        let clock = clock(head.last_time);
        let ports = Ports { clock: clock.clone(), ids: ids.clone() };
        let store = StoreThreads::start_on(workers, Box::new(store), ports, &head)?;
        Ok(Self { store, mirror: Arc::new(SharedMirror::new(mirror)), clock, ids, head, devices })
    }

    /// What serves it. `open`: no tokens, every caller is a manager.
    pub fn parts(&self, open: bool) -> Parts {
        let metrics = Arc::new(Metrics::default());
        let sockets = Arc::new(Sockets::default());
        let emitted = Arc::new(watch::Sender::new(self.mirror.with(|mirror| mirror.place.clone())));
        let access = Arc::new(Access::new(
            open,
            self.devices.clone(),
            (self.store.clone(), sockets.clone()),
            (self.clock.clone(), Arc::new(SystemSecrets)),
        ));
        let (notices, notices_out) = mpsc::channel(NOTICES);
        let app = App {
            store: self.store.clone(),
            mirror: self.mirror.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            metrics: metrics.clone(),
            sockets: sockets.clone(),
            notices,
            snapshots: Arc::default(),
            access: access.clone(),
            seal: None,
            venue_id: self.head.venue_id.clone(),
            calls: Arc::default(),
            desks: Arc::default(),
        };
        let sweeper = Sweeper {
            store: self.store.clone(),
            mirror: self.mirror.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        };
        let shared = Shared { sockets, emitted, clock: self.clock.clone(), metrics, access };
        Parts { app, shared, sweeper, notices: notices_out }
    }
}

impl Parts {
    /// The task that emits, and the one that sweeps.
    pub fn tasks<E: Emitter>(self, emitter: E) -> (Dispatcher<E>, Sweeper) {
        let Self { app, shared, sweeper, notices } = self;
        let dispatcher = Dispatcher {
            store: app.store,
            mirror: app.mirror,
            emitter,
            clock: shared.clock,
            metrics: shared.metrics,
            emitted: shared.emitted,
            notices,
        };
        (dispatcher, sweeper)
    }
}
