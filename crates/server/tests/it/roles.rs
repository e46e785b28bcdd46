//! Each role against each call, command and event, made from the one table and from what there is: what has no row
//! fails here and is refused there.

use std::collections::{BTreeMap, BTreeSet};

use gangway_domain::{command::Command, event::EventName};
use gangway_server::{
    access::{
        Role,
        table::{CALLS, COMMANDS, EVENTS, Hears, Who, hears, markdown, may_give, room},
    },
    realtime::Profile,
};
use serde_json::{Value, json};

use crate::support::{
    socket::Socket,
    venue::{Venue, sale},
};

/// A closed venue and a token for each role.
fn venue_with_all_roles() -> (Venue, BTreeMap<Role, String>) {
    let (venue, manager) = Venue::start_closed();
    let token = |role: &Role| match role {
        Role::Manager => manager.clone(),
        _ => venue.pair(&manager, role.as_str())["token"].as_str().expect("a token").to_owned(),
    };
    let tokens = Role::ALL.iter().map(|role| (*role, token(role))).collect();
    (venue, tokens)
}

fn documented(venue: &Venue, manager: &str) -> BTreeSet<(String, String)> {
    let document = venue.send_as(manager, "GET", "/api/openapi.json", None).json;
    let paths = document["paths"].as_object().expect("paths").clone();
    let calls = paths.iter().flat_map(|(path, calls)| {
        calls.as_object().expect("calls").keys().map(|method| (method.to_uppercase(), path.clone()))
    });
    calls.collect()
}

#[test]
fn the_table_has_a_row_for_each_documented_call_and_no_other() {
    let (venue, tokens) = venue_with_all_roles();
    let rows: Vec<_> = CALLS.iter().map(|row| (row.0.to_owned(), row.1.replace("{*", "{"))).collect();
    let set: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(set.len(), rows.len(), "each once");
    assert_eq!(set, documented(&venue, &tokens[&Role::Manager]));
}

#[test]
fn the_document_says_which_calls_need_a_token() {
    let (venue, manager) = Venue::start_closed();
    let document = venue.send_as(&manager, "GET", "/api/openapi.json", None).json;
    assert_eq!(document["components"]["securitySchemes"]["token"], json!({ "type": "http", "scheme": "bearer" }));
    for (method, path, who) in CALLS {
        let call = &document["paths"][path.replace("{*", "{")][method.to_lowercase()];
        let expect = if *who == Who::Anybody { Value::Null } else { json!([{ "token": [] }]) };
        assert_eq!(call["security"], expect, "{method} {path}");
    }
}

#[test]
fn each_role_may_make_exactly_the_calls_of_its_rows() {
    let (venue, tokens) = venue_with_all_roles();
    let mut cases = 0;
    for (method, path, who) in CALLS {
        let url = path.replace(['{', '}', '*'], "");
        // None of these bodies is right for any call: nothing is changed by what is let through.
        let body = (*method != "GET" && *method != "DELETE").then_some("[]");
        let nobody = venue.send(method, &url, body, &[]);
        let made_up = venue.send_as("gwt_00", method, &url, body);
        for answer in [nobody, made_up] {
            let refused = (answer.status, answer.code()) == (401, "unauthorized");
            assert_eq!(refused, *who != Who::Anybody, "{method} {path}: {}", answer.text);
            assert!(!refused || answer.header("www-authenticate") == Some("Bearer"));
        }
        for (role, token) in &tokens {
            let answer = venue.send_as(token, method, &url, body);
            let forbidden = (answer.status, answer.code()) == (403, "forbidden");
            assert_eq!(!forbidden, who.has(*role), "{role:?} {method} {path}: {} {}", answer.status, answer.text);
            assert!(
                forbidden || (answer.status != 401 && answer.status != 405 && answer.status < 500),
                "{method} {path}"
            );
            cases += 1;
        }
        if *method == "GET" {
            for (role, token) in &tokens {
                let answer = venue.send_as(token, "HEAD", &url, None);
                assert_eq!(answer.status != 403, who.has(*role), "{role:?} HEAD {path}: {}", answer.status);
            }
        }
    }
    assert_eq!(cases, CALLS.len() * Role::ALL.len(), "no case is left out");
    for (role, token) in &tokens {
        let other = venue.send_as(token, "PATCH", "/api/products", Some("{}"));
        assert_eq!((other.status, other.header("allow")), (405, Some("GET,POST,HEAD")), "{role:?}");
        assert_eq!(venue.send_as(token, "GET", "/api/nothing", None).status, 404, "{role:?}");
    }
}

/// One command of each type, within its bounds.
fn command(kind: &str) -> Value {
    match kind {
        "session.checkin" => sale("B-1", "none", 1),
        "sale.create" => json!({ "lines": [{ "barcodeId": "B-1", "productId": "none", "quantity": 1 }] }),
        "session.play" | "session.pause" | "session.end" => json!({ "barcodeId": "B-1" }),
        "product.create" => json!({ "product": { "name": "n", "price": 1, "category": "c" } }),
        "product.update" => json!({ "productId": "none", "changes": { "price": 2 } }),
        "product.delete" => json!({ "productId": "none" }),
        "transaction.correct" => json!({ "transactionId": "none", "quantity": 1, "reason": "r" }),
        "settings.update" => json!({ "changes": { "maxOccupancy": 50 } }),
        "attention.raise" => json!({ "kind": "unreadable", "message": "m" }),
        "attention.resolve" => json!({ "entryId": "none", "action": "dismiss", "reason": "r" }),
        "place.writeOff" => json!({ "lostDeviceId": "none", "reason": "r" }),
        other => panic!("no example of {other}"),
    }
}

#[test]
fn each_role_may_give_exactly_the_commands_of_its_rows() {
    let kinds: BTreeSet<&str> = COMMANDS.iter().map(|row| row.0).collect();
    assert_eq!(kinds, Command::SENT_KINDS.into_iter().collect(), "a row for each command");
    let (venue, tokens) = venue_with_all_roles();
    for kind in kinds {
        for (role, token) in &tokens {
            let mut given = command(kind);
            given["type"] = json!(kind);
            given["commandId"] = json!(uuid::Uuid::new_v4());
            let answer =
                venue.send_as(token, "POST", "/api/commands", Some(&json!({ "commands": [given] }).to_string()));
            let result = &answer.json["results"][0];
            assert_ne!(result["rejection"]["code"], "invalid_command", "{kind}: {result}");
            let refused = answer.code() == "forbidden" || result["rejection"]["code"] == "forbidden";
            assert_eq!(!refused, may_give(*role, kind), "{role:?} {kind}: {}", answer.text);
        }
    }
    for kind in ["place.lend", "session.release", "day.change", "made.up"] {
        assert!(Role::ALL.iter().all(|role| !may_give(*role, kind)), "{kind} is nobody's");
    }
}

#[test]
fn what_a_desk_may_not_give_is_an_outcome_and_the_rest_of_its_batch_goes_on() {
    let (venue, tokens) = venue_with_all_roles();
    let id = uuid::Uuid::new_v4();
    let settings = json!({ "commandId": id, "type": "settings.update", "changes": { "maxOccupancy": 3 } });
    let raise =
        json!({ "commandId": uuid::Uuid::new_v4(), "type": "attention.raise", "kind": "unreadable", "message": "m" });
    let batch = json!({ "commands": [settings, raise] }).to_string();
    let desk = &tokens[&Role::Operator];
    let first = venue.send_as(desk, "POST", "/api/commands", Some(&batch));
    let results = &first.json["results"];
    assert_eq!((&results[0]["outcome"], &results[1]["outcome"]), (&json!("rejected"), &json!("accepted")), "{results}");
    assert_eq!(venue.send_as(desk, "GET", "/api/system/settings", None).json["maxOccupancy"], 100);
    let again = venue.send_as(desk, "POST", "/api/commands", Some(&batch));
    assert_eq!(again.json, first.json, "the same outcome, and nothing was done twice");
    let way = venue.send_as(desk, "GET", &format!("/api/commands/{id}"), None);
    assert_eq!(way.json["rejection"]["code"], "forbidden");
}

#[test]
fn a_call_that_writes_is_open_to_those_who_may_give_its_command() {
    for (method, path, kind) in [
        ("POST", "/api/checkin", "session.checkin"),
        ("POST", "/api/sessions/play", "session.play"),
        ("POST", "/api/sessions/pause", "session.pause"),
        ("POST", "/api/sessions/end", "session.end"),
        ("POST", "/api/products", "product.create"),
        ("PUT", "/api/products/{id}", "product.update"),
        ("DELETE", "/api/products/{id}", "product.delete"),
        ("PUT", "/api/transactions/{id}", "transaction.correct"),
        ("PUT", "/api/system/settings", "settings.update"),
    ] {
        let call = CALLS.iter().find(|row| row.0 == method && row.1 == path).expect("a row");
        for role in Role::ALL {
            assert_eq!(call.2.has(*role), may_give(*role, kind), "{role:?} {kind}");
        }
    }
}

/// Every event that the server can send.
fn all_events() -> BTreeSet<&'static str> {
    let logged = EventName::ALL.map(EventName::as_str);
    logged.into_iter().chain(["dashboard:stats:updated", "cart:updated", "sync:head", "sync:lease"]).collect()
}

/// Lets everything happen that has an event; the seq of the last.
fn everything(venue: &Venue, manager: &str) -> u64 {
    let call = |method: &str, path: &str, body: Value| {
        let answer = venue.send_as(manager, method, path, Some(&body.to_string()));
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.json
    };
    let product = json!({ "name": "Hour", "price": 10, "category": "time", "timeValueSeconds": 3600 });
    let hour = call("POST", "/api/products", product.clone())["id"].as_str().expect("an id").to_owned();
    let other = call("POST", "/api/products", product)["id"].as_str().expect("an id").to_owned();
    call("PUT", &format!("/api/products/{other}"), json!({ "price": 11 }));
    call("DELETE", &format!("/api/products/{other}"), json!({}));
    let sold = call("POST", "/api/checkin", sale("B-1", &hour, 1));
    let line = sold["transactions"][0]["id"].as_str().expect("an id").to_owned();
    call("POST", "/api/checkin", sale("B-1", &hour, 1));
    call("POST", "/api/cart/notify", json!({ "barcodeId": "B-1", "cart": [{ "productId": hour, "quantity": 1 }] }));
    for act in ["play", "pause"] {
        call("POST", &format!("/api/sessions/{act}"), json!({ "barcodeId": "B-1" }));
    }
    call("PUT", &format!("/api/transactions/{line}"), json!({ "status": "refunded", "reason": "r" }));
    call("POST", "/api/sessions/end", json!({ "barcodeId": "B-1" }));
    let raise =
        json!({ "commandId": uuid::Uuid::new_v4(), "type": "attention.raise", "kind": "unreadable", "message": "m" });
    call("POST", "/api/commands", json!({ "commands": [raise] }));
    call("PUT", "/api/system/settings", json!({ "maxOccupancy": 7, "siteName": "Last" }));
    let page = venue.send_as(manager, "GET", "/api/sync/events?after=0&limit=1000", None).json;
    page["head"].as_u64().expect("a head")
}

#[test]
fn the_table_has_a_row_for_each_event_and_no_other() {
    assert_eq!(EVENTS.iter().map(|row| row.0).collect::<BTreeSet<_>>(), all_events());
    assert_eq!(EVENTS.len(), all_events().len(), "each once");
}

#[test]
fn each_role_hears_exactly_the_events_of_its_rows() {
    let (venue, tokens) = venue_with_all_roles();
    let at = venue.address();
    let mut sockets = Vec::new();
    for (role, token) in &tokens {
        for profile in Profile::ALL {
            let query = format!("&profile={}", profile.as_str());
            let socket = Socket::try_connect(at, &query, &json!({ "token": token }));
            match room(*role, profile) {
                Some(room) => sockets.push((*role, room, socket.expect("it is let in"))),
                None => assert_eq!(socket.map(|_| ()), Err("forbidden".to_owned()), "{role:?} {profile:?}"),
            }
        }
    }
    assert_eq!(sockets.len(), 6, "staff in two rooms, a kiosk and a display in one each");
    for auth in [json!({}), json!({ "token": "gwt_00" }), json!({ "token": 1 })] {
        assert_eq!(Socket::try_connect(at, "", &auth).map(|_| ()), Err("unauthorized".to_owned()), "{auth}");
    }
    let head = everything(&venue, &tokens[&Role::Manager]);
    for (role, room, socket) in &mut sockets {
        // The last thing that happened is heard in every room; figures and carts are not logged and come beside it.
        let last = socket.until("the end", |events| {
            let ended = events.iter().any(|event| event.name == "system:capacity:changed");
            let carts = *room == Profile::Lean || events.iter().any(|event| event.name == "cart:updated");
            let figures = *room != Profile::Full || events.iter().any(|event| event.name == "dashboard:stats:updated");
            (ended && carts && figures).then(|| events.to_vec())
        });
        let heard: BTreeSet<&str> = last.iter().map(|event| event.name.as_str()).collect();
        let mut expect: BTreeSet<&str> =
            all_events().into_iter().filter(|name| hears(*room, name) != Hears::Nothing).collect();
        let not_here: &[&str] = match room {
            Profile::Lean => &["dashboard:stats:updated", "cart:updated", "sync:lease"],
            _ => &["sync:rows", "sync:lease"],
        };
        expect.retain(|name| !not_here.contains(name));
        assert_eq!(heard, expect, "{role:?} in {room:?}");
        let mut cursor = 0;
        for event in last.iter().filter(|event| event.is_logged()) {
            assert_eq!(event.meta("prev"), cursor, "{room:?}: prev names the event heard before: {event:?}");
            cursor = event.meta("seq");
        }
        assert_eq!(cursor, head);
        if *role == Role::Display {
            last.iter().for_each(|event| nothing_private(&event.name, &json!(event.args)));
        }
    }
}

#[test]
fn a_narrow_room_goes_on_where_it_was_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        gangway_server::ServeOptions { insecure_open: false, ..crate::support::venue::options(folder.path()) };
    let venue = Venue::start_with(options.clone());
    let code = venue.ready().pairing_code.clone().expect("a code");
    let paired = venue.call("POST", "/api/pair", &json!({ "code": code, "deviceName": "Office" }));
    let manager = paired.json["token"].as_str().expect("a token").to_owned();
    let display = venue.pair(&manager, "display");
    let head = everything(&venue, &manager);
    let product = json!({ "name": "Socks", "price": 10, "category": "x" }).to_string();
    assert_eq!(venue.send_as(&manager, "POST", "/api/products", Some(&product)).status, 201);
    venue.stop();
    let venue = Venue::start_with(options);
    let mut socket = Socket::try_connect(venue.address(), "", &json!({ "token": display["token"] })).expect("in");
    let said = socket.event("sync:head").args[0].clone();
    assert_eq!((&said["head"], &said["stateHash"]), (&json!(head), &Value::Null), "a product is none of its events");
    let limit = venue.send_as(&manager, "PUT", "/api/system/settings", Some(r#"{"siteName":"New"}"#));
    assert_eq!(limit.status, 200);
    assert_eq!(socket.event("system:settings:updated").meta("prev"), head);
}

/// No names of people or products, no money, no history.
fn nothing_private(what: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let private =
                    ["name", "price", "totalprice", "revenue", "staff", "transaction", "dashboardstats", "changes"];
                let name = name.to_lowercase();
                let found = private.iter().any(|word| name.contains(word)) && name != "sitename";
                assert!(!found, "{what} tells a display {name}");
                nothing_private(what, value);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| nothing_private(what, value)),
        _ => {}
    }
}

#[test]
fn a_display_reads_no_names_no_money_and_no_history() {
    let (venue, tokens) = venue_with_all_roles();
    everything(&venue, &tokens[&Role::Manager]);
    let mut read = 0;
    for (_, path, who) in CALLS.iter().filter(|row| row.0 == "GET" && row.1 != "/api/openapi.json") {
        if who.has(Role::Display) {
            let answer = venue.send_as(&tokens[&Role::Display], "GET", path, None);
            nothing_private(path, &answer.json);
            read += 1;
        }
    }
    assert_eq!(read, 5, "live sessions, settings, capacity, and whether the server lives and is ready");
}

#[test]
fn the_documentation_prints_the_table() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md")).expect("a page");
    let printed = page.split("<!-- table -->\n").nth(1).expect("the table between its marks");
    assert!(printed == markdown(), "docs/security.md should print this between its marks:\n{}", markdown());
}
