//! The rules of synchronisation, as one pure function.

use gangway_domain::ids::{Epoch, Position, Seq};

use super::{
    effect::{Effect, Note, SnapshotReason, Unit},
    input::{FetchId, Input, LinkId, Moment},
    message::{EventsPage, Incoming, LoggedEvent, SyncHead},
    state::{BEHIND_GRACE_MS, CATCH_UP_EVERY_MS, Fetch, Held, Link, RETRY_MAX_MS, State, Up, WAITING_MAX, Want},
};
use crate::net::EventsAfter;

/// Takes one input in and says what is to be done, in order.
///
/// The state counts an [`Effect::Apply`] or [`Effect::Swap`] as done; where the cache refuses,
/// [`Input::ApplyFailed`] puts it right.
pub fn step(state: &mut State, moment: Moment, input: Input) -> Vec<Effect> {
    let mut step = Step { state, moment, effects: Vec::new() };
    match input {
        Input::Connecting => step.connecting(),
        Input::ConnectFailed => step.down(),
        Input::Up { link } => step.link_up(link),
        Input::Down { link } if step.is_current(link) => step.down(),
        Input::Heard { link, incoming } if step.is_current(link) => step.heard(incoming),
        Input::Malformed { link } if step.is_current(link) => step.hint(),
        Input::Overflow { link } if step.is_current(link) => step.gap(),
        Input::Down { .. } | Input::Heard { .. } | Input::Malformed { .. } | Input::Overflow { .. } => {}
        Input::Page { fetch, page } if step.is_awaited(fetch) => step.page(page),
        Input::SnapshotRequired { fetch } if step.is_awaited(fetch) => step.snapshot_required(),
        Input::SnapshotStaged { fetch, held, hash, named } if step.is_awaited(fetch) => {
            step.snapshot_staged(held, &hash, named);
        }
        Input::FetchFailed { fetch } if step.is_awaited(fetch) => step.fetch_failed(),
        Input::Page { .. }
        | Input::SnapshotRequired { .. }
        | Input::SnapshotStaged { .. }
        | Input::FetchFailed { .. } => {}
        Input::Applied { hashes } => step.applied(hashes),
        Input::ApplyFailed { held } => step.apply_failed(held),
        Input::FileDiffers => step.file_differs(),
        Input::HeadKnown { seq } => step.head_known(seq),
        Input::Tick => step.tick(),
    }
    step.begin_due();
    step.effects
}

/// The wait before the `failures`-th retry: at least a second, growing, spread by chance.
pub fn retry_ms(failures: u32, fraction: f64) -> u64 {
    let longest = CATCH_UP_EVERY_MS.saturating_mul(1 << failures.min(10)).min(RETRY_MAX_MS);
    let spread = longest - CATCH_UP_EVERY_MS;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "bounded")]
    let part = (spread as f64 * fraction) as u64;
    CATCH_UP_EVERY_MS + part
}

struct Step<'a> {
    state: &'a mut State,
    moment: Moment,
    effects: Vec<Effect>,
}

impl Step<'_> {
    // === the link

    fn is_current(&mut self, link: LinkId) -> bool {
        self.state.up().is_some_and(|up| up.link == link)
    }

    fn is_awaited(&mut self, fetch: FetchId) -> bool {
        self.state.up().is_some_and(|up| match up.fetch {
            Fetch::Events(awaited) | Fetch::Snapshot(awaited) => awaited == fetch,
            Fetch::Idle | Fetch::Due { .. } => false,
        })
    }

    fn connecting(&mut self) {
        self.down();
        self.state.link = Link::Connecting;
    }

    fn link_up(&mut self, link: LinkId) {
        self.down();
        self.state.link = Link::CatchingUp(Up::new(link, self.moment.now_ms));
        let want = if self.state.repair { Want::Snapshot(SnapshotReason::Repair) } else { Want::Events };
        self.want(want, self.moment.now_ms);
    }

    fn down(&mut self) {
        if self.state.up().is_some_and(|up| up.is_fetching()) {
            self.effects.push(Effect::CancelFetch);
        }
        self.state.link = Link::Offline;
    }

    fn fall_behind(&mut self) {
        self.state.link = match std::mem::replace(&mut self.state.link, Link::Offline) {
            Link::Live(up) => Link::CatchingUp(up),
            other @ (Link::CatchingUp(_) | Link::Connecting | Link::Offline) => other,
        };
    }

    fn come_live(&mut self) {
        self.state.link = match std::mem::replace(&mut self.state.link, Link::Offline) {
            Link::CatchingUp(up) => Link::Live(up),
            other @ (Link::Live(_) | Link::Connecting | Link::Offline) => other,
        };
    }

    fn tick(&mut self) {
        let now = self.moment.now_ms;
        let reached = self.reached();
        let Some(up) = self.state.up() else { return };
        if now >= up.silent_at_ms() {
            let link = up.link;
            self.effects.extend([Effect::Note(Note::Silence), Effect::DropLink { link }]);
            self.down();
            return;
        }
        if let Some((head, since)) = up.behind_since_ms
            && (reached >= head || now >= since + BEHIND_GRACE_MS)
        {
            up.behind_since_ms = None;
            if reached < head {
                self.gap();
            }
        }
    }

    // === what is heard

    fn heard(&mut self, incoming: Incoming) {
        let now = self.moment.now_ms;
        if let Some(up) = self.state.up() {
            up.heard_ms = now;
        }
        match incoming {
            Incoming::Event { epoch, event } => self.heard_event(epoch, event),
            Incoming::Head(head) => self.heard_head(head),
            Incoming::Stats(_) | Incoming::Cart => {}
        }
    }

    /// Whether the held log is `epoch`; says so otherwise. Nothing is adopted from the socket.
    fn is_of_held_log(&mut self, epoch: Epoch) -> bool {
        match &self.state.held {
            // The snapshot that is on its way brings what is heard meanwhile.
            None => false,
            Some(held) if held.position.epoch == epoch => true,
            Some(_) => {
                self.effects.push(Effect::Note(Note::OtherEpoch(epoch)));
                self.hint();
                false
            }
        }
    }

    fn heard_event(&mut self, epoch: Epoch, event: LoggedEvent) {
        if !self.is_of_held_log(epoch) {
            return;
        }
        let reached = self.reached();
        if event.seq <= reached {
            self.heard_before(&event);
        } else if event.prev <= reached {
            self.take(event);
        } else {
            let fetches = self.state.fetches;
            let Some(up) = self.state.up() else { return };
            let was_fetching = up.is_fetching();
            if up.waiting.len() < WAITING_MAX {
                up.waiting.insert(event.seq, (fetches, event));
            }
            if !was_fetching {
                self.gap();
            }
        }
    }

    /// An event at a place that was passed: mostly a repeat, else something that can't be.
    fn heard_before(&mut self, event: &LoggedEvent) {
        let Some(up) = self.state.up() else { return };
        let overtaken = event.seq <= up.overtaken;
        let in_unit = up.unit.iter().any(|known| known.seq == event.seq && known.id == event.id);
        let repeat = in_unit || self.state.id_at(event.seq) == Some(&event.id);
        if !repeat && !overtaken {
            let what = format!("event at {} after {} was applied", event.seq, self.state.cursor());
            self.effects.push(Effect::Note(Note::Impossible(what)));
            self.hint();
        }
    }

    fn heard_head(&mut self, head: SyncHead) {
        if !self.is_of_held_log(head.epoch) {
            return;
        }
        let reached = self.reached();
        let cursor = self.state.cursor();
        let now = self.moment.now_ms;
        let ours = self.state.hash_at(head.seq).map(str::to_owned);
        let Some(up) = self.state.up() else { return };
        up.interval_ms = head.interval_ms;
        if head.head > reached && up.behind_since_ms.is_none() {
            up.behind_since_ms = Some((head.head, now));
        }
        self.effects.push(Effect::CheckFile);
        match (head.state_hash, ours) {
            // Not comparable, therefore not green (`sync.md` rule 5).
            (None, _) => up.agreed = false,
            (Some(theirs), Some(ours)) => self.compare(head.seq, ours, theirs),
            (Some(theirs), None) if head.seq > cursor => up.awaited = Some((head.seq, theirs)),
            (Some(_), None) => {}
        }
    }

    fn compare(&mut self, seq: Seq, ours: String, theirs: String) {
        let Moment { now_ms, fraction } = self.moment;
        let Some(up) = self.state.up() else { return };
        if ours == theirs {
            up.agreed = true;
            up.mismatches = 0;
            return;
        }
        up.agreed = false;
        let again_ms = if up.mismatches == 0 { 0 } else { retry_ms(up.mismatches, fraction) };
        up.mismatches += 1;
        let at_ms = up.not_before_ms.max(now_ms + again_ms);
        self.effects.push(Effect::Note(Note::HashMismatch { seq, ours, theirs }));
        self.fall_behind();
        self.want(Want::Snapshot(SnapshotReason::Repair), at_ms);
    }

    fn head_known(&mut self, seq: Seq) {
        let now = self.moment.now_ms;
        self.state.head = self.state.head.max(seq);
        let cursor = self.state.cursor();
        if let Some(up) = self.state.up()
            && seq > cursor
            && up.behind_since_ms.is_none()
        {
            up.behind_since_ms = Some((seq, now));
        }
    }

    // === applying

    /// The place that the next event has to follow: the cursor, or the last of an unfinished unit.
    fn reached(&mut self) -> Seq {
        let cursor = self.state.cursor();
        self.state.up().map_or(cursor, |up| up.reached(cursor))
    }

    /// Takes an event that follows, and applies its unit when that is whole (`sync.md` rule 3).
    fn take(&mut self, event: LoggedEvent) {
        let Some(up) = self.state.up() else { return };
        // The end of a unit may be an event that this desk does not see: the next one then ends it.
        let ended = up.unit.first().is_some_and(|first| event.seq > first.last);
        if ended {
            self.finish_unit();
        }
        let Some(up) = self.state.up() else { return };
        let whole = event.seq >= event.last;
        up.unit.push(event);
        if whole {
            self.finish_unit();
        } else if up.unit.len() > WAITING_MAX {
            up.unit.clear();
            self.gap();
        }
    }

    fn finish_unit(&mut self) {
        let Some(up) = self.state.up() else { return };
        let unit = Unit(std::mem::take(&mut up.unit));
        let Some(last) = unit.0.last() else { return };
        let (through, id) = (last.seq, Some(last.id.clone()));
        self.apply(vec![unit], through, id);
    }

    fn apply(&mut self, units: Vec<Unit>, through: Seq, event_id: Option<gangway_domain::ids::EventId>) {
        let Some(held) = &self.state.held else { return };
        let position = Position { epoch: held.position.epoch.clone(), seq: through };
        let held = Held { position, event_id };
        for event in units.iter().flat_map(|unit| &unit.0) {
            self.state.remember_id(event.seq, &event.id);
        }
        self.state.head = self.state.head.max(through);
        self.state.held = Some(held.clone());
        match self.effects.last_mut() {
            Some(Effect::Apply { units: before, held: stands }) => {
                before.extend(units);
                *stands = held;
            }
            _ => self.effects.push(Effect::Apply { units, held }),
        }
    }

    fn applied(&mut self, hashes: Vec<(Seq, String)>) {
        for (seq, hash) in hashes {
            self.state.remember_hash(seq, hash);
        }
        let Some((seq, theirs)) = self.state.up().and_then(|up| up.awaited.take()) else { return };
        match self.state.hash_at(seq).map(str::to_owned) {
            Some(ours) => self.compare(seq, ours, theirs),
            None if seq > self.state.cursor() => {
                if let Some(up) = self.state.up() {
                    up.awaited = Some((seq, theirs));
                }
            }
            None => {}
        }
    }

    fn apply_failed(&mut self, held: Option<Held>) {
        self.state.stand(held, None);
        self.state.repair = true;
        let Moment { now_ms, fraction } = self.moment;
        let Some(up) = self.state.up() else { return };
        up.unit.clear();
        up.agreed = false;
        up.failures += 1;
        let at_ms = now_ms + retry_ms(up.failures, fraction);
        self.fall_behind();
        self.want(Want::Snapshot(SnapshotReason::Repair), at_ms);
    }

    fn file_differs(&mut self) {
        self.state.repair = true;
        let now = self.moment.now_ms;
        let Some(up) = self.state.up() else { return };
        up.agreed = false;
        let at_ms = up.not_before_ms.max(now);
        self.fall_behind();
        self.want(Want::Snapshot(SnapshotReason::Repair), at_ms);
    }

    // === fetching: at most one at a time, and one a second

    /// Events are missing: not live any more until they are here.
    fn gap(&mut self) {
        self.effects.push(Effect::Note(Note::Gap));
        self.fall_behind();
        self.hint();
    }

    /// Something to look into, which may be nothing.
    fn hint(&mut self) {
        let now = self.moment.now_ms;
        let Some(up) = self.state.up() else { return };
        let at_ms = up.not_before_ms.max(now);
        self.want(Want::Events, at_ms);
    }

    fn want(&mut self, want: Want, at_ms: u64) {
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

    fn begin_due(&mut self) {
        let now = self.moment.now_ms;
        let Some(up) = self.state.up() else { return };
        if let Fetch::Due { want, at_ms } = up.fetch
            && at_ms <= now
        {
            up.not_before_ms = now + CATCH_UP_EVERY_MS;
            self.fetch(want);
        }
    }

    fn fetch(&mut self, want: Want) {
        self.state.fetches += 1;
        let fetch = self.state.fetches;
        let after = self.state.held.as_ref().map(|held| EventsAfter {
            after: held.position.seq,
            after_id: held.event_id.clone(),
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

    fn fetch_failed(&mut self) {
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

    fn page(&mut self, page: EventsPage) {
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

    fn apply_page(&mut self, news: Vec<LoggedEvent>, through: Seq) {
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

    fn snapshot_required(&mut self) {
        let Moment { now_ms, fraction } = self.moment;
        let Some(up) = self.state.up() else { return };
        // A server that never lets a snapshot be followed is asked less and less.
        let wait_ms = if up.failures == 0 { 0 } else { retry_ms(up.failures, fraction) };
        up.failures += 1;
        up.fetch = Fetch::Due { want: Want::Snapshot(SnapshotReason::Behind), at_ms: now_ms + wait_ms };
        self.fall_behind();
    }

    fn snapshot_staged(&mut self, held: Held, hash: &str, named: Option<String>) {
        let other_log = self.state.held.as_ref().is_some_and(|before| before.position.epoch != held.position.epoch);
        let seq = held.position.seq;
        self.effects.push(Effect::Swap { held: held.clone() });
        self.state.head = if other_log { seq } else { self.state.head.max(seq) };
        self.state.stand(Some(held), Some(hash));
        self.state.repair = false;
        let Some(up) = self.state.up() else { return };
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
        // What happened while it was loading follows at once: it is the same catch-up.
        self.fetch(Want::Events);
    }

    /// Everything that the server had when it was asked is applied.
    fn caught_up(&mut self) {
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
    fn take_waiting(&mut self) -> bool {
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

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
