//! What was tapped without a link and comes later: scans against the clock, places, the attention list.

use serde_json::json;

use super::*;
use crate::{
    attention::{self, Tapped},
    command::AttentionAction,
    ids::{DeviceId, PlaceId},
    noticed::Noticed,
};

impl Bench {
    /// As [`Bench::run`], tapped at that minute without a link by desk `d`.
    fn late(&mut self, minute: i64, text: &str) -> Result<Decision, Rejection> {
        self.late_with(minute, text, |context| context)
    }

    fn late_with(
        &mut self,
        minute: i64,
        text: &str,
        with: impl FnOnce(Context) -> Context,
    ) -> Result<Decision, Rejection> {
        self.commands += 1;
        let context = Context {
            late: true,
            device_id: Some(DeviceId::from("d")),
            ..Context::new(CommandId(uuid::Uuid::from_u128(self.commands)), START.plus(minute * MINUTE))
        };
        self.run_in(&with(context), &Command::parse(text).expect("a command"))
    }

    fn release(&mut self, minute: i64, band: &str) -> Decision {
        let id = self.session(band).id;
        self.run_at(START.plus(minute * MINUTE), &Command::Release(id), Catalogue::Now).expect("released")
    }

    fn lend(&mut self, device: &str, places: &[&str]) -> Decision {
        let places = places.iter().map(|id| PlaceId::from(*id)).collect();
        let command = Command::Lend { device_id: DeviceId::from(device), places };
        self.run_at(START, &command, Catalogue::Now).expect("lent")
    }
}

fn verb(verb: &str, band: &str) -> String {
    format!(r#"{{"type":"session.{verb}","barcodeId":"{band}"}}"#)
}

fn playing_since_zero(band: &str) -> Bench {
    let mut bench = Bench::new();
    bench.sell(0, band, "Hour", 1);
    bench.gate(0, "play", band).expect("plays");
    bench
}

#[test]
fn a_pause_from_before_the_release_opens_the_visit_again_with_its_credit() {
    let mut bench = playing_since_zero("B");
    bench.release(65, "B");
    assert_eq!(bench.session("B").status(), Status::Ended);
    let decision = bench.late(40, &verb("pause", "B")).expect("accepted");
    assert_eq!(bench.names, ["session:updated", "session:pause"]);
    assert!(matches!(decision.flags[..], [Flag::Reopened { .. }]));
    let session = bench.session("B");
    assert_eq!((session.status(), session.overstay_ms), (Status::Paused, 0));
    assert_eq!(bench.remaining_minutes(70, "B"), 20, "played 40 of 60");
    let segments: Vec<_> = bench.venue.segments_of(&session.id).collect();
    assert_eq!(segments.len(), 1);
    assert_eq!((segments[0].closed_by, segments[0].left_at), (Some(ClosedBy::Person), Some(START.plus(40 * MINUTE))));
    assert_eq!(bench.venue.playing(), 0);
}

#[test]
fn a_pause_between_the_end_of_credit_and_the_release_ends_the_visit_when_it_was_tapped() {
    let mut bench = playing_since_zero("B");
    bench.release(65, "B");
    bench.late(62, &verb("pause", "B")).expect("accepted");
    assert_eq!(bench.names, ["session:updated", "session:ended"]);
    let session = bench.session("B");
    assert_eq!((session.ended_at, session.overstay_ms), (Some(START.plus(62 * MINUTE)), 2 * MINUTE));
}

#[test]
fn a_top_up_from_before_the_release_keeps_it_in() {
    let mut bench = playing_since_zero("B");
    bench.release(65, "B");
    let id = bench.product("Hour").id;
    let text = format!(r#"{{"type":"session.checkin","barcodeId":"B","products":[{{"id":"{id}","quantity":1}}]}}"#);
    bench.late(50, &text).expect("accepted");
    assert_eq!(bench.session("B").status(), Status::Playing);
    assert_eq!(bench.remaining_minutes(65, "B"), 55);
    assert_eq!(bench.venue.playing(), 1);
}

#[test]
fn what_was_tapped_after_the_release_or_after_a_persons_end_opens_nothing() {
    let mut bench = playing_since_zero("B");
    bench.release(65, "B");
    assert_eq!(bench.late(66, &verb("pause", "B")), Err(Rejection::UnknownBand));
    let mut bench = playing_since_zero("B");
    bench.gate(30, "end", "B").expect("out");
    assert_eq!(bench.late(30, &verb("pause", "B")), Err(Rejection::UnknownBand));
}

#[test]
fn a_wish_that_is_fulfilled_already_changes_nothing_when_it_comes_late() {
    let mut bench = playing_since_zero("B");
    let decision = bench.late(10, &verb("play", "B")).expect("accepted");
    assert_eq!((decision.events.len(), &decision.flags[..]), (0, &[Flag::NoChange][..]));
    bench.gate(20, "pause", "B").expect("pauses");
    assert!(bench.late(21, &verb("pause", "B")).expect("accepted").events.is_empty());
    bench.gate(30, "end", "B").expect("out");
    assert!(bench.late(31, &verb("end", "B")).expect("accepted").events.is_empty());
    assert_eq!(bench.late(31, &verb("end", "NOBODY")), Err(Rejection::UnknownBand));
    assert_eq!(bench.gate(31, "end", "B"), Err(Rejection::UnknownBand), "now, staff must see it");
}

#[test]
fn a_play_whose_credit_is_gone_by_now_is_overstay_and_never_negative() {
    let mut bench = Bench::new();
    let sold = bench.sell(0, "B", "Hour", 1);
    bench.correct(5, &sold, r#""status":"refunded""#).expect("refunded");
    let decision = bench.late(6, &verb("play", "B")).expect("accepted");
    assert_eq!(decision.flags, [Flag::NoCredit]);
    assert_eq!((bench.remaining_minutes(20, "B"), bench.venue.playing()), (0, 1));
    bench.gate(20, "pause", "B").expect("out");
    assert_eq!((bench.session("B").overstay_ms, bench.session("B").played_ms), (14 * MINUTE, 0));
}

fn full(policy: &str) -> Bench {
    let mut bench = Bench::new();
    bench.settings(0, &format!(r#"{{"maxOccupancy":1,"capacityPolicy":"{policy}"}}"#)).expect("changed");
    for band in ["A", "B"] {
        bench.sell(0, band, "Hour", 1);
    }
    bench.gate(0, "play", "A").expect("plays");
    bench
}

#[test]
fn advisory_warns_and_lets_in_what_was_inside_already() {
    let mut bench = full("advisory");
    assert_eq!(bench.gate(1, "play", "B"), Err(Rejection::VenueFull { max: 1, lent: 0 }));
    assert_eq!(bench.late(1, &verb("play", "B")).expect("accepted").flags, [Flag::OverCapacity]);
    assert_eq!(bench.venue.playing(), 2);
}

#[test]
fn strict_lets_nobody_in_without_a_place_however_late_it_comes() {
    let mut bench = full("strict");
    assert_eq!(bench.late(1, &verb("play", "B")), Err(Rejection::VenueFull { max: 1, lent: 0 }));
}

#[test]
fn an_override_is_recorded_with_its_reason() {
    for policy in ["advisory", "strict"] {
        let mut bench = full(policy);
        let force = |context| Context { late: false, force: Some("A birthday".to_owned()), ..context };
        let decision = bench.late_with(1, &verb("play", "B"), force).expect("accepted");
        assert_eq!(decision.flags, [Flag::Forced { reason: "A birthday".to_owned() }]);
    }
}

#[test]
fn lent_places_are_not_free_for_others_and_spent_by_whom_they_are_lent_to() {
    let mut bench = full("strict");
    bench.settings(0, r#"{"maxOccupancy":2}"#).expect("changed");
    bench.lend("d", &["p"]);
    let named = |place: &'static str| move |context| Context { place: Some(PlaceId::from(place)), ..context };
    assert_eq!(bench.gate(1, "play", "B"), Err(Rejection::VenueFull { max: 2, lent: 1 }));
    assert!(bench.late_with(1, &verb("play", "B"), named("other")).is_err());
    let of_another = |context| Context { device_id: Some(DeviceId::from("e")), ..named("p")(context) };
    assert!(bench.late_with(1, &verb("play", "B"), of_another).is_err());
    bench.late_with(1, &verb("play", "B"), named("p")).expect("covered");
    assert_eq!((bench.venue.lent(), bench.venue.playing()), (0, 2));
}

#[test]
fn a_written_off_place_is_free_for_others_and_its_late_play_is_believed() {
    let mut bench = full("strict");
    bench.settings(0, r#"{"maxOccupancy":2}"#).expect("changed");
    bench.lend("d", &["p"]);
    bench.ok(1, r#"{"type":"place.writeOff","lostDeviceId":"d","reason":"It fell into the pool"}"#);
    bench.gate(2, "play", "B").expect("there is room");
    bench.sell(2, "C", "Hour", 1);
    let named = |context| Context { place: Some(PlaceId::from("p")), ..context };
    let decision = bench.late_with(3, &verb("play", "C"), named).expect("accepted");
    assert_eq!(decision.flags, [Flag::PlaceLost]);
    assert_eq!(bench.venue.places().count(), 0);
}

#[test]
fn a_go_on_a_place_of_its_own_holds_when_the_policy_is_another_by_then() {
    let mut bench = full("strict");
    bench.settings(0, r#"{"maxOccupancy":2}"#).expect("changed");
    bench.lend("d", &["p"]);
    bench.settings(1, r#"{"capacityPolicy":"advisory"}"#).expect("changed");
    bench.gate(2, "play", "B").expect("there is room");
    bench.sell(2, "C", "Hour", 1);
    let in_time = |context| Context { place: Some(PlaceId::from("p")), late: false, ..context };
    let decision = bench.late_with(3, &verb("play", "C"), in_time).expect("accepted");
    assert_eq!(decision.flags, [Flag::OverCapacity], "the child is inside");
    assert_eq!(bench.venue.places().count(), 0);
}

#[test]
fn the_youngest_of_its_desks_places_stands_in_for_one_of_another_log() {
    let of_other_log = |context| Context { place: Some(PlaceId::from("lost")), other_log: true, ..context };
    let mut bench = full("strict");
    bench.settings(0, r#"{"maxOccupancy":3}"#).expect("changed");
    bench.lend("d", &["old"]);
    let places = ["a-new", "old"].map(PlaceId::from).into();
    let lend = Command::Lend { device_id: DeviceId::from("d"), places };
    bench.run_at(START.plus(MINUTE), &lend, Catalogue::Now).expect("lent");
    let decision = bench.late_with(2, &verb("play", "B"), of_other_log).expect("covered");
    assert!(decision.flags.is_empty());
    assert_eq!(bench.venue.places().map(|place| place.id.0.as_str()).collect::<Vec<_>>(), ["old"]);
    let mut bench = full("advisory");
    let in_time = |context| Context { late: false, ..of_other_log(context) };
    assert!(bench.late_with(1, &verb("play", "B"), in_time).is_err(), "places mean nothing there");
}

#[test]
fn who_was_inside_in_a_log_that_is_gone_is_inside_however_full_this_one_is() {
    let happened = |context| Context { happened: true, ..context };
    for (policy, max) in [("strict", 1), ("advisory", 1), ("strict", 2)] {
        let mut bench = full(policy);
        bench.settings(0, &format!(r#"{{"maxOccupancy":{max}}}"#)).expect("changed");
        bench.lend("e", &["p"]);
        let decision = bench.late_with(1, &verb("play", "B"), happened).expect("accepted");
        assert_eq!(decision.flags, [Flag::OverCapacity], "{policy}, {max}");
        assert_eq!(bench.venue.playing(), 2);
        assert!(bench.venue.place(&PlaceId::from("p")).is_some(), "nobody else's place is spent");
    }
}

#[test]
fn lending_says_only_what_changes() {
    let mut bench = Bench::new();
    assert_eq!(bench.lend("d", &["p", "q"]).events.len(), 1);
    assert!(bench.lend("d", &["p", "q"]).events.is_empty());
    bench.lend("d", &["q", "r"]);
    let held: Vec<_> = bench.venue.places().map(|place| place.id.0.clone()).collect();
    assert_eq!(held, ["q", "r"]);
}

/// The entry of a refused sale of two hours, in a venue.
fn refused_sale(bench: &mut Bench) -> attention::AttentionRow {
    let id = bench.product("Hour").id;
    let text = format!(r#"{{"type":"session.checkin","barcodeId":"B","products":[{{"id":"{id}","quantity":2}}]}}"#);
    let (wire, command) = (serde_json::from_str(&text).expect("JSON"), Command::parse(&text).expect("a command"));
    let context = Context::new(CommandId(uuid::Uuid::from_u128(7_000)), START);
    let tapped = Tapped {
        wire: Some(&wire),
        command: Some(&command),
        context: &context,
        occurred_at: Some(START),
        arrived: START.plus(MINUTE),
    };
    let entry = attention::of_rejection(&bench.venue, tapped, &Rejection::TooOld);
    bench.venue.apply(&[Change::put(Row::Attention(Box::new(entry.clone())))]);
    entry
}

#[test]
fn money_of_a_refused_sale_can_be_recorded_once() {
    let mut bench = Bench::new();
    let entry = refused_sale(&mut bench);
    assert_eq!((entry.money_minor.0, entry.credit_ms), (2_500, 120 * MINUTE));
    assert_eq!(entry.choices(), [AttentionAction::Redo, AttentionAction::Correct, AttentionAction::Dismiss]);
    let text = format!(r#"{{"type":"attention.resolve","entryId":"{}","action":"correct","reason":"cash"}}"#, entry.id);
    bench.ok(2, &text);
    let stats = bench.venue.dashboard_stats(START.plus(3 * MINUTE));
    assert_eq!(serde_json::to_value(stats).expect("JSON")["todayRevenue"], 25);
    assert_eq!(bench.venue.attention().count(), 0);
    assert_eq!(bench.run(3, &text), Err(Rejection::UnknownEntry));
    bench.run_at(START.plus(3 * DAY_MS), &Command::DayChange, Catalogue::Now).expect("a day change");
    assert_eq!(bench.venue.corrections().count(), 0, "it ages out of the sync set like the rest of its day");
}

/// The entry of this command, refused.
fn refused(bench: &Bench, text: &str) -> attention::AttentionRow {
    let (wire, command) = (serde_json::from_str(text).expect("JSON"), Command::parse(text).expect("a command"));
    let context = Context::new(CommandId(uuid::Uuid::from_u128(7_100)), START);
    let (occurred_at, arrived) = (Some(START), START);
    let tapped = Tapped { wire: Some(&wire), command: Some(&command), context: &context, occurred_at, arrived };
    attention::of_rejection(&bench.venue, tapped, &Rejection::TooOld)
}

/// A sale of as many lines as one may have, each on a band whose name takes as much room as one can.
fn largest_sale(bench: &Bench) -> serde_json::Value {
    let (hour, wide) = (bench.product("Hour").id, "\u{2070e}".repeat(62));
    let lines: Vec<_> = (0..crate::command::LINES_MAX)
        .map(|n| json!({ "barcodeId": format!("{wide}{n:02}"), "productId": hour, "quantity": 999 }))
        .collect();
    json!({ "type": "sale.create", "lines": lines, "payment": "\u{2070e}".repeat(crate::command::NAME_MAX_CHARS) })
}

#[test]
fn the_largest_sale_is_kept_whole_in_its_entry_and_can_be_done_again() {
    let bench = Bench::new();
    let sale = largest_sale(&bench);
    assert!(sale.to_string().len() > 10 << 10, "it is large: {}", sale.to_string().len());
    let entry = refused(&bench, &sale.to_string());
    assert_eq!(entry.command.as_ref(), Some(&sale), "nothing of it is missing");
    assert_eq!(entry.choices(), [AttentionAction::Redo, AttentionAction::Correct, AttentionAction::Dismiss]);
    assert_eq!((entry.money_minor.0, entry.credit_ms), (30 * 999 * 1_250, 30 * 999 * 60 * MINUTE));
    let again = Command::parse(&entry.command.expect("kept").to_string()).expect("what is offered can be done");
    assert_eq!(Ok(again), Command::parse(&sale.to_string()));
}

#[test]
fn what_an_entry_has_no_room_for_is_not_offered_to_be_done_again_and_its_money_is_known() {
    let bench = Bench::new();
    let mut sale = largest_sale(&bench);
    // What a newer desk says beside it, up to the last byte that an entry holds.
    sale["remark"] = json!("");
    sale["remark"] = json!("x".repeat((16 << 10) - sale.to_string().len()));
    assert_eq!(refused(&bench, &sale.to_string()).choices()[0], AttentionAction::Redo);
    sale["remark"] = json!(format!("{}x", sale["remark"].as_str().expect("text")));
    let entry = refused(&bench, &sale.to_string());
    assert_eq!(entry.command, Some(json!({ "type": "sale.create" })), "what it was");
    assert_eq!(entry.choices(), [AttentionAction::Correct, AttentionAction::Dismiss]);
    assert_eq!(entry.money_minor.0, 30 * 999 * 1_250, "what it means was known before");
    let unreadable = attention::AttentionRow { command: Some(json!({ "type": "session.levitate" })), ..entry };
    assert_eq!(unreadable.choices(), [AttentionAction::Correct, AttentionAction::Dismiss], "what nobody understands");
}

#[test]
fn a_sale_at_another_time_value_is_flagged_and_says_how_much_time_it_means() {
    let mut bench = Bench::new();
    let old = bench.product("Hour");
    bench.ok(
        1,
        &format!(r#"{{"type":"product.update","productId":"{}","changes":{{"timeValueSeconds":1800}}}}"#, old.id),
    );
    assert_eq!(bench.product("Hour").price_minor, old.price_minor, "the price is the same");
    let text =
        format!(r#"{{"type":"session.checkin","barcodeId":"B-1","products":[{{"id":"{}","quantity":2}}]}}"#, old.id);
    let (wire, sale) = (serde_json::from_str(&text).expect("JSON"), Command::parse(&text).expect("a command"));
    let catalogue = Catalogue::AsOf(BTreeMap::from([(old.id.clone(), Some(old.clone()))]));
    let id = CommandId(uuid::Uuid::from_u128(7_200));
    let context = Context { catalogue, ..Context::new(id, START.plus(2 * MINUTE)) };
    let decision = bench.run_in(&context, &sale).expect("never refused for that");
    assert_eq!(decision.flags, [Flag::PriceChanged { product_id: old.id.clone() }]);
    assert_eq!(bench.session("B-1").credit_ms, 120 * MINUTE, "what the guest was told");
    let (occurred_at, arrived) = (Some(START), START.plus(2 * MINUTE));
    let tapped = Tapped { wire: Some(&wire), command: Some(&sale), context: &context, occurred_at, arrived };
    let entry = attention::of_flags(&bench.venue, tapped, &decision.flags).expect("somebody is told");
    assert_eq!((entry.money_minor.0, entry.credit_ms), (0, 60 * MINUTE));
    // As it is sold today nobody need know.
    assert_eq!(bench.run_at(START.plus(3 * MINUTE), &sale, Catalogue::Now).expect("sold").flags, []);
}

#[test]
fn an_entry_is_closed_with_a_reason_only() {
    let text = |fields: &str| format!(r#"{{"type":"attention.resolve","entryId":"e",{fields}}}"#);
    for bad in [r#""action":"dismiss""#, r#""action":"dismiss","reason":"  ""#, r#""action":"redo""#, r#""action":"x""#]
    {
        assert!(Command::parse(&text(bad)).is_err(), "{bad}");
    }
    let mut bench = Bench::new();
    bench.ok(0, r#"{"type":"attention.raise","kind":"clockStep","message":"an hour"}"#);
    let id = bench.venue.attention().next().expect("an entry").id.clone();
    let act = |fields: &str| format!(r#"{{"type":"attention.resolve","entryId":"{id}",{fields}}}"#);
    assert!(matches!(bench.run(1, &act(r#""action":"correct","reason":"x""#)), Err(Rejection::Invalid { .. })));
    bench.ok(1, &act(r#""action":"dismiss","reason":"the battery was new""#));
}

#[test]
fn what_was_noticed_is_said_in_a_sentence_and_for_programs() {
    let mut bench = Bench::new();
    let raise = Noticed::of_desk_clock(-3_600_400).raise_wire(None);
    bench.ok(0, &raise.to_string());
    let entry = bench.venue.attention().next().expect("an entry");
    let row = serde_json::to_value(entry).expect("JSON");
    assert_eq!((&row["code"], &row["params"]), (&json!("desk_clock_back"), &json!({ "seconds": 3_600 })));
    assert!(entry.message.as_deref().is_some_and(|text| text.contains("3600 s back")), "{entry:?}");
    assert_eq!(serde_json::from_value::<attention::AttentionRow>(row).expect("a row"), *entry);
    assert_eq!(Command::parse(&raise.to_string()).expect("read"), Noticed::of_desk_clock(-3_600_400).raise(None));
}

#[test]
fn a_remark_of_a_newer_version_is_kept_and_one_without_bounds_refused() {
    let raise = |more: &str| format!(r#"{{"type":"attention.raise","kind":"clockStep","message":"m"{more}}}"#);
    let mut bench = Bench::new();
    bench.ok(0, &raise(r#","code":"moon_full","params":{"phase":4}"#));
    let row = serde_json::to_value(bench.venue.attention().next().expect("an entry")).expect("JSON");
    assert_eq!((&row["code"], &row["params"]["phase"]), (&json!("moon_full"), &json!(4)));
    let (long, deep) = ("x".repeat(65), format!(r#","code":"x","params":{{"p":"{}"}}"#, "y".repeat(1_024)));
    for bad in [r#","code":"""#, r#","code":"Moon full""#, &format!(r#","code":"{long}""#), &deep] {
        assert!(Command::parse(&raise(bad)).is_err(), "{bad}");
    }
    bench.ok(1, &raise(""));
    let plain = bench.venue.attention().map(|row| serde_json::to_value(row).expect("JSON"));
    assert_eq!(plain.filter(|row| row.get("code").is_none()).count(), 1, "an old desk's row stays as it was");
}

#[test]
fn everyday_flags_need_nobody() {
    let bench = Bench::new();
    let context = Context::new(CommandId(uuid::Uuid::from_u128(1)), START);
    let tapped = Tapped { wire: None, command: None, context: &context, occurred_at: None, arrived: START };
    let none = [Flag::NoChange, Flag::TimeClamped { by_ms: -1_900 }, Flag::TimeClamped { by_ms: 1_900 }];
    assert_eq!(attention::of_flags(&bench.venue, tapped, &none), None);
    let some = attention::of_flags(&bench.venue, tapped, &[Flag::NoChange, Flag::TimeClamped { by_ms: -9_000 }]);
    assert_eq!(some.map(|row| row.flags), Some(vec![Flag::TimeClamped { by_ms: -9_000 }]));
}

#[test]
fn a_place_that_was_written_off_stays_so_until_its_desk_gives_it_up() {
    let mut bench = Bench::new();
    bench.lend("d", &["p", "q"]);
    bench.ok(1, r#"{"type":"place.writeOff","lostDeviceId":"d","reason":"It fell into the pool"}"#);
    bench.lend("d", &["p", "r"]);
    let held: Vec<_> = bench.venue.places().map(|place| (place.id.0.clone(), place.written_off)).collect();
    assert_eq!(held, [("p".to_owned(), true), ("r".to_owned(), false)]);
    assert_eq!(bench.venue.lent(), 1);
}
