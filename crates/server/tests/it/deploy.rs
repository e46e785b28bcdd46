//! What `deploy/` says: its syntax, and that each figure, flag and file in it exists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use gangway_server::metrics::{FIGURES, Kind};
use serde_json::Value;

use crate::support::program::command;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn text(file: &str) -> String {
    fs::read_to_string(deploy().join(file)).expect("a file")
}

/// Everything that looks like a figure of ours.
fn figures(text: &str) -> BTreeSet<&str> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let words = text.split(|letter| !is_name(letter));
    words.filter(|word| word.starts_with("gangway_")).collect()
}

/// The names under which Prometheus keeps a figure.
fn series() -> BTreeSet<String> {
    let names = FIGURES.iter().flat_map(|(name, kind, _)| match kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).to_vec(),
        Kind::Counter | Kind::Gauge => vec![(*name).to_owned()],
    });
    names.collect()
}

fn all_exist(text: &str, file: &str) {
    let (known, named) = (series(), figures(text));
    let unknown: Vec<_> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "{file} names figures that there are not: {unknown:?}");
    assert!(!named.is_empty(), "{file}");
}

fn expressions_of(rules: &Value) -> Vec<(String, String)> {
    let groups = rules["groups"].as_array().expect("groups");
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rules.map(|rule| (format!("{}{}", text(&rule["record"]), text(&rule["alert"])), text(&rule["expr"]))).collect()
}

#[test]
fn the_rules_can_be_read_and_name_figures_that_there_are() {
    let file = "prometheus/gangway.rules.yml";
    let rules: Value = serde_yaml_ng::from_str(&text(file)).expect("YAML");
    let expressions = expressions_of(&rules);
    assert!(expressions.len() > 10);
    for (name, expression) in &expressions {
        assert!(!name.is_empty(), "{expression}");
        promql_parser::parser::parse(expression).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    all_exist(&text(file), file);
    // What other rules are recorded as exists too.
    let recorded: BTreeSet<_> = expressions.iter().map(|(name, _)| name.as_str()).collect();
    let dashboard = text("grafana/gangway.json");
    let used = [text(file), dashboard].concat();
    let words = used.split(|letter: char| !(letter.is_ascii_alphanumeric() || "_:".contains(letter)));
    for name in words.filter(|word| word.starts_with("gangway:")) {
        assert!(recorded.contains(name), "{name} is recorded nowhere");
    }
}

#[test]
fn the_dashboard_can_be_read_and_names_figures_that_there_are() {
    let file = "grafana/gangway.json";
    let dashboard: Value = serde_json::from_str(&text(file)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "each has its own id");
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets")) {
        let expression = target["expr"].as_str().expect("an expression");
        promql_parser::parser::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    }
    all_exist(&text(file), file);
}

#[test]
fn every_figure_is_on_the_dashboard_or_in_a_rule() {
    let used = [text("grafana/gangway.json"), text("prometheus/gangway.rules.yml")].concat();
    let named = figures(&used);
    for (name, _, _) in FIGURES.iter().filter(|(name, _, _)| *name != "gangway_build_info") {
        assert!(named.iter().any(|known| known.starts_with(name)), "nobody looks at {name}");
    }
}

#[test]
fn the_configuration_file_is_one_that_the_server_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = command(&["cert", "--host", "venue.example", "--dir"]).arg(folder.path()).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut check = command(&["serve", "--check-config", "--config"]);
    check.arg(deploy().join("gangway-server.toml"));
    check.arg("--tls-cert").arg(folder.path().join("server.pem"));
    check.arg("--tls-key").arg(folder.path().join("server-key.pem"));
    check.arg("--data-dir").arg(folder.path().join("venue"));
    let output = check.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let says: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&says["valid"], &says["listen"]), (&Value::Bool(true), &Value::from("0.0.0.0:8787")));
    // What is said in comments can be said for good.
    let all = text("gangway-server.toml").replace("# data-dir", "data-dir").replace("# backup-dir", "backup-dir");
    let file = folder.path().join("all.toml");
    fs::write(&file, all).expect("written");
    let mut check = command(&["serve", "--check-config", "--listen", "127.0.0.1:0", "--config"]);
    let output = check.arg(&file).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let says: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(says["backupDir"], "/mnt/backup/gangway");
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_is_hardened() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("not run: there is no systemd-analyze here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("gangway-server.service");
    let ours = text("systemd/gangway-server.service");
    // systemd looks whether the program is there.
    fs::write(&unit, ours.replace("/usr/local/bin/gangway-server", env!("CARGO_BIN_EXE_gangway-server")))
        .expect("written");
    let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output().expect("it runs");
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    let about_ours: Vec<_> = says.lines().filter(|line| line.contains("gangway-server")).collect();
    assert!(about_ours.is_empty(), "{about_ours:?}");
    let security = ["security", "--offline=true", "--threshold=25", "--no-pager"];
    let output = Command::new("systemd-analyze").args(security).arg(&unit).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
