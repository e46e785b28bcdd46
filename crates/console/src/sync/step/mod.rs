//! The rules of synchronisation, as one pure function.

mod fetching;

use gangway_domain::ids::{Epoch, Position, Seq};
use gangway_plants::Plant;

use super::{
    effect::{Effect, Note, SnapshotReason, Unit},
    input::{FetchId, Input, LinkId, Moment},
    message::{Incoming, LoggedEvent, SyncHead},
    state::{BEHIND_GRACE_MS, CATCH_UP_EVERY_MS, Fetch, Held, Link, RETRY_MAX_MS, State, Up, WAITING_MAX, Want},
};

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
            if matches!(incoming, Incoming::Head(_)) {
                up.head_ms = now;
            }
        }
        match incoming {
            Incoming::Event { epoch, event } => self.heard_event(epoch, event),
            Incoming::Head(head) => self.heard_head(head),
            Incoming::Stats(_) | Incoming::Cart | Incoming::Lease => {}
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
        if event.seq <= reached && !Plant::AppliesTwice.is_planted() {
            self.heard_before(&event);
        } else if event.prev <= reached || Plant::IgnoresGaps.is_planted() {
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
        if self.state.held.is_none() {
            // Compared once the first snapshot is in place, so that its light need not wait for the next one.
            if let Some(up) = self.state.up() {
                up.early_head = Some(head);
            }
            return;
        }
        if !self.is_of_held_log(head.epoch) {
            return;
        }
        let reached = self.reached();
        let cursor = self.state.cursor();
        let now = self.moment.now_ms;
        let ours = self.state.hash_at(head.seq).map(str::to_owned);
        let Some(up) = self.state.up() else { return };
        up.interval_ms = head.interval_ms;
        if head.head >= up.overtaken {
            // Events keep their order on a socket: those that a snapshot overtook came before this.
            up.overtaken = 0;
        }
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
        let through = if Plant::AppliesTwice.is_planted() { through.max(held.position.seq) } else { through };
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
        // What is on its way was asked for after rows that are not there: what it says nothing of would be missing.
        up.fetch = Fetch::Due { want: Want::Snapshot(SnapshotReason::Repair), at_ms };
        self.effects.push(Effect::CancelFetch);
        self.fall_behind();
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
}

#[cfg(test)]
mod tests;
