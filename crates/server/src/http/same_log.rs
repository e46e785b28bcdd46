//! Whether a desk that sends commands means the log that is here. An older copy of it lacks what the desk has seen; until
//! the desk knows, nothing it sends is decided: it would be priced by an older catalogue and overtake what the copy lacks
//! (`sync.md` rules 8 and 20).

use gangway_domain::ids::{Epoch, EventId, Seq};
use serde::Deserialize;

use super::app::App;
use crate::{
    execute::{EpochProof, Request},
    store::{StoreError, View},
};

/// The last event that a desk holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastEvent {
    epoch: Epoch,
    seq: Seq,
    event_id: EventId,
}

/// What there is to say to a claim.
enum Found {
    Same,
    /// The desk has another epoch, and will learn of the one that stands.
    OtherEpoch,
    /// This is an older copy.
    Lacks(EpochProof),
}

/// Whether `log`, and what `requests` are based on, are of the log that is here. Where that turns out to be an older
/// copy, a new epoch is started, if one is due.
///
/// # Errors
/// The store failed.
pub(super) async fn is_meant(app: &App, log: Option<LastEvent>, requests: &[Request]) -> Result<bool, StoreError> {
    let based_on = requests.iter().filter_map(|request| request.based_on.clone()).max_by_key(|position| position.seq);
    let read = move |view: &dyn View| -> Result<Found, StoreError> {
        let head = view.head()?;
        let beyond = based_on.filter(|position| position.epoch == head.epoch && position.seq > head.seq);
        if let Some(position) = beyond {
            return Ok(Found::Lacks(EpochProof { epoch: position.epoch, after: position.seq, after_id: None }));
        }
        Ok(match log {
            Some(log) if log.epoch != head.epoch => Found::OtherEpoch,
            // Of what was taken off the front nobody knows the ids.
            Some(log) if log.seq > view.trimmed()? && view.event_id(log.seq)?.as_ref() != Some(&log.event_id) => {
                Found::Lacks(EpochProof { epoch: log.epoch, after: log.seq, after_id: Some(log.event_id) })
            }
            _ => Found::Same,
        })
    };
    Ok(match app.store.read(read).await? {
        Found::Same => true,
        Found::OtherEpoch => false,
        Found::Lacks(proof) => {
            app.store.start_epoch(proof).await?;
            false
        }
    })
}
