//! Consoles against a real server: what one does reaches the other, and what is lost is found.

use gangway_testkit::{ConsoleProcess, ServerProcess, until};
use serde_json::{Value, json};

fn checkin(band: &str, product: &Value, quantity: u32) -> Value {
    json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": product["id"], "quantity": quantity }] })
}

fn gate(verb: &str, band: &str) -> Value {
    json!({ "type": format!("session.{verb}"), "barcodeId": band })
}

fn settled(console: &mut ConsoleProcess, command: Value) {
    let fate = console.settle(command.clone());
    assert_eq!(fate["state"], "settled", "{command}: {fate}");
}

fn status_of(console: &mut ConsoleProcess, band: &str) -> Option<String> {
    let sessions = console.query(&["activeSessions"]);
    let session = sessions.as_array()?.iter().find(|session| session["barcodeId"] == band)?;
    session["status"].as_str().map(str::to_owned)
}

/// Waits until `console` shows the band so.
fn sees(console: &mut ConsoleProcess, band: &str, status: Option<&str>) {
    until(&format!("{band} is {status:?} at the other desk"), || {
        (status_of(console, band).as_deref() == status).then_some(())
    });
}

#[test]
fn what_one_console_does_reaches_the_others_queries() {
    let server = ServerProcess::start();
    let hour = server.product("Hour", 12.5, Some(3600));
    let (mut desk, mut gate_desk) = (ConsoleProcess::start(server.base()), ConsoleProcess::start(server.base()));
    desk.live();
    gate_desk.live();
    settled(&mut desk, checkin("b-7", &hour, 2));
    sees(&mut gate_desk, "B-7", Some("waiting"));
    settled(&mut gate_desk, gate("play", "B-7"));
    sees(&mut desk, "B-7", Some("playing"));
    settled(&mut desk, gate("pause", "B-7"));
    sees(&mut gate_desk, "B-7", Some("paused"));
    settled(&mut desk, json!({ "type": "product.update", "productId": hour["id"], "changes": { "price": 20 } }));
    until("the price at the other desk", || (gate_desk.query(&["products"])[0]["price"] == 20).then_some(()));
    settled(&mut desk, json!({ "type": "settings.update", "changes": { "maxOccupancy": 9 } }));
    until("the settings at the other desk", || {
        (gate_desk.query(&["systemSettings"])["maxOccupancy"] == 9).then_some(())
    });
    settled(&mut gate_desk, gate("end", "B-7"));
    sees(&mut desk, "B-7", None);
    until("both desks have all", || {
        let (one, other) = (desk.status(), gate_desk.status());
        (one["cursor"] == other["cursor"] && one["stateHash"] == other["stateHash"]).then_some(())
    });
    let stats = server.get("/api/dashboard/stats");
    assert_eq!(desk.query(&["dashboardStats"]), stats, "the desk computes what the server computes");
    assert_eq!(gate_desk.query(&["dashboardStats"]), stats);
    assert_eq!(desk.query(&["performanceMetrics"])["totalCompletedSessions"], 1);
    desk.in_sync();
    gate_desk.in_sync();
}

#[test]
fn every_query_key_has_an_answer() {
    let server = ServerProcess::start();
    let hour = server.product("Hour", 12.5, Some(3600));
    let mut desk = ConsoleProcess::start(server.base());
    desk.live();
    settled(&mut desk, checkin("B-1", &hour, 1));
    let session = desk.query(&["playerSession", "b-1"]);
    assert_eq!(session["barcodeId"], "B-1", "the key is normalised as a scan is");
    let id = session["id"].as_str().expect("an id").to_owned();
    assert_eq!(desk.query(&["playerSession", &id])["id"], session["id"], "by the session's id as well");
    assert_eq!(desk.query(&["checkinHistory", "B-1"])[0]["product"]["name"], "Hour");
    assert_eq!(desk.query(&["checkinHistory"])[0]["playerSession"]["barcodeId"], "B-1");
    assert_eq!(desk.query(&["transactions"])[0]["totalPrice"], 12.5);
    assert_eq!(desk.query(&["products"])[0]["id"], hour["id"]);
    assert_eq!(desk.query(&["queueDisplay"])["next"][0]["barcodeId"], "B-1");
    assert_eq!(desk.query(&["systemSettings"])["id"], "system");
    assert_eq!(desk.query(&["dashboardStats"])["waitingCount"], 1);
    assert_eq!(desk.query(&["performanceMetrics"])["peakOccupancy"], 0);
    assert_eq!(desk.query(&["syncStatus"])["link"], "live");
    assert_eq!(desk.query(&["attention"]), json!([]));
    let unknown = desk.request("query", json!({ "key": ["nothing"] }));
    assert_eq!(unknown["ok"], false, "{unknown}");
}

#[test]
fn only_subscribed_keys_are_pushed_and_one_push_holds_a_burst() {
    let server = ServerProcess::start();
    let hour = server.product("Hour", 12.5, Some(3600));
    let (mut desk, mut watcher) = (ConsoleProcess::start(server.base()), ConsoleProcess::start(server.base()));
    desk.live();
    watcher.live();
    watcher.request("subscribe", json!({ "keys": [["activeSessions"], ["playerSession", "B-1"]] }));
    settled(&mut desk, checkin("B-1", &hour, 1));
    settled(&mut desk, gate("play", "B-1"));
    until("the play is pushed", || {
        let playing =
            |update: &Value| update["key"] == json!(["playerSession", "B-1"]) && update["data"]["isActive"] == true;
        watcher
            .pushes()
            .iter()
            .any(|push| push["updates"].as_array().is_some_and(|all| all.iter().any(playing)))
            .then_some(())
    });
    for push in watcher.pushes() {
        for update in push["updates"].as_array().expect("updates") {
            let key = update["key"][0].as_str().expect("a key");
            assert!(["activeSessions", "playerSession"].contains(&key), "{key} was never subscribed to");
            assert!(["set", "invalidate"].contains(&update["op"].as_str().expect("an op")));
        }
    }
    assert!(watcher.query(&["dashboardStats"])["activePlayers"] == 1, "what is not pushed is there when asked for");
    watcher.request("unsubscribe", json!({ "keys": [["activeSessions"], ["playerSession", "B-1"]] }));
    let before = watcher.pushes().len();
    settled(&mut desk, gate("pause", "B-1"));
    sees(&mut watcher, "B-1", Some("paused"));
    assert_eq!(watcher.pushes().len(), before, "nobody asks any more");
}

#[test]
fn without_the_server_the_cache_answers_marked_stale_and_commands_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = ServerProcess::start();
    let base = server.base().to_owned();
    let hour = server.product("Hour", 12.5, Some(3600));
    let mut desk = ConsoleProcess::start_on(folder.path(), &base);
    desk.live();
    settled(&mut desk, checkin("B-1", &hour, 1));
    assert_eq!(desk.query(&["activeSessions"])[0]["barcodeId"], "B-1");
    server.kill();
    until("the desk sees that the link is gone", || (desk.status()["link"] != "live").then_some(()));
    desk.kill();
    let mut desk = ConsoleProcess::start_on(folder.path(), &base);
    for key in [
        "activeSessions",
        "products",
        "systemSettings",
        "dashboardStats",
        "performanceMetrics",
        "transactions",
        "queueDisplay",
    ] {
        let answer = desk.request("query", json!({ "key": [key] }));
        assert_eq!(answer["freshness"]["state"], "stale", "{key}: {answer}");
        assert!(!answer["data"].is_null(), "{key} has no answer after a restart without the server");
        assert!(answer["freshness"]["lastSyncAt"].is_string(), "{key} does not say how old it is");
    }
    let taken = desk.execute(checkin("B-2", &hour, 1));
    assert_eq!((&taken["ok"], &taken["state"]), (&true.into(), &"pending".into()), "{taken}");
    assert_eq!(desk.query(&["playerSession", "B-2"])["pending"], true, "it shows at once");
    assert_eq!(desk.status()["pending"], 1);
}

#[test]
fn before_the_first_snapshot_a_console_says_that_it_has_nothing() {
    let mut desk = ConsoleProcess::start("http://127.0.0.1:9");
    let answer = desk.request("query", json!({ "key": ["activeSessions"] }));
    assert_eq!((&answer["data"], &answer["freshness"]["asOfSeq"]), (&Value::Null, &Value::Null), "{answer}");
    let refused = desk.execute(gate("play", "B-1"));
    assert_eq!(refused["error"]["code"], "not_ready", "{refused}");
}

#[test]
fn a_console_that_was_away_catches_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start();
    let hour = server.product("Hour", 12.5, Some(3600));
    let mut desk = ConsoleProcess::start_on(folder.path(), server.base());
    desk.live();
    assert!(desk.stop().success(), "SIGTERM ends it with 0");
    for index in 0..60 {
        let sale = json!({ "barcodeId": format!("B-{index}"), "products": [{ "id": hour["id"], "quantity": 1 }] });
        assert_eq!(server.call("POST", "/api/checkin", &sale).status, 201);
    }
    let mut desk = ConsoleProcess::start_on(folder.path(), server.base());
    desk.live();
    assert_eq!(desk.query(&["activeSessions"]).as_array().map(Vec::len), Some(60));
    desk.in_sync();
}

/// Changes one cell of a console's cache file, as a bad disk or a curious person would.
fn change_one_cell(folder: &std::path::Path) {
    let cache = rusqlite::Connection::open(folder.join("cache.sqlite")).expect("the cache");
    let changed = cache.execute(
        "UPDATE rows SET row = replace(row, '\"siteName\":\"', '\"siteName\":\"Not ') WHERE collection = 'settings'",
        [],
    );
    assert_eq!(changed, Ok(1), "one cell");
}

#[test]
fn a_cell_changed_behind_its_back_is_found_named_and_repaired() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start();
    let mut desk = ConsoleProcess::start_on(folder.path(), server.base());
    desk.in_sync();
    let right = desk.query(&["systemSettings"])["siteName"].clone();
    change_one_cell(folder.path());
    let found = until("the difference is found", || {
        let status = desk.status();
        status["differs"].to_string().contains("settings").then_some(status)
    });
    assert!(found["differs"].to_string().contains("siteName"), "it says what differs: {}", found["differs"]);
    desk.in_sync();
    assert_eq!(desk.query(&["systemSettings"])["siteName"], right, "it repaired itself");
    assert!(desk.stop().success());
    change_one_cell(folder.path());
    let mut desk = ConsoleProcess::start_on(folder.path(), server.base());
    let found = until("the difference is found after a restart", || {
        let status = desk.status();
        status["differs"].to_string().contains("siteName").then_some(status)
    });
    assert_eq!(found["differs"]["found"], "atStart", "{found}");
    desk.in_sync();
    assert_eq!(desk.query(&["systemSettings"])["siteName"], right);
}

#[test]
fn under_strict_capacity_two_desks_that_can_not_talk_never_fill_the_venue_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = ServerProcess::start_on(folder.path(), "127.0.0.1:0", &["--insecure-open"]);
    let listen = server.ready()["listen"].as_str().expect("an address").to_owned();
    let hour = server.product("Hour", 12.5, Some(3600));
    let strict = json!({ "maxOccupancy": 4, "capacityPolicy": "strict" });
    assert_eq!(server.call("PUT", "/api/system/settings", &strict).status, 200);
    let mut desks = [ConsoleProcess::start(server.base()), ConsoleProcess::start(server.base())];
    for (number, desk) in desks.iter_mut().enumerate() {
        desk.live();
        for band in 0..3 {
            settled(desk, checkin(&format!("D{number}-{band}"), &hour, 1));
        }
    }
    let held = |desk: &mut ConsoleProcess| desk.status()["places"]["held"].as_u64();
    until("each desk has its half", || {
        let all: Vec<_> = desks.iter_mut().map(held).collect();
        (all == [Some(2), Some(2)]).then_some(())
    });
    server.stop();
    for (number, desk) in desks.iter_mut().enumerate() {
        until("the link is gone", || (desk.status()["link"] != "live").then_some(()));
        let outcomes: Vec<_> = (0..3)
            .map(|band| {
                let played = desk.execute(gate("play", &format!("D{number}-{band}")));
                (played["state"].clone(), played["rejection"]["code"].clone())
            })
            .collect();
        let go = (json!("pending"), Value::Null);
        assert_eq!(outcomes, [go.clone(), go, (json!("rejected"), json!("venue_full"))], "desk {number}");
    }
    let server = ServerProcess::start_on(folder.path(), &listen, &["--insecure-open"]);
    for desk in &mut desks {
        until("everything is sent", || (desk.status()["pending"] == 0).then_some(()));
        desk.in_sync();
    }
    assert_eq!(server.get("/api/system/capacity")["currentOccupancy"], 4);
    for desk in &mut desks {
        assert_eq!(desk.status()["attention"], 0, "each GO was true");
        assert_eq!(desk.status()["places"]["held"], 0);
    }
}
