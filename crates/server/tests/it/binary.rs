//! The program itself: its one line, its exit codes, its end, and a kill in the middle of its work.

use std::{
    io::Read,
    net::SocketAddr,
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use gangway_domain::{
    hash::StateHash,
    rows::{Change, Collection, Row},
    venue::Venue,
};
use serde_json::{Value, json};

use crate::support::{
    program::{Program, command, refused},
    socket::Socket,
    until, venue,
};

#[test]
fn it_says_one_line_and_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    assert_eq!(program.ready["ready"], true);
    assert!(program.ready["venueId"].is_string() && program.ready["epoch"].is_string());
    let mut socket = Socket::connect(program.address(), "");
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    let status = until("the end", || program.child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(0));
    socket.closed();
    let mut rest = String::new();
    program.child.stdout.take().expect("piped").read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "", "exactly one line");
}

#[test]
fn flags_that_can_not_be_right_are_one_sentence_and_exit_2() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["serve", "--listen", "here"][..],
        &["serve", "--listen", "0.0.0.0:0", "--insecure-open"],
        &["serve", "--fast"],
        &["serve", "--log-format", "xml"],
        &["serve", "--listen", "127.0.0.1:0", "--allow-origin", "desk"],
        &["sell"],
    ] {
        let (code, sentence) = refused(arguments, folder.path());
        assert_eq!(code, Some(2), "{arguments:?}: {sentence}");
        assert_eq!(sentence.lines().count(), 1, "{arguments:?}: {sentence}");
    }
}

#[test]
fn without_an_order_it_says_what_to_do_and_exits_2() {
    let output = command(&[]).output().expect("it runs");
    let sentence = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!((output.status.code(), sentence.lines().count()), (Some(2), 1), "{sentence}");
    assert!(sentence.contains("gangway-server serve"), "{sentence}");
    assert!(output.stdout.is_empty(), "stdout is for the ready line alone");
}

#[test]
fn switches_and_origins_come_from_the_environment_too() {
    let start = |name: &str, value: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(folder.path()).env(name, value);
        Program::of(command, folder)
    };
    let sessions = |program: &Program| program.get("/api/sessions/active");
    assert_eq!(sessions(&start("GANGWAY_INSECURE_OPEN", "1")).status, 200);
    for off in ["", "0", "false"] {
        assert_eq!(sessions(&start("GANGWAY_INSECURE_OPEN", off)).status, 401, "{off:?}");
    }
    let start_open = |arguments: &[&str], demo: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--insecure-open", "--data-dir"]);
        command.arg(folder.path()).args(arguments).env("GANGWAY_DEMO", demo);
        Program::of(command, folder)
    };
    let products = |program: &Program| program.get("/api/products").json.as_array().map_or(0, Vec::len);
    assert!(products(&start_open(&[], "1")) > 0);
    assert_eq!(products(&start_open(&[], "")), 0);
    let origins = ["https://a.example", "https://b.example"];
    let program = start_open(&["--allow-origin", origins[0], origins[1]], "");
    for origin in origins {
        let answer = venue::send(program.address(), "GET", "/api/products", None, &[("origin", origin)]);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
}

#[test]
fn a_second_one_on_the_same_folder_exits_1_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = Program::start(folder.path());
    let (code, sentence) = refused(&["serve", "--listen", "127.0.0.1:0", "--insecure-open"], folder.path());
    assert_eq!(code, Some(1));
    assert!(sentence.contains("Another server"), "{sentence}");
}

#[test]
fn a_newer_versions_venue_ends_each_order_with_1_and_one_sentence_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    Program::start(folder.path()).end();
    let file = folder.path().join("venue.sqlite");
    let raw = rusqlite::Connection::open(&file).expect("the venue");
    raw.pragma_update(None, "user_version", 99).expect("written");
    drop(raw);
    let before = std::fs::read(&file).expect("the venue");
    let copy = folder.path().join("copy.sqlite").display().to_string();
    let orders: [&[&str]; 5] = [
        &["serve", "--listen", "127.0.0.1:0", "--insecure-open"],
        &["token"],
        &["backup", &copy],
        &["verify"],
        &["bailout"],
    ];
    for order in orders {
        let (code, sentence) = refused(order, folder.path());
        assert_eq!(code, Some(1), "{order:?}: {sentence}");
        assert_eq!(sentence.lines().count(), 1, "{order:?}: {sentence}");
        assert!(
            sentence.ends_with("is of a newer version of Gangway: start that version; nothing was changed."),
            "{sentence}"
        );
        assert!(std::fs::read(&file).expect("the venue") == before, "{order:?}");
    }
}

#[test]
fn a_kill_in_the_middle_of_its_work_leaves_log_and_rows_in_agreement() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    let founded = snapshot(&program);
    let product = program.product();
    let mut socket = Socket::connect(program.address(), "&profile=lean");
    let gone = AtomicBool::new(false);
    let answered: u64 = thread::scope(|scope| {
        let desks: Vec<_> = (0..4)
            .map(|desk| {
                let (gone, product, address) = (&gone, &product, program.address());
                scope.spawn(move || sell_until(gone, address, desk, product))
            })
            .collect();
        socket.logged_to(60);
        program.child.kill().expect("killed");
        gone.store(true, Relaxed);
        desks.into_iter().map(|desk| desk.join().expect("a desk")).sum()
    });
    program.child.wait().expect("gone");
    let program = Program::start(folder.path());
    let page = program.get("/api/sync/events?after=0&limit=1000").json;
    let events = page["events"].as_array().expect("events").clone();
    let seqs: Vec<_> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "no holes");
    let (header, rows) = snapshot(&program);
    let mut replayed = Venue::from_rows(founded.1).expect("a venue");
    for event in &events {
        let changes: Vec<Change> = serde_json::from_value(event["changes"].clone()).expect("changes");
        replayed.apply(&changes);
    }
    let kept = StateHash::of_rows(rows).expect("rows").to_hex();
    assert_eq!(header["stateHash"], json!(kept));
    assert_eq!(StateHash::of_rows(replayed.rows()).expect("rows").to_hex(), kept, "the log replayed is the rows");
    let sold = program.get("/api/dashboard/stats").json["totalTransactions"].as_u64().expect("a count");
    assert!(sold >= answered, "{answered} sales were answered and {sold} are there");
    for event in socket.events.iter().filter(|event| event.is_logged()) {
        let at = usize::try_from(event.meta("seq")).expect("small") - 1;
        assert_eq!(events[at]["id"], event.args[1]["id"], "what was emitted is in the log");
    }
}

/// Sells until the server is gone; how many sales were answered.
fn sell_until(gone: &AtomicBool, address: SocketAddr, desk: usize, product: &str) -> u64 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answered = 0;
    while !gone.load(Relaxed) {
        let body = venue::sale(&format!("D{desk}-{answered}"), product, 1).to_string();
        let url = format!("http://{address}/api/checkin");
        match agent.post(url).header("content-type", "application/json").send(body) {
            Ok(answer) if answer.status() == 201 => answered += 1,
            Ok(answer) => panic!("{}", answer.status()),
            Err(_) => break,
        }
    }
    answered
}

fn snapshot(program: &Program) -> (Value, Vec<Row>) {
    let text = program.get("/api/sync/snapshot").text;
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let header = lines.next().expect("a header");
    let rows = lines.filter(|line| line.get("end").is_none()).map(|line| {
        let collection: Collection = serde_json::from_value(line["collection"].clone()).expect("a collection");
        Row::from_value(collection, line["row"].clone()).expect("a row")
    });
    (header, rows.collect())
}

#[test]
fn whoever_holds_the_machine_gets_in_again_when_the_last_manager_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = command(&["token", "--data-dir"]).arg(folder.path()).output().expect("it runs");
    assert_eq!(none.status.code(), Some(2), "there is no venue, and none is made");
    assert!(!folder.path().join("venue.sqlite").exists());
    let serve = || {
        let options = gangway_server::ServeOptions { insecure_open: false, ..venue::options(folder.path()) };
        venue::Venue::start_with(options)
    };
    let server = serve();
    let code = server.ready().pairing_code.clone().expect("a code");
    let pair = |server: &venue::Venue, code: &Value| {
        server.call("POST", "/api/pair", &json!({ "code": code, "deviceName": "Office" }))
    };
    assert_eq!(pair(&server, &code.into()).status, 201);
    let busy = command(&["token", "--data-dir"]).arg(folder.path()).output().expect("it runs");
    assert_eq!(busy.status.code(), Some(1), "a server runs");
    server.stop();
    let made = command(&["token", "--data-dir"]).arg(folder.path()).output().expect("it runs");
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let line: Value = serde_json::from_slice(&made.stdout).expect("one line of JSON");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(!said.contains(line["pairingCode"].as_str().expect("a code")), "no code gets into a log: {said}");
    let server = serve();
    assert_eq!(server.ready().pairing_code, None, "there is a manager, but nobody has its token");
    let paired = pair(&server, &line["pairingCode"]);
    assert_eq!((paired.status, &paired.json["role"]), (201, &json!("manager")), "{}", paired.text);
}
