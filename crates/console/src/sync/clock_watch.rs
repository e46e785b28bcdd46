//! Looks at the machine's clocks now and then, and puts a wall clock that was set on the attention list (`sync.md`
//! rule 22).

use std::{sync::Arc, time::Duration};

use gangway_domain::noticed::Noticed;

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
        let (behind_ms, step_ms) = {
            let clock = &core.view().clock;
            (clock.unsaid_behind_ms(), clock.unsaid_step_ms())
        };
        if let Some(behind_ms) = behind_ms
            && say(&core, &Noticed::of_desk_start(behind_ms)).await
        {
            core.view_mut().clock.behind_said();
        }
        if let Some(step_ms) = step_ms {
            // First, so that the step is not in the venue's time after a restart.
            keep_offset(&core);
            if say(&core, &Noticed::of_desk_clock(step_ms)).await {
                core.view_mut().clock.step_said(step_ms);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn keep_offset(core: &Core) {
    let offset_ms = core.view().clock.offset_to_wall_ms();
    if let Some(cache) = core.cache().as_ref()
        && let Err(error) = cache.keep_clock_offset(offset_ms)
    {
        tracing::warn!(%error, "a step of the clock is not kept for the next start");
    }
}

/// Whether it is on the list.
async fn say(core: &Arc<Core>, noticed: &Noticed) -> bool {
    tracing::warn!(%noticed, "the wall clock is wrong; venue time does not follow it");
    let taken = match ExecuteRequest::of(&noticed.raise_wire(None)) {
        Ok(request) => execute(core, request).await,
        Err(error) => Err(error),
    };
    taken.inspect_err(|error| tracing::warn!(%error, "it could not be put on the list; it is tried again")).is_ok()
}
