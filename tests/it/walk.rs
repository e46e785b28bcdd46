//! `curl` walks through a sale, play and pause, as an operator would with nothing else at hand.

use std::process::Command;

use gangway_testkit::ServerProcess;
use serde_json::Value;

fn curl(arguments: &[&str]) -> Value {
    let output = Command::new("curl").args(["--silent", "--show-error", "--fail-with-body"]).args(arguments).output();
    let output = output.expect("curl is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text}"))
}

#[test]
fn curl_walks_through_a_sale_play_and_pause() {
    let mut server = ServerProcess::start();
    let base = server.base().to_owned();
    let post =
        |path: &str, body: &str| curl(&["-H", "content-type: application/json", "-d", body, &format!("{base}{path}")]);
    let product =
        post("/api/products", r#"{"name":"One hour","price":12.5,"category":"time","timeValueSeconds":3600}"#);
    let id = product["id"].as_str().expect("an id");
    let sale = post("/api/checkin", &format!(r#"{{"barcodeId":"B-104","products":[{{"id":"{id}","quantity":2}}]}}"#));
    assert_eq!((&sale["totalSecondsAdded"], &sale["transactions"][0]["totalPrice"]), (&7200.into(), &25.into()));
    let playing = post("/api/sessions/play", r#"{"barcodeId":"B-104"}"#);
    assert_eq!((&playing["status"], &playing["isActive"]), (&"playing".into(), &true.into()));
    assert_eq!(curl(&[&format!("{base}/api/system/capacity")])["currentOccupancy"], 1);
    let paused = post("/api/sessions/pause", r#"{"barcodeId":"B-104"}"#);
    assert_eq!((&paused["status"], &paused["isActive"]), (&"paused".into(), &false.into()));
    assert_eq!(curl(&[&format!("{base}/api/dashboard/stats")])["todayRevenue"], 25);
    assert!(server.stop().success(), "SIGTERM drains and exits with 0");
}
