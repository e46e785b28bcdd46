//! Judges a run by what was tapped, what the desks acknowledged, and what can be read from outside when everything
//! is healed. It knows JSON and the shapes of the wire, nothing of the domain, and does its own sums.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    desk::shown_product,
    ledger::{Answer, Tap},
    screen::difference,
};

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
    /// An older copy of the server's folder was put in place.
    pub is_restored: bool,
    /// Nobody may be let in without a place.
    pub is_strict: bool,
    /// How many there are.
    pub places: u64,
}

/// What must not be, as sentences.
pub fn judge(facts: &Facts) -> Vec<String> {
    let mut judge = Judge { facts, wrong: Vec::new() };
    judge.log_is_whole();
    judge.nothing_is_lost();
    judge.nothing_counts_twice();
    judge.all_are_equal();
    judge.money_adds_up();
    judge.time_adds_up();
    judge.moments_are_plausible();
    judge.somebody_hears_of_each_no();
    judge.scans_count_more_than_the_clock();
    judge.order_is_kept();
    judge.go_means_go();
    judge.wrong
}

struct Judge<'a> {
    facts: &'a Facts,
    wrong: Vec<String>,
}

impl<'a> Judge<'a> {
    fn wrong(&mut self, what: String) {
        self.wrong.push(what);
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
        for (id, taps) in self.stories() {
            let desk = &self.facts.desks[taps[0].desk];
            let is_taken = taps.iter().any(|tap| tap.answer == Answer::Taken);
            let fate = desk.fates.get(id);
            let outcome = self.facts.outcomes.get(id);
            let kind = &taps[0].command["type"];
            if is_taken && fate.is_none() {
                self.wrong(format!("{}: {kind} {id} was acknowledged and is unknown now", desk.name));
            }
            let Some(fate) = fate else { continue };
            // What a backup misses comes back but for the noes, which left nothing behind.
            if outcome.is_none() && self.facts.is_restored && fate["state"] == "rejected" {
                continue;
            }
            let Some(outcome) = outcome else {
                self.wrong(format!("{}: {kind} {id} is {} and the server has no outcome", desk.name, fate["state"]));
                continue;
            };
            let same = match outcome["outcome"].as_str() {
                Some("accepted") => fate["state"] == "settled" && fate["seqs"] == outcome["seqs"],
                Some("rejected") => {
                    fate["state"] == "rejected" && fate["rejection"]["code"] == outcome["rejection"]["code"]
                }
                _ => false,
            };
            if !same {
                self.wrong(format!("{}: {kind} {id} is {fate} and the server says {outcome}", desk.name));
            }
        }
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
        // A desk whose clock was set says so by itself.
        logged.retain(|_, events| events.len() != 1 || !is_of_a_clock(events[0]));
        for (id, events) in &logged {
            let outcome = self.facts.outcomes.get(*id).unwrap_or(&Value::Null);
            let seqs: Vec<&Value> = events.iter().map(|event| &event["seq"]).collect();
            let is_told = match outcome["outcome"].as_str() {
                Some("accepted") => outcome["seqs"] == serde_json::json!(seqs),
                // All that a no leaves behind is the entry for somebody's attention.
                Some("rejected") => seqs.len() == 1 && only_attention(events[0]),
                _ => false,
            };
            if !is_told {
                self.wrong(format!("command {id} is in the log at {seqs:?} and its outcome is {outcome}"));
            }
            if events.windows(2).any(|two| two[0]["last"] != two[1]["last"]) {
                self.wrong(format!("command {id} is in the log in pieces: {seqs:?}"));
            }
            if !stories.contains_key(id) && !self.facts.others.contains(*id) {
                self.wrong(format!("command {id} is in the log and nobody gave it"));
            }
        }
        for (id, outcome) in &self.facts.outcomes {
            let says = outcome["seqs"].as_array().is_some_and(|seqs| !seqs.is_empty());
            if says && !logged.contains_key(id.as_str()) {
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

    /// Every accepted sale is in the books with the lines that were tapped, at the prices that the desk showed.
    fn money_adds_up(&mut self) {
        let mut lines: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for line in self.ever("transactions").into_values() {
            lines.entry(line["saleId"].as_str().unwrap_or_default()).or_default().push(line);
        }
        let stories = self.stories();
        for (id, lines) in &lines {
            if !stories.contains_key(id) {
                self.wrong(format!("sale {id} is in the books and nobody made it"));
            }
            for line in lines {
                self.line_adds_up(line);
            }
        }
        for (id, taps) in stories {
            let outcome = self.facts.outcomes.get(id);
            let is_accepted = outcome.is_some_and(|outcome| outcome["outcome"] == "accepted");
            let sold = lines.remove(id).unwrap_or_default();
            // Of several contents under one id the first that was taken counts.
            let Some(tap) = taps.iter().find(|tap| tap.answer == Answer::Taken) else { continue };
            if let (true, Some(wanted)) = (is_accepted, wanted(tap)) {
                self.sale_adds_up(tap, &wanted, &sold, outcome.unwrap_or(&Value::Null));
            } else if !sold.is_empty() && !is_accepted {
                self.wrong(format!("{} {id} was not accepted and is in the books", tap.command["type"]));
            }
        }
    }

    fn sale_adds_up(&mut self, tap: &Tap, wanted: &BTreeMap<String, u64>, sold: &[&Value], outcome: &Value) {
        let mut has: BTreeMap<String, u64> = BTreeMap::new();
        for line in sold {
            let product = line["productId"].as_str().unwrap_or_default();
            *has.entry(product.to_owned()).or_default() += line["originalQuantity"].as_u64().unwrap_or(0);
            let price = |shown| shown_product(shown, product).and_then(|product| minor(&product["price"]));
            let (shown, then, charged) = (price(&tap.shown), price(&tap.shown_then), line["unitPriceMinor"].as_i64());
            let unknown = says(outcome, &["catalogueUnknown"]);
            if shown.is_some() && shown != charged && then != charged && !unknown {
                self.wrong(format!("{}: {product} was shown at {shown:?} and sold at {charged:?}", tap.id));
            }
        }
        if has != *wanted {
            self.wrong(format!("{} sold {has:?}, tapped was {wanted:?}", tap.id));
        }
    }

    fn line_adds_up(&mut self, line: &Value) {
        let number = |name: &str| line[name].as_i64().unwrap_or(i64::MIN);
        let id = line["id"].as_str().unwrap_or_default();
        if number("originalTotalPriceMinor") != number("unitPriceMinor") * number("originalQuantity") {
            self.wrong(format!("line {id}: quantity times price is not the total"));
        }
        let corrections: Vec<&Value> =
            self.ever("corrections").into_values().filter(|correction| correction["transactionId"] == id).collect();
        let sum = |name: &str| corrections.iter().map(|row| row[name].as_i64().unwrap_or(0)).sum::<i64>();
        let stands = number("originalTotalPriceMinor") + sum("amountMinor");
        if number("totalPriceMinor") != stands {
            self.wrong(format!("line {id} stands at {} and should at {stands}", number("totalPriceMinor")));
        }
        let quantity = number("originalQuantity") + sum("quantityChange");
        if number("quantity") != quantity {
            self.wrong(format!("line {id} has quantity {} and should have {quantity}", number("quantity")));
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

    /// A desk's command that was refused is on the attention list, once, with what was tapped.
    fn somebody_hears_of_each_no(&mut self) {
        let entries = self.ever("attention");
        for (id, taps) in self.stories() {
            let outcome = self.facts.outcomes.get(id).unwrap_or(&Value::Null);
            let count = entries.values().filter(|row| row["commandId"] == id && row["kind"] == "rejected").count();
            let expected = usize::from(outcome["outcome"] == "rejected");
            // Who waits at the gate for the answer has heard a plain "full", and let nobody in.
            let may_be_silent = outcome["rejection"]["code"] == "venue_full";
            if count > expected || (count < expected && !may_be_silent) {
                let kind = &taps[0].command["type"];
                self.wrong(format!("{kind} {id} has {count} entries of a rejection, and its outcome is {outcome}"));
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
            let was_there = |session: &Value| {
                let (person, end) = (session["personAt"].as_i64(), session["endedAt"].as_i64());
                let stood = person.is_some_and(|person| person <= at) && end.is_some_and(|end| at < end);
                let released = |segment: &&&Value| {
                    segment["sessionId"] == session["id"]
                        && segment["closedBy"] == "clock"
                        && segment["leftAt"] == session["endedAt"]
                };
                session["barcodeId"] == *band && stood && segments.values().filter(released).count() > 0
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
        let mut known = BTreeSet::new();
        for tap in &self.facts.taps {
            // Where a disk was slow, who was first is not for the fingers to say.
            let is_first = known.insert(&tap.id);
            if !is_first || tap.answer != Answer::Taken || tap.answered_ms != tap.at_ms {
                continue;
            }
            let Some(first) = self.facts.outcomes.get(&tap.id).and_then(|outcome| outcome["seqs"][0].as_u64()) else {
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

/// Whether an event is a desk's word about its clock and nothing else.
fn is_of_a_clock(event: &Value) -> bool {
    let changes = event["changes"].as_array().map(Vec::as_slice);
    let kind = |change: &Value| change["row"]["kind"] == "clockStep" && change["row"]["deviceId"].is_string();
    matches!(changes, Some([change]) if change["collection"] == "attention" && kind(change))
}

/// The bands that a command is about.
fn bands(command: &Value) -> Vec<&str> {
    let lines = command["lines"].as_array().into_iter().flatten().map(|line| &line["barcodeId"]);
    std::iter::once(&command["barcodeId"]).chain(lines).filter_map(Value::as_str).collect()
}

/// What a sale asks for: how many of which product.
fn wanted(tap: &Tap) -> Option<BTreeMap<String, u64>> {
    let (lines, product) = match tap.command["type"].as_str()? {
        "session.checkin" => (&tap.command["products"], "id"),
        "sale.create" => (&tap.command["lines"], "productId"),
        _ => return None,
    };
    let mut wanted = BTreeMap::new();
    for line in lines.as_array()? {
        *wanted.entry(line[product].as_str()?.to_owned()).or_default() += line["quantity"].as_u64()?;
    }
    Some(wanted)
}

/// An amount in major units, as minor ones: by its digits.
fn minor(amount: &Value) -> Option<i64> {
    let text = amount.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{part:0<2}").parse().ok()
}

/// A moment of the wire in ms since 1970.
fn ms(text: &str) -> Option<i64> {
    gangway_domain::time::VenueTime::from_iso(text).ok().map(|at| at.0)
}
