//! `gangway-server serve` as a process.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{binaries::binary, wait::until};

/// A running server on a free port of loopback, open (`--insecure-open`); killed when dropped.
pub struct ServerProcess {
    child: Child,
    base: String,
    ready: Value,
    dir: PathBuf,
    stderr: Arc<Mutex<String>>,
    _folder: Option<TempDir>,
}

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
        let mut command = Command::new(binary("gangway-server"));
        command.args(["serve", "--listen", listen, "--data-dir"]).arg(dir).args(arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().expect("piped"), stderr.clone());
        let mut line = String::new();
        let read = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
        let said = || stderr.lock().map(|text| text.clone()).unwrap_or_default();
        let ready: Value = match read {
            Ok(_) => serde_json::from_str(&line).unwrap_or_else(|_| panic!("no ready line but {line:?}; {}", said())),
            Err(error) => panic!("no ready line: {error}; {}", said()),
        };
        let base = format!("http://{}", ready["listen"].as_str().expect("an address"));
        Self { child, base, ready, dir: dir.to_owned(), stderr, _folder: None }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
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
        self.child.id()
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
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
        let agent: ureq::Agent = config.build().into();
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

    /// `GET path`, which must answer 200; the body.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
        answer.json
    }

    /// Makes a product and returns it.
    pub fn product(&self, name: &str, price: f64, time_value_seconds: Option<u32>) -> Value {
        let body = serde_json::json!({ "name": name, "price": price, "category": "c", "timeValueSeconds": time_value_seconds });
        let answer = self.call("POST", "/api/products", &body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        until("the server's end", || self.child.try_wait().ok().flatten())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
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
