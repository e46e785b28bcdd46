//! A walk over every call of `contract.md`, and what each says to bad input.

use serde_json::{Value, json};

use crate::support::venue::{Venue, sale};

fn keys(value: &Value) -> Vec<String> {
    let mut keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
    keys.sort();
    keys
}

#[test]
fn a_visit_from_sale_to_end() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let sold = venue.sell(" b-1 ", &hour, 2);
    assert_eq!(sold.status, 201);
    assert_eq!(keys(&sold.json), ["playerSession", "totalSecondsAdded", "transactions"]);
    assert_eq!(sold.json["totalSecondsAdded"], 7200);
    assert_eq!(sold.json["transactions"][0]["totalPrice"], 25);
    assert_eq!(sold.json["playerSession"]["status"], "waiting");
    let session = sold.json["playerSession"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(venue.get("/api/sessions/status/b-1").json["id"], json!(session), "bands are normalised once");
    let played = venue.gate("play", "B-1");
    assert_eq!(
        (played.status, &played.json["status"], &played.json["isActive"]),
        (200, &json!("playing"), &json!(true))
    );
    assert!(played.json["expiresAt"].is_string());
    assert_eq!((venue.gate("play", "B-1").status, venue.gate("play", "B-1").code()), (400, "already_playing"));
    assert_eq!(venue.get("/api/sessions/active").json.as_array().map(Vec::len), Some(1));
    let paused = venue.gate("pause", "B-1");
    assert_eq!((paused.status, &paused.json["status"]), (200, &json!("paused")));
    assert_eq!((venue.gate("pause", "B-1").status, venue.gate("pause", "B-1").code()), (400, "not_playing"));
    let ended = venue.gate("end", "B-1");
    assert_eq!(
        (ended.status, &ended.json["status"], &ended.json["remainingSeconds"]),
        (200, &json!("ended"), &json!(0))
    );
    assert_eq!(venue.get("/api/sessions/status/B-1").status, 404);
    for act in ["play", "pause", "end"] {
        let refused = venue.gate(act, "B-1");
        assert_eq!((refused.status, refused.code()), (400, "unknown_band"), "{act}");
    }
    let history = venue.get("/api/checkin/history/B-1").json;
    assert_eq!(history[0]["playerSession"], json!({ "id": session, "barcodeId": "B-1" }));
    assert_eq!(history[0]["product"]["name"], "Hour");
    assert_eq!(venue.get("/api/checkin/history/never").json, json!([]));
    assert_eq!(venue.get(&format!("/api/transactions/player/{session}")).json, history);
    assert_eq!(venue.get("/api/transactions/barcode/B-1").json, history);
    assert_eq!(venue.get("/api/transactions?limit=1").json, history);
}

#[test]
fn a_sale_is_all_or_nothing() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    let head = venue.head();
    let body =
        json!({ "barcodeId": "B-1", "products": [{ "id": hour, "quantity": 1 }, { "id": "none", "quantity": 1 }] });
    let refused = venue.call("POST", "/api/checkin", &body);
    assert_eq!((refused.status, refused.code()), (400, "unknown_product"));
    assert_eq!(refused.json["details"]["productId"], "none");
    assert_eq!(venue.head(), head);
    assert_eq!(venue.get("/api/sessions/status/B-1").status, 404);
}

#[test]
fn a_barcode_may_hold_slashes() {
    let venue = Venue::start();
    let hour = venue.product(12.5, Some(3600));
    venue.sell("https://qr.example/b/1?x=1", &hour, 1);
    let encoded = "https:%2F%2Fqr.example%2Fb%2F1%3Fx=1";
    assert_eq!(venue.get(&format!("/api/sessions/status/{encoded}")).status, 200);
    venue.sell("A/B/1", &hour, 1);
    assert_eq!(venue.get("/api/sessions/status/a/b/1").json["barcodeId"], "A/B/1");
    assert_eq!(venue.get("/api/checkin/history/a/b/1").json.as_array().map(Vec::len), Some(1));
    assert_eq!(venue.get("/api/transactions/barcode/A/B/1").json.as_array().map(Vec::len), Some(1));
    let long = venue.get(&format!("/api/sessions/status/{}", "x".repeat(65)));
    assert_eq!((long.status, long.code()), (400, "invalid_barcode"));
    let blank = venue.get("/api/sessions/status/%20");
    assert_eq!((blank.status, blank.code()), (400, "invalid_barcode"));
    for path in ["/api/sessions/status/%FF", "/api/checkin/history/%FF", "/api/transactions/barcode/B%FF"] {
        let answer = venue.get(path);
        assert_eq!((answer.status, answer.code()), (400, "invalid_barcode"), "{path}");
    }
}

#[test]
fn the_catalogue() {
    let venue = Venue::start();
    let made = venue.call("POST", "/api/products", &json!({ "name": "Zumo", "price": 2.2, "category": "Bebidas" }));
    assert_eq!(
        (made.status, &made.json["timeValueSeconds"], &made.json["required"]),
        (201, &Value::Null, &json!(false))
    );
    let id = made.json["id"].as_str().expect("an id").to_owned();
    venue.product(12.5, Some(3600));
    let names = |path: &str| -> Vec<String> {
        let list = venue.get(path).json;
        list.as_array().expect("a list").iter().map(|row| row["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names("/api/products"), ["Hour", "Zumo"], "by name");
    assert_eq!(names("/api/products/time"), ["Hour"]);
    assert_eq!(names("/api/products/category/Bebidas"), ["Zumo"]);
    assert!(names("/api/products/category/none").is_empty());
    let path = format!("/api/products/{id}");
    assert_eq!(venue.call("PUT", &path, &json!({ "price": 2.5 })).json["price"], 2.5);
    assert_eq!(venue.get(&path).json["price"], 2.5);
    let removed = venue.send("DELETE", &path, None, &[]);
    assert_eq!((removed.status, &removed.json["isDeleted"]), (200, &json!(true)));
    assert_eq!(names("/api/products"), ["Hour"]);
    assert_eq!(venue.get(&path).json["isDeleted"], true);
    let again = venue.send("DELETE", &path, None, &[]);
    assert_eq!((again.status, again.code()), (409, "product_removed"));
    assert_eq!((venue.sell("B-1", &id, 1).status, venue.sell("B-1", &id, 1).code()), (400, "unknown_product"));
    for (method, body) in [("GET", None), ("PUT", Some("{\"price\":1}")), ("DELETE", None)] {
        let answer = venue.send(method, "/api/products/none", body, &[]);
        assert_eq!((answer.status, answer.code()), (404, "unknown_product"), "{method}");
    }
}

#[test]
fn corrections_and_refunds() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let sold = venue.sell("B-1", &hour, 3);
    let line = sold.json["transactions"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/transactions/{line}");
    let put = |body: Value| venue.call("PUT", &path, &body);
    let fixed = put(json!({ "quantity": 2, "reason": "typed three" }));
    assert_eq!(fixed.status, 200, "{}", fixed.text);
    assert_eq!(
        (&fixed.json["quantity"], &fixed.json["totalPrice"], &fixed.json["status"]),
        (&json!(2), &json!(20), &json!("corrected"))
    );
    assert_eq!((&fixed.json["originalQuantity"], &fixed.json["originalTotalPrice"]), (&json!(3), &json!(30)));
    assert_eq!(venue.get("/api/sessions/status/B-1").json["totalAllowedSeconds"], 7200);
    let refunded = put(json!({ "status": "refunded", "reason": "left" }));
    assert_eq!((&refunded.json["status"], &refunded.json["totalPrice"]), (&json!("refunded"), &json!(0)));
    let again = put(json!({ "status": "refunded", "reason": "left" }));
    assert_eq!((again.status, again.code()), (409, "already_refunded"));
    assert_eq!(venue.get("/api/dashboard/stats").json["todayRevenue"], 0);
    for bad in [
        json!({}),
        json!({ "quantity": 1 }),
        json!({ "quantity": 0, "reason": "x" }),
        json!({ "status": "completed", "reason": "x" }),
        json!({ "quantity": 1, "status": "refunded", "reason": "x" }),
    ] {
        assert_eq!(put(bad.clone()).status, 400, "{bad}");
    }
    let unknown = venue.call("PUT", "/api/transactions/none", &json!({ "quantity": 1, "reason": "x" }));
    assert_eq!((unknown.status, unknown.code()), (404, "unknown_transaction"));
    assert_eq!(venue.get(&path).json["product"]["price"], 10);
    assert_eq!(venue.get("/api/transactions/none").status, 404);
    assert_eq!(venue.get("/api/transactions/player/none").status, 404);
}

#[test]
fn settings_and_capacity() {
    let venue = Venue::start();
    let settings = venue.get("/api/system/settings").json;
    let expect = json!({ "id": "system", "maxOccupancy": 100, "currency": "EUR", "operationalDayStart": "07:00",
        "autoReleaseSeconds": 300, "lowTimeSeconds": [300, 60], "capacityPolicy": "advisory", "creditValidDays": 0,
        "requiredProductsEnforced": false, "logoUrl": null });
    for (key, value) in expect.as_object().expect("an object") {
        assert_eq!(settings[key], *value, "{key}");
    }
    let changed = venue.call("PUT", "/api/system/settings", &json!({ "maxOccupancy": 5, "siteName": "Saltos" }));
    assert_eq!((changed.status, &changed.json["siteName"]), (200, &json!("Saltos")));
    assert_eq!(venue.get("/api/system/capacity").json, json!({ "maxOccupancy": 5, "currentOccupancy": 0 }));
    let hour = venue.product(10.0, Some(3600));
    venue.sell("B-1", &hour, 1);
    let fixed = venue.call("PUT", "/api/system/settings", &json!({ "currency": "JPY" }));
    assert_eq!((fixed.status, fixed.code()), (409, "currency_fixed"));
    let enforced = venue.call("PUT", "/api/system/settings", &json!({ "requiredProductsEnforced": true }));
    assert_eq!(enforced.status, 200);
    let socks = json!({ "name": "Socks", "price": 2, "category": "x", "required": true });
    assert_eq!(venue.call("POST", "/api/products", &socks).status, 201);
    let without = venue.sell("B-2", &hour, 1);
    assert_eq!((without.status, without.code()), (409, "required_product_missing"));
}

#[test]
fn figures_follow_what_happens() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    venue.sell("B-1", &hour, 1);
    venue.sell("B-2", &hour, 2);
    venue.gate("play", "B-2");
    let stats = venue.get("/api/dashboard/stats").json;
    let expect = json!({ "todayRevenue": 30, "currentRevenue": 30, "waitingCount": 1, "activePlayers": 1,
        "totalTransactions": 2, "maxOccupancy": 100, "currentOccupancy": 1 });
    for (key, value) in expect.as_object().expect("an object") {
        assert_eq!(stats[key], *value, "{key}");
    }
    assert_eq!(stats["topProducts"][0]["totalQuantity"], 3);
    let performance = venue.get("/api/dashboard/performance").json;
    let expect = [
        "averagePlayTime",
        "averageSessionDuration",
        "averageWaitTime",
        "dailyOccupancyRate",
        "peakOccupancy",
        "totalCompletedSessions",
        "totalPlayTimeConsumed",
    ];
    assert_eq!(keys(&performance), expect);
    assert_eq!(performance["peakOccupancy"], 1);
}

#[test]
fn what_is_wrong_with_a_call_is_said_and_nothing_happens() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let head = venue.head();
    let check = |method: &str, path: &str, body: &str, status: u16| {
        let answer = venue.send(method, path, Some(body), &[]);
        assert_eq!(answer.status, status, "{method} {path} {}: {}", &body[..body.len().min(60)], answer.text);
        assert_eq!(keys(&answer.json), ["code", "details", "error"], "{method} {path}");
        assert_eq!(venue.head(), head, "{method} {path} {body:.60}");
    };
    let quantity =
        |number: &str| format!("{{\"barcodeId\":\"B\",\"products\":[{{\"id\":\"{hour}\",\"quantity\":{number}}}]}}");
    for number in ["0", "-1", "1.5", "1000", "1e18", "\"1\"", "null"] {
        check("POST", "/api/checkin", &quantity(number), 400);
    }
    let barcode = |code: &str| sale(code, &hour, 1).to_string();
    for code in ["", "   ", "B\u{0}", "B\u{200b}", &"x".repeat(65)] {
        check("POST", "/api/checkin", &barcode(code), 400);
    }
    for body in ["", "{not json", "[]", "null", "7", "{}", "{\"barcodeId\":\"B\",\"products\":[]}"] {
        check("POST", "/api/checkin", body, 400);
    }
    let price = |number: &str| format!("{{\"name\":\"n\",\"category\":\"c\",\"price\":{number}}}");
    for number in ["-1", "1.005", "1e300", "\"1\"", "1000000.01", "true"] {
        check("POST", "/api/products", &price(number), 400);
    }
    for limit in ["0", "101", "x", "-1", ""] {
        let answer = venue.get(&format!("/api/checkin/history/B?limit={limit}"));
        assert_eq!((answer.status, answer.code()), (400, "invalid_query"), "limit {limit:?}");
    }
    assert_eq!(venue.get("/api/transactions?limit=201").status, 400);
    check("PUT", "/api/system/settings", "{}", 400);
    check("PUT", "/api/system/settings", "{\"maxOccupancy\":0}", 400);
    check("POST", "/api/cart/notify", "{\"barcodeId\":\"B\",\"cart\":[{\"productId\":\"none\",\"quantity\":1}]}", 400);
    let cart =
        |number: u32| format!("{{\"barcodeId\":\"B\",\"cart\":[{{\"productId\":\"{hour}\",\"quantity\":{number}}}]}}");
    check("POST", "/api/cart/notify", &cart(0), 400);
    check("POST", "/api/cart/notify", &cart(1000), 400);
    check("GET", "/api/nothing/here", "", 404);
    check("GET", "/", "", 404);
    check("PATCH", "/api/products", "{}", 405);
    check("DELETE", "/api/checkin", "{}", 405);
}

#[test]
fn a_body_that_is_too_large_is_answered() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let answer = venue.call("POST", "/api/checkin", &sale(&"x".repeat(1 << 20), &hour, 1));
    assert_eq!((answer.status, answer.code()), (413, "body_too_large"));
    let padded = format!("{}{}", sale("B-1", &hour, 1), " ".repeat(200 << 10));
    assert_eq!(venue.send("POST", "/api/checkin", Some(&padded), &[]).status, 201, "256 KiB are allowed");
}

#[test]
fn a_body_of_another_type_is_refused() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    let body = sale("B-1", &hour, 1).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let answer = venue.send("POST", "/api/checkin", Some(&body), &[("content-type", kind)]);
        assert_eq!((answer.status, answer.code()), (415, "unsupported_media_type"), "{kind}");
    }
    let charset = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(venue.send("POST", "/api/checkin", Some(&body), &charset).status, 201);
}

#[test]
fn whoever_wrote_reads_what_it_wrote() {
    let venue = Venue::start();
    let hour = venue.product(10.0, Some(3600));
    for band in 0..50 {
        let band = format!("B-{band}");
        venue.sell(&band, &hour, 1);
        assert_eq!(venue.get(&format!("/api/sessions/status/{band}")).status, 200);
        venue.gate("play", &band);
        assert_eq!(venue.get(&format!("/api/sessions/status/{band}")).json["isActive"], true);
    }
}

#[test]
fn the_demo_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = gangway_server::ServeOptions { demo: true, ..crate::support::venue::options(folder.path()) };
    let venue = Venue::start_with(options.clone());
    let head = venue.head();
    let statuses: std::collections::BTreeSet<String> = venue
        .get("/api/sessions/active")
        .json
        .as_array()
        .expect("a list")
        .iter()
        .map(|session| session["status"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), ["paused", "playing", "waiting"]);
    assert!(venue.get("/api/dashboard/stats").json["todayRevenue"].as_f64() > Some(100.0));
    assert_eq!(venue.get("/api/products").json.as_array().map(Vec::len), Some(10));
    let products = venue.get("/api/transactions?limit=200").json;
    venue.stop();
    let venue = Venue::start_with(options);
    assert_eq!(venue.get("/api/transactions?limit=200").json, products);
    assert!(venue.head() >= head);
    venue.stop();
    let other = tempfile::tempdir().expect("a folder");
    let venue = Venue::start_with(crate::support::venue::options(other.path()));
    venue.product(1.0, None);
    venue.stop();
    let options = gangway_server::ServeOptions { demo: true, ..crate::support::venue::options(other.path()) };
    let venue = Venue::start_with(options);
    assert_eq!(venue.head(), 1, "a venue in which something happened is no demo");
}
