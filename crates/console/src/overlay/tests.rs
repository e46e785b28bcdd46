use gangway_domain::{
    command::Command,
    decide::{Context, decide},
    ids::{CommandId, DeviceId, Epoch, Position},
    rows::{Change, Collection},
    settings::SettingsRow,
    time::VenueTime,
    venue::Venue,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answered, Confirmed, Entry, Overlay, Standing, Touched};

/// Noon in Madrid.
const OPENS: VenueTime = VenueTime(1_764_068_400_000);

/// A command's events as the log has them.
#[derive(Clone)]
struct Unit {
    command: CommandId,
    changes: Vec<Change>,
    seq: u64,
}

/// A venue whose log reaches a desk in steps, and the desk.
struct Bench {
    /// The server's rows.
    truth: Venue,
    log: Vec<Unit>,
    /// Units that the desk has.
    delivered: usize,
    /// The desk's confirmed rows, for comparison only.
    confirmed: Venue,
    shown: Venue,
    overlay: Overlay,
    /// All that was tapped here.
    taps: Vec<Entry>,
    now: VenueTime,
    ids: u128,
    forgets_seen: bool,
}

fn command(value: &Value) -> Command {
    Command::parse(&value.to_string()).expect("a command")
}

fn checkin(band: &str, product: &str) -> Command {
    command(&json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": product, "quantity": 1 }] }))
}

fn session(kind: &str, band: &str) -> Command {
    command(&json!({ "type": format!("session.{kind}"), "barcodeId": band }))
}

fn row_texts(venue: &Venue) -> Vec<String> {
    let text = |row| serde_json::to_string(&row).expect("JSON");
    let mut texts: Vec<String> = venue.rows().map(text).collect();
    texts.sort();
    texts
}

impl Bench {
    fn new() -> Self {
        let venue = Venue::new(SettingsRow::new("Bench", OPENS));
        let mut bench = Self {
            truth: venue.clone(),
            log: Vec::new(),
            delivered: 0,
            confirmed: venue.clone(),
            shown: venue,
            overlay: Overlay::new(DeviceId::from("desk")),
            taps: Vec::new(),
            now: OPENS,
            ids: 0,
            forgets_seen: false,
        };
        bench.overlay.begin(&mut bench.shown, Vec::new(), None, OPENS);
        bench
    }

    /// With a product on sale everywhere.
    fn with_hour() -> (Self, String) {
        let mut bench = Self::new();
        bench.elsewhere(&product("One hour"));
        bench.deliver_all();
        let id = bench.shown.products().next().expect("the product").id.0.clone();
        (bench, id)
    }

    fn id(&mut self) -> CommandId {
        self.ids += 1;
        CommandId(Uuid::from_u128(self.ids))
    }

    fn tick(&mut self) {
        self.now = self.now.plus(1_000);
    }

    /// The server decides it; its events are in the log, if it said yes.
    fn serve(&mut self, id: CommandId, command: &Command, late: bool) -> bool {
        if let Some(known) = self.log.iter().find(|unit| unit.command == id) {
            return known.seq > 0;
        }
        let context = Context { late, ..Context::new(id, self.now) };
        let Ok(decision) = decide(&self.truth, command, &context) else { return false };
        let changes: Vec<Change> = decision.events.into_iter().flat_map(|event| event.changes).collect();
        self.truth.apply(&changes);
        let seq = self.log.len() as u64 + 1;
        self.log.push(Unit { command: id, changes, seq });
        true
    }

    /// Another desk does something.
    fn elsewhere(&mut self, command: &Command) -> bool {
        self.tick();
        let id = self.id();
        self.serve(id, command, false)
    }

    /// This desk does.
    fn tap(&mut self, command: Command) -> CommandId {
        self.tick();
        let id = self.id();
        let seen = command.read_keys().into_iter().filter_map(|key| match key {
            gangway_domain::command::Key::Product(id) => Some((id.clone(), self.shown.product(&id)?.clone())),
            _ => None,
        });
        // What an older version stored does not say what was shown.
        let seen = seen.filter(|_| !self.forgets_seen || !self.ids.is_multiple_of(3));
        let entry = Entry {
            order: self.ids as i64,
            id,
            occurred_at: self.now,
            tapped_at: self.now,
            seen: seen.collect(),
            place: None,
            happened: false,
            force: None,
            last_seq: None,
            command,
        };
        self.taps.push(entry.clone());
        self.overlay.push(&mut self.shown, entry, self.now);
        id
    }

    fn position(&self) -> Position {
        Position { epoch: Epoch("e".to_owned()), seq: self.delivered as u64 }
    }

    fn deliver(&mut self) -> Touched {
        let unit = self.log[self.delivered].clone();
        self.delivered += 1;
        self.confirmed.apply(&unit.changes);
        let at = self.position();
        let confirmed = Confirmed { changes: &unit.changes, commands: &[unit.command], at: &at };
        self.overlay.confirm(&mut self.shown, confirmed, self.now)
    }

    fn deliver_all(&mut self) {
        while self.delivered < self.log.len() {
            self.deliver();
        }
    }

    /// The server decides what was tapped here; the answer does not come back yet.
    fn send(&mut self, id: CommandId) -> Answered {
        self.tick();
        let tap = self.taps.iter().find(|tap| tap.id == id).expect("tapped here").clone();
        if self.serve(id, &tap.command, true) {
            Answered::Accepted(self.log.iter().find(|unit| unit.command == id).map(|unit| unit.seq))
        } else {
            Answered::Rejected
        }
    }

    fn answer(&mut self, id: CommandId, answer: Answered) {
        let at = self.position();
        if let (Answered::Accepted(last), Some(tap)) = (&answer, self.taps.iter_mut().find(|tap| tap.id == id)) {
            tap.last_seq = *last;
        }
        self.overlay.answered(&mut self.shown, &[(id, answer)], Some(&at), self.now);
    }

    /// A snapshot of the server's rows replaces what the desk has.
    fn snapshot(&mut self) {
        self.delivered = self.log.len();
        self.confirmed = self.truth.clone();
        self.shown = self.truth.clone();
        let on_top: Vec<Entry> = self.on_top();
        let at = self.position();
        self.overlay.begin(&mut self.shown, on_top, Some(&at), self.now);
    }

    fn on_top(&self) -> Vec<Entry> {
        let is_on_top = |tap: &&Entry| self.overlay.standing(tap.id).is_some();
        self.taps.iter().filter(is_on_top).cloned().collect()
    }

    /// What is shown is what deciding everything anew on the confirmed rows would show.
    fn check(&self) {
        let mut venue = self.confirmed.clone();
        let mut overlay = Overlay::new(DeviceId::from("desk"));
        let at = self.position();
        overlay.begin(&mut venue, self.on_top(), Some(&at), self.now);
        assert_eq!(row_texts(&self.shown), row_texts(&venue));
        assert_eq!(self.shown.playing(), venue.playing());
        assert_eq!(self.shown.sold(), venue.sold());
        for tap in self.on_top() {
            assert_eq!(self.overlay.standing(tap.id), overlay.standing(tap.id), "{tap:?}");
        }
        for row in venue.rows() {
            let marked = self.overlay.touches(row.collection(), row.id());
            assert_eq!(marked, overlay.touches(row.collection(), row.id()), "{row:?}");
        }
    }

    fn credit(&self, band: &str) -> i64 {
        let band = band.parse_band();
        self.shown.live_session(&band).map_or(0, |session| session.credit_ms)
    }
}

trait ParseBand {
    fn parse_band(&self) -> gangway_domain::band::BarcodeId;
}

impl ParseBand for str {
    fn parse_band(&self) -> gangway_domain::band::BarcodeId {
        gangway_domain::band::BarcodeId::parse(self).expect("a band")
    }
}

fn product(name: &str) -> Command {
    command(&json!({ "type": "product.create",
        "product": { "name": name, "price": 10, "category": "time", "timeValueSeconds": 3_600 } }))
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn a_tap_shows_at_once_and_its_rows_are_marked() {
    let (mut bench, hour) = Bench::with_hour();
    let id = bench.tap(checkin("B-1", &hour));
    assert_eq!(bench.credit("B-1"), HOUR_MS);
    let session = bench.shown.live_session(&"B-1".parse_band()).expect("live").id.clone();
    assert!(bench.overlay.touches(Collection::Sessions, session.as_str()));
    assert!(!bench.overlay.touches(Collection::Products, &hour));
    assert_eq!(bench.overlay.standing(id), Some(&Standing::Shown));
    bench.check();
}

#[test]
fn it_never_counts_twice_whichever_comes_first() {
    for way in ["event", "answer", "snapshot", "crash"] {
        let (mut bench, hour) = Bench::with_hour();
        let id = bench.tap(checkin("B-1", &hour));
        let answer = bench.send(id);
        match way {
            "event" => {
                bench.deliver_all();
                assert!(bench.overlay.is_empty(), "the log named it");
                bench.answer(id, answer);
            }
            "answer" => {
                bench.answer(id, answer);
                assert_eq!(bench.overlay.len(), 1, "it stays until its rows are here");
                assert_eq!(bench.credit("B-1"), HOUR_MS, "and never vanishes");
                bench.deliver_all();
            }
            "snapshot" => {
                bench.snapshot();
                assert!(bench.overlay.is_empty(), "the rows have its ids");
                bench.answer(id, answer);
            }
            _ => {
                // The cache has the rows; the outbox lost the answer, so it still counts as pending.
                bench.deliver_all();
                let at = bench.position();
                bench.shown = bench.confirmed.clone();
                bench.overlay.begin(&mut bench.shown, bench.taps.clone(), Some(&at), bench.now);
            }
        }
        assert_eq!(bench.credit("B-1"), HOUR_MS, "{way}");
        assert!(bench.overlay.is_empty(), "{way}");
        bench.check();
    }
}

#[test]
fn it_is_decided_again_when_another_desk_acts_on_the_band() {
    let (mut bench, hour) = Bench::with_hour();
    bench.tap(checkin("B-1", &hour));
    let play = bench.tap(session("play", "B-1"));
    assert!(bench.elsewhere(&checkin("B-1", &hour)));
    bench.deliver_all();
    assert_eq!(bench.credit("B-1"), 2 * HOUR_MS, "both sales");
    assert_eq!(bench.shown.playing(), 1);
    assert_eq!(bench.shown.sessions().count(), 1, "one visit, the other desk's");
    bench.check();
    assert!(bench.elsewhere(&session("play", "B-1")));
    bench.deliver_all();
    assert_eq!(bench.shown.playing(), 1);
    assert_eq!(bench.overlay.standing(play), Some(&Standing::Shown), "it is where it was wanted");
    bench.check();
}

#[test]
fn what_the_rows_do_not_let_changes_nothing_and_waits_for_the_server() {
    let (mut bench, hour) = Bench::with_hour();
    assert!(bench.elsewhere(&checkin("B-1", &hour)));
    bench.deliver_all();
    let line = bench.shown.transactions().next().expect("a line").id.0.clone();
    let refund =
        json!({ "type": "transaction.correct", "transactionId": line, "status": "refunded", "reason": "Rain" });
    let id = bench.tap(command(&refund));
    assert_eq!(bench.credit("B-1"), 0);
    assert!(bench.elsewhere(&command(&refund)), "another desk was quicker");
    bench.deliver_all();
    assert!(matches!(bench.overlay.standing(id), Some(Standing::Conflict(_))));
    assert_eq!(bench.shown.corrections().count(), 1);
    bench.check();
    let answer = bench.send(id);
    assert_eq!(answer, Answered::Rejected);
    bench.answer(id, answer);
    assert!(bench.overlay.is_empty());
    bench.check();
}

#[test]
fn a_rejection_takes_back_what_it_showed_and_what_stood_on_it() {
    let (mut bench, hour) = Bench::with_hour();
    let sale = bench.tap(checkin("B-1", &hour));
    let play = bench.tap(session("play", "B-1"));
    bench.answer(sale, Answered::Rejected);
    assert_eq!(bench.shown.sessions().count(), 0);
    assert_eq!(bench.shown.playing(), 0);
    assert!(matches!(bench.overlay.standing(play), Some(Standing::Conflict(_))));
    assert!(!bench.shown.sold(), "nothing was ever sold");
    bench.check();
}

#[test]
fn the_line_of_a_pending_sale_can_be_corrected_and_a_pending_product_sold() {
    let (mut bench, hour) = Bench::with_hour();
    let made = bench.tap(product("Socks"));
    let socks = gangway_domain::ids::row_id(made, "product", 0);
    let sale = bench.tap(checkin("B-1", &socks));
    let line = gangway_domain::ids::row_id(sale, "transaction", 0);
    let correct = json!({ "type": "transaction.correct", "transactionId": line, "quantity": 3, "reason": "Three" });
    bench.tap(command(&correct));
    bench.tap(checkin("B-1", &hour));
    assert_eq!(bench.credit("B-1"), 4 * HOUR_MS);
    bench.check();
    bench.answer(made, Answered::Rejected);
    assert!(matches!(bench.overlay.standing(sale), Some(Standing::Conflict(_))), "there is no such product");
    assert_eq!(bench.credit("B-1"), HOUR_MS, "the other sale stands");
    bench.check();
}

#[test]
fn a_sale_keeps_the_price_that_was_shown_when_it_was_tapped() {
    let (mut bench, hour) = Bench::with_hour();
    bench.tap(checkin("B-1", &hour));
    let dearer = json!({ "type": "product.update", "productId": hour, "changes": { "price": 99 } });
    assert!(bench.elsewhere(&command(&dearer)));
    assert!(bench.elsewhere(&checkin("B-1", &hour)));
    bench.deliver_all();
    let mut prices: Vec<i64> = bench.shown.transactions().map(|line| line.total_price_minor.0).collect();
    prices.sort_unstable();
    assert_eq!(prices, [1_000, 9_900]);
    bench.check();
}

#[test]
fn settings_that_are_pending_hold_for_what_comes_after_them_only() {
    let (mut bench, hour) = Bench::with_hour();
    let required = json!({ "name": "Socks", "price": 2, "category": "extra", "required": true });
    assert!(bench.elsewhere(&command(&json!({ "type": "product.create", "product": required }))));
    bench.deliver_all();
    let before = bench.tap(checkin("B-1", &hour));
    bench.tap(command(&json!({ "type": "settings.update", "changes": { "requiredProductsEnforced": true } })));
    let after = bench.tap(checkin("B-2", &hour));
    assert_eq!(bench.overlay.standing(before), Some(&Standing::Shown));
    assert!(matches!(bench.overlay.standing(after), Some(Standing::Conflict(_))));
    assert!(bench.elsewhere(&checkin("B-1", &hour)));
    bench.deliver_all();
    assert_eq!(bench.overlay.standing(before), Some(&Standing::Shown));
    bench.check();
}

#[test]
fn a_play_without_a_place_under_strict_capacity_waits_for_the_server() {
    let (mut bench, hour) = Bench::with_hour();
    let strict = json!({ "type": "settings.update", "changes": { "capacityPolicy": "strict", "maxOccupancy": 1 } });
    assert!(bench.elsewhere(&command(&strict)));
    bench.deliver_all();
    bench.tap(checkin("B-1", &hour));
    let play = bench.tap(session("play", "B-1"));
    assert_eq!(bench.overlay.standing(play), Some(&Standing::Awaiting));
    assert_eq!(bench.shown.playing(), 0);
    bench.check();
}

#[test]
fn one_event_decides_one_component_however_many_are_pending() {
    const BANDS: usize = 5_000;
    let (mut bench, hour) = Bench::with_hour();
    for n in 0..BANDS {
        bench.tap(checkin(&format!("B-{n}"), &hour));
    }
    bench.tap(session("play", "B-7"));
    let before = bench.overlay.decided();
    assert!(bench.elsewhere(&checkin("B-7", &hour)));
    let touched = bench.deliver();
    assert_eq!(bench.overlay.decided() - before, 2, "the sale and the play of that band");
    assert_eq!(touched.bands.len(), 1);
    assert!(bench.elsewhere(&checkin("OTHER", &hour)));
    assert!(bench.deliver().is_empty());
    assert_eq!(bench.overlay.decided() - before, 2);
}

#[test]
fn sales_of_one_product_are_no_component_whether_or_not_it_is_known_what_was_shown() {
    const BANDS: usize = 2_000;
    let (mut bench, hour) = Bench::with_hour();
    bench.forgets_seen = true;
    let made = bench.tap(product("Socks"));
    let socks = gangway_domain::ids::row_id(made, "product", 0);
    for n in 0..BANDS {
        let sold = if n.is_multiple_of(2) { &hour } else { &socks };
        bench.tap(checkin(&format!("B-{n}"), sold));
    }
    let dearer = json!({ "type": "product.update", "productId": socks, "changes": { "price": 99 } });
    bench.tap(command(&dearer));
    for band in ["B-6", "B-7"] {
        let before = bench.overlay.decided();
        assert!(bench.elsewhere(&checkin(band, &hour)));
        bench.deliver();
        let decided = bench.overlay.decided() - before;
        assert!(decided <= 3, "{decided} for {band}: the sale, and what came later of its product");
    }
    bench.check();
}

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    Tap(u8, u8),
    Elsewhere(u8, u8),
    Deliver,
    /// The server decides the oldest tap that it has not decided.
    Send,
    /// And its answer comes.
    Answer,
    Snapshot,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (any::<u8>(), any::<u8>()).prop_map(|(what, band)| Act::Tap(what, band)),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(what, band)| Act::Elsewhere(what, band)),
        5 => Just(Act::Deliver),
        3 => Just(Act::Send),
        2 => Just(Act::Answer),
        1 => Just(Act::Snapshot),
    ];
    proptest::collection::vec(act, 1..60)
}

/// A command that may or may not make sense now, on what `venue` holds.
fn any_command(what: u8, which: u8, venue: &Venue) -> Command {
    let band = format!("B-{}", which % 4);
    let products: Vec<String> = venue.products().map(|row| row.id.0.clone()).collect();
    let mut lines: Vec<String> = venue.transactions().map(|row| row.id.0.clone()).collect();
    lines.sort();
    let pick = |from: &[String]| {
        if from.is_empty() { "none".to_owned() } else { from[usize::from(which) % from.len()].clone() }
    };
    let product_id = pick(&products);
    match what % 20 {
        0..=4 => checkin(&band, &product_id),
        5 => {
            let other = format!("B-{}", (which / 4) % 4);
            let line = |band: &str| json!({ "barcodeId": band, "productId": product_id, "quantity": 1 });
            command(&json!({ "type": "sale.create", "lines": [line(&band), line(&other)] }))
        }
        6..=8 => session("play", &band),
        9..=10 => session("pause", &band),
        11 => session("end", &band),
        12 => product("Another"),
        13 => {
            let changes = json!({ "price": which, "required": which.is_multiple_of(2) });
            command(&json!({ "type": "product.update", "productId": product_id, "changes": changes }))
        }
        14 => command(&json!({ "type": "product.delete", "productId": product_id })),
        15 | 16 => {
            let line = pick(&lines);
            let what = if which.is_multiple_of(2) { json!({ "quantity": 2 }) } else { json!({ "status": "refunded" }) };
            let mut correct = json!({ "type": "transaction.correct", "transactionId": line, "reason": "Why" });
            correct.as_object_mut().expect("an object").extend(what.as_object().expect("an object").clone());
            command(&correct)
        }
        17 => {
            let enforced = json!({ "requiredProductsEnforced": which.is_multiple_of(3) });
            command(&json!({ "type": "settings.update", "changes": enforced }))
        }
        18 => {
            let policy = json!({ "capacityPolicy": if which.is_multiple_of(3) { "strict" } else { "advisory" },
                "maxOccupancy": 1 + which % 3 });
            command(&json!({ "type": "settings.update", "changes": policy }))
        }
        _ => command(&json!({ "type": "settings.update", "changes": { "currency": "JPY" } })),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_is_always_the_pending_decided_anew_on_the_confirmed(
        forgets_seen in any::<bool>(), acts in acts(),
    ) {
        let (mut bench, _) = Bench::with_hour();
        bench.forgets_seen = forgets_seen;
        let mut sent: Vec<(CommandId, Answered)> = Vec::new();
        let mut next = 0;
        for act in acts {
            match act {
                Act::Tap(what, which) => {
                    let command = any_command(what, which, &bench.shown);
                    bench.tap(command);
                }
                Act::Elsewhere(what, which) => {
                    let command = any_command(what, which, &bench.truth);
                    bench.elsewhere(&command);
                }
                Act::Deliver if bench.delivered < bench.log.len() => drop(bench.deliver()),
                Act::Send if next < bench.taps.len() => {
                    let id = bench.taps[next].id;
                    next += 1;
                    let answer = bench.send(id);
                    sent.push((id, answer));
                }
                Act::Answer if !sent.is_empty() => {
                    let (id, answer) = sent.remove(0);
                    bench.answer(id, answer);
                }
                Act::Snapshot => bench.snapshot(),
                Act::Deliver | Act::Send | Act::Answer => continue,
            }
            bench.check();
        }
        // In the end everything is answered and delivered, and only the server's rows show.
        while next < bench.taps.len() {
            let id = bench.taps[next].id;
            next += 1;
            let answer = bench.send(id);
            sent.push((id, answer));
        }
        for (id, answer) in sent {
            bench.answer(id, answer);
        }
        bench.deliver_all();
        prop_assert!(bench.overlay.is_empty());
        prop_assert_eq!(row_texts(&bench.shown), row_texts(&bench.truth));
    }
}
