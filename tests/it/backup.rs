//! A venue that is restored by its own orders, with real desks: what was copied while they sold comes back in a new
//! epoch, and what they had settled since comes back from them.

use std::process::Command;

use gangway_testkit::binary;
use serde_json::{Value, json};

use crate::faults::floor::{Floor, gate};

/// The line that an order of the server answers with.
fn order(floor: &Floor, order: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(binary("gangway-server"));
    command.arg(order).args(arguments).arg("--data-dir").arg(floor.server_folder.path());
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{order}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a line")
}

#[test]
fn a_restored_venue_has_a_new_epoch_and_lost_nothing_that_was_acknowledged() {
    let mut floor = Floor::open();
    let copies = tempfile::tempdir().expect("a folder");
    let copy = copies.path().join("copy.sqlite").display().to_string();
    let early = floor.sell_and_board(0);
    floor.desks[1].sees(&early, "playing");
    // The desks go on while the copy is made.
    let copied = std::thread::scope(|scope| {
        let (program, folder) = (binary("gangway-server"), floor.server_folder.path().to_owned());
        let copy = &copy;
        let made = scope.spawn(move || {
            Command::new(program).args(["backup", copy, "--data-dir"]).arg(folder).output().expect("it runs")
        });
        for _ in 0..5 {
            floor.sell_and_board(0);
            floor.sell_and_board(1);
        }
        let made = made.join().expect("it ends");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        serde_json::from_slice::<Value>(&made.stdout).expect("a line")
    });
    // Settled by a log that is lost, seen by both desks.
    let late = floor.sell_and_board(0);
    floor.acknowledged(1, &gate("pause", &early));
    floor.desks[1].sees(&late, "playing");
    floor.desks[0].sees(&early, "paused");
    floor.check();
    floor.server.kill();
    // Taken while there is no server at all: on no log yet.
    let away = floor.sell_and_board(1);
    let restored = order(&floor, "restore", &[&copy]);
    assert_eq!(restored["epochBase"], json!({ "epoch": copied["epoch"], "seq": copied["seq"] }));
    floor.restart_server();
    for desk in &mut floor.desks {
        desk.comes_back();
        desk.sees(&late, "playing");
        desk.sees(&early, "paused");
        desk.sees(&away, "playing");
        assert_eq!(desk.console.status()["epoch"], restored["epoch"]);
    }
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
    assert_eq!(order(&floor, "verify", &[])["ok"], true);
}

#[test]
fn a_copy_that_is_restored_twice_loses_nothing_of_what_came_between() {
    let mut floor = Floor::open();
    let copies = tempfile::tempdir().expect("a folder");
    let copy = copies.path().join("copy.sqlite").display().to_string();
    order(&floor, "backup", &[&copy]);
    let mut epochs = Vec::new();
    let mut bands = Vec::new();
    for round in 0..2 {
        bands.push(floor.sell_and_board(round));
        floor.check();
        floor.server.kill();
        epochs.push(order(&floor, "restore", &[&copy])["epoch"].clone());
        floor.restart_server();
        for desk in &mut floor.desks {
            desk.comes_back();
            for band in &bands {
                desk.sees(band, "playing");
            }
        }
    }
    assert_ne!(epochs[0], epochs[1]);
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
}
