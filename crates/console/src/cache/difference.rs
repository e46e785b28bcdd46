//! What differs between the rows and a snapshot of them: said when a cache is repaired.

use gangway_domain::hash::canonical;
use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;

use super::{Cache, CacheError};

/// Differences that are named; there may be more.
pub const DIFFERENCES_MAX: usize = 20;

/// A row that is not as the server has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// The collection.
    pub collection: String,
    /// The row.
    pub id: String,
    /// The fields that differ; empty where the whole row is missing, too many, or no JSON.
    pub fields: Vec<String>,
    /// How.
    pub kind: DifferenceKind,
}

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DifferenceKind {
    /// Other values.
    Changed,
    /// The server has it, the cache had not.
    Missing,
    /// The cache had it, the server has not.
    Extra,
}

impl Cache {
    /// How the rows differ from the staged snapshot, up to [`DIFFERENCES_MAX`].
    ///
    /// # Errors
    /// The file can't be read.
    pub fn differences_from_staged(&self) -> Result<Vec<RowDifference>, CacheError> {
        let mut differences = Vec::new();
        let mut statement = self.connection.prepare(
            "SELECT rows.collection, rows.id, rows.row, staged.row FROM rows LEFT JOIN staged USING (collection, id)
             WHERE staged.row IS NULL OR staged.row <> rows.row
             UNION ALL
             SELECT staged.collection, staged.id, NULL, staged.row FROM staged LEFT JOIN rows USING (collection, id)
             WHERE rows.row IS NULL",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            differences.extend(difference(row)?);
            if differences.len() == DIFFERENCES_MAX {
                break;
            }
        }
        Ok(differences)
    }
}

fn difference(row: &Row<'_>) -> Result<Option<RowDifference>, CacheError> {
    let (collection, id): (String, String) = (row.get(0)?, row.get(1)?);
    let (ours, theirs): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
    let (fields, kind) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            // Another order of keys or another spelling of a number is no difference.
            if canonical(&ours).is_ok_and(|ours| canonical(&theirs).is_ok_and(|theirs| ours == theirs)) {
                return Ok(None);
            }
            (fields(&ours, &theirs), DifferenceKind::Changed)
        }
        (None, _) => (Vec::new(), DifferenceKind::Missing),
        (Some(_), None) => (Vec::new(), DifferenceKind::Extra),
    };
    Ok(Some(RowDifference { collection, id, fields, kind }))
}

fn fields(ours: &str, theirs: &str) -> Vec<String> {
    let parsed = (serde_json::from_str::<Value>(ours), serde_json::from_str::<Value>(theirs));
    let (Ok(Value::Object(ours)), Ok(Value::Object(theirs))) = parsed else { return Vec::new() };
    let mut names: Vec<String> =
        ours.iter().filter(|(name, value)| theirs.get(*name) != Some(value)).map(|(name, _)| name.clone()).collect();
    names.extend(theirs.keys().filter(|name| !ours.contains_key(*name)).cloned());
    names
}
