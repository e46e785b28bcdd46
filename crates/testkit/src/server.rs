//! `gangway-server serve` as a process.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    binaries::binary,
    launch::{Launch, Process},
    wait::until,
};

/// A running server on a free port of loopback, open (`--insecure-open`); killed when dropped.
pub struct ServerProcess {
    process: Process,
    base: String,
    ready: Value,
    dir: PathBuf,
    stderr: Arc<Mutex<String>>,
    /// Keeps connections, and how many calls it has made.
    caller: Mutex<(ureq::Agent, u32)>,
    _folder: Option<TempDir>,
}

/// Calls over one connection, at most: far below what the server takes from one at a time.
const CALLS_PER_CONNECTION: u32 = 300;

/// What an HTTP call was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, null where it is no JSON.
    pub json: Value,
    /// The body's text.
    pub text: String,
    /// The content type.
    pub content_type: String,
}

impl ServerProcess {
    /// Starts one on a folder of its own.
    pub fn start() -> Self {
        Self::start_with(&["--insecure-open"])
    }

    /// Starts one on a folder of its own with these arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut server = Self::start_on(folder.path(), "127.0.0.1:0", arguments);
        server._folder = Some(folder);
        server
    }

    /// Starts one on `dir`, which outlives it, at `listen`.
    ///
    /// # Panics
    /// It does not say that it is ready.
    pub fn start_on(dir: &Path, listen: &str, arguments: &[&str]) -> Self {
        Self::launch(dir, listen, arguments, &Launch::plain()).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts one on `dir` at `listen` in another way; one that may be struck before it is ready.
    ///
    /// # Errors
    /// It did not say that it is ready, and what it said instead.
    pub fn launch(dir: &Path, listen: &str, arguments: &[&str], launch: &Launch) -> Result<Self, String> {
        let mut all: Vec<OsString> = ["serve", "--listen", listen, "--data-dir"].map(OsString::from).to_vec();
        all.push(dir.into());
        all.extend(arguments.iter().map(OsString::from));
        let mut process = launch.spawn(&binary("gangway-server"), &all, Stdio::null());
        let stderr = Arc::new(Mutex::new(String::new()));
        collect(process.child.stderr.take().expect("piped"), stderr.clone());
        let mut line = String::new();
        let read = BufReader::new(process.child.stdout.take().expect("piped")).read_line(&mut line);
        let said = || stderr.lock().map(|text| text.clone()).unwrap_or_default();
        read.map_err(|error| format!("no ready line: {error}; {}", said()))?;
        let ready: Value =
            serde_json::from_str(&line).map_err(|_| format!("no ready line but {line:?}; {}", said()))?;
        let base = format!("http://{}", ready["listen"].as_str().expect("an address"));
        Ok(Self { process, base, ready, dir: dir.to_owned(), stderr, caller: Mutex::new((agent(), 0)), _folder: None })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        let listens = self.ready["listen"].as_str().and_then(|text| text.parse().ok());
        listens.expect("an address")
    }

    /// The ready line.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// What it has logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().map(|text| text.clone()).unwrap_or_default()
    }

    /// Calls it with a JSON body, or none where `body` is null.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let text = if body.is_null() { None } else { Some(body.to_string()) };
        self.try_call(method, path, text.as_deref(), &[]).expect("an answer")
    }

    /// Calls it with any text as the body and more headers. None: no answer, as from a server that was killed.
    pub fn try_call(&self, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Option<Answer> {
        let agent = self.agent();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(text) => agent.run(request.body(text.to_owned()).expect("a request")),
            None => agent.run(request.body(()).expect("a request")),
        };
        let mut response = sent.ok()?;
        let status = response.status().as_u16();
        let content_type =
            response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let mut text = String::new();
        response.body_mut().as_reader().read_to_string(&mut text).ok()?;
        Some(Answer { status, json: serde_json::from_str(&text).unwrap_or(Value::Null), text, content_type })
    }

    fn agent(&self) -> ureq::Agent {
        let mut caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        if caller.1 >= CALLS_PER_CONNECTION {
            *caller = (agent(), 0);
        }
        caller.1 += 1;
        caller.0.clone()
    }

    /// `GET path`, which must answer 200; the body.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
        answer.json
    }

    /// The head of its snapshot: `{epoch, seq, stateHash, …}`. None: no answer.
    pub fn snapshot_head(&self) -> Option<Value> {
        let mut response = self.agent().get(format!("{}/api/sync/snapshot", self.base)).call().ok()?;
        let mut line = String::new();
        BufReader::new(response.body_mut().as_reader()).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// Makes a product and returns it.
    pub fn product(&self, name: &str, price: f64, time_value_seconds: Option<u32>) -> Value {
        let body = serde_json::json!({ "name": name, "price": price, "category": "c", "timeValueSeconds": time_value_seconds });
        let answer = self.call("POST", "/api/products", &body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json
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
        until("the server's end", || self.process.ended())
    }
}

fn agent() -> ureq::Agent {
    let patience = Duration::from_secs(20);
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(patience)).build().into()
}

/// Sends a signal to a process by its id.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "no signal to {pid}");
}

/// Keeps reading `from`, so that the process never waits for a full pipe.
pub(crate) fn collect(from: impl Read + Send + 'static, into: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if let Ok(mut text) = into.lock() {
                text.push_str(&line);
                text.push('\n');
            }
        }
    });
}
