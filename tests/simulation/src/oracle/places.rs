//! That nobody is let in where there is no place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Judge, says};
use crate::ledger::{Answer, Tap};

/// When a child was in, in true ms, and by which command.
#[derive(Debug)]
#[expect(dead_code, reason = "the command is told")]
struct Stay<'a> {
    from: i64,
    to: i64,
    command: &'a str,
}

impl<'a> Judge<'a> {
    /// Under strict capacity who was let in at once has a place, and no more are in at once than there are places.
    pub(super) fn go_means_go(&mut self) {
        if !self.facts.is_strict {
            return;
        }
        let mut exempt = BTreeSet::new();
        let mut went = BTreeSet::new();
        let stories = self.stories();
        for tap in &self.facts.taps {
            if tap.go {
                went.insert(tap.id.as_str());
            }
            let is_alone = stories.get(tap.id.as_str()).is_some_and(|taps| taps.len() == 1);
            let outcome = self.facts.outcomes.get(&tap.id).unwrap_or(&Value::Null);
            let is_play = tap.command["type"] == "session.play" && !tap.forced;
            if is_play && is_alone && tap.go && outcome["rejection"]["code"] == "venue_full" {
                self.wrong(format!("desk-{}: {} was GO and the venue was full", tap.desk, tap.id));
            }
            if tap.forced || says(outcome, &["forced", "overCapacity", "placeLost"]) {
                exempt.insert(tap.id.as_str());
            }
        }
        let stays = self.stays(&went, &exempt);
        for stay in stays.iter().filter(|stay| stay.from < stay.to) {
            let inside: Vec<_> = stays.iter().filter(|other| other.from <= stay.from && stay.from < other.to).collect();
            if inside.len() as u64 > self.facts.places {
                let (count, places) = (inside.len(), self.facts.places);
                self.wrong(format!("{count} are in at once, and there are {places} places: {inside:?}"));
                return;
            }
        }
    }

    /// When children were in, but for those that `exempt` commands let in: in true time, whatever clocks said. Where that
    /// is not known, they were in for less.
    fn stays(&self, went: &BTreeSet<&str>, exempt: &BTreeSet<&str>) -> Vec<Stay<'a>> {
        // Of two taps under one id the first that was taken counts.
        let taken = self.facts.taps.iter().rev().filter(|tap| tap.answer == Answer::Taken);
        let taps: BTreeMap<&str, &Tap> = taken.map(|tap| (tap.id.as_str(), tap)).collect();
        let mut came: BTreeMap<&str, (i64, &'a str)> = BTreeMap::new();
        let mut left: BTreeMap<&str, i64> = BTreeMap::new();
        // What the log says next happened after it.
        let mut now = i64::MIN;
        for event in &self.facts.log {
            let command = event["commandId"].as_str().unwrap_or_default();
            let tap = taps.get(command);
            let changes = event["changes"].as_array().into_iter().flatten();
            for change in changes.filter(|change| change["collection"] == "segments") {
                let (Some(id), row) = (change["id"].as_str(), &change["row"]) else { continue };
                if let Some(tap) = tap.filter(|_| event["name"] == "session:play" && !exempt.contains(command)) {
                    // Who asked the server first came in when it had answered.
                    let at = if went.contains(command) { Some(tap.at_ms) } else { tap.accepted_ms };
                    came.entry(id).or_insert((at.unwrap_or(i64::MAX), command));
                }
                if !row["leftAt"].is_null() {
                    // Whose release turned out to be wrong may have been out meanwhile.
                    let at = tap.filter(|_| row["closedBy"] == "person").map_or(now, |tap| tap.at_ms);
                    left.entry(id).or_insert(at);
                }
            }
            now = now.max(tap.map_or(i64::MIN, |tap| tap.at_ms));
        }
        let stay = |(id, (from, command))| Stay { from, to: left.get(id).copied().unwrap_or(i64::MAX), command };
        came.into_iter().map(stay).collect()
    }
}
