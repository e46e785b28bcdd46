//! What is pending on top of what is confirmed, over the ports: it shows at once, follows what other desks do, and
//! never counts twice.

use std::time::Duration;

use gangway_console::{CommandState, Push, PushedOp};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::support::{
    Desk, FakeVenue,
    desk::{key, open_in},
    until,
    venue::{checkin, product, session},
};

async fn next(pushes: &mut Receiver<Push>) -> Push {
    tokio::time::timeout(Duration::from_secs(5), pushes.recv()).await.expect("a push").expect("open")
}

fn data(push: &Push, name: &str) -> Value {
    let update = push.updates.iter().find(|update| update.key.parts()[0] == name).expect("of that key");
    let PushedOp::Set { data } = &update.op else { panic!("{push:?}") };
    data.clone()
}

#[tokio::test(start_paused = true)]
async fn a_tap_is_pushed_at_once_with_or_without_a_link() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["activeSessions"]), key(&["dashboardStats"]), key(&["products"])]);
    let mut pushes = desk.console.pushes();
    venue.state().undecided = true;
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    let push = next(&mut pushes).await;
    assert_eq!(push.updates.len(), 2, "the products are as they were");
    assert_eq!(data(&push, "activeSessions")[0]["pending"], json!(true));
    assert_eq!(data(&push, "dashboardStats")["todayRevenue"], json!(12.5));
}

#[tokio::test(start_paused = true)]
async fn an_event_never_hides_what_is_pending_on_top_of_its_rows() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    tokio::time::sleep(Duration::from_millis(50)).await;
    desk.console.subscribe("page", vec![key(&["playerSession", "B-1"]), key(&["activeSessions"])]);
    let mut pushes = desk.console.pushes();
    venue.execute(&session("play", "B-1"));
    let visit = data(&next(&mut pushes).await, "playerSession");
    assert_eq!((&visit["isActive"], &visit["totalAllowedSeconds"]), (&json!(true), &json!(7_200)), "{visit}");
    assert_eq!(visit["pending"], json!(true));
    venue.state().undecided = false;
    until("it is answered", || desk.status()["pending"] == 0).await;
    let visit = desk.data(&["playerSession", "B-1"]);
    assert_eq!((&visit["totalAllowedSeconds"], visit.get("pending")), (&json!(7_200), None));
}

/// A desk whose command is executed, and where neither the answer nor the event has come.
async fn executed_and_unheard() -> (FakeVenue, Desk) {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().emits = false;
    venue.state().lost_answers = 1;
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    until("it is executed", || venue.state().seq() == 3).await;
    assert_eq!(desk.status()["cursor"], 1);
    (venue, desk)
}

async fn once(venue: &FakeVenue, desk: &Desk) {
    for _ in 0..20 {
        assert_eq!(desk.data(&["playerSession", "B-1"])["totalAllowedSeconds"], json!(3_600));
        assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(12.5));
        venue.heartbeat();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(desk.status()["pending"], 0);
    assert_eq!(desk.data(&["playerSession", "B-1"]).get("pending"), None);
}

#[tokio::test(start_paused = true)]
async fn it_counts_once_when_the_event_comes_before_the_answer() {
    let (venue, desk) = executed_and_unheard().await;
    venue.state().undecided = true;
    venue.heartbeat();
    until("the rows are here", || desk.status()["cursor"] == 3).await;
    assert_eq!(desk.status()["pending"], 1, "it has no answer yet");
    assert_eq!(desk.data(&["playerSession", "B-1"])["totalAllowedSeconds"], json!(3_600));
    venue.state().undecided = false;
    until("it is answered", || desk.status()["pending"] == 0).await;
    once(&venue, &desk).await;
}

#[tokio::test(start_paused = true)]
async fn it_counts_once_when_the_answer_comes_before_the_event() {
    let (venue, desk) = executed_and_unheard().await;
    venue.state().page_takes = Duration::from_secs(2);
    let settled = || desk.data(&["commands"])[0]["state"] == json!("settled");
    until("it is answered", settled).await;
    assert_eq!(desk.status()["cursor"], 1, "its rows are still to come");
    assert_eq!(desk.data(&["playerSession", "B-1"])["pending"], json!(true), "and it never vanishes");
    until("the rows are here", || desk.status()["cursor"] == 3).await;
    once(&venue, &desk).await;
}

#[tokio::test(start_paused = true)]
async fn it_counts_once_when_a_snapshot_comes_between() {
    let (venue, desk) = executed_and_unheard().await;
    venue.state().undecided = true;
    let head = venue.state().seq();
    venue.state().trimmed = head;
    venue.heartbeat();
    until("the snapshot is in place", || desk.status()["cursor"] == 3).await;
    assert_eq!(desk.data(&["playerSession", "B-1"])["totalAllowedSeconds"], json!(3_600));
    venue.state().undecided = false;
    once(&venue, &desk).await;
}

#[tokio::test(start_paused = true)]
async fn it_counts_once_when_the_desk_dies_between() {
    let (venue, desk) = executed_and_unheard().await;
    venue.state().undecided = true;
    venue.heartbeat();
    until("the rows are here", || desk.status()["cursor"] == 3).await;
    // As after a crash: the files as they are now, without anything being closed.
    let copy = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(desk.folder.path()).expect("the folder") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    let console = open_in(copy.path(), &venue).expect("a console");
    let desk = Desk { folder: copy, console };
    assert_eq!(desk.data(&["playerSession", "B-1"])["totalAllowedSeconds"], json!(3_600));
    venue.state().undecided = false;
    desk.until_live().await;
    until("it is answered", || desk.status()["pending"] == 0).await;
    once(&venue, &desk).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_desk_does_on_the_band_goes_below_what_is_pending() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let sale = desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    let play = desk.execute(&session("play", "B-1")).await.expect("taken");
    venue.execute(&checkin("B-1", &hour));
    until("the rows are here", || desk.status()["cursor"] == 3).await;
    let visit = desk.data(&["playerSession", "B-1"]);
    assert_eq!((&visit["totalAllowedSeconds"], &visit["isActive"]), (&json!(7_200), &json!(true)));
    assert_eq!(desk.data(&["activeSessions"]).as_array().map(Vec::len), Some(1), "one visit");
    venue.state().undecided = false;
    for executed in [&sale, &play] {
        let fate = desk.console.settled(&executed.command_id, Duration::from_secs(60)).await.expect("settled");
        assert_eq!(fate.state, CommandState::Settled);
    }
    assert_eq!(desk.data(&["playerSession", "B-1"])["totalAllowedSeconds"], json!(7_200));
}

#[tokio::test(start_paused = true)]
async fn what_only_pends_can_be_sold_corrected_and_renamed() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let other = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    desk.execute(&product("Socks", 2.0, None)).await.expect("taken");
    let socks = desk.data(&["products"])[1].clone();
    assert_eq!((&socks["name"], &socks["pending"]), (&json!("Socks"), &json!(true)));
    let socks = socks["id"].as_str().expect("an id");
    let renamed = json!({ "type": "product.update", "productId": socks, "changes": { "name": "Warm socks" } });
    desk.execute(&renamed).await.expect("taken");
    desk.execute(&checkin("B-1", socks)).await.expect("taken");
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    let lines = desk.data(&["checkinHistory", "B-1"]);
    let line = lines.as_array().expect("lines").iter().find(|line| line["productId"] == socks).expect("the socks");
    let correct =
        json!({ "type": "transaction.correct", "transactionId": line["id"], "quantity": 3, "reason": "Three" });
    desk.execute(&correct).await.expect("taken");
    let settings = json!({ "type": "settings.update", "changes": { "siteName": "Parque" } });
    desk.execute(&settings).await.expect("taken");
    assert_eq!(desk.data(&["systemSettings"])["pending"], json!(true));
    assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(18.5));
    venue.set_online(true);
    until("all is answered", || desk.status()["pending"] == 0).await;
    until("the other desk sees it", || other.data(&["dashboardStats"])["todayRevenue"] == json!(18.5)).await;
    assert_eq!(desk.data(&["products"]), other.data(&["products"]));
    assert_eq!(desk.data(&["systemSettings"]), other.data(&["systemSettings"]));
    assert_eq!(desk.data(&["systemSettings"])["siteName"], "Parque");
    desk.until_in_sync(&venue).await;
}
