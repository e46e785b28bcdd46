//! The venue in memory, following the log: what `full` payloads and reads of the current state come from.

use std::sync::{Mutex, PoisonError};

use gangway_domain::{
    event::EventName,
    hash::StateHash,
    ids::{Epoch, Seq},
    rows::{Change, Row},
    time::VenueTime,
    venue::Venue,
};
use tokio::sync::watch;

use crate::{
    access::table::{self, Hears},
    realtime::Profile,
    store::{LoggedEvent, StoreError, View},
};

/// A place in the log where a command ended, with what is true there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which log.
    pub epoch: Epoch,
    /// The last event.
    pub seq: Seq,
    /// The last event that `full` sees.
    pub full_seq: Seq,
    /// The last event that a kiosk hears.
    pub kiosk_seq: Seq,
    /// The last event that a display hears.
    pub display_seq: Seq,
    /// Of the sync set.
    pub state_hash: StateHash,
}

impl Place {
    /// Where the log of `view` is.
    ///
    /// # Errors
    /// The store failed.
    pub fn of(view: &dyn View) -> Result<Self, StoreError> {
        let head = view.head()?;
        let last = |room| -> Result<Seq, StoreError> {
            let heard: Vec<EventName> = EventName::ALL.into_iter().filter(|name| is_heard(room, *name)).collect();
            view.last_of(&heard)
        };
        Ok(Self {
            epoch: head.epoch,
            seq: head.seq,
            full_seq: head.full_seq,
            kiosk_seq: last(Profile::Kiosk)?,
            display_seq: last(Profile::Display)?,
            state_hash: head.state_hash,
        })
    }

    /// The last event that `room` hears (`sync.md` rule 2).
    pub fn last(&self, room: Profile) -> Seq {
        match room {
            Profile::Full => self.full_seq,
            Profile::Lean => self.seq,
            Profile::Kiosk => self.kiosk_seq,
            Profile::Display => self.display_seq,
        }
    }
}

/// The sync set at some place of the log.
pub struct Mirror {
    /// Its rows.
    pub venue: Venue,
    /// Where it stands.
    pub place: Place,
}

impl Mirror {
    /// Loads the sync set as it stands.
    ///
    /// # Errors
    /// The store failed or is damaged.
    pub fn load(view: &dyn View) -> Result<Self, StoreError> {
        let mut rows = Vec::new();
        let mut broken = None;
        view.sync_set(&mut |collection, _, json| match Row::from_json(collection, json) {
            Ok(row) => {
                rows.push(row);
                true
            }
            Err(error) => {
                broken = Some(error);
                false
            }
        })?;
        if let Some(error) = broken {
            return Err(StoreError::Damaged(format!("a row: {error}")));
        }
        let venue = Venue::from_rows(rows).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(Self { venue, place: Place::of(view)? })
    }

    /// Applies events that follow, whole commands only.
    ///
    /// # Errors
    /// The changes can't be read.
    pub fn follow(&mut self, events: &[LoggedEvent]) -> Result<(), StoreError> {
        for event in events {
            let changes: Vec<Change> = serde_json::from_str(&event.changes)
                .map_err(|error| StoreError::Damaged(format!("the changes of event {}: {error}", event.seq)))?;
            self.venue.apply(&changes);
            self.place = place_after(&self.place, event);
        }
        Ok(())
    }
}

/// Where the log stands after `event`, if it stood at `place` before.
pub fn place_after(place: &Place, event: &LoggedEvent) -> Place {
    Place {
        epoch: place.epoch.clone(),
        seq: event.seq,
        full_seq: if crate::execute::seen_by_full(event.name) { event.seq } else { event.prev_full },
        kiosk_seq: if is_heard(Profile::Kiosk, event.name) { event.seq } else { place.kiosk_seq },
        display_seq: if is_heard(Profile::Display, event.name) { event.seq } else { place.display_seq },
        state_hash: event.state_hash.unwrap_or(place.state_hash),
    }
}

/// Whether a room hears of a logged event at all.
pub fn is_heard(room: Profile, name: EventName) -> bool {
    let by_log = room == Profile::Lean || crate::execute::seen_by_full(name);
    by_log && table::hears(room, name.as_str()) != Hears::Nothing
}

/// The mirror as the HTTP side sees it.
pub struct SharedMirror {
    mirror: Mutex<Mirror>,
    seq: watch::Sender<Seq>,
}

impl SharedMirror {
    /// Shares `mirror`.
    pub fn new(mirror: Mirror) -> Self {
        let seq = watch::Sender::new(mirror.place.seq);
        Self { mirror: Mutex::new(mirror), seq }
    }

    /// Reads it as it stands.
    pub fn with<T>(&self, read: impl FnOnce(&Mirror) -> T) -> T {
        read(&self.mirror.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it, and wakes who waits for its seq.
    pub fn update<T>(&self, change: impl FnOnce(&mut Mirror) -> T) -> T {
        let mut mirror = self.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut mirror);
        self.seq.send_replace(mirror.place.seq);
        result
    }

    /// Waits until it stands at `seq` or later.
    pub async fn reach(&self, seq: Seq) {
        let mut watched = self.seq.subscribe();
        // The sender lives as long as this.
        let _ = watched.wait_for(|reached| *reached >= seq).await;
    }

    /// Tells of each change.
    pub fn watch(&self) -> watch::Receiver<Seq> {
        self.seq.subscribe()
    }

    /// Keeps the figures of the day of `now`.
    pub fn keep_totals(&self, now: VenueTime) {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner).venue.keep_totals(now);
    }
}
