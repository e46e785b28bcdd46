//! What became of a command, kept by its id (`sync.md` rules 15 and 16).

use gangway_domain::{ids::Seq, rejection::Rejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::store::StoreError;

/// A venue's "no" as the wire has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRejection {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// What a program needs to say it in its own words.
    pub details: Value,
}

/// A final outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// It happened.
    Accepted {
        /// The events that it logged, without holes.
        seqs: Vec<Seq>,
        /// The body that a REST call answers.
        result: Value,
        /// What somebody should know about it.
        flags: Vec<Value>,
    },
    /// The venue said no.
    Rejected {
        /// Why.
        rejection: WireRejection,
    },
}

impl Outcome {
    pub(super) fn accepted(seqs: Vec<Seq>, result: Value, flags: Vec<Value>) -> Self {
        Self::Accepted { seqs, result, flags }
    }

    /// The outcome of a rejection.
    pub fn rejected(rejection: &Rejection) -> Self {
        Self::Rejected {
            rejection: WireRejection {
                code: rejection.code().to_owned(),
                message: rejection.to_string(),
                details: rejection.details(),
            },
        }
    }

    /// The events that it logged.
    pub fn seqs(&self) -> &[Seq] {
        match self {
            Self::Accepted { seqs, .. } => seqs,
            Self::Rejected { .. } => &[],
        }
    }

    /// The name of the outcome, for figures.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// The answer of `contract.md`: `{commandId, outcome, seqs, result?, flags?, rejection?}`.
    pub fn to_wire(&self, command_id: &str) -> Value {
        match self {
            Self::Accepted { seqs, result, flags } => json!({
                "commandId": command_id, "outcome": "accepted", "seqs": seqs, "result": result, "flags": flags,
            }),
            Self::Rejected { rejection } => json!({
                "commandId": command_id, "outcome": "rejected", "seqs": [], "rejection": rejection,
            }),
        }
    }

    pub(super) fn to_json(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::Damaged(error.to_string()))
    }

    /// Reads a stored outcome.
    ///
    /// # Errors
    /// It is damaged.
    pub fn read(json: &str) -> Result<Self, StoreError> {
        serde_json::from_str(json).map_err(|error| StoreError::Damaged(format!("an outcome: {error}")))
    }
}
