//! The two files: the cache is found wrong and rebuilt, the outbox is never touched.

use gangway_console::{Notice, OpenError, status::FoundBy};
use rusqlite::Connection;
use serde_json::json;

use crate::support::{
    Desk, FakeVenue,
    desk::open_in,
    until,
    venue::{checkin, product, session},
};

/// Changes one cell of a stored product behind the console's back.
fn tamper(desk: &std::path::Path) {
    let file = Connection::open(desk.join("cache.sqlite")).expect("the cache");
    let changed = file
        .execute(
            "UPDATE rows SET row = replace(row, '\"priceMinor\":1250', '\"priceMinor\":1')
             WHERE collection = 'products' AND row LIKE '%\"priceMinor\":1250%'",
            [],
        )
        .expect("written");
    assert_eq!(changed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_changed_while_the_console_runs_is_found_said_and_repaired() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    desk.until_in_sync(&venue).await;
    tamper(desk.folder.path());
    let status = desk.sync_status();
    assert!(!status.in_sync, "the very next look at the status says so");
    assert_eq!(status.differs.expect("a report").found, FoundBy::FileChanged);
    until("it is repaired", || desk.sync_status().differs.is_some_and(|report| report.repaired_at.is_some())).await;
    let report = desk.sync_status().differs.expect("a report");
    let expect = json!([{ "collection": "products", "id": hour, "fields": ["priceMinor"], "kind": "changed" }]);
    assert_eq!(serde_json::to_value(report.rows).expect("JSON"), expect);
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.data(&["products"])[0]["price"], json!(12.5));
    let desk = desk.restart(&venue).await;
    assert_eq!(desk.data(&["products"])[0]["price"], json!(12.5), "the file is right again too");
    assert_eq!(desk.sync_status().differs, None);
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_changed_is_found_by_the_heartbeat_when_nobody_looks() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.until_in_sync(&venue).await;
    let snapshots = venue.asked().1;
    tamper(desk.folder.path());
    venue.heartbeat();
    until("a snapshot is asked for", || venue.asked().1 == snapshots + 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_changed_between_two_runs_is_found_said_and_repaired() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    tamper(folder.path());
    venue.set_online(false);
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    until("known before there is a server", || desk.sync_status().differs.is_some()).await;
    let status = desk.sync_status();
    assert!(!status.in_sync);
    assert_eq!(status.differs.expect("a report").found, FoundBy::AtStart);
    venue.set_online(true);
    desk.until_live().await;
    let report = desk.sync_status().differs.expect("a report");
    assert_eq!(report.rows[0].fields, ["priceMinor"]);
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.data(&["products"])[0]["price"], json!(12.5));
}

#[tokio::test(start_paused = true)]
async fn rows_are_not_called_in_sync_before_the_file_was_looked_at() {
    let (venue, _) = FakeVenue::with_hour();
    for n in 0..1_000 {
        venue.execute(&product(&format!("Sock {n}"), 2.0, None));
    }
    let Desk { folder, console } = Desk::live(&venue).await;
    console.shutdown().await;
    tamper(folder.path());
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    while desk.sync_status().differs.is_none() {
        assert!(!desk.sync_status().in_sync, "a cell is not the server's");
        tokio::task::yield_now().await;
    }
    desk.until_in_sync(&venue).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_somebody_removed_or_broke_is_said_as_what_it_is() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    desk.until_in_sync(&venue).await;
    {
        let file = Connection::open(desk.folder.path().join("cache.sqlite")).expect("the cache");
        file.execute("DELETE FROM rows WHERE collection = 'transactions'", []).expect("written");
        file.execute("UPDATE rows SET row = 'no JSON' WHERE collection = 'products'", []).expect("written");
        file.execute("INSERT INTO rows VALUES ('products', 'ghost', '{}')", []).expect("written");
    }
    venue.heartbeat();
    until("it is repaired", || desk.sync_status().differs.is_some_and(|report| report.repaired_at.is_some())).await;
    let rows = desk.sync_status().differs.expect("a report").rows;
    let mut kinds: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row.collection, serde_json::to_value(row.kind).expect("JSON")))
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["products \"changed\"", "products \"extra\"", "transactions \"missing\""]);
    desk.until_in_sync(&venue).await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_changed_and_then_overwritten_by_an_event_is_found_too() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.until_in_sync(&venue).await;
    tamper(desk.folder.path());
    venue.execute(&json!({ "type": "product.update", "productId": hour, "changes": { "price": 20 } }));
    until("the event is applied", || desk.status()["cursor"] == json!(venue.state().seq())).await;
    venue.heartbeat();
    until("it is repaired", || desk.sync_status().differs.is_some_and(|report| report.repaired_at.is_some())).await;
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.data(&["products"])[0]["price"], json!(20));
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_can_not_be_used_is_set_aside_and_rebuilt_and_the_outbox_stays() {
    for (what, break_it) in [
        ("damaged", break_bytes as fn(&std::path::Path)),
        ("another program's", make_foreign),
        ("without its tables", drop_tables),
    ] {
        let (venue, hour) = FakeVenue::with_hour();
        let desk = Desk::live(&venue).await;
        let fate = desk.settle(&checkin("B-1", &hour)).await;
        let device = desk.sync_status().device;
        let Desk { folder, console } = desk;
        console.shutdown().await;
        break_it(&folder.path().join("cache.sqlite"));
        venue.set_online(false);
        let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
        assert_eq!(desk.data(&["products"]), json!(null), "{what}: nothing is made up");
        assert_eq!(desk.status()["notices"][0]["code"], "cache_replaced", "{what}");
        assert!(desk.folder.path().join("cache.sqlite.aside-1").exists(), "{what}");
        venue.set_online(true);
        desk.until_live().await;
        assert_eq!(desk.bands(), ["B-1"], "{what}");
        assert_eq!(desk.sync_status().device, device, "{what}: the same desk");
        assert_eq!(desk.console.fate(&fate.command_id).expect("read"), Some(fate), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_desk_whose_cache_is_gone_or_empty_says_so_and_keeps_what_was_tapped() {
    for empty in [false, true] {
        let (venue, hour) = FakeVenue::with_hour();
        let desk = Desk::live(&venue).await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        let kept = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        let Desk { folder, console } = desk;
        console.shutdown().await;
        for name in ["cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm"] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
        if empty {
            std::fs::write(folder.path().join("cache.sqlite"), "").expect("a file");
        }
        let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
        assert_eq!(desk.data(&["products"]), json!(null), "nothing is made up");
        assert_eq!(desk.status()["notices"][0]["code"], "cache_gone", "{empty}");
        assert_eq!(desk.status()["pending"], 1);
        venue.set_online(true);
        desk.console.settled(&kept, std::time::Duration::from_secs(60)).await.expect("settled");
        assert_eq!(desk.bands(), ["B-1"]);
        let desk = desk.restart(&venue).await;
        assert!(desk.sync_status().notices.is_empty(), "said once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_is_new_has_nothing_to_say() {
    let (venue, _) = FakeVenue::with_hour();
    venue.set_online(false);
    let folder = tempfile::tempdir().expect("a folder");
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    assert!(desk.sync_status().notices.is_empty());
}

fn break_bytes(file: &std::path::Path) {
    std::fs::write(file, vec![0x5a; 20_000]).expect("written");
}

fn make_newer(file: &std::path::Path) {
    Connection::open(file).and_then(|file| file.pragma_update(None, "user_version", 99)).expect("written");
}

fn make_foreign(file: &std::path::Path) {
    Connection::open(file).and_then(|file| file.pragma_update(None, "application_id", 7)).expect("written");
}

fn drop_tables(file: &std::path::Path) {
    Connection::open(file).and_then(|file| file.execute_batch("DROP TABLE rows")).expect("written");
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_can_not_be_read_stops_the_start_and_is_left_as_it_is() {
    for (what, break_it) in
        [("damaged", break_bytes as fn(&std::path::Path)), ("newer", make_newer), ("foreign", make_foreign)]
    {
        let (venue, _) = FakeVenue::with_hour();
        let Desk { folder, console } = Desk::live(&venue).await;
        console.shutdown().await;
        let file = folder.path().join("outbox.sqlite");
        break_it(&file);
        let before = std::fs::read(&file).expect("the file");
        let refused = open_in(folder.path(), &venue).err().expect("refused");
        assert!(matches!(refused, OpenError::Outbox(_)), "{what}: {refused}");
        assert!(refused.to_string().contains("outbox.sqlite"), "{what}: {refused}");
        assert_eq!(std::fs::read(&file).expect("the file"), before, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_desk_whose_outbox_is_gone_says_so_and_goes_on_as_a_new_one() {
    for empty in [false, true] {
        let (venue, hour) = FakeVenue::with_hour();
        let desk = Desk::live(&venue).await;
        let before = desk.sync_status().device;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        desk.execute(&checkin("B-1", &hour)).await.expect("taken");
        let Desk { folder, console } = desk;
        console.shutdown().await;
        for name in ["outbox.sqlite", "outbox.sqlite-wal", "outbox.sqlite-shm"] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
        if empty {
            std::fs::write(folder.path().join("outbox.sqlite"), "").expect("a file");
        }
        let console = open_in(folder.path(), &venue).expect("it starts");
        let desk = Desk { folder, console };
        let status = desk.sync_status();
        assert_ne!(status.device.id, before.id, "what the old one had spent is not lent to it again");
        assert_eq!(status.notices.iter().map(Notice::code).collect::<Vec<_>>(), ["outbox_lost"]);
        assert_eq!(desk.data(&["attention"])[0]["code"], "outbox_lost");
        let desk = desk.restart(&venue).await;
        assert!(desk.sync_status().notices.is_empty(), "said once");
        assert_eq!(desk.data(&["attention"]).as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn two_consoles_never_share_a_folder_and_two_folders_are_two_devices() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let second = open_in(desk.folder.path(), &venue).err().expect("refused");
    assert!(matches!(second, OpenError::Locked { .. }), "{second}");
    let other = Desk::live(&venue).await;
    assert_ne!(desk.sync_status().device, other.sync_status().device);
    let before = desk.sync_status().device;
    let desk = desk.restart(&venue).await;
    assert_eq!(desk.sync_status().device, before, "made once");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn nobody_else_may_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let (venue, _) = FakeVenue::with_hour();
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("new");
    let console = open_in(&folder, &venue).expect("a console");
    assert_eq!(std::fs::metadata(&folder).expect("the folder").permissions().mode() & 0o777, 0o700);
    console.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_of_a_visit_is_not_invented_after_a_repair() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    tamper(desk.folder.path());
    venue.execute(&session("play", "B-1"));
    venue.heartbeat();
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.data(&["playerSession", "B-1"])["status"], "playing");
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_its_place_keeps_shut_is_not_called_damaged() {
    let (venue, _) = FakeVenue::with_hour();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("outbox.sqlite")).expect("made");
    let said = open_in(folder.path(), &venue).err().expect("refused").to_string();
    assert!(said.contains("can't be opened here") && !said.contains("move it away"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn commands_of_one_venue_never_reach_another_even_when_the_cache_is_lost() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let sale = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    std::fs::remove_file(folder.path().join("cache.sqlite")).expect("removed");
    let (other, _) = FakeVenue::with_hour();
    other.state().venue_id = Some("venue-2".to_owned());
    let desk = Desk { console: open_in(folder.path(), &other).expect("a console"), folder };
    until("it is said", || desk.status()["problem"]["code"] == "other_venue").await;
    assert_eq!(desk.data(&["products"]), json!(null), "nothing of the other venue is shown");
    assert_eq!(other.state().bodies, Vec::<String>::new(), "and nothing is sent to it");
    let Desk { folder, console } = desk;
    console.shutdown().await;
    venue.set_online(true);
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    desk.console.settled(&sale, std::time::Duration::from_secs(60)).await.expect("sent to its own server");
    assert_eq!(desk.bands(), ["B-1"]);
}

#[tokio::test(start_paused = true)]
async fn rows_of_another_venue_are_never_laid_under_this_desks_commands() {
    let (venue, hour) = FakeVenue::with_hour();
    let (other, _) = FakeVenue::with_hour();
    other.state().venue_id = Some("venue-2".to_owned());
    let Desk { folder: theirs, console } = Desk::live(&other).await;
    console.shutdown().await;
    let Desk { folder, console } = Desk::live(&venue).await;
    console.shutdown().await;
    std::fs::copy(theirs.path().join("cache.sqlite"), folder.path().join("cache.sqlite")).expect("copied");
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    assert_eq!(desk.status()["notices"][0]["code"], "cache_of_other_venue");
    desk.until_live().await;
    assert_eq!(desk.bands(), ["B-1"]);
}

#[tokio::test(start_paused = true)]
async fn of_the_caches_that_were_set_aside_only_the_last_are_kept() {
    let (venue, _) = FakeVenue::with_hour();
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..6 {
        break_bytes(&folder.path().join("cache.sqlite"));
        // What a reader left would mend the broken file.
        let _ = std::fs::remove_file(folder.path().join("cache.sqlite-wal"));
        open_in(folder.path(), &venue).expect("a console").shutdown().await;
    }
    let aside = |number: u32| folder.path().join(format!("cache.sqlite.aside-{number}")).exists();
    let kept: Vec<u32> = (1..=7).filter(|number| aside(*number)).collect();
    assert_eq!(kept, [4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_can_not_be_read_while_the_desk_runs_is_said_and_is_not_called_empty() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let id = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    let file = Connection::open(desk.folder.path().join("outbox.sqlite")).expect("the outbox");
    file.execute_batch("ALTER TABLE commands RENAME TO gone").expect("renamed");
    assert_eq!(desk.status()["pending"], 1, "nothing of it was sent");
    assert_eq!(desk.bands(), ["B-1"]);
    assert_eq!(desk.data(&["commands"]), json!(null), "it is not known that there is none");
    venue.set_online(true);
    until("it is said", || desk.status()["problem"]["message"].as_str().is_some_and(|why| why.contains("outbox")))
        .await;
    let refused = desk.execute(&checkin("B-2", &hour)).await.expect_err("not saved");
    assert_eq!(refused.code(), "disk");
    assert_eq!(desk.bands(), ["B-1"], "nothing shows that is not saved");
    file.execute_batch("ALTER TABLE gone RENAME TO commands").expect("renamed");
    desk.console.settled(&id, std::time::Duration::from_secs(60)).await.expect("sent");
    until("it is over", || !desk.status()["problem"].to_string().contains("outbox")).await;
    assert_eq!(venue.state().venue.sessions().count(), 1);
}
