//! The OpenAPI document says what there is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::venue::Venue;

fn properties(document: &Value, name: &str) -> BTreeSet<String> {
    let schema = &document["components"]["schemas"][name]["properties"];
    schema.as_object().unwrap_or_else(|| panic!("no schema {name}")).keys().cloned().collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().cloned().collect()
}

#[test]
fn every_documented_call_is_there() {
    let venue = Venue::start();
    let document = venue.get("/api/openapi.json").json;
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 25, "{}", paths.len());
    for (path, calls) in paths {
        for method in calls.as_object().expect("calls").keys() {
            let path = path.replace(['{', '}'], "");
            let answer = venue.send(&method.to_uppercase(), &path, None, &[]);
            let unknown = answer.code() == "not_found" || answer.code() == "method_not_allowed";
            assert!(!unknown, "{method} {path} is documented and not there");
        }
    }
}

#[test]
fn the_documented_shapes_are_those_of_the_answers() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let sold = venue.sell("B-1", &hour, 1).json;
    let document = venue.get("/api/openapi.json").json;
    let page = venue.get("/api/sync/events?after=0").json;
    let command = uuid::Uuid::new_v4().to_string();
    let batch = json!({ "commands": [{ "commandId": command, "type": "session.play", "barcodeId": "none" }] });
    let check = |name: &str, value: &Value| assert_eq!(properties(&document, name), keys(value), "{name}");
    check("CheckinResult", &sold);
    check("PlayerSession", &sold["playerSession"]);
    check("Transaction", &sold["transactions"][0]);
    check("Product", &venue.get("/api/products").json[0]);
    check("TransactionWithRelations", &venue.get("/api/transactions").json[0]);
    check("SoldProduct", &venue.get("/api/transactions").json[0]["product"]);
    check("SystemSettings", &venue.get("/api/system/settings").json);
    check("DashboardStats", &venue.get("/api/dashboard/stats").json);
    check("TopProduct", &venue.get("/api/dashboard/stats").json["topProducts"][0]);
    check("PerformanceMetrics", &venue.get("/api/dashboard/performance").json);
    check("Capacity", &venue.get("/api/system/capacity").json);
    check("EventsPage", &page);
    check("LoggedEvent", &page["events"][0]);
    check("Change", &page["events"][0]["changes"][0]);
    check("ApiError", &venue.get("/api/products/none").json);
    let result = venue.call("POST", "/api/commands", &batch).json["results"][0].clone();
    assert!(keys(&result).is_subset(&properties(&document, "CommandResult")), "{result}");
    let way = venue.get(&format!("/api/commands/{command}")).json;
    assert!(keys(&way).is_subset(&properties(&document, "CommandWay")), "{way}");
    let lease = json!({ "held": [], "spent": [] }).to_string();
    let lease = venue.send("POST", "/api/sync/lease", Some(&lease), &[("x-device-id", "desk-1")]).json;
    check("Lease", &lease);
}
