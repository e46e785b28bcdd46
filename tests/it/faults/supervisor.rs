//! No failure of the network leads anywhere but to "connecting" and back.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use gangway_testkit::{Behaviour, Certificates, ServerProcess, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    floor::{Desk, Floor, Setup, gate},
    pool::Ran,
};

cells! { "supervisor",
    server_is_away_for_long => away_for_long,
    name_can_not_be_resolved => unresolvable,
    link_accepts_and_says_nothing => || replaced_by(|_| Behaviour::Stall),
    connections_are_half_open => || replaced_by(|_| Behaviour::HalfOpen),
    proxy_answers_502_with_html => || replaced_by(|_| Behaviour::BadGateway),
    captive_portal_redirects => redirected,
    captive_portal_answers_200_with_html => || replaced_by(|_| Behaviour::Login),
    every_third_connection_is_dropped => || replaced_for_a_while(&Behaviour::DropEvery(3)),
    certificate_has_expired => expired,
    server_returns_with_an_older_copy => older_copy,
    server_returns_with_an_older_copy_under_strict => older_copy_under_strict,
    server_of_another_venue_answers => another_venue,
}

/// Shortest wait between two tries of a desk.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// Connections of one try: the socket, and HTTP beside it.
const CONNECTIONS_PER_TRY: u64 = 3;

/// What the desk shows without the server is what it had, marked so.
fn shows_what_it_had(desk: &mut Desk, band: &str) {
    let answer = desk.console.request("query", json!({ "key": ["activeSessions"] }));
    assert_eq!(answer["freshness"]["state"], "stale", "{answer}");
    let bands: Vec<&Value> = answer["data"].as_array().expect("sessions").iter().map(|row| &row["barcodeId"]).collect();
    assert!(bands.contains(&&json!(band)), "{band} is among {bands:?}");
    let status = desk.console.status();
    assert_eq!(status["inSync"], false, "the light is not green: {status}");
}

fn sold_at_both(floor: &mut Floor) -> String {
    let band = floor.sell_and_board(0);
    floor.desks[1].sees(&band, "playing");
    band
}

/// Healed: both desks sell, and all agree with the ledger.
fn goes_on(floor: &mut Floor) {
    for desk in &mut floor.desks {
        desk.comes_back();
    }
    floor.sell_and_board(0);
    floor.sell_and_board(1);
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
}

/// Desk 0 has something else in the server's place, long enough to try again and again.
fn replaced_by(other: impl Fn(&Floor) -> Behaviour) -> Ran {
    let mut floor = Floor::open();
    let band = sold_at_both(&mut floor);
    let (began, accepted) = (Instant::now(), floor.desks[0].link.accepted());
    let other = other(&floor);
    floor.desks[0].link.set(other);
    floor.desks[0].notices();
    until("it tries again", || (floor.desks[0].link.accepted() >= accepted + 2).then_some(()));
    assert_ne!(floor.desks[0].link_state(), "live");
    shows_what_it_had(&mut floor.desks[0], &band);
    floor.acknowledged(0, &gate("pause", &band));
    // Started anew in the middle of it, it ends in the same state.
    floor.desks[0].restart();
    until("it tries after its start", || (floor.desks[0].link.accepted() >= accepted + 3).then_some(()));
    floor.desks[0].notices();
    shows_what_it_had(&mut floor.desks[0], &band);
    let tries = (floor.desks[0].link.accepted() - accepted) / CONNECTIONS_PER_TRY;
    let most = began.elapsed().as_millis() / DELAY_MIN.as_millis() + 1;
    assert!(u128::from(tries) <= most, "{tries} tries where {most} are the most");
    floor.desks[0].link.set(Behaviour::Pass);
    goes_on(&mut floor);
    Ran::Whole
}

fn replaced_for_a_while(behaviour: &Behaviour) -> Ran {
    let mut floor = Floor::open();
    sold_at_both(&mut floor);
    for desk in &floor.desks {
        desk.link.set(behaviour.clone());
    }
    for _ in 0..3 {
        floor.desks[0].link.cut();
        floor.desks[0].notices();
        floor.desks[0].comes_back();
        let band = floor.band();
        let sale = floor.checkin(&band, 1);
        floor.acknowledged(0, &sale);
    }
    goes_on(&mut floor);
    Ran::Whole
}

fn redirected() -> Ran {
    let portal = TcpListener::bind("127.0.0.1:0").expect("a port");
    portal.set_nonblocking(true).expect("a listener");
    let location = format!("http://{}/login", portal.local_addr().expect("an address"));
    replaced_by(|_| Behaviour::Redirect(location.clone()));
    assert!(portal.accept().is_err(), "nobody follows the portal");
    Ran::Whole
}

fn away_for_long() -> Ran {
    let mut floor = Floor::open();
    let band = sold_at_both(&mut floor);
    floor.server.kill();
    let accepted = floor.desks[0].link.accepted();
    for desk in &mut floor.desks {
        desk.notices();
    }
    until("it tries again and again", || (floor.desks[0].link.accepted() >= accepted + 4).then_some(()));
    for verb in ["pause", "play", "pause"] {
        floor.acknowledged(0, &gate(verb, &band));
    }
    let sale = floor.checkin(&band, 3);
    floor.acknowledged(1, &sale);
    floor.desks[0].restart();
    floor.desks[1].restart();
    shows_what_it_had(&mut floor.desks[0], &band);
    floor.restart_server();
    goes_on(&mut floor);
    Ran::Whole
}

fn unresolvable() -> Ran {
    let mut floor = Floor::open();
    let band = sold_at_both(&mut floor);
    // That of `.invalid` never exists (RFC 2606).
    floor.desks[0].restart_for("http://gangway.invalid:8787");
    until("it says why", || floor.desks[0].console.status()["problem"]["message"].as_str().map(str::to_owned));
    until("it is connecting", || (floor.desks[0].link_state() == "connecting").then_some(()));
    shows_what_it_had(&mut floor.desks[0], &band);
    floor.acknowledged(0, &gate("pause", &band));
    floor.desks[0].restart();
    goes_on(&mut floor);
    Ran::Whole
}

fn expired() -> Ran {
    let certificates = match Certificates::new(-1) {
        Ok(certificates) => certificates,
        Err(why) => return Ran::Skipped(why),
    };
    let secure = Setup { tls: Some(&certificates), ..Setup::default() };
    let mut floor = Floor::with(vec![secure, Setup::default()]);
    let band = sold_at_both(&mut floor);
    certificates.renew(-100).expect("the tools are there");
    floor.desks[0].link.show(&certificates);
    floor.desks[0].notices();
    let accepted = floor.desks[0].link.accepted();
    until("it tries again", || (floor.desks[0].link.accepted() >= accepted + 2).then_some(()));
    until("it is connecting", || (floor.desks[0].link_state() == "connecting").then_some(()));
    let problem = floor.desks[0].console.status()["problem"].clone();
    assert_eq!(problem["code"], "certificate", "it says what is wrong: {problem}");
    shows_what_it_had(&mut floor.desks[0], &band);
    floor.acknowledged(0, &gate("pause", &band));
    certificates.renew(-1).expect("the tools are there");
    floor.desks[0].link.show(&certificates);
    goes_on(&mut floor);
    Ran::Whole
}

/// The files of the venue, copied while nothing writes.
fn copy_venue(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("venue.sqlite") {
            fs::copy(entry.path(), to.join(name)).expect("a copy");
        }
    }
}

/// A copy of the venue as it is.
fn copied(floor: &mut Floor) -> TempDir {
    floor.check();
    let backup = tempfile::tempdir().expect("a folder");
    floor.server.kill();
    copy_venue(floor.server_folder.path(), backup.path());
    floor.restart_server();
    for desk in &mut floor.desks {
        desk.comes_back();
    }
    backup
}

/// The server returns with what it was then.
fn restore(floor: &mut Floor, backup: &TempDir) {
    floor.server.kill();
    for name in ["venue.sqlite-wal", "venue.sqlite-shm"] {
        let _ = fs::remove_file(floor.server_folder.path().join(name));
    }
    copy_venue(backup.path(), floor.server_folder.path());
    floor.restart_server();
}

fn older_copy() -> Ran {
    let mut floor = Floor::open();
    let early = sold_at_both(&mut floor);
    let backup = copied(&mut floor);
    // What desks settled since is all that is left of it.
    let late = sold_at_both(&mut floor);
    floor.acknowledged(1, &gate("pause", &early));
    let other = floor.sell_and_board(1);
    floor.desks[0].sees(&other, "playing");
    floor.desks[0].sees(&early, "paused");
    floor.check();
    restore(&mut floor, &backup);
    goes_on(&mut floor);
    for desk in &mut floor.desks {
        desk.sees(&late, "playing");
        desk.sees(&other, "playing");
        desk.sees(&early, "paused");
    }
    Ran::Whole
}

/// A play that only the server said GO to, for the one place that there is; with two desks nobody is lent it.
fn let_in(floor: &mut Floor, desk: usize, band: &str) -> String {
    let answer = floor.answered(desk, &gate("play", band));
    assert_eq!(answer["awaiting"], true, "{answer}");
    let id = answer["commandId"].as_str().expect("an id").to_owned();
    assert_eq!(floor.settled(desk, &id)["state"], "settled");
    id
}

fn flags(desk: &mut Desk) -> Vec<Value> {
    let list = desk.console.request("attention", json!({}));
    let entries = list["entries"].as_array().expect("entries");
    entries.iter().map(|entry| json!([entry["commandId"], entry["flags"]])).collect()
}

/// Who was let in by a log that is gone is inside, whatever the copy has let in meanwhile.
fn older_copy_under_strict() -> Ran {
    let mut floor = Floor::open();
    let strict = json!({ "maxOccupancy": 1, "capacityPolicy": "strict" });
    assert_eq!(floor.server.call("PUT", "/api/system/settings", &strict).status, 200);
    let bands = [floor.band(), floor.band(), floor.band()];
    for band in &bands {
        let sale = floor.checkin(band, 1);
        floor.acknowledged(0, &sale);
        floor.desks[1].sees(band, "waiting");
    }
    let backup = copied(&mut floor);
    let inside = let_in(&mut floor, 0, &bands[0]);
    floor.desks[1].sees(&bands[0], "playing");
    floor.desks[0].link.set(Behaviour::Refuse);
    floor.desks[0].notices();
    restore(&mut floor, &backup);
    floor.desks[1].comes_back();
    floor.desks[1].sees(&bands[0], "waiting");
    let_in(&mut floor, 1, &bands[1]);
    floor.desks[0].sees(&bands[0], "playing");
    floor.desks[0].link.set(Behaviour::Pass);
    floor.desks[0].comes_back();
    let told = [json!([inside, [{ "flag": "overCapacity" }]])];
    for desk in &mut floor.desks {
        desk.sees(&bands[0], "playing");
        desk.sees(&bands[1], "playing");
        until("somebody is told", || (flags(desk) == told).then_some(()));
    }
    // Nobody else comes in before both are out.
    for out in &bands[..2] {
        let answer = floor.answered(1, &gate("play", &bands[2]));
        let id = answer["commandId"].as_str().expect("an id").to_owned();
        assert_eq!(floor.settled(1, &id)["rejection"]["code"], "venue_full");
        floor.acknowledged(0, &gate("pause", out));
        floor.desks[1].sees(out, "paused");
    }
    let_in(&mut floor, 1, &bands[2]);
    let audit = floor.check();
    assert_eq!(audit.rejected.len(), 2, "{audit}");
    Ran::Whole
}

fn another_venue() -> Ran {
    let mut floor = Floor::open();
    let band = sold_at_both(&mut floor);
    floor.check();
    let other = ServerProcess::start();
    let foreign = other.product("Not ours", 99.0, Some(60));
    floor.desks[0].link.lead_to(other.address());
    floor.desks[0].link.cut();
    floor.desks[0].notices();
    let accepted = floor.desks[0].link.accepted();
    until("it tries again", || (floor.desks[0].link.accepted() >= accepted + 2).then_some(()));
    shows_what_it_had(&mut floor.desks[0], &band);
    floor.acknowledged(0, &gate("pause", &band));
    floor.desks[0].restart();
    until("it says why", || floor.desks[0].console.status()["problem"]["message"].as_str().map(str::to_owned));
    let products = floor.desks[0].console.query(&["products"]);
    assert!(!products.to_string().contains(foreign["id"].as_str().expect("an id")), "kept apart: {products}");
    let log = other.get("/api/sync/events?after=0");
    let theirs = log["events"].as_array().expect("events").iter().filter(|event| event["name"] != "product:created");
    assert_eq!(theirs.count(), 0, "the other venue got nothing: {log}");
    floor.desks[0].link.lead_to(floor.server.address());
    floor.desks[0].link.cut();
    goes_on(&mut floor);
    Ran::Whole
}
