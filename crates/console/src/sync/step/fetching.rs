//! Fetching what is missing: at most one catch-up at a time, and one a second (`sync.md` rule 6).

use gangway_domain::ids::Seq;
use gangway_plants::Plant;

use super::{Step, retry_ms};
use crate::{
    net::EventsAfter,
    sync::{
        effect::{Effect, Note, SnapshotReason, Unit},
        input::Moment,
        message::{EventsPage, LoggedEvent},
        state::{CATCH_UP_EVERY_MS, Fetch, Held, Want},
    },
};

impl Step<'_> {
    /// Events are missing: not live any more until they are here.
    pub(super) fn gap(&mut self) {
        self.effects.push(Effect::Note(Note::Gap));
        self.fall_behind();
        self.hint();
    }

    /// Something to look into, which may be nothing.
    pub(super) fn hint(&mut self) {
        let now = self.moment.now_ms;
        let Some(up) = self.state.up() else { return };
        let at_ms = up.not_before_ms.max(now);
        self.want(Want::Events, at_ms);
    }

    pub(super) fn want(&mut self, want: Want, at_ms: u64) {
        let Some(up) = self.state.up() else { return };
        match up.fetch {
            Fetch::Idle => up.fetch = Fetch::Due { want, at_ms },
            Fetch::Due { want: before, at_ms: then } => {
                up.fetch = Fetch::Due { want: before.or(want), at_ms: then.min(at_ms) };
            }
            // A snapshot that is on its way repairs whatever it is.
            Fetch::Snapshot(_) if matches!(want, Want::Snapshot(_)) => {}
            Fetch::Events(_) | Fetch::Snapshot(_) => up.again = Some(up.again.map_or(want, |before| before.or(want))),
        }
    }

    pub(super) fn begin_due(&mut self) {
        let now = self.moment.now_ms;
        let Some(up) = self.state.up() else { return };
        if let Fetch::Due { want, at_ms } = up.fetch
            && at_ms <= now
        {
            up.not_before_ms = now + CATCH_UP_EVERY_MS;
            self.fetch(want);
        }
    }

    pub(super) fn fetch(&mut self, want: Want) {
        self.state.fetches += 1;
        let fetch = self.state.fetches;
        let after = self.state.held.as_ref().map(|held| EventsAfter {
            after: held.position.seq,
            after_id: held.event_id.clone().filter(|_| !Plant::IgnoresTheEpoch.is_planted()),
            epoch: held.position.epoch.clone(),
        });
        let Some(up) = self.state.up() else { return };
        let (running, effect) = match (want, after) {
            (Want::Events, Some(after)) => (Fetch::Events(fetch), Effect::FetchEvents { fetch, after }),
            (Want::Events, None) => {
                (Fetch::Snapshot(fetch), Effect::FetchSnapshot { fetch, reason: SnapshotReason::Behind })
            }
            (Want::Snapshot(reason), _) => (Fetch::Snapshot(fetch), Effect::FetchSnapshot { fetch, reason }),
        };
        up.fetch = running;
        self.effects.push(effect);
    }

    pub(super) fn fetch_failed(&mut self) {
        let Moment { now_ms, fraction } = self.moment;
        let repair = self.state.repair;
        let Some(up) = self.state.up() else { return };
        let want = match up.fetch {
            Fetch::Snapshot(_) if repair => Want::Snapshot(SnapshotReason::Repair),
            Fetch::Snapshot(_) => Want::Snapshot(SnapshotReason::Behind),
            Fetch::Events(_) | Fetch::Idle | Fetch::Due { .. } => Want::Events,
        };
        up.failures += 1;
        up.fetch = Fetch::Due { want, at_ms: now_ms + retry_ms(up.failures, fraction) };
    }

    pub(super) fn page(&mut self, page: EventsPage) {
        let EventsPage { epoch, head, through, events, .. } = page;
        let cursor = self.state.cursor();
        let of_held = self.state.held.as_ref().is_some_and(|held| held.position.epoch == epoch);
        // A page of another log than was asked for says what a 410 would have said.
        if !of_held {
            self.snapshot_required();
            return;
        }
        let news: Vec<LoggedEvent> = events.into_iter().filter(|event| event.seq > cursor).collect();
        if news.first().is_some_and(|first| first.prev > cursor) {
            self.effects.push(Effect::Note(Note::Impossible(format!("a page that leaves a hole after {cursor}"))));
            self.snapshot_required();
            return;
        }
        if through < head && through <= cursor {
            self.effects.push(Effect::Note(Note::Impossible(format!("a page through {through} after {cursor}"))));
            self.fetch_failed();
            return;
        }
        self.state.head = head.max(cursor);
        if let Some(up) = self.state.up() {
            up.own_server = true;
            up.failures = 0;
            if up.unit.first().is_some_and(|first| first.seq <= through) {
                up.unit.clear();
            }
        }
        self.apply_page(news, through);
        if through < head {
            self.fetch(Want::Events);
        } else {
            self.caught_up();
        }
    }

    pub(super) fn apply_page(&mut self, news: Vec<LoggedEvent>, through: Seq) {
        if through <= self.state.cursor() {
            return;
        }
        let id = news.last().filter(|event| event.seq == through).map(|event| event.id.clone());
        let mut units: Vec<Unit> = Vec::new();
        for event in news {
            match units.last_mut() {
                Some(Unit(unit)) if unit.first().is_some_and(|first| event.seq <= first.last) => unit.push(event),
                _ => units.push(Unit(vec![event])),
            }
        }
        self.apply(units, through, id);
    }

    pub(super) fn snapshot_required(&mut self) {
        let Moment { now_ms, fraction } = self.moment;
        let Some(up) = self.state.up() else { return };
        // A server that never lets a snapshot be followed is asked less and less.
        let wait_ms = if up.failures == 0 { 0 } else { retry_ms(up.failures, fraction) };
        up.failures += 1;
        up.fetch = Fetch::Due { want: Want::Snapshot(SnapshotReason::Behind), at_ms: now_ms + wait_ms };
        self.fall_behind();
    }

    pub(super) fn snapshot_staged(&mut self, held: Held, hash: &str, named: Option<String>) {
        let other_log = self.state.held.as_ref().is_some_and(|before| before.position.epoch != held.position.epoch);
        let seq = held.position.seq;
        self.effects.push(Effect::Swap { held: held.clone() });
        self.state.head = if other_log { seq } else { self.state.head.max(seq) };
        self.state.stand(Some(held), Some(hash));
        self.state.repair = false;
        let Some(up) = self.state.up() else { return };
        up.own_server = true;
        up.unit.clear();
        up.overtaken = seq;
        if other_log {
            up.waiting.clear();
            up.awaited = None;
            up.agreed = false;
        }
        self.effects.extend(
            named
                .filter(|named| named != hash)
                .map(|theirs| Effect::Note(Note::HashMismatch { seq, ours: hash.to_owned(), theirs })),
        );
        if let Some(head) = self.state.up().and_then(|up| up.early_head.take()) {
            self.heard_head(head);
        }
        // What happened while it was loading follows at once: it is the same catch-up.
        self.fetch(Want::Events);
    }

    /// Everything that the server had when it was asked is applied.
    pub(super) fn caught_up(&mut self) {
        let now_ms = self.moment.now_ms;
        if let Some(up) = self.state.up() {
            up.fetch = Fetch::Idle;
        }
        let missing = self.take_waiting();
        let Some(up) = self.state.up() else { return };
        let at_ms = up.not_before_ms.max(now_ms);
        let again = up.again.take();
        if let Some(want) = again.or(missing.then_some(Want::Events)) {
            self.want(want, at_ms);
        }
        if !missing && !matches!(again, Some(Want::Snapshot(_))) {
            self.come_live();
            self.effects.push(Effect::ConfirmLink);
        }
    }

    /// Takes the events that came during the fetch, as far as they follow. Says whether some are missing.
    pub(super) fn take_waiting(&mut self) -> bool {
        loop {
            let reached = self.reached();
            let fetches = self.state.fetches;
            let Some(up) = self.state.up() else { return false };
            let Some((seq, (begun, event))) = up.waiting.pop_first() else { return false };
            if seq <= reached {
                self.heard_before(&event);
            } else if event.prev <= reached {
                self.take(event);
            } else if begun < fetches {
                // It came before the server was asked, so the answer has it, if the log does.
                let what = format!("event at {seq} is not in the log");
                self.effects.push(Effect::Note(Note::Impossible(what)));
            } else {
                up.waiting.insert(seq, (begun, event));
                return true;
            }
        }
    }
}

impl Want {
    /// Both: a snapshot brings the events too.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Snapshot(SnapshotReason::Repair), _) | (_, Self::Snapshot(SnapshotReason::Repair)) => {
                Self::Snapshot(SnapshotReason::Repair)
            }
            (Self::Snapshot(SnapshotReason::Behind), _) | (_, Self::Snapshot(SnapshotReason::Behind)) => {
                Self::Snapshot(SnapshotReason::Behind)
            }
            (Self::Events, Self::Events) => Self::Events,
        }
    }
}
