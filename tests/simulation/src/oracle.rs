//! Judges a run by what was tapped, what the desks acknowledged, and what can be read from outside when everything
//! is healed. It knows JSON and the shapes of the wire, nothing of the domain, and does its own sums.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    check::{Check, Failure},
    ledger::{Answer, Settled, Tap},
    screen::difference,
};

mod attention;
mod money;
mod places;

/// Rows by collection and id.
pub type Rows = BTreeMap<(String, String), Value>;

/// How far past the moment of its commit a command may have taken effect, in ms (`sync.md` rule 13).
const AHEAD_MAX_MS: i64 = 2_000;

/// What a desk says in the end.
#[derive(Debug)]
pub struct DeskFacts {
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: Value,
    /// The rows in its cache file, as they were received.
    pub rows: Rows,
    /// What it shows, but for what changes by itself.
    pub shown: Value,
    /// What became of its own commands, by id.
    pub fates: BTreeMap<String, Value>,
    /// The day's figures.
    pub stats: Value,
}

/// How things stood when the venue closed for so long that outcomes and events were forgotten.
#[derive(Debug, Default)]
pub struct Closed {
    /// The true time, in ms.
    pub at_ms: i64,
    /// How many events the log had.
    pub events: u64,
    /// The server's outcomes.
    pub outcomes: BTreeMap<String, Value>,
    /// What desks said of their commands.
    pub fates: BTreeMap<(usize, String), Value>,
}

/// Everything that is judged.
#[derive(Debug)]
pub struct Facts {
    /// All events of the log, in order.
    pub log: Vec<Value>,
    /// The first line of the server's snapshot.
    pub header: Value,
    /// Its rows.
    pub rows: Rows,
    /// The server's outcomes, by command id.
    pub outcomes: BTreeMap<String, Value>,
    /// Commands that nobody at a desk gave.
    pub others: BTreeSet<String>,
    /// The desks.
    pub desks: Vec<DeskFacts>,
    /// The taps.
    pub taps: Vec<Tap>,
    /// What was done with entries of the attention list.
    pub settled: Vec<Settled>,
    /// The venue was closed for long.
    pub closed: Option<Closed>,
    /// The operational day in which all was tapped, from and to, in ms; none where it was several.
    pub day: Option<(i64, i64)>,
    /// An older copy of the server's folder was put in place.
    pub is_restored: bool,
    /// At first nobody may be let in without a place.
    pub is_strict: bool,
    /// How many there are at first.
    pub places: u64,
}

/// What must not be, as sentences.
pub fn judge<'a>(facts: &'a Facts) -> Vec<Failure> {
    let laws: [(Check, Law<'a>); 12] = [
        (Check::LogIsWhole, Judge::log_is_whole),
        (Check::NothingLost, Judge::nothing_is_lost),
        (Check::CountsOnce, Judge::nothing_counts_twice),
        (Check::AllEqual, Judge::all_are_equal),
        (Check::Money, Judge::money_adds_up),
        (Check::Time, Judge::time_adds_up),
        (Check::Moments, Judge::moments_are_plausible),
        (Check::HeardOf, Judge::somebody_hears_of_each_no),
        (Check::Scans, Judge::scans_count_more_than_the_clock),
        (Check::Order, Judge::order_is_kept),
        (Check::GoMeansGo, Judge::go_means_go),
        (Check::NotOverbooked, Judge::nobody_is_in_too_many),
    ];
    let mut judge = Judge { facts, check: Check::Runs, wrong: Vec::new() };
    for (check, law) in laws {
        judge.check = check;
        law(&mut judge);
    }
    judge.wrong
}

type Law<'a> = fn(&mut Judge<'a>);

struct Judge<'a> {
    facts: &'a Facts,
    check: Check,
    wrong: Vec<Failure>,
}

impl<'a> Judge<'a> {
    fn wrong(&mut self, what: String) {
        self.wrong.push(Failure { check: self.check, what });
    }

    fn rows(&self, collection: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let facts = self.facts;
        let collection = collection.to_owned();
        facts.rows.iter().filter(move |((of, _), _)| *of == collection).map(|(_, row)| row)
    }

    /// The taps by command id: what they say of one is one story.
    fn stories(&self) -> BTreeMap<&'a str, Vec<&'a Tap>> {
        let mut stories: BTreeMap<&str, Vec<&Tap>> = BTreeMap::new();
        for tap in &self.facts.taps {
            stories.entry(&tap.id).or_default().push(tap);
        }
        stories
    }

    /// `seq` has no holes, `prev` is the one before, and units are whole.
    fn log_is_whole(&mut self) {
        let mut last = 0;
        for (place, event) in (1..).zip(&self.facts.log) {
            let (seq, prev) = (event["seq"].as_u64(), event["prev"].as_u64());
            if seq != Some(place) || prev != Some(place - 1) {
                self.wrong(format!("the log has {seq:?} after {prev:?} at place {place}"));
            }
            if place > last {
                last = event["last"].as_u64().unwrap_or(0);
            }
            if event["last"].as_u64() != Some(last) {
                self.wrong(format!("event {place} is of another unit than those around it"));
            }
        }
        let head = self.facts.header["seq"].as_u64().unwrap_or(0);
        if self.facts.log.len() as u64 != head || last != head {
            self.wrong(format!("the log ends at {} in a unit to {last}, and the head is {head}", self.facts.log.len()));
        }
    }

    /// What a desk acknowledged has an outcome, at the server and at the desk, and it is the same.
    fn nothing_is_lost(&mut self) {
        let mut stories: BTreeMap<(usize, &str), Vec<&Tap>> = BTreeMap::new();
        for tap in &self.facts.taps {
            stories.entry((tap.desk, &tap.id)).or_default().push(tap);
        }
        for ((desk, id), taps) in stories {
            let is_taken = taps.iter().any(|tap| tap.answer == Answer::Taken);
            let name = &self.facts.desks[desk].name;
            let what = format!("{name}: {} {id}", taps[0].command["type"]);
            let fate = self.facts.desks[desk].fates.get(id);
            match self.facts.closed.as_ref().filter(|closed| taps[0].at_ms < closed.at_ms) {
                None => self.has_its_outcome(&what, is_taken, fate, self.facts.outcomes.get(id)),
                Some(closed) => {
                    let before = closed.fates.get(&(desk, id.to_owned()));
                    let waits = |fate: &&Value| !is_answered(fate);
                    match (before.filter(waits), fate) {
                        // It may wait longer than outcomes are kept, and is never forgotten.
                        (Some(_), now) => self.has_its_outcome(&what, true, now, self.facts.outcomes.get(id)),
                        (None, now) => {
                            self.has_its_outcome(&what, is_taken, before, closed.outcomes.get(id));
                            if now.is_some_and(|now| Some(now) != before) {
                                self.wrong(format!("{what} was answered before the venue closed, and is {now:?} now"));
                            }
                        }
                    }
                }
            }
        }
    }

    fn has_its_outcome(&mut self, what: &str, is_taken: bool, fate: Option<&Value>, outcome: Option<&Value>) {
        if is_taken && fate.is_none() {
            self.wrong(format!("{what} was acknowledged and is unknown now"));
        }
        let Some(fate) = fate else { return };
        // What a backup misses comes back but for the noes, which left nothing behind.
        if outcome.is_none() && self.facts.is_restored && fate["state"] == "rejected" {
            return;
        }
        let Some(outcome) = outcome else {
            return self.wrong(format!("{what} is {} and the server has no outcome", fate["state"]));
        };
        let same = match outcome["outcome"].as_str() {
            Some("accepted") => fate["state"] == "settled" && fate["seqs"] == outcome["seqs"],
            Some("rejected") => {
                fate["state"] == "rejected" && fate["rejection"]["code"] == outcome["rejection"]["code"]
            }
            _ => false,
        };
        if !same {
            self.wrong(format!("{what} is {fate} and the server says {outcome}"));
        }
    }

    /// What became of a command: its first outcome, where outcomes were forgotten since.
    fn outcome(&self, id: &str) -> Option<&'a Value> {
        let facts = self.facts;
        facts.closed.as_ref().and_then(|closed| closed.outcomes.get(id)).or_else(|| facts.outcomes.get(id))
    }

    /// An accepted command is in the log once, where its outcome says; nothing else is in there.
    fn nothing_counts_twice(&mut self) {
        let mut logged: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for event in &self.facts.log {
            if let Some(id) = event["commandId"].as_str() {
                logged.entry(id).or_default().push(event);
            }
        }
        let stories = self.stories();
        let in_log: BTreeSet<&str> = logged.keys().copied().collect();
        // A desk whose clock was set says so by itself.
        logged.retain(|_, events| events.len() != 1 || !is_of_a_clock(events[0]));
        let closed = self.facts.closed.as_ref();
        let closed_at = closed.map_or(0, |closed| closed.events);
        for (id, events) in &logged {
            let before = closed.and_then(|closed| closed.outcomes.get(*id));
            let now = self.facts.outcomes.get(*id).filter(|now| Some(*now) != before);
            let then = events.partition_point(|event| event["seq"].as_u64().unwrap_or(0) <= closed_at);
            let is_told = told(before, &events[..then]) && told(now, &events[then..]);
            let seqs: Vec<&Value> = events.iter().map(|event| &event["seq"]).collect();
            if !is_told {
                self.wrong(format!(
                    "command {id} is in the log at {seqs:?}; its outcome is {now:?}, before: {before:?}"
                ));
            }
            if events[then..].windows(2).any(|two| two[0]["last"] != two[1]["last"]) {
                self.wrong(format!("command {id} is in the log in pieces: {seqs:?}"));
            }
            let is_known = stories.contains_key(id) || self.facts.others.contains(*id);
            if !is_known && !self.is_of_a_list(events) {
                self.wrong(format!("command {id} is in the log and nobody gave it"));
            }
        }
        for (id, outcome) in &self.facts.outcomes {
            let says = outcome["seqs"].as_array().is_some_and(|seqs| !seqs.is_empty());
            if says && !in_log.contains(id.as_str()) {
                self.wrong(format!("command {id} was accepted as {} and the log has nothing of it", outcome["seqs"]));
            }
        }
    }

    /// The rows are the log's, the server's and every desk's; the hashes as well.
    fn all_are_equal(&mut self) {
        let mut rows = Rows::new();
        for change in self.facts.log.iter().flat_map(|event| event["changes"].as_array().into_iter().flatten()) {
            let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
            let place = (text("collection"), text("id"));
            match &change["row"] {
                Value::Null => drop(rows.remove(&place)),
                row => drop(rows.insert(place, row.clone())),
            }
        }
        // The settings were there before the log began.
        let settings = ("settings".to_owned(), "system".to_owned());
        if let Some(row) = self.facts.rows.get(&settings).filter(|_| !rows.contains_key(&settings)) {
            rows.insert(settings, row.clone());
        }
        self.same("the log", &rows, "the server", &self.facts.rows);
        for desk in &self.facts.desks {
            self.same(&desk.name, &desk.rows, "the server", &self.facts.rows);
            for (name, of) in [("epoch", "epoch"), ("cursor", "seq"), ("head", "seq"), ("stateHash", "stateHash")] {
                if desk.status[name] != self.facts.header[of] {
                    let (ours, theirs) = (&desk.status[name], &self.facts.header[of]);
                    self.wrong(format!("{}: {name} is {ours}, the server's {theirs}", desk.name));
                }
            }
            if desk.shown != self.facts.desks[0].shown {
                let (name, shown, other) = (&desk.name, &desk.shown, &self.facts.desks[0].shown);
                self.wrong(format!("{name} shows {}", difference(shown, other)));
            }
            if desk.status["inSync"] != true || desk.status["pending"] != 0 {
                self.wrong(format!("{}: {}", desk.name, desk.status));
            }
        }
    }

    fn same(&mut self, who: &str, ours: &Rows, other: &str, theirs: &Rows) {
        let places: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        let differ: Vec<_> = places.into_iter().filter(|place| ours.get(*place) != theirs.get(*place)).collect();
        if let Some(first) = differ.first() {
            let (row, their) = (ours.get(*first), theirs.get(*first));
            let count = differ.len();
            self.wrong(format!("{count} rows differ; {first:?} is {row:?} for {who} and {their:?} for {other}"));
        }
    }

    /// A visit's credit is what was sold less what was taken back; what was played is its segments, within the credit.
    fn time_adds_up(&mut self) {
        let (lines, corrections) = (self.ever("transactions"), self.ever("corrections"));
        let segments = self.ever("segments");
        for (id, session) in self.ever("sessions") {
            let of = |row: &&&Value| row["sessionId"] == id;
            let number = |row: &Value, name: &str| row[name].as_i64().unwrap_or(0);
            let sold: i64 = lines
                .values()
                .filter(of)
                .map(|line| number(line, "unitTimeMs") * number(line, "originalQuantity"))
                .sum();
            let taken: i64 = corrections.values().filter(of).map(|row| number(row, "creditMs")).sum();
            if number(session, "creditMs") != sold + taken {
                let has = number(session, "creditMs");
                self.wrong(format!("visit {id} has {has} ms of credit; sold {sold}, corrected {taken}"));
            }
            let mut stretches: Vec<(i64, i64)> = segments
                .values()
                .filter(of)
                .filter_map(|row| Some((row["startedAt"].as_i64()?, row["endedAt"].as_i64()?)))
                .collect();
            stretches.sort_unstable();
            let played: i64 = stretches.iter().map(|(from, to)| to - from).sum();
            if number(session, "playedMs") != played {
                self.wrong(format!(
                    "visit {id} played {} ms by its row, {played} by its segments",
                    session["playedMs"]
                ));
            }
            if played > number(session, "creditMs") {
                self.wrong(format!("visit {id} played {played} ms of {} ms", session["creditMs"]));
            }
            if stretches.windows(2).any(|two| two[1].0 < two[0].1) || stretches.iter().any(|(from, to)| to < from) {
                self.wrong(format!("visit {id} played twice at a time: {stretches:?}"));
            }
        }
        self.one_visit_a_band();
    }

    fn one_visit_a_band(&mut self) {
        let mut bands: BTreeMap<&str, u64> = BTreeMap::new();
        for session in self.rows("sessions").filter(|session| session["endedAt"].is_null()) {
            *bands.entry(session["barcodeId"].as_str().unwrap_or_default()).or_default() += 1;
        }
        for (band, count) in bands.into_iter().filter(|(_, count)| *count > 1) {
            self.wrong(format!("band {band} has {count} visits at once"));
        }
    }

    /// Nothing took effect after the server knew of it.
    fn moments_are_plausible(&mut self) {
        for event in &self.facts.log {
            let Some(emitted) = event["emittedAt"].as_str().and_then(ms) else { continue };
            for change in event["changes"].as_array().into_iter().flatten() {
                let row = &change["row"];
                for name in ["createdAt", "updatedAt", "startedAt", "leftAt", "firstPlayAt", "pausedAt"] {
                    if row[name].as_i64().is_some_and(|at| at > emitted + AHEAD_MAX_MS) {
                        let seq = &event["seq"];
                        self.wrong(format!("event {seq} of {emitted} says {name} {} of {}", row[name], change["id"]));
                    }
                }
            }
        }
    }

    /// What a person scanned before the clock ended a visit is not refused because it did.
    fn scans_count_more_than_the_clock(&mut self) {
        let segments = self.ever("segments");
        let entries = self.ever("attention");
        for row in entries.values().filter(|row| row["rejection"]["code"] == "unknown_band") {
            let (kind, band) = (&row["command"]["type"], &row["command"]["barcodeId"]);
            let Some(at) = row["effectiveAt"].as_i64() else { continue };
            let known_at = first_seq(&self.facts.log, "attention", row["id"].as_str().unwrap_or_default());
            let was_there = |session: &Value| {
                let (person, end) = (session["personAt"].as_i64(), session["endedAt"].as_i64());
                let stood = person.is_some_and(|person| person <= at) && end.is_some_and(|end| at < end);
                let released = |segment: &&&Value| {
                    segment["sessionId"] == session["id"]
                        && segment["closedBy"] == "clock"
                        && segment["leftAt"] == session["endedAt"]
                };
                session["barcodeId"] == *band
                    && stood
                    && segments.values().filter(released).count() > 0
                    && first_seq(&self.facts.log, "sessions", session["id"].as_str().unwrap_or_default()) < known_at
            };
            if self.ever("sessions").into_values().any(was_there) {
                self.wrong(format!("{kind} {} of {at} was refused after the clock released {band}", row["commandId"]));
            }
        }
    }

    /// What a desk tapped for one band is executed in that order. What a backup lacks comes after what was tapped before
    /// its desk could know that it lacks anything.
    fn order_is_kept(&mut self) {
        if self.facts.is_restored {
            return;
        }
        let mut last: BTreeMap<(usize, &str), (u64, &str, i64)> = BTreeMap::new();
        // What several desks do again is done when the first of them says so.
        let shared: BTreeSet<&str> =
            self.stories().into_iter().filter(|(_, taps)| of_many(taps)).map(|(id, _)| id).collect();
        let mut known = BTreeSet::new();
        for tap in &self.facts.taps {
            // Where a disk was slow, who was first is not for the fingers to say.
            let is_first = known.insert(&tap.id);
            if !is_first
                || shared.contains(tap.id.as_str())
                || tap.answer != Answer::Taken
                || tap.answered_ms != tap.at_ms
            {
                continue;
            }
            let Some(first) = self.outcome(&tap.id).and_then(|outcome| outcome["seqs"][0].as_u64()) else {
                continue;
            };
            for band in bands(&tap.command) {
                let ours = (first, tap.id.as_str(), tap.answered_ms);
                let (before, id, answered_ms) = last.insert((tap.desk, band), ours).unwrap_or_default();
                if before > first && answered_ms < tap.at_ms {
                    let (desk, ours) = (tap.desk, &tap.id);
                    self.wrong(format!("desk-{desk}: {id} for {band} came after {ours}, which was tapped later"));
                }
            }
        }
    }

    /// The last of each row of a collection that the log ever told of, also of those that left the sync set.
    fn ever(&self, collection: &str) -> BTreeMap<&'a str, &'a Value> {
        let mut rows = BTreeMap::new();
        for change in self.facts.log.iter().flat_map(|event| event["changes"].as_array().into_iter().flatten()) {
            if change["collection"] == collection && !change["row"].is_null() {
                rows.insert(change["id"].as_str().unwrap_or_default(), &change["row"]);
            }
        }
        rows
    }
}

/// The event in which a row came to be.
fn first_seq(log: &[Value], collection: &str, id: &str) -> Option<u64> {
    let is_it = |change: &Value| change["collection"] == collection && change["id"] == id;
    let has = |event: &&Value| event["changes"].as_array().is_some_and(|changes| changes.iter().any(is_it));
    log.iter().find(has)?["seq"].as_u64()
}

/// Whether an outcome has one of these flags.
fn says(outcome: &Value, flags: &[&str]) -> bool {
    let said = outcome["flags"].as_array().into_iter().flatten();
    said.filter_map(|flag| flag["flag"].as_str()).any(|flag| flags.contains(&flag))
}

/// Whether an event changes nothing but the attention list.
fn only_attention(event: &Value) -> bool {
    let changes = event["changes"].as_array();
    changes.is_some_and(|changes| changes.iter().all(|change| change["collection"] == "attention"))
}

/// Whether a fate is final.
fn is_answered(fate: &Value) -> bool {
    fate["state"] == "settled" || fate["state"] == "rejected"
}

/// Whether these events are what an outcome says.
fn told(outcome: Option<&Value>, events: &[&Value]) -> bool {
    let seqs: Vec<&Value> = events.iter().map(|event| &event["seq"]).collect();
    match outcome.and_then(|outcome| outcome["outcome"].as_str()) {
        Some("accepted") => outcome.is_some_and(|outcome| outcome["seqs"] == serde_json::json!(seqs)),
        // All that a no leaves behind is the entry for somebody's attention.
        Some("rejected") => events.len() <= 1 && events.iter().all(|event| only_attention(event)),
        _ => events.is_empty(),
    }
}

/// Whether an event is a desk's word about its clock and nothing else.
fn is_of_a_clock(event: &Value) -> bool {
    let changes = event["changes"].as_array().map(Vec::as_slice);
    let kind = |change: &Value| {
        let row = &change["row"];
        // It may have come too late to be believed.
        let is_raised = row["kind"] == "clockStep" || row["command"]["type"] == "attention.raise";
        is_raised && row["deviceId"].is_string()
    };
    matches!(changes, Some([change]) if change["collection"] == "attention" && kind(change))
}

/// Whether more than one desk tapped it.
fn of_many(taps: &[&Tap]) -> bool {
    taps.iter().any(|tap| tap.desk != taps[0].desk)
}

/// The bands that a command is about.
fn bands(command: &Value) -> Vec<&str> {
    let lines = command["lines"].as_array().into_iter().flatten().map(|line| &line["barcodeId"]);
    std::iter::once(&command["barcodeId"]).chain(lines).filter_map(Value::as_str).collect()
}

/// A moment of the wire in ms since 1970.
fn ms(text: &str) -> Option<i64> {
    gangway_domain::time::VenueTime::from_iso(text).ok().map(|at| at.0)
}
