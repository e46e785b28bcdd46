//! The day change: what ends, what leaves the sync set, what comes back (`sync.md` rules 4 and 23).

use gangway_domain::{command::Command, event::EventName, hash::StateHash, ids::fixed_command_id, time::DAY_MS};
use gangway_server::{dispatcher::mirror::Mirror, execute::Request};
use serde_json::{Value, json};

use crate::support::parts::Bench;

fn change_day(bench: &mut Bench) -> usize {
    let mut times = 0;
    loop {
        let seq = bench.head().seq;
        let request = Request::clock(fixed_command_id(&format!("day/{seq}")), Command::DayChange);
        if !bench.run(&request).logged {
            return times;
        }
        times += 1;
        assert!(times < 50, "the day change never ends");
    }
}

fn check_hash(bench: &Bench) {
    let rows = bench.view(|view| Mirror::load(view).expect("rows")).venue;
    assert_eq!(StateHash::of_rows(rows.rows()).expect("rows"), bench.head().state_hash);
}

#[test]
fn credit_that_was_not_played_ends_with_the_day() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    bench.sell("B-1", &hour);
    assert_eq!(change_day(&mut bench), 0, "nothing to do on the same day, and nothing logged");
    bench.clock.pass(DAY_MS);
    assert_eq!(change_day(&mut bench), 1);
    let events = bench.view(|view| view.events_after(0, 100).expect("events"));
    let ended: Vec<_> = events.iter().filter(|event| event.name == EventName::SessionEnded).collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].command_id, None, "nobody gave the command");
    let play = bench.give(json!({ "type": "session.play", "barcodeId": "B-1" }));
    assert_eq!(play.name(), "rejected");
    check_hash(&bench);
}

#[test]
fn old_visits_leave_the_sync_set_by_an_event_that_stock_clients_do_not_see() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    for band in 0..450 {
        bench.sell(&format!("B-{band}"), &hour);
    }
    bench.clock.pass(DAY_MS);
    change_day(&mut bench);
    let full = bench.head().full_seq;
    for _ in 0..3 {
        bench.clock.pass(DAY_MS);
        change_day(&mut bench);
    }
    let rows = bench.view(|view| Mirror::load(view).expect("rows")).venue;
    assert_eq!(rows.sessions().count() + rows.transactions().count(), 0, "everything old has left");
    assert_eq!(rows.products().count(), 1, "the catalogue stays");
    let head = bench.head();
    assert_eq!(head.full_seq, full, "rows that age out are nothing that a stock client sees");
    assert!(head.seq > full);
    check_hash(&bench);
    let product = json!({ "type": "product.update", "productId": hour, "changes": { "price": 3 } });
    bench.accept(product);
    let last = bench.view(|view| view.events_after(head.seq, 10).expect("events")).pop().expect("the update");
    assert_eq!(last.prev_full, full, "prev names what the room saw before, not the event before");
}

#[test]
fn a_band_of_an_earlier_day_that_has_nothing_left_begins_a_new_visit_whatever_the_ids() {
    let mut bench = Bench::new();
    let socks = bench.product(2.0, None);
    let bands: Vec<String> = (0..24).map(|band| format!("B-{band}")).collect();
    bands.iter().for_each(|band| drop(bench.sell(band, &socks)));
    // The day changes, and nobody has done so yet.
    bench.clock.pass(DAY_MS);
    for band in &bands {
        let sold = bench.sell(band, &socks);
        assert_eq!(sold["playerSession"]["status"], "waiting", "{band}");
    }
    check_hash(&bench);
}

#[test]
fn a_correction_of_an_old_sale_brings_its_whole_visit_back() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let sold = bench.sell("B-1", &hour);
    bench.sell("B-1", &hour);
    bench.accept(json!({ "type": "session.play", "barcodeId": "B-1" }));
    bench.clock.pass(60_000);
    bench.accept(json!({ "type": "session.end", "barcodeId": "B-1" }));
    for _ in 0..3 {
        bench.clock.pass(DAY_MS);
        change_day(&mut bench);
    }
    let line: &Value = &sold["transactions"][0]["id"];
    bench.accept(
        json!({ "type": "transaction.correct", "transactionId": line, "status": "refunded", "reason": "late" }),
    );
    let rows = bench.view(|view| Mirror::load(view).expect("rows")).venue;
    let session = rows.sessions().next().expect("the visit is back").id.clone();
    assert_eq!(rows.transactions_of(&session).count(), 2, "with both lines");
    assert_eq!(rows.segments_of(&session).count(), 1, "and its play");
    check_hash(&bench);
    let now = gangway_server::clock::Clock::now(bench.clock.as_ref());
    let stats = serde_json::to_value(rows.dashboard_stats(now)).expect("JSON");
    assert_eq!(stats["todayRevenue"], json!(-10), "the refund counts on the day on which it was made");
}
