//! Commands of the wire: within bounds, or refused with a sentence.

use gangway_domain::command::{Command, Key};

fn refused(text: &str, part: &str) {
    let error = Command::parse(text).expect_err(text);
    assert!(error.0.contains(part), "{text}: {error}");
}

fn checkin(barcode: &str, products: &str) -> String {
    format!(r#"{{"type":"session.checkin","barcodeId":{barcode},"products":{products}}}"#)
}

#[test]
fn what_is_no_command_is_refused_with_a_sentence() {
    refused("{not json", "can't be read");
    refused("[]", "can't be read");
    refused(r#"["session.play"]"#, "an object");
    refused("null", "can't be read");
    refused("{}", "type");
    refused(r#"{"type":"nope"}"#, "no command");
    refused(r#"{"type":"session.release","sessionId":"s"}"#, "no command");
    refused(r#"{"type":"day.change"}"#, "no command");
    refused(r#"{"type":"session.play"}"#, "barcodeId");
    refused(r#"{"type":"session.play","barcodeId":7}"#, "band code");
    refused(r#"{"type":"session.play","barcodeId":"B\u0000"}"#, "band code");
}

#[test]
fn quantities_are_whole_numbers_from_1_to_999() {
    for bad in ["0", "-1", "1.5", "1000", "1e18", "1000000000000000000", "\"1\"", "null", "true"] {
        refused(&checkin("\"B\"", &format!(r#"[{{"id":"p","quantity":{bad}}}]"#)), "1 to 999");
    }
    for good in ["1", "999"] {
        Command::parse(&checkin("\"B\"", &format!(r#"[{{"id":"p","quantity":{good}}}]"#))).expect(good);
    }
    refused(r#"{"type":"transaction.correct","transactionId":"t","quantity":0,"reason":"r"}"#, "1 to 999");
}

#[test]
fn a_sale_has_1_to_30_lines() {
    refused(&checkin("\"B\"", "[]"), "1 to 30");
    let lines = |count| vec![r#"{"id":"p","quantity":1}"#; count].join(",");
    refused(&checkin("\"B\"", &format!("[{}]", lines(31))), "1 to 30");
    Command::parse(&checkin("\"B\"", &format!("[{}]", lines(30)))).expect("thirty lines");
    refused(r#"{"type":"sale.create","lines":[]}"#, "1 to 30");
}

#[test]
fn products_are_within_bounds() {
    let create = |fields: &str| format!(r#"{{"type":"product.create","product":{{{fields}}}}}"#);
    for (fields, part) in [
        (r#""name":"","price":1,"category":"c""#, "1 to 120"),
        (r#""name":"  ","price":1,"category":"c""#, "1 to 120"),
        (r#""name":"n","price":1"#, "category"),
        (r#""name":"n","category":"c""#, "price"),
        (r#""name":"n","price":"1","category":"c""#, "number"),
        (r#""name":"n","price":null,"category":"c""#, "number"),
        (r#""name":"n","price":1,"category":"c","timeValueSeconds":-5"#, "1 to 86400"),
        (r#""name":"n","price":1,"category":"c","timeValueSeconds":0"#, "1 to 86400"),
        (r#""name":"n","price":1,"category":"c","timeValueSeconds":86401"#, "1 to 86400"),
        (r#""name":"n","price":1,"category":"c","timeValueSeconds":60.5"#, "1 to 86400"),
        (r#""name":"n","price":1,"category":"c","required":1"#, "boolean"),
    ] {
        refused(&create(fields), part);
    }
    let long = "x".repeat(2_001);
    refused(&create(&format!(r#""name":"n","price":1,"category":"c","description":"{long}""#)), "2000");
    refused(&create(r#""name":"a\u0007b","price":1,"category":"c""#), "1 to 120");
    let description = |text: &str| {
        let fields = format!(r#""name":"n","price":1,"category":"c","description":"{text}""#);
        match Command::parse(&create(&fields)) {
            Ok(Command::ProductCreate(product)) => product.description,
            other => panic!("{text}: {other:?}"),
        }
    };
    assert_eq!(description("two\\nlines").as_deref(), Some("two\nlines"));
    assert_eq!(description("  "), None, "an empty description is none");
    refused(&create(&format!(r#""name":"{}","price":1,"category":"c""#, "x".repeat(121))), "1 to 120");
    refused(r#"{"type":"product.update","productId":"p","changes":{}}"#, "Nothing");
    refused(r#"{"type":"product.update","productId":"p","changes":{"name":null}}"#, "1 to 120");
    Command::parse(r#"{"type":"product.update","productId":"p","changes":{"timeValueSeconds":null}}"#)
        .expect("an extra now");
}

#[test]
fn a_correction_says_what_is_to_stand_and_why() {
    let correct = |fields: &str| format!(r#"{{"type":"transaction.correct","transactionId":"t"{fields}}}"#);
    refused(&correct(r#","quantity":1"#), "reason");
    refused(&correct(r#","quantity":1,"reason":" ""#), "reason");
    refused(&correct(r#","reason":"r""#), "quantity");
    refused(&correct(r#","reason":"r","status":"completed""#), "refunded");
    refused(&correct(r#","reason":"r","status":"refunded","quantity":1"#), "not both");
}

#[test]
fn settings_are_within_bounds() {
    let update = |changes: &str| format!(r#"{{"type":"settings.update","changes":{changes}}}"#);
    for (changes, part) in [
        (r#"{"maxOccupancy":0}"#, "1 to 100000"),
        (r#"{"maxOccupancy":100001}"#, "1 to 100000"),
        (r#"{"maxOccupancy":1.5}"#, "1 to 100000"),
        (r#"{"maxOccupancy":null}"#, "1 to 100000"),
        (r#"{"timezone":"Mars/Base"}"#, "IANA"),
        (r#"{"currency":"XXQ"}"#, "ISO 4217"),
        (r#"{"operationalDayStart":"7"}"#, "07:00"),
        (r#"{"autoReleaseSeconds":-1}"#, "0 to 86400"),
        (r#"{"autoReleaseSeconds":86401}"#, "0 to 86400"),
        (r#"{"lowTimeSeconds":[60]}"#, "two whole numbers"),
        (r#"{"lowTimeSeconds":[60,300]}"#, "larger first"),
        (r#"{"lowTimeSeconds":[-1,-2]}"#, "two whole numbers"),
        (r#"{"capacityPolicy":"none"}"#, "advisory or strict"),
        (r#"{"creditValidDays":3651}"#, "0 to 3650"),
        (r#"{"requiredProductsEnforced":"yes"}"#, "true or false"),
        (r#"{"siteName":""}"#, "1 to 120"),
        (r#"{"logoUrl":""}"#, "1 to 2000"),
        (r#"{}"#, "Nothing"),
        (r#"{"unknown":1}"#, "Nothing"),
        ("[]", "map"),
    ] {
        refused(&update(changes), part);
    }
    for good in [
        r#"{"maxOccupancy":1}"#,
        r#"{"maxOccupancy":100000}"#,
        r#"{"autoReleaseSeconds":0}"#,
        r#"{"lowTimeSeconds":[60,60]}"#,
        r#"{"capacityPolicy":"strict"}"#,
        r#"{"capacityPolicy":"advisory"}"#,
        r#"{"logoUrl":null}"#,
        r#"{"requiredProductsEnforced":false}"#,
    ] {
        Command::parse(&update(good)).expect(good);
    }
}

#[test]
fn the_fingerprint_is_over_the_intent_and_not_the_bytes() {
    let fingerprint = |text: &str| Command::parse(text).expect(text).fingerprint();
    let one = fingerprint(r#"{"type":"session.play","barcodeId":" b-1 ","basedOn":{"epoch":"e","seq":1}}"#);
    assert_eq!(one, fingerprint(r#"{ "barcodeId": "B-1", "type": "session.play" }"#));
    assert_ne!(one, fingerprint(r#"{"type":"session.pause","barcodeId":"B-1"}"#));
    assert_ne!(one, fingerprint(r#"{"type":"session.play","barcodeId":"B-2"}"#));
    assert_eq!(
        one, "445f2fabc5c2c4b0826ab9f5ac8da4800234948cfe854ca0a8762aeb32f64287",
        "outcomes are kept by it for 30 days: a release may not change it"
    );
    let price = |price: &str| {
        fingerprint(&format!(r#"{{"type":"product.create","product":{{"name":"n","category":"c","price":{price}}}}}"#))
    };
    assert_eq!(price("12.5"), price("12.50"));
    assert_ne!(price("12.5"), price("12.51"));
}

#[test]
fn a_command_knows_its_type() {
    let line = r#"{"barcodeId":"B","productId":"p","quantity":1}"#;
    let examples = [
        ("session.checkin", r#""barcodeId":"B","products":[{"id":"p","quantity":1}]"#.to_owned()),
        ("sale.create", format!(r#""lines":[{line}]"#)),
        ("session.play", r#""barcodeId":"B""#.to_owned()),
        ("session.pause", r#""barcodeId":"B""#.to_owned()),
        ("session.end", r#""barcodeId":"B""#.to_owned()),
        ("product.create", r#""product":{"name":"n","category":"c","price":1}"#.to_owned()),
        ("product.update", r#""productId":"p","changes":{"price":1}"#.to_owned()),
        ("product.delete", r#""productId":"p""#.to_owned()),
        ("transaction.correct", r#""transactionId":"t","quantity":1,"reason":"r""#.to_owned()),
        ("settings.update", r#""changes":{"maxOccupancy":1}"#.to_owned()),
        ("attention.raise", r#""kind":"unreadable","message":"m""#.to_owned()),
        ("attention.resolve", r#""entryId":"e","action":"dismiss","reason":"r""#.to_owned()),
        ("place.writeOff", r#""lostDeviceId":"d","reason":"r""#.to_owned()),
    ];
    assert!(examples.iter().map(|(kind, _)| *kind).eq(Command::SENT_KINDS), "each that can be sent, in its order");
    for (kind, fields) in examples {
        let command = Command::parse(&format!(r#"{{"type":"{kind}",{fields}}}"#)).expect(kind);
        assert_eq!(command.kind(), kind);
        assert_eq!(
            Command::from_fields(kind, &format!("{{{fields}}}")),
            Ok(command),
            "a REST call names its type otherwise"
        );
    }
}

#[test]
fn commands_that_share_a_key_wait_for_each_other() {
    let keys = |text: &str| Command::parse(text).expect(text).keys().into_iter().collect::<Vec<_>>();
    let band = |code: &str| Key::Band(gangway_domain::band::BarcodeId::parse(code).expect("a code"));
    assert_eq!(keys(r#"{"type":"session.play","barcodeId":"a"}"#), [band("A")]);
    assert_eq!(keys(r#"{"type":"session.pause","barcodeId":"a"}"#), [band("A")]);
    assert_eq!(keys(r#"{"type":"session.end","barcodeId":"a"}"#), [band("A")]);
    assert_eq!(keys(&checkin("\"a\"", r#"[{"id":"p","quantity":1}]"#)), [band("A")]);
    let line = |band: &str| format!(r#"{{"barcodeId":"{band}","productId":"p","quantity":1}}"#);
    let sale = format!(r#"{{"type":"sale.create","lines":[{},{},{}]}}"#, line("b"), line("a"), line("b"));
    assert_eq!(keys(&sale), [band("A"), band("B")], "a group sale has all its bands");
    assert_eq!(keys(r#"{"type":"product.delete","productId":"p"}"#), [Key::Product("p".into())]);
    assert_eq!(keys(r#"{"type":"product.update","productId":"p","changes":{"price":1}}"#), [Key::Product("p".into())]);
    assert_eq!(
        keys(r#"{"type":"transaction.correct","transactionId":"t","quantity":1,"reason":"r"}"#),
        [Key::Transaction("t".into())]
    );
    assert_eq!(keys(r#"{"type":"settings.update","changes":{"maxOccupancy":1}}"#), [Key::Settings]);
    assert_eq!(keys(r#"{"type":"product.create","product":{"name":"n","category":"c","price":1}}"#), []);
}
