//! Flags, environment and file: which comes first, and what is said of a file that can't be right.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::program::{Program, command};

/// What `--check-config` says, or its one sentence and exit code.
fn checked(file: &Path, more: &[&str], environment: &[(&str, &str)]) -> Result<Value, (Option<i32>, String)> {
    let mut check = command(&["serve", "--check-config", "--config"]);
    check.arg(file).args(more).envs(environment.iter().copied());
    let output = check.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("JSON")),
        false => Err((output.status.code(), text(&output.stderr))),
    }
}

#[test]
fn a_flag_comes_before_the_environment_and_both_before_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gangway.toml");
    fs::write(
        &file,
        "listen = \"127.0.0.1:1\"\ninsecure-open = true\nallow-origin = [\"https://a.example\", \"https://b.example\"]\n",
    )
    .expect("written");
    let says = checked(&file, &[], &[]).expect("valid");
    assert_eq!(says["listen"], "127.0.0.1:1");
    assert_eq!((&says["insecureOpen"], &says["allowOrigins"][1]), (&json!(true), &json!("https://b.example")));
    let environment = [("GANGWAY_LISTEN", "127.0.0.1:2"), ("GANGWAY_INSECURE_OPEN", "0")];
    let says = checked(&file, &[], &environment).expect("valid");
    assert_eq!((&says["listen"], &says["insecureOpen"]), (&json!("127.0.0.1:2"), &json!(false)));
    let flags = ["--listen", "127.0.0.1:3", "--allow-origin", "https://c.example"];
    let says = checked(&file, &flags, &environment).expect("valid");
    assert_eq!((&says["listen"], &says["allowOrigins"]), (&json!("127.0.0.1:3"), &json!(["https://c.example"])));
}

#[test]
fn a_server_runs_by_its_file_and_the_file_can_be_named_by_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data) = (folder.path().join("gangway.toml"), folder.path().join("venue"));
    let config = format!("listen = \"127.0.0.1:0\"\ninsecure-open = true\nvenue = \"Jump\"\ndata-dir = {data:?}\n");
    fs::write(&file, config).expect("written");
    let mut serve = command(&["serve"]);
    serve.env("GANGWAY_CONFIG", &file);
    let program = Program::of(serve, folder);
    assert_eq!(program.get("/api/system/settings").json["siteName"], "Jump");
}

#[test]
fn a_file_that_can_not_be_right_is_one_sentence_and_exit_2_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gangway.toml");
    let data = folder.path().join("venue");
    for (text, says) in [
        ("listen = ", "line 1"),
        ("\n\nlisten = \"127.0.0.1:0\"\nlisten = \"127.0.0.1:1\"\n", "line 4"),
        ("lissten = \"127.0.0.1:0\"", "lissten"),
        ("config = \"other.toml\"", "config"),
        ("demo = \"yes\"", "demo"),
        ("venue = [\"a\", \"b\"]", "venue"),
        ("venue = true", "venue"),
        ("listen = \"here\"", "listen"),
        ("[serve]\nlisten = \"127.0.0.1:0\"", "serve"),
        ("listen = \"0.0.0.0:0\"", "--tls-cert"),
        ("backup-every = \"soon\"", "backup-every"),
        ("tls-cert = \"cert.pem\"", "tls-key"),
    ] {
        fs::write(&file, text).expect("written");
        let (code, sentence) = checked(&file, &["--data-dir", data.to_str().expect("a path")], &[]).expect_err(text);
        assert_eq!((code, sentence.lines().count()), (Some(2), 1), "{text:?}: {sentence}");
        assert!(sentence.contains(says), "{text:?}: {sentence}");
    }
    let (code, sentence) = checked(&folder.path().join("none.toml"), &[], &[]).expect_err("no file");
    assert_eq!(code, Some(2), "{sentence}");
    fs::write(&file, "").expect("written");
    checked(&file, &["--data-dir", data.to_str().expect("a path")], &[]).expect("an empty file says nothing");
    assert!(!data.exists(), "nothing was made");
}
