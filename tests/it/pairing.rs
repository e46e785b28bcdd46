//! Desks that need a token: how they get one, what they say without, and that what was tapped outlives its loss.

use gangway_testkit::{ConsoleProcess, ServerProcess, StockClient, until};
use serde_json::{Value, json};

/// A server that wants tokens, and its manager's.
struct Venue {
    server: ServerProcess,
    manager: String,
}

impl Venue {
    fn start() -> Self {
        let server = ServerProcess::start_with(&[]);
        let body = json!({ "code": server.ready()["pairingCode"], "deviceName": "Office" });
        let paired = server.call("POST", "/api/pair", &body);
        let manager = paired.json["token"].as_str().unwrap_or_else(|| panic!("{}", paired.text)).to_owned();
        Self { server, manager }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.manager);
        let body = if body.is_null() { None } else { Some(body.to_string()) };
        let headers = [("authorization", bearer.as_str())];
        let answer = self.server.try_call(method, path, body.as_deref(), &headers).expect("an answer");
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.json
    }

    fn code(&self, role: &str) -> Value {
        self.call("POST", "/api/devices/codes", &json!({ "role": role }))["code"].clone()
    }

    /// A device that was paired: its token and its id.
    fn device(&self, role: &str) -> (String, String) {
        let paired = self.server.call("POST", "/api/pair", &json!({ "code": self.code(role), "deviceName": role }));
        let text = |name: &str| paired.json[name].as_str().unwrap_or_else(|| panic!("{}", paired.text)).to_owned();
        (text("token"), text("deviceId"))
    }

    fn hour(&self) -> Value {
        let body = json!({ "name": "Hour", "price": 10, "category": "c", "timeValueSeconds": 3600 });
        self.call("POST", "/api/products", &body)
    }
}

fn pair(desk: &mut ConsoleProcess, code: &Value) -> Value {
    desk.request("pair", json!({ "code": code, "deviceName": "Desk 1" }))
}

/// Waits until it says that this is wrong.
fn says(desk: &mut ConsoleProcess, problem: &str) {
    until(&format!("the problem {problem}"), || (desk.status()["problem"]["code"] == problem).then_some(()));
}

fn checkin(band: &str, product: &Value) -> Value {
    json!({ "type": "session.checkin", "barcodeId": band, "products": [{ "id": product["id"], "quantity": 1 }] })
}

#[test]
fn a_desk_is_paired_by_a_code_and_stays_so_over_a_restart() {
    let venue = Venue::start();
    let hour = venue.hour();
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = ConsoleProcess::start_on(folder.path(), venue.server.base());
    says(&mut desk, "not_paired");
    let wrong = pair(&mut desk, &json!("AAAA-AAAA"));
    assert_eq!(wrong["error"]["code"], "wrong_code", "{wrong}");
    let paired = pair(&mut desk, &venue.code("operator"));
    assert_eq!((&paired["ok"], &paired["role"]), (&json!(true), &json!("operator")), "{paired}");
    assert_eq!(desk.live()["problem"], Value::Null);
    assert_eq!(desk.settle(checkin("B-1", &hour))["state"], "settled");
    let devices = venue.call("GET", "/api/devices", &Value::Null);
    assert_eq!((&devices[1]["id"], &devices[1]["name"]), (&paired["deviceId"], &json!("Desk 1")));
    let file = std::fs::read_to_string(folder.path().join("token.json")).expect("a file");
    let token = serde_json::from_str::<Value>(&file).expect("JSON")["token"].as_str().expect("a token").to_owned();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("token.json")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "its owner's alone");
    }
    desk.stop();
    let mut desk = ConsoleProcess::start_on(folder.path(), venue.server.base());
    desk.live();
    assert_eq!(desk.settle(checkin("B-2", &hour))["state"], "settled");
    for log in [desk.stderr(), venue.server.stderr(), format!("{:?}", desk.pushes())] {
        assert!(!log.contains(&token) && !log.contains(&venue.manager), "no token gets into a log");
    }
}

#[test]
fn what_was_tapped_on_a_desk_that_was_removed_goes_out_when_it_is_back() {
    let venue = Venue::start();
    let hour = venue.hour();
    let mut desk = ConsoleProcess::start(venue.server.base());
    let paired = pair(&mut desk, &venue.code("operator"));
    desk.live();
    let again = pair(&mut desk, &venue.code("operator"));
    assert_eq!(again["error"]["code"], "device_paired", "{again}");
    venue.call("DELETE", &format!("/api/devices/{}", paired["deviceId"].as_str().expect("an id")), &Value::Null);
    says(&mut desk, "removed");
    let tapped = desk.execute(checkin("B-1", &hour));
    assert_eq!(tapped["state"], "pending", "it is taken all the same: {tapped}");
    let none = venue.call("GET", "/api/sessions/active", &Value::Null);
    assert_eq!(none, json!([]), "and does not arrive");
    assert_eq!(pair(&mut desk, &venue.code("operator"))["deviceId"], paired["deviceId"], "it is the same desk");
    desk.live();
    until("its fate", || {
        let fate = desk.request("command", json!({ "commandId": tapped["commandId"] }));
        (fate["state"] == "settled").then_some(())
    });
    assert_eq!(venue.call("GET", "/api/sessions/active", &Value::Null)[0]["barcodeId"], "B-1");
}

#[test]
fn what_a_desk_may_not_do_comes_back_as_a_no_that_somebody_sees() {
    let venue = Venue::start();
    let hour = venue.hour();
    let mut desk = ConsoleProcess::start(venue.server.base());
    pair(&mut desk, &venue.code("operator"));
    desk.live();
    let fate = desk.settle(json!({ "type": "product.update", "productId": hour["id"], "changes": { "price": 1 } }));
    assert_eq!((&fate["state"], &fate["rejection"]["code"]), (&json!("rejected"), &json!("forbidden")), "{fate}");
    assert_eq!(desk.settle(checkin("B-1", &hour))["state"], "settled", "the rest goes on");
    until("the entry", || {
        let entries = desk.request("attention", json!({}))["entries"].clone();
        (entries[0]["rejection"]["code"] == "forbidden").then_some(())
    });
    assert_eq!(venue.call("GET", "/api/products", &Value::Null)[0]["price"], 10);
}

#[test]
fn a_display_is_no_desk() {
    let venue = Venue::start();
    let mut desk = ConsoleProcess::start(venue.server.base());
    assert_eq!(pair(&mut desk, &venue.code("display"))["role"], "display");
    says(&mut desk, "not_allowed");
    assert_eq!(desk.query(&["activeSessions"]), Value::Null, "it has nothing");
}

#[test]
fn a_stock_client_needs_a_token_hears_what_its_role_may_and_is_out_when_it_is_removed() {
    let venue = Venue::start();
    let hour = venue.hour();
    let refused = StockClient::connect_with(venue.server.base(), "websocket", "gwt_00").map(|_| ());
    assert_eq!(refused, Err("unauthorized".to_owned()));
    let (wall, id) = venue.device("display");
    let (till, _) = venue.device("operator");
    for transport in ["websocket", "polling"] {
        let connect = |token: &str| StockClient::connect_with(venue.server.base(), transport, token).expect("let in");
        let (display, desk) = (connect(&wall), connect(&till));
        let sale = json!({ "barcodeId": transport, "products": [{ "id": hour["id"], "quantity": 1 }] });
        venue.call("POST", "/api/checkin", &sale);
        for act in ["play", "end"] {
            venue.call("POST", &format!("/api/sessions/{act}"), &json!({ "barcodeId": transport }));
        }
        let keys = |seen: &[Value]| seen[0].as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&desk.event("session:ended").args), ["playerSession", "activeSessions", "dashboardStats"]);
        assert_eq!(keys(&display.event("session:ended").args), ["playerSession", "activeSessions"], "no money");
        let names: Vec<String> = display.logged().into_iter().map(|seen| seen.name).collect();
        assert_eq!(names, ["session:created", "session:play", "session:ended"]);
        assert!(desk.logged().iter().any(|seen| seen.name == "transaction:created"));
    }
    let display = StockClient::connect_with(venue.server.base(), "websocket", &wall).expect("let in");
    venue.call("DELETE", &format!("/api/devices/{id}"), &Value::Null);
    display.event("(closed)");
    let refused = StockClient::connect_with(venue.server.base(), "websocket", &wall).map(|_| ());
    assert_eq!(refused, Err("revoked".to_owned()));
}
