//! The outbox's file: an older version's is taken over whole, and what can't be read in it holds nothing back.

use std::{collections::BTreeMap, path::Path, time::Duration};

use gangway_console::{
    CommandState,
    outbox::{Outbox, Taken, Tapped},
};
use gangway_domain::{
    command::Command,
    ids::{CommandId, Epoch, Position, ProductId},
    time::VenueTime,
};
use rusqlite::Connection;
use serde_json::{Value, json, value::to_raw_value};
use uuid::Uuid;

use crate::support::{
    Desk, FakeVenue,
    desk::open_in,
    until,
    venue::{checkin, session},
};

/// The tables as version 1 made them.
const V1: &str = "
CREATE TABLE device (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL, name TEXT) STRICT;
CREATE TABLE commands (
    place INTEGER PRIMARY KEY AUTOINCREMENT, command_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    command TEXT NOT NULL, fingerprint TEXT NOT NULL, keys TEXT NOT NULL, occurred_at TEXT NOT NULL,
    based_on_epoch TEXT NOT NULL, based_on_seq INTEGER NOT NULL, force_reason TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'settled', 'rejected')),
    tapped_at INTEGER NOT NULL, stored_at INTEGER NOT NULL, sent_at INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
    settled_at INTEGER, settled_epoch TEXT, seqs TEXT, last_seq INTEGER, result TEXT, rejection TEXT
) STRICT;
CREATE INDEX commands_by_state ON commands (state, last_seq);
INSERT INTO device (only, id, name) VALUES (1, 'a1b2c3d4-0000-4000-8000-000000000001', 'Desk 1');
PRAGMA application_id = 0x47576f62;
PRAGMA user_version = 1;
";

fn id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

/// An outbox of version 1 with a command in each state, and one that nobody can read.
fn write_v1(folder: &Path, hour: &str) {
    let file = Connection::open(folder.join("outbox.sqlite")).expect("a file");
    file.execute_batch(V1).expect("version 1");
    let sale = checkin("B-1", hour);
    let rows: [(Value, &str, &str); 5] = [
        (sale.clone(), "settled", "'[2,3]', 3, 'epoch-1'"),
        (session("play", "B-9"), "rejected", "NULL, NULL, 'epoch-0'"),
        (json!({ "type": "session.levitate", "barcodeId": "B-1" }), "sent", "NULL, NULL, NULL"),
        (sale, "sent", "NULL, NULL, NULL"),
        (session("play", "B-1"), "pending", "NULL, NULL, NULL"),
    ];
    for (n, (command, state, answer)) in (1..).zip(rows) {
        let answered = if answer.starts_with("NULL, NULL, NULL") { "NULL" } else { "1764068400900" };
        let text = command.to_string();
        let fingerprint = Command::parse(&text).map_or("none".to_owned(), |command| command.fingerprint());
        file.execute(
            &format!(
                "INSERT INTO commands (place, command_id, kind, command, fingerprint, keys, occurred_at,
                    based_on_epoch, based_on_seq, force_reason, state, tapped_at, stored_at, sent_at, attempts,
                    seqs, last_seq, settled_epoch, settled_at, rejection)
                 VALUES (?1, ?2, ?3, ?4, ?5, '[\"band:B-1\"]', '2025-11-25T11:00:00.000Z', 'epoch-0', 7, 'why', ?6,
                    1764068400000 + ?1, 1764068400100 + ?1, 1764068400200 + ?1, 3, {answer}, {answered},
                    CASE ?6 WHEN 'rejected' THEN '{{\"code\":\"unknown_band\"}}' END)"
            ),
            rusqlite::params![n * 10, id(n as u128), command["type"].as_str(), text, fingerprint, state],
        )
        .expect("written");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outbox_of_version_1_is_taken_over_with_every_command_and_its_fate() {
    let (venue, hour) = FakeVenue::with_hour();
    let folder = tempfile::tempdir().expect("a folder");
    write_v1(folder.path(), &hour);
    venue.set_online(false);
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    assert_eq!(desk.sync_status().device.id, "a1b2c3d4-0000-4000-8000-000000000001");
    assert_eq!(desk.sync_status().device.name.as_deref(), Some("Desk 1"));
    let fate = |n| desk.console.fate(&id(n)).expect("read").expect("kept");
    assert_eq!(fate(1).state, CommandState::Settled);
    assert_eq!(fate(1).seqs, Some(vec![2, 3]));
    assert_eq!(fate(1).tapped_at, "2025-11-25T11:00:00.010Z");
    assert_eq!(fate(1).sent_at.as_deref(), Some("2025-11-25T11:00:00.210Z"));
    assert_eq!(fate(1).settled_at.as_deref(), Some("2025-11-25T11:00:00.900Z"));
    assert_eq!(fate(2).state, CommandState::Rejected);
    assert_eq!(fate(2).rejection, Some(json!({ "code": "unknown_band" })));
    assert_eq!((fate(3).state, fate(4).state, fate(5).state), {
        (CommandState::Sent, CommandState::Sent, CommandState::Pending)
    });
    // What waits: the sale, its play, and the entry that says what can't be read.
    assert_eq!(desk.status()["pending"], 3);
    venue.set_online(true);
    for n in [4, 5] {
        let fate = desk.console.settled(&id(n), Duration::from_secs(60)).await.expect("sent");
        assert_eq!(fate.state, CommandState::Settled, "{n}: {fate:?}");
    }
    assert_eq!(desk.bands(), ["B-1"]);
    let first: Value = serde_json::from_str(&venue.state().bodies[0]).expect("JSON");
    assert_eq!(first["commands"][0]["commandId"], id(4));
    assert_eq!(first["commands"][0]["force"], json!({ "reason": "why" }));
}

fn entries(venue: &FakeVenue) -> Vec<(String, Value)> {
    let state = venue.state();
    let row = |row: &gangway_domain::attention::AttentionRow| {
        (row.message.clone().unwrap_or_default(), row.command.clone().unwrap_or_default())
    };
    state.venue.attention().map(row).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stored_command_that_can_not_be_read_stays_holds_nothing_back_and_is_said_once() {
    let (venue, hour) = FakeVenue::with_hour();
    let folder = tempfile::tempdir().expect("a folder");
    write_v1(folder.path(), &hour);
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    until("all that can be sent is answered", || desk.status()["pending"] == 0).await;
    let said = entries(&venue);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].0.contains("was not sent"), "{said:?}");
    assert_eq!(said[0].1, json!({ "type": "session.levitate", "barcodeId": "B-1" }));
    assert_eq!(desk.console.fate(&id(3)).expect("read").expect("kept").state, CommandState::Sent);
    let desk = desk.restart(&venue).await;
    desk.until_live().await;
    assert_eq!((entries(&venue).len(), desk.status()["pending"].clone()), (1, json!(0)), "said once");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_a_disk_bent_in_one_command_spoil_no_other() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let bent = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    let good = desk.execute(&checkin("B-2", &hour)).await.expect("taken").command_id;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    venue.state().undecided = false;
    let file = Connection::open(folder.path().join("outbox.sqlite")).expect("the outbox");
    let bend = "UPDATE commands SET command = CAST(x'7B22FFFE' AS TEXT) WHERE command_id = ?1";
    assert_eq!(file.execute(bend, [&bent]).expect("bent"), 1);
    drop(file);
    let desk = Desk { console: open_in(folder.path(), &venue).expect("a console"), folder };
    desk.console.settled(&good, Duration::from_secs(60)).await.expect("settled");
    until("it is said", || entries(&venue).len() == 1).await;
    assert_eq!(desk.bands(), ["B-2"]);
}

fn tapped(n: u128, command: &Value) -> Tapped {
    let text = to_raw_value(command).expect("JSON");
    let (venue, hour) = FakeVenue::with_hour();
    let product = venue.state().venue.product(&ProductId(hour)).expect("the hour").clone();
    Tapped {
        id: CommandId(Uuid::from_u128(n)),
        command: Command::parse(text.get()).expect("a command"),
        text,
        occurred_at: VenueTime(1_764_068_400_000),
        based_on: Position { epoch: Epoch::from("epoch-1"), seq: 7 },
        seen: BTreeMap::from([(product.id.clone(), product)]),
        place: None,
        force_reason: Some("the queue is long".to_owned()),
        offline: true,
        tapped_at: VenueTime(1_764_068_400_500),
    }
}

#[test]
fn what_does_not_show_yet_comes_back_in_order_with_everything_that_it_was_tapped_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = Outbox::open(&folder.path().join("outbox.sqlite"), Uuid::from_u128(1)).expect("an outbox");
    let sale = tapped(7, &checkin("B-1", "p"));
    for n in [7, 3, 5] {
        let tapped = Tapped { id: CommandId(Uuid::from_u128(n)), ..sale.clone() };
        assert!(matches!(outbox.take(&tapped, VenueTime(1)).expect("taken"), Taken::New { .. }));
    }
    let at = |seq| Position { epoch: Epoch::from("epoch-1"), seq };
    let accepted = gangway_console::outbox::Outcome::Accepted { seqs: vec![8, 9], result: None };
    let settled = [(CommandId(Uuid::from_u128(3)), accepted)];
    outbox.settle(&settled, &Epoch::from("epoch-1"), VenueTime(2)).expect("settled");
    let unseen = outbox.unseen(Some(&at(8))).expect("read");
    let ids: Vec<u128> = unseen.iter().map(|unseen| unseen.id.0.as_u128()).collect();
    assert_eq!(ids, [7, 3, 5], "in the order of the taps");
    assert!(unseen.is_sorted_by_key(|unseen| unseen.order));
    assert_eq!(unseen[0].command.as_ref(), Ok(&sale.command));
    assert_eq!((&unseen[0].seen, unseen[0].offline), (&sale.seen, true));
    assert_eq!(unseen[0].force, sale.force_reason);
    assert_eq!((unseen[0].occurred_at, unseen[0].tapped_at), (sale.occurred_at, sale.tapped_at));
    assert_eq!((unseen[1].state, &unseen[1].seqs), (CommandState::Settled, &vec![8, 9]));
    assert_eq!(outbox.unseen(Some(&at(9))).expect("read").len(), 2, "the cursor reached it");
    let other = Position { epoch: Epoch::from("epoch-2"), seq: 1 };
    assert_eq!(outbox.unseen(Some(&other)).expect("read").len(), 2, "another log's rows came after its answer");
}
