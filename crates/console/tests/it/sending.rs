//! How the outbox drains: in order, in bounded calls, past what the server can't stand, and again after its log was
//! replaced.

use std::time::Duration;

use gangway_console::{CommandState, ExecuteRequest, Force};
use gangway_domain::ids::{Epoch, Position};
use serde_json::{Value, json};

use crate::support::{
    Desk, FakeVenue, until,
    venue::{checkin, session},
};

const PATIENCE: Duration = Duration::from_secs(120);

async fn take_all(desk: &Desk, commands: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut ids = Vec::new();
    for command in commands {
        ids.push(desk.execute(&command).await.expect("taken").command_id);
    }
    ids
}

fn state(desk: &Desk, id: &str) -> CommandState {
    desk.console.fate(id).expect("read").expect("kept").state
}

/// The ids of a call, in order.
fn ids(body: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(body).expect("JSON");
    let commands = body["commands"].as_array().expect("commands");
    commands.iter().map(|command| command["commandId"].as_str().expect("an id").to_owned()).collect()
}

/// How often each of `wanted` was sent.
fn times_sent(venue: &FakeVenue, wanted: &str) -> usize {
    venue.state().bodies.iter().flat_map(|body| ids(body)).filter(|id| id == wanted).count()
}

#[tokio::test(start_paused = true)]
async fn a_command_that_brings_the_server_down_holds_back_its_own_band_and_nothing_else() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&json!({ "type": "settings.update", "changes": { "maxOccupancy": 5_000 } }));
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    venue.state().poison = vec!["B-17".to_owned()];
    let sales = take_all(&desk, (0..150).map(|n| checkin(&format!("B-{n}"), &hour))).await;
    let plays = take_all(&desk, (0..150).map(|n| session("play", &format!("B-{n}")))).await;
    venue.state().undecided = false;
    let others = |n: &usize| *n != 17;
    for n in (0..150).filter(others) {
        for id in [&sales[n], &plays[n]] {
            desk.console.settled(id, PATIENCE).await.expect("settled");
        }
    }
    assert_ne!(state(&desk, &sales[17]), CommandState::Settled);
    assert_eq!(times_sent(&venue, &plays[17]), 0, "a play never goes before the sale that it waits for");
    // A tap for somebody else does not wait for it.
    let before = tokio::time::Instant::now();
    desk.settle(&checkin("B-900", &hour)).await;
    assert!(before.elapsed() < Duration::from_millis(100), "{:?}", before.elapsed());
    let tries = times_sent(&venue, &sales[17]);
    tokio::time::advance(Duration::from_secs(600)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let more = times_sent(&venue, &sales[17]) - tries;
    assert!((1..60).contains(&more), "it is tried again, less and less: {more} times");
    venue.state().poison.clear();
    desk.console.settled(&plays[17], PATIENCE).await.expect("settled");
    assert_eq!(state(&desk, &sales[17]), CommandState::Settled);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_never_decided_waits_alone_with_its_band() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided_bands = vec!["B-3".to_owned()];
    let sales = take_all(&desk, (0..10).map(|n| checkin(&format!("B-{n}"), &hour))).await;
    for (n, id) in sales.iter().enumerate().filter(|(n, _)| *n != 3) {
        desk.console.settled(id, PATIENCE).await.unwrap_or_else(|error| panic!("{n}: {error}"));
    }
    let before = tokio::time::Instant::now();
    desk.settle(&session("play", "B-4")).await;
    assert!(before.elapsed() < Duration::from_millis(100), "{:?}", before.elapsed());
    venue.state().undecided_bands.clear();
    desk.console.settled(&sales[3], PATIENCE).await.expect("settled");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_is_left_alone_for_so_long() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().busy = vec![7_000];
    let before = tokio::time::Instant::now();
    desk.settle(&checkin("B-1", &hour)).await;
    assert!(before.elapsed() >= Duration::from_secs(7), "{:?}", before.elapsed());
    assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
    assert_eq!(venue.state().bodies.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_with_a_key_in_common_are_never_under_way_at_once() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().commands_take = Duration::from_millis(300);
    let first = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    until("it is on its way", || state(&desk, &first) == CommandState::Sent).await;
    let second = desk.execute(&session("play", "B-1")).await.expect("taken").command_id;
    let other = desk.execute(&checkin("B-2", &hour)).await.expect("taken").command_id;
    desk.console.settled(&other, PATIENCE).await.expect("settled");
    desk.console.settled(&second, PATIENCE).await.expect("settled");
    assert_eq!(venue.state().calls_at_once, 2, "the other band did not wait");
    assert_eq!(state(&desk, &second), CommandState::Settled, "and the play came after its sale");
}

#[tokio::test(start_paused = true)]
async fn what_names_a_row_of_an_earlier_command_waits_for_it() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().commands_take = Duration::from_millis(300);
    let made = desk.execute(&crate::support::venue::product("Two hours", 20.0, Some(7_200))).await.expect("taken");
    let product = gangway_domain::ids::row_id(made.command_id.parse().expect("an id"), "product", 0);
    let sale = desk.execute(&checkin("B-1", &product)).await.expect("taken").command_id;
    desk.console.settled(&sale, PATIENCE).await.expect("settled");
    assert_eq!(state(&desk, &sale), CommandState::Settled);
}

/// Puts 2,500 sales and the plays of their bands into a closed console's outbox, as they would have been tapped.
fn put_backlog(folder: &std::path::Path, hour: &str) {
    let file = rusqlite::Connection::open(folder.join("outbox.sqlite")).expect("the outbox");
    let begin = file.unchecked_transaction().expect("a transaction");
    for n in 0..5_000_u32 {
        let band = format!("B-{}", n % 2_500);
        let command = if n < 2_500 { checkin(&band, hour) } else { session("play", &band) };
        let id = uuid::Uuid::from_u128(u128::from(n) + 1).to_string();
        file.prepare_cached(
            "INSERT INTO commands (command_id, kind, command, fingerprint, keys, made, reads, occurred_at,
                based_on_epoch, based_on_seq, offline, state, tapped_at, stored_at)
             VALUES (?1, ?2, ?3, ?1, ?4, '[]', '[]', '2025-11-25T11:00:00.000Z', 'epoch-1', 1, 1, 'pending', 0, 0)",
        )
        .and_then(|mut insert| {
            let keys = json!([format!("band:{band}")]).to_string();
            insert.execute(rusqlite::params![id, command["type"].as_str(), command.to_string(), keys])
        })
        .expect("written");
    }
    begin.commit().expect("written");
}

#[tokio::test(start_paused = true)]
async fn five_thousand_commands_drain_with_progress_and_go_on_after_every_interruption() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&json!({ "type": "settings.update", "changes": { "maxOccupancy": 5_000 } }));
    let Desk { folder, console } = Desk::live(&venue).await;
    console.shutdown().await;
    put_backlog(folder.path(), &hour);
    venue.set_online(false);
    venue.state().commands_take = Duration::from_millis(250);
    let mut desk = Desk { console: crate::support::desk::open_in(folder.path(), &venue).expect("a console"), folder };
    assert_eq!((&desk.status()["drain"], &desk.status()["pending"]), (&json!(null), &json!(5_000)));
    let mut lefts = vec![5_000];
    // Cut, and stopped, again and again.
    for round in 0..5 {
        venue.set_online(true);
        let has_moved = |drain: &Value| drain["left"].as_u64() < drain["total"].as_u64();
        until("some were answered", || has_moved(&desk.status()["drain"])).await;
        assert_eq!(desk.status()["drain"]["total"].as_u64(), lefts.last().copied());
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        assert_eq!(desk.status()["drain"], json!(null), "nothing is sent");
        if round % 2 == 0 {
            desk = desk.restart(&venue).await;
        }
        until("calls under way are over", || venue.state().calls_under_way() == 0).await;
        let unanswered = || desk.status()["pending"].as_u64();
        lefts.push(unanswered().expect("a number"));
    }
    assert!(lefts.is_sorted_by(|a, b| a > b), "{lefts:?}");
    let begun = tokio::time::Instant::now();
    venue.set_online(true);
    until("all are answered", || desk.status()["pending"] == 0).await;
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?} for {lefts:?}", begun.elapsed());
    assert_eq!(desk.status()["drain"], json!(null));
    let state = venue.state();
    assert_eq!(state.venue.sessions().count(), 2_500, "each once");
    assert_eq!(state.venue.playing(), 2_500, "no play overtook its sale");
}

#[tokio::test(start_paused = true)]
async fn what_a_restored_server_lost_comes_back_from_the_desk_once_and_in_order() {
    for base in [Some(Position { epoch: Epoch::from("epoch-1"), seq: 3 }), None] {
        let (venue, hour) = FakeVenue::with_hour();
        let desk = Desk::live(&venue).await;
        let kept = desk.settle(&checkin("B-1", &hour)).await;
        assert_eq!(kept.seqs, Some(vec![2, 3]));
        let backup = venue.state().backup();
        let lost = desk.settle(&checkin("B-2", &hour)).await;
        let play = desk.settle(&session("play", "B-2")).await;
        // The desk itself would say no, so somebody insists.
        let force = Some(Force { reason: "Let it in".to_owned() });
        let request = ExecuteRequest { force, ..ExecuteRequest::of(&session("play", "NOBODY")).expect("a command") };
        let refused = desk.console.execute(request).await.expect("taken").command_id;
        let refused = desk.console.settled(&refused, PATIENCE).await.expect("settled");
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        {
            let mut state = venue.state();
            state.restore(backup, "epoch-2", base.clone());
            state.bodies.clear();
        }
        venue.set_online(true);
        until("the new log is here", || desk.status()["epoch"] == "epoch-2").await;
        for fate in [&lost, &play] {
            until("it is answered again", || state(&desk, &fate.command_id) == CommandState::Settled).await;
            desk.console.settled(&fate.command_id, PATIENCE).await.expect("settled");
        }
        until("all is seen", || desk.status()["pending"] == 0).await;
        // Both may be of one moment of the stopped clock.
        let mut bands = desk.bands();
        bands.sort();
        assert_eq!(bands, ["B-1", "B-2"]);
        assert_eq!(desk.data(&["playerSession", "B-2"])["status"], "playing");
        assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(25), "nothing counts twice");
        let times = |fate: &gangway_console::Fate| times_sent(&venue, &fate.command_id);
        assert_eq!((times(&lost), times(&play), times(&refused)), (1, 1, 0));
        assert_eq!(times(&kept), usize::from(base.is_none()), "where nobody knows, it is asked for");
        let desk = desk.restart(&venue).await;
        desk.until_live().await;
        until("nothing waits", || desk.status()["pending"] == 0).await;
        assert_eq!((times(&lost), times(&play)), (1, 1), "once for each new log");
        let sent: Vec<String> = venue.state().bodies.iter().flat_map(|body| ids(body)).collect();
        let place = |fate: &gangway_console::Fate| sent.iter().position(|id| *id == fate.command_id);
        assert!(place(&lost) < place(&play), "in their old order");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_replaced_while_the_link_stands_gets_back_what_it_lost() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let backup = venue.state().backup();
    let lost = desk.settle(&checkin("B-2", &hour)).await;
    venue.state().restore(backup, "epoch-2", None);
    venue.heartbeat();
    until("the new log is here", || desk.status()["epoch"] == "epoch-2").await;
    until("it is back", || venue.state().venue.sessions().count() == 1).await;
    desk.console.settled(&lost.command_id, PATIENCE).await.expect("settled");
    assert_eq!(desk.bands(), ["B-2"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_the_log_was_replaced_does_not_count_for_the_new_one() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let backup = venue.state().backup();
    venue.state().answers_take = Duration::from_secs(5);
    let lost = desk.execute(&checkin("B-2", &hour)).await.expect("taken").command_id;
    until("it is done", || venue.state().venue.sessions().count() == 1).await;
    // Done, and its answer is on the way: the power goes, and the server returns without it.
    {
        let mut state = venue.state();
        state.restore(backup, "epoch-2", None);
        state.answers_take = Duration::ZERO;
    }
    venue.heartbeat();
    until("the new log is here", || desk.status()["epoch"] == "epoch-2").await;
    until("it is back", || venue.state().venue.sessions().count() == 1).await;
    desk.console.settled(&lost, PATIENCE).await.expect("settled");
    assert_eq!(desk.bands(), ["B-2"]);
}

#[tokio::test(start_paused = true)]
async fn whom_the_lost_log_let_in_without_a_place_shows_as_inside_and_goes_back_as_accepted_there() {
    let (venue, hour) = FakeVenue::with_hour();
    let strict = json!({ "capacityPolicy": "strict", "maxOccupancy": 1 });
    venue.execute(&json!({ "type": "settings.update", "changes": strict }));
    for band in ["B-1", "B-2"] {
        venue.execute(&checkin(band, &hour));
    }
    let desk = Desk::live(&venue).await;
    let backup = venue.state().backup();
    let go = desk.settle(&session("play", "B-1")).await;
    {
        let mut state = venue.state();
        state.restore(backup, "epoch-2", None);
        state.bodies.clear();
        state.undecided = true;
    }
    venue.execute(&session("play", "B-2"));
    venue.heartbeat();
    until("the new log is here", || desk.status()["epoch"] == "epoch-2").await;
    let shows = |desk: &Desk| desk.data(&["playerSession", "B-1"])["status"].clone();
    assert_eq!(shows(&desk), "playing", "the gate had said GO");
    let request = ExecuteRequest {
        command_id: Some(go.command_id.clone()),
        ..ExecuteRequest::of(&session("play", "B-1")).expect("a command")
    };
    let again = desk.console.execute(request).await.expect("known");
    assert!(!again.awaiting, "nobody has to wait for another GO");
    let desk = desk.restart(&venue).await;
    assert_eq!(shows(&desk), "playing", "it is on disk");
    venue.state().undecided = false;
    until("it is answered again", || state(&desk, &go.command_id) == CommandState::Settled).await;
    assert_eq!(venue.state().venue.playing(), 2, "however full the copy is");
    assert_eq!(shows(&desk), "playing");
    let said: Value = serde_json::from_str(venue.state().bodies.last().expect("a call")).expect("JSON");
    assert_eq!(said["commands"][0]["acceptedIn"], "epoch-1");
    let fresh = desk.settle(&checkin("B-3", &hour)).await;
    let said: Value = serde_json::from_str(venue.state().bodies.last().expect("a call")).expect("JSON");
    assert_eq!(said["commands"][0]["commandId"], json!(fresh.command_id));
    assert_eq!(said["commands"][0].get("acceptedIn"), None, "only what another log had accepted");
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_stops_between_the_new_rows_and_the_outbox_still_gives_back_what_was_lost() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let backup = venue.state().backup();
    let lost = desk.settle(&checkin("B-2", &hour)).await;
    venue.set_online(false);
    venue.state().restore(backup, "epoch-2", None);
    let Desk { folder, console } = desk;
    console.shutdown().await;
    let outbox = std::fs::read(folder.path().join("outbox.sqlite")).expect("the outbox");
    venue.set_online(true);
    venue.state().undecided = true;
    let desk = Desk { console: crate::support::desk::open_in(folder.path(), &venue).expect("a console"), folder };
    desk.until_live().await;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    // As if the power had gone after the cache's commit and before the outbox's.
    std::fs::write(folder.path().join("outbox.sqlite"), outbox).expect("written");
    venue.set_online(false);
    let desk = Desk { console: crate::support::desk::open_in(folder.path(), &venue).expect("a console"), folder };
    assert_eq!(desk.bands(), ["B-2"], "it shows before there is a link");
    assert_eq!(desk.status()["pending"], 1);
    let Desk { folder, console } = desk;
    console.shutdown().await;
    venue.set_online(true);
    venue.state().undecided = false;
    let desk = Desk { console: crate::support::desk::open_in(folder.path(), &venue).expect("a console"), folder };
    until("it is back", || venue.state().venue.sessions().count() == 1).await;
    desk.console.settled(&lost.command_id, PATIENCE).await.expect("settled");
    assert_eq!(desk.bands(), ["B-2"]);
}

#[tokio::test(start_paused = true)]
async fn what_goes_back_while_the_link_stands_is_a_backlog_of_its_own() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let backup = venue.state().backup();
    let sales = take_all(&desk, (0..150).map(|n| checkin(&format!("B-{n}"), &hour))).await;
    for id in &sales {
        desk.console.settled(id, PATIENCE).await.expect("settled");
    }
    assert_eq!(desk.status()["drain"], json!(null));
    {
        let mut state = venue.state();
        state.restore(backup, "epoch-2", None);
        state.commands_take = Duration::from_millis(250);
    }
    venue.heartbeat();
    let drain = || desk.status()["drain"].clone();
    until("it is shown", || drain() == json!({ "total": 150, "left": 150 })).await;
    until("a part is done", || drain() == json!({ "total": 150, "left": 50 }) || drain() == json!(null)).await;
    until("all is done", || drain() == json!(null)).await;
    assert_eq!(venue.state().venue.sessions().count(), 150);
}

#[tokio::test(start_paused = true)]
async fn answers_are_forgotten_after_thirty_days_of_venue_time_and_what_waits_never_is() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided_bands = vec!["B-3".to_owned()];
    let old = desk.settle(&checkin("B-1", &hour)).await;
    let waits = desk.execute(&checkin("B-3", &hour)).await.expect("taken").command_id;
    let days = |days: i64| {
        let mut state = venue.state();
        state.now = state.now.plus(days * 86_400_000);
    };
    let is_kept = |id: &str| desk.console.fate(id).expect("read").is_some();
    // Beyond an hour of a link that stands.
    let an_hour = async || {
        for _ in 0..370 {
            venue.heartbeat();
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    };
    days(20);
    an_hour().await;
    let young = desk.settle(&checkin("B-2", &hour)).await;
    assert!(is_kept(&old.command_id), "twenty days");
    days(11);
    an_hour().await;
    desk.settle(&checkin("B-4", &hour)).await;
    until("it is forgotten", || !is_kept(&old.command_id)).await;
    assert!(is_kept(&young.command_id), "eleven days");
    days(100);
    an_hour().await;
    until("the next is forgotten", || !is_kept(&young.command_id)).await;
    assert!(is_kept(&waits), "what was never answered stays");
}
