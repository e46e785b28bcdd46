//! Who must hear of a command: what the venue refuses a desk, and what is hardly possible about what it did, become
//! entries of the attention list in the command's own transaction (`design.md`, Needs attention).

use gangway_domain::{
    attention::{self, AttentionRow, Tapped},
    decide::{self, Context, Flag},
    event::{Event, EventName, Subject},
    rejection::Rejection,
    rows::{Change, Collection, Row},
    settings::CapacityPolicy,
    venue::Venue,
};
use gangway_plants::Plant;

use super::{Done, Intent, Origin, Outcome, Work};
use crate::store::{Head, StoreError, Transaction};

impl Work<'_> {
    /// The end of a command that is refused without being decided.
    pub(super) fn refused(&self, transaction: &mut dyn Transaction, rejection: &Rejection) -> Result<Done, StoreError> {
        let needs = match &self.request.intent {
            Intent::Command(command) | Intent::Forbidden(command) => decide::needs(command),
            Intent::Invalid { .. } => decide::Needs::default(),
        };
        let venue = transaction.slice(&needs)?;
        let (context, _) = self.context(transaction, self.arrived)?;
        self.rejected(transaction, &venue, &context, rejection)
    }

    /// The end of a command that the venue said no to, with its entry.
    pub(super) fn rejected(
        &self,
        transaction: &mut dyn Transaction,
        venue: &Venue,
        context: &Context,
        rejection: &Rejection,
    ) -> Result<Done, StoreError> {
        let entry = if self.is_for_a_person(venue, context, rejection) {
            let row = attention::of_rejection(venue, self.tapped(context), rejection);
            // A repeat with other content has one entry, however often it comes.
            transaction.row(Collection::Attention, row.id.as_str())?.is_none().then(|| raising(row))
        } else {
            None
        };
        let head = match entry {
            Some(entry) => self.record(transaction, &[entry], venue)?,
            None => Head { last_time: self.arrived.max(self.head.last_time), ..self.head.clone() },
        };
        Ok(Done { outcome: Outcome::rejected(rejection), head, effective_at: context.now })
    }

    /// The event that puts an accepted command on the list, if it belongs there.
    pub(super) fn flagged(&self, venue: &Venue, context: &Context, events: &[Event], flags: &[Flag]) -> Option<Event> {
        // What changed nothing needs nobody, whatever is odd about it (`domain.md` rule 9).
        if !self.raises() || events.is_empty() {
            return None;
        }
        attention::of_flags(venue, self.tapped(context), flags).map(raising)
    }

    /// A desk that waits for the answer hears a plain "full" and lets nobody in. It waits only under strict capacity:
    /// otherwise it has said GO already.
    fn is_for_a_person(&self, venue: &Venue, context: &Context, rejection: &Rejection) -> bool {
        let waits = venue.settings().capacity_policy == CapacityPolicy::Strict;
        let turned_away =
            waits && matches!(rejection, Rejection::VenueFull { .. }) && context.place.is_none() && !context.late;
        self.raises() && !turned_away
    }

    fn raises(&self) -> bool {
        self.request.origin == Origin::Queue && self.request.device_id.is_some() && !Plant::HidesTheNo.is_planted()
    }

    fn tapped<'a>(&'a self, context: &'a Context) -> Tapped<'a> {
        Tapped {
            wire: self.request.wire.as_ref(),
            command: match &self.request.intent {
                Intent::Command(command) | Intent::Forbidden(command) => Some(command),
                Intent::Invalid { .. } => None,
            },
            context,
            occurred_at: self.request.occurred_at,
            arrived: self.arrived,
        }
    }
}

fn raising(row: AttentionRow) -> Event {
    Event { name: EventName::Rows, subject: Subject::Venue, changes: vec![Change::put(Row::Attention(Box::new(row)))] }
}
