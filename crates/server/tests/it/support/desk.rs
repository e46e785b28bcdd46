//! A desk that sends its queue over HTTP.

use gangway_domain::{hash::StateHash, rows::Row, time::VenueTime};
use serde_json::{Value, json};

use super::venue::{Answer, Venue};

/// A desk of a venue.
pub struct Desk<'v> {
    pub venue: &'v Venue,
    pub device: &'static str,
}

impl Desk<'_> {
    /// Sends a batch; the answer.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.venue.send("POST", path, Some(&body.to_string()), &[("x-device-id", self.device)])
    }

    /// Sends one command, with an id of its own where it has none; its result.
    pub fn send(&self, command: Value) -> Value {
        let mut command = command;
        if command.get("commandId").is_none() {
            command["commandId"] = json!(uuid::Uuid::new_v4());
        }
        let answer = self.post("/api/commands", &json!({ "commands": [command] }));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["results"][0].clone()
    }

    /// Sends one that has to be accepted; its result.
    pub fn accept(&self, command: Value) -> Value {
        let result = self.send(command);
        assert_eq!(result["outcome"], "accepted", "{result}");
        result
    }
}

impl Venue {
    /// A moment of the venue so long ago.
    pub fn ago(&self, ms: i64) -> Value {
        let now = self.get("/api/sync/events?after=0&limit=1").json["serverTime"].clone();
        json!(VenueTime::from_iso(now.as_str().expect("a moment")).expect("a moment").plus(-ms).to_iso())
    }

    /// The rows of a collection in a snapshot, whose hash has to be that of its rows.
    pub fn rows(&self, collection: &str) -> Vec<Value> {
        let text = self.get("/api/sync/snapshot").text;
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        let (first, lines) = lines.split_first().expect("a snapshot");
        let (end, rows) = lines.split_last().expect("an end");
        assert_eq!(end["rows"], json!(rows.len()));
        let typed = rows.iter().map(|line| {
            let collection = serde_json::from_value(line["collection"].clone()).expect("a collection");
            Row::from_value(collection, line["row"].clone()).expect("a row")
        });
        let hash = StateHash::of_rows(typed).expect("rows").to_hex();
        assert_eq!(first["stateHash"], json!(hash), "the hash is kept with the rows");
        rows.iter().filter(|line| line["collection"] == collection).map(|line| line["row"].clone()).collect()
    }
}
