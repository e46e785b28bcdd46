//! The rows: committed to the cache, shown in the view, and turned into updates of queries.

use std::sync::atomic::Ordering;

use gangway_domain::{band::BarcodeId, event::EventName, ids::SessionId, rows::Change, venue::Venue};
use serde_json::Value;

use super::Driver;
use crate::{
    cache::{Cache, CacheError},
    core::View,
    outbox::OutboxError,
    overlay::{Confirmed, Touched},
    query::{
        key::Topic,
        rules::{self, Given, Known, Op, Update},
        touched,
    },
    shown::without_data,
    sync::{effect::Unit, input::Input, message::LoggedEvent, payload, state::Held},
};

impl Driver {
    pub(super) fn apply(&mut self, units: &[Unit], held: &Held) -> Input {
        let contact = self.core.contact_now();
        let now = contact.at;
        let committed = match self.core.cache().as_mut() {
            Some(cache) => cache.apply(units, held, contact),
            None => return Input::ApplyFailed { held: None },
        };
        let hashes = match committed {
            Ok(hashes) => hashes,
            Err(error) => return self.cache_failed(&error),
        };
        let (changes, unreadable) = typed(units);
        let commands: Vec<_> = events(units).filter_map(|event| event.command_id).collect();
        let (of_rows, touched, pending) = {
            let mut view = self.core.view_mut();
            let pending = !view.overlay.is_empty();
            let of_rows = touched_by_rows(units, view.venue.as_ref());
            let confirmed = Confirmed { changes: &changes, commands: &commands, at: &held.position };
            let touched = view.confirm(confirmed, now);
            view.held = Some(held.clone());
            view.hash = hashes.last().map(|(_, hash)| hash.clone());
            view.last_sync_at = Some(now);
            (of_rows, touched, pending)
        };
        if unreadable > 0 {
            self.core.desk().metrics.link.unreadable_rows += unreadable;
        }
        self.show_events(units, pending);
        self.show(touched::updates(&of_rows), pending);
        self.core.show(touched::updates(&touched), None);
        self.core.fates_changed();
        Input::Applied { hashes }
    }

    /// Shows what `units` say, or what the rows say where commands are pending on top of them.
    pub(super) fn show_events(&self, units: &[Unit], pending: bool) {
        let mut updates = Vec::new();
        {
            let view = self.core.view();
            for event in events(units) {
                match event.known() {
                    // An event of a newer server.
                    None => updates.extend(self.everything()),
                    // Rows that changed without an event of their own say themselves what they touch.
                    Some(EventName::Rows) => {}
                    Some(name) if payload::check(name, &event.payload).is_ok() => {
                        updates.extend(rules::updates(name, &event.payload, &KnownRows(&view)));
                    }
                    // The rows are right; only what the event says about them can't be used.
                    Some(_) => {
                        self.core.desk().metrics.link.malformed += 1;
                        updates.extend(self.everything());
                    }
                }
            }
        }
        self.show(updates, pending);
    }

    /// Every query of rows that somebody looks at, to be asked for again.
    pub(super) fn everything(&self) -> Vec<Update> {
        let invalidate = |topic: &Topic| Update { topic: topic.clone(), op: Op::Invalidate { fallback: false } };
        let of_rows = |topic: &&Topic| **topic != Topic::SyncStatus;
        self.core.desk().subscriptions.topics().filter(of_rows).map(invalidate).collect()
    }

    /// `pending`: commands were on top of the rows when this happened.
    pub(super) fn show(&self, updates: Vec<Update>, pending: bool) {
        let pending = pending || !self.core.view().overlay.is_empty();
        let updates = if pending { without_data(updates) } else { updates };
        self.core.show(updates, Some(self.running.arrived_us));
    }

    pub(super) fn swap(&mut self, held: &Held) -> Option<Input> {
        let staged = self.running.staged.take().filter(|staged| staged.held == *held)?;
        let contact = self.core.contact_now();
        let now = contact.at;
        // Whose commands these are is on disk before the first row is: from here on no other venue's server gets them.
        if let Some(venue_id) = &staged.venue_id
            && let Err(error) = self.core.with_outbox(|outbox| outbox.belong_to(venue_id))
        {
            return Some(self.outbox_failed(&error));
        }
        let swapped = match self.core.cache().as_mut() {
            Some(cache) => {
                let (base, venue_id) = (staged.epoch_base.as_ref(), staged.venue_id.as_deref());
                cache.swap(held, base, venue_id, staged.hash, contact)
            }
            None => return None,
        };
        if let Err(error) = swapped {
            return Some(self.cache_failed(&error));
        }
        tracing::info!(seq = held.position.seq, epoch = %held.position.epoch, "the snapshot is in place");
        // No tap and no answer comes between the commands that are read and the rows that they go on top of.
        let (venue, base) = (staged.venue, staged.epoch_base);
        let replaced = self.core.with_outbox(|outbox| {
            let read = outbox.unseen(Some(&held.position));
            {
                let mut view = self.core.view_mut();
                view.replace(venue, read, held, now);
                view.epoch_base = base;
            }
            if let Err(error) = self.core.resend_lost(outbox) {
                tracing::error!(%error, "the outbox can't be written; nothing is sent before it can");
                self.core.put_right_due.store(true, Ordering::Relaxed);
                self.core.tapped.notify_one();
            }
            Ok(())
        });
        if let Err(error) = replaced {
            tracing::warn!(%error, "the console is closing; the snapshot is shown at the next start");
            return None;
        }
        {
            let mut view = self.core.view_mut();
            view.venue_id = staged.venue_id.or(view.venue_id.take());
            view.hash = Some(staged.hash.to_hex());
            view.last_sync_at = Some(now);
            view.file_checked = true;
            view.file_differs = false;
            if let Some(report) = view.differs.as_mut().filter(|report| report.repaired_at.is_none()) {
                report.repaired_at = Some(now.to_iso());
                report.rows = staged.differences;
                tracing::warn!(rows = ?report.rows, "the local copy differed and was replaced by the server's");
            }
        }
        self.core.desk().metrics.link.unreadable_rows += staged.unreadable;
        let updates = self.everything();
        let set = |update: Update| Update { op: Op::Set(Given::Rows), ..update };
        self.show(updates.into_iter().map(set).collect(), false);
        self.core.fates_changed();
        None
    }

    /// The outbox could not be written: nothing is shown that commands of an unknown venue could be laid on.
    fn outbox_failed(&mut self, error: &OutboxError) -> Input {
        tracing::error!(%error, "the outbox can't be written; the snapshot is asked for again");
        self.core.view_mut().problem = Some(error.into());
        Input::ApplyFailed { held: self.core.cache().as_ref().and_then(|cache| cache.held().ok().flatten()) }
    }

    /// A cache that was set aside and could not be replaced, as on a full disk, is made before rows are asked for.
    pub(super) fn make_lost_cache(&mut self) {
        let Some(path) = self.running.lost_cache.take() else { return };
        let mut cache = self.core.cache();
        match Cache::open(&path) {
            Ok((fresh, _)) => *cache = Some(fresh),
            Err(error) => {
                tracing::error!(%error, "no new cache file could be made; it is tried again");
                self.running.lost_cache = Some(path);
            }
        }
    }

    /// The cache could not be written: a file that is of no use is replaced by an empty one.
    pub(super) fn cache_failed(&mut self, error: &CacheError) -> Input {
        tracing::error!(%error, "the cache could not be written; it is fetched anew");
        self.core.view_mut().problem = Some(error.into());
        let mut cache = self.core.cache();
        if error.is_file_useless()
            && let Some(broken) = cache.take()
        {
            let path = broken.path().to_owned();
            drop(broken);
            match Cache::replace(&path, error) {
                Ok((fresh, notice)) => {
                    *cache = Some(fresh);
                    self.core.view_mut().notices.push(notice);
                }
                Err(error) => {
                    tracing::error!(%error, "no new cache file could be made; it is tried again");
                    self.running.lost_cache = Some(path);
                }
            }
        }
        let held = cache.as_ref().and_then(|cache| cache.held().ok().flatten());
        Input::ApplyFailed { held }
    }
}

/// The rows of `units`, and how many of them this version can't read.
fn typed(units: &[Unit]) -> (Vec<Change>, u64) {
    let mut changes = Vec::new();
    let mut unreadable = 0;
    for change in events(units).flat_map(|event| &event.changes) {
        match change.typed() {
            Ok(change) => changes.extend(change),
            Err(error) => {
                tracing::warn!(%error, "a row of the log can't be read");
                unreadable += 1;
            }
        }
    }
    (changes, unreadable)
}

/// What rows without an event of their own change, with the rows before them.
fn touched_by_rows(units: &[Unit], venue: Option<&Venue>) -> Touched {
    let mut touched = Touched::default();
    let of_rows = events(units).filter(|event| event.known() == Some(EventName::Rows));
    for change in of_rows.flat_map(|event| &event.changes).filter_map(|change| change.typed().ok().flatten()) {
        let before = venue.and_then(|venue| venue.row(change.collection, &change.id));
        before.iter().chain(&change.row).for_each(|row| touched.note(row));
    }
    touched
}

fn events(units: &[Unit]) -> impl Iterator<Item = &LoggedEvent> {
    units.iter().flat_map(|Unit(events)| events)
}

/// What the rule table may ask: with the rows here, everything is known from them.
pub(super) struct KnownRows<'a>(pub(super) &'a View);

impl KnownRows<'_> {
    fn venue(&self) -> Option<&Venue> {
        self.0.venue.as_ref()
    }
}

impl Known for KnownRows<'_> {
    fn has_rows(&self) -> bool {
        self.0.venue.is_some()
    }

    fn base(&self, _topic: &Topic) -> Option<Value> {
        None
    }

    fn live_session(&self, band: &BarcodeId) -> Option<Option<SessionId>> {
        self.venue().map(|venue| venue.live_session(band).map(|session| session.id.clone()))
    }

    fn band_of(&self, session: &SessionId) -> Option<BarcodeId> {
        self.venue()?.session(session).map(|session| session.barcode_id.clone())
    }
}
