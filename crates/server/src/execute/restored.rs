//! The new epoch of a venue that was restored from a copy: desks may have seen more than it has.

use gangway_domain::ids::Position;

use super::{Ports, lease};
use crate::store::{Head, Store, StoreError};

/// Starts a new epoch, which knows where it left the old one: at the copy's end, since nothing was committed to it
/// since. What desks had settled behind that, they give again (`sync.md` rule 8).
///
/// # Errors
/// The store failed; nothing changed.
pub fn start_restored(store: &mut dyn Store, ports: &Ports) -> Result<Head, StoreError> {
    let mut transaction = store.begin()?;
    let head = transaction.head()?;
    let last_time = ports.clock.now().max(head.last_time);
    let base = Position { epoch: head.epoch.clone(), seq: head.seq };
    let head = Head { epoch: ports.ids.epoch(), epoch_base: Some(base), last_time, ..head };
    transaction.set_head(&head)?;
    lease::hold_last_shares(transaction.as_mut(), ports)?;
    let head = transaction.head()?;
    transaction.commit()?;
    Ok(head)
}
