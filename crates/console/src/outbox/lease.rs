//! Keeps this desk's lent places (`sync.md` rule 21): asks at each heartbeat and whenever the server wants some back.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gangway_domain::settings::CapacityPolicy;

use super::OutboxError;
use crate::{
    core::Core,
    net::{LeaseCall, RestError},
};

/// Calls in a row, at most: giving places up takes two, and the next heartbeat goes on.
const CALLS_MAX: usize = 4;
/// How long a call may take. The port has bounds of its own; whatever stands behind it, nothing waits for ever.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error("nobody answered in time")]
    Silence(#[from] tokio::time::error::Elapsed),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Runs until the console closes.
pub(crate) async fn run(core: Arc<Core>) {
    let mut turn = None;
    loop {
        core.lease_due.notified().await;
        for _ in 0..CALLS_MAX {
            match call(&core, &mut turn).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::info!(%error, "places could not be asked for; the next heartbeat does it");
                    break;
                }
            }
        }
    }
}

/// One call, if there is anything to say; whether the server waits for another one: it gets a place back only when it
/// has heard that this desk knows.
async fn call(core: &Arc<Core>, turn: &mut Option<String>) -> Result<bool, LeaseError> {
    let (can_send, strict) = {
        let view = core.view();
        let policy = view.venue.as_ref().map(|venue| venue.settings().capacity_policy);
        (view.can_send(), policy == Some(CapacityPolicy::Strict))
    };
    if !can_send {
        return Ok(false);
    }
    let (held, spent) = core.outbox_blocking(|outbox| outbox.places()).await?;
    if !strict && held.is_empty() && spent.is_empty() {
        return Ok(false);
    }
    let named: BTreeSet<_> = held.iter().chain(&spent).cloned().collect();
    let asked = core.rest.lease(LeaseCall { held: held.clone(), spent, turn: turn.clone() });
    let lent = tokio::time::timeout(CALL_TIMEOUT, asked).await??;
    *turn = lent.turn.or(turn.take());
    let gives_up = held.iter().any(|place| !lent.places.contains(place));
    let at = core.venue_now();
    core.outbox_blocking(move |outbox| outbox.lent(&named, &lent.places, at)).await?;
    core.status_moved();
    Ok(gives_up)
}
