//! How a device gets its token and loses it, and what nobody finds out by guessing.

use std::time::{Duration, Instant};

use gangway_server::ServeOptions;
use serde_json::{Value, json};

use crate::support::{
    socket::Socket,
    venue::{Answer, Venue, options},
};

fn closed(folder: &std::path::Path) -> Venue {
    Venue::start_with(ServeOptions { insecure_open: false, ..options(folder) })
}

fn pair(venue: &Venue, code: &str, more: Value) -> Answer {
    let mut body = json!({ "code": code, "deviceName": "Desk 1" });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    venue.call("POST", "/api/pair", &body)
}

fn code_for(venue: &Venue, manager: &str, role: &str) -> String {
    let made = venue.send_as(manager, "POST", "/api/devices/codes", Some(&json!({ "role": role }).to_string()));
    assert_eq!((made.status, &made.json["role"]), (201, &json!(role)), "{}", made.text);
    assert!(made.json["expiresAt"].is_string());
    made.json["code"].as_str().expect("a code").to_owned()
}

fn token(paired: &Answer) -> String {
    assert_eq!(paired.status, 201, "{}", paired.text);
    paired.json["token"].as_str().expect("a token").to_owned()
}

#[test]
fn the_first_start_makes_one_manager_and_its_token_outlives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = closed(folder.path());
    let code = venue.ready().pairing_code.clone().expect("a code");
    let paired = pair(&venue, &code, json!({}));
    let manager = token(&paired);
    let mut keys: Vec<_> = paired.json.as_object().expect("an object").keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["deviceId", "role", "token", "venueId"]);
    assert_eq!((&paired.json["role"], &paired.json["venueId"]), (&json!("manager"), &json!(venue.ready().venue_id)));
    assert_eq!(venue.send_as(&manager, "GET", "/api/products", None).status, 200);
    let again = pair(&venue, &code, json!({}));
    assert_eq!((again.status, again.code()), (403, "wrong_code"), "a code counts once");
    venue.stop();
    let venue = closed(folder.path());
    assert_eq!(venue.ready().pairing_code, None, "there is a manager");
    assert_eq!(venue.send_as(&manager, "GET", "/api/products", None).status, 200);
    venue.stop();
    for path in files(folder.path()) {
        let bytes = std::fs::read(&path).expect("a file");
        let secrets = [manager.as_str(), code.as_str(), &code.replace('-', "")];
        let found = secrets.iter().any(|secret| bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
        assert!(!found, "{} holds a secret", path.display());
    }
}

/// Every file of a folder and of those in it.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let paths = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_code_may_be_typed_in_any_way() {
    let (venue, manager) = Venue::start_closed();
    let code = code_for(&venue, &manager, "operator");
    let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
    assert_eq!(pair(&venue, &typed, json!({})).status, 201);
}

#[test]
fn devices_are_listed_named_and_seen() {
    let (venue, manager) = Venue::start_closed();
    let desk = pair(&venue, &code_for(&venue, &manager, "operator"), json!({ "deviceName": " Gate 2 " }));
    let list = |venue: &Venue| venue.send_as(&manager, "GET", "/api/devices", None).json;
    let row = list(&venue)[1].clone();
    assert_eq!(
        (&row["id"], &row["name"], &row["role"]),
        (&desk.json["deviceId"], &json!("Gate 2"), &json!("operator"))
    );
    assert_eq!((&row["lastSeenAt"], &row["revokedAt"], &row["connected"]), (&Value::Null, &Value::Null, &json!(false)));
    assert_eq!(venue.send_as(&token(&desk), "GET", "/api/products", None).status, 200);
    let auth = json!({ "token": token(&desk) });
    let _socket = Socket::try_connect(venue.address(), "&profile=lean", &auth).expect("it is let in");
    let row = list(&venue)[1].clone();
    assert!(row["lastSeenAt"].is_string() && row["connected"] == json!(true), "{row}");
    assert!(!list(&venue).to_string().contains("gwt_"), "no token is told twice");
}

#[test]
fn a_device_that_is_removed_is_out_within_a_second_and_the_others_stay() {
    let (venue, manager) = Venue::start_closed();
    let (desk, other) = (venue.pair(&manager, "operator"), venue.pair(&manager, "operator"));
    let connect = |paired: &Value, query: &str| {
        let mut socket = Socket::try_connect(venue.address(), query, &json!({ "token": paired["token"] })).expect("in");
        socket.event("sync:head");
        socket
    };
    let (mut full, mut lean) = (connect(&desk, ""), connect(&desk, "&profile=lean"));
    let mut stays = connect(&other, "&profile=lean");
    let path = format!("/api/devices/{}", desk["deviceId"].as_str().expect("an id"));
    let started = Instant::now();
    let removed = venue.send_as(&manager, "DELETE", &path, None);
    assert_eq!(removed.status, 200, "{}", removed.text);
    assert!(removed.json["revokedAt"].is_string() && removed.json["connected"] == json!(false), "{}", removed.text);
    full.closed();
    lean.closed();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let token = desk["token"].as_str().expect("a token");
    let refused = venue.send_as(token, "GET", "/api/products", None);
    assert_eq!((refused.status, refused.code()), (401, "revoked"));
    let again = Socket::try_connect(venue.address(), "", &json!({ "token": token })).map(|_| ());
    assert_eq!(again, Err("revoked".to_owned()));
    let product = json!({ "name": "x", "price": 1, "category": "c" }).to_string();
    assert_eq!(venue.send_as(&manager, "POST", "/api/products", Some(&product)).status, 201);
    stays.event("product:created");
    assert_eq!(venue.send_as(&manager, "DELETE", "/api/devices/none", None).code(), "unknown_device");
}

#[test]
fn what_a_removed_device_polls_is_refused() {
    let (venue, manager) = Venue::start_closed();
    let desk = venue.pair(&manager, "operator");
    let open = venue.get("/socket.io/?EIO=4&transport=polling");
    let sid = serde_json::from_str::<Value>(&open.text[1..]).expect("JSON")["sid"].as_str().expect("a sid").to_owned();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let connect = format!("40{}", json!({ "token": desk["token"] }));
    let text = [("content-type", "text/plain")];
    assert_eq!(venue.send("POST", &path, Some(&connect), &text).status, 200);
    assert!(venue.get(&path).text.contains("40{"), "it is in");
    let device = format!("/api/devices/{}", desk["deviceId"].as_str().expect("an id"));
    assert_eq!(venue.send_as(&manager, "DELETE", &device, None).status, 200);
    let polled = venue.get(&path);
    assert_eq!((polled.status, polled.code()), (400, "unknown_socket"), "{}", polled.text);
}

#[test]
fn a_device_keeps_the_id_that_it_has_and_nobody_else_takes_it() {
    let (venue, manager) = Venue::start_closed();
    let id = "3f0c2a52-0000-4000-8000-000000000001";
    let code = code_for(&venue, &manager, "operator");
    let first = pair(&venue, &code, json!({ "deviceId": id }));
    assert_eq!(first.json["deviceId"], id);
    let lost = token(&first);
    let first = pair(&venue, &code_for(&venue, &manager, "operator"), json!({ "deviceId": id }));
    assert_eq!(
        venue.send_as(&lost, "GET", "/api/products", None).status,
        401,
        "the answer never came, so it asked again"
    );
    assert_eq!(venue.send_as(&token(&first), "GET", "/api/products", None).status, 200);
    let code = code_for(&venue, &manager, "operator");
    let second = pair(&venue, &code, json!({ "deviceId": id }));
    assert_eq!((second.status, second.code()), (409, "device_paired"));
    assert_eq!(venue.send_as(&token(&first), "GET", "/api/products", None).status, 200);
    assert_eq!(venue.send_as(&manager, "DELETE", &format!("/api/devices/{id}"), None).status, 200);
    let third = pair(&venue, &code, json!({ "deviceId": id }));
    assert_eq!(venue.send_as(&token(&third), "GET", "/api/products", None).status, 200, "it comes back");
    assert_eq!(venue.send_as(&token(&first), "GET", "/api/products", None).status, 401, "by its new token alone");
}

#[test]
fn a_token_is_one_device() {
    let (venue, manager) = Venue::start_closed();
    let desk = venue.pair(&manager, "operator");
    let token = desk["token"].as_str().expect("a token");
    let bearer = format!("bearer {token}");
    let other = venue.send("GET", "/api/products", None, &[("authorization", &bearer), ("x-device-id", "desk-9")]);
    assert_eq!((other.status, other.code()), (403, "wrong_device"));
    let id = desk["deviceId"].as_str().expect("an id");
    let own = venue.send("GET", "/api/products", None, &[("authorization", &bearer), ("x-device-id", id)]);
    assert_eq!(own.status, 200);
    let command = |device: &str| {
        let command = json!({ "commandId": uuid::Uuid::new_v4(), "type": "session.play", "barcodeId": "B",
            "deviceId": device });
        venue.send_as(token, "POST", "/api/commands", Some(&json!({ "commands": [command] }).to_string()))
    };
    assert_eq!((command("desk-9").status, command("desk-9").code()), (403, "wrong_device"));
    assert_eq!(command(id).json["results"][0]["rejection"]["code"], "unknown_band");
    let auth = json!({ "token": token, "deviceId": "desk-9" });
    assert_eq!(Socket::try_connect(venue.address(), "", &auth).map(|_| ()), Err("wrong_device".to_owned()));
}

#[test]
fn whoever_guesses_at_codes_is_stopped() {
    let (venue, manager) = Venue::start_closed();
    let code = code_for(&venue, &manager, "manager");
    let answers: Vec<Answer> = (0..14).map(|_| pair(&venue, "AAAA-AAAA", json!({}))).collect();
    assert!(answers[..10].iter().all(|answer| answer.code() == "wrong_code"), "{answers:?}");
    let locked = &answers[13];
    assert_eq!((locked.status, locked.code()), (429, "too_many_guesses"));
    let wait: u64 = locked.header("retry-after").and_then(|value| value.parse().ok()).expect("seconds");
    assert!(wait > 60, "{wait}");
    assert_eq!(pair(&venue, &code, json!({})).status, 429, "not even the right one");
    assert_eq!(venue.send_as(&manager, "GET", "/api/products", None).status, 200, "who is in stays in");
}

#[test]
fn what_is_wrong_with_a_pairing_is_said_and_the_code_still_counts() {
    let (venue, manager) = Venue::start_closed();
    let code = code_for(&venue, &manager, "kiosk");
    for bad in [json!({ "deviceName": "" }), json!({ "deviceName": "x".repeat(121) }), json!({ "deviceId": "desk-1" })]
    {
        let answer = pair(&venue, &code, bad);
        assert_eq!((answer.status, answer.code()), (400, "invalid_pairing"), "{}", answer.text);
    }
    assert_eq!(pair(&venue, &code, json!({})).json["role"], "kiosk");
    let role = venue.send_as(&manager, "POST", "/api/devices/codes", Some(r#"{"role":"owner"}"#));
    assert_eq!((role.status, role.code()), (400, "invalid_role"));
}

#[test]
fn only_a_desk_is_believed_that_it_has_seen_more_than_the_log_holds() {
    let (venue, manager) = Venue::start_closed();
    let product = json!({ "name": "x", "price": 1, "category": "c" }).to_string();
    assert_eq!(venue.send_as(&manager, "POST", "/api/products", Some(&product)).status, 201);
    let epoch = |venue: &Venue| venue.send_as(&manager, "GET", "/api/sync/events", None).json["epoch"].clone();
    let before = epoch(&venue);
    let name = before.as_str().expect("an epoch");
    let claim = format!("/api/sync/events?after=1&afterId={}&epoch={name}", uuid::Uuid::new_v4());
    let token = |role: &str| venue.pair(&manager, role)["token"].as_str().expect("a token").to_owned();
    for refused in [venue.get(&claim), venue.send_as(&token("kiosk"), "GET", &claim, None)] {
        assert!([401, 403].contains(&refused.status), "{}", refused.text);
    }
    assert_eq!(epoch(&venue), before, "whoever is not believed changes nothing");
    let told = venue.send_as(&token("operator"), "GET", &claim, None);
    assert_eq!((told.status, told.code()), (410, "snapshot_required"));
    assert_ne!(epoch(&venue), before);
}
