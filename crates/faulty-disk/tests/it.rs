//! What a disk does to SQLite, and what SQLite has afterwards.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use gangway_faulty_disk::{Disk, Mount, Operation, Verdict, install};
use rusqlite::Connection;

fn open(folder: &Path, synchronous: &str) -> rusqlite::Result<Connection> {
    install();
    let connection = Connection::open(folder.join("t.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)")?;
    Ok(connection)
}

fn put(connection: &Connection, n: i64) -> rusqlite::Result<usize> {
    connection.execute("INSERT INTO t VALUES (?1)", [n])
}

fn rows(folder: &Path) -> Vec<i64> {
    let connection = open(folder, "FULL").expect("it opens");
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(verdict, "ok");
    let mut statement = connection.prepare("SELECT n FROM t ORDER BY n").expect("a statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

#[test]
fn a_machine_that_dies_at_any_operation_has_what_was_committed() {
    for death in 1.. {
        let folder = tempfile::tempdir().expect("a folder");
        let mut count = 0;
        let disk = Disk::new(folder.path(), move |_, _| {
            count += 1;
            if count == death { Verdict::Dead } else { Verdict::Done }
        });
        let mut acknowledged = Vec::new();
        if let Ok(connection) = open(folder.path(), "FULL") {
            acknowledged.extend((0..5).filter(|n| put(&connection, *n).is_ok()));
        }
        let all = acknowledged.len() == 5 && disk.operations() < death;
        disk.lose_unsynced(&mut || death % 2 == 0).expect("the files can be changed");
        disk.revive();
        let found = rows(folder.path());
        assert!(acknowledged.iter().all(|n| found.contains(n)), "died at {death}: {acknowledged:?}, found {found:?}");
        if all {
            assert!(death > 10, "there were operations to die at");
            return;
        }
    }
}

#[test]
fn without_syncs_a_power_cut_costs_commits_and_not_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(folder.path(), |_, _| Verdict::Done);
    let connection = open(folder.path(), "NORMAL").expect("it opens");
    (0..5).for_each(|n| assert!(put(&connection, n).is_ok()));
    disk.die();
    drop(connection);
    let lost = disk.lose_unsynced(&mut || false).expect("the files can be changed");
    assert!(lost > 0);
    disk.revive();
    assert_eq!(rows(folder.path()), []);
}

#[test]
fn a_full_disk_and_a_failing_one_refuse_and_recover() {
    for verdict in [Verdict::Full, Verdict::Fails] {
        let folder = tempfile::tempdir().expect("a folder");
        let broken = Arc::new(AtomicBool::new(false));
        let seen = broken.clone();
        let judge = move |operation, _: &Path| match (operation, seen.load(Relaxed)) {
            (Operation::Write, true) => verdict,
            _ => Verdict::Done,
        };
        let _disk = Disk::new(folder.path(), judge);
        let connection = open(folder.path(), "FULL").expect("it opens");
        assert!(put(&connection, 1).is_ok());
        broken.store(true, Relaxed);
        let error = put(&connection, 2).expect_err("the disk refuses");
        let code = error.sqlite_error_code().expect("a code of SQLite");
        let full = code == rusqlite::ErrorCode::DiskFull;
        assert_eq!(full, verdict == Verdict::Full, "{error}");
        broken.store(false, Relaxed);
        assert!(put(&connection, 3).is_ok());
        drop(connection);
        assert_eq!(rows(folder.path()), [1, 3]);
    }
}

#[test]
fn a_disk_that_turns_read_only_refuses_as_the_real_one_does_and_goes_on_when_it_is_over() {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly, SystemIoFailure};
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(folder.path(), |_, _| Verdict::Done);
    let connection = open(folder.path(), "FULL").expect("it opens");
    assert!(put(&connection, 1).is_ok());
    disk.mount(Mount::ReadOnly);
    let refused = |result: rusqlite::Result<usize>| result.expect_err("refused").sqlite_error_code();
    assert_eq!(refused(put(&connection, 2)), Some(SystemIoFailure), "an open file gets EROFS");
    let count = |connection: &Connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
    assert_eq!(count(&connection), Ok(1), "what is there is read");
    let late = Connection::open(folder.path().join("t.sqlite")).expect("opened to read");
    assert_eq!(late.is_readonly("main"), Ok(true));
    assert_eq!(count(&late), Ok(1));
    assert_eq!(refused(put(&late, 2)), Some(ReadOnly));
    let new = Connection::open(folder.path().join("new.sqlite")).map(drop).expect_err("none is made");
    assert_eq!(new.sqlite_error_code(), Some(CannotOpen));
    drop(late);
    disk.mount(Mount::ReadWrite);
    assert!(put(&connection, 3).is_ok());
    drop(connection);
    assert_eq!(rows(folder.path()), [1, 3]);
    assert!(!folder.path().join("new.sqlite").exists());
}

#[test]
fn files_of_nobody_are_left_alone() {
    install();
    let folder = tempfile::tempdir().expect("a folder");
    let connection = open(folder.path(), "FULL").expect("it opens");
    assert!(put(&connection, 1).is_ok());
}
