//! A venue is what its log says, and what is not is found and named: whichever row it is, and however old.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
};

use gangway_domain::{rows::Collection, time::DAY_MS};
use gangway_server::{
    execute,
    store::{
        Stage, StoreError,
        sqlite::{FILE, Verdict, copy, verify},
    },
};
use serde_json::json;

use crate::support::parts::{Bench, open};

/// A venue in which most things have happened.
fn busy() -> Bench {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    for band in 0..3 {
        bench.sell(&format!("B-{band}"), &hour);
    }
    for (act, band) in [("play", "B-0"), ("play", "B-1"), ("pause", "B-1"), ("end", "B-2")] {
        bench.clock.pass(1_000);
        bench.accept(json!({ "type": format!("session.{act}"), "barcodeId": band }));
    }
    let line = bench.view(|view| view.lines(&gangway_server::store::LinesOf::Everything, 1).expect("lines").remove(0));
    bench.accept(
        json!({ "type": "transaction.correct", "transactionId": line.id, "status": "refunded", "reason": "rain" }),
    );
    bench.accept(json!({ "type": "attention.raise", "kind": "clockStep", "message": "a clock was set" }));
    bench
}

fn file(bench: &Bench) -> PathBuf {
    bench.dir.path().join(FILE)
}

fn verdict(bench: &Bench) -> Verdict {
    verify(&file(bench), &|_, _, _| true).expect("it can be read")
}

fn sentences(bench: &Bench) -> Vec<String> {
    verdict(bench).findings.into_iter().map(|finding| finding.sentence).collect()
}

/// Changes what is stored behind the server's back.
fn tamper(bench: &Bench, sql: &str) {
    let raw = rusqlite::Connection::open(file(bench)).expect("the file");
    raw.pragma_update(None, "foreign_keys", false).expect("a switch");
    assert!(raw.execute(sql, []).expect(sql) > 0, "{sql} changes nothing");
}

fn age(bench: &mut Bench) {
    // The day changes, so that what is over leaves what desks hold, and the log is trimmed.
    let change = |bench: &mut Bench| {
        let request =
            execute::Request::clock(bench.ports.ids.command_id(), gangway_domain::command::Command::DayChange);
        while bench.run(&request).logged {}
    };
    for _ in 0..3 {
        bench.clock.pass(DAY_MS);
        change(bench);
    }
    bench.clock.pass(31 * DAY_MS);
    while execute::tidy(bench.store.as_mut(), &bench.ports).expect("the store works") {}
    assert!(bench.view(|view| view.trimmed().expect("read")) > 0);
}

#[test]
fn a_venue_is_what_its_log_says() {
    let bench = busy();
    let verdict = verdict(&bench);
    assert_eq!((verdict.findings, verdict.found), (vec![], 0));
    assert_eq!((verdict.events, verdict.head), (bench.head().seq, bench.head()));
    assert!(verdict.rows > 10, "{}", verdict.rows);
}

#[test]
fn one_row_that_was_changed_is_found_and_named() {
    for collection in Collection::ALL.into_iter().filter(|collection| *collection != Collection::Places) {
        let bench = busy();
        let table = collection.name();
        tamper(&bench, &format!("UPDATE {table} SET row = json_set(row, '$.createdAt', 1) WHERE rowid = 1"));
        let found = verdict(&bench);
        let named: Vec<_> = found.findings.iter().filter_map(|finding| finding.row.clone()).collect();
        assert!(named.iter().all(|(of, id)| *of == collection && found.findings[0].sentence.contains(id)), "{found:?}");
        assert!(found.findings[0].sentence.contains("createdAt"), "{found:?}");
    }
}

#[test]
fn a_row_that_is_gone_or_new_or_hidden_or_looked_up_wrongly_is_found() {
    for (sql, said) in [
        ("DELETE FROM corrections", "is in the log and not in the venue"),
        ("INSERT INTO products (id, row, in_sync) VALUES ('x', '{}', 1)", "is in no event of the log"),
        ("UPDATE segments SET in_sync = 0", "is not sent to desks"),
        ("UPDATE sessions SET live = 0 WHERE live = 1 AND playing = 1", "is looked up by what is not in it"),
        ("UPDATE transactions SET barcode_id = 'other'", "is looked up by what is not in it"),
        ("UPDATE head SET state_hash = printf('%064d', 0)", "state hash"),
    ] {
        let bench = busy();
        tamper(&bench, sql);
        let found = sentences(&bench);
        assert!(found.iter().any(|sentence| sentence.contains(said)), "{sql}: {found:?}");
    }
}

#[test]
fn a_log_that_was_changed_is_found() {
    for (sql, said) in [
        ("DELETE FROM events WHERE seq = 3", "lacks the events 3 to 3"),
        ("DELETE FROM events WHERE seq = (SELECT seq FROM head)", "The log ends at event"),
        (
            "UPDATE events SET changes = replace(changes, '1000', '1001') WHERE seq = 1",
            "up to event 1 has not the hash",
        ),
        ("UPDATE events SET changes = 'x' WHERE seq = 2", "Event 2 can't be read"),
        ("UPDATE checkpoint_rows SET row = json_set(row, '$.siteName', 'Other')", "The rows of the checkpoint"),
    ] {
        let bench = busy();
        tamper(&bench, sql);
        let found = sentences(&bench);
        assert!(found.iter().any(|sentence| sentence.contains(said)), "{sql}: {found:?}");
    }
}

#[test]
fn what_is_older_than_the_log_is_proved_by_the_checkpoint() {
    let mut bench = busy();
    age(&mut bench);
    let verdict = verdict(&bench);
    assert_eq!(verdict.findings, []);
    assert!(verdict.events < bench.head().seq, "the log was trimmed");
    // A line of a visit that no desk holds any more, sold in a part of the log that is gone.
    tamper(
        &bench,
        "UPDATE transactions SET row = json_set(row, '$.totalPriceMinor', 1) WHERE ordinal = 3 AND in_sync = 0",
    );
    assert!(sentences(&bench)[0].contains("transactions is not as it was when it was last changed"));
}

#[test]
fn a_visit_that_comes_back_after_the_log_was_trimmed_is_still_proved() {
    let mut bench = busy();
    age(&mut bench);
    let line = bench
        .view(|view| view.lines(&gangway_server::store::LinesOf::Band("B-1".to_owned()), 1).expect("lines").remove(0));
    bench.accept(
        json!({ "type": "transaction.correct", "transactionId": line.id, "status": "refunded", "reason": "late" }),
    );
    assert_eq!(sentences(&bench), Vec::<String>::new(), "its visit is in the sync set again");
}

#[test]
fn a_log_that_can_not_be_applied_is_not_trimmed() {
    let mut bench = busy();
    tamper(&bench, "UPDATE events SET changes = 'x' WHERE seq = 2");
    bench.clock.pass(31 * DAY_MS);
    while execute::tidy(bench.store.as_mut(), &bench.ports).expect("the store works") {}
    assert_eq!(bench.view(|view| view.trimmed().expect("read")), 0);
    assert!(sentences(&bench).iter().any(|sentence| sentence.contains("Event 2 can't be read")));
}

#[test]
fn a_venue_of_an_older_version_is_verified_from_its_update_on() {
    let mut bench = busy();
    let seq = bench.head().seq;
    for sql in ["DROP TABLE checkpoint", "DROP TABLE checkpoint_rows"] {
        rusqlite::Connection::open(file(&bench)).expect("the file").execute_batch(sql).expect(sql);
    }
    tamper(&bench, "DELETE FROM refinery_schema_history WHERE version = 4");
    let refused = verify(&file(&bench), &|_, _, _| true);
    assert!(matches!(refused, Err(StoreError::Unusable(_))), "{refused:?}");
    bench.store = Box::new(open(bench.dir.path()));
    assert_eq!((verdict(&bench).found, verdict(&bench).events), (0, 0), "what is there is what counts");
    bench.accept(json!({ "type": "settings.update", "changes": { "maxOccupancy": 9 } }));
    assert_eq!((verdict(&bench).found, verdict(&bench).events), (0, bench.head().seq - seq));
    age(&mut bench);
    assert_eq!(sentences(&bench), Vec::<String>::new());
}

#[test]
fn who_watches_can_end_it() {
    let mut bench = Bench::new();
    for _ in 0..1_001 {
        bench.product(1.0, None);
    }
    let told = Cell::new(0);
    let ended = verify(&file(&bench), &|stage, done, total| {
        told.set(told.get() + 1);
        assert_eq!((stage, done, total), (Stage::Replaying, 1_000, 1_001));
        false
    });
    assert!(matches!(ended, Err(StoreError::Cancelled)), "{ended:?}");
    assert_eq!(told.get(), 1);
}

#[test]
fn a_copy_is_the_venue_at_one_moment_whatever_is_committed_meanwhile() {
    let bench = busy();
    let (venue, before) = (file(&bench), bench.head());
    let copied = bench.dir.path().join("copy.sqlite");
    let bench = RefCell::new(bench);
    let head = copy(&venue, &copied, &|_, done, _| {
        if done == 0 {
            bench.borrow_mut().accept(json!({ "type": "settings.update", "changes": { "maxOccupancy": 7 } }));
        }
        true
    });
    assert_eq!(head.expect("a copy"), before);
    assert_ne!(bench.borrow().head(), before);
    let verdict = verify(&copied, &|_, _, _| true).expect("it can be read");
    assert_eq!((verdict.head, verdict.found), (before, 0));
}
