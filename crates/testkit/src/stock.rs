//! A stock `socket.io-client` in Node, which knows only the specification.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::{binaries::workspace_root, server::collect, wait::until};

/// A stock client as a process; it writes each event that it receives as a line of JSON.
pub struct StockClient {
    child: Child,
    seen: Arc<Mutex<Vec<Seen>>>,
    stderr: Arc<Mutex<String>>,
}

/// One received event.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Value>,
}

impl StockClient {
    /// Connects one to `base` with this query (`profile=lean`) over these transports (`websocket`).
    ///
    /// # Panics
    /// It does not connect.
    pub fn connect(base: &str, query: &str, transports: &str) -> Self {
        let client = Self::start(base, query, transports, &json!({}));
        let what =
            || format!("a connected stock client: {}", client.stderr.lock().map(|t| t.clone()).unwrap_or_default());
        until(&what(), || client.has("(connected)").then_some(()));
        client
    }

    /// Connects one with a token.
    ///
    /// # Errors
    /// The server does not let it in, and why.
    pub fn connect_with(base: &str, transports: &str, token: &str) -> Result<Self, String> {
        let client = Self::start(base, "", transports, &json!({ "token": token }));
        until("an answer to a stock client", || (client.has("(connected)") || client.has("(refused)")).then_some(()));
        match client.all().into_iter().find(|seen| seen.name == "(refused)") {
            None => Ok(client),
            Some(refused) => Err(refused.args[0].as_str().unwrap_or_default().to_owned()),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.all().iter().any(|seen| seen.name == name)
    }

    fn start(base: &str, query: &str, transports: &str, auth: &Value) -> Self {
        let mut command = Command::new("node");
        command
            .arg(workspace_root().join("tests/node/listen.mjs"))
            .args([base, query, transports])
            .env("AUTH", auth.to_string());
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.expect("node is installed");
        let stderr = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().expect("piped"), stderr.clone());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (stdout, into) = (child.stdout.take().expect("piped"), seen.clone());
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok((name, args)) = serde_json::from_str(&line) else { continue };
                if let Ok(mut seen) = into.lock() {
                    seen.push(Seen { name, args });
                }
            }
        });
        Self { child, seen, stderr }
    }

    /// All that it has received, in order.
    pub fn all(&self) -> Vec<Seen> {
        self.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }

    /// The events of the log that it has received, in order.
    pub fn logged(&self) -> Vec<Seen> {
        let unlogged = ["(connected)", "(refused)", "(closed)", "sync:head", "dashboard:stats:updated", "cart:updated"];
        self.all().into_iter().filter(|seen| !unlogged.contains(&seen.name.as_str())).collect()
    }

    /// The first event of that name, waited for.
    pub fn event(&self, name: &str) -> Seen {
        until(&format!("event {name}"), || self.all().into_iter().find(|seen| seen.name == name))
    }
}

impl Drop for StockClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
