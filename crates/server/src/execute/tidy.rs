//! What nobody needs any more goes, a little at a time, so that nobody waits for it (`sync.md` rule 16).

use gangway_domain::{
    decide::OCCURRED_AGE_MAX_MS,
    time::{DAY_MS, Millis},
};

use super::{OUTCOMES_KEPT_MS, Ports};
use crate::store::{Purge, Store, StoreError};

/// Events are kept for so long; who missed more loads a snapshot.
const EVENTS_KEPT_MS: Millis = 30 * DAY_MS;
/// Rows of each kind that go at once: a step takes a few ms.
const STEP_ROWS: u32 = 500;

/// Takes one step; says whether there may be more to do.
///
/// # Errors
/// The store failed; nothing was deleted.
pub fn tidy(store: &mut dyn Store, ports: &Ports) -> Result<bool, StoreError> {
    let mut transaction = store.begin()?;
    let now = ports.clock.now().max(transaction.head()?.last_time);
    let found = transaction.purge(&Purge {
        // A day longer than a command may be old, so that none is done twice at the edge.
        outcomes_before: now.plus(-OUTCOMES_KEPT_MS - DAY_MS),
        // No command takes effect earlier than this, so nothing before it holds one back.
        moments_before: now.plus(-OCCURRED_AGE_MAX_MS - DAY_MS),
        events_before: now.plus(-EVENTS_KEPT_MS),
        limit: STEP_ROWS,
    })?;
    if found {
        transaction.commit()?;
    }
    Ok(found)
}
