//! `gangway-console` as a process: JSON lines in and out.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    binaries::binary,
    launch::{Launch, Process},
    server::{collect, signal},
    wait::{PATIENCE, until},
};

/// A running console; killed when dropped.
pub struct ConsoleProcess {
    process: Process,
    stdin: ChildStdin,
    output: Arc<Output>,
    stderr: Arc<Mutex<String>>,
    dir: PathBuf,
    next_id: u64,
    _folder: Option<TempDir>,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The process has ended.
    Ended,
    /// The process is there and says nothing.
    TooLong,
}

/// What it has written so far.
#[derive(Default)]
struct Output {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Default)]
struct Said {
    /// By the id of the request; taken by who waits for it.
    answers: HashMap<String, Value>,
    pushes: Vec<Value>,
    ended: bool,
}

impl Output {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is read until the end.
    fn read(&self, from: impl Read) {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let value: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
            let mut said = self.said();
            match value["id"].as_str().map(str::to_owned) {
                Some(id) => drop(said.answers.insert(id, value)),
                None => said.pushes.push(value),
            }
            drop(said);
            self.changed.notify_all();
        }
        self.said().ended = true;
        self.changed.notify_all();
    }

    fn answer(&self, id: &str, patience: Duration) -> Result<Value, Silence> {
        let waits = |said: &mut Said| !said.answers.contains_key(id) && !said.ended;
        let waited = self.changed.wait_timeout_while(self.said(), patience, waits);
        let (mut said, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let ended = said.ended;
        said.answers.remove(id).ok_or(if ended { Silence::Ended } else { Silence::TooLong })
    }
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
        Self::launch(dir, server, &Launch::plain())
    }

    /// Starts one for `server` on `dir` in another way.
    pub fn launch(dir: &Path, server: &str, launch: &Launch) -> Self {
        let arguments = ["--server", server, "--data-dir"].map(OsString::from);
        let arguments = [&arguments[..], &[dir.as_os_str().to_owned()]].concat();
        let mut process = launch.spawn(&binary("gangway-console"), &arguments, Stdio::piped());
        let stderr = Arc::new(Mutex::new(String::new()));
        collect(process.child.stderr.take().expect("piped"), stderr.clone());
        let output = Arc::new(Output::default());
        let (stdout, into) = (process.child.stdout.take().expect("piped"), output.clone());
        thread::spawn(move || into.read(stdout));
        let stdin = process.child.stdin.take().expect("piped");
        Self { process, stdin, output, stderr, dir: dir.to_owned(), next_id: 0, _folder: None }
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it has logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().map(|text| text.clone()).unwrap_or_default()
    }

    /// All pushes so far.
    pub fn pushes(&self) -> Vec<Value> {
        self.output.said().pushes.iter().filter(|line| line["push"].is_string()).cloned().collect()
    }

    /// One request, and its answer.
    pub fn request(&mut self, op: &str, fields: Value) -> Value {
        let asked = fields.clone();
        self.ask(op, fields, PATIENCE)
            .unwrap_or_else(|silence| panic!("{op} {asked}: {silence:?}; it said {}", self.stderr()))
    }

    /// One request, and its answer, from a console that may have ended or stand still.
    ///
    /// # Errors
    /// There was none within `patience`.
    pub fn ask(&mut self, op: &str, fields: Value, patience: Duration) -> Result<Value, Silence> {
        self.next_id += 1;
        let id = format!("t{}", self.next_id);
        let mut request = json!({ "id": id, "op": op });
        if let (Some(request), Some(fields)) = (request.as_object_mut(), fields.as_object()) {
            request.extend(fields.clone());
        }
        writeln!(self.stdin, "{request}").map_err(|_| Silence::Ended)?;
        self.output.answer(&id, patience)
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

    /// How its process ended, if it has, as after a strike from elsewhere.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to end (SIGTERM) and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        signal(self.process.child.id(), "TERM");
        until("the console's end", || self.process.ended())
    }
}
