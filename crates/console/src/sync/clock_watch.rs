//! Looks at the machine's clocks now and then, and puts a wall clock that was set on the attention list (`sync.md`
//! rule 22).

use std::{sync::Arc, time::Duration};

use gangway_domain::{noticed::Noticed, time::Millis};

use crate::{
    core::Core,
    execute::{ExecuteRequest, execute},
};

/// How often the clocks are looked at where neither a heartbeat nor a tap does it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs until the console closes.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        core.look_at_clocks();
        let step_ms = core.view().clock.unsaid_step_ms();
        if let Some(step_ms) = step_ms {
            say(&core, step_ms).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn say(core: &Arc<Core>, step_ms: Millis) {
    tracing::warn!(step_ms, "the wall clock was set; venue time does not follow it");
    let command = Noticed::of_desk_clock(step_ms).raise_wire(None);
    let taken = match ExecuteRequest::of(&command) {
        Ok(request) => execute(core, request).await,
        Err(error) => Err(error),
    };
    match taken {
        Ok(_) => core.view_mut().clock.step_said(step_ms),
        Err(error) => tracing::warn!(%error, "a step of the clock could not be put on the list; it is tried again"),
    }
}
