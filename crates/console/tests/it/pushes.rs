//! Pushes: of what is looked at, at most one a frame, the last of each key.

use std::time::Duration;

use gangway_console::{Push, PushedOp};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use crate::support::{
    Desk, FakeVenue,
    desk::key,
    until,
    venue::{checkin, session},
};

fn all(pushes: &mut Receiver<Push>) -> Vec<Push> {
    let mut all = Vec::new();
    loop {
        match pushes.try_recv() {
            Ok(push) => all.push(push),
            Err(TryRecvError::Empty) => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

fn keys(push: &Push) -> Vec<String> {
    push.updates.iter().map(|update| update.key.parts().join(" ")).collect()
}

async fn next(pushes: &mut Receiver<Push>) -> Push {
    tokio::time::timeout(Duration::from_secs(5), pushes.recv()).await.expect("a push").expect("open")
}

#[tokio::test(start_paused = true)]
async fn only_what_somebody_looks_at_is_pushed_in_the_order_of_the_priorities() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let mut pushes = desk.console.pushes();
    venue.execute(&checkin("B-1", &hour));
    until("it shows", || desk.bands() == ["B-1"]).await;
    assert_eq!(all(&mut pushes).len(), 0, "nobody looks");
    let looked_at = vec![key(&["activeSessions"]), key(&["dashboardStats"]), key(&["playerSession", "b-1"])];
    desk.console.subscribe("page", looked_at.clone());
    venue.execute(&session("play", "B-1"));
    let push = next(&mut pushes).await;
    assert_eq!(keys(&push), ["dashboardStats", "activeSessions", "playerSession b-1"]);
    assert_eq!(push.seq, Some(venue.state().seq()));
    let PushedOp::Set { data } = &push.updates[2].op else { panic!("{push:?}") };
    assert_eq!(data["isActive"], json!(true));
    let text = serde_json::to_value(&push).expect("JSON");
    assert_eq!(text["push"], "updates");
    assert_eq!((&text["updates"][0]["op"], &text["updates"][0]["key"]), (&json!("set"), &json!(["dashboardStats"])));
    desk.console.unsubscribe("page", vec![key(&["activeSessions"])]);
    venue.execute(&session("pause", "B-1"));
    assert_eq!(keys(&next(&mut pushes).await), ["dashboardStats", "playerSession b-1"]);
    desk.console.forget_subscriber("page");
    venue.execute(&session("end", "B-1"));
    until("it shows", || desk.bands().is_empty()).await;
    assert_eq!(all(&mut pushes).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_one_push_a_frame_and_ends_with_the_last_state() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["activeSessions"])]);
    let mut pushes = desk.console.pushes();
    let before = tokio::time::Instant::now();
    for n in 0..300 {
        venue.execute(&checkin(&format!("B-{n:03}"), &hour));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until("all show", || desk.bands().len() == 300).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let pushed = all(&mut pushes);
    let frames = before.elapsed().as_millis() / 16 + 1;
    assert!(pushed.len() as u128 <= frames, "{} pushes in {frames} frames", pushed.len());
    assert!(pushed.len() > 5, "and not held back for ever");
    assert!(pushed.windows(2).all(|two| two[0].push_id < two[1].push_id));
    let PushedOp::Set { data } = &pushed.last().expect("one").updates[0].op else { panic!() };
    assert_eq!(data.as_array().map(Vec::len), Some(300));
}

#[tokio::test(start_paused = true)]
async fn the_status_is_pushed_when_it_changes_and_not_more_than_four_times_a_second() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["syncStatus"])]);
    let mut pushes = desk.console.pushes();
    let before = tokio::time::Instant::now();
    for n in 0..500 {
        venue.execute(&checkin(&format!("B-{n}"), &hour));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let count = all(&mut pushes).len();
    let allowed = usize::try_from(before.elapsed().as_millis() / 250).expect("few") + 2;
    assert!((2..=allowed).contains(&count), "{count} of {allowed}");
    venue.set_online(false);
    let mut link = Value::Null;
    while link != "offline" && link != "connecting" {
        let push = next(&mut pushes).await;
        let PushedOp::Set { data } = &push.updates[0].op else { panic!("{push:?}") };
        link = data["link"].clone();
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_pushes_everything_that_is_looked_at() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["activeSessions"]), key(&["products"])]);
    let mut pushes = desk.console.pushes();
    venue.set_online(false);
    venue.execute(&checkin("B-1", &hour));
    venue.state().begin_epoch("epoch-2");
    venue.set_online(true);
    let mut seen = keys(&next(&mut pushes).await);
    seen.sort();
    assert_eq!(seen, ["activeSessions", "products"]);
}

#[tokio::test(start_paused = true)]
async fn updates_and_latencies_are_counted_by_kind() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["activeSessions"]), key(&["performanceMetrics"])]);
    let mut pushes = desk.console.pushes();
    venue.execute(&checkin("B-1", &hour));
    let push = next(&mut pushes).await;
    desk.console.painted(push.push_id);
    desk.console.painted(999);
    let metrics = serde_json::to_value(desk.sync_status().metrics).expect("JSON");
    assert_eq!(metrics["queryUpdates"]["activeSessions"], json!({ "set": 1, "invalidate": 0, "fallback": 0 }));
    assert_eq!(metrics["queryUpdates"]["performanceMetrics"], json!({ "set": 0, "invalidate": 1, "fallback": 0 }));
    assert_eq!(metrics["eventToPushMs"]["count"], 1);
    assert_eq!(metrics["eventToPaintMs"]["count"], 1);
    assert_eq!(metrics["events"]["session:created"]["count"], 1);
    assert!(metrics["events"]["session:created"]["bytes"].as_u64() > Some(200));
}

#[tokio::test(start_paused = true)]
async fn figures_between_events_are_merged_into_what_is_shown() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["dashboardStats"])]);
    let mut pushes = desk.console.pushes();
    venue.send("dashboard:stats:updated", vec![json!({ "activePlayers": 3 })]);
    let push = next(&mut pushes).await;
    let PushedOp::Set { data } = &push.updates[0].op else { panic!("{push:?}") };
    assert_eq!(data["activePlayers"], json!(3));
    assert_eq!(data["maxOccupancy"], json!(100), "the rest is still there");
}

#[tokio::test(start_paused = true)]
async fn who_missed_pushes_is_told_to_ask_for_everything() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["products"])]);
    let mut pushes = desk.console.pushes();
    desk.console.invalidate_all();
    assert_eq!(next(&mut pushes).await.updates[0].op, PushedOp::Invalidate);
}
