use serde_json::json;

use super::*;

/// What a window knows in a test.
#[derive(Default)]
struct Told {
    rows: bool,
    base: Vec<(Topic, Value)>,
    live: Option<Option<SessionId>>,
    band: Option<BarcodeId>,
}

impl Known for Told {
    fn has_rows(&self) -> bool {
        self.rows
    }
    fn base(&self, topic: &Topic) -> Option<Value> {
        self.base.iter().find(|(known, _)| known == topic).map(|(_, data)| data.clone())
    }
    fn live_session(&self, _: &BarcodeId) -> Option<Option<SessionId>> {
        self.live.clone()
    }
    fn band_of(&self, _: &SessionId) -> Option<BarcodeId> {
        self.band.clone()
    }
}

fn with_rows() -> Told {
    Told { rows: true, ..Told::default() }
}

fn band() -> BarcodeId {
    BarcodeId::parse("B-1").expect("a band")
}

fn visit(status: &str) -> Value {
    json!({ "id": "s-1", "barcodeId": "B-1", "status": status })
}

/// The updates in short: what, and how.
fn short(updates: &[Update]) -> Vec<(String, &'static str)> {
    let how = |op: &Op| match op {
        Op::Set(Given::Data(_)) => "data",
        Op::Set(Given::Part(_)) => "part",
        Op::Set(Given::Rows) => "rows",
        Op::Invalidate { fallback: true } => "fallback",
        Op::Invalidate { fallback: false } => "invalidate",
    };
    let what = |topic: &Topic| match topic {
        Topic::Band(_) => "band".to_owned(),
        Topic::Session(_) => "visit".to_owned(),
        Topic::HistoryOf(_) => "historyOf".to_owned(),
        Topic::EveryHistory => "everyHistory".to_owned(),
        other => other.name().to_owned(),
    };
    updates.iter().map(|update| (what(&update.topic), how(&update.op))).collect()
}

fn check(event: EventName, payload: Value, known: &Told, expect: &[(&str, &str)]) {
    let updates = updates(event, &payload, known);
    let expect: Vec<_> = expect.iter().map(|(what, how)| ((*what).to_owned(), *how)).collect();
    let got: Vec<_> = short(&updates).into_iter().collect();
    assert_eq!(got, expect, "{event:?}");
}

// === the specification's responses, on lean payloads with the rows at hand

#[test]
fn a_sold_line_updates_the_figures_and_the_histories() {
    let payload = json!({ "transaction": { "id": "t" }, "playerSession": visit("waiting") });
    let expect = [
        ("dashboardStats", "rows"),
        ("performanceMetrics", "invalidate"),
        ("checkinHistory", "invalidate"),
        ("historyOf", "invalidate"),
        ("transactions", "invalidate"),
        ("daySeries", "invalidate"),
    ];
    check(TransactionCreated, payload, &with_rows(), &expect);
}

#[test]
fn a_corrected_line_does_the_same_and_finds_its_band_by_the_visit() {
    let payload = json!({ "transaction": { "id": "t", "playerSessionId": "s-1" } });
    let known = Told { band: Some(band()), ..with_rows() };
    let told = updates(TransactionUpdated, &payload, &known);
    assert!(told.iter().any(|update| update.topic == Topic::HistoryOf(band())));
    let told = updates(TransactionUpdated, &payload, &with_rows());
    assert!(told.iter().any(|update| update.topic == Topic::EveryHistory), "of an unknown band: all are asked again");
}

#[test]
fn a_new_visit_sets_the_list_and_the_band() {
    let expect = [
        ("dashboardStats", "rows"),
        ("activeSessions", "rows"),
        ("band", "data"),
        ("visit", "data"),
        ("queueDisplay", "invalidate"),
    ];
    check(SessionCreated, json!({ "playerSession": visit("waiting") }), &with_rows(), &expect);
}

#[test]
fn a_changed_visit_is_set_under_both_of_its_keys() {
    let expect = [
        ("dashboardStats", "rows"),
        ("activeSessions", "rows"),
        ("band", "data"),
        ("visit", "data"),
        ("queueDisplay", "invalidate"),
    ];
    check(SessionUpdated, json!({ "playerSession": visit("paused") }), &with_rows(), &expect);
}

#[test]
fn play_and_pause_set_the_list_although_boarding_would_only_invalidate_it() {
    let expect = [
        ("dashboardStats", "rows"),
        ("activeSessions", "rows"),
        ("band", "data"),
        ("visit", "data"),
        ("performanceMetrics", "invalidate"),
        ("queueDisplay", "invalidate"),
        ("daySeries", "invalidate"),
    ];
    check(SessionPlay, json!({ "playerSession": visit("playing") }), &with_rows(), &expect);
    check(SessionPause, json!({ "playerSession": visit("paused") }), &with_rows(), &expect);
}

#[test]
fn an_ended_visit_leaves_the_list_and_the_band() {
    let payload = json!({ "playerSession": visit("ended") });
    let known = Told { live: Some(None), ..with_rows() };
    let told = updates(SessionEnded, &payload, &known);
    let of = |topic: &Topic| told.iter().find(|update| update.topic == *topic).map(|update| update.op.clone());
    assert_eq!(of(&Topic::Band(band())), Some(Op::Set(Given::Data(Value::Null))));
    assert_eq!(of(&Topic::Session("s-1".into())), Some(Op::Set(Given::Data(visit("ended")))));
    assert_eq!(of(&Topic::ActiveSessions), Some(Op::Set(Given::Rows)));
}

#[test]
fn the_end_of_an_earlier_visit_does_not_touch_the_bands_new_one() {
    let payload = json!({ "playerSession": visit("ended") });
    let by_rows = Told { live: Some(Some("s-2".into())), ..with_rows() };
    let by_base = Told { base: vec![(Topic::Band(band()), json!({ "id": "s-2" }))], ..Told::default() };
    for known in [by_rows, by_base] {
        let told = updates(SessionUpdated, &payload, &known);
        assert!(told.iter().all(|update| update.topic != Topic::Band(band())));
    }
}

#[test]
fn a_visit_that_goes_on_is_set_and_one_that_ended_is_taken_away_whichever_was_shown() {
    let of_band = |status: &str, known: &Told| {
        let told = updates(SessionUpdated, &json!({ "playerSession": visit(status) }), known);
        told.into_iter().find(|update| update.topic == Topic::Band(band())).map(|update| update.op)
    };
    let shown = |id: &str| Told { base: vec![(Topic::Band(band()), json!({ "id": id }))], ..Told::default() };
    for known in [shown("s-1"), shown("s-2"), Told::default()] {
        assert_eq!(of_band("waiting", &known), Some(Op::Set(Given::Data(visit("waiting")))), "a band's new visit");
    }
    assert_eq!(of_band("ended", &shown("s-1")), Some(Op::Set(Given::Data(Value::Null))), "the one that was shown");
    assert_eq!(of_band("ended", &Told::default()), Some(Op::Set(Given::Data(Value::Null))), "none was shown");
}

#[test]
fn products_are_asked_again_or_set_as_the_specification_says() {
    let product = json!({ "product": { "id": "p" } });
    check(ProductCreated, product.clone(), &with_rows(), &[("products", "invalidate")]);
    check(ProductUpdated, product, &with_rows(), &[("products", "rows")]);
    check(ProductDeleted, json!({ "productId": "p" }), &with_rows(), &[("products", "invalidate")]);
}

#[test]
fn settings_are_set_and_what_they_mean_is_asked_again() {
    let expect = [
        ("dashboardStats", "rows"),
        ("performanceMetrics", "invalidate"),
        ("systemSettings", "data"),
        ("queueDisplay", "invalidate"),
        ("daySeries", "invalidate"),
    ];
    check(SettingsUpdated, json!({ "settings": { "id": "system" } }), &with_rows(), &expect);
}

#[test]
fn a_changed_capacity_updates_the_figures() {
    let payload = json!({ "maxOccupancy": 9, "currentOccupancy": 1 });
    check(CapacityChanged, payload, &with_rows(), &[("dashboardStats", "rows")]);
}

// === full payloads, without rows

#[test]
fn a_payload_that_brings_the_list_sets_it() {
    let payload = json!({ "playerSession": visit("playing"), "activeSessions": [visit("playing")] });
    for event in [SessionCreated, SessionPlay, SessionPause, SessionEnded] {
        let told = updates(event, &payload, &Told::default());
        let list = told.iter().find(|update| update.topic == Topic::ActiveSessions).expect("the list");
        assert_eq!(list.op, Op::Set(Given::Data(json!([visit("playing")]))), "{event:?}");
    }
}

#[test]
fn figures_are_merged_into_what_there_is_and_without_it_asked_for() {
    let payload = json!({ "maxOccupancy": 9, "currentOccupancy": 1, "dashboardStats": { "maxOccupancy": 9 } });
    check(CapacityChanged, payload.clone(), &Told::default(), &[("dashboardStats", "fallback")]);
    let base = vec![(Topic::DashboardStats, json!({ "activePlayers": 1 }))];
    let known = Told { base, ..Told::default() };
    check(CapacityChanged, payload.clone(), &known, &[("dashboardStats", "part")]);
    check(CapacityChanged, payload, &with_rows(), &[("dashboardStats", "part")]);
}

#[test]
fn figures_between_events_need_a_base_too() {
    let stats = json!({ "activePlayers": 2 });
    assert_eq!(short(&stats_updates(&stats, &Told::default())), [("dashboardStats".to_owned(), "fallback")]);
    assert_eq!(short(&stats_updates(&stats, &with_rows())), [("dashboardStats".to_owned(), "part")]);
}

#[test]
fn what_a_payload_does_not_bring_is_asked_for_and_counted() {
    let expect = [
        ("dashboardStats", "fallback"),
        ("activeSessions", "fallback"),
        ("band", "data"),
        ("visit", "data"),
        ("queueDisplay", "invalidate"),
    ];
    check(SessionUpdated, json!({ "playerSession": visit("paused") }), &Told::default(), &expect);
}

#[test]
fn a_changed_product_is_put_into_the_list_by_its_name() {
    let payload = json!({ "product": { "id": "b", "name": "zebra", "price": 2 } });
    check(ProductUpdated, payload.clone(), &Told::default(), &[("products", "fallback")]);
    let list = json!([{ "id": "b", "name": "Apple" }, { "id": "a", "name": "middle" }]);
    let known = Told { base: vec![(Topic::Products, list)], ..Told::default() };
    let told = updates(ProductUpdated, &payload, &known);
    let expect = json!([{ "id": "a", "name": "middle" }, { "id": "b", "name": "zebra", "price": 2 }]);
    assert_eq!(told[0].op, Op::Set(Given::Data(expect)));
    let other = Told { base: vec![(Topic::Products, json!([{ "id": "x" }]))], ..Told::default() };
    check(ProductUpdated, payload, &other, &[("products", "fallback")]);
}

// === the table itself

#[test]
fn the_priorities_of_every_view_hold() {
    let place = |key: Key| PRIORITY.iter().position(|of| *of == key).expect("every key has a place");
    // Monitor
    assert!(place(Key::DashboardStats) < place(Key::ActiveSessions));
    assert!(place(Key::ActiveSessions) < place(Key::PerformanceMetrics));
    // Check-in
    assert!(place(Key::PlayerSessionByBand) < place(Key::CheckinHistory));
    assert!(place(Key::CheckinHistory) < place(Key::Products));
    // Boarding
    assert!(place(Key::ActiveSessions) < place(Key::PlayerSessionByBand));
}

#[test]
fn every_rule_has_a_place_and_every_event_of_the_specification_a_rule() {
    for rule in RULES {
        assert!(PRIORITY.contains(&rule.key), "{rule:?}");
    }
    for event in EventName::ALL.into_iter().filter(|event| *event != EventName::Rows) {
        let of_spec = RULES.iter().any(|rule| rule.event == event && rule.source == Source::Spec);
        assert!(of_spec, "{event:?}");
    }
}

#[test]
fn a_view_has_one_rule_for_an_event_and_a_key() {
    for (index, rule) in RULES.iter().enumerate() {
        let again = RULES[index + 1..]
            .iter()
            .any(|other| (other.event, other.view, other.key) == (rule.event, rule.view, rule.key));
        assert!(!again, "{rule:?}");
    }
}
