//! A new epoch: when a desk proves that this log is younger than what desks have seen (`sync.md` rule 8).

use gangway_domain::{
    ids::{Epoch, EventId, Position, Seq},
    time::{Millis, VenueTime},
};

use super::{Ports, lease};
use crate::store::{Head, Store, StoreError};

/// At most one new epoch in this time, so that nobody can make desks load snapshots without end.
const EPOCH_INTERVAL_MS: Millis = 60_000;

/// What a desk says that it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochProof {
    /// The log that it means.
    pub epoch: Epoch,
    /// The last event that it has.
    pub after: Seq,
    /// That event's id; none where a desk only knows how far the log went.
    pub after_id: Option<EventId>,
}

/// Starts a new epoch if the log lacks what `proof` names. Returns the new head, or none where the proof
/// proves nothing or the last new epoch is too young. `head_at_start` is where the log was when the server
/// started: if nothing was committed since, the new epoch knows where it left the old one.
///
/// # Errors
/// The store failed.
pub fn start_epoch(
    store: &mut dyn Store,
    ports: &Ports,
    proof: &EpochProof,
    head_at_start: Seq,
    last_started: Option<VenueTime>,
) -> Result<Option<Head>, StoreError> {
    let mut transaction = store.begin()?;
    let head = transaction.head()?;
    let now = ports.clock.now().max(head.last_time);
    let too_young = last_started.is_some_and(|moment| now.since(moment) < EPOCH_INTERVAL_MS);
    // What was taken off the front of the log proves nothing.
    let is_there = match &proof.after_id {
        Some(id) => transaction.has_event(id)?,
        None => proof.after <= head.seq,
    };
    let lacking = proof.after > transaction.trimmed()? && !is_there;
    if too_young || !lacking || proof.epoch != head.epoch {
        return Ok(None);
    }
    let base = (head.seq == head_at_start).then(|| Position { epoch: head.epoch.clone(), seq: head.seq });
    let head = Head { epoch: ports.ids.epoch(), epoch_base: base, last_time: now, ..head };
    transaction.set_head(&head)?;
    lease::hold_last_shares(transaction.as_mut(), ports)?;
    let head = transaction.head()?;
    transaction.commit()?;
    Ok(Some(head))
}
