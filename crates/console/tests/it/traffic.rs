//! The rule table on traffic that a real server sent to a `full` and to a `lean` socket in one scenario
//! (`traffic/record.mjs` says how it was recorded): both windows end with the same data, the server's own.

use std::collections::BTreeMap;

use gangway_console::{
    net::snapshot::{SnapshotLine, SnapshotReader},
    overlay::Overlay,
    query::{
        answer::compute,
        key::Topic,
        rules::{Given, Known, Op, Update, stats_updates, updates},
    },
    sync::{
        message::{Incoming, RowChange},
        payload,
    },
};
use gangway_domain::{
    band::BarcodeId,
    event::EventName,
    ids::{DeviceId, SessionId},
    time::VenueTime,
    venue::Venue,
};
use serde::Deserialize;
use serde_json::{Map, Value};

const BEFORE: &str = include_str!("traffic/before.ndjson");
const FULL: &str = include_str!("traffic/full.jsonl");
const LEAN: &str = include_str!("traffic/lean.jsonl");
const ANSWERS: &str = include_str!("traffic/answers.json");

#[derive(Deserialize)]
struct Heard {
    name: String,
    args: Vec<Value>,
}

impl Heard {
    fn seq(&self) -> Option<u64> {
        self.args.get(1)?.get("seq")?.as_u64()
    }

    fn at(&self) -> VenueTime {
        let moment = self.args[1]["emittedAt"].as_str().expect("a moment");
        VenueTime::from_iso(moment).expect("a moment")
    }
}

fn heard(text: &str) -> Vec<Heard> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
}

fn no_overlay() -> Overlay {
    Overlay::new(DeviceId::from("desk"))
}

/// What a page holds of its queries.
#[derive(Default)]
struct Window {
    data: BTreeMap<Topic, Value>,
    set: u32,
    fallbacks: Vec<String>,
}

impl Window {
    /// Does what the rules say; `ask` is the page asking again.
    fn take(&mut self, name: &str, updates: Vec<Update>, ask: impl Fn(&Topic) -> Value) {
        for Update { topic, op } in updates {
            let data = match op {
                Op::Set(Given::Data(data)) => {
                    self.set += 1;
                    data
                }
                Op::Set(Given::Rows) => {
                    self.set += 1;
                    ask(&topic)
                }
                Op::Set(Given::Part(part)) => {
                    self.set += 1;
                    let mut whole = self.data.get(&topic).cloned().unwrap_or_else(|| ask(&topic));
                    whole.as_object_mut().expect("figures").extend(part);
                    whole
                }
                Op::Invalidate { fallback } => {
                    if fallback {
                        self.fallbacks.push(format!("{name} {}", topic.name()));
                    }
                    ask(&topic)
                }
            };
            self.data.insert(topic, data);
        }
    }
}

/// A page with the rows behind it.
struct WithRows<'a>(&'a Venue);

impl Known for WithRows<'_> {
    fn has_rows(&self) -> bool {
        true
    }
    fn base(&self, _: &Topic) -> Option<Value> {
        None
    }
    fn live_session(&self, band: &BarcodeId) -> Option<Option<SessionId>> {
        Some(self.0.live_session(band).map(|row| row.id.clone()))
    }
    fn band_of(&self, session: &SessionId) -> Option<BarcodeId> {
        self.0.session(session).map(|row| row.barcode_id.clone())
    }
}

/// A page that knows only what it was told.
struct ToldOnly<'a>(&'a Window);

impl Known for ToldOnly<'_> {
    fn has_rows(&self) -> bool {
        false
    }
    fn base(&self, topic: &Topic) -> Option<Value> {
        self.0.data.get(topic).cloned()
    }
    fn live_session(&self, _: &BarcodeId) -> Option<Option<SessionId>> {
        None
    }
    fn band_of(&self, session: &SessionId) -> Option<BarcodeId> {
        let told = self.0.data.get(&Topic::Session(session.clone()))?;
        BarcodeId::parse(told["barcodeId"].as_str()?).ok()
    }
}

fn venue_before() -> Venue {
    let lines = SnapshotReader::default().read(BEFORE.as_bytes()).expect("a snapshot");
    let rows = lines.into_iter().filter_map(|line| match line {
        SnapshotLine::Row(row) => {
            let change = RowChange { collection: row.collection, id: row.id, row: Some(row.row.as_str().into()) };
            change.typed().expect("a row").and_then(|change| change.row)
        }
        SnapshotLine::Header(_) | SnapshotLine::End(_) => None,
    });
    Venue::from_rows(rows).expect("a venue")
}

fn apply(venue: &mut Venue, heard: &Heard) {
    let Ok(Incoming::Event { event, .. }) = Incoming::parse(&heard.name, &heard.args) else { panic!("{}", heard.name) };
    let changes: Vec<_> = event.changes.iter().filter_map(|change| change.typed().expect("a row")).collect();
    venue.apply(&changes);
}

/// Both windows after the whole recording, fed in step.
fn play() -> (Window, Window, Venue, VenueTime) {
    let (mut with_rows, mut told_only) = (Window::default(), Window::default());
    let mut venue = venue_before();
    let mut lean = heard(LEAN).into_iter();
    let mut now = VenueTime(0);
    for event in heard(FULL) {
        if let Some(seq) = event.seq() {
            for same in lean.by_ref() {
                now = same.at();
                apply(&mut venue, &same);
                let name = EventName::parse(&same.name).expect("an event");
                let told = updates(name, &same.args[0], &WithRows(&venue));
                with_rows
                    .take(&same.name, told, |topic| compute(topic, &venue, &no_overlay(), now).unwrap_or(Value::Null));
                if same.seq() == Some(seq) {
                    break;
                }
            }
        }
        let told = match EventName::parse(&event.name) {
            Some(name) => {
                payload::check(name, &event.args[0]).expect("a documented payload");
                updates(name, &event.args[0], &ToldOnly(&told_only))
            }
            None => {
                payload::check_stats(&event.args[0]).expect("figures");
                stats_updates(&event.args[0], &ToldOnly(&told_only))
            }
        };
        told_only.take(&event.name, told, |topic| compute(topic, &venue, &no_overlay(), now).unwrap_or(Value::Null));
    }
    assert!(lean.next().is_none(), "both heard the same");
    (with_rows, told_only, venue, now)
}

/// Without what depends on when it was asked: a running clock.
fn timeless(data: &Value) -> Value {
    match data {
        Value::Array(list) => list.iter().map(timeless).collect(),
        Value::Object(fields) => {
            let running = ["remainingSeconds", "remainingMinutes", "overstaySeconds"];
            let kept = fields.iter().filter(|(name, _)| !running.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name.clone(), timeless(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[test]
fn full_and_lean_traffic_end_with_the_same_data() {
    let (with_rows, told_only, _, _) = play();
    let topics = |window: &Window| window.data.keys().cloned().collect::<Vec<_>>();
    assert_eq!(topics(&with_rows), topics(&told_only));
    assert!(with_rows.data.len() > 15, "bands, visits, histories and lists: {:?}", topics(&with_rows));
    for (topic, data) in &with_rows.data {
        assert_eq!(timeless(data), timeless(&told_only.data[topic]), "{topic:?}");
    }
}

#[test]
fn the_data_of_both_is_what_the_rows_and_the_server_say() {
    let (with_rows, told_only, venue, now) = play();
    for (topic, data) in told_only.data.iter().filter(|(topic, _)| **topic != Topic::EveryHistory) {
        let rows = compute(topic, &venue, &no_overlay(), now).expect("data");
        // These are asked for at their last event; a clock has run on since.
        if !matches!(topic, Topic::PerformanceMetrics | Topic::DaySeries | Topic::QueueDisplay) {
            assert_eq!(timeless(data), timeless(&rows), "{topic:?}");
        }
    }
    let answers: Value = serde_json::from_str(ANSWERS).expect("answers");
    let said = |topic: &Topic| timeless(&with_rows.data[topic]);
    assert_eq!(said(&Topic::ActiveSessions), timeless(&answers["activeSessions"]));
    assert_eq!(said(&Topic::Products), timeless(&answers["products"]));
    assert_eq!(said(&Topic::SystemSettings), timeless(&answers["systemSettings"]));
    assert_eq!(said(&Topic::DashboardStats), timeless(&answers["dashboardStats"]));
    for (band, session) in answers["bands"].as_object().expect("bands") {
        let topic = Topic::Band(BarcodeId::parse(band).expect("a band"));
        assert_eq!(said(&topic), timeless(session), "{band}");
    }
}

#[test]
fn the_recording_holds_every_event_of_the_specification() {
    let names: Vec<String> = heard(FULL).into_iter().map(|heard| heard.name).collect();
    for event in EventName::ALL.into_iter().filter(|event| *event != EventName::Rows) {
        assert!(names.iter().any(|name| name == event.as_str()), "{}", event.as_str());
    }
    assert!(names.iter().any(|name| name == "dashboard:stats:updated"));
}

#[test]
fn with_rows_nothing_falls_back_and_without_them_only_what_has_no_base() {
    let (with_rows, told_only, _, _) = play();
    assert_eq!(with_rows.fallbacks, Vec::<String>::new());
    assert!(told_only.set > 30, "payloads are used where they have the data: {}", told_only.set);
    // `full` does not bring figures with these, nor a list with `session:updated`.
    let expected = |fallback: &str| {
        let (name, topic) = fallback.split_once(' ').expect("two words");
        match topic {
            "dashboardStats" => {
                matches!(name, "session:created" | "session:play" | "session:pause" | "system:settings:updated")
            }
            "activeSessions" => name == "session:updated",
            _ => false,
        }
    };
    let surprising: Vec<_> = told_only.fallbacks.iter().filter(|fallback| !expected(fallback)).collect();
    assert_eq!(surprising, Vec::<&String>::new());
}
