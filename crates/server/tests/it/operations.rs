//! The commands of `docs/operations.md` do what that page says.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::support::program::Program;

/// The blocks of the page, each with what the server does meanwhile.
fn blocks() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut parts = page.split("```");
    let mut blocks = Vec::new();
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        let (kind, script) = block.split_once('\n').expect("a block");
        blocks.push((kind.to_owned(), script.to_owned()));
    }
    blocks
}

fn shell(script: &str, venue: &Path, copies: &Path) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_gangway-server")).parent().expect("a folder");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-euc", script]).env("PATH", path).env("GANGWAY_DATA_DIR", venue).env("COPIES", copies);
    command.env("GANGWAY_LISTEN", "127.0.0.1:0").stdin(Stdio::null());
    command
}

#[cfg(unix)]
#[test]
fn every_command_of_the_page_works_in_its_order() {
    let (venue, copies) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut server = Some(Program::start(venue.path()));
    server.as_ref().expect("it runs").product();
    let mut ran = 0;
    for (kind, script) in blocks() {
        match kind.as_str() {
            "sh serve" => {
                drop(server.take());
                // The shell becomes the server, so that it ends with it.
                let mut command = shell(&format!("exec {}", script.trim()), venue.path(), copies.path());
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                server = Some(Program::run(&mut command, None));
                ran += 1;
                continue;
            }
            "sh served" => server = server.or_else(|| Some(Program::start(venue.path()))),
            "sh stopped" => drop(server.take()),
            other => panic!("nobody knows how to run a block {other:?}"),
        }
        let output = shell(&script, venue.path(), copies.path()).output().expect("a shell");
        assert!(output.status.success(), "{script}{}", String::from_utf8_lossy(&output.stderr));
        ran += script.lines().count();
    }
    assert!(ran >= 7, "{ran} commands");
}
