//! A disk that takes nothing: what is not on it is not acknowledged, what was is read, and the log goes on unbroken.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use gangway_faulty_disk::{Disk, Mount, Operation, Verdict, install};
use gangway_server::store::{
    StoreError,
    sqlite::{FILE, SqliteStore, verify},
};
use serde_json::{Value, json};

use crate::support::{
    parts::founding,
    venue::{Answer, Venue, options, sale},
};

fn id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn batch(venue: &Venue, commands: &[Value]) -> Vec<Value> {
    let answer = venue.call("POST", "/api/commands", &json!({ "commands": commands }));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["results"].as_array().expect("results").clone()
}

fn is_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{}", answer.text);
    assert!(answer.header("retry-after").is_some(), "it says when to ask again");
    assert_eq!(answer.json["error"], "The server can't do this now; nothing was changed.");
}

/// What becomes of the disk from the moment on that the switch is on.
fn while_it_is(verdict: Verdict) {
    install();
    let folder = tempfile::tempdir().expect("a folder");
    let switch = Arc::new(AtomicBool::new(false));
    let on = switch.clone();
    let disk = Disk::new(folder.path(), move |operation, _| match (on.load(SeqCst), verdict) {
        (true, Verdict::Full) if operation != Operation::Write => Verdict::Done,
        (true, verdict) => verdict,
        (false, _) => Verdict::Done,
    });
    let set = |broken: bool| match (verdict, broken) {
        (Verdict::ReadOnly, true) => disk.mount(Mount::ReadOnly),
        (Verdict::ReadOnly, false) => disk.mount(Mount::ReadWrite),
        (_, broken) => switch.store(broken, SeqCst),
    };
    let venue = Venue::start_with(options(folder.path()));
    let hour = venue.product(10.0, Some(3600));
    assert_eq!(venue.sell("B-1", &hour, 1).status, 201);
    let (before, rows) = (venue.log(), venue.get("/api/sessions/active").json);
    set(true);
    is_refused(&venue.sell("B-2", &hour, 1));
    is_refused(&venue.gate("play", "B-1"));
    is_refused(&venue.call("PUT", "/api/system/settings", &json!({ "maxOccupancy": 7 })));
    let command = |band: &str, of: &str| {
        let mut command = sale(band, &hour, 1);
        command["commandId"] = of.into();
        command["type"] = "session.checkin".into();
        command
    };
    let (first, second) = (id(), id());
    for result in batch(&venue, &[command("B-3", &first), command("B-4", &second)]) {
        assert_eq!((&result["outcome"], &result["seqs"]), (&json!("retry"), &json!([])), "nothing is decided");
    }
    assert_eq!(venue.get(&format!("/api/commands/{first}")).status, 404, "and nothing is known of it");
    assert_eq!(venue.log(), before, "{verdict:?}: nothing was logged");
    assert_eq!(venue.get("/api/sessions/active").json, rows, "{verdict:?}: what is there is read");
    assert_eq!(venue.get("/api/sync/snapshot").status, 200);
    set(false);
    for result in batch(&venue, &[command("B-3", &first), command("B-4", &second)]) {
        assert_eq!(result["outcome"], "accepted", "{verdict:?}: the same ids are done now, once: {result}");
    }
    assert_eq!(venue.sell("B-2", &hour, 1).status, 201);
    let log = venue.log();
    assert!(log.starts_with(&before), "{verdict:?}: what was logged stays");
    let seqs: Vec<_> = log.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "{verdict:?}: no holes");
    let sold = venue.get("/api/dashboard/stats").json["totalTransactions"].clone();
    assert_eq!(sold, json!(4), "{verdict:?}: each once");
    venue.stop();
    let found = verify(&folder.path().join(FILE), &|_, _, _| true).expect("a venue").findings;
    assert_eq!(found, [], "{verdict:?}");
}

#[test]
fn a_full_disk_acknowledges_nothing_and_the_log_goes_on() {
    while_it_is(Verdict::Full);
}

#[test]
fn a_failing_disk_acknowledges_nothing_and_the_log_goes_on() {
    while_it_is(Verdict::Fails);
}

#[test]
fn a_disk_that_turns_read_only_acknowledges_nothing_and_the_log_goes_on() {
    while_it_is(Verdict::ReadOnly);
}

#[test]
fn a_first_start_that_dies_at_any_operation_of_the_disk_is_begun_again() {
    install();
    for death in 1.. {
        let folder = tempfile::tempdir().expect("a folder");
        let mut count = 0;
        let disk = Disk::new(folder.path(), move |_, _| {
            count += 1;
            if count == death { Verdict::Dead } else { Verdict::Done }
        });
        let path = folder.path().join(FILE);
        let whole = SqliteStore::open(&path, founding).map(drop).is_ok() && disk.operations() < death;
        if whole {
            assert!(death > 10, "there were operations to die at");
            return;
        }
        disk.lose_unsynced(&mut || death % 2 == 0).expect("the files can be changed");
        disk.revive();
        let again = SqliteStore::open(&path, founding).map(drop);
        assert!(again.is_ok(), "died at {death}: {again:?}");
    }
}

#[test]
fn a_start_on_a_read_only_disk_is_refused_in_a_sentence_and_changes_nothing() {
    install();
    let folder = tempfile::tempdir().expect("a folder");
    let wrote = Arc::new(Mutex::new(Vec::new()));
    let seen = wrote.clone();
    let disk = Disk::new(folder.path(), move |operation, _| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
        Verdict::Done
    });
    let path = folder.path().join(FILE);
    for killed in [false, true] {
        let store = SqliteStore::open(&path, founding).expect("a venue");
        // One that was killed leaves its log beside the file: then SQLite opens both to read.
        let left = if killed { Some(store) } else { None };
        disk.mount(Mount::ReadOnly);
        let refused = SqliteStore::open(&path, founding).map(drop);
        let Err(StoreError::Unusable(sentence)) = &refused else { panic!("{killed}: {refused:?}") };
        assert!(sentence.contains(FILE) && sentence.ends_with("can't be written to."), "{killed}: {sentence}");
        disk.mount(Mount::ReadWrite);
        drop(left);
    }
    assert!(!wrote.lock().unwrap_or_else(PoisonError::into_inner).is_empty(), "it is that disk");
    SqliteStore::open(&path, founding).map(drop).expect("it is all there");
}
