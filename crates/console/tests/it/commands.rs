//! Commands: durable before they are taken, sent until they are answered, counted once.

use std::time::Duration;

use gangway_console::{CommandState, ExecuteRequest, Force};
use serde_json::{Value, json};

use crate::support::{
    Desk, FakeVenue,
    desk::open_in,
    until,
    venue::{checkin, session},
};

#[tokio::test(start_paused = true)]
async fn a_command_is_pending_then_settled_and_then_it_shows() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let executed = desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    assert_eq!(executed.state, CommandState::Pending);
    let fate = desk.console.settled(&executed.command_id, Duration::from_secs(5)).await.expect("settled");
    assert_eq!(fate.state, CommandState::Settled);
    assert_eq!(fate.seqs.as_deref(), Some(&[2, 3][..]));
    assert!(fate.tapped_at <= fate.stored_at && fate.sent_at.is_some() && fate.settled_at.is_some());
    assert_eq!(desk.bands(), ["B-1"]);
    assert_eq!(desk.status()["pending"], 0);
}

#[tokio::test(start_paused = true)]
async fn the_answer_changes_nothing_and_the_command_counts_as_pending_until_its_rows_are_here() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().emits = false;
    let executed = desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    until("it is answered", || {
        desk.console.fate(&executed.command_id).expect("read").is_some_and(|fate| fate.state == CommandState::Settled)
    })
    .await;
    assert_eq!(desk.data(&["playerSession", "B-1"])["pending"], json!(true), "confirmed rows come by the log alone");
    assert_eq!(desk.status()["pending"], 1);
    // The answer names a place that no event came for: that is looked into without a heartbeat.
    desk.console.settled(&executed.command_id, Duration::from_secs(5)).await.expect("seen");
    assert_eq!(desk.data(&["playerSession", "B-1"]).get("pending"), None);
    assert_eq!(desk.status()["pending"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_an_outcome() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let force = Some(Force { reason: "The band is torn".to_owned() });
    let request = ExecuteRequest { force, ..ExecuteRequest::of(&session("play", "NOBODY")).expect("a command") };
    let executed = desk.console.execute(request).await.expect("taken");
    let fate = desk.console.settled(&executed.command_id, Duration::from_secs(5)).await.expect("settled");
    assert_eq!(fate.state, CommandState::Rejected);
    assert_eq!(fate.rejection.expect("why")["code"], "unknown_band");
    assert_eq!(desk.status()["pending"], 0);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_command_is_refused_before_it_is_saved() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let bad = [
        json!({}),
        json!({ "type": "nope" }),
        json!({ "type": "session.play" }),
        json!({ "type": "session.play", "barcodeId": "" }),
        json!({ "type": "session.checkin", "barcodeId": "B", "products": [{ "id": hour, "quantity": 0 }] }),
        json!({ "type": "session.checkin", "barcodeId": "B", "products": [{ "id": hour, "quantity": 1.5 }] }),
        json!([]),
        json!("session.play"),
    ];
    for command in bad {
        let refused = desk.execute(&command).await.expect_err("refused");
        assert_eq!(refused.code(), "invalid_command", "{command}");
    }
    assert_eq!(venue.state().bodies, Vec::<String>::new());
}

/// A request with an id.
fn with_id(id: &str, command: &Value) -> ExecuteRequest {
    ExecuteRequest { command_id: Some(id.to_owned()), ..ExecuteRequest::of(command).expect("a command") }
}

const ID: &str = "0190c6a0-0000-7000-8000-000000000001";

#[tokio::test(start_paused = true)]
async fn a_known_id_answers_that_commands_state_and_queues_nothing() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.execute(with_id(ID, &checkin("B-1", &hour))).await.expect("taken");
    desk.console.settled(ID, Duration::from_secs(5)).await.expect("settled");
    let again = desk.console.execute(with_id(ID, &checkin(" b-1 ", &hour))).await.expect("the same intent");
    assert_eq!(again.state, CommandState::Settled);
    let other = desk.console.execute(with_id(ID, &checkin("B-2", &hour))).await.expect_err("another intent");
    assert_eq!(other.code(), "id_conflict");
    let not_an_id = desk.console.execute(with_id("seven", &checkin("B-1", &hour))).await.expect_err("no id");
    assert_eq!(not_an_id.code(), "invalid_command_id");
    assert_eq!(venue.state().bodies.len(), 1);
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let offline = desk.console.execute(with_id(ID, &checkin("B-1", &hour))).await.expect("known without a link too");
    assert_eq!(offline.state, CommandState::Settled);
    assert_eq!(desk.bands(), ["B-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_asked_for_again_with_the_same_id_and_counts_once() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().lost_answers = 3;
    let fate = desk.settle(&checkin("B-1", &hour)).await;
    assert_eq!(fate.state, CommandState::Settled);
    let bodies = venue.state().bodies.clone();
    assert_eq!(bodies.len(), 4);
    let commands = |body: &String| serde_json::from_str::<Value>(body).expect("JSON")["commands"].clone();
    assert!(bodies.iter().all(|body| commands(body) == commands(&bodies[0])), "the same command each time");
    assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(12.5));
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_before_the_link_broke_is_sent_after_a_restart() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let executed = desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    until("it was on its way", || !venue.state().bodies.is_empty()).await;
    venue.set_online(false);
    venue.state().undecided = false;
    let desk = desk.restart(&venue).await;
    assert_eq!(desk.status()["pending"], 1);
    let fate = desk.console.fate(&executed.command_id).expect("read").expect("kept");
    assert_eq!(fate.state, CommandState::Sent);
    venue.set_online(true);
    desk.console.settled(&executed.command_id, Duration::from_secs(60)).await.expect("settled");
    assert_eq!(desk.bands(), ["B-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_on_disk_before_it_is_taken() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let executed = desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    // As after a crash: the files as they are now, without anything being closed.
    let copy = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(desk.folder.path()).expect("the folder") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    let other = open_in(copy.path(), &venue).expect("a console");
    assert!(other.fate(&executed.command_id).expect("read").is_some());
    other.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn commands_reach_the_server_in_the_order_of_the_taps() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let mut ids = Vec::new();
    for n in 0..80 {
        ids.push(desk.execute(&checkin(&format!("B-{n:03}"), &hour)).await.expect("taken").command_id);
        ids.push(desk.execute(&session("play", &format!("B-{n:03}"))).await.expect("taken").command_id);
    }
    venue.state().undecided = false;
    for id in &ids {
        let fate = desk.console.settled(id, Duration::from_secs(60)).await.expect("settled");
        assert_eq!(fate.state, CommandState::Settled, "a play never overtakes its sale: {fate:?}");
    }
    let body: Value = serde_json::from_str(venue.state().bodies.last().expect("a body")).expect("JSON");
    assert!(body["commands"].as_array().expect("commands").len() <= 100);
}

#[tokio::test(start_paused = true)]
async fn a_command_carries_its_moment_and_what_it_was_based_on() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let raw = r#"{"type":"product.update","productId":"HOUR","changes":{"price":12.50},"commandId":"forged"}"#;
    let request = ExecuteRequest {
        command: serde_json::from_str(&raw.replace("HOUR", &hour)).expect("raw"),
        command_id: Some(ID.to_owned()),
        occurred_at: Some("2025-11-25T11:00:00+01:00".to_owned()),
        force: None,
    };
    desk.console.execute(request).await.expect("taken");
    desk.console.settled(ID, Duration::from_secs(5)).await.expect("settled");
    let body = venue.state().bodies[0].clone();
    assert!(body.contains("12.50"), "amounts keep their digits: {body}");
    let sent: Value = serde_json::from_str(&body).expect("JSON");
    let command = &sent["commands"][0];
    assert_eq!(command["commandId"], ID);
    assert_eq!(command["occurredAt"], "2025-11-25T10:00:00.000Z");
    assert_eq!(command["basedOn"], json!({ "epoch": "epoch-1", "seq": 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_never_larger_than_the_server_reads() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let mut ids = Vec::new();
    for n in 0..60 {
        let mut command = checkin(&format!("B-{n}"), &hour);
        command["remark"] = json!("x".repeat(10_000));
        ids.push(desk.execute(&command).await.expect("taken").command_id);
    }
    venue.state().undecided = false;
    for id in &ids {
        let fate = desk.console.settled(id, Duration::from_secs(60)).await.expect("settled");
        assert_eq!(fate.state, CommandState::Settled);
    }
    assert!(venue.state().bodies.iter().all(|body| body.len() <= 256 << 10), "nothing is tried that can't be read");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_no_batch_can_hold_is_refused_before_it_is_saved() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let mut command = checkin("B-1", &hour);
    command["remark"] = json!("x".repeat(260 << 10));
    let refused = desk.execute(&command).await.expect_err("too large");
    assert_eq!(refused.code(), "invalid_command");
}

#[tokio::test(start_paused = true)]
async fn which_desk_sends_a_command_is_not_for_its_fields_to_say() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let mut command = checkin("B-1", &hour);
    command["deviceId"] = json!(7);
    assert_eq!(desk.settle(&command).await.state, CommandState::Settled);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_the_server_refuses_to_read_is_rejected_and_holds_back_no_other() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    venue.state().refuses_band = Some("B-3".to_owned());
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(desk.execute(&checkin(&format!("B-{n}"), &hour)).await.expect("taken").command_id);
    }
    venue.state().undecided = false;
    for (n, id) in ids.iter().enumerate() {
        let fate = desk.console.settled(id, Duration::from_secs(60)).await.expect("settled");
        let expect = if n == 3 { CommandState::Rejected } else { CommandState::Settled };
        assert_eq!(fate.state, expect, "{n}: {fate:?}");
        if n == 3 {
            assert_eq!(fate.rejection.expect("why")["code"], "invalid_batch");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_command_has_no_fate() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    assert_eq!(desk.console.fate(ID).expect("read"), None);
    assert_eq!(desk.console.fate("x").expect_err("no id").code(), "invalid_command_id");
    let waited = desk.console.settled(ID, Duration::from_secs(1)).await;
    assert_eq!(waited.expect_err("unknown").code(), "unknown_command");
}

/// What is asked, taken and heard at the same time holds two locks each; in another order they would wait
/// for each other for ever.
#[test]
fn questions_taps_and_events_at_once_never_stop_the_desk() {
    const ROUNDS: usize = 2_000;
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let (venue, hour) = FakeVenue::with_hour();
            let desk = Desk::live(&venue).await;
            venue.state().undecided = true;
            let ask = |console: gangway_console::Console| move || (0..ROUNDS).for_each(|_| drop(console.status()));
            let questions: Vec<_> = (0..3).map(|_| tokio::task::spawn_blocking(ask(desk.console.clone()))).collect();
            let (others, product) = (venue.clone(), hour.clone());
            let events = tokio::task::spawn_blocking(move || {
                for n in 0..ROUNDS {
                    others.execute(&checkin(&format!("B-{}", n % 20), &product));
                    others.heartbeat();
                }
            });
            for n in 0..ROUNDS / 4 {
                desk.execute(&checkin(&format!("T-{}", n % 20), &hour)).await.expect("taken");
            }
            for question in questions {
                question.await.expect("asked");
            }
            events.await.expect("heard");
            desk.console.shutdown().await;
        });
        done.send(()).expect("waited for");
    });
    ended.recv_timeout(Duration::from_secs(60)).expect("nobody waits for ever");
}
