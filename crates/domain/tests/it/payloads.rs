//! The payloads of all events: exactly the documented keys, lean and full.

use gangway_domain::{
    event::EventName,
    rows::Change,
    time::VenueTime,
    wire::payload::{full, lean},
};
use serde_json::Value;

use super::venue::{Driven, START};

fn keys(value: &Value) -> Vec<String> {
    // The order of keys means nothing, and differs with what else is built along.
    let mut keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
    keys.sort();
    keys
}

/// Runs a venue through every event and returns each one's lean and full payload, the latest of a name.
fn payloads() -> Vec<(EventName, Value, Value)> {
    let mut driven = Driven::new();
    let mut seen: Vec<(EventName, Value, Value)> = Vec::new();
    let (ten, hour) = (driven.products[1].clone(), driven.products[0].clone());
    let id = &hour;
    let steps = [
        format!(r#"{{"type":"session.checkin","barcodeId":"B-1","products":[{{"id":"{id}","quantity":2}}]}}"#),
        format!(r#"{{"type":"session.checkin","barcodeId":"B-1","products":[{{"id":"{id}","quantity":1}}]}}"#),
        r#"{"type":"session.play","barcodeId":"B-1"}"#.to_owned(),
        r#"{"type":"session.pause","barcodeId":"B-1"}"#.to_owned(),
        r#"{"type":"session.end","barcodeId":"B-1"}"#.to_owned(),
        r#"{"type":"settings.update","changes":{"maxOccupancy":42}}"#.to_owned(),
        r#"{"type":"product.create","product":{"name":"n","category":"c","price":1}}"#.to_owned(),
        format!(r#"{{"type":"product.update","productId":"{id}","changes":{{"price":13.25}}}}"#),
        format!(r#"{{"type":"product.delete","productId":"{ten}"}}"#),
    ];
    let record = |driven: &Driven,
                  decision: gangway_domain::decide::Decision,
                  now: VenueTime,
                  seen: &mut Vec<(EventName, Value, Value)>| {
        for event in &decision.events {
            let lean = lean(event, &driven.venue, now);
            let full = full(event.name, &lean, &driven.venue, now);
            seen.retain(|(name, ..)| *name != event.name);
            seen.push((event.name, lean, full));
        }
    };
    for (index, step) in steps.iter().enumerate() {
        let now = START.plus(index as i64 * 1_000);
        let decision = driven.run(now, step).expect(step);
        record(&driven, decision, now, &mut seen);
    }
    let line = driven.venue.transactions().next().expect("a line").id.clone();
    let refund =
        format!(r#"{{"type":"transaction.correct","transactionId":"{line}","status":"refunded","reason":"r"}}"#);
    let decision = driven.run(START.plus(20_000), &refund).expect("it stands");
    record(&driven, decision, START, &mut seen);
    let later = START.plus(3 * 86_400_000);
    let decision = driven.decide(later, &gangway_domain::command::Command::DayChange).expect("never refused");
    record(&driven, decision, later, &mut seen);
    seen
}

#[test]
fn each_event_has_exactly_the_documented_keys() {
    let documented: &[(&str, &[&str], &[&str])] = &[
        ("transaction:created", &["playerSession", "transaction"], &["dashboardStats", "playerSession", "transaction"]),
        ("transaction:updated", &["transaction"], &["dashboardStats", "transaction"]),
        ("session:created", &["playerSession"], &["activeSessions", "playerSession"]),
        ("session:updated", &["playerSession"], &["dashboardStats", "playerSession"]),
        ("session:play", &["playerSession"], &["activeSessions", "playerSession"]),
        ("session:pause", &["playerSession"], &["activeSessions", "playerSession"]),
        ("session:ended", &["playerSession"], &["activeSessions", "dashboardStats", "playerSession"]),
        ("product:created", &["product"], &["product"]),
        ("product:updated", &["product"], &["product"]),
        ("product:deleted", &["productId"], &["productId"]),
        ("system:settings:updated", &["settings"], &["settings"]),
        (
            "system:capacity:changed",
            &["currentOccupancy", "maxOccupancy"],
            &["currentOccupancy", "dashboardStats", "maxOccupancy"],
        ),
        ("sync:rows", &[], &[]),
    ];
    let seen = payloads();
    assert_eq!(seen.len(), EventName::ALL.len(), "every event was met");
    for (name, lean_keys, full_keys) in documented {
        let (_, lean, full) = seen.iter().find(|(seen, ..)| seen.as_str() == *name).expect(name);
        assert_eq!(keys(lean), *lean_keys, "lean {name}");
        assert_eq!(keys(full), *full_keys, "full {name}");
        assert!(full.as_object().is_some_and(|full| full.values().all(|value| !value.is_null())), "{name}: {full}");
    }
}

#[test]
fn payloads_show_the_rows_after_the_whole_command() {
    let mut driven = Driven::new();
    let decision = driven.sell(START, "B-1", 0, 2).expect("a sale");
    let created = lean(&decision.events[0], &driven.venue, START);
    assert_eq!(created["playerSession"]["totalAllowedSeconds"], 7200);
    assert_eq!(created["playerSession"]["status"], "waiting");
    let sold =
        full(EventName::TransactionCreated, &lean(&decision.events[1], &driven.venue, START), &driven.venue, START);
    assert_eq!((&sold["transaction"]["totalPrice"], &sold["transaction"]["status"]), (&25.into(), &"completed".into()));
    assert_eq!(sold["playerSession"]["remainingMinutes"], 120);
    let stats = &sold["dashboardStats"];
    assert_eq!(
        (&stats["todayRevenue"], &stats["waitingCount"], &stats["totalTransactions"]),
        (&25.into(), &1.into(), &1.into())
    );
    assert_eq!(stats["topProducts"][0]["totalQuantity"], 2);
}

#[test]
fn event_names_are_those_of_the_specification() {
    for name in EventName::ALL {
        assert_eq!(EventName::parse(name.as_str()), Some(name));
    }
    assert_eq!(EventName::parse("session:paused"), None);
}

#[test]
fn a_change_that_carries_another_row_than_it_names_is_refused() {
    let mut driven = Driven::new();
    let decision = driven.sell(START, "B-1", 0, 1).expect("a sale");
    let mut change = serde_json::to_value(&decision.events[0].changes[0]).expect("JSON");
    assert!(serde_json::from_value::<Change>(change.clone()).is_ok());
    change["id"] = "other".into();
    assert!(serde_json::from_value::<Change>(change.clone()).is_err());
    change["collection"] = "nothings".into();
    assert!(serde_json::from_value::<Change>(change).is_err());
}
