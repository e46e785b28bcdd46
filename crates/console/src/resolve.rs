//! Settling an entry of the attention list: by commands, so that it works without a link too.

use std::sync::Arc;

use gangway_domain::{
    attention::AttentionRow,
    command::AttentionAction,
    ids::{AttentionId, CommandId, fixed_command_id},
};
use serde_json::{Value, json};

use crate::{
    core::Core,
    error::ConsoleError,
    execute::{self, ExecuteRequest, Tap},
    outbox::Taken,
    query::attention,
};

/// Settles the entry; see [`crate::Console::resolve`].
pub(crate) async fn resolve(
    core: &Arc<Core>,
    entry_id: &str,
    action: AttentionAction,
    reason: Option<String>,
) -> Result<Value, ConsoleError> {
    let (row, currency) = {
        let view = core.view();
        // Before the first snapshot there is no entry.
        let venue = view.venue.as_ref().ok_or(ConsoleError::UnknownEntry)?;
        let row = venue.attention_entry(&AttentionId::from(entry_id)).ok_or(ConsoleError::UnknownEntry)?;
        (row.clone(), venue.settings().currency())
    };
    if !row.choices().contains(&action) {
        return Err(ConsoleError::InvalidRequest("That can't be done about this entry.".to_owned()));
    }
    let mut command = json!({ "type": "attention.resolve", "entryId": entry_id, "action": action });
    if let Some(reason) = &reason {
        command["reason"] = json!(reason);
    }
    let mut again = None;
    if action == AttentionAction::Redo {
        let id = redo(core, &row).await?;
        command["again"] = json!(id);
        again = Some(id);
    }
    taken(core, ExecuteRequest::of(&command)?).await?;
    let mut entry = attention::entry(&row, currency);
    entry["pending"] = json!(true);
    entry["resolution"] = json!({ "action": action, "reason": reason, "commandId": again });
    Ok(entry)
}

/// Gives the command again as of now. Its id comes from the entry: however often and at however many desks the same
/// entry is done again, it counts once.
async fn redo(core: &Arc<Core>, row: &AttentionRow) -> Result<CommandId, ConsoleError> {
    let command = row.command.as_ref().ok_or(ConsoleError::UnknownEntry)?;
    let id = fixed_command_id(&format!("redo/{}", row.id));
    let request = ExecuteRequest { command_id: Some(id.to_string()), ..ExecuteRequest::of(command)? };
    taken(core, request).await?;
    Ok(id)
}

/// Takes a command that has to be taken: this desk's own no is an error here.
async fn taken(core: &Arc<Core>, request: ExecuteRequest) -> Result<(), ConsoleError> {
    match execute::tap(core, request).await?.1 {
        Tap::NotReady => Err(ConsoleError::NotReady),
        Tap::No(rejection) => Err(ConsoleError::Rejected(rejection)),
        Tap::Taken { taken: Taken::Conflict, .. } => Err(ConsoleError::IdConflict),
        Tap::Taken { taken: Taken::PlaceGone, .. } => Err(ConsoleError::Disk("a lent place is gone".to_owned())),
        Tap::Taken { taken: Taken::New { .. } | Taken::Known(_), .. } => Ok(()),
    }
}
