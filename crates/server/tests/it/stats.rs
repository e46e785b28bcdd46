//! `dashboard:stats:updated`: throttled, and the last one always comes (`contract.md`, Socket.IO).

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{socket::Socket, venue::Venue};

#[test]
fn a_burst_of_sales_is_told_at_most_four_times_a_second_and_ends_with_the_truth() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let mut socket = Socket::connect(venue.address(), "");
    let started = Instant::now();
    for band in 0..40 {
        assert_eq!(venue.sell(&format!("B-{band}"), &hour, 1).status, 201);
    }
    let truth = venue.get("/api/dashboard/stats").json;
    assert_eq!(truth["totalTransactions"], 40);
    socket.until("the last figures", |events| {
        let stats = events.iter().rfind(|event| event.name == "dashboard:stats:updated")?;
        (stats.args[0] == truth).then_some(())
    });
    let took = started.elapsed() + Duration::from_millis(250);
    let count = socket.events.iter().filter(|event| event.name == "dashboard:stats:updated").count();
    let most = took.as_millis() / 250 + 1;
    assert!(count as u128 <= most, "{count} in {took:?}");
    assert!(count < 40, "one for each sale is no throttle");
}

#[test]
fn the_figures_go_to_stock_clients_alone_with_the_head_that_they_belong_to() {
    let venue = Venue::start();
    let mut lean = Socket::connect(venue.address(), "&profile=lean");
    let mut full = Socket::connect(venue.address(), "&profile=full");
    let hour = venue.product(10.0, Some(3600));
    assert_eq!(venue.sell("B-1", &hour, 1).status, 201);
    let stats = full.event("dashboard:stats:updated");
    assert_eq!(stats.args[1]["epoch"], json!(venue.ready().epoch));
    assert!(stats.args[1]["head"].is_u64() && stats.args[1].get("seq").is_none(), "it is not logged");
    lean.logged_to(venue.head());
    assert!(lean.events.iter().all(|event| event.name != "dashboard:stats:updated"));
}
