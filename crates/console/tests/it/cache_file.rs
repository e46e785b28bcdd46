//! The cache's file: an older version's is taken over with its rows, a newer one's is refused and left as it is.

use std::{collections::BTreeMap, path::Path};

use gangway_console::OpenError;
use rusqlite::Connection;
use serde_json::json;

use crate::support::{
    Desk, FakeVenue,
    desk::open_in,
    until,
    venue::{checkin, session},
};

/// The tables that every version had so far.
const ROWS: &str = "
CREATE TABLE rows (
    collection TEXT NOT NULL, id TEXT NOT NULL, row TEXT NOT NULL, PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
";
/// What version 1 knew of its place.
const META_1: &str = "
CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 1), epoch TEXT, cursor INTEGER, event_id TEXT, state_hash TEXT,
    last_sync_at INTEGER, clock_offset_ms INTEGER NOT NULL DEFAULT 0, clean INTEGER NOT NULL DEFAULT 1
) STRICT;
";
/// What version 2 did.
const META_2: &str = "
CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 1), venue_id TEXT, epoch TEXT, cursor INTEGER, event_id TEXT,
    state_hash TEXT, last_sync_at INTEGER, clock_offset_ms INTEGER NOT NULL DEFAULT 0,
    clean INTEGER NOT NULL DEFAULT 1
) STRICT;
";

/// Puts what is in the cache of `folder` into one as an older version made it, and that in its place.
fn make_older(folder: &Path, version: i32, clean: bool) {
    let older = folder.join("older.sqlite");
    let (meta, columns) = match version {
        1 => (META_1, "epoch, cursor, event_id, state_hash, last_sync_at, clock_offset_ms"),
        _ => (META_2, "venue_id, epoch, cursor, event_id, state_hash, last_sync_at, clock_offset_ms"),
    };
    let file = Connection::open(&older).expect("a file");
    file.pragma_update(None, "journal_mode", "WAL").expect("a log");
    file.execute_batch(&format!("{ROWS}{meta}")).expect("the tables");
    let cache = folder.join("cache.sqlite");
    file.execute("ATTACH ?1 AS today", [cache.to_str()]).expect("the cache");
    file.execute_batch(&format!(
        "INSERT INTO rows SELECT collection, id, row FROM today.rows;
         INSERT INTO meta (only, {columns}, clean) SELECT 1, {columns}, {clean} FROM today.meta;
         DETACH today;
         PRAGMA application_id = 0x47576363;
         PRAGMA user_version = {version};"
    ))
    .expect("written");
    file.close().expect("closed");
    std::fs::rename(older, cache).expect("in its place");
}

/// Every file of the folder whose name begins so, with its content.
fn files(folder: &Path, name: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file"));
    let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    named.filter(|(file, _)| file.starts_with(name)).map(|(file, path)| (file, read(&path))).collect()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the file")
}

#[tokio::test(start_paused = true)]
async fn a_cache_of_each_older_version_is_taken_over_with_its_rows() {
    for (version, clean) in [(1, true), (1, false), (2, true), (2, false)] {
        let what = format!("version {version}, clean {clean}");
        let (venue, hour) = FakeVenue::with_hour();
        venue.execute(&checkin("B-1", &hour));
        let desk = Desk::live(&venue).await;
        let sync = desk.status();
        let Desk { folder, console } = desk;
        console.shutdown().await;
        make_older(folder.path(), version, clean);
        venue.set_online(false);
        let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
        assert_eq!(desk.bands(), ["B-1"], "{what}: a desk without a link goes on with its rows");
        let now = desk.status();
        for field in ["epoch", "cursor", "stateHash", "clockOffsetMs", "lastSyncAt"] {
            assert_eq!(now[field], sync[field], "{what}: {field}");
        }
        assert_eq!(now["notices"], json!([]), "{what}");
        desk.execute(&session("play", "B-1")).await.expect("taken");
        let snapshots = venue.asked().1;
        venue.set_online(true);
        desk.until_live().await;
        desk.until_in_sync(&venue).await;
        assert_eq!(venue.asked().1, snapshots, "{what}: the log is enough");
        assert_eq!(desk.data(&["playerSession", "B-1"])["status"], "playing", "{what}");
        let desk = desk.restart(&venue).await;
        assert_eq!(desk.bands(), ["B-1"], "{what}: it is of this version now");
        let file = Connection::open(desk.folder.path().join("cache.sqlite")).expect("the cache");
        let is: i32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
        assert!(is > version, "{what}: {is}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_of_a_newer_version_stops_the_start_and_nothing_is_changed() {
    for in_the_log in [false, true] {
        let (venue, hour) = FakeVenue::with_hour();
        let desk = Desk::live(&venue).await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        let sale = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        let Desk { folder, console } = desk;
        console.shutdown().await;
        let file = folder.path().join("cache.sqlite");
        let newer = Connection::open(&file).expect("the cache");
        newer.pragma_update(None, "user_version", 99).expect("written");
        // A newer version that was killed leaves it in the log beside the file.
        let newer = if in_the_log { Some(newer) } else { newer.close().map(|()| None).expect("closed") };
        let before = (read(&file), files(folder.path(), "cache.sqlite-wal"), files(folder.path(), "outbox"));
        let refused = open_in(folder.path(), &venue).err().expect("refused");
        assert!(matches!(refused, OpenError::CacheNewer(_)), "{refused}");
        assert_eq!(refused.code(), "cache_newer");
        let said = refused.to_string();
        assert!(said.contains("cache.sqlite") && said.contains("newer") && said.contains("Update"), "{said}");
        let wal = |mut files: BTreeMap<String, Vec<u8>>| {
            files.retain(|_, content| !content.is_empty());
            files
        };
        assert_eq!(read(&file), before.0, "{in_the_log}");
        assert_eq!(wal(files(folder.path(), "cache.sqlite-wal")), wal(before.1), "{in_the_log}");
        assert_eq!(files(folder.path(), "outbox"), before.2, "what waits is not touched either");
        assert!(files(folder.path(), "cache.sqlite.aside").is_empty(), "{in_the_log}");
        if let Some(newer) = newer {
            newer.pragma_update(None, "user_version", 3).expect("written");
        } else {
            Connection::open(&file).and_then(|file| file.pragma_update(None, "user_version", 3)).expect("written");
        }
        venue.set_online(true);
        let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
        desk.console.settled(&sale, std::time::Duration::from_secs(60)).await.expect("it is all there");
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_cache_makes_no_outbox_and_migrates_none() {
    let (venue, _) = FakeVenue::with_hour();
    let Desk { folder, console } = Desk::live(&venue).await;
    console.shutdown().await;
    let file = folder.path().join("cache.sqlite");
    Connection::open(&file).and_then(|file| file.pragma_update(None, "user_version", 99)).expect("written");
    for name in files(folder.path(), "outbox").keys() {
        std::fs::remove_file(folder.path().join(name)).expect("removed");
    }
    let refused = open_in(folder.path(), &venue).err().expect("refused");
    assert_eq!(refused.code(), "cache_newer");
    assert!(files(folder.path(), "outbox").is_empty(), "nothing was begun");
}
