//! What every store has to do; whoever adds one runs the same suite over it.

use gangway_domain::{
    decide::Needs,
    event::EventName,
    ids::{CommandId, DeviceId, EventId, ProductId, SessionId, TransactionId},
    money::MinorUnits,
    rows::{Collection, ProductRow, Row},
    time::VenueTime,
};
use gangway_server::store::{
    AsOf, Head, LinesOf, LoggedEvent, Purge, Store, StoreError, StoredCode, StoredCommand, StoredDevice, Transaction,
    View, sqlite::SqliteStore,
};
use tempfile::TempDir;

use crate::support::parts::{Bench, founding, open};

/// Makes a fresh store, and opens the same venue again.
trait Factory {
    fn make() -> (Box<dyn Store>, TempDir);
    fn again(dir: &TempDir) -> Box<dyn Store>;
}

struct Sqlite;

impl Factory for Sqlite {
    fn make() -> (Box<dyn Store>, TempDir) {
        let dir = tempfile::tempdir().expect("a folder");
        (Box::new(open(dir.path())), dir)
    }
    fn again(dir: &TempDir) -> Box<dyn Store> {
        Box::new(open(dir.path()))
    }
}

macro_rules! store_contract {
    ($name:ident: $factory:ty; $($test:ident),* $(,)?) => {
        mod $name {
            use super::*;
            $(#[test] fn $test() { super::$test::<$factory>(); })*
        }
    };
}

store_contract!(sqlite: Sqlite;
    a_new_venue_has_its_settings_and_an_empty_log,
    what_is_committed_is_there_after_a_restart,
    what_is_not_committed_leaves_nothing,
    a_view_does_not_change_while_it_is_read,
    a_page_never_ends_inside_a_command,
    a_product_is_known_as_it_was,
    a_row_that_left_the_sync_set_is_still_stored,
    a_known_command_can_not_be_stored_twice,
    lines_come_newest_first,
    the_log_is_trimmed_by_whole_commands_and_never_at_its_head,
    a_device_is_known_until_it_is_removed_and_after_a_restart,
    a_pairing_code_is_taken_once_and_in_time,
);

fn product(id: &str, price: i64) -> ProductRow {
    ProductRow {
        id: ProductId::from(id),
        name: "Hour".to_owned(),
        description: None,
        price_minor: MinorUnits(price),
        category: "time".to_owned(),
        required: false,
        time_value_ms: Some(3_600_000),
        is_deleted: false,
        created_at: VenueTime(1),
        updated_at: VenueTime(1),
    }
}

fn put(store: &mut dyn Store, row: &Row) -> Result<(), StoreError> {
    let mut transaction = store.begin()?;
    transaction.put_row(row, &serde_json::to_string(row).expect("JSON"))?;
    transaction.commit()
}

fn event(seq: u64, last: u64) -> LoggedEvent {
    LoggedEvent {
        seq,
        id: EventId(format!("e{seq}")),
        name: EventName::ProductUpdated,
        payload: "{}".to_owned(),
        changes: "[]".to_owned(),
        emitted_at: VenueTime(5),
        command_id: Some(CommandId(uuid::Uuid::from_u128(7))),
        last,
        prev_full: seq - 1,
        state_hash: None,
    }
}

fn see<T>(store: &dyn Store, read: impl Fn(&dyn View) -> Result<T, StoreError>) -> T {
    let mut seen = None;
    let mut reader = store.reader().expect("a reader");
    let viewed = reader.view(&mut |view| {
        seen = Some(read(view)?);
        Ok(())
    });
    viewed.expect("a view");
    seen.expect("read")
}

fn sync_set(store: &dyn Store) -> Vec<(Collection, String)> {
    see(store, |view| {
        let mut rows = Vec::new();
        view.sync_set(&mut |collection, id, _| {
            rows.push((collection, id.to_owned()));
            true
        })?;
        Ok(rows)
    })
}

fn a_new_venue_has_its_settings_and_an_empty_log<F: Factory>() {
    let (store, _dir) = F::make();
    let head = see(store.as_ref(), |view| view.head());
    assert_eq!((head.seq, head.full_seq, head.event_id, head.epoch_base), (0, 0, None, None));
    assert_eq!(head.epoch, founding().epoch);
    assert_eq!(sync_set(store.as_ref()), [(Collection::Settings, "system".to_owned())]);
    assert!(see(store.as_ref(), |view| view.events_after(0, 10)).is_empty());
}

fn what_is_committed_is_there_after_a_restart<F: Factory>() {
    let (mut store, dir) = F::make();
    put(store.as_mut(), &Row::Product(product("p", 100))).expect("it is stored");
    let mut transaction = store.begin().expect("a transaction");
    let mut head = transaction.head().expect("a head");
    transaction.append(&event(1, 1)).expect("logged");
    head.seq = 1;
    head.event_id = Some(EventId::from("e1"));
    head.state_hash.add("x", "y", "{}").expect("JSON");
    transaction.set_head(&head).expect("set");
    transaction.commit().expect("durable");
    store.close().expect("closed");
    drop(store);
    let store = F::again(&dir);
    assert_eq!(see(store.as_ref(), |view| view.head()), head);
    assert_eq!(see(store.as_ref(), |view| view.events_after(0, 10)), [event(1, 1)]);
    assert_eq!(see(store.as_ref(), |view| view.event_id(1)), Some(EventId::from("e1")));
    assert_eq!(sync_set(store.as_ref()).len(), 2);
}

fn what_is_not_committed_leaves_nothing<F: Factory>() {
    let (mut store, _dir) = F::make();
    {
        let mut transaction = store.begin().expect("a transaction");
        let row = Row::Product(product("p", 100));
        transaction.put_row(&row, "{}").expect("put");
        transaction.append(&event(1, 1)).expect("logged");
    }
    assert_eq!(sync_set(store.as_ref()).len(), 1, "a row was left behind");
    assert!(see(store.as_ref(), |view| view.events_after(0, 10)).is_empty(), "an event was left behind");
}

fn a_view_does_not_change_while_it_is_read<F: Factory>() {
    let (mut store, _dir) = F::make();
    let mut reader = store.reader().expect("a reader");
    let counts = reader.view(&mut |view| {
        let count = |view: &dyn View| {
            let mut rows = 0;
            view.sync_set(&mut |_, _, _| {
                rows += 1;
                true
            })
            .map(|()| rows)
        };
        let before = count(view)?;
        put(store.as_mut(), &Row::Product(product("p", 100)))?;
        assert_eq!(count(view)?, before, "a write showed in the middle of a read");
        Ok(())
    });
    counts.expect("a view");
    assert_eq!(sync_set(store.as_ref()).len(), 2);
}

fn a_page_never_ends_inside_a_command<F: Factory>() {
    let (mut store, _dir) = F::make();
    let mut transaction = store.begin().expect("a transaction");
    for (seq, last) in [(1, 1), (2, 5), (3, 5), (4, 5), (5, 5), (6, 6)] {
        transaction.append(&event(seq, last)).expect("logged");
    }
    transaction.commit().expect("durable");
    let page = |after, limit| -> Vec<u64> {
        see(store.as_ref(), |view| view.events_after(after, limit)).iter().map(|event| event.seq).collect()
    };
    assert_eq!(page(0, 1), [1]);
    assert_eq!(page(0, 2), [1, 2, 3, 4, 5]);
    assert_eq!(page(0, 5), [1, 2, 3, 4, 5]);
    assert_eq!(page(3, 1), [4, 5], "also from the middle of one");
    assert_eq!(page(5, 9), [6]);
    assert!(page(6, 9).is_empty());
}

fn a_product_is_known_as_it_was<F: Factory>() {
    let (mut store, _dir) = F::make();
    let mut transaction = store.begin().expect("a transaction");
    transaction.put_row(&Row::Product(product("p", 300)), "{}").expect("put");
    transaction.put_product_version(&product("p", 100), 3, VenueTime(30)).expect("put");
    transaction.put_product_version(&product("p", 300), 9, VenueTime(90)).expect("put");
    let id = ProductId::from("p");
    let price = |moment| transaction.product_as_of(&id, moment).expect("read").map(|row| row.price_minor.0);
    assert_eq!(price(AsOf::Seq(2)), None, "not there yet");
    assert_eq!(price(AsOf::Seq(3)), Some(100));
    assert_eq!(price(AsOf::Seq(8)), Some(100));
    assert_eq!(price(AsOf::Seq(9)), Some(300));
    assert_eq!(price(AsOf::Time(VenueTime(89))), Some(100));
    assert_eq!(price(AsOf::Time(VenueTime(90))), Some(300));
    assert_eq!(price(AsOf::Beginning), Some(100));
}

fn a_row_that_left_the_sync_set_is_still_stored<F: Factory>() {
    let (mut store, _dir) = F::make();
    put(store.as_mut(), &Row::Product(product("p", 100))).expect("stored");
    let mut transaction = store.begin().expect("a transaction");
    transaction.leave_sync_set(Collection::Products, "p").expect("left");
    let row = transaction.row(Collection::Products, "p").expect("read").expect("still stored");
    assert!(!row.in_sync);
    transaction.commit().expect("durable");
    assert_eq!(sync_set(store.as_ref()).len(), 1);
    put(store.as_mut(), &Row::Product(product("p", 200))).expect("stored");
    assert_eq!(sync_set(store.as_ref()).len(), 2, "a row that changes is in it again");
}

fn a_known_command_can_not_be_stored_twice<F: Factory>() {
    let (mut store, _dir) = F::make();
    let command = StoredCommand {
        command_id: CommandId(uuid::Uuid::from_u128(1)),
        fingerprint: "f".to_owned(),
        kind: "session.play".to_owned(),
        device_id: None,
        staff_id: None,
        occurred_at: Some(VenueTime(1)),
        reason: Some("it rained".to_owned()),
        effective_at: VenueTime(2),
        stored_at: VenueTime(3),
        outcome: "{}".to_owned(),
    };
    let mut transaction = store.begin().expect("a transaction");
    transaction.put_command(&command).expect("stored");
    assert!(transaction.put_command(&command).is_err(), "the second would overwrite an outcome");
    transaction.commit().expect("durable");
    assert_eq!(see(store.as_ref(), |view| view.command(command.command_id)), Some(command));
}

fn lines_come_newest_first<F: Factory>() {
    let (store, dir) = F::make();
    let mut bench = Bench::on(store, dir);
    let hour = bench.product(10.0, Some(3600));
    let ids: Vec<String> = ["A", "B", "A"]
        .iter()
        .map(|band| {
            bench.clock.pass(1000);
            bench.sell(band, &hour)["transactions"][0]["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    let lines = |of: LinesOf, limit| -> Vec<String> {
        bench.view(|view| view.lines(&of, limit).expect("read")).into_iter().map(|line| line.id.0).collect()
    };
    assert_eq!(lines(LinesOf::Everything, 10), [ids[2].clone(), ids[1].clone(), ids[0].clone()]);
    assert_eq!(lines(LinesOf::Everything, 1), [ids[2].clone()]);
    assert_eq!(lines(LinesOf::Band("A".to_owned()), 10), [ids[2].clone(), ids[0].clone()]);
    let line = bench.view(|view| view.line(&TransactionId(ids[1].clone())).expect("read")).expect("it is there");
    assert_eq!(lines(LinesOf::Session(line.session_id.clone()), 10), [ids[1].clone()]);
    assert!(bench.view(|view| view.has_session(&line.session_id).expect("read")));
    assert!(!bench.view(|view| view.has_session(&SessionId::from("none")).expect("read")));
    let transaction = bench.store.begin().expect("a transaction");
    let slice = transaction.slice(&Needs { transaction: Some(line.id.clone()), ..Needs::default() }).expect("a slice");
    assert!(slice.transaction(&line.id).is_some() && slice.sold() && slice.session(&line.session_id).is_some());
}

fn the_log_is_trimmed_by_whole_commands_and_never_at_its_head<F: Factory>() {
    let (mut store, _dir) = F::make();
    let mut transaction = store.begin().expect("a transaction");
    for (seq, last, emitted_at) in
        [(1, 1, 10), (2, 2, 10), (3, 7, 20), (4, 7, 20), (5, 7, 20), (6, 7, 20), (7, 7, 20), (8, 8, 30), (9, 9, 30)]
    {
        transaction.append(&LoggedEvent { emitted_at: VenueTime(emitted_at), ..event(seq, last) }).expect("logged");
    }
    let head = transaction.head().expect("a head");
    let names = |seq, full_seq| Head { seq, full_seq, ..head.clone() };
    transaction.set_head(&names(9, 9)).expect("set");
    let never = VenueTime(i64::MIN);
    let before =
        |moment| Purge { outcomes_before: never, moments_before: never, events_before: VenueTime(moment), limit: 3 };
    assert_eq!(transaction.trimmed().expect("read"), 0);
    let step = |transaction: &mut dyn Transaction, moment| {
        let found = transaction.purge(&before(moment)).expect("a step");
        (found, transaction.trimmed().expect("read"))
    };
    let log = transaction.as_mut();
    assert_eq!(step(log, 10), (false, 0), "nothing is older");
    assert_eq!(step(log, 100), (true, 2), "a command is not cut in two");
    assert_eq!(step(log, 20), (false, 2), "and goes when all of it is old");
    assert_eq!(step(log, 100), (true, 7), "at once, if it is larger than a step");
    log.set_head(&names(9, 8)).expect("set");
    assert_eq!(step(log, 100), (false, 7), "the last event that `full` sees stays");
    log.set_head(&names(9, 9)).expect("set");
    assert_eq!((step(log, 100), step(log, 100)), ((true, 8), (false, 8)), "the head's event stays");
}

#[test]
fn a_file_of_another_program_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("venue.sqlite");
    let other = rusqlite::Connection::open(&path).expect("a file");
    other.execute_batch("CREATE TABLE theirs (x INTEGER)").expect("a table");
    drop(other);
    let before = std::fs::read(&path).expect("the file");
    let refused = SqliteStore::open(&path, founding);
    assert!(matches!(refused, Err(StoreError::Unusable(_))), "it would have been written into");
    assert_eq!(std::fs::read(&path).expect("the file"), before, "not even its journal is another one");
}

#[test]
fn a_first_start_that_was_killed_is_begun_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("venue.sqlite");
    // What is on disk before the first table is.
    rusqlite::Connection::open(&path).and_then(|file| file.pragma_update(None, "journal_mode", "WAL")).expect("a file");
    assert!(path.metadata().expect("the file").len() > 0);
    SqliteStore::open(&path, founding).map(drop).expect("a venue");
}

/// What a newer version may have left, each by itself.
const NEWER: [&str; 2] = [
    "PRAGMA user_version = 99",
    "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
     VALUES (99, 'more', '2026-11-25T00:00:00Z', '7')",
];

#[test]
fn a_venue_of_a_newer_version_is_refused_and_left_as_it_is() {
    for (newer, in_the_log) in NEWER.iter().flat_map(|newer| [(newer, false), (newer, true)]) {
        let dir = tempfile::tempdir().expect("a folder");
        open(dir.path()).close().expect("closed");
        let path = dir.path().join("venue.sqlite");
        let raw = rusqlite::Connection::open(&path).expect("a file");
        raw.execute_batch(newer).expect(newer);
        // A newer version that was killed leaves it in the log beside the file.
        let raw = if in_the_log { Some(raw) } else { raw.close().map(|()| None).expect("closed") };
        let log = path.with_extension("sqlite-wal");
        let before = (std::fs::read(&path).expect("the file"), std::fs::read(&log).unwrap_or_default());
        let refused = SqliteStore::open(&path, founding).map(drop);
        assert!(matches!(&refused, Err(StoreError::Newer(_))), "{newer}, {in_the_log}: {refused:?}");
        let refused = gangway_server::store::sqlite::reader(&path).map(drop);
        assert!(matches!(&refused, Err(StoreError::Newer(_))), "{newer}, {in_the_log}: {refused:?}");
        let after = (std::fs::read(&path).expect("the file"), std::fs::read(&log).unwrap_or_default());
        assert!(after == before, "{newer}, {in_the_log}: something was written");
        drop(raw);
    }
}

#[cfg(unix)]
#[test]
fn a_damaged_file_is_found_after_an_unclean_end() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(open(dir.path()));
    let path = dir.path().join("venue.sqlite");
    let raw = rusqlite::Connection::open(&path).expect("a file");
    let page: u32 = raw.pragma_query_value(None, "page_size", |row| row.get(0)).expect("a size");
    raw.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").expect("one file");
    drop(raw);
    // The last page is some table's or index's that opening does not look at.
    let file = std::fs::File::options().write(true).open(&path).expect("a file");
    let start = file.metadata().expect("a length").len() - u64::from(page);
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xA5; usize::try_from(page).expect("small")], start)
        .expect("damaged");
    let refused = SqliteStore::open(&path, founding);
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "a damaged venue was opened");
}

fn device(id: &str) -> StoredDevice {
    StoredDevice {
        id: DeviceId::from(id),
        name: "Gate".to_owned(),
        role: "operator".to_owned(),
        token_hash: format!("hash of {id}"),
        paired_at: VenueTime(100),
        seen_at: None,
        revoked_at: None,
    }
}

fn change<T>(store: &mut dyn Store, work: impl FnOnce(&mut dyn Transaction) -> Result<T, StoreError>) -> T {
    let mut transaction = store.begin().expect("a transaction");
    let result = work(transaction.as_mut()).expect("it works");
    transaction.commit().expect("it commits");
    result
}

fn a_device_is_known_until_it_is_removed_and_after_a_restart<F: Factory>() {
    let (mut store, dir) = F::make();
    change(store.as_mut(), |transaction| {
        transaction.put_device(&device("one"))?;
        transaction.put_device(&device("two"))?;
        transaction.saw_device(&DeviceId::from("one"), VenueTime(300))?;
        transaction.saw_device(&DeviceId::from("one"), VenueTime(200))?;
        transaction.revoke_device(&DeviceId::from("two"), VenueTime(400))?;
        transaction.revoke_device(&DeviceId::from("two"), VenueTime(500))
    });
    drop(store);
    let mut store = F::again(&dir);
    let one = StoredDevice { seen_at: Some(VenueTime(300)), ..device("one") };
    let two = StoredDevice { revoked_at: Some(VenueTime(400)), ..device("two") };
    assert_eq!(change(store.as_mut(), |transaction| transaction.devices()), [one, two]);
    change(store.as_mut(), |transaction| transaction.put_device(&device("two")));
    assert_eq!(change(store.as_mut(), |transaction| transaction.devices())[1], device("two"), "it came back");
}

fn a_pairing_code_is_taken_once_and_in_time<F: Factory>() {
    let (mut store, _dir) = F::make();
    let code = |hash: &str, expires_at| StoredCode {
        code_hash: hash.to_owned(),
        role: "kiosk".to_owned(),
        expires_at: VenueTime(expires_at),
    };
    change(store.as_mut(), |transaction| {
        transaction.put_code(&code("early", 100))?;
        transaction.put_code(&code("late", 200))
    });
    let mut take = |hash: &str, now| change(store.as_mut(), |transaction| transaction.take_code(hash, VenueTime(now)));
    assert_eq!(take("early", 100), None, "its time is over");
    assert_eq!(take("none", 100), None);
    assert_eq!(take("late", 199), Some(code("late", 200)));
    assert_eq!(take("late", 199), None, "once");
}
