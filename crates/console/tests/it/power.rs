//! Power that goes, and what a desk still shows after it when nobody answers.

use gangway_console::{
    cache::{Cache, Contact},
    net::snapshot::SnapshotRow,
    sync::{
        effect::Unit,
        message::{LoggedEvent, RowChange},
        state::Held,
    },
};
use gangway_domain::{
    hash::StateHash,
    ids::{Epoch, EventId, Position},
    time::VenueTime,
};
use gangway_faulty_disk::{Disk, Verdict, install};

const CONTACT: Contact = Contact { at: VenueTime(5_000), clock_offset_ms: 0 };
const LATER: Contact = Contact { at: VenueTime(10_000), clock_offset_ms: 0 };

fn at(seq: u64) -> Held {
    Held { position: Position { epoch: Epoch("e".to_owned()), seq }, event_id: Some(EventId(format!("event-{seq}"))) }
}

fn unit(seq: u64) -> Unit {
    let change = RowChange { collection: "notes".to_owned(), id: format!("n-{seq}"), row: Some("{}".into()) };
    let (id, name) = (EventId(format!("event-{seq}")), "sync:rows".to_owned());
    let payload = serde_json::json!({});
    Unit(vec![LoggedEvent {
        seq,
        prev: seq - 1,
        last: seq,
        id,
        command_id: None,
        name,
        payload,
        changes: vec![change],
    }])
}

/// What the desk holds after a power cut that takes all that was not synced.
fn held_after_a_cut(work: impl FnOnce(&mut Cache)) -> Option<u64> {
    install();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cache.sqlite");
    let disk = Disk::new(folder.path(), |_, _| Verdict::Done);
    let (mut cache, notice) = Cache::open(&path).expect("a cache");
    assert!(notice.is_none());
    work(&mut cache);
    disk.die();
    drop(cache);
    disk.lose_unsynced(&mut || false).expect("the files can be changed");
    disk.revive();
    let (mut cache, _) = Cache::open(&path).expect("a cache");
    cache.load().expect("read").held.map(|held| held.position.seq)
}

fn snapshot(cache: &mut Cache) {
    let mut hash = StateHash::default();
    cache.stage_begin().expect("staged");
    let row = SnapshotRow { collection: "notes".to_owned(), id: "n".to_owned(), row: "{}".to_owned() };
    cache.stage(&[row], &mut hash).expect("staged");
    cache.swap(&at(1), None, Some("venue"), hash, CONTACT).expect("swapped");
}

#[test]
fn a_snapshot_that_was_loaded_is_there_after_a_power_cut() {
    assert_eq!(held_after_a_cut(snapshot), Some(1));
}

#[test]
fn what_was_there_at_the_last_heartbeat_is_there_after_a_power_cut() {
    let held = held_after_a_cut(|cache| {
        snapshot(cache);
        cache.apply(&[unit(2)], &at(2), CONTACT).expect("applied");
        cache.note_contact(LATER).expect("noted");
        cache.apply(&[unit(3)], &at(3), LATER).expect("applied");
    });
    assert_eq!(held, Some(2), "all up to the heartbeat, and what came after it comes again");
}
