//! Sends what waits in the outbox while there is a link, one batch at a time, until each is answered.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gangway_domain::ids::{CommandId, Seq};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{BATCH_MAX, BODY_MAX_BYTES, OutboxError, Outcome, Unanswered};
use crate::{core::Core, net::RestError, sync::input::Input};

/// Shortest wait before a batch is sent again.
const RETRY_MIN: Duration = Duration::from_millis(200);
/// Longest.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Runs until the console closes.
pub(crate) async fn run(core: Arc<Core>) {
    let mut failures = 0;
    let mut most = BATCH_MAX;
    let mut link = core.link_changes();
    loop {
        let wake = core.tapped.notified();
        if *link.borrow_and_update() {
            match send_batch(&core, most).await {
                Ok(Sent::Nothing) => failures = 0,
                Ok(Sent::Answered) => {
                    (failures, most) = (0, BATCH_MAX);
                    continue;
                }
                Ok(Sent::Unread { of }) => {
                    most = of / 2;
                    continue;
                }
                Ok(Sent::SomeLater) => failures += 1,
                Err(error) => {
                    tracing::warn!(%error, failures, "commands could not be sent; they stay and are sent again");
                    failures += 1;
                }
            }
        }
        if failures == 0 {
            tokio::select! {
                biased;
                () = wake => {}
                changed = link.changed() => if changed.is_err() { return },
            }
        } else {
            // A link that comes back is tried at once; taps meanwhile wait with the others.
            tokio::select! {
                biased;
                () = tokio::time::sleep(retry_after(failures, core.chance.fraction())) => {}
                changed = link.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// The wait before the `failures`-th retry: growing, with full jitter above a floor.
fn retry_after(failures: u32, fraction: f64) -> Duration {
    let longest = RETRY_MIN.saturating_mul(1 << failures.min(10)).min(RETRY_MAX);
    RETRY_MIN + longest.saturating_sub(RETRY_MIN).mul_f64(fraction)
}

enum Sent {
    Nothing,
    Answered,
    /// The server did not decide all of them.
    SomeLater,
    /// The server can't read one of so many.
    Unread {
        of: usize,
    },
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("a stored command can't be sent: {0}")]
    Stored(#[from] serde_json::Error),
    #[error("the answer does not fit what was sent: {0}")]
    Answer(String),
}

async fn send_batch(core: &Arc<Core>, most: usize) -> Result<Sent, SendError> {
    let mut batch = core.outbox_blocking(move |outbox| outbox.unanswered(most)).await?;
    if batch.is_empty() {
        return Ok(Sent::Nothing);
    }
    let body = body(&mut batch)?;
    let at = core.venue_now();
    let marked = batch.clone();
    core.outbox_blocking(move |outbox| outbox.mark_sent(&marked, at)).await?;
    let answers = match (core.rest.commands(body).await, batch.as_slice()) {
        (Err(refusal), [alone]) if is_unread(&refusal) => vec![(alone.id, rejected(&refusal))],
        (Err(refusal), several) if is_unread(&refusal) => return Ok(Sent::Unread { of: several.len() }),
        (results, batch) => answers(batch, results?)?,
    };
    let all = answers.len() == batch.len();
    let last = answers.iter().filter_map(|(_, outcome)| last_seq(outcome)).max();
    let (at, epoch) = (core.venue_now(), core.epoch());
    let desk = core.clone();
    core.outbox_blocking(move |outbox| {
        outbox.settle(&answers, &epoch, at)?;
        desk.answered(&answers, &epoch);
        Ok(())
    })
    .await?;
    core.fates_changed();
    if let Some(seq) = last {
        core.input(Input::HeadKnown { seq });
    }
    Ok(if all { Sent::Answered } else { Sent::SomeLater })
}

fn last_seq(outcome: &Outcome) -> Option<Seq> {
    match outcome {
        Outcome::Accepted { seqs, .. } => seqs.iter().max().copied(),
        Outcome::Rejected { .. } => None,
    }
}

/// Whether the server can't even read the commands: another try of the same ones changes nothing.
fn is_unread(error: &RestError) -> bool {
    match error {
        RestError::Refused { status, code, .. } => *status == 413 || (*status == 400 && code == "invalid_batch"),
        RestError::Link(_) | RestError::Malformed(_) => false,
    }
}

/// What the server says to a batch, as its outcome for the one command in it.
fn rejected(refusal: &RestError) -> Outcome {
    let code = match refusal {
        RestError::Refused { code, .. } => code.as_str(),
        RestError::Link(_) | RestError::Malformed(_) => "",
    };
    Outcome::Rejected { rejection: json!({ "code": code, "message": refusal.to_string(), "details": {} }) }
}

/// `{commands: […]}`: each as it was tapped, with its id, its moment and what it was based on. Leaves out of
/// the batch what would make it longer than the server reads.
fn body(batch: &mut Vec<Unanswered>) -> Result<String, serde_json::Error> {
    let mut body = r#"{"commands":["#.to_owned();
    for (place, command) in batch.iter().enumerate() {
        let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&command.text)?;
        // Which desk sends it is said by the call.
        fields.remove("deviceId");
        fields.insert("commandId".to_owned(), raw(&command.id)?);
        fields.insert("occurredAt".to_owned(), raw(&command.occurred_at)?);
        fields.insert("basedOn".to_owned(), raw(&command.based_on)?);
        // Of these only what the desk itself stored counts.
        fields.remove("placeId");
        fields.remove("force");
        if let Some(place) = &command.place {
            fields.insert("placeId".to_owned(), raw(place)?);
        }
        if let Some(reason) = &command.force_reason {
            fields.insert("force".to_owned(), raw(&json!({ "reason": reason }))?);
        }
        let text = serde_json::to_string(&fields)?;
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

/// The answers in order; commands that the server did not decide are left out, and stay.
fn answers(batch: &[Unanswered], results: Vec<Value>) -> Result<Vec<(CommandId, Outcome)>, SendError> {
    if results.len() != batch.len() {
        return Err(SendError::Answer(format!("{} results for {} commands", results.len(), batch.len())));
    }
    let mut answers = Vec::with_capacity(results.len());
    for (command, result) in batch.iter().zip(results) {
        let result: ResultWire = serde_json::from_value(result)?;
        if result.command_id.is_some_and(|id| id.parse() != Ok(command.id)) {
            return Err(SendError::Answer(format!("another command in the place of {}", command.id)));
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
            other => return Err(SendError::Answer(format!("an outcome {other:?}"))),
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests;
