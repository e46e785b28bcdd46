//! Reading a server's snapshot and log as another console would.

use std::collections::BTreeMap;

use gangway_domain::{
    hash::StateHash,
    rows::{Change, Collection, Row},
    venue::Venue,
};
use gangway_testkit::ServerProcess;
use serde_json::Value;

/// A server's rows at one seq.
pub struct Snapshot {
    pub header: Value,
    pub rows: BTreeMap<(String, String), Value>,
}

impl Snapshot {
    pub fn of(server: &ServerProcess) -> Self {
        let answer = server.call("GET", "/api/sync/snapshot", &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lines: Vec<Value> =
            answer.text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        let (header, rest) = lines.split_first().expect("a header");
        let (end, rows) = rest.split_last().expect("an end");
        assert_eq!(end["end"], true, "{end}");
        assert_eq!(end["rows"].as_u64(), u64::try_from(rows.len()).ok());
        let text = |line: &Value, key: &str| line[key].as_str().expect("a string").to_owned();
        let rows =
            rows.iter().map(|line| ((text(line, "collection"), text(line, "id")), line["row"].clone())).collect();
        Self { header: header.clone(), rows }
    }

    pub fn hash(&self) -> String {
        let mut hash = StateHash::default();
        for ((collection, id), row) in &self.rows {
            hash.add(collection, id, &row.to_string()).expect("JSON");
        }
        hash.to_hex()
    }

    pub fn venue(&self) -> Venue {
        let rows = self.rows.iter().map(|((collection, _), row)| {
            let collection =
                Collection::ALL.into_iter().find(|known| known.name() == collection).expect("a known collection");
            Row::from_value(collection, row.clone()).expect("a row")
        });
        Venue::from_rows(rows).expect("settings")
    }
}

/// Every event of the log after `after`, page by page.
pub fn log(server: &ServerProcess, after: u64) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    let mut cursor = after;
    loop {
        let page = server.get(&format!("/api/sync/events?after={cursor}&limit=500"));
        events.extend(page["events"].as_array().expect("events").iter().cloned());
        let through = page["through"].as_u64().expect("through");
        if through >= page["head"].as_u64().expect("head") {
            return events;
        }
        assert!(through > cursor, "a page that leads nowhere: {page}");
        cursor = through;
    }
}

/// The row changes of an event.
pub fn changes(event: &Value) -> Vec<Change> {
    serde_json::from_value(event["changes"].clone()).expect("changes")
}
