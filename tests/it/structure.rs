//! The tree keeps its shape: which crate may use which, who touches the window's host, how long a file and a
//! function may be. Limits only go down.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use gangway_testkit::workspace_root;
use serde_json::{Value, json};

/// Most production lines of a Rust file (`#[cfg(test)]` and what follows does not count).
const RUST_FILE_LINES: usize = 500;
/// Most lines of a Rust function of the product.
const RUST_FUNCTION_LINES: usize = 70;
/// Most lines of a `.ts` or `.tsx` file.
const UI_FILE_LINES: usize = 250;
/// Most lines of the shell.
const SHELL_LINES: usize = 2_000;

fn tracked(endings: &[&str]) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace_root())
        .output();
    let listed = String::from_utf8(output.expect("git is installed").stdout).expect("UTF-8");
    let wanted =
        |name: &&str| endings.iter().any(|ending| name.ends_with(ending)) && workspace_root().join(name).is_file();
    listed.lines().filter(wanted).map(PathBuf::from).collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(workspace_root().join(path)).expect("text")
}

fn production(source: &str) -> impl Iterator<Item = &str> {
    source.lines().take_while(|line| line.trim() != "#[cfg(test)]")
}

fn is_test(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.contains("tests/") || name.ends_with("/tests.rs") || name.contains("crates/testkit/")
}

#[test]
fn crates_use_only_what_their_place_allows() {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace_root())
        .output();
    let metadata: Value = serde_json::from_slice(&output.expect("cargo is there").stdout).expect("metadata");
    let allowed: &[(&str, &[&str])] = &[
        ("gangway-domain", &[]),
        ("gangway-plants", &[]),
        ("gangway-server", &["gangway-domain", "gangway-plants"]),
        ("gangway-console", &["gangway-domain", "gangway-plants"]),
        ("gangway-testkit", &[]),
        ("gangway-faulty-disk", &[]),
        ("gangway-tests", &["gangway-domain", "gangway-testkit"]),
        (
            "gangway-simulation",
            &["gangway-domain", "gangway-server", "gangway-console", "gangway-faulty-disk", "gangway-plants"],
        ),
        ("gangway", &["gangway-domain", "gangway-server", "gangway-console"]),
    ];
    let packages = metadata["packages"].as_array().expect("packages");
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let (_, allowed) =
            allowed.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} has no place yet"));
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().expect("a name");
            let test_only = dependency["kind"] == "dev" && ["gangway-testkit", "gangway-faulty-disk"].contains(&used);
            assert!(!used.starts_with("gangway") || allowed.contains(&used) || test_only, "{name} may not use {used}");
            // Deliberate bugs are compiled for the simulation's own tests, and for nothing else.
            let plants = dependency["features"].as_array().is_some_and(|features| features.contains(&json!("planted")));
            assert!(!plants || (name == "gangway-simulation" && dependency["kind"] == "dev"), "{name} plants bugs");
        }
    }
}

#[test]
fn the_domain_is_pure() {
    let banned = [
        "std::fs",
        "std::net",
        "std::thread",
        "SystemTime",
        "Instant",
        "now_v7",
        "new_v4",
        "rusqlite",
        "tokio",
        "reqwest",
    ];
    for path in tracked(&[".rs"]).into_iter().filter(|path| path.starts_with("crates/domain/src")) {
        let source = text(&path);
        for word in banned {
            assert!(!production(&source).any(|line| line.contains(word)), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn clock_and_ids_come_in_through_their_ports() {
    for path in tracked(&[".rs"])
        .into_iter()
        .filter(|path| !is_test(path) && !path.ends_with("clock.rs") && !path.ends_with("ids.rs"))
    {
        let source = text(&path);
        for word in ["SystemTime::now", "Uuid::now_v7", "Uuid::new_v4"] {
            assert!(!production(&source).any(|line| line.contains(word)), "{} calls {word}", path.display());
        }
    }
}

#[test]
fn files_and_functions_stay_short() {
    for path in tracked(&[".rs"]).into_iter().filter(|path| !is_test(path)) {
        let source = text(&path);
        let lines = production(&source).count();
        assert!(lines <= RUST_FILE_LINES, "{} has {lines} production lines", path.display());
        for (name, length) in functions(&source) {
            assert!(length <= RUST_FUNCTION_LINES, "{}: {name} has {length} lines", path.display());
        }
    }
    for path in tracked(&[".ts", ".tsx"]).into_iter().filter(|path| !path.to_string_lossy().contains(".test.")) {
        let lines = text(&path).lines().count();
        assert!(lines <= UI_FILE_LINES, "{} has {lines} lines", path.display());
    }
}

/// The functions of formatted source and their lines: from `fn` to the brace that closes at its indent.
fn functions(source: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = production(source).collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_function = [
            "fn ",
            "pub fn ",
            "async fn ",
            "pub async fn ",
            "pub(super) fn ",
            "pub(crate) fn ",
            "pub(crate) async fn ",
        ]
        .iter()
        .any(|opening| code.starts_with(opening));
        if is_function {
            let close = format!("{}}}", " ".repeat(line.len() - code.len()));
            let length = lines[start..].iter().position(|line| *line == close).map_or(1, |end| end + 1);
            found.push((code.split('(').next().unwrap_or(code).to_owned(), length));
        }
    }
    found
}

#[test]
fn the_shell_is_thin() {
    let shell = tracked(&[".rs"]).into_iter().filter(|path| path.starts_with("src-tauri/src"));
    let mut lines = 0;
    for path in shell {
        let source = text(&path);
        lines += production(&source).count();
        for word in ["rusqlite", "rust_socketio", "reqwest", "SELECT "] {
            assert!(!production(&source).any(|line| line.contains(word)), "{} has {word} in it", path.display());
        }
    }
    assert!(lines <= SHELL_LINES, "the shell has {lines} lines");
}

#[test]
fn one_folder_of_the_window_touches_its_host() {
    for path in tracked(&[".ts", ".tsx"])
        .into_iter()
        .filter(|path| path.starts_with("ui/src") && !path.to_string_lossy().contains(".test."))
    {
        let source = text(&path);
        if !path.starts_with("ui/src/ipc") {
            assert!(!source.contains("@tauri-apps/"), "{} reaches for the host by itself", path.display());
        }
        for feature in ["checkin", "gate", "monitor", "dashboard", "products", "settings", "firstrun"] {
            let home = Path::new("ui/src/features").join(feature);
            let reaches =
                source.lines().any(|line| line.contains("from ") && line.contains(&format!("features/{feature}")));
            let within =
                path.starts_with(&home) || path.starts_with("ui/src/app") || !path.starts_with("ui/src/features");
            assert!(within || !reaches, "{} imports the feature {feature}", path.display());
        }
        for word in
            [" fetch(", ".fetch(", "(fetch(", "XMLHttpRequest", "new WebSocket", "EventSource", "refetchInterval"]
        {
            assert!(
                !source.contains(word),
                "{}: the page never talks to the network and never polls ({word})",
                path.display()
            );
        }
    }
}

#[test]
fn the_map_in_the_architecture_names_each_part() {
    let map = text(Path::new("docs/ARCHITECTURE.md"));
    for part in
        ["crates/domain", "crates/server", "crates/console", "crates/testkit", "src-tauri", "ui/", "tests/", "scripts/"]
    {
        assert!(map.contains(part), "docs/ARCHITECTURE.md does not name {part}");
    }
    for folder in ["crates/domain/src", "crates/server/src", "crates/console/src"] {
        for entry in fs::read_dir(workspace_root().join(folder))
            .expect("a folder")
            .flatten()
            .filter(|entry| entry.path().is_dir())
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(map.contains(&format!("{name}/")), "docs/ARCHITECTURE.md does not name {folder}/{name}/");
        }
    }
}

#[test]
fn nothing_of_the_workplace_is_in_the_tree() {
    for path in tracked(&[".rs", ".ts", ".tsx", ".json", ".toml", ".md", ".lock", ".mjs", "run", "test", ".sh"]) {
        let source = text(&path);
        for word in [concat!("/work", "/"), concat!("artifact", "ory"), concat!("npmjs", ".org"), concat!("/root", "/")]
        {
            assert!(!source.contains(word), "{} names {word}", path.display());
        }
    }
}
