//! The lines of a snapshot, read as they come in.

use gangway_domain::{
    ids::{Epoch, EventId, Position, Seq},
    time::VenueTime,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::sync::message::Malformed;

/// Longest line of a snapshot: a row of the contract is far below it.
const LINE_MAX_BYTES: usize = 4 << 20;

/// The first line: where the snapshot stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotHeader {
    /// Whose rows they are, if the server says.
    #[serde(default)]
    pub venue_id: Option<String>,
    /// Which log.
    pub epoch: Epoch,
    /// Where it left the log before it; none: it is the first, or nobody knows.
    #[serde(default)]
    pub epoch_base: Option<Position>,
    /// The unit end that it is of.
    pub seq: Seq,
    /// The id of the event there; none before the first.
    #[serde(default)]
    pub event_id: Option<EventId>,
    /// The server's clock.
    #[serde(default, rename = "serverTime", deserialize_with = "moment")]
    pub server_time: Option<VenueTime>,
    /// The state hash of all rows that follow.
    #[serde(default)]
    pub state_hash: Option<String>,
}

fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<VenueTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| VenueTime::from_iso(&text).ok()))
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRow {
    /// Its collection's name.
    pub collection: String,
    /// Its id.
    pub id: String,
    /// Its JSON as received.
    pub row: String,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotLine {
    /// The first.
    Header(SnapshotHeader),
    /// A row.
    Row(SnapshotRow),
    /// The last: how many rows there were.
    End(u64),
}

/// Cuts chunks into lines and reads them in order.
#[derive(Debug, Default)]
pub struct SnapshotReader {
    rest: Vec<u8>,
    begun: bool,
    ended: bool,
}

#[derive(Deserialize)]
struct RowWire {
    collection: String,
    id: String,
    row: Box<RawValue>,
}

#[derive(Deserialize)]
struct EndWire {
    end: bool,
    rows: u64,
}

impl SnapshotReader {
    /// Reads what is whole of `chunk` and what was left before.
    ///
    /// # Errors
    /// A line that is none of a snapshot, out of order or too long.
    pub fn read(&mut self, chunk: &[u8]) -> Result<Vec<SnapshotLine>, Malformed> {
        self.rest.extend_from_slice(chunk);
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(length) = self.rest[start..].iter().position(|byte| *byte == b'\n') {
            let line = &self.rest[start..start + length];
            start += length + 1;
            if !line.iter().all(u8::is_ascii_whitespace) {
                let text = std::str::from_utf8(line).map_err(|error| Malformed(format!("snapshot: {error}")))?;
                let line = parse(text, self.begun)?;
                if self.ended {
                    return Err(Malformed("snapshot: a line after the end".to_owned()));
                }
                self.begun = true;
                self.ended = matches!(line, SnapshotLine::End(_));
                lines.push(line);
            }
        }
        self.rest.drain(..start);
        if self.rest.len() > LINE_MAX_BYTES {
            return Err(Malformed("snapshot: a line is too long".to_owned()));
        }
        Ok(lines)
    }

    /// Reads a last line that has no line end.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn finish(&mut self) -> Result<Vec<SnapshotLine>, Malformed> {
        if self.rest.is_empty() { Ok(Vec::new()) } else { self.read(b"\n") }
    }

    /// Whether the end line was read.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

fn parse(text: &str, begun: bool) -> Result<SnapshotLine, Malformed> {
    let wrong = |error: serde_json::Error| Malformed(format!("snapshot: {error}"));
    if !begun {
        return serde_json::from_str(text).map(SnapshotLine::Header).map_err(wrong);
    }
    if let Ok(EndWire { end: true, rows }) = serde_json::from_str(text) {
        return Ok(SnapshotLine::End(rows));
    }
    let RowWire { collection, id, row } = serde_json::from_str(text).map_err(wrong)?;
    Ok(SnapshotLine::Row(SnapshotRow { collection, id, row: row.get().to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = concat!(
        r#"{"epoch":"e","epochBase":null,"seq":7,"eventId":"x","serverTime":"2026-11-24T15:04:05.123Z","stateHash":"00"}"#,
        "\n",
        r#"{"collection":"products","id":"p","row":{"id":"p","new":[1,2]}}"#,
        "\n",
        r#"{"end":true,"rows":1}"#,
        "\n"
    );

    #[test]
    fn any_cut_of_the_bytes_reads_the_same_lines() {
        let mut whole = SnapshotReader::default();
        let expect = whole.read(TEXT.as_bytes()).expect("a snapshot");
        assert_eq!(expect.len(), 3);
        assert!(whole.ended());
        for cut in 0..TEXT.len() {
            let mut reader = SnapshotReader::default();
            let mut lines = reader.read(&TEXT.as_bytes()[..cut]).expect("a part");
            lines.extend(reader.read(&TEXT.as_bytes()[cut..]).expect("the rest"));
            assert_eq!(lines, expect, "cut at {cut}");
        }
    }

    #[test]
    fn a_last_line_without_its_end_is_read_at_the_finish() {
        let mut reader = SnapshotReader::default();
        reader.read(TEXT.trim_end().as_bytes()).expect("a part");
        assert!(!reader.ended());
        assert_eq!(reader.finish(), Ok(vec![SnapshotLine::End(1)]));
    }

    #[test]
    fn rows_keep_fields_that_this_version_does_not_know() {
        let lines = SnapshotReader::default().read(TEXT.as_bytes()).expect("a snapshot");
        let SnapshotLine::Row(row) = &lines[1] else { panic!("a row") };
        assert_eq!(row.row, r#"{"id":"p","new":[1,2]}"#);
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for bad in ["<html>\n", "{\"seq\":1}\n", "{\"epoch\":\"e\",\"seq\":1}\n{\"collection\":\"x\"}\n"] {
            assert!(SnapshotReader::default().read(bad.as_bytes()).is_err(), "{bad}");
        }
        let after = format!("{TEXT}{}", "{\"end\":true,\"rows\":1}\n");
        assert!(SnapshotReader::default().read(after.as_bytes()).is_err());
    }
}
