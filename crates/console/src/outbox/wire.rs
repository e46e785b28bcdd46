//! Commands as they go over the wire, and what comes back.

use std::collections::BTreeMap;

use gangway_domain::ids::{CommandId, Position, Seq};
use gangway_plants::Plant;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use thiserror::Error;

use super::{BODY_MAX_BYTES, Outcome, Unanswered};
use crate::{net::RestError, sync::state::Held};

/// An answer that does not fit.
#[derive(Debug, Error)]
pub(super) enum AnswerError {
    #[error("it can't be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it does not fit what was sent: {0}")]
    Other(String),
}

/// `{log?, commands: […]}`: each as it was tapped, with what only the desk knows, and the last event that it holds: no
/// server decides them on a log that lacks it. Leaves out of the batch what would make it longer than the server reads.
pub(super) fn body(batch: &mut Vec<Unanswered>, held: Option<&Held>) -> Result<String, serde_json::Error> {
    let mut body = "{".to_owned();
    if let Some(Held { position: Position { epoch, seq }, event_id: Some(event_id) }) = held {
        let log = json!({ "epoch": epoch, "seq": seq, "eventId": event_id });
        body.push_str(&format!(r#""log":{log},"#));
    }
    body.push_str(r#""commands":["#);
    if Plant::SendsAnyOrder.is_planted() {
        batch.reverse();
    }
    for (place, command) in batch.iter().enumerate() {
        let text = one(command)?;
        if place > 0 && body.len() + text.len() + ",]}".len() > BODY_MAX_BYTES {
            batch.truncate(place);
            break;
        }
        if place > 0 {
            body.push(',');
        }
        body.push_str(&text);
    }
    body.push_str("]}");
    Ok(body)
}

fn one(command: &Unanswered) -> Result<String, serde_json::Error> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&command.text)?;
    // Which desk sends it is said by the call; of the others only what the desk itself stored counts.
    for circumstance in ["deviceId", "shown", "placeId", "acceptedIn", "force"] {
        fields.remove(circumstance);
    }
    fields.insert("commandId".to_owned(), raw(&command.id)?);
    fields.insert("occurredAt".to_owned(), raw(&command.occurred_at)?);
    fields.insert("basedOn".to_owned(), raw(&command.based_on)?);
    if let Some(shown) = &command.shown {
        fields.insert("shown".to_owned(), serde_json::from_str(shown)?);
    }
    if let Some(place) = &command.place {
        fields.insert("placeId".to_owned(), raw(place)?);
    }
    if let Some(epoch) = &command.accepted_in {
        fields.insert("acceptedIn".to_owned(), raw(epoch)?);
    }
    if let Some(reason) = &command.force_reason {
        fields.insert("force".to_owned(), raw(&json!({ "reason": reason }))?);
    }
    serde_json::to_string(&fields)
}

fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::value::to_raw_value(value)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultWire {
    outcome: String,
    #[serde(default)]
    command_id: Option<String>,
    #[serde(default)]
    seqs: Vec<Seq>,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    rejection: Option<Value>,
}

/// Reads the server's answers to `batch`, in order; commands that it did not decide are left out, and stay.
///
/// # Errors
/// They are not those of the batch, or of no known kind: nothing of them counts.
pub(super) fn answers(batch: &[Unanswered], results: Vec<Value>) -> Result<Vec<(CommandId, Outcome)>, AnswerError> {
    if results.len() != batch.len() {
        return Err(AnswerError::Other(format!("{} results for {} commands", results.len(), batch.len())));
    }
    let mut answers = Vec::with_capacity(results.len());
    for (command, result) in batch.iter().zip(results) {
        let result: ResultWire = serde_json::from_value(result)?;
        if result.command_id.is_some_and(|id| id.parse() != Ok(command.id)) && !Plant::NewIdOnRetry.is_planted() {
            return Err(AnswerError::Other(format!("another command in the place of {}", command.id)));
        }
        match result.outcome.as_str() {
            "accepted" => {
                let outcome = Outcome::Accepted { seqs: result.seqs, result: result.result };
                answers.push((command.id, outcome));
            }
            "rejected" => {
                let rejection = result.rejection.unwrap_or_default();
                answers.push((command.id, Outcome::Rejected { rejection }));
            }
            "retry" => {}
            other => return Err(AnswerError::Other(format!("an outcome {other:?}"))),
        }
    }
    Ok(answers)
}

/// The server reads no body of that length.
pub(super) const BODY_TOO_LARGE: &str = "body_too_large";
/// The server can't read the call.
pub(super) const INVALID_BATCH: &str = "invalid_batch";

/// The codes of rejections that this desk makes of a call that the server did not read.
pub const UNREAD_CODES: [&str; 2] = [BODY_TOO_LARGE, INVALID_BATCH];

/// What the server says to a call, as its outcome for the one command in it.
pub(super) fn rejected(refusal: &RestError) -> Outcome {
    // What stands before the server knows no code of it.
    let code = match refusal {
        RestError::Refused { status: 413, .. } => BODY_TOO_LARGE,
        _ => INVALID_BATCH,
    };
    Outcome::Rejected { rejection: json!({ "code": code, "message": refusal.to_string(), "details": {} }) }
}

#[cfg(test)]
mod tests;
