//! The comparison of the ledger with the server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde_json::Value;

use super::{Book, Ledger, Tap, TapAnswer, log::LogIndex, minor, text};
use crate::server::ServerProcess;

/// How far the server's account of a moment may be from the tap's: the server takes moments of a desk up to
/// 2 s ahead, and a desk knows the server's clock to within half a round trip.
const MOMENT_TOLERANCE: Duration = Duration::from_secs(5);

/// The outcome of a command that counts.
const ACCEPTED: &str = "accepted";

/// What an audit found. Sentences that say what is wrong; empty lists are good.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Commands that desks acknowledged as durable.
    pub acknowledged: usize,
    /// Taps that were struck before they were answered and count all the same.
    pub unanswered: usize,
    /// Commands that the server accepted.
    pub accepted: usize,
    /// Commands that the server rejected, by their ids.
    pub rejected: Vec<String>,
    /// Of them, those that a person has to see.
    pub for_attention: Vec<String>,
    /// What was acknowledged and is not there.
    pub lost: Vec<String>,
    /// What is there more often than it was tapped.
    pub doubled: Vec<String>,
    /// What differs otherwise.
    pub diverged: Vec<String>,
}

impl Audit {
    /// Whether everything is as the ledger says.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.diverged.is_empty()
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, accepted, rejected, .. } = self;
        writeln!(out, "{acknowledged} acknowledged, {accepted} accepted, {} rejected", rejected.len())?;
        for (kind, all) in [("lost", &self.lost), ("doubled", &self.doubled), ("diverged", &self.diverged)] {
            for sentence in all {
                writeln!(out, "{kind}: {sentence}")?;
            }
        }
        Ok(())
    }
}

/// A line of a sale: which product, how many, for how much.
type Line = (String, i64, i64);

/// What the ledger expects of a band.
#[derive(Default)]
struct Band<'a> {
    lines: Vec<Line>,
    seconds: i64,
    refunded: BTreeSet<String>,
    gate: Vec<&'a Tap>,
    ended: bool,
    /// Accepted commands that name it.
    touched: usize,
}

impl Ledger {
    /// Compares every tap with the server.
    pub fn audit(&self, server: &ServerProcess) -> Audit {
        self.audit_from(server, 0)
    }

    /// Compares the taps from the `first` on, counted from 0. Their bands must not occur in earlier ones.
    pub fn audit_from(&self, server: &ServerProcess, first: usize) -> Audit {
        let mut book = self.book();
        let Book { log, outcomes, taps, places, .. } = &mut *book;
        log.read(server);
        let mut audit = Audit { diverged: std::mem::take(&mut log.faults), ..Audit::default() };
        if let Some(places) = places.filter(|places| *places < log.most_playing) {
            audit.diverged.push(format!("{} played at once, there is room for {places}", log.most_playing));
        }
        for tap in &taps[first..] {
            let outcome = outcome(tap, server, log, places.is_some(), &mut audit);
            match outcome {
                Some(outcome) => drop(outcomes.insert(tap.id.clone(), outcome)),
                None => drop(outcomes.remove(&tap.id)),
            }
        }
        let accepts = |tap: &&Tap| book.outcomes.get(&tap.id).is_some_and(|outcome| outcome == ACCEPTED);
        let accepted: Vec<&Tap> = book.taps[first..].iter().filter(accepts).collect();
        for (name, band) in bands(&book, &accepted) {
            compare_band(&name, &band, server, &mut audit);
        }
        audit
    }
}

/// Checks the outcome of a tap, and says it; none if the server does not know the command.
fn outcome(tap: &Tap, server: &ServerProcess, log: &LogIndex, strict: bool, audit: &mut Audit) -> Option<String> {
    let acknowledged = tap.answer == TapAnswer::Acknowledged;
    audit.acknowledged += usize::from(acknowledged);
    let answer = server.call("GET", &format!("/api/commands/{}", tap.id), &Value::Null);
    let outcome = &answer.json;
    let events = log.of(&tap.id);
    let what = format!("{} of desk {} ({})", tap.id, tap.desk, tap.command);
    match (answer.status, outcome["outcome"].as_str()) {
        (404, _) => {
            if acknowledged {
                audit.lost.push(format!("{what} was acknowledged and has no outcome"));
            }
            if !events.is_empty() {
                audit.diverged.push(format!("{what} has events and no outcome"));
            }
            None
        }
        (200, Some(ACCEPTED)) => {
            match &tap.answer {
                TapAnswer::Acknowledged => {}
                TapAnswer::Nothing => audit.unanswered += 1,
                TapAnswer::Refused => audit.diverged.push(format!("{what} was refused at the desk and accepted")),
                TapAnswer::NotTaken(why) => audit.doubled.push(format!("{what} was not taken ({why}) and counts")),
            }
            compare_events(&what, tap, outcome, events, audit);
            audit.accepted += 1;
            Some(ACCEPTED.to_owned())
        }
        (200, Some("rejected")) => {
            if let TapAnswer::NotTaken(why) = &tap.answer {
                audit.diverged.push(format!("{what} was not taken ({why}) and was sent"));
            }
            let turned_away = tap.command["type"] == "session.play" && outcome["rejection"]["code"] == "venue_full";
            if turned_away && tap.shown && strict {
                audit.diverged.push(format!("{what} was shown as GO, and there was no place"));
            }
            // A desk that waited for the answer let nobody in, so nobody needs to know.
            if !turned_away || tap.shown {
                audit.for_attention.push(tap.id.clone());
            }
            audit.rejected.push(tap.id.clone());
            // An entry of the attention list is all that may come of it.
            if events.iter().any(|(_, name)| name != "sync:rows") {
                audit.diverged.push(format!("{what} was rejected and has the events {events:?}"));
            }
            Some("rejected".to_owned())
        }
        (status, _) => {
            audit.diverged.push(format!("{what} is answered {status}: {}", answer.text));
            None
        }
    }
}

/// The events of an accepted command are there once.
fn compare_events(what: &str, tap: &Tap, outcome: &Value, events: &[(u64, String)], audit: &mut Audit) {
    let logged: Vec<u64> = events.iter().map(|(seq, _)| *seq).collect();
    let said: Vec<u64> = outcome["seqs"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    if said != logged {
        audit.diverged.push(format!("{what}: its outcome names {said:?}, the log has {logged:?}"));
    }
    let times = |name: &str| events.iter().filter(|(_, event)| event == name).count();
    let sold = times("transaction:created");
    let wanted = sale_lines(&tap.command).len();
    if sold < wanted {
        audit.lost.push(format!("{what}: {sold} lines in the log"));
    }
    if sold > wanted || times("session:play") > 1 || times("session:pause") > 1 {
        audit.doubled.push(format!("{what}: the log has {events:?}"));
    }
}

/// Band, product and quantity of each line that a command sells.
fn sale_lines(command: &Value) -> Vec<(String, String, i64)> {
    let line = |band: &Value, product: &Value, line: &Value| {
        (text(band).to_owned(), text(product).to_owned(), line["quantity"].as_i64().unwrap_or(0))
    };
    let all = |field: &str| command[field].as_array().cloned().unwrap_or_default();
    match text(&command["type"]) {
        "session.checkin" => {
            all("products").iter().map(|sold| line(&command["barcodeId"], &sold["id"], sold)).collect()
        }
        "sale.create" => all("lines").iter().map(|sold| line(&sold["barcodeId"], &sold["productId"], sold)).collect(),
        _ => Vec::new(),
    }
}

fn bands<'a>(book: &Book, accepted: &[&'a Tap]) -> BTreeMap<String, Band<'a>> {
    let mut bands: BTreeMap<String, Band<'a>> = BTreeMap::new();
    for tap in accepted {
        let mut named = BTreeSet::new();
        for (band, product, quantity) in sale_lines(&tap.command) {
            let Some(priced) = book.products.get(&product) else { continue };
            named.insert(band.clone());
            let band = bands.entry(band).or_default();
            band.lines.push((product, quantity, priced.price_minor * quantity));
            band.seconds += priced.seconds * quantity;
        }
        let kind = text(&tap.command["type"]);
        if ["session.play", "session.pause", "session.end"].contains(&kind) {
            let name = text(&tap.command["barcodeId"]).to_owned();
            named.insert(name.clone());
            let band = bands.entry(name).or_default();
            band.gate.push(tap);
            band.ended |= kind == "session.end";
        }
        if kind == "transaction.correct" {
            let line = text(&tap.command["transactionId"]);
            let Some(band) = book.line_bands.get(line) else { continue };
            named.insert(band.clone());
            let band = bands.entry(band.clone()).or_default();
            band.refunded.insert(line.to_owned());
        }
        for name in named {
            bands.entry(name).or_default().touched += 1;
        }
    }
    bands
}

fn compare_band(name: &str, band: &Band<'_>, server: &ServerProcess, audit: &mut Audit) {
    let rows = server.get(&format!("/api/transactions/barcode/{name}?limit=200"));
    let rows = rows.as_array().cloned().unwrap_or_default();
    let mut there: Vec<Line> = rows
        .iter()
        .map(|row| {
            let quantity = row["originalQuantity"].as_i64().unwrap_or(0);
            (text(&row["productId"]).to_owned(), quantity, minor(&row["originalTotalPrice"]))
        })
        .collect();
    for line in &band.lines {
        match there.iter().position(|other| other == line) {
            Some(place) => drop(there.swap_remove(place)),
            None => audit.lost.push(format!("{name}: the line {line:?} is not there")),
        }
    }
    for line in there {
        audit.doubled.push(format!("{name}: the line {line:?} was not tapped so often"));
    }
    let refunded = rows.iter().filter(|row| row["status"] == "refunded").map(|row| text(&row["id"]).to_owned());
    let refunded: BTreeSet<String> = refunded.collect();
    if refunded != band.refunded {
        audit.diverged.push(format!("{name}: refunded are {refunded:?}, tapped were {:?}", band.refunded));
    }
    compare_time(name, band, server, audit);
}

fn compare_time(name: &str, band: &Band<'_>, server: &ServerProcess, audit: &mut Audit) {
    if band.ended || band.seconds == 0 {
        return;
    }
    let answer = server.call("GET", &format!("/api/sessions/status/{name}"), &Value::Null);
    if answer.status != 200 {
        audit.diverged.push(format!("{name}: the visit is over and nobody ended it ({})", answer.status));
        return;
    }
    let total = answer.json["totalAllowedSeconds"].as_i64().unwrap_or(0);
    if total > band.seconds || (band.refunded.is_empty() && total < band.seconds) {
        audit.diverged.push(format!("{name}: {total} s of credit for {} s sold", band.seconds));
    }
    let played = Duration::from_secs(answer.json["accumulatedSeconds"].as_u64().unwrap_or(0));
    let (Some(first), Some(last)) = (band.gate.first(), band.gate.last()) else { return };
    let longest = last.answered.duration_since(first.asked) + MOMENT_TOLERANCE;
    if played > longest {
        audit.diverged.push(format!("{name}: {played:?} played within {longest:?}"));
    }
    // Sold, let in, let out: nothing that came between moved a moment.
    if let [play, pause] = band.gate[..]
        && band.touched == 3
        && play.command["type"] == "session.play"
        && pause.command["type"] == "session.pause"
    {
        let shortest = pause.asked.saturating_duration_since(play.answered).saturating_sub(MOMENT_TOLERANCE);
        if played < shortest {
            audit.diverged.push(format!("{name}: {played:?} played, tapped were at least {shortest:?}"));
        }
    }
}
