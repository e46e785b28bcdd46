//! `gangway-console` as a process, with no server to talk to: its lines, its signals, its exit codes.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// An address where somebody listens and nobody answers.
struct Silence(std::net::TcpListener);

impl Silence {
    fn new() -> Self {
        Self(std::net::TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }
}

struct Program {
    _silence: Silence,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gangway-console"));
    command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env_remove("GANGWAY_SERVER_URL").env_remove("GANGWAY_DATA_DIR").env("RUST_LOG", "off");
    command
}

impl Program {
    fn start(folder: &Path) -> Self {
        let folder = folder.to_str().expect("a path");
        let silence = Silence::new();
        let mut child = command(&["--server", &silence.url(), "--data-dir", folder]).spawn().expect("started");
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        Self { _silence: silence, child, stdin, lines }
    }

    async fn send(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("open");
        stdin.write_all(line).await.expect("written");
        stdin.write_all(b"\n").await.expect("written");
    }

    async fn answer(&mut self) -> Value {
        let line = self.lines.next_line().await.expect("read").expect("a line");
        serde_json::from_str(&line).expect("every line is JSON")
    }

    async fn ask(&mut self, request: Value) -> Value {
        self.send(request.to_string().as_bytes()).await;
        self.answer().await
    }

    async fn code(&mut self) -> Option<i32> {
        self.child.wait().await.expect("ended").code()
    }
}

#[tokio::test]
async fn requests_are_answered_in_order_under_their_ids() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    let answer = program.ask(json!({ "id": 7, "op": "query", "key": ["products"] })).await;
    assert_eq!(
        answer,
        json!({ "id": 7, "ok": true, "data": null, "freshness": { "state": "stale", "asOfSeq": null, "lastSyncAt": null } })
    );
    let answer = program.ask(json!({ "id": "s", "op": "status" })).await;
    assert_eq!((&answer["id"], &answer["ok"], &answer["inSync"]), (&json!("s"), &json!(true), &json!(false)));
    for field in ["link", "epoch", "cursor", "head", "pending", "attention", "clockOffsetMs", "stateHash", "metrics"] {
        assert!(answer.get(field).is_some(), "{field}");
    }
    for (op, more) in [("subscribe", json!([["products"], ["syncStatus"]])), ("unsubscribe", json!([["syncStatus"]]))] {
        assert_eq!(program.ask(json!({ "id": 1, "op": op, "keys": more })).await, json!({ "id": 1, "ok": true }));
    }
    assert_eq!(program.ask(json!({ "id": 2, "op": "attention" })).await, json!({ "id": 2, "ok": true, "entries": [] }));
    assert_eq!(program.ask(json!({ "id": 3, "op": "shutdown" })).await, json!({ "id": 3, "ok": true }));
    assert_eq!(program.code().await, Some(0));
}

#[tokio::test]
async fn what_can_not_be_done_is_answered_with_a_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    let play = json!({ "type": "session.play", "barcodeId": "B-1" });
    for (request, code) in [
        (json!({ "id": 1, "op": "fly" }), "unknown_op"),
        (json!({ "id": 1 }), "invalid_request"),
        (json!({ "id": 1, "op": 7 }), "invalid_request"),
        (json!({ "id": 1, "op": "query" }), "invalid_request"),
        (json!({ "id": 1, "op": "query", "key": ["nope"] }), "invalid_key"),
        (json!({ "id": 1, "op": "query", "key": "products" }), "invalid_request"),
        (json!({ "id": 1, "op": "execute" }), "invalid_request"),
        (json!({ "id": 1, "op": "execute", "command": play }), "not_ready"),
        (json!({ "id": 1, "op": "command", "commandId": "x" }), "invalid_command_id"),
        (json!({ "id": 1, "op": "command", "commandId": "0190c6a0-0000-7000-8000-000000000001" }), "unknown_command"),
        (json!({ "id": 1, "op": "resolve", "entryId": "x", "action": "dismiss" }), "unknown_entry"),
    ] {
        let answer = program.ask(request.clone()).await;
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(1), &json!(false)), "{request}");
        assert_eq!(answer["error"]["code"], code, "{request}");
        assert!(answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{request}");
    }
}

#[tokio::test]
async fn keys_that_are_too_many_are_not_called_subscribed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    let keys: Vec<_> = (0..1_001).map(|n| ["playerSession".to_owned(), format!("B-{n}")]).collect();
    let answer = program.ask(json!({ "id": 1, "op": "subscribe", "keys": keys })).await;
    assert_eq!(answer["error"]["code"], "invalid_request");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.starts_with("1 keys")), "{answer}");
}

#[tokio::test]
async fn lines_that_are_none_are_answered_and_the_next_one_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    let long = format!(r#"{{"id":1,"op":"query","key":["{}"]}}"#, "x".repeat(3 << 20));
    for line in [b"{not json".as_slice(), b"[]", b"\"x\"", b"\xff\xfe", long.as_bytes()] {
        program.send(line).await;
        let answer = program.answer().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(null), &json!("invalid_request")));
    }
    program.send(b"   ").await;
    assert_eq!(program.ask(json!({ "id": 9, "op": "attention" })).await["id"], json!(9));
}

#[tokio::test]
async fn the_end_of_stdin_ends_it_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    program.ask(json!({ "id": 1, "op": "attention" })).await;
    program.stdin.take();
    assert_eq!(program.code().await, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_it_well_although_stdin_is_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    program.ask(json!({ "id": 1, "op": "attention" })).await;
    let pid = program.child.id().expect("running").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    assert_eq!(program.code().await, Some(0));
}

#[tokio::test]
async fn a_second_process_in_the_same_folder_says_so_and_ends_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    program.ask(json!({ "id": 1, "op": "attention" })).await;
    let silence = Silence::new().url();
    let flags = ["--server", &silence, "--data-dir", folder.path().to_str().expect("a path")];
    let output = command(&flags).output().await.expect("ended");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Another Gangway console"), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn bad_flags_end_with_2_and_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    for flags in [&["--nope"][..], &[], &["--server"], &["--server", "venue", "--data-dir", path]] {
        let mut child = command(flags).spawn().expect("started");
        let mut said = String::new();
        child.stderr.take().expect("stderr").read_to_string(&mut said).await.expect("read");
        assert_eq!(child.wait().await.expect("ended").code(), Some(2), "{flags:?}");
        assert!(!said.is_empty(), "{flags:?}");
    }
    let output = command(&["--version"]).output().await.expect("ended");
    assert_eq!(output.status.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_it_although_nobody_reads_its_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    program.ask(json!({ "id": 1, "op": "attention" })).await;
    let mut stdin = program.stdin.take().expect("open");
    // Until the pipes are full in both directions.
    let full = std::time::Duration::from_millis(500);
    while tokio::time::timeout(full, stdin.write_all(b"{\"id\":1,\"op\":\"status\"}\n")).await.is_ok() {}
    let pid = program.child.id().expect("running").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), program.code()).await;
    assert_eq!(ended.expect("it ends"), Some(0));
}

#[tokio::test]
async fn why_it_can_not_start_is_one_sentence_said_once() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("outbox.sqlite"), [7; 4_096]).expect("written");
    let flags = ["--server", "http://127.0.0.1:9", "--data-dir", folder.path().to_str().expect("a path")];
    let output = command(&flags).output().await.expect("ended");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.matches("The outbox").count(), 1, "{said}");
}

#[tokio::test]
async fn a_newer_versions_folder_ends_it_with_1_and_one_line_that_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path());
    program.ask(json!({ "id": 1, "op": "shutdown" })).await;
    assert_eq!(program.code().await, Some(0));
    for (name, what) in [("cache.sqlite", "Update this desk"), ("outbox.sqlite", "Start that version")] {
        let set = |version: i32| {
            let file = rusqlite::Connection::open(folder.path().join(name));
            file.and_then(|file| file.pragma_update(None, "user_version", version)).expect("written");
        };
        let file = rusqlite::Connection::open(folder.path().join(name)).expect("the file");
        let version: i32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
        drop(file);
        set(99);
        let flags = ["--server", "http://127.0.0.1:9", "--data-dir", folder.path().to_str().expect("a path")];
        let output = command(&flags).output().await.expect("ended");
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(name) && said.contains(what), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        set(version);
    }
}
