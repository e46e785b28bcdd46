//! Keeps what is shown in step: taps and answers here, confirmed rows in the driver; and tells the windows what looks
//! otherwise.

use gangway_domain::{
    ids::{CommandId, Epoch, Position},
    rows::PlaceRow,
    time::VenueTime,
    venue::Venue,
};
use gangway_plants::Plant;

use crate::{
    core::{Core, View},
    outbox::{CommandState, Outbox, OutboxError, Outcome, Unseen},
    overlay::{Answered, Confirmed, Entry, Touched},
    query::{
        key::Topic,
        rules::{Given, Op, Update},
        touched,
    },
    status::PlacesStatus,
    sync::state::Held,
};

impl View {
    /// Confirmed rows come in.
    pub(crate) fn confirm(&mut self, confirmed: Confirmed<'_>, now: VenueTime) -> Touched {
        let Some(venue) = &mut self.venue else { return Touched::default() };
        let never = Position { seq: 0, ..confirmed.at.clone() };
        let confirmed = match Plant::ShowsTwice.is_planted() {
            true => Confirmed { commands: &[], at: &never, ..confirmed },
            false => confirmed,
        };
        let touched = self.overlay.confirm(venue, confirmed, now);
        venue.keep_totals(now);
        touched
    }

    /// The outbox was read: `entries` go on top of the confirmed rows, and nothing else.
    fn begin_again(&mut self, entries: Vec<Entry>, now: VenueTime) {
        let Some(venue) = &mut self.venue else { return };
        self.overlay.clear(venue);
        self.overlay.begin(venue, entries, self.held.as_ref().map(|held| &held.position), now);
        venue.keep_totals(now);
    }

    /// The places of `device`: those that it may still fill, and those that a pending play of it spends.
    pub(crate) fn places(&self, device: &str) -> PlacesStatus {
        let own = |place: &&PlaceRow| place.device_id.as_str() == device && !place.written_off;
        let free = self.venue.as_ref().map_or(0, |venue| venue.places().filter(own).count());
        let spent = self.overlay.spent_places();
        PlacesStatus { held: free + spent, spent }
    }

    /// Confirmed rows replace all; the commands that were read from the outbox go on top of them.
    pub(crate) fn replace(
        &mut self,
        mut venue: Venue,
        read: Result<Vec<Unseen>, OutboxError>,
        held: &Held,
        now: VenueTime,
    ) {
        let entries = read.map(entries).unwrap_or_else(|error| {
            tracing::error!(%error, "the outbox can't be read; what was pending before stays on top");
            self.overlay.entries()
        });
        self.overlay.begin(&mut venue, entries, Some(&held.position), now);
        venue.keep_totals(now);
        self.venue = Some(venue);
        self.held = Some(held.clone());
    }
}

impl Core {
    /// Reads anew what is pending: after the start, or when commands were put among them otherwise than by a tap.
    ///
    /// # Errors
    /// The outbox can't be read; then what is shown stays.
    pub(crate) fn read_pending(&self) -> Result<(), OutboxError> {
        self.with_outbox(|outbox| self.read_pending_of(outbox))
    }

    /// As [`Core::read_pending`], by who has the outbox in hand.
    pub(crate) fn read_pending_of(&self, outbox: &Outbox) -> Result<(), OutboxError> {
        let now = self.venue_now();
        let at = self.view().held.as_ref().map(|held| held.position.clone());
        let unseen = outbox.unseen(at.as_ref())?;
        self.view_mut().begin_again(entries(unseen), now);
        Ok(())
    }

    /// Everything that somebody looks at is to be asked for again.
    pub(crate) fn show_everything(&self) {
        let again = |topic: &Topic| Update { topic: topic.clone(), op: Op::Invalidate { fallback: false } };
        let updates = self.desk().subscriptions.topics().map(again).collect();
        self.show(updates, None);
    }

    /// A command was tapped at this desk and is on disk.
    pub(crate) fn tapped_here(&self, entry: Entry) {
        let now = self.venue_now();
        let touched = {
            let View { venue, overlay, .. } = &mut *self.view_mut();
            let Some(venue) = venue else { return };
            let touched = overlay.push(venue, entry, now);
            venue.keep_totals(now);
            touched
        };
        self.show(touched::updates(&touched), None);
        self.tapped.notify_one();
        self.commands_moved();
    }

    /// The way of a command of this desk goes on: who looks at it asks again.
    pub(crate) fn commands_moved(&self) {
        self.show(vec![Update { topic: Topic::Commands, op: Op::Invalidate { fallback: false } }], None);
        self.status_moved();
    }

    /// The server has answered commands of this desk, in the log `epoch`.
    pub(crate) fn answered(&self, answers: &[(CommandId, Outcome)], epoch: &Epoch) {
        let answers: Vec<_> = answers.iter().map(|(id, outcome)| (*id, answer(outcome))).collect();
        let now = self.venue_now();
        let touched = {
            let View { venue, overlay, held, .. } = &mut *self.view_mut();
            let (Some(venue), Some(held)) = (venue, held) else { return };
            // Places of another log can't be compared; the rows of that log will say.
            let at = Some(&held.position).filter(|at| at.epoch == *epoch);
            let touched = overlay.answered(venue, &answers, at, now);
            venue.keep_totals(now);
            touched
        };
        self.show(touched::updates(&touched), None);
        self.commands_moved();
    }

    /// These queries look otherwise, because of an event that arrived at `since_us` or of nothing of the kind.
    pub(crate) fn show(&self, updates: Vec<Update>, since_us: Option<u64>) {
        if updates.is_empty() {
            return;
        }
        self.desk().pending.add(updates, since_us);
        self.to_push.notify_one();
    }
}

/// The commands for the overlay, in order; one that can't be read shows nowhere and is on the attention list.
fn entries(unseen: Vec<Unseen>) -> Vec<Entry> {
    let entry = |unseen: Unseen| {
        let Unseen { id, order, command, occurred_at, seen, place, force, tapped_at, seqs, state, epoch, .. } = unseen;
        let last_seq = seqs.into_iter().max();
        let happened = state != CommandState::Settled && epoch.is_some();
        let command = command.ok()?;
        Some(Entry { order, id, command, occurred_at, tapped_at, seen, place, happened, force, last_seq })
    };
    unseen.into_iter().filter_map(entry).collect()
}

fn answer(outcome: &Outcome) -> Answered {
    match outcome {
        Outcome::Accepted { .. } if Plant::SettlesEarly.is_planted() => Answered::Rejected,
        Outcome::Accepted { seqs, .. } => Answered::Accepted(seqs.iter().max().copied()),
        Outcome::Rejected { .. } => Answered::Rejected,
    }
}

/// What an event brings shows the confirmed rows; with commands on top of them, what is shown has to be asked for.
pub(crate) fn without_data(updates: Vec<Update>) -> Vec<Update> {
    let of_rows = |Update { topic, op }| match op {
        Op::Set(_) => Update { topic, op: Op::Set(Given::Rows) },
        op @ Op::Invalidate { .. } => Update { topic, op },
    };
    updates.into_iter().map(of_rows).collect()
}
