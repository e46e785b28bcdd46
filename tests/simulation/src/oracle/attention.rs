//! That somebody hears of each no, and what becomes of that.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Judge;
use crate::ledger::Answer;

impl Judge<'_> {
    /// A desk's command that was refused is on the attention list, once, with what was tapped.
    pub(super) fn somebody_hears_of_each_no(&mut self) {
        let entries = self.ever("attention");
        let closed = self.facts.closed.as_ref();
        for (id, taps) in self.stories() {
            let outcomes = [closed.and_then(|closed| closed.outcomes.get(id)), self.facts.outcomes.get(id)];
            let mut noes = outcomes.into_iter().flatten().filter(|outcome| outcome["outcome"] == "rejected").peekable();
            let count = entries.values().filter(|row| row["commandId"] == id && row["kind"] == "rejected").count();
            let expected = usize::from(noes.peek().is_some());
            // Who waits at the gate for the answer has heard a plain "full", and let nobody in.
            let is_full = noes.any(|no| no["rejection"]["code"] == "venue_full");
            // What was done and flagged before its outcome was forgotten is on the list already, by that flag.
            let is_flagged = outcomes[0].is_some() && entries.values().any(|row| row["commandId"] == id);
            let may_be_silent = is_full || is_flagged;
            if count > expected || (count < expected && !may_be_silent) {
                let kind = &taps[0].command["type"];
                self.wrong(format!("{kind} {id} has {count} entries of a rejection; its outcomes are {outcomes:?}"));
            }
        }
        self.entries_are_settled_once();
    }

    /// An entry leaves the list because somebody settled it, once; and whoever did was heard.
    fn entries_are_settled_once(&mut self) {
        let mut settled: BTreeMap<&str, u64> = BTreeMap::new();
        for event in &self.facts.log {
            let changes = event["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
            for change in changes.iter().filter(|change| change["collection"] == "attention") {
                let id = change["id"].as_str().unwrap_or_default();
                let resolution = &change["row"]["resolution"];
                if resolution.is_object() {
                    *settled.entry(id).or_default() += 1;
                    if !self.is_of_a_list(&[event]) {
                        self.wrong(format!("nobody settled {id} by {resolution}"));
                    }
                }
                let is_said = changes.iter().any(|said| said["id"] == id && said["row"]["resolution"].is_object());
                if change["row"].is_null() && !is_said {
                    self.wrong(format!("entry {id} went by itself at {}", event["seq"]));
                }
            }
        }
        // A no that was forgotten over the holidays is said again, on the same entry.
        if let Some((id, count)) = settled.iter().find(|(_, count)| **count > 1 && self.facts.closed.is_none()) {
            self.wrong(format!("entry {id} was settled {count} times"));
        }
        if self.facts.is_restored {
            return;
        }
        let open: Vec<&str> = self.rows("attention").filter_map(|row| row["id"].as_str()).collect();
        let entries = self.ever("attention");
        for by in self.facts.settled.iter().filter(|by| by.answer == Answer::Taken) {
            let was_refused = entries.values().any(|row| {
                row["kind"] == "rejected"
                    && row["command"]["type"] == "attention.resolve"
                    && row["command"]["entryId"] == *by.entry
            });
            if open.contains(&by.entry.as_str()) && !was_refused && self.facts.closed.is_none() {
                self.wrong(format!("desk-{} settled {} and it is open", by.desk, by.entry));
            }
        }
    }

    /// Whether these events are of somebody who settled an entry, or was told that it can't be settled.
    pub(super) fn is_of_a_list(&self, events: &[&Value]) -> bool {
        let [event] = events else { return false };
        let row = |change: &Value| {
            let row = &change["row"];
            let (resolution, command) = (&row["resolution"], &row["command"]);
            if resolution.is_object() {
                self.has_settled(&resolution["deviceId"], &row["id"], &resolution["action"])
            } else {
                command["type"] == "attention.resolve"
                    && self.has_settled(&row["deviceId"], &command["entryId"], &command["action"])
            }
        };
        event["changes"]
            .as_array()
            .is_some_and(|changes| changes.iter().any(|change| change["collection"] == "attention" && row(change)))
    }

    fn has_settled(&self, device: &Value, entry: &Value, action: &Value) -> bool {
        let is_it =
            |by: &&crate::ledger::Settled| *device == *by.device && *entry == *by.entry && *action == *by.action;
        self.facts.settled.iter().find(is_it).is_some()
    }
}
