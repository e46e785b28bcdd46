//! A server that lives in the test: the domain decides, a log remembers, and what reaches the consoles can be
//! lost, doubled, bent or held back.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_console::net::{
    Connection, EventsAfter, EventsAnswer, Inbox, LeaseCall, Lent, LinkError, Realtime, Rest, RestError, Signal,
    SnapshotChunks,
};
use gangway_console::{outbox::KEPT_MS, sync::message::EventsPage};
use gangway_domain::{
    attention,
    command::Command,
    decide::{Context, decide, effective_at, not_before},
    event::{Event, EventName, Subject},
    hash::StateHash,
    ids::{CommandId, DeviceId, PlaceId, Position},
    rejection::Rejection,
    rows::{Change, Row},
    settings::SettingsRow,
    time::VenueTime,
    venue::Venue,
    wire::payload::lean,
};
use serde_json::{Value, json};

/// When the venue opens: noon in Madrid, so that a test never meets the end of a day.
const OPENS: VenueTime = VenueTime(1_764_068_400_000);

/// What is known of the server, and what is wrong with it.
pub struct State {
    pub venue_id: Option<String>,
    pub epoch: String,
    pub venue: Venue,
    pub log: Vec<Value>,
    pub now: VenueTime,
    pub hash: StateHash,
    links: Vec<Inbox>,
    outcomes: HashMap<String, Value>,
    /// Answers and connections, or not.
    pub online: bool,
    /// Events reach the sockets, or are lost on the way.
    pub emits: bool,
    /// The next answers to commands are lost after the command was executed.
    pub lost_answers: u32,
    /// Every command is answered with "retry".
    pub undecided: bool,
    /// A batch with one for this band is refused as a whole.
    pub refuses_band: Option<String>,
    /// What it refuses goes on the attention list.
    pub raises_attention: bool,
    /// A call with a command for one of these bands brings the server down: no answer, and nothing is done.
    pub poison: Vec<String>,
    /// Commands for one of these bands, and what shares their band, are never decided.
    pub undecided_bands: Vec<String>,
    /// Calls that are asked to come back later, and how many milliseconds later.
    pub busy: Vec<u64>,
    /// How long a call with commands takes.
    pub commands_take: Duration,
    /// How long its answer takes once all is done.
    pub answers_take: Duration,
    /// How many such calls were under way at once, at most.
    pub calls_at_once: usize,
    calls: usize,
    /// What desks said of their places.
    pub lease_calls: Vec<LeaseCall>,
    /// The places that a desk may fill, whatever it says; none: those that it names.
    pub lends: Option<Vec<PlaceId>>,
    /// How long a call about places takes.
    pub leases_take: Duration,
    /// Where the log left the one before it.
    pub epoch_base: Option<Position>,
    /// The log begins after this event; what is before needs a snapshot.
    pub trimmed: u64,
    /// The next snapshots end after so many bytes.
    pub snapshot_cuts: Vec<usize>,
    /// Events of a page.
    pub page_events: usize,
    /// How long a page takes.
    pub page_takes: Duration,
    /// Pages asked for.
    pub pages: u32,
    /// Snapshots asked for.
    pub snapshots: u32,
    /// Bodies of commands, as they came.
    pub bodies: Vec<String>,
    /// The last positions that consoles said they had applied.
    pub acks: Vec<Position>,
}

/// What a command says besides its fields.
struct Circumstances {
    occurred_at: VenueTime,
    /// It was tapped more than five seconds before it came.
    late: bool,
    force: Option<String>,
    place: Option<PlaceId>,
    /// The log that had accepted it before.
    accepted_in: Option<String>,
}

impl Circumstances {
    fn of(command: &Value, now: VenueTime) -> Self {
        let said = command["occurredAt"].as_str().and_then(|moment| VenueTime::from_iso(moment).ok());
        let occurred_at = said.unwrap_or(now);
        let force = command["force"]["reason"].as_str().map(str::to_owned);
        let place = command["placeId"].as_str().map(PlaceId::from);
        let accepted_in = command["acceptedIn"].as_str().map(str::to_owned);
        Self { occurred_at, late: now.since(occurred_at) > 5_000, force, place, accepted_in }
    }
}

/// The server; clones are the same one.
#[derive(Clone)]
pub struct FakeVenue(Arc<Mutex<State>>);

impl FakeVenue {
    /// A venue with settings and nothing else.
    pub fn new() -> Self {
        let venue = Venue::new(SettingsRow::new("In memory", OPENS));
        let hash = StateHash::of_rows(venue.rows()).expect("rows are JSON");
        Self(Arc::new(Mutex::new(State {
            venue_id: Some("venue-1".to_owned()),
            epoch: "epoch-1".to_owned(),
            venue,
            log: Vec::new(),
            now: OPENS,
            hash,
            links: Vec::new(),
            outcomes: HashMap::new(),
            online: true,
            emits: true,
            lost_answers: 0,
            undecided: false,
            refuses_band: None,
            raises_attention: false,
            poison: Vec::new(),
            undecided_bands: Vec::new(),
            busy: Vec::new(),
            commands_take: Duration::ZERO,
            answers_take: Duration::ZERO,
            calls_at_once: 0,
            calls: 0,
            lease_calls: Vec::new(),
            lends: None,
            leases_take: Duration::ZERO,
            epoch_base: None,
            trimmed: 0,
            snapshot_cuts: Vec::new(),
            page_events: 500,
            page_takes: Duration::ZERO,
            pages: 0,
            snapshots: 0,
            bodies: Vec::new(),
            acks: Vec::new(),
        })))
    }

    /// A venue that sells an hour for 12.5.
    pub fn with_hour() -> (Self, String) {
        let venue = Self::new();
        let result = venue.execute(&product("One hour", 12.5, Some(3_600)));
        assert_eq!(result["outcome"], "accepted", "{result}");
        let id = venue.state().venue.products().next().expect("the product").id.0.clone();
        (venue, id)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panicked while it held the venue")
    }

    /// Executes a command as some other desk would.
    pub fn execute(&self, command: &Value) -> Value {
        self.state().execute(command)
    }

    /// The heartbeat, to every socket.
    pub fn heartbeat(&self) {
        let mut state = self.state();
        let head = state.head();
        state.send("sync:head", vec![head]);
    }

    /// Something over every socket, as it is.
    pub fn send(&self, name: &str, args: Vec<Value>) {
        self.state().send(name, args);
    }

    /// Every connection ends.
    pub fn cut(&self) {
        for link in self.state().links.drain(..) {
            link.close();
        }
    }

    /// The server is away, or back.
    pub fn set_online(&self, online: bool) {
        self.state().online = online;
        if !online {
            self.cut();
        }
    }

    /// Pages and snapshots asked for so far.
    pub fn asked(&self) -> (u32, u32) {
        let state = self.state();
        (state.pages, state.snapshots)
    }
}

impl State {
    pub fn seq(&self) -> u64 {
        self.log.len() as u64
    }

    pub fn execute(&mut self, command: &Value) -> Value {
        let text = command.to_string();
        let id = command["commandId"].as_str().map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        if let Some(known) = self.outcomes.get(&id) {
            return known.clone();
        }
        let outcome = self.decide(&id, &text, &Circumstances::of(command, self.now.plus(1_000)));
        self.outcomes.insert(id, outcome.clone());
        outcome
    }

    fn decide(&mut self, id: &str, text: &str, circumstances: &Circumstances) -> Value {
        self.now = self.now.plus(1_000);
        let rejected =
            |rejection: Value| json!({ "commandId": id, "outcome": "rejected", "seqs": [], "rejection": rejection });
        let command = match Command::parse(text) {
            Ok(command) => command,
            Err(error) => return rejected(json!({ "code": "invalid_command", "message": error.0, "details": {} })),
        };
        let command_id: CommandId = id.parse().expect("a UUID");
        let Circumstances { occurred_at, late, force, place, accepted_in } = circumstances;
        let happened = accepted_in.as_ref().is_some_and(|epoch| *epoch != self.epoch);
        let moment = not_before(&self.venue, &command)
            .map_or(self.now, |earliest| effective_at(*occurred_at, Some(earliest), self.now).at);
        // Only the desk that a place is lent to names it.
        let device_id = place.as_ref().and_then(|id| self.venue.place(id)).map(|row| row.device_id.clone());
        let (late, force, place) = (*late, force.clone(), place.clone());
        let context = Context { late, force, place, device_id, happened, ..Context::new(command_id, moment) };
        let decided = match self.now.since(*occurred_at) > KEPT_MS {
            true => Err(Rejection::TooOld),
            false => decide(&self.venue, &command, &context),
        };
        match decided {
            Ok(decision) => {
                let seqs = self.log_unit(&decision.events, id);
                json!({ "commandId": id, "outcome": "accepted", "seqs": seqs, "result": null })
            }
            Err(rejection) => {
                if self.raises_attention {
                    self.raise(&command, &context, &rejection, text);
                }
                rejected(rejection.to_wire())
            }
        }
    }

    /// Puts a refused command on the attention list, as the server does in the command's own transaction.
    fn raise(&mut self, command: &Command, context: &Context, rejection: &Rejection, text: &str) {
        let wire = serde_json::from_str(text).expect("JSON");
        let (occurred_at, arrived) = (Some(context.now), self.now);
        let tapped = attention::Tapped { wire: Some(&wire), command: Some(command), context, occurred_at, arrived };
        let row = attention::of_rejection(&self.venue, tapped, rejection);
        let changes = vec![Change::put(Row::Attention(Box::new(row)))];
        let event = Event { name: EventName::Rows, subject: Subject::Venue, changes };
        self.log_unit(&[event], &context.command_id.to_string());
    }

    fn log_unit(&mut self, events: &[Event], id: &str) -> Vec<u64> {
        for event in events {
            self.apply(&event.changes);
        }
        let first = self.seq() + 1;
        let last = self.seq() + events.len() as u64;
        for (seq, event) in (first..).zip(events) {
            let payload = lean(event, &self.venue, self.now);
            self.append(seq, last, event.name.as_str(), payload, &event.changes, id);
        }
        (first..=last).collect()
    }

    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            let (collection, id) = (change.collection, change.id.as_str());
            let json = |row: &Row| serde_json::to_string(row).expect("a row is JSON");
            if let Some(before) = self.venue.row(collection, id) {
                self.hash.remove(collection.name(), id, &json(&before)).expect("JSON");
            }
            if let Some(row) = &change.row {
                self.hash.add(collection.name(), id, &json(row)).expect("JSON");
            }
            self.venue.apply(std::slice::from_ref(change));
        }
    }

    fn append(&mut self, seq: u64, last: u64, name: &str, payload: Value, changes: &[Change], command: &str) {
        let event = json!({
            "seq": seq, "prev": seq - 1, "last": last, "id": format!("{}-{seq}", self.epoch), "name": name,
            "payload": payload, "changes": changes, "emittedAt": self.now.to_iso(), "commandId": command,
        });
        self.log.push(event.clone());
        if self.emits {
            let args = self.arguments(&event);
            self.send(name, args);
        }
    }

    /// An event of the log as the socket has it.
    pub fn arguments(&self, event: &Value) -> Vec<Value> {
        let mut meta = event.clone();
        let fields = meta.as_object_mut().expect("an object");
        fields.remove("name");
        let payload = fields.remove("payload").expect("a payload");
        fields.insert("epoch".to_owned(), json!(self.epoch));
        vec![payload, meta]
    }

    pub fn head(&self) -> Value {
        json!({
            "epoch": self.epoch, "head": self.seq(), "seq": self.seq(), "serverTime": self.now.to_iso(),
            "stateHash": self.hash.to_hex(), "intervalMs": 5_000,
        })
    }

    pub fn send(&mut self, name: &str, args: Vec<Value>) {
        for link in &self.links {
            link.put(Signal::Event { name: name.to_owned(), args: args.clone(), at_us: 0 });
        }
    }

    pub fn page(&self, after: u64) -> Value {
        let mut events: Vec<&Value> =
            self.log.iter().filter(|event| event["seq"].as_u64() > Some(after)).take(self.page_events).collect();
        // Never within a unit: the rest of it comes too.
        if let Some(last) = events.last().and_then(|event| event["last"].as_u64()) {
            events = self
                .log
                .iter()
                .filter(|event| event["seq"].as_u64() > Some(after) && event["seq"].as_u64() <= Some(last))
                .collect();
        }
        let through = events.last().and_then(|event| event["seq"].as_u64()).unwrap_or(self.seq());
        json!({
            "epoch": self.epoch, "head": self.seq(), "through": through, "events": events,
            "serverTime": self.now.to_iso(),
        })
    }

    pub fn snapshot(&self) -> String {
        let event_id = self.log.last().map(|event| event["id"].clone());
        let header = json!({
            "venueId": self.venue_id, "epoch": self.epoch, "epochBase": self.epoch_base, "seq": self.seq(), "eventId": event_id,
            "serverTime": self.now.to_iso(), "stateHash": self.hash.to_hex(),
        });
        let mut text = format!("{header}\n");
        let mut count = 0;
        for row in self.venue.rows() {
            let line = json!({ "collection": row.collection(), "id": row.id(), "row": row });
            text.push_str(&format!("{line}\n"));
            count += 1;
        }
        text.push_str(&format!("{}\n", json!({ "end": true, "rows": count })));
        text
    }

    /// Lends these places to a desk, and no others: rows at once, and what it is answered from now on.
    pub fn lend(&mut self, device: &str, places: &[&str]) {
        let places: Vec<PlaceId> = places.iter().map(|id| PlaceId::from(*id)).collect();
        self.lends = Some(places.clone());
        let id = CommandId(uuid::Uuid::new_v4());
        let command = Command::Lend { device_id: DeviceId::from(device), places: places.into_iter().collect() };
        let decision = decide(&self.venue, &command, &Context::new(id, self.now)).expect("lent");
        self.log_unit(&decision.events, &id.to_string());
    }

    /// Calls with commands that are not answered yet.
    pub fn calls_under_way(&self) -> usize {
        self.calls
    }

    /// A copy of everything that the server keeps.
    pub fn backup(&self) -> Backup {
        Backup { venue: self.venue.clone(), log: self.log.clone(), hash: self.hash, outcomes: self.outcomes.clone() }
    }

    /// The server returns with an older copy of itself, and has found out: another log goes on from there.
    pub fn restore(&mut self, backup: Backup, epoch: &str, base: Option<Position>) {
        let Backup { venue, log, hash, outcomes } = backup;
        (self.venue, self.log, self.hash, self.outcomes) = (venue, log, hash, outcomes);
        self.epoch = epoch.to_owned();
        self.epoch_base = base;
    }

    /// Another log begins with the rows as they are, as after a restore.
    pub fn begin_epoch(&mut self, epoch: &str) {
        self.epoch = epoch.to_owned();
        self.log.clear();
        self.trimmed = 0;
    }
}

/// A copy of what the server keeps.
pub struct Backup {
    venue: Venue,
    log: Vec<Value>,
    hash: StateHash,
    outcomes: HashMap<String, Value>,
}

fn refused(status: u16, code: &str) -> RestError {
    RestError::Refused { status, code: code.to_owned(), message: "No.".to_owned() }
}

fn away() -> RestError {
    RestError::Link("connection refused".to_owned())
}

impl Rest for FakeVenue {
    fn events(&self, after: EventsAfter) -> BoxFuture<'_, Result<EventsAnswer, RestError>> {
        async move {
            let page_takes = self.state().page_takes;
            tokio::time::sleep(page_takes).await;
            let mut state = self.state();
            if !state.online {
                return Err(away());
            }
            state.pages += 1;
            let known = after.after == 0
                || after.after <= state.trimmed
                || after.after_id.is_none()
                || state.log.get(after.after as usize - 1).is_some_and(|event| {
                    event["id"].as_str() == after.after_id.as_ref().map(gangway_domain::ids::EventId::as_str)
                });
            let can_say = after.epoch.as_str() == state.epoch && after.after <= state.seq();
            if !can_say || !known || after.after < state.trimmed {
                return Ok(EventsAnswer::SnapshotRequired);
            }
            let text = state.page(after.after).to_string();
            EventsPage::parse(&text).map(EventsAnswer::Page).map_err(|error| RestError::Malformed(error.to_string()))
        }
        .boxed()
    }

    fn snapshot(&self, chunks: SnapshotChunks) -> BoxFuture<'_, ()> {
        async move {
            let (text, cut) = {
                let mut state = self.state();
                state.snapshots += 1;
                let cut = if state.snapshot_cuts.is_empty() { None } else { Some(state.snapshot_cuts.remove(0)) };
                (state.online.then(|| state.snapshot()), cut)
            };
            let Some(text) = text else {
                let _ = chunks.send(Err(away())).await;
                return;
            };
            let bytes = text.into_bytes();
            let end = cut.unwrap_or(bytes.len()).min(bytes.len());
            for chunk in bytes[..end].chunks(700) {
                if chunks.send(Ok(chunk.to_vec())).await.is_err() {
                    return;
                }
            }
            if end < bytes.len() {
                let _ = chunks.send(Err(RestError::Link("broken off".to_owned()))).await;
            }
        }
        .boxed()
    }

    fn command(&self, id: CommandId) -> BoxFuture<'_, Result<Option<Value>, RestError>> {
        async move {
            let state = self.state();
            let mut result = state.outcomes.get(&id.to_string()).cloned();
            if let Some(result) = &mut result {
                result["seenBy"] = json!(state.links.len());
            }
            Ok(result)
        }
        .boxed()
    }

    fn lease(&self, call: LeaseCall) -> BoxFuture<'_, Result<Lent, RestError>> {
        async move {
            let (answer, takes) = {
                let mut state = self.state();
                if !state.online {
                    return Err(away());
                }
                state.lease_calls.push(call.clone());
                let turn = Some(format!("turn-{}", state.lease_calls.len()));
                (Lent { places: state.lends.clone().unwrap_or(call.held), turn }, state.leases_take)
            };
            tokio::time::sleep(takes).await;
            Ok(answer)
        }
        .boxed()
    }

    fn commands(&self, body: String) -> BoxFuture<'_, Result<Vec<Value>, RestError>> {
        async move {
            let _under_way = UnderWay::begin(self);
            let takes = self.state().commands_take;
            tokio::time::sleep(takes).await;
            let (answer, takes) = {
                let mut state = self.state();
                (state.answer_commands(body), state.answers_take)
            };
            tokio::time::sleep(takes).await;
            answer
        }
        .boxed()
    }
}

/// A call; one that nobody waits for any more is over as well.
struct UnderWay<'a>(&'a FakeVenue);

impl<'a> UnderWay<'a> {
    fn begin(venue: &'a FakeVenue) -> Self {
        let mut state = venue.state();
        state.calls += 1;
        state.calls_at_once = state.calls_at_once.max(state.calls);
        drop(state);
        Self(venue)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().calls -= 1;
    }
}

impl State {
    fn answer_commands(&mut self, body: String) -> Result<Vec<Value>, RestError> {
        if !self.online {
            return Err(away());
        }
        self.bodies.push(body.clone());
        if !self.busy.is_empty() {
            return Err(RestError::Busy { after_ms: Some(self.busy.remove(0)) });
        }
        if body.len() > 256 << 10 {
            return Err(refused(413, "too_large"));
        }
        let body: Value = serde_json::from_str(&body).expect("the body is JSON");
        let commands = body["commands"].as_array().expect("commands").clone();
        let is_for = |command: &Value, bands: &[String]| bands.iter().any(|band| command["barcodeId"] == json!(band));
        if commands.iter().any(|command| is_for(command, &self.poison)) {
            return Err(RestError::Link("the server answered 500".to_owned()));
        }
        let refuses = |command: &Value| {
            command["deviceId"] != json!(null)
                || self.refuses_band.as_ref().is_some_and(|band| command["barcodeId"] == json!(band))
        };
        if commands.iter().any(refuses) {
            return Err(refused(400, "invalid_batch"));
        }
        let retry = |command: &Value| json!({ "commandId": command["commandId"], "outcome": "retry", "seqs": [] });
        let mut results = Vec::new();
        for command in &commands {
            let undecided = self.undecided || is_for(command, &self.undecided_bands);
            results.push(if undecided { retry(command) } else { self.execute(command) });
        }
        if self.lost_answers > 0 {
            self.lost_answers -= 1;
            return Err(RestError::Link("the answer was lost".to_owned()));
        }
        Ok(results)
    }
}

impl Realtime for FakeVenue {
    fn connect(&self, inbox: Inbox) -> BoxFuture<'_, Result<Box<dyn Connection>, LinkError>> {
        async move {
            let mut state = self.state();
            if !state.online {
                return Err(LinkError("connection refused".to_owned()));
            }
            let head = state.head();
            inbox.put(Signal::Event { name: "sync:head".to_owned(), args: vec![head], at_us: 0 });
            state.links.push(inbox.clone());
            Ok(Box::new(FakeConnection { venue: self.clone(), inbox }) as Box<dyn Connection>)
        }
        .boxed()
    }
}

struct FakeConnection {
    venue: FakeVenue,
    inbox: Inbox,
}

impl Connection for FakeConnection {
    fn ack(&self, position: Position) -> BoxFuture<'_, Result<(), LinkError>> {
        self.venue.state().acks.push(position);
        async { Ok(()) }.boxed()
    }
}

impl Drop for FakeConnection {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// `product.create`.
pub fn product(name: &str, price: f64, seconds: Option<u32>) -> Value {
    let product = json!({ "name": name, "price": price, "category": "time", "timeValueSeconds": seconds });
    json!({ "type": "product.create", "product": product })
}

/// `session.checkin` of one.
pub fn checkin(band: &str, product: &str) -> Value {
    json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": product, "quantity": 1 }] })
}

/// `session.play`, `session.pause`, `session.end`.
pub fn session(kind: &str, band: &str) -> Value {
    json!({ "type": format!("session.{kind}"), "barcodeId": band })
}
