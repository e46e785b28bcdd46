//! Stock `socket.io-client`s receive each event of the specification with exactly its documented payload.

use std::collections::BTreeSet;

use gangway_testkit::{Seen, ServerProcess, StockClient, until};
use serde_json::{Value, json};

/// (event, keys that a payload has, keys that it may have besides)
const DOCUMENTED: [(&str, &[&str], &[&str]); 12] = [
    ("transaction:created", &["transaction", "playerSession"], &["dashboardStats"]),
    ("transaction:updated", &["transaction"], &["dashboardStats"]),
    ("session:created", &["playerSession", "activeSessions"], &[]),
    ("session:updated", &["playerSession"], &["dashboardStats"]),
    ("session:play", &["playerSession", "activeSessions"], &[]),
    ("session:pause", &["playerSession", "activeSessions"], &[]),
    ("session:ended", &["playerSession", "activeSessions"], &["dashboardStats"]),
    ("product:created", &["product"], &[]),
    ("product:updated", &["product"], &[]),
    ("product:deleted", &["productId"], &[]),
    ("system:settings:updated", &["settings"], &[]),
    ("system:capacity:changed", &["maxOccupancy", "currentOccupancy", "dashboardStats"], &[]),
];

const PLAYER_SESSION: [&str; 12] = [
    "id",
    "barcodeId",
    "totalAllowedSeconds",
    "accumulatedSeconds",
    "lastStartAt",
    "isActive",
    "expiresAt",
    "createdAt",
    "updatedAt",
    "remainingSeconds",
    "remainingMinutes",
    "status",
];

/// Does everything once that a venue can do, over HTTP.
pub fn do_everything(server: &ServerProcess) {
    let post = |path: &str, body: Value| {
        let answer = server.call("POST", path, &body);
        assert!(answer.status < 300, "POST {path} {body}: {} {}", answer.status, answer.text);
        answer.json
    };
    let put = |path: &str, body: Value| {
        let answer = server.call("PUT", path, &body);
        assert_eq!(answer.status, 200, "PUT {path} {body}: {}", answer.text);
        answer.json
    };
    let hour = server.product("Hour", 12.5, Some(3600));
    let socks = server.product("Socks", 2.0, None);
    let id = |product: &Value| product["id"].as_str().expect("an id").to_owned();
    put(&format!("/api/products/{}", id(&hour)), json!({ "price": 13.25 }));
    assert_eq!(server.call("DELETE", &format!("/api/products/{}", id(&socks)), &Value::Null).status, 200);
    let sale = |quantity: u32| json!({ "barcodeId": "B-1", "products": [{ "id": id(&hour), "quantity": quantity }] });
    let sold = post("/api/checkin", sale(2));
    post("/api/checkin", sale(1));
    post("/api/sessions/play", json!({ "barcodeId": "B-1" }));
    post("/api/sessions/pause", json!({ "barcodeId": "B-1" }));
    put("/api/system/settings", json!({ "maxOccupancy": 42 }));
    let line = sold["transactions"][0]["id"].as_str().expect("a line").to_owned();
    put(&format!("/api/transactions/{line}"), json!({ "quantity": 1, "reason": "typed two" }));
    post("/api/sessions/end", json!({ "barcodeId": "B-1" }));
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn meta<'a>(seen: &'a Seen, key: &str) -> &'a Value {
    &seen.args.get(1).expect("a second argument")[key]
}

fn check_payload(seen: &Seen, required: &[&str], optional: &[&str]) {
    let have = keys(&seen.args[0]);
    for key in required {
        assert!(have.contains(key), "{} lacks {key}: {have:?}", seen.name);
    }
    let allowed: BTreeSet<&str> = required.iter().chain(optional).copied().collect();
    assert!(have.is_subset(&allowed), "{} has undocumented keys: {have:?}", seen.name);
    let sessions = [&seen.args[0]["playerSession"]]
        .into_iter()
        .chain(seen.args[0]["activeSessions"].as_array().into_iter().flatten());
    for session in sessions.filter(|session| !session.is_null()) {
        assert!(keys(session).is_superset(&BTreeSet::from(PLAYER_SESSION)), "{}: {session}", seen.name);
    }
}

/// `prev` names the event before, from the log's beginning on.
fn check_order(logged: &[Seen]) {
    let mut before = 0;
    for seen in logged {
        assert_eq!(meta(seen, "prev").as_u64(), Some(before), "{} after seq {before}", seen.name);
        before = meta(seen, "seq").as_u64().expect("a seq");
    }
}

#[test]
fn a_stock_client_receives_each_event_with_exactly_its_documented_payload() {
    let server = ServerProcess::start();
    let websocket = StockClient::connect(server.base(), "", "websocket");
    let polling = StockClient::connect(server.base(), "", "polling");
    do_everything(&server);
    websocket.event("session:ended");
    let logged = websocket.logged();
    for (name, required, optional) in DOCUMENTED {
        let of_name: Vec<_> = logged.iter().filter(|seen| seen.name == name).collect();
        assert!(!of_name.is_empty(), "{name} never came");
        of_name.iter().for_each(|seen| check_payload(seen, required, optional));
    }
    check_order(&logged);
    let stats = websocket.event("dashboard:stats:updated");
    assert!(keys(&stats.args[0]).contains("currentRevenue"), "{stats:?}");
    assert_eq!(keys(&stats.args[1]), BTreeSet::from(["epoch", "head"]), "{stats:?}");
    let head = websocket.event("sync:head");
    for key in ["epoch", "head", "seq", "serverTime", "stateHash", "intervalMs"] {
        assert!(keys(&head.args[0]).contains(key), "sync:head lacks {key}");
    }
    until("the polling client has them too", || (polling.logged().len() == logged.len()).then_some(()));
    let of = |logged: &[Seen]| logged.iter().map(|seen| (seen.name.clone(), seen.args.clone())).collect::<Vec<_>>();
    assert_eq!(of(&polling.logged()), of(&logged), "both transports, the same events");
}

#[test]
fn one_command_logs_its_events_in_the_documented_order() {
    let server = ServerProcess::start();
    let client = StockClient::connect(server.base(), "", "websocket");
    do_everything(&server);
    client.event("session:ended");
    let names: Vec<_> = client.logged().into_iter().map(|seen| seen.name).collect();
    let expected = [
        "product:created",
        "product:created",
        "product:updated",
        "product:deleted",
        "session:created",
        "transaction:created",
        "transaction:created",
        "session:updated",
        "session:play",
        "session:pause",
        "system:settings:updated",
        "system:capacity:changed",
        "transaction:updated",
        "session:updated",
        "session:ended",
    ];
    assert_eq!(names, expected);
    let last: Vec<_> =
        client.logged().iter().map(|seen| (meta(seen, "seq").as_u64(), meta(seen, "last").as_u64())).collect();
    assert_eq!((last[4].1, last[5].1), (Some(6), Some(6)), "both events of the sale name its last seq");
    assert!(last.iter().all(|(seq, last)| seq <= last));
}

#[test]
fn lean_clients_get_changes_instead_of_lists() {
    let server = ServerProcess::start();
    let full = StockClient::connect(server.base(), "profile=full", "websocket");
    let lean = StockClient::connect(server.base(), "profile=lean", "websocket");
    do_everything(&server);
    lean.event("session:ended");
    full.event("session:ended");
    let (full, lean) = (full.logged(), lean.logged());
    check_order(&lean);
    for (seen_full, seen_lean) in full.iter().zip(&lean) {
        assert_eq!(seen_full.name, seen_lean.name);
        assert_eq!(meta(seen_full, "id"), meta(seen_lean, "id"), "one event, one id");
        let payload = keys(&seen_lean.args[0]);
        assert!(!payload.contains("activeSessions") && !payload.contains("dashboardStats"), "{seen_lean:?}");
        assert!(seen_full.args[1].get("changes").is_none(), "stock clients don't pay for rows");
        let changes = meta(seen_lean, "changes").as_array().expect("changes");
        for change in changes {
            assert_eq!(keys(change), BTreeSet::from(["collection", "id", "row"]));
        }
    }
    assert_eq!(full.len(), lean.len());
}

#[test]
fn a_cart_is_shown_and_not_logged() {
    let server = ServerProcess::start();
    let client = StockClient::connect(server.base(), "", "websocket");
    let hour = server.product("Hour", 12.5, Some(3600));
    let cart = json!({ "barcodeId": "b-9", "cart": [{ "productId": hour["id"], "quantity": 2 }] });
    let answer = server.call("POST", "/api/cart/notify", &cart);
    assert_eq!((answer.status, &answer.json), (200, &json!({ "success": true })));
    let seen = client.event("cart:updated");
    assert_eq!(seen.args[0], json!({ "barcodeId": "B-9", "cart": [{ "productId": hour["id"], "quantity": 2 }] }));
    assert_eq!(server.get("/api/sync/events?after=0")["head"], 1, "only the product is in the log");
}

#[test]
fn each_emission_is_logged_with_its_time_name_seq_room_bytes_and_receivers() {
    let server = ServerProcess::start_with(&["--insecure-open", "--log-format", "json"]);
    let client = StockClient::connect(server.base(), "", "websocket");
    server.product("Hour", 12.5, Some(3600));
    client.event("product:created");
    let emission = until("the emission in the log", || {
        let logged = server.stderr();
        let lines = logged.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let fields = |line: &Value| line.get("fields").cloned().unwrap_or_else(|| line.clone());
        let of_full = |line: &Value| fields(line)["event"] == "product:created" && fields(line)["room"] == "full";
        lines.filter(of_full).map(|line| (line["timestamp"].clone(), fields(&line))).next()
    });
    let (at, fields) = emission;
    assert!(at.is_string(), "no time");
    assert_eq!((&fields["seq"], &fields["receivers"]), (&1.into(), &1.into()), "{fields}");
    assert!(fields["bytes"].as_u64() > Some(100), "{fields}");
    let metrics = server.call("GET", "/metrics", &Value::Null);
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("product:created"), "events are counted by name: {}", metrics.text);
}
