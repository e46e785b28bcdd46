//! The server's log by command.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::server::ServerProcess;

use super::text;

/// Events of a page.
const PAGE: usize = 1_000;

/// What the log holds, read page by page and kept.
#[derive(Clone, Debug, Default)]
pub(super) struct LogIndex {
    epoch: String,
    after: u64,
    /// By command: the places and names of its events.
    by_command: BTreeMap<String, Vec<(u64, String)>>,
    /// Visits that play after the last event.
    playing: BTreeSet<String>,
    /// The most that played after any command.
    pub(super) most_playing: usize,
    /// What the log should not be.
    pub(super) faults: Vec<String>,
}

impl LogIndex {
    /// Reads what was added since; all of it where the log is another one.
    pub(super) fn read(&mut self, server: &ServerProcess) {
        loop {
            let path = format!("/api/sync/events?after={}&limit={PAGE}", self.after);
            let answer = server.call("GET", &path, &Value::Null);
            let page = answer.json;
            // Another log, or a younger one than has been read.
            if answer.status == 410 || (page["epoch"] != self.epoch && !self.epoch.is_empty()) {
                *self = Self::default();
                continue;
            }
            assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
            self.epoch = text(&page["epoch"]).to_owned();
            let events = page["events"].as_array().cloned().unwrap_or_default();
            for event in &events {
                let seq = event["seq"].as_u64().unwrap_or_default();
                if seq != self.after + 1 {
                    self.faults.push(format!("the log goes from {} to {seq}", self.after));
                }
                self.after = seq;
                self.follow(event);
                if let Some(command) = event["commandId"].as_str() {
                    let name = text(&event["name"]).to_owned();
                    self.by_command.entry(command.to_owned()).or_default().push((seq, name));
                }
            }
            if events.is_empty() || page["through"] == page["head"] {
                return;
            }
        }
    }

    /// Counts who plays.
    fn follow(&mut self, event: &Value) {
        let session = &event["payload"]["playerSession"];
        if let Some(id) = session["id"].as_str() {
            if session["isActive"] == true {
                self.playing.insert(id.to_owned());
            } else {
                self.playing.remove(id);
            }
        }
        if event["seq"] == event["last"] {
            self.most_playing = self.most_playing.max(self.playing.len());
        }
    }

    pub(super) fn of(&self, command: &str) -> &[(u64, String)] {
        self.by_command.get(command).map_or(&[], Vec::as_slice)
    }
}
