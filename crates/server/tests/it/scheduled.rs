//! Copies that the server makes by itself: on time, whole, the newest kept, and never one that is wrong over good ones.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

use crate::support::{
    program::{Program, command},
    until,
};

/// A server that makes a copy every so often.
fn serve(venue: &Path, copies: &Path, every: &str, keep: &str) -> Program {
    let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--insecure-open", "--data-dir"]);
    command.arg(venue).arg("--backup-dir").arg(copies).args(["--backup-every", every]);
    Program::run(command.env("GANGWAY_BACKUP_KEEP", keep), None)
}

/// The copies that are there.
fn copies(dir: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name().display().to_string());
    names.filter(|name| name.starts_with("gangway-") && name.ends_with(".sqlite")).collect()
}

fn verified(file: &Path) -> bool {
    command(&["verify"]).arg(file).status().expect("it runs").success()
}

#[test]
fn the_newest_copies_are_kept_and_all_of_them_are_whole() {
    let (venue, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let dir = folder.path().join("copies");
    fs::create_dir(&dir).expect("a folder");
    let theirs = dir.join("gangway-another-20261124T150405Z.sqlite");
    fs::write(&theirs, "of another venue").expect("a file");
    let program = serve(venue.path(), &dir, "1s", "2");
    let venue_id = program.ready["venueId"].as_str().expect("an id").to_owned();
    let product = program.product();
    let left = dir.join(format!(".gangway-{venue_id}-left.part"));
    fs::write(&left, "half").expect("a file");
    let mut seen = BTreeSet::new();
    until("four copies", || {
        seen.extend(copies(&dir).into_iter().filter(|name| name.contains(&venue_id)));
        (seen.len() >= 4).then_some(())
    });
    // The last one may be there before the oldest is gone.
    let kept = until("two that are kept", || {
        let kept: Vec<_> = copies(&dir).into_iter().filter(|name| name.contains(&venue_id)).collect();
        (kept.len() == 2).then_some(kept)
    });
    assert!(kept.iter().all(|name| name >= seen.iter().nth(2).expect("four")), "the newest: {kept:?} of {seen:?}");
    program.end();
    assert!(copies(&dir).iter().filter(|name| name.contains(&venue_id)).all(|name| verified(&dir.join(name))));
    assert!(!left.exists() && theirs.exists(), "what a killed server left is gone, what others have stays");
    // The last of them has what was sold.
    let last = copies(&dir).into_iter().rfind(|name| name.contains(&venue_id)).expect("a copy");
    let raw = rusqlite::Connection::open(dir.join(last)).expect("the copy");
    let there: bool =
        raw.query_row("SELECT count(*) FROM products WHERE id = ?1", [&product], |row| row.get(0)).expect("read");
    assert!(there);
}

#[test]
fn a_restart_makes_no_copy_before_it_is_due() {
    let (venue, dir) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let program = serve(venue.path(), dir.path(), "6h", "5");
    let first = until("a copy", || Some(copies(dir.path())).filter(|copies| copies.len() == 1));
    program.end();
    let program = serve(venue.path(), dir.path(), "6h", "5");
    program.product();
    program.end();
    assert_eq!(copies(dir.path()), first);
}

#[test]
fn a_venue_that_is_wrong_is_not_copied_over_good_copies_and_that_is_said() {
    let (venue, dir) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let program = serve(venue.path(), dir.path(), "6h", "1");
    program.product();
    let first = until("a copy", || Some(copies(dir.path())).filter(|copies| copies.len() == 1));
    program.end();
    let raw = rusqlite::Connection::open(venue.path().join("venue.sqlite")).expect("the file");
    raw.execute("UPDATE products SET row = json_set(row, '$.priceMinor', 7)", []).expect("changed");
    drop(raw);
    let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--insecure-open", "--data-dir"]);
    command.arg(venue.path()).arg("--backup-dir").arg(dir.path()).args(["--backup-every", "1s", "--backup-keep", "1"]);
    let mut child = command.spawn().expect("it starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let said = lines.into_iter().find(|line| line.contains("was not backed up"));
    child.kill().expect("killed");
    child.wait().expect("gone");
    let said = said.expect("it says so");
    assert!(said.contains("ERROR") && said.contains("priceMinor"), "{said}");
    assert_eq!(copies(dir.path()), first);
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let (venue, dir) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let deep = dir.path().join("stick").join("copies");
    let _program = serve(venue.path(), &deep, "6h", "1");
    until("a copy", || (copies(&deep).len() == 1).then_some(()));
}

#[test]
fn how_often_and_how_many_has_its_bounds() {
    for wrong in
        [["--backup-every", "0s"], ["--backup-every", "often"], ["--backup-keep", "0"], ["--bailout-every", "-1m"]]
    {
        let output = command(&["serve"]).arg(wrong.join("=")).output().expect("it runs");
        let sentence = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!((output.status.code(), sentence.lines().count()), (Some(2), 1), "{wrong:?}: {sentence}");
    }
}
