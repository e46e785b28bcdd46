//! Without a server: what is known is answered and marked stale; what is tapped is kept, shows, and is sent later.

use std::time::Duration;

use gangway_console::{CommandState, ExecuteRequest, Force};
use serde_json::json;

use crate::support::{
    Desk, FakeVenue,
    desk::{key, open_in},
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

/// Two sales within a millisecond are in no order.
fn bands(desk: &Desk) -> Vec<String> {
    let mut bands = desk.bands();
    bands.sort();
    bands
}

#[tokio::test(start_paused = true)]
async fn what_is_sold_and_boarded_without_a_link_shows_at_once_and_is_sent_later() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let other = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    for command in [checkin("B-1", &hour), session("play", "B-1"), checkin("B-2", &hour)] {
        assert_eq!(desk.execute(&command).await.expect("taken").state, CommandState::Pending);
    }
    assert_eq!(bands(&desk), ["B-1", "B-2"]);
    let visit = desk.data(&["playerSession", "B-1"]);
    assert_eq!((&visit["pending"], &visit["isActive"]), (&json!(true), &json!(true)));
    assert_eq!(desk.data(&["checkinHistory", "B-2"])[0]["pending"], json!(true));
    assert_eq!(desk.data(&["activeSessions"])[0]["pending"], json!(true));
    assert_eq!(desk.data(&["queueDisplay"])["next"][0]["pending"], json!(true));
    assert_eq!(desk.data(&["products"])[0].get("pending"), None, "the product is as it was");
    let stats = desk.data(&["dashboardStats"]);
    assert_eq!((&stats["todayRevenue"], &stats["activePlayers"]), (&json!(25), &json!(1)));
    assert_eq!((&stats["waitingCount"], &stats["totalTransactions"]), (&json!(1), &json!(2)));
    assert_eq!(desk.status()["pending"], 3);
    assert_eq!(other.bands(), Vec::<String>::new());
    venue.set_online(true);
    until("all is sent", || desk.status()["pending"] == 0).await;
    assert_eq!(bands(&desk), ["B-1", "B-2"]);
    assert_eq!(desk.data(&["playerSession", "B-1"]).get("pending"), None, "it is the server's now");
    until("the other desk sees it", || bands(&other) == ["B-1", "B-2"]).await;
    assert_eq!(desk.data(&["dashboardStats"]), other.data(&["dashboardStats"]));
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_survives_a_restart_and_shows_again() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    desk.execute(&session("play", "B-1")).await.expect("taken");
    let desk = desk.restart(&venue).await;
    let visit = desk.data(&["playerSession", "B-1"]);
    assert_eq!((&visit["pending"], &visit["isActive"]), (&json!(true), &json!(true)));
    venue.set_online(true);
    until("all is sent", || desk.status()["pending"] == 0).await;
    assert_eq!(desk.data(&["playerSession", "B-1"])["totalAllowedSeconds"], json!(3_600));
}

#[tokio::test(start_paused = true)]
async fn what_the_desk_itself_knows_to_be_wrong_is_refused_and_not_remembered() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let refused = desk.execute(&session("play", "NOBODY")).await.expect("an outcome");
    assert_eq!(refused.state, CommandState::Rejected);
    let rejection = refused.rejection.expect("why");
    assert_eq!((&rejection["code"], &rejection["details"]), (&json!("unknown_band"), &json!({})));
    assert_eq!(desk.console.fate(&refused.command_id).expect("read"), None);
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    desk.execute(&session("play", "B-1")).await.expect("taken");
    let twice = desk.execute(&session("play", "B-1")).await.expect("an outcome");
    assert_eq!(twice.rejection.expect("why")["code"], "already_playing");
    assert_eq!(desk.status()["pending"], 2);
}

#[tokio::test(start_paused = true)]
async fn staff_may_do_it_anyway_with_a_reason() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let forced = |reason: &str| ExecuteRequest {
        force: Some(Force { reason: reason.to_owned() }),
        ..ExecuteRequest::of(&session("play", "NOBODY")).expect("a command")
    };
    for reason in ["", "  ", &"x".repeat(2_001)] {
        let refused = desk.console.execute(forced(reason)).await.expect_err("no reason");
        assert_eq!(refused.code(), "invalid_request");
    }
    let taken = desk.console.execute(forced("The band is torn")).await.expect("taken");
    assert_eq!(taken.state, CommandState::Pending);
    assert_eq!(desk.status()["pending"], 1);
}

#[tokio::test(start_paused = true)]
async fn two_taps_at_once_on_one_band_are_decided_one_after_the_other() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    let play = session("play", "B-1");
    let (one, other) = tokio::join!(desk.execute(&play), desk.execute(&play));
    let mut states = [one.expect("an outcome").state, other.expect("an outcome").state];
    states.sort_by_key(|state| *state == CommandState::Rejected);
    assert_eq!(states, [CommandState::Pending, CommandState::Rejected]);
}

#[tokio::test(start_paused = true)]
async fn under_strict_capacity_nobody_enters_without_a_place_or_the_servers_go() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&json!({ "type": "settings.update", "changes": { "capacityPolicy": "strict" } }));
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let first = desk.execute(&session("play", "B-1")).await.expect("taken");
    assert_eq!((first.state, first.awaiting), (CommandState::Pending, true));
    assert_eq!(desk.data(&["playerSession", "B-1"])["isActive"], json!(false), "only the server can say GO");
    let again = ExecuteRequest { command_id: Some(first.command_id.clone()), ..asked(&session("play", "B-1")) };
    let again = desk.console.execute(again).await.expect("known");
    assert!(again.awaiting, "asking again makes it no GO: {again:?}");
    venue.state().undecided = false;
    desk.console.settled(&first.command_id, Duration::from_secs(60)).await.expect("settled");
    assert_eq!(desk.data(&["playerSession", "B-1"])["isActive"], json!(true));
    venue.execute(&session("pause", "B-1"));
    until("it is out", || desk.data(&["playerSession", "B-1"])["isActive"] == json!(false)).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let refused = desk.execute(&session("play", "B-1")).await.expect("an outcome");
    assert_eq!(refused.state, CommandState::Rejected);
    let rejection = refused.rejection.expect("why");
    assert_eq!(rejection["code"], "venue_full");
    assert_eq!(rejection["details"], json!({ "maxOccupancy": 100, "lent": 0 }));
}

fn asked(command: &serde_json::Value) -> ExecuteRequest {
    ExecuteRequest::of(command).expect("a command")
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_tapped_before_is_known_without_the_cache() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let sale = checkin("B-1", &hour);
    let id = desk.execute(&sale).await.expect("taken").command_id;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    std::fs::remove_file(folder.path().join("cache.sqlite")).expect("it was there");
    let console = open_in(folder.path(), &venue).expect("a console");
    let known = console.execute(ExecuteRequest { command_id: Some(id.clone()), ..asked(&sale) }).await.expect("known");
    assert_eq!((known.command_id, known.state), (id, CommandState::Pending), "it is not to be tapped anew");
    let new = console.execute(asked(&sale)).await.expect_err("nothing is known of the venue");
    assert_eq!(new.code(), "not_ready");
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
