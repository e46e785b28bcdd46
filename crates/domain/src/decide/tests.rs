mod late;

use super::*;
use crate::{
    figures::DayTotals,
    hash::StateHash,
    rows::{ClosedBy, Row, SessionRow, TransactionStatus},
    session::Status,
    settings::SettingsRow,
};

const START: VenueTime = VenueTime(1_795_000_000_000); // 2026-11-18, an afternoon in Madrid
const MINUTE: Millis = 60_000;

/// A venue that is driven by commands as their wire texts, at minutes after [`START`].
struct Bench {
    venue: Venue,
    commands: u128,
    names: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self { venue: Venue::new(SettingsRow::new("Park", START)), commands: 0, names: Vec::new() };
        bench.ok(0, r#"{"type":"product.create","product":{"name":"Hour","price":12.5,"category":"time","timeValueSeconds":3600}}"#);
        bench.ok(
            0,
            r#"{"type":"product.create","product":{"name":"Socks","price":2,"category":"extra","required":true}}"#,
        );
        bench
    }

    fn product(&self, name: &str) -> ProductRow {
        self.venue.products().find(|product| product.name == name).cloned().expect("a product of that name")
    }

    fn run_at(&mut self, now: VenueTime, command: &Command, catalogue: Catalogue) -> Result<Decision, Rejection> {
        self.commands += 1;
        let command_id = CommandId(uuid::Uuid::from_u128(self.commands));
        let context = Context { catalogue, ..Context::new(command_id, now) };
        self.run_in(&context, command)
    }

    fn run_in(&mut self, context: &Context, command: &Command) -> Result<Decision, Rejection> {
        let decision = decide(&self.venue, command, context)?;
        for event in &decision.events {
            self.venue.apply(&event.changes);
        }
        self.names = decision.events.iter().map(|event| event.name.as_str().to_owned()).collect();
        Ok(decision)
    }

    fn run(&mut self, minute: i64, text: &str) -> Result<Decision, Rejection> {
        let command = Command::parse(text).expect("a command");
        self.run_at(START.plus(minute * MINUTE), &command, Catalogue::Now)
    }

    fn ok(&mut self, minute: i64, text: &str) -> Decision {
        self.run(minute, text).expect("accepted")
    }

    fn sell(&mut self, minute: i64, band: &str, product: &str, quantity: u32) -> Decision {
        let id = self.product(product).id;
        self.ok(minute, &format!(r#"{{"type":"session.checkin","barcodeId":"{band}","products":[{{"id":"{id}","quantity":{quantity}}}]}}"#))
    }

    fn gate(&mut self, minute: i64, verb: &str, band: &str) -> Result<Decision, Rejection> {
        self.run(minute, &format!(r#"{{"type":"session.{verb}","barcodeId":"{band}"}}"#))
    }

    fn settings(&mut self, minute: i64, changes: &str) -> Result<Decision, Rejection> {
        self.run(minute, &format!(r#"{{"type":"settings.update","changes":{changes}}}"#))
    }

    fn correct(&mut self, minute: i64, decision: &Decision, fields: &str) -> Result<Decision, Rejection> {
        let line = decision.events.iter().find_map(|event| match &event.subject {
            Subject::Transaction(id) => Some(id.clone()),
            _ => None,
        });
        let id = line.expect("a line was sold");
        self.run(
            minute,
            &format!(r#"{{"type":"transaction.correct","transactionId":"{id}","reason":"typed wrong",{fields}}}"#),
        )
    }

    fn session(&self, band: &str) -> SessionRow {
        let band = BarcodeId::parse(band).expect("a code");
        let latest =
            self.venue.sessions().filter(|session| session.barcode_id == band).max_by_key(|session| session.created_at);
        latest.cloned().expect("a visit with that band")
    }

    fn remaining_minutes(&self, minute: i64, band: &str) -> i64 {
        self.session(band).remaining_ms(START.plus(minute * MINUTE)) / MINUTE
    }

    fn revenue(&self, minute: i64) -> String {
        self.venue.dashboard_stats(START.plus(minute * MINUTE)).today_revenue.to_string()
    }
}

#[test]
fn a_check_in_loads_credit_and_never_starts_the_clock() {
    let mut bench = Bench::new();
    bench.sell(0, "b-1", "Hour", 2);
    assert_eq!(bench.names, ["session:created", "transaction:created"]);
    let session = bench.session("B-1");
    assert_eq!((session.status(), session.credit_ms, session.open_segment), (Status::Waiting, 120 * MINUTE, None));
    assert_eq!(bench.remaining_minutes(500, "B-1"), 120, "time runs only while it plays");
    assert_eq!(bench.revenue(0), "25");
}

#[test]
fn a_later_check_in_adds_to_the_same_visit() {
    let mut bench = Bench::new();
    bench.sell(0, "B-1", "Hour", 1);
    let first = bench.session("B-1").id;
    bench.sell(1, "B-1", "Hour", 1);
    assert_eq!(bench.names, ["transaction:created", "session:updated"]);
    let session = bench.session("B-1");
    assert_eq!((session.id, session.credit_ms), (first, 120 * MINUTE));
}

#[test]
fn the_ids_of_rows_come_from_the_command() {
    let (mut one, mut other) = (Bench::new(), Bench::new());
    one.sell(0, "B-1", "Hour", 1);
    other.sell(5, "B-1", "Hour", 1);
    assert_eq!(one.session("B-1").id, other.session("B-1").id, "server and desk agree on them");
}

#[test]
fn a_group_sale_is_one_sale_over_all_its_bands() {
    let mut bench = Bench::new();
    let (hour, socks) = (bench.product("Hour").id, bench.product("Socks").id);
    let line =
        |band: &str, product: &ProductId| format!(r#"{{"barcodeId":"{band}","productId":"{product}","quantity":1}}"#);
    let lines = [line("A", &hour), line("B", &hour), line("A", &socks)].join(",");
    let sale = bench.ok(0, &format!(r#"{{"type":"sale.create","payment":"cash","lines":[{lines}]}}"#));
    assert_eq!(
        bench.names,
        ["session:created", "transaction:created", "transaction:created", "session:created", "transaction:created"]
    );
    let ids: BTreeSet<_> = sale.events.iter().flat_map(|event| &event.changes).map(|change| &change.id).collect();
    assert_eq!(ids.len(), 5, "two visits and three lines, each with its own id");
    assert!(bench.venue.transactions().all(|line| line.payment.as_deref() == Some("cash")));
    let nobody = bench.run(
        1,
        &format!(r#"{{"type":"sale.create","lines":[{},{}]}}"#, line("C", &hour), line("D", &ProductId::from("nope"))),
    );
    assert_eq!(nobody, Err(Rejection::UnknownProduct { product_id: "nope".to_owned() }));
}

#[test]
fn play_needs_a_visit_with_credit_that_does_not_play() {
    let mut bench = Bench::new();
    assert_eq!(bench.gate(0, "play", "B-1"), Err(Rejection::UnknownBand));
    bench.sell(0, "B-1", "Socks", 1);
    assert_eq!(bench.gate(0, "play", "B-1"), Err(Rejection::NoCredit));
    bench.sell(0, "B-1", "Hour", 1);
    bench.gate(1, "play", "B-1").expect("it has credit");
    assert_eq!(bench.names, ["session:play"]);
    assert_eq!(bench.gate(2, "play", "B-1"), Err(Rejection::AlreadyPlaying));
    assert_eq!(bench.remaining_minutes(11, "B-1"), 50);
}

#[test]
fn pause_keeps_the_credit_and_frees_the_place_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.gate(0, "pause", "B-1"), Err(Rejection::UnknownBand));
    bench.sell(0, "B-1", "Hour", 1);
    assert_eq!(bench.gate(0, "pause", "B-1"), Err(Rejection::NotPlaying));
    bench.gate(0, "play", "B-1").expect("it has credit");
    assert_eq!(bench.venue.playing(), 1);
    bench.gate(20, "pause", "B-1").expect("it plays");
    assert_eq!((bench.names.as_slice(), bench.venue.playing()), (["session:pause".to_owned()].as_slice(), 0));
    let session = bench.session("B-1");
    assert_eq!((session.status(), session.paused_at), (Status::Paused, Some(START.plus(20 * MINUTE))));
    bench.gate(90, "play", "B-1").expect("it has credit");
    assert_eq!((bench.remaining_minutes(100, "B-1"), bench.session("B-1").paused_at), (30, None));
}

#[test]
fn two_gates_at_the_last_place_let_one_in() {
    let mut bench = Bench::new();
    bench.settings(0, r#"{"maxOccupancy":1}"#).expect("within bounds");
    bench.sell(0, "A", "Hour", 1);
    bench.sell(0, "B", "Hour", 1);
    bench.gate(1, "play", "A").expect("a free place");
    assert_eq!(bench.names, ["session:play", "system:capacity:changed"], "it became full");
    assert_eq!(bench.gate(1, "play", "B"), Err(Rejection::VenueFull { max: 1, lent: 0 }));
    bench.gate(2, "pause", "A").expect("it plays");
    assert_eq!(bench.names, ["session:pause", "system:capacity:changed"], "it is full no more");
    bench.gate(3, "play", "B").expect("a free place");
    bench.gate(4, "end", "B").expect("it is here");
    assert_eq!(bench.names, ["session:ended", "system:capacity:changed"]);
}

#[test]
fn an_overdue_band_keeps_its_place_until_the_clock_releases_it() {
    let mut bench = Bench::new();
    bench.sell(0, "B-1", "Hour", 1);
    bench.gate(0, "play", "B-1").expect("it has credit");
    let id = bench.session("B-1").id;
    let release = Command::Release(id);
    let early = bench.run_at(START.plus(65 * MINUTE - 1), &release, Catalogue::Now);
    assert_eq!(early, Err(Rejection::NotPlaying), "it is not due");
    assert_eq!((bench.venue.playing(), bench.venue.listed_sessions().len()), (1, 1));
    bench.run_at(START.plus(65 * MINUTE), &release, Catalogue::Now).expect("it is due");
    assert_eq!((bench.names.as_slice(), bench.venue.playing()), (["session:ended".to_owned()].as_slice(), 0));
    let session = bench.session("B-1");
    assert_eq!(
        (session.played_ms, session.overstay_ms),
        (60 * MINUTE, 5 * MINUTE),
        "the last segment is not given back"
    );
    let segment = bench.venue.segments_of(&session.id).next().expect("it played");
    assert_eq!((segment.ended_at, segment.closed_by), (Some(START.plus(60 * MINUTE)), Some(ClosedBy::Clock)));
    assert_eq!(session.person_at, START, "the clock is no person");
    assert_eq!(
        bench.run_at(START.plus(70 * MINUTE), &release, Catalogue::Now),
        Err(Rejection::NotPlaying),
        "only once"
    );
}

#[test]
fn a_pause_at_no_credit_ends_the_visit() {
    let mut bench = Bench::new();
    bench.sell(0, "B-1", "Hour", 1);
    bench.gate(0, "play", "B-1").expect("it has credit");
    bench.gate(60, "pause", "B-1").expect("it plays");
    assert_eq!(bench.names, ["session:ended"]);
    let session = bench.session("B-1");
    assert_eq!((session.status(), session.played_ms, session.paused_at), (Status::Ended, 60 * MINUTE, None));
    let segment = bench.venue.segments_of(&session.id).next().expect("it played");
    assert_eq!(segment.closed_by, Some(ClosedBy::Person));
}

#[test]
fn a_top_up_while_playing_extends_and_while_overdue_starts_counting_then() {
    let mut bench = Bench::new();
    bench.sell(0, "B-1", "Hour", 1);
    bench.gate(0, "play", "B-1").expect("it has credit");
    bench.sell(30, "B-1", "Hour", 1);
    assert_eq!(
        (bench.remaining_minutes(30, "B-1"), bench.venue.segments_of(&bench.session("B-1").id).count()),
        (90, 1)
    );
    bench.sell(124, "B-1", "Hour", 1);
    let session = bench.session("B-1");
    assert_eq!((bench.remaining_minutes(124, "B-1"), session.overstay_ms), (60, 4 * MINUTE));
    assert_eq!(session.status(), Status::Playing);
    let starts: Vec<_> = bench.venue.segments_of(&session.id).map(|segment| segment.started_at).collect();
    assert_eq!(starts, [START, START.plus(124 * MINUTE)]);
    assert_eq!(bench.venue.playing(), 1, "it keeps its place");
    bench.sell(200, "B-1", "Socks", 1);
    assert_eq!(bench.session("B-1").overstay_ms, 4 * MINUTE, "an extra starts nothing");
}

#[test]
fn out_closes_the_rest_and_the_band_starts_anew() {
    let mut bench = Bench::new();
    assert_eq!(bench.gate(0, "end", "B-1"), Err(Rejection::UnknownBand));
    bench.sell(0, "B-1", "Hour", 1);
    let first = bench.session("B-1").id;
    bench.gate(1, "end", "B-1").expect("it is here");
    assert_eq!(
        (bench.names.as_slice(), bench.venue.listed_sessions().len()),
        (["session:ended".to_owned()].as_slice(), 0)
    );
    assert_eq!(bench.gate(2, "play", "B-1"), Err(Rejection::UnknownBand));
    bench.sell(3, "B-1", "Hour", 1);
    assert_ne!(bench.session("B-1").id, first);
    assert_eq!(bench.session("B-1").credit_ms, 60 * MINUTE);
}

#[test]
fn a_refund_takes_back_no_more_credit_than_was_not_played() {
    let mut bench = Bench::new();
    let sale = bench.sell(0, "B-1", "Hour", 2);
    bench.gate(0, "play", "B-1").expect("it has credit");
    bench.correct(90, &sale, r#""status":"refunded""#).expect("it stands");
    assert_eq!(bench.names, ["transaction:updated", "session:updated"]);
    assert_eq!((bench.session("B-1").credit_ms, bench.remaining_minutes(90, "B-1")), (90 * MINUTE, 0));
    let line = bench.venue.transactions().next().expect("a line");
    assert_eq!((line.status, line.quantity, line.original_quantity), (TransactionStatus::Refunded, 0, 2));
    let row = bench.venue.corrections_of(&line.id).next().expect("a correction");
    assert_eq!((row.amount_minor.0, row.quantity_change, row.credit_ms), (-2500, -2, -30 * MINUTE));
    assert_eq!((bench.revenue(90).as_str(), bench.venue.dashboard_stats(START).total_transactions), ("0", 1));
    assert_eq!(bench.correct(91, &sale, r#""status":"refunded""#), Err(Rejection::AlreadyRefunded));
    assert_eq!(bench.correct(91, &sale, r#""quantity":1"#), Err(Rejection::AlreadyRefunded));
}

#[test]
fn a_corrected_quantity_moves_money_and_credit() {
    let mut bench = Bench::new();
    let sale = bench.sell(0, "B-1", "Hour", 2);
    assert!(matches!(bench.correct(1, &sale, r#""quantity":2"#), Err(Rejection::Invalid { .. })));
    bench.correct(1, &sale, r#""quantity":1"#).expect("it stands");
    assert_eq!((bench.session("B-1").credit_ms, bench.revenue(1).as_str()), (60 * MINUTE, "12.5"));
    bench.correct(2, &sale, r#""quantity":4"#).expect("it stands");
    assert_eq!((bench.session("B-1").credit_ms, bench.revenue(2).as_str()), (240 * MINUTE, "50"));
    let top = bench.venue.dashboard_stats(START).top_products;
    assert_eq!((top[0].total_quantity, top[0].total_revenue.to_string().as_str()), (4, "50"));
    assert_eq!(
        bench.correct(3, &Decision::default_with_line("nope"), r#""quantity":1"#),
        Err(Rejection::UnknownTransaction)
    );
}

#[test]
fn a_refund_after_the_visit_moves_money_only() {
    let mut bench = Bench::new();
    let sale = bench.sell(0, "B-1", "Hour", 1);
    bench.gate(1, "end", "B-1").expect("it is here");
    bench.correct(2, &sale, r#""status":"refunded""#).expect("it stands");
    assert_eq!(bench.names, ["transaction:updated"], "the credit was closed with the visit");
    assert_eq!((bench.revenue(2).as_str(), bench.session("B-1").credit_ms), ("0", 60 * MINUTE));
    assert_eq!(bench.session("B-1").updated_at, START.plus(2 * MINUTE), "it is in the sync set again");
}

#[test]
fn a_sale_is_priced_by_the_catalogue_that_the_desk_showed() {
    let mut bench = Bench::new();
    let old = bench.product("Hour");
    let changes = format!(
        r#"{{"type":"product.update","productId":"{}","changes":{{"price":20,"description":"now dearer"}}}}"#,
        old.id
    );
    bench.ok(1, &changes);
    let text =
        format!(r#"{{"type":"session.checkin","barcodeId":"B-1","products":[{{"id":"{}","quantity":1}}]}}"#, old.id);
    let sale = Command::parse(&text).expect("a command");
    let shown = Catalogue::AsOf(BTreeMap::from([(old.id.clone(), Some(old.clone()))]));
    let decision = bench.run_at(START.plus(2 * MINUTE), &sale, shown.clone()).expect("never refused for that");
    assert_eq!(decision.flags, [Flag::PriceChanged { product_id: old.id.clone() }]);
    assert_eq!(bench.revenue(2), "12.5");
    bench.ok(3, &format!(r#"{{"type":"product.delete","productId":"{}"}}"#, old.id));
    assert_eq!(bench.names, ["product:deleted"]);
    let decision = bench.run_at(START.plus(4 * MINUTE), &sale, shown).expect("never refused for that");
    assert_eq!(decision.flags, [Flag::ProductRemoved { product_id: old.id.clone() }]);
    assert_eq!(bench.run(5, &text), Err(Rejection::UnknownProduct { product_id: old.id.0.clone() }));
    assert_eq!(bench.run(5, &changes), Err(Rejection::ProductRemoved));
    let unseen = Catalogue::AsOf(BTreeMap::from([(bench.product("Socks").id, None)]));
    let text = text.replace(old.id.as_str(), bench.product("Socks").id.as_str());
    let sale = Command::parse(&text).expect("a command");
    assert_eq!(bench.run_at(START, &sale, unseen).expect("made since").flags, []);
}

#[test]
fn required_products_are_asked_for_once_a_visit() {
    let mut bench = Bench::new();
    bench.settings(0, r#"{"requiredProductsEnforced":true}"#).expect("within bounds");
    let (hour, socks) = (bench.product("Hour").id, bench.product("Socks").id);
    let sale = |ids: &[&ProductId]| {
        let products: Vec<_> = ids.iter().map(|id| format!(r#"{{"id":"{id}","quantity":1}}"#)).collect();
        format!(r#"{{"type":"session.checkin","barcodeId":"B-1","products":[{}]}}"#, products.join(","))
    };
    let missing = Rejection::RequiredProductMissing { product_id: socks.0.clone(), name: "Socks".to_owned() };
    assert_eq!(bench.run(0, &sale(&[&hour])), Err(missing.clone()));
    let first = bench.ok(0, &sale(&[&socks, &hour]));
    bench.ok(1, &sale(&[&hour]));
    bench.correct(2, &first, r#""status":"refunded""#).expect("the socks go back");
    assert_eq!(bench.run(3, &sale(&[&hour])), Err(missing));
}

#[test]
fn settings_change_field_by_field_and_capacity_says_so_last() {
    let mut bench = Bench::new();
    bench.settings(0, r#"{"maxOccupancy":42,"siteName":"Jump","unknown":1}"#).expect("within bounds");
    assert_eq!(bench.names, ["system:settings:updated", "system:capacity:changed"]);
    bench.settings(0, r#"{"logoUrl":"x.png","lowTimeSeconds":[600,120]}"#).expect("within bounds");
    assert_eq!(bench.names, ["system:settings:updated"]);
    let settings = bench.venue.settings();
    assert_eq!(
        (settings.max_occupancy, settings.site_name.as_str(), settings.low_time_seconds),
        (42, "Jump", [600, 120])
    );
    assert_eq!(settings.logo_url.as_deref(), Some("x.png"));
}

#[test]
fn the_currency_is_fixed_by_the_first_sale() {
    let mut bench = Bench::new();
    bench.settings(0, r#"{"currency":"KWD"}"#).expect("nothing was sold");
    assert_eq!(bench.product("Hour").price_minor.0, 12_500, "the same price in major units");
    bench.settings(1, r#"{"currency":"EUR"}"#).expect("nothing was sold");
    assert_eq!(bench.product("Hour").updated_at, START.plus(MINUTE), "the product changed with it");
    bench.settings(1, r#"{"currency":"KWD"}"#).expect("nothing was sold");
    assert!(
        matches!(bench.settings(0, r#"{"currency":"JPY"}"#), Err(Rejection::Invalid { .. })),
        "12.5 yen is no price"
    );
    bench.settings(0, r#"{"currency":"EUR"}"#).expect("nothing was sold");
    assert_eq!(bench.product("Hour").price_minor.0, 1_250);
    bench.sell(0, "B-1", "Hour", 1);
    assert_eq!(bench.settings(0, r#"{"currency":"USD"}"#), Err(Rejection::CurrencyFixed));
    bench.settings(0, r#"{"currency":"EUR"}"#).expect("that is the one it has");
}

#[test]
fn another_zone_or_day_start_holds_from_the_next_day() {
    let mut bench = Bench::new();
    let day = bench.venue.settings().day_rules().day_of(START);
    bench.settings(0, r#"{"operationalDayStart":"09:00"}"#).expect("a time");
    bench.settings(1, r#"{"timezone":"Europe/London"}"#).expect("a zone");
    let rules = bench.venue.settings().day_rules();
    assert_eq!(rules.day_of(START), day, "the running day keeps its rule");
    assert_eq!(rules.previous.as_ref().map(|previous| previous.until), Some(day.end));
    assert_eq!(rules.previous.map(|previous| previous.rule.timezone), Some("Europe/Madrid".to_owned()));
    let next_start = bench.venue.settings().day_rules().day_of(day.end.plus(DAY_MS)).start;
    assert_eq!(next_start.to_iso(), "2026-11-19T09:00:00.000Z");
}

#[test]
fn a_second_change_of_the_day_start_on_a_later_day_keeps_that_days_rule() {
    let mut bench = Bench::new();
    bench.settings(0, r#"{"operationalDayStart":"09:00"}"#).expect("a time");
    let first_until = bench.venue.settings().day_rules().day_of(START).end;
    let text = r#"{"type":"settings.update","changes":{"operationalDayStart":"10:00"}}"#;
    let change = Command::parse(text).expect("a command");
    bench.run_at(first_until, &change, Catalogue::Now).expect("a time");
    let previous = bench.venue.settings().previous_day_rule.clone().expect("the day runs");
    assert_eq!(String::from(previous.rule.start), "09:00", "from its end on, the first change is in force");
    assert!(previous.until > first_until);
}

#[test]
fn a_day_change_ends_what_has_run_its_days_and_lets_old_visits_go() {
    let mut bench = Bench::new();
    bench.sell(0, "WAITS", "Hour", 1);
    bench.sell(0, "PLAYS", "Hour", 2);
    bench.gate(0, "play", "PLAYS").expect("it has credit");
    let day = bench.venue.settings().day_rules().day_of(START);
    let same_day = bench.run_at(day.end.plus(-1), &Command::DayChange, Catalogue::Now).expect("never refused");
    assert_eq!(same_day.events, []);
    bench.run_at(day.end, &Command::DayChange, Catalogue::Now).expect("never refused");
    assert_eq!(bench.names, ["session:ended"]);
    assert_eq!(bench.session("WAITS").status(), Status::Ended);
    assert_eq!(bench.session("PLAYS").status(), Status::Playing, "it ends when it stops");
    let again = bench.run_at(day.end, &Command::DayChange, Catalogue::Now).expect("never refused");
    assert_eq!(again.events, []);
    let two_days_on = day.end.plus(2 * DAY_MS);
    bench.run_at(two_days_on, &Command::DayChange, Catalogue::Now).expect("never refused");
    assert_eq!(bench.names, ["sync:rows"]);
    assert!(
        bench.venue.sessions().all(|session| session.barcode_id.as_str() == "PLAYS"),
        "the other left the sync set"
    );
    assert_eq!(bench.venue.transactions().count(), 1);
}

#[test]
fn a_visit_stays_in_the_sync_set_from_the_start_of_the_day_before() {
    let mut bench = Bench::new();
    let today = bench.venue.settings().day_rules().day_of(START);
    let sale = format!(
        r#"{{"type":"session.checkin","barcodeId":"B-1","products":[{{"id":"{}","quantity":1}}]}}"#,
        bench.product("Hour").id
    );
    let out = Command::parse(r#"{"type":"session.end","barcodeId":"B-1"}"#).expect("a command");
    let sale = Command::parse(&sale).expect("a command");
    bench.run_at(today.start, &sale, Catalogue::Now).expect("a sale");
    bench.run_at(today.start, &out, Catalogue::Now).expect("it is here");
    let tomorrow = bench.run_at(today.end, &Command::DayChange, Catalogue::Now).expect("never refused");
    assert_eq!(tomorrow.events, [], "touched at the very start of the day before");
    let day_after = bench.venue.settings().day_rules().day_of(today.end).end;
    bench.run_at(day_after, &Command::DayChange, Catalogue::Now).expect("never refused");
    assert_eq!(bench.names, ["sync:rows"]);
}

#[test]
fn credit_of_an_earlier_day_ends_when_it_is_paused() {
    let mut bench = Bench::new();
    bench.sell(0, "B-1", "Hour", 30);
    bench.gate(0, "play", "B-1").expect("it has credit");
    bench.gate(24 * 60, "pause", "B-1").expect("it plays");
    assert_eq!(bench.names, ["session:ended"]);
    let mut keeps = Bench::new();
    keeps.settings(0, r#"{"creditValidDays":1}"#).expect("within bounds");
    keeps.sell(0, "B-1", "Hour", 30);
    keeps.gate(0, "play", "B-1").expect("it has credit");
    keeps.gate(24 * 60, "pause", "B-1").expect("it plays");
    assert_eq!(keeps.names, ["session:pause"]);
}

#[test]
fn credit_lasts_from_when_time_was_last_bought_and_not_an_extra() {
    let next_day = 24 * 60;
    for (bought, ends) in [("Socks", true), ("Hour", false)] {
        let mut bench = Bench::new();
        bench.settings(0, r#"{"creditValidDays":1}"#).expect("within bounds");
        bench.sell(0, "B-1", "Hour", 1);
        bench.sell(next_day, "B-1", bought, 1);
        let rules = bench.venue.settings().day_rules();
        let third_day = rules.day_of(START.plus(next_day * MINUTE)).end;
        bench.run_at(third_day, &Command::DayChange, Catalogue::Now).expect("never refused");
        assert_eq!(bench.session("B-1").ended_at.is_some(), ends, "{bought} on the second day");
    }
}

#[test]
fn a_visit_from_the_very_start_of_the_day_is_of_that_day() {
    let mut bench = Bench::new();
    let start = bench.venue.settings().day_rules().day_of(START).start;
    let socks = bench.product("Socks").id;
    let text =
        format!(r#"{{"type":"session.checkin","barcodeId":"B-1","products":[{{"id":"{socks}","quantity":1}}]}}"#);
    let sale = Command::parse(&text).expect("a command");
    bench.run_at(start, &sale, Catalogue::Now).expect("a sale");
    bench.run_at(start.plus(1), &sale, Catalogue::Now).expect("a sale");
    assert_eq!(bench.names, ["transaction:created", "session:updated"]);
}

#[test]
fn a_band_of_an_earlier_day_without_credit_opens_a_new_visit() {
    let mut bench = Bench::new();
    bench.sell(0, "B-1", "Socks", 1);
    let first = bench.session("B-1").id;
    bench.sell(1, "B-1", "Socks", 1);
    assert_eq!(bench.session("B-1").id, first, "the same day it is the same visit");
    bench.sell(24 * 60, "B-1", "Hour", 1);
    assert_eq!(bench.names, ["session:ended", "session:created", "transaction:created"]);
    assert_ne!(bench.session("B-1").id, first);
}

#[test]
fn a_moment_that_cannot_be_is_clamped_and_said() {
    let at = |ms| VenueTime(START.0 + ms);
    let check = |occurred, not_before, expect: Millis, clamped| {
        let effective = effective_at(at(occurred), not_before, START);
        assert_eq!(effective, Effective { at: at(expect), clamped }, "{occurred} after {not_before:?}");
    };
    check(-5_000, None, -5_000, false);
    check(2_000, None, 2_000, false);
    check(2_001, None, 2_000, true);
    check(-7 * DAY_MS, None, -7 * DAY_MS, false);
    check(-7 * DAY_MS - 1, None, -7 * DAY_MS, true);
    check(-5_000, Some(at(-3_000)), -3_000, true);
    check(-5_000, Some(at(-5_000)), -5_000, false);
}

#[test]
fn nothing_takes_effect_before_a_person_last_changed_the_visit() {
    let mut bench = Bench::new();
    let bound = |bench: &Bench, text: &str| not_before(&bench.venue, &Command::parse(text).expect("a command"));
    let play = r#"{"type":"session.play","barcodeId":"B-1"}"#;
    let before_all = VenueTime(i64::MIN);
    assert_eq!(bound(&bench, play), Some(before_all), "nothing is known of the band");
    let sale = bench.sell(5, "B-1", "Hour", 1);
    assert_eq!(bound(&bench, play), Some(START.plus(5 * MINUTE)));
    bench.gate(6, "end", "B-1").expect("it is here");
    let ended = Some(START.plus(6 * MINUTE));
    for verb in ["play", "pause", "end"] {
        assert_eq!(
            bound(&bench, &format!(r#"{{"type":"session.{verb}","barcodeId":"B-1"}}"#)),
            ended,
            "a visit that is over counts"
        );
    }
    let line = |band: &str| format!(r#"{{"barcodeId":"{band}","productId":"p","quantity":1}}"#);
    assert_eq!(bound(&bench, &format!(r#"{{"type":"sale.create","lines":[{},{}]}}"#, line("B-2"), line("B-1"))), ended);
    assert_eq!(
        bound(&bench, r#"{"type":"session.checkin","barcodeId":"B-1","products":[{"id":"p","quantity":1}]}"#),
        ended
    );
    let Subject::Transaction(id) = &sale.events[1].subject else { panic!("a line was sold") };
    let refund = format!(r#"{{"type":"transaction.correct","transactionId":"{id}","status":"refunded","reason":"r"}}"#);
    assert_eq!(bound(&bench, &refund), ended, "a line is never corrected before its visit was last changed");
    bench.correct(9, &sale, r#""quantity":3"#).expect("it stands");
    assert_eq!(bound(&bench, &refund), Some(START.plus(9 * MINUTE)), "nor before it was last corrected");
    for other in [
        r#"{"type":"settings.update","changes":{"maxOccupancy":1}}"#,
        r#"{"type":"product.delete","productId":"p"}"#,
        r#"{"type":"transaction.correct","transactionId":"none","quantity":1,"reason":"r"}"#,
    ] {
        assert_eq!(bound(&bench, other), None, "{other} takes effect when it arrives");
    }
}

#[test]
fn needs_name_what_a_slice_must_hold() {
    let check =
        |text: &str, expect: Needs| assert_eq!(needs(&Command::parse(text).expect("a command")), expect, "{text}");
    let band = BTreeSet::from([BarcodeId::parse("B-1").expect("a code")]);
    let product = BTreeSet::from([ProductId::from("p")]);
    for verb in ["play", "pause", "end"] {
        check(
            &format!(r#"{{"type":"session.{verb}","barcodeId":"B-1"}}"#),
            Needs { bands: band.clone(), places: verb == "play", ..Needs::default() },
        );
    }
    let both = Needs { bands: band, products: product.clone(), ..Needs::default() };
    check(r#"{"type":"session.checkin","barcodeId":"B-1","products":[{"id":"p","quantity":1}]}"#, both.clone());
    check(r#"{"type":"sale.create","lines":[{"barcodeId":"B-1","productId":"p","quantity":1}]}"#, both);
    check(r#"{"type":"product.delete","productId":"p"}"#, Needs { products: product, ..Needs::default() });
    let line = Some(TransactionId::from("t"));
    check(
        r#"{"type":"transaction.correct","transactionId":"t","quantity":1,"reason":"r"}"#,
        Needs { transaction: line, ..Needs::default() },
    );
    check(
        r#"{"type":"settings.update","changes":{"maxOccupancy":1}}"#,
        Needs { all_products: true, ..Needs::default() },
    );
    assert!(needs(&Command::DayChange).everything);
    assert_eq!(needs(&Command::Release(SessionId::from("s"))).session, Some(SessionId::from("s")));
}

#[test]
fn kept_totals_are_what_a_recount_gives() {
    let mut bench = Bench::new();
    bench.venue.keep_totals(START);
    let sale = bench.sell(0, "B-1", "Hour", 2);
    bench.sell(1, "B-2", "Socks", 3);
    bench.gate(2, "play", "B-1").expect("it has credit");
    bench.correct(3, &sale, r#""quantity":1"#).expect("it stands");
    let now = START.plus(4 * MINUTE);
    let day = bench.venue.settings().day_rules().day_of(now);
    let recount = DashboardStats::of(&bench.venue, &DayTotals::count(&bench.venue, day));
    assert_eq!(bench.venue.dashboard_stats(now), recount);
    let again: Vec<Row> = bench.venue.rows().collect();
    let copy = Venue::from_rows(again).expect("settings are there");
    assert_eq!(copy.dashboard_stats(now), recount);
    assert_eq!(StateHash::of_rows(copy.rows()).expect("rows"), StateHash::of_rows(bench.venue.rows()).expect("rows"));
}

use crate::figures::DashboardStats;

impl Decision {
    fn default_with_line(id: &str) -> Self {
        let event = Event {
            name: EventName::TransactionCreated,
            subject: Subject::Transaction(TransactionId::from(id)),
            changes: Vec::new(),
        };
        Self { events: vec![event], flags: Vec::new() }
    }
}
