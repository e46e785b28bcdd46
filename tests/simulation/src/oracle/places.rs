//! That nobody is let in where there is no place.
//!
//! Policy and maximum may change while children are in and places are lent. What is allowed then:
//!
//! - Who is in stays in, and a place that is lent stays its desk's, whatever the maximum is now. So there may be more
//!   than the maximum; but while there are not fewer, nobody new is let in and nothing new is lent.
//! - A desk goes by the policy that it shows. Where that was not strict, its yes is not a GO that has to hold.
//! - What a manager forces or writes off, and what a copy had not heard of, counts as his; it is flagged where there is
//!   no room.

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

/// Places, as the log says.
#[derive(Debug, Default)]
struct Books<'a> {
    strict: bool,
    max: u64,
    inside: BTreeSet<&'a str>,
    /// And whether it is written off.
    lent: BTreeMap<&'a str, bool>,
}

/// What an event did to them.
#[derive(Debug, Default)]
struct Deed {
    /// It let somebody in.
    enters: bool,
    /// On a lent place.
    covered: bool,
    /// One that was written off.
    on_written_off: bool,
    /// Places were lent.
    lends: bool,
}

impl<'a> Books<'a> {
    fn follow(&mut self, event: &'a Value) -> Deed {
        let mut deed = Deed::default();
        for change in event["changes"].as_array().into_iter().flatten() {
            let (id, row) = (change["id"].as_str().unwrap_or_default(), &change["row"]);
            match change["collection"].as_str() {
                Some("settings") => {
                    self.strict = row["capacityPolicy"] == "strict";
                    self.max = row["maxOccupancy"].as_u64().unwrap_or(0);
                }
                Some("sessions") if row["openSegment"].is_object() => {
                    deed.enters |= self.inside.insert(id) && event["name"] == "session:play";
                }
                Some("sessions") => {
                    self.inside.remove(id);
                }
                Some("places") if row.is_null() => {
                    let written_off = self.lent.remove(id);
                    deed.covered |= written_off.is_some();
                    deed.on_written_off |= written_off == Some(true);
                }
                Some("places") => {
                    let written_off = row["writtenOff"] == true;
                    deed.lends |= self.lent.insert(id, written_off).is_none();
                }
                _ => {}
            }
        }
        deed
    }

    fn taken(&self) -> u64 {
        (self.inside.len() + self.lent.values().filter(|written_off| !**written_off).count()) as u64
    }
}

impl<'a> Judge<'a> {
    /// Whom a desk let in at once under strict capacity has a place of its own, and is not turned away.
    pub(super) fn go_means_go(&mut self) {
        let stories = self.stories();
        let mut books = Books::default();
        let mut deeds: BTreeMap<&str, Deed> = BTreeMap::new();
        for event in &self.facts.log {
            let deed = books.follow(event);
            if deed.enters {
                deeds.insert(event["commandId"].as_str().unwrap_or_default(), deed);
            }
        }
        for tap in &self.facts.taps {
            let is_alone = stories.get(tap.id.as_str()).is_some_and(|taps| taps.len() == 1);
            let is_play = tap.command["type"] == "session.play" && !tap.forced;
            if !(tap.go && tap.strict && is_play && is_alone) {
                continue;
            }
            let outcome = self.outcome(&tap.id).unwrap_or(&Value::Null);
            if outcome["rejection"]["code"] == "venue_full" {
                self.wrong(format!("desk-{}: {} was GO and the venue was full", tap.desk, tap.id));
            }
            let is_exempt = self.facts.is_restored || is_told(outcome);
            if deeds.get(tap.id.as_str()).is_some_and(|deed| !deed.covered) && !is_exempt {
                self.wrong(format!("desk-{}: {} was GO on no place of its own", tap.desk, tap.id));
            }
        }
    }

    /// Under strict capacity, by the log: while as many are in and lent as there are places, nobody else is let in and
    /// nothing else is lent. And by what was tapped, in true time: never more are in than there ever were places so far.
    pub(super) fn nobody_is_in_too_many(&mut self) {
        let mut books = Books { strict: self.facts.is_strict, max: self.facts.places, ..Books::default() };
        let forced: BTreeSet<&str> =
            self.facts.taps.iter().filter(|tap| tap.forced).map(|tap| tap.id.as_str()).collect();
        let mut exempt = forced.clone();
        let (mut always_strict, mut maximum) = (books.strict, books.max);
        for event in &self.facts.log {
            let command = event["commandId"].as_str().unwrap_or_default();
            let deed = books.follow(event);
            (always_strict, maximum) = (always_strict && books.strict, maximum.max(books.max));
            let is_exempt = forced.contains(command) || is_told(self.outcome(command).unwrap_or(&Value::Null));
            if is_exempt || deed.on_written_off {
                exempt.insert(command);
            }
            // A server with an older copy knows nothing of what was lent since, and counts it as its desks say.
            let adds = deed.enters && !deed.covered && !is_exempt || deed.lends && !self.facts.is_restored;
            if books.strict && adds && books.taken() > books.max {
                let (seq, taken, max) = (&event["seq"], books.taken(), books.max);
                self.wrong(format!("event {seq} leaves {taken} in and lent, and there are {max} places: {deed:?}"));
                return;
            }
        }
        if always_strict {
            self.never_more_than(maximum, &exempt);
        }
    }

    fn never_more_than(&mut self, places: u64, exempt: &BTreeSet<&str>) {
        let went: BTreeSet<&str> = self.facts.taps.iter().filter(|tap| tap.go).map(|tap| tap.id.as_str()).collect();
        let stays = self.stays(&went, exempt);
        for stay in stays.iter().filter(|stay| stay.from < stay.to) {
            let inside: Vec<_> = stays.iter().filter(|other| other.from <= stay.from && stay.from < other.to).collect();
            if inside.len() as u64 > places {
                let count = inside.len();
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

/// Whether somebody is told of it: it was let in where there may be no room.
fn is_told(outcome: &Value) -> bool {
    says(outcome, &["forced", "overCapacity", "placeLost"])
}
