//! `gangway-console` as a process: JSON lines in and out.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    binaries::binary,
    server::{collect, signal},
    wait::until,
};

/// A running console; killed when dropped.
pub struct ConsoleProcess {
    child: Child,
    stdin: ChildStdin,
    lines: Arc<Mutex<Vec<Value>>>,
    stderr: Arc<Mutex<String>>,
    dir: PathBuf,
    next_id: u64,
    _folder: Option<TempDir>,
}

impl ConsoleProcess {
    /// Starts one for `server` on a folder of its own.
    pub fn start(server: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut console = Self::start_on(folder.path(), server);
        console._folder = Some(folder);
        console
    }

    /// Starts one for `server` on `dir`, which outlives it.
    pub fn start_on(dir: &Path, server: &str) -> Self {
        let mut command = Command::new(binary("gangway-console"));
        command.args(["--server", server, "--data-dir"]).arg(dir);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.expect("it starts");
        let stderr = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().expect("piped"), stderr.clone());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stdout, into) = (child.stdout.take().expect("piped"), lines.clone());
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if let Ok(mut lines) = into.lock() {
                    lines.push(value);
                }
            }
        });
        let stdin = child.stdin.take().expect("piped");
        Self { child, stdin, lines, stderr, dir: dir.to_owned(), next_id: 0, _folder: None }
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it has logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().map(|text| text.clone()).unwrap_or_default()
    }

    /// Sends one line of any text.
    pub fn send(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("it reads");
    }

    /// The first line that it wrote and that `wanted` takes.
    pub fn line(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(what, || self.lines.lock().ok()?.iter().find(|line| wanted(line)).cloned())
    }

    /// All pushes so far.
    pub fn pushes(&self) -> Vec<Value> {
        let lines = self.lines.lock().map(|lines| lines.clone()).unwrap_or_default();
        lines.into_iter().filter(|line| line["push"].is_string()).collect()
    }

    /// One request, and its answer.
    pub fn request(&mut self, op: &str, fields: Value) -> Value {
        self.next_id += 1;
        let id = format!("t{}", self.next_id);
        let mut request = json!({ "id": id, "op": op });
        if let (Some(request), Some(fields)) = (request.as_object_mut(), fields.as_object()) {
            request.extend(fields.clone());
        }
        self.send(&request.to_string());
        self.line(&format!("the answer to {request}; it said {}", self.stderr()), |line| line["id"] == *id)
    }

    /// The data of a query key.
    pub fn query(&mut self, key: &[&str]) -> Value {
        let answer = self.request("query", json!({ "key": key }));
        assert_eq!(answer["ok"], true, "{answer}");
        answer["data"].clone()
    }

    /// Its status.
    pub fn status(&mut self) -> Value {
        self.request("status", json!({}))
    }

    /// Executes a command; its answer.
    pub fn execute(&mut self, command: Value) -> Value {
        self.request("execute", json!({ "command": command }))
    }

    /// Executes a command and waits until it is settled; its fate.
    pub fn settle(&mut self, command: Value) -> Value {
        let answer = self.execute(command.clone());
        assert_eq!(answer["ok"], true, "{command}: {answer}");
        let id = answer["commandId"].clone();
        until(&format!("the end of {command}"), || {
            let fate = self.request("command", json!({ "commandId": id }));
            ["settled", "rejected"].contains(&fate["state"].as_str()?).then_some(fate)
        })
    }

    /// Waits until it is live and has all that the server has.
    pub fn live(&mut self) -> Value {
        until("a live console", || {
            let status = self.status();
            (status["link"] == "live" && status["cursor"] == status["head"]).then_some(status)
        })
    }

    /// Waits until it has compared its state with the server's and both are the same.
    pub fn in_sync(&mut self) -> Value {
        until("a console in sync", || {
            let status = self.status();
            (status["inSync"] == true).then_some(status)
        })
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        until("the console's end", || self.child.try_wait().ok().flatten())
    }
}

impl Drop for ConsoleProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
