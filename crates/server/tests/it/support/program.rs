//! `gangway-server` as a process.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::venue;

pub struct Program {
    pub child: Child,
    pub ready: Value,
    _folder: Option<TempDir>,
}

impl Program {
    pub fn start(dir: &Path) -> Self {
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--insecure-open", "--data-dir"]);
        command.arg(dir);
        Self::run(&mut command, None)
    }

    pub fn of(mut command: Command, folder: TempDir) -> Self {
        Self::run(&mut command, Some(folder))
    }

    pub fn run(command: &mut Command, folder: Option<TempDir>) -> Self {
        let mut child = command.spawn().expect("it starts");
        let stderr = child.stderr.take().expect("piped");
        thread::spawn(move || BufReader::new(stderr).lines().for_each(drop));
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        Self { child, ready: serde_json::from_str(&line).expect("JSON"), _folder: folder }
    }

    /// Asks it to end, and waits until it has.
    pub fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        let status = self.child.wait().expect("a child");
        assert_eq!(status.code(), Some(0), "it ends in order");
    }

    pub fn address(&self) -> SocketAddr {
        self.ready["listen"].as_str().expect("an address").parse().expect("an address")
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> venue::Answer {
        venue::send(self.address(), method, path, Some(&body.to_string()), &[])
    }

    pub fn get(&self, path: &str) -> venue::Answer {
        venue::send(self.address(), "GET", path, None, &[])
    }

    pub fn product(&self) -> String {
        let made = self.call(
            "POST",
            "/api/products",
            &json!({ "name": "n", "price": 1, "category": "c", "timeValueSeconds": 600 }),
        );
        made.json["id"].as_str().expect("an id").to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gangway-server"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code and stderr.
pub fn refused(arguments: &[&str], dir: &Path) -> (Option<i32>, String) {
    let output = command(arguments).arg("--data-dir").arg(dir).output().expect("it runs");
    assert!(output.stdout.is_empty(), "stdout is for the ready line alone");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
