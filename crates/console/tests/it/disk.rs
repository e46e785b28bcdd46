//! A disk that is full, fails, can't be written to or is slow: what is said to be saved is, what can't be is refused
//! in words, and nothing starts over with less than there was.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gangway_console::{CommandState, OpenError, Push};
use gangway_faulty_disk::{Disk, Mount, Operation, Verdict, install};
use serde_json::json;

use crate::support::{
    Desk, FakeVenue,
    desk::{TestClock, key, open_in, open_named, open_with_clock},
    until,
    venue::{checkin, session},
};

/// Whatever is wrong, the desk is the same.
const EACH: [Verdict; 3] = [Verdict::Full, Verdict::Fails, Verdict::ReadOnly];

/// What is wrong with a desk's disk; nothing at first.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<(&'static str, Verdict)>>>);

impl Trouble {
    /// From now on this becomes of what changes the file that is called so.
    fn with(&self, file: &'static str, verdict: Verdict) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((file, verdict));
    }

    fn is_over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn judge(&self, operation: Operation, path: &Path) -> Verdict {
        let trouble = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match trouble {
            Some((file, Verdict::Full)) if name.starts_with(file) && operation == Operation::Write => Verdict::Full,
            Some((file, verdict)) if name.starts_with(file) && verdict != Verdict::Full => verdict,
            _ => Verdict::Done,
        }
    }
}

/// The bands that show, whoever came first.
fn bands(desk: &Desk) -> Vec<String> {
    let mut bands = desk.bands();
    bands.sort();
    bands
}

/// A desk that is live, and its disk.
async fn desk_on_a_disk(venue: &FakeVenue) -> (Desk, Disk, Trouble) {
    install();
    let (folder, trouble) = (tempfile::tempdir().expect("a folder"), Trouble::default());
    let judge = trouble.clone();
    let disk = Disk::new(folder.path(), move |operation, path| judge.judge(operation, path));
    let desk = Desk { console: open_in(folder.path(), venue).expect("a console"), folder };
    desk.until_live().await;
    (desk, disk, trouble)
}

#[tokio::test(start_paused = true)]
async fn a_tap_that_the_disk_does_not_take_is_refused_in_words_and_leaves_nothing() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, _disk, trouble) = desk_on_a_disk(&venue).await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        let kept = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        trouble.with("outbox.sqlite", verdict);
        let refused = desk.execute(&checkin("B-2", &hour)).await.expect_err("not saved");
        assert_eq!(refused.code(), "disk", "{verdict:?}");
        assert!(refused.to_string().contains("could not be saved"), "{refused}");
        assert_eq!(desk.bands(), ["B-1"], "{verdict:?}: nothing shows that is not saved");
        assert_eq!(desk.status()["problem"]["code"], "commands_not_saved");
        assert_eq!(desk.status()["pending"], 1);
        trouble.is_over();
        let later = desk.execute(&checkin("B-2", &hour)).await.expect("taken").command_id;
        assert_ne!(desk.status()["problem"]["code"], "commands_not_saved", "{verdict:?}: it is over");
        venue.set_online(true);
        for id in [kept, later] {
            desk.console.settled(&id, Duration::from_secs(60)).await.expect("settled");
        }
        assert_eq!(bands(&desk), ["B-1", "B-2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_the_disk_does_not_take_are_asked_for_again_and_count_once() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, _disk, trouble) = desk_on_a_disk(&venue).await;
        venue.state().commands_take = Duration::from_secs(1);
        let id = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        until("it is on its way", || venue.state().calls_under_way() == 1).await;
        trouble.with("outbox.sqlite", verdict);
        until("it was asked for again", || venue.state().bodies.len() >= 3).await;
        assert_eq!(desk.status()["problem"]["code"], "commands_not_saved");
        assert_eq!(desk.console.fate(&id).expect("read").expect("kept").state, CommandState::Sent);
        trouble.is_over();
        desk.console.settled(&id, Duration::from_secs(60)).await.expect("settled");
        assert_eq!(venue.state().venue.sessions().count(), 1);
        assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(12.5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_the_disk_does_not_take_is_said_commands_go_on_and_it_catches_up_later() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, _disk, trouble) = desk_on_a_disk(&venue).await;
        trouble.with("cache.sqlite", verdict);
        venue.execute(&checkin("B-1", &hour));
        until("it is said", || desk.status()["problem"]["code"] == "cache_file").await;
        assert!(!desk.sync_status().in_sync, "{verdict:?}");
        let id = desk.execute(&checkin("B-2", &hour)).await.expect("the outbox takes it").command_id;
        until("it is answered", || {
            desk.console.fate(&id).expect("read").is_some_and(|fate| fate.state == CommandState::Settled)
        })
        .await;
        trouble.is_over();
        until("all is here", || bands(&desk) == ["B-1", "B-2"]).await;
        desk.until_in_sync(&venue).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_on_a_disk_that_takes_nothing_has_everything_or_says_why_it_is_none() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, disk, trouble) = desk_on_a_disk(&venue).await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        let id = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        let Desk { folder, console } = desk;
        console.shutdown().await;
        trouble.with("outbox.sqlite", verdict);
        // What is on disk is never started without: either it is all there, or there is no start and it is said why.
        match open_in(folder.path(), &venue) {
            Ok(console) => assert!(console.fate(&id).expect("read").is_some()),
            Err(error) => assert!(matches!(error, OpenError::Outbox(_)), "{error}"),
        }
        trouble.is_over();
        let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
        assert_eq!(desk.bands(), ["B-1"]);
        drop(disk);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_the_disk_does_not_take_is_not_filled() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        venue.execute(&json!({ "type": "settings.update", "changes": { "capacityPolicy": "strict" } }));
        venue.execute(&checkin("B-1", &hour));
        let (desk, _disk, trouble) = desk_on_a_disk(&venue).await;
        trouble.with("outbox.sqlite", verdict);
        let before = venue.state().lease_calls.len();
        venue.state().lend(&desk.sync_status().device.id, &["p-1"]);
        venue.heartbeat();
        until("it is answered", || venue.state().lease_calls.len() > before).await;
        until("its row is here", || desk.status()["places"]["held"] == 1).await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        trouble.is_over();
        let refused = desk.execute(&session("play", "B-1")).await.expect("an outcome");
        assert_eq!(refused.state, CommandState::Rejected, "{verdict:?}: it is not on disk");
        venue.set_online(true);
        desk.until_live().await;
        let says_so = || venue.state().lease_calls.last().is_some_and(|call| call.held.len() == 1);
        until("it has the place", || {
            venue.heartbeat();
            says_so()
        })
        .await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        let go = desk.execute(&session("play", "B-1")).await.expect("an outcome");
        assert_eq!((go.state, go.awaiting), (CommandState::Pending, false), "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_on_a_full_disk_is_shown_at_the_start_and_goes_on_when_there_is_room() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, disk, trouble) = desk_on_a_disk(&venue).await;
        desk.settle(&checkin("B-1", &hour)).await;
        let Desk { folder, console } = desk;
        console.shutdown().await;
        trouble.with("cache.sqlite", verdict);
        venue.set_online(false);
        let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
        assert_eq!(desk.bands(), ["B-1"], "{verdict:?}: what is held shows");
        let id = desk.execute(&session("play", "B-1")).await.expect("the outbox takes it").command_id;
        venue.set_online(true);
        until("it is said", || desk.status()["problem"]["code"] == "cache_file").await;
        assert!(!desk.sync_status().in_sync, "{verdict:?}");
        trouble.is_over();
        desk.console.settled(&id, Duration::from_secs(60)).await.expect("settled");
        desk.until_in_sync(&venue).await;
        assert_eq!(desk.data(&["playerSession", "B-1"])["status"], "playing");
        drop(disk);
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_disk_can_only_be_read_taps_are_refused_screens_go_on_and_nothing_is_lost() {
    let (venue, hour) = FakeVenue::with_hour();
    let (desk, disk, _) = desk_on_a_disk(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let kept = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    disk.mount(Mount::ReadOnly);
    let refused = desk.execute(&checkin("B-2", &hour)).await.expect_err("not saved");
    assert_eq!(refused.code(), "disk");
    assert!(refused.to_string().contains("could not be saved, so nothing was done"), "{refused}");
    assert_eq!(
        desk.data(&["syncStatus"])["problem"]["code"],
        "commands_not_saved",
        "it is said for as long as it is so"
    );
    assert_eq!(desk.bands(), ["B-1"], "screens show what is held");
    assert_eq!(desk.data(&["commands"]).as_array().map(Vec::len), Some(1), "and the file is read");
    assert_eq!(desk.console.fate(&kept).expect("read").expect("kept").state, CommandState::Pending);
    // With the link back it knows what it may not write down: nothing of it shows, and the light is not green.
    venue.execute(&checkin("B-3", &hour));
    venue.set_online(true);
    venue.heartbeat();
    until("it has been tried", || venue.asked().0 > 0).await;
    assert!(!desk.sync_status().in_sync);
    let said = ["cache_file", "outbox_file", "commands_not_saved"];
    until("it is said", || said.iter().any(|code| desk.data(&["syncStatus"])["problem"]["code"] == *code)).await;
    assert_eq!(desk.status()["pending"], 1, "what waits is counted");
    assert_eq!(desk.data(&["products"]).as_array().map(Vec::len), Some(1), "questions are answered");
    disk.mount(Mount::ReadWrite);
    desk.console.settled(&kept, Duration::from_secs(60)).await.expect("settled");
    until("all is here", || bands(&desk) == ["B-1", "B-3"]).await;
    desk.until_in_sync(&venue).await;
    desk.settle(&checkin("B-2", &hour)).await;
    assert_eq!(desk.data(&["syncStatus"])["problem"], json!(null));
    assert_eq!(venue.state().venue.sessions().count(), 3, "each once");
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_dated_anew_is_not_sent_while_the_disk_does_not_take_its_date() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, disk, trouble) = desk_on_a_disk(&venue).await;
        venue.set_online(false);
        let Desk { folder, console } = desk;
        console.shutdown().await;
        let later = venue.state().now.plus(40 * 86_400_000);
        venue.state().now = later;
        let behind = TestClock::default();
        behind.set(-20 * 365 * 86_400_000);
        let console = open_with_clock(folder.path(), &venue, &behind).expect("a console");
        let desk = Desk { console, folder };
        let id = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        trouble.with("outbox.sqlite", verdict);
        venue.set_online(true);
        desk.until_live().await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(venue.state().bodies, Vec::<String>::new(), "{verdict:?}: it would be too old");
        trouble.is_over();
        let fate = desk.console.settled(&id, Duration::from_secs(60)).await.expect("settled");
        assert_eq!(fate.state, CommandState::Settled, "{verdict:?}: {fate:?}");
        drop(disk);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_where_nothing_can_be_written_is_refused_and_everything_is_there_later() {
    for killed in [false, true] {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, disk, _) = desk_on_a_disk(&venue).await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        let kept = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        let Desk { folder, console } = desk;
        // A desk that was killed leaves its log beside the file: then SQLite opens both to read.
        let outbox = folder.path().join("outbox.sqlite");
        let log = killed.then(|| rusqlite::Connection::open(&outbox).expect("the outbox"));
        let log = log.inspect(|log| log.query_row("SELECT 1 FROM device", [], |_| Ok(())).expect("read"));
        console.shutdown().await;
        disk.mount(Mount::ReadOnly);
        let refused = open_in(folder.path(), &venue).err().expect("no desk that can take nothing");
        assert_eq!(refused.code(), "outbox_unusable", "{killed}");
        let said = refused.to_string();
        assert!(said.contains("can't be opened here") && !said.contains("move it away"), "{killed}: {said}");
        disk.mount(Mount::ReadWrite);
        drop(log);
        let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
        assert_eq!(desk.bands(), ["B-1"], "{killed}");
        venue.set_online(true);
        desk.console.settled(&kept, Duration::from_secs(60)).await.expect("settled");
    }
}

/// A desk whose disk can be made to take long.
fn desk_on_a_slow_disk(venue: &FakeVenue) -> (Desk, Disk) {
    install();
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(folder.path(), |_, _| Verdict::Done);
    let desk = Desk { console: open_in(folder.path(), venue).expect("a console"), folder };
    (desk, disk)
}

/// Taps, and does not wait for it.
fn tap(desk: &Desk, command: &serde_json::Value) -> tokio::task::JoinHandle<String> {
    let request = gangway_console::ExecuteRequest::of(command).expect("a command");
    let console = desk.console.clone();
    tokio::spawn(async move { console.execute(request).await.expect("taken").command_id })
}

#[tokio::test(start_paused = true)]
async fn a_sale_that_waits_for_the_disk_is_sent_as_it_was_shown_when_it_was_tapped() {
    let (venue, hour) = FakeVenue::with_hour();
    let (desk, disk) = desk_on_a_slow_disk(&venue);
    desk.until_live().await;
    disk.stall_next(Operation::Sync, "outbox");
    let first = tap(&desk, &checkin("B-1", &hour));
    // The test's time stands still while the disk works.
    while !disk.is_stalled() {
        tokio::task::yield_now().await;
    }
    let second = tap(&desk, &checkin("B-2", &hour));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let dearer = json!({ "price": 20, "timeValueSeconds": 1_800 });
    venue.execute(&json!({ "type": "product.update", "productId": hour, "changes": dearer }));
    while desk.data(&["products"])[0]["price"] != json!(20) {
        tokio::task::yield_now().await;
    }
    assert!(!second.is_finished(), "it waits for the disk");
    disk.go_on();
    let ids = [first.await.expect("no panic"), second.await.expect("no panic")];
    for id in &ids {
        desk.console.settled(id, Duration::from_secs(60)).await.expect("settled");
    }
    let shown = shown(&venue, &hour);
    assert_eq!(shown[&ids[1]], (json!(1_250), json!(3_600_000)), "what the guest was told, not what was current");
    assert_eq!(shown[&ids[0]], (json!(1_250), json!(3_600_000)));
}

/// Price and time of the product as each command that was sent says that it was shown.
fn shown(venue: &FakeVenue, product: &str) -> HashMap<String, (serde_json::Value, serde_json::Value)> {
    let bodies = venue.state().bodies.clone();
    let bodies = bodies.iter().map(|body| serde_json::from_str::<serde_json::Value>(body).expect("JSON"));
    let commands = bodies.flat_map(|body| body["commands"].as_array().expect("commands").clone());
    let of = |command: serde_json::Value| {
        let row = &command["shown"][product];
        (
            command["commandId"].as_str().expect("an id").to_owned(),
            (row["priceMinor"].clone(), row["timeValueMs"].clone()),
        )
    };
    commands.map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn a_sale_that_waits_for_a_link_is_sent_as_it_was_shown_when_it_was_tapped() {
    let (venue, hour) = FakeVenue::with_hour();
    let (desk, _disk, _) = desk_on_a_disk(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let id = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    venue.execute(&json!({ "type": "product.update", "productId": hour, "changes": { "price": 20 } }));
    // Nothing is sent before the new price is here.
    venue.state().undecided = true;
    venue.set_online(true);
    until("the price is known", || desk.data(&["products"])[0]["price"] == json!(20)).await;
    let desk = desk.restart(&venue).await;
    venue.state().bodies.clear();
    venue.state().undecided = false;
    desk.console.settled(&id, Duration::from_secs(60)).await.expect("settled");
    assert_eq!(shown(&venue, &hour)[&id], (json!(1_250), json!(3_600_000)));
}

#[tokio::test(start_paused = true)]
async fn while_a_slow_disk_takes_a_tap_the_screens_go_on() {
    let (venue, hour) = FakeVenue::with_hour();
    let (desk, disk) = desk_on_a_slow_disk(&venue);
    desk.until_live().await;
    venue.execute(&checkin("B-1", &hour));
    until("it shows", || desk.bands() == ["B-1"]).await;
    desk.console.subscribe("page", vec![key(&["syncStatus"]), key(&["playerSession", "B-2"])]);
    let mut pushes = desk.console.pushes();
    disk.stall_next(Operation::Sync, "outbox");
    let tap = tap(&desk, &session("play", "B-1"));
    // The test's time stands still while the disk works.
    while !disk.is_stalled() {
        tokio::task::yield_now().await;
    }
    assert!(!tap.is_finished(), "nothing is said before it is on disk");
    assert_eq!(desk.data(&["playerSession", "B-1"])["status"], "waiting", "questions are answered meanwhile");
    venue.execute(&checkin("B-2", &hour));
    let of_the_band = |push: &Push| push.updates.iter().any(|update| update.key == key(&["playerSession", "B-2"]));
    while !pushes.try_recv().is_ok_and(|push| of_the_band(&push)) {
        // The clock stands still by itself while the disk works.
        tokio::time::advance(Duration::from_millis(20)).await;
    }
    assert_eq!(desk.data(&["syncStatus"])["pending"], 0, "what is not on disk is not taken");
    assert!(!tap.is_finished(), "the push waited for no disk");
    disk.go_on();
    tap.await.expect("taken");
}

#[tokio::test(start_paused = true)]
async fn what_a_restored_server_lacks_goes_again_once_the_disk_takes_it_and_nothing_before() {
    for verdict in EACH {
        let (venue, hour) = FakeVenue::with_hour();
        let (desk, _disk, trouble) = desk_on_a_disk(&venue).await;
        let backup = venue.state().backup();
        let lost = desk.settle(&checkin("B-1", &hour)).await.command_id;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        let waiting = desk.execute(&session("play", "B-1")).await.expect("taken").command_id;
        venue.state().restore(backup, "epoch-2", None);
        venue.state().bodies.clear();
        trouble.with("outbox.sqlite", verdict);
        venue.set_online(true);
        until("it is said", || desk.status()["problem"]["code"] == "commands_not_saved").await;
        assert_eq!(venue.state().bodies.len(), 0, "{verdict:?}: a play of a visit that the server does not know");
        trouble.is_over();
        // Nobody waits for the next link.
        for id in [&lost, &waiting] {
            desk.console.settled(id, Duration::from_secs(60)).await.expect("settled");
        }
        assert_eq!(desk.data(&["playerSession", "B-1"])["status"], "playing", "{verdict:?}");
        assert_eq!(venue.state().venue.sessions().count(), 1);
        until("it is over", || desk.status()["problem"].is_null()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tap_that_was_refused_because_only_the_sync_failed_does_not_come_back_after_a_kill() {
    let (venue, hour) = FakeVenue::with_hour();
    install();
    let folder = tempfile::tempdir().expect("a folder");
    let fails = Arc::new(AtomicBool::new(false));
    let failing = fails.clone();
    let _disk = Disk::new(folder.path(), move |operation, path| {
        let is_outbox = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("outbox"));
        let fails = operation == Operation::Sync && is_outbox && failing.load(Ordering::SeqCst);
        if fails { Verdict::Fails } else { Verdict::Done }
    });
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    desk.until_live().await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let kept = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    fails.store(true, Ordering::SeqCst);
    let refused = desk.execute(&checkin("B-2", &hour)).await.expect_err("not saved");
    assert_eq!(refused.code(), "disk");
    // What a kill leaves is what is in the files now.
    let after = tempfile::tempdir().expect("a folder");
    for name in ["outbox.sqlite", "outbox.sqlite-wal", "cache.sqlite", "cache.sqlite-wal"] {
        std::fs::copy(desk.folder.path().join(name), after.path().join(name)).expect("copied");
    }
    let again = Desk { console: open_in(after.path(), &venue).expect("a console"), folder: after };
    assert_eq!(again.bands(), ["B-1"], "what was refused is not there");
    assert_eq!(again.console.fate(&kept).expect("read").expect("kept").state, CommandState::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_desk_with_a_name_starts_on_a_full_disk() {
    let (venue, hour) = FakeVenue::with_hour();
    let (desk, _disk, trouble) = desk_on_a_disk(&venue).await;
    venue.execute(&checkin("B-1", &hour));
    until("it shows", || desk.bands() == ["B-1"]).await;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    open_named(folder.path(), &venue, "Gate").expect("a console").shutdown().await;
    trouble.with("", Verdict::Full);
    let console = open_named(folder.path(), &venue, "Gate").expect("it has that name already");
    console.shutdown().await;
}
