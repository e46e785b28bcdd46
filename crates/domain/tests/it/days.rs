//! The day's metrics, curves and queue.

use gangway_domain::{
    curves::day_series,
    performance::metrics,
    queue::display_queue,
    time::{Millis, VenueTime},
};

use super::venue::{Driven, START};

const MINUTE: Millis = 60_000;

fn at(minute: i64) -> VenueTime {
    START.plus(minute * MINUTE)
}

fn day() -> Driven {
    let mut driven = Driven::new();
    for (minute, band) in [(0, "A"), (0, "B"), (10, "C")] {
        driven.sell(at(minute), band, 0, 1).expect("a sale");
    }
    driven.gate(at(10), "play", "A").expect("a free place");
    driven.gate(at(20), "play", "B").expect("a free place");
    driven.gate(at(30), "pause", "A").expect("it plays");
    driven.gate(at(30), "play", "C").expect("a free place");
    driven.gate(at(40), "end", "B").expect("it is here");
    driven
}

#[test]
fn metrics_follow_their_formulas() {
    let driven = day();
    let now = at(50);
    let found = metrics(&driven.venue, now);
    assert_eq!(found.average_wait_time, (10 + 20 + 20) * 60 / 3);
    assert_eq!(
        (found.total_completed_sessions, found.average_play_time, found.average_session_duration),
        (1, 20 * 60, 40 * 60)
    );
    assert_eq!(found.total_play_time_consumed, (20 + 20 + 20) * 60);
    assert_eq!(found.peak_occupancy, 2, "A leaves at the moment at which C enters");
}

#[test]
fn credit_used_up_counts_as_completed_before_the_release() {
    let driven = day();
    let found = metrics(&driven.venue, at(92));
    assert_eq!((found.total_completed_sessions, found.average_play_time), (2, (20 + 60) / 2 * 60));
    assert_eq!(found.total_play_time_consumed, (20 + 20 + 60) * 60, "overstay is not played time");
}

#[test]
fn the_peak_is_of_today_and_not_of_a_busier_yesterday() {
    let mut driven = Driven::new();
    for band in ["A", "B"] {
        driven.sell(START, band, 0, 1).expect("a sale");
        driven.gate(START, "play", band).expect("a free place");
    }
    for band in ["A", "B"] {
        driven.gate(at(10), "end", band).expect("it is here");
    }
    let today = driven.venue.settings().day_rules().day_of(START).end;
    assert_eq!(metrics(&driven.venue, today).peak_occupancy, 0);
    driven.sell(today, "C", 0, 1).expect("a sale");
    driven.gate(today, "play", "C").expect("a free place");
    assert_eq!(metrics(&driven.venue, today.plus(MINUTE)).peak_occupancy, 1);
    let quarters = day_series(&driven.venue, today.plus(20 * MINUTE)).occupancy_by_quarter_hour;
    assert_eq!(quarters.iter().map(|quarter| quarter.peak).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn the_occupancy_rate_is_what_was_played_of_what_could_have_been() {
    let mut driven = Driven::new();
    let start = driven.venue.settings().day_rules().day_of(START).end;
    driven.run(start, r#"{"type":"settings.update","changes":{"maxOccupancy":2}}"#).expect("within bounds");
    driven.sell(start, "A", 0, 10).expect("a sale");
    let rate = |driven: &Driven, minute: i64| metrics(&driven.venue, start.plus(minute * MINUTE)).daily_occupancy_rate;
    assert_eq!(rate(&driven, 0), 0, "no time has passed");
    driven.gate(start, "play", "A").expect("a free place");
    assert_eq!(rate(&driven, 10), 50);
    driven.gate(start.plus(10 * MINUTE), "pause", "A").expect("it plays");
    assert_eq!(rate(&driven, 20), 25);
}

#[test]
fn an_overdue_band_counts_for_the_peak_also_after_it_was_released() {
    let mut driven = Driven::new();
    for band in ["A", "B"] {
        driven.sell(START, band, 0, 1).expect("a sale");
    }
    driven.gate(START, "play", "A").expect("a free place");
    driven.gate(at(62), "play", "B").expect("a free place");
    assert_eq!(metrics(&driven.venue, at(63)).peak_occupancy, 2);
    let overdue = driven.venue.sessions().find(|session| session.is_overdue(at(65))).expect("A is").id.clone();
    driven.decide(at(65), &gangway_domain::command::Command::Release(overdue)).expect("it is due");
    assert_eq!(metrics(&driven.venue, at(66)).peak_occupancy, 2, "it was there until 65");
    assert_eq!(metrics(&driven.venue, at(66)).total_play_time_consumed, 64 * 60, "but did not play on");
}

#[test]
fn an_empty_day_is_all_zero() {
    let found = serde_json::to_value(metrics(&Driven::new().venue, at(1))).expect("JSON");
    assert!(
        found.as_object().is_some_and(|found| found.len() == 7 && found.values().all(|value| value == 0)),
        "{found}"
    );
}

#[test]
fn play_is_cut_at_the_days_edges() {
    let mut driven = Driven::new();
    driven.sell(START, "A", 0, 24).expect("a sale");
    driven.gate(START, "play", "A").expect("a free place");
    let next_day = driven.venue.settings().day_rules().day_of(START).end;
    let found = metrics(&driven.venue, next_day.plus(10 * MINUTE));
    assert_eq!((found.total_play_time_consumed, found.peak_occupancy, found.average_wait_time), (600, 1, 0));
    assert_eq!(metrics(&driven.venue, next_day.plus(-1)).average_wait_time, 0);
}

#[test]
fn curves_reach_from_the_days_start_to_now() {
    let driven = day();
    let now = at(50);
    let series = day_series(&driven.venue, now);
    let start = driven.venue.settings().day_rules().day_of(now).start;
    assert_eq!(series.day_start, start.to_iso());
    let hours = usize::try_from(now.since(start) / (60 * MINUTE) + 1).expect("a few");
    assert_eq!(series.revenue_by_hour.len(), hours);
    assert_eq!(
        series.occupancy_by_quarter_hour.len(),
        usize::try_from(now.since(start) / (15 * MINUTE) + 1).expect("a few")
    );
    let sold: f64 = series.revenue_by_hour.iter().filter_map(|hour| hour.revenue.as_f64()).sum();
    assert!((sold - 37.5).abs() < f64::EPSILON, "the hours add up to the day's money");
    let most = series.occupancy_by_quarter_hour.iter().map(|quarter| quarter.peak).max();
    assert_eq!(most, Some(2));
    assert_eq!(series.occupancy_by_quarter_hour.first().map(|quarter| quarter.peak), Some(0));
    let busy = series.occupancy_by_quarter_hour.iter().filter(|quarter| quarter.peak > 0).count();
    assert!((3..=4).contains(&busy), "from the first play to now, and not before: {busy}");
}

#[test]
fn the_queue_is_waiting_by_check_in_then_paused_by_pause() {
    let mut driven = Driven::new();
    for (minute, band) in [(0, "P1"), (0, "P2"), (1, "PLAYS"), (2, "SOON"), (5, "W1"), (6, "W2")] {
        driven.sell(at(minute), band, 0, 1).expect("a sale");
    }
    driven.sell(at(7), "EXTRAS", 2, 1).expect("a sale");
    for band in ["P1", "P2"] {
        driven.gate(at(8), "play", band).expect("a free place");
    }
    driven.gate(at(9), "pause", "P2").expect("it plays");
    driven.gate(at(10), "pause", "P1").expect("it plays");
    driven.gate(at(12), "play", "SOON").expect("a free place");
    driven.gate(at(14), "play", "PLAYS").expect("a free place");
    driven.sell(at(20), "P1", 0, 1).expect("a top-up moves nobody");
    driven.sell(at(21), "W2", 0, 1).expect("a top-up moves nobody");
    let queue = display_queue(&driven.venue, at(30));
    let bands = |list: &[gangway_domain::wire::player_session::PlayerSession]| {
        list.iter().map(|session| session.barcode_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(bands(&queue.next), ["W1", "W2", "P2", "P1"]);
    assert_eq!(bands(&queue.in_flight), ["SOON", "PLAYS"]);
    for index in 0..20 {
        driven.sell(at(40 + index), &format!("N{index:02}"), 0, 1).expect("a sale");
    }
    assert_eq!(display_queue(&driven.venue, at(70)).next.len(), 15);
}
