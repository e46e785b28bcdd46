//! The list to run the venue from on paper: what is in it, that it is always there, and that it is harmless.

use std::{fs, path::Path};

use gangway_server::{bailout, clock::Clock, dispatcher::mirror::Mirror};
use serde_json::json;

use crate::support::{
    parts::Bench,
    program::{Program, command},
    until, venue,
};

const HEAD: &str = "\u{feff}Band,State,Minutes left,Runs out at,Products,Paid,Currency,As of";

fn list(bench: &Bench) -> String {
    let now = bench.clock.now();
    let list = bench.view(|view| bailout::list(&Mirror::load(view).expect("rows").venue, now).expect("a list"));
    String::from_utf8(list).expect("UTF-8")
}

fn lines(list: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = list.split("\r\n").collect();
    assert_eq!((lines.remove(0), lines.pop()), (HEAD, Some("")), "{list:?}");
    lines
}

#[test]
fn it_says_who_is_here_with_how_much_time_until_when_and_what_was_paid() {
    let mut bench = Bench::new();
    let hour = bench.product(12.5, Some(3600));
    assert_eq!(lines(&list(&bench)), Vec::<&str>::new());
    for band in ["PAUSED", "WAITING", "LATE", "FIRST", "GONE"] {
        bench.sell(band, &hour);
    }
    let socks = json!({ "name": "Socks", "price": 2, "category": "extras" });
    let socks = bench.accept(json!({ "type": "product.create", "product": socks }))["id"].clone();
    let sold = bench.accept(
        json!({ "type": "session.checkin", "barcodeId": "WAITING", "products": [{ "id": socks, "quantity": 2 }] }),
    );
    let play = |bench: &mut Bench, act: &str, band: &str| {
        bench.accept(json!({ "type": format!("session.{act}"), "barcodeId": band }));
    };
    bench.sell("LATE", &hour);
    play(&mut bench, "play", "FIRST");
    play(&mut bench, "play", "PAUSED");
    play(&mut bench, "end", "GONE");
    // 90 seconds, of which a minute is over.
    bench.clock.pass(90_000);
    play(&mut bench, "pause", "PAUSED");
    play(&mut bench, "play", "LATE");
    assert_eq!(
        lines(&list(&bench)),
        [
            "FIRST,playing,58,2025-11-24 18:04,1 x Hour,12.50,EUR,2025-11-24 17:05",
            "LATE,playing,120,2025-11-24 19:05,2 x Hour,25.00,EUR,2025-11-24 17:05",
            "PAUSED,paused,58,,1 x Hour,12.50,EUR,2025-11-24 17:05",
            "WAITING,waiting,60,,1 x Hour; 2 x Socks,16.50,EUR,2025-11-24 17:05",
        ]
    );
    // What was given back is not paid.
    let line = sold["transactions"][0]["id"].clone();
    bench.accept(
        json!({ "type": "transaction.correct", "transactionId": line, "status": "refunded", "reason": "rain" }),
    );
    bench.clock.pass(58 * 60_000 + 30_000);
    let later = list(&bench);
    assert_eq!(lines(&later)[0], "FIRST,time is up,0,2025-11-24 18:04,1 x Hour,12.50,EUR,2025-11-24 18:04");
    assert_eq!(lines(&later)[3], "WAITING,waiting,60,,1 x Hour,12.50,EUR,2025-11-24 18:04");
}

#[test]
fn money_has_the_decimals_of_its_currency_and_times_are_those_of_the_venue() {
    let mut bench = Bench::new();
    bench.accept(json!({ "type": "settings.update", "changes": { "currency": "JPY", "timezone": "Asia/Tokyo" } }));
    let hour = bench.product(1500.0, Some(3600));
    bench.sell("B-1", &hour);
    bench.accept(json!({ "type": "session.play", "barcodeId": "B-1" }));
    assert_eq!(lines(&list(&bench)), ["B-1,playing,60,2025-11-25 02:04,1 x Hour,1500,JPY,2025-11-25 01:04"]);
}

#[test]
fn nothing_in_it_is_a_formula_and_nothing_breaks_its_lines() {
    let mut bench = Bench::new();
    let named = |bench: &mut Bench, name: &str| {
        let product = json!({ "name": name, "price": 1, "category": "c", "timeValueSeconds": 600 });
        bench.accept(json!({ "type": "product.create", "product": product }))["id"].as_str().expect("an id").to_owned()
    };
    let product = named(&mut bench, "Café \"XL\", all day");
    for band in ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "A,B"] {
        bench.sell(band, &product);
    }
    let list = list(&bench);
    let mut reader = csv::Reader::from_reader(list.trim_start_matches('\u{feff}').as_bytes());
    let records: Vec<_> = reader.records().map(|record| record.expect("RFC 4180")).collect();
    let bands: Vec<&str> = records.iter().map(|record| &record[0]).collect();
    assert_eq!(bands, ["'+1", "'-1", "'=HYPERLINK(1)", "'@SUM(A1)", "A,B"]);
    assert!(records.iter().all(|record| &record[4] == "1 x Café \"XL\", all day"), "{list}");
}

/// The band's line of a list, if it is in it.
fn has(list: &str, band: &str) -> bool {
    list.starts_with(HEAD) && list.contains(&format!("\r\n{band},"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn sell(program: &Program, band: &str) {
    let sold = program.call("POST", "/api/checkin", &venue::sale(band, &program.product(), 1));
    assert_eq!(sold.status, 201, "{}", sold.text);
}

#[test]
fn the_server_writes_it_by_itself_and_keeps_the_last_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--insecure-open", "--data-dir"]);
    serve.arg(folder.path()).args(["--bailout-every", "1s"]);
    let program = Program::run(&mut serve, None);
    let dir = folder.path().join("bailout");
    until("an empty list at the start", || read(&dir.join("live-sessions.csv")).starts_with(HEAD).then_some(()));
    sell(&program, "B-1");
    until("the band is in it", || has(&read(&dir.join("live-sessions.csv")), "B-1").then_some(()));
    let names = || {
        let names =
            fs::read_dir(&dir).expect("a folder").flatten().map(|entry| entry.file_name().display().to_string());
        names.collect::<Vec<_>>()
    };
    fs::write(dir.join(".gangway-live-sessions-left.part"), "half").expect("a file");
    let old = until("an older one", || names().into_iter().find(|name| name.starts_with("live-sessions-")));
    until("the oldest goes", || (!names().contains(&old)).then_some(()));
    program.end();
    let mut names = names();
    names.sort();
    assert_eq!((names.len(), names[6].as_str()), (7, "live-sessions.csv"), "six, and the newest: {names:?}");
    assert!(names.iter().all(|name| name.ends_with(".csv")), "nothing half: {names:?}");
}

#[test]
fn it_is_written_when_it_is_asked_for_with_a_server_and_without() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("list.csv");
    let order = |arguments: &[&str]| {
        let output = command(&["bailout"]).args(arguments).arg("--data-dir").arg(folder.path().join("venue")).output();
        let output = output.expect("it runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("UTF-8"),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, _, said) = order(&[]);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "there is no venue: {said}");
    let program = Program::start(&folder.path().join("venue"));
    sell(&program, "B-1");
    let (code, list, _) = order(&[]);
    assert!(code == Some(0) && has(&list, "B-1"), "{list}");
    program.end();
    let path = file.display().to_string();
    assert_eq!(order(&[&path]), (Some(0), String::new(), String::new()));
    assert!(has(&read(&file), "B-1"));
    let (code, _, said) = order(&[&path]);
    assert!(code == Some(1) && said.contains("--force"), "{said}");
    assert_eq!(order(&[&path, "--force"]).0, Some(0));
}
