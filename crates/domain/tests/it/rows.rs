//! Rows come and go: what is looked up in them follows.

use gangway_domain::{
    ids::{SegmentId, SessionId, TransactionId},
    rows::{Change, Collection, Row},
    time::{DAY_MS, VenueTime},
    venue::{NoSettings, Venue},
};

use super::venue::{Driven, START};

/// A band that played twice, with a corrected sale.
fn played() -> Driven {
    let mut driven = Driven::new();
    driven.sell(START, "A", 0, 2).expect("a sale");
    for minute in [1, 3] {
        driven.gate(START.plus(minute * 60_000), "play", "A").expect("a free place");
        driven.gate(START.plus((minute + 1) * 60_000), "pause", "A").expect("it plays");
    }
    let line = driven.venue.transactions().next().expect("a line").id.clone();
    let text = format!(r#"{{"type":"transaction.correct","transactionId":"{line}","quantity":1,"reason":"r"}}"#);
    driven.run(START.plus(600_000), &text).expect("it stands");
    driven
}

fn gone(row: &Row) -> Change {
    Change::gone(row.collection(), row.id())
}

#[test]
fn each_row_is_found_by_its_collection_and_id_and_gone_when_it_left() {
    let mut driven = played();
    let rows: Vec<Row> = driven.venue.rows().collect();
    assert_eq!(rows.len(), 1 + 3 + 1 + 2 + 1 + 1, "settings, products, a visit, its segments, a line, a correction");
    for row in &rows {
        assert_eq!(driven.venue.row(row.collection(), row.id()).as_ref(), Some(row));
        assert_eq!(driven.venue.row(row.collection(), "none"), None);
    }
    for (index, row) in rows.iter().enumerate().skip(1) {
        driven.venue.apply(&[gone(row)]);
        assert_eq!(driven.venue.row(row.collection(), row.id()), None);
        for other in &rows[index + 1..] {
            assert_eq!(driven.venue.row(other.collection(), other.id()).as_ref(), Some(other), "only that row left");
        }
    }
    assert_eq!(driven.venue.rows().count(), 1, "a venue keeps its settings");
    driven.venue.apply(&[gone(&rows[0])]);
    assert_eq!(driven.venue.rows().count(), 1);
}

#[test]
fn one_row_of_several_leaves_alone() {
    let mut driven = played();
    let session = driven.venue.sessions().next().expect("a visit").id.clone();
    let segments: Vec<SegmentId> = driven.venue.segments_of(&session).map(|segment| segment.id.clone()).collect();
    driven.venue.apply(&[Change::gone(Collection::Segments, segments[0].as_str())]);
    let left: Vec<_> = driven.venue.segments_of(&session).map(|segment| segment.id.clone()).collect();
    assert_eq!(left, segments[1..]);
    assert_eq!(driven.venue.segment(&segments[0]), None);
    assert_eq!(driven.venue.segment(&segments[1]).map(|segment| &segment.id), Some(&segments[1]));
    let line = driven.venue.transactions().next().expect("a line").id.clone();
    let text = format!(r#"{{"type":"transaction.correct","transactionId":"{line}","quantity":3,"reason":"r"}}"#);
    driven.run(START.plus(700_000), &text).expect("it stands");
    let corrections: Vec<_> = driven.venue.corrections_of(&line).map(|row| row.id.clone()).collect();
    driven.venue.apply(&[Change::gone(Collection::Corrections, corrections[0].as_str())]);
    let left: Vec<_> = driven.venue.corrections_of(&line).map(|row| row.id.clone()).collect();
    assert_eq!(left, corrections[1..]);
    assert_eq!(driven.venue.corrections_of(&TransactionId::from("none")).count(), 0);
    assert_eq!(driven.venue.transactions_of(&SessionId::from("none")).count(), 0);
}

#[test]
fn a_slice_says_how_many_play_and_whether_anything_was_sold() {
    let driven = played();
    let mut slice = Venue::new(driven.venue.settings().clone());
    assert!(!slice.sold());
    slice.set_playing(7);
    slice.set_sold(true);
    assert_eq!((slice.playing(), slice.sold()), (7, true));
    assert!(driven.venue.sold(), "the whole venue knows it by its lines");
    assert!(matches!(Venue::from_rows(Vec::new()), Err(NoSettings)));
}

#[test]
fn kept_totals_are_of_the_day_that_is_asked_for() {
    let mut driven = played();
    driven.venue.keep_totals(START);
    let tomorrow = VenueTime(START.0 + DAY_MS);
    assert_eq!(driven.venue.dashboard_stats(START).today_revenue.to_string(), "12.5");
    assert_eq!(driven.venue.dashboard_stats(tomorrow).today_revenue.to_string(), "0");
    driven.venue.keep_totals(tomorrow);
    assert_eq!(driven.venue.dashboard_stats(tomorrow).today_revenue.to_string(), "0");
    assert_eq!(driven.venue.dashboard_stats(START).today_revenue.to_string(), "12.5", "yesterday is counted again");
    let line: Vec<Row> = driven.venue.transactions().cloned().map(Row::Transaction).collect();
    driven.venue.keep_totals(START);
    driven.venue.apply(&[gone(&line[0])]);
    let stats = driven.venue.dashboard_stats(START);
    assert_eq!(
        (stats.total_transactions, stats.today_revenue.to_string()),
        (0, "-12.5".to_owned()),
        "the correction stands"
    );
    let correction: Vec<Row> = driven.venue.corrections().cloned().map(Row::Correction).collect();
    driven.venue.apply(&[gone(&correction[0])]);
    let stats = driven.venue.dashboard_stats(START);
    assert_eq!((stats.today_revenue.to_string().as_str(), stats.top_products.len()), ("0", 0));
}
