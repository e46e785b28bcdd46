//! Laws that hold after any sequence of sell, play, pause, out, refund, expiry and day change.

use gangway_domain::{
    command::Command,
    figures::{DashboardStats, DayTotals},
    hash::StateHash,
    rows::{Change, Row},
    settings::SettingsRow,
    time::{Millis, VenueTime},
    venue::Venue,
};
use proptest::prelude::*;

use super::venue::{Driven, START};

#[derive(Clone, Debug)]
enum Op {
    Sell { band: u8, product: usize, quantity: u32 },
    Gate { band: u8, verb: &'static str },
    Late { band: u8, verb: &'static str, ago_ms: Millis },
    LateSale { band: u8, product: usize, ago_ms: Millis },
    Correct { line: usize, quantity: u32 },
    Refund { line: usize },
    Places { max: u32 },
    Release,
    DayChange,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..5_u8, 0..3_usize, 1..4_u32).prop_map(|(band, product, quantity)| Op::Sell { band, product, quantity }),
        8 => (0..5_u8, prop_oneof![4 => Just("play"), 3 => Just("pause"), 1 => Just("end")])
            .prop_map(|(band, verb)| Op::Gate { band, verb }),
        4 => (0..5_u8, prop_oneof![Just("play"), Just("pause"), Just("end")], 0..5_000_000_i64)
            .prop_map(|(band, verb, ago_ms)| Op::Late { band, verb, ago_ms }),
        2 => (0..5_u8, 0..3_usize, 0..5_000_000_i64)
            .prop_map(|(band, product, ago_ms)| Op::LateSale { band, product, ago_ms }),
        1 => (0..40_usize, 1..6_u32).prop_map(|(line, quantity)| Op::Correct { line, quantity }),
        1 => (0..40_usize).prop_map(|line| Op::Refund { line }),
        1 => (1..5_u32).prop_map(|max| Op::Places { max }),
        2 => Just(Op::Release),
        1 => Just(Op::DayChange),
    ]
}

/// What is done, and how long after the one before; mostly seconds, now and then a day.
fn script() -> impl Strategy<Value = Vec<(Op, Millis)>> {
    let pause = prop_oneof![6 => 0..20_000_i64, 3 => 0..4_000_000_i64, 1 => 0..100_000_000_i64];
    prop::collection::vec((op(), pause), 1..60)
}

fn perform(driven: &mut Driven, now: VenueTime, op: &Op) {
    let line = |index: usize| {
        let mut ids: Vec<_> = driven.venue.transactions().map(|row| row.id.clone()).collect();
        ids.sort();
        ids.get(index % ids.len().max(1)).map_or("none".to_owned(), |id| id.0.clone())
    };
    // Every outcome is a right one here; what counts is what stands afterwards.
    let _ = match op {
        Op::Sell { band, product, quantity } => driven.sell(now, &format!("B{band}"), *product, *quantity),
        Op::Gate { band, verb } => driven.gate(now, verb, &format!("B{band}")),
        Op::Late { band, verb, ago_ms } => {
            let text = format!(r#"{{"type":"session.{verb}","barcodeId":"B{band}"}}"#);
            driven.late(now.plus(-ago_ms), now, &text)
        }
        Op::LateSale { band, product, ago_ms } => {
            let id = driven.products[*product].clone();
            let products = format!(r#"[{{"id":"{id}","quantity":1}}]"#);
            let text = format!(r#"{{"type":"session.checkin","barcodeId":"B{band}","products":{products}}}"#);
            driven.late(now.plus(-ago_ms), now, &text)
        }
        Op::Correct { line: index, quantity } => {
            let id = line(*index);
            driven.run(
                now,
                &format!(
                    r#"{{"type":"transaction.correct","transactionId":"{id}","quantity":{quantity},"reason":"r"}}"#
                ),
            )
        }
        Op::Refund { line: index } => {
            let id = line(*index);
            driven.run(
                now,
                &format!(r#"{{"type":"transaction.correct","transactionId":"{id}","status":"refunded","reason":"r"}}"#),
            )
        }
        Op::Places { max } => {
            driven.run(now, &format!(r#"{{"type":"settings.update","changes":{{"maxOccupancy":{max}}}}}"#))
        }
        Op::Release => {
            let overdue =
                driven.venue.sessions().find(|session| session.is_overdue(now)).map(|session| session.id.clone());
            let Some(id) = overdue else { return };
            driven.decide(now, &Command::Release(id))
        }
        Op::DayChange => driven.decide(now, &Command::DayChange),
    };
}

fn check_credit(venue: &Venue, now: VenueTime) {
    for session in venue.sessions() {
        let bought: Millis = venue
            .transactions_of(&session.id)
            .map(|line| {
                let corrected: Millis = venue.corrections_of(&line.id).map(|row| row.credit_ms).sum();
                line.unit_time_ms.unwrap_or(0) * Millis::from(line.original_quantity) + corrected
            })
            .sum();
        assert_eq!(session.credit_ms, bought, "credit is what was bought, less what was taken back");
        let closed: Millis = venue
            .segments_of(&session.id)
            .filter_map(|segment| segment.ended_at.map(|end| end.since(segment.started_at)))
            .sum();
        assert_eq!(session.played_ms, closed, "played time is the sum of closed segments");
        assert!(session.played_at(now) <= session.credit_ms, "nobody plays more than was bought");
        if session.is_live() {
            assert_eq!(session.remaining_ms(now) + session.played_at(now), session.credit_ms, "no credit is lost");
        }
        let open = venue.segments_of(&session.id).filter(|segment| segment.ended_at.is_none()).count();
        assert_eq!(open, usize::from(session.open_segment.is_some()), "one open segment while it plays");
    }
}

fn check_money(venue: &Venue) {
    for line in venue.transactions() {
        let corrected: i64 = venue.corrections_of(&line.id).map(|row| row.amount_minor.0).sum();
        assert_eq!(
            line.total_price_minor.0,
            line.original_total_price_minor.0 + corrected,
            "what stands is what was sold, corrected"
        );
        assert_eq!(line.total_price_minor.0, line.unit_price_minor.0 * i64::from(line.quantity));
    }
}

fn check_places(venue: &Venue) {
    let playing = venue.sessions().filter(|session| session.open_segment.is_some()).count();
    assert_eq!(usize::try_from(venue.playing()), Ok(playing), "occupancy is who plays");
    let mut live: Vec<_> =
        venue.sessions().filter(|session| session.is_live()).map(|session| &session.barcode_id).collect();
    let all = live.len();
    live.sort();
    live.dedup();
    assert_eq!(live.len(), all, "a band has at most one live visit");
}

fn hash(venue: &Venue) -> String {
    StateHash::of_rows(venue.rows()).expect("rows are JSON").to_hex()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn credit_money_and_places_add_up_after_anything(script in script()) {
        let mut driven = Driven::new();
        let mut now = START;
        for (op, after) in &script {
            now = now.plus(*after);
            driven.venue.keep_totals(now);
            perform(&mut driven, now, op);
            check_credit(&driven.venue, now);
            check_money(&driven.venue);
            check_places(&driven.venue);
            let day = driven.venue.settings().day_rules().day_of(now);
            let recount = DashboardStats::of(&driven.venue, &DayTotals::count(&driven.venue, day));
            prop_assert_eq!(driven.venue.dashboard_stats(now), recount, "kept figures are what a recount gives");
        }
    }

    #[test]
    fn replaying_the_log_gives_the_same_state(script in script()) {
        let mut driven = Driven::new();
        let mut now = START;
        for (op, after) in &script {
            now = now.plus(*after);
            perform(&mut driven, now, op);
        }
        let mut replayed = Venue::new(SettingsRow::new("Park", START));
        for changes in &driven.log {
            // As it comes over the wire, and twice: applying is idempotent.
            let text = serde_json::to_string(changes).expect("changes are JSON");
            let changes: Vec<Change> = serde_json::from_str(&text).expect("changes are read back");
            replayed.apply(&changes);
            replayed.apply(&changes);
        }
        prop_assert_eq!(hash(&replayed), hash(&driven.venue));
        let reloaded = Venue::from_rows(driven.venue.rows().collect::<Vec<Row>>()).expect("settings are there");
        prop_assert_eq!(hash(&reloaded), hash(&driven.venue));
        prop_assert_eq!(reloaded.playing(), driven.venue.playing());
        prop_assert_eq!(reloaded.dashboard_stats(now), driven.venue.dashboard_stats(now));
    }
}
