//! Without a server: what is known is answered and marked stale; nothing is taken that can't be sent.

use serde_json::json;

use crate::support::{
    Desk, FakeVenue,
    desk::key,
    until,
    venue::{checkin, session},
};

const KEYS: &[&[&str]] = &[
    &["dashboardStats"],
    &["performanceMetrics"],
    &["activeSessions"],
    &["playerSession", "B-1"],
    &["checkinHistory", "B-1"],
    &["checkinHistory"],
    &["products"],
    &["systemSettings"],
    &["transactions"],
    &["queueDisplay"],
    &["daySeries"],
    &["attention"],
    &["syncStatus"],
];

#[tokio::test(start_paused = true)]
async fn after_a_restart_with_the_server_gone_the_cache_answers_every_query_marked_stale() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    venue.execute(&session("play", "B-1"));
    let desk = Desk::live(&venue).await;
    let expect = desk.data(&["products"]);
    let session_id = desk.data(&["playerSession", "B-1"])["id"].as_str().expect("an id").to_owned();
    venue.set_online(false);
    let desk = desk.restart(&venue).await;
    for parts in KEYS {
        let answer = desk.console.query(&key(parts));
        assert!(!answer.data.is_null(), "{parts:?}");
        let freshness = serde_json::to_value(answer.freshness).expect("JSON");
        assert_eq!(freshness["state"], "stale", "{parts:?}");
        assert_eq!(freshness["asOfSeq"], json!(venue.state().seq()));
        assert!(freshness["lastSyncAt"].is_string());
    }
    assert_eq!(desk.data(&["products"]), expect);
    assert_eq!(desk.data(&["playerSession", &session_id])["barcodeId"], "B-1");
    assert_eq!(desk.data(&["cart"]), json!(null));
}

#[tokio::test(start_paused = true)]
async fn a_command_without_a_link_is_refused_and_leaves_nothing() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let refused = desk.execute(&checkin("B-1", &hour)).await.expect_err("no link");
    assert_eq!(refused.code(), "offline");
    assert!(refused.to_string().contains("Nothing was saved"), "{refused}");
    venue.set_online(true);
    desk.until_live().await;
    assert_eq!(desk.status()["pending"], 0);
    assert_eq!(venue.state().bodies, Vec::<String>::new());
    assert_eq!(desk.bands(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn before_the_first_snapshot_nothing_is_answered_and_nothing_taken() {
    let venue = FakeVenue::new();
    venue.set_online(false);
    let desk = Desk::open(&venue);
    for parts in KEYS.iter().filter(|parts| parts[0] != "syncStatus") {
        let answer = desk.console.query(&key(parts));
        assert_eq!(answer.data, json!(null), "{parts:?}");
        assert_eq!(answer.freshness.as_of_seq, None);
    }
    let refused = desk.execute(&session("play", "B-1")).await.expect_err("nothing is known");
    assert_eq!(refused.code(), "not_ready");
    let status = desk.status();
    assert_eq!((&status["epoch"], &status["cursor"], &status["inSync"]), (&json!(null), &json!(null), &json!(false)));
}
