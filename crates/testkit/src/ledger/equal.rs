//! Whether all desks and the server show the same.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::Ledger;
use crate::{
    console::{ConsoleProcess, Silence},
    server::ServerProcess,
    wait::until_within,
};

/// Lines that a list of the server has at most.
const LINES_MAX: usize = 200;
/// How long a desk may take to answer a question.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

impl Ledger {
    /// Waits until all desks are live, have nothing pending, and show what the server shows: by epoch, cursor and state
    /// hash, and by the answers to their queries.
    ///
    /// # Errors
    /// They are not within `patience`; what differed last.
    pub fn converge(
        &self,
        server: &ServerProcess,
        desks: &mut [&mut ConsoleProcess],
        patience: Duration,
    ) -> Result<(), Vec<String>> {
        let end = Instant::now() + patience;
        loop {
            let found = differences(server, desks);
            if found.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(found);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until each command of a desk has its end in the eyes of that desk, and says which differ from what the
    /// last audit saw at the server. Taps before the `first` are left out.
    pub fn fates_differ(&self, desk: usize, console: &mut ConsoleProcess, first: usize) -> Vec<String> {
        let mut found = Vec::new();
        for tap in self.taps().into_iter().skip(first).filter(|tap| tap.desk == desk) {
            let fate = until_within(ANSWER_PATIENCE, "a fate", || {
                let fate = console.request("command", json!({ "commandId": tap.id }));
                let open = ["pending", "sent"].contains(&fate["state"].as_str().unwrap_or_default());
                (!open).then_some(fate)
            });
            let outcome = self.book().outcomes.get(&tap.id).cloned();
            // What the desk does not know, nobody knows.
            let same = match fate["state"].as_str() {
                Some("settled") => Some("accepted"),
                other => other,
            };
            if same != outcome.as_deref() {
                found.push(format!("{}: desk {desk} says {fate}, the server {outcome:?}", tap.id));
            }
        }
        found
    }
}

impl Ledger {
    /// What is wrong with the desks' attention lists, once they have converged: they are equal, and what the server
    /// has rejected is on them, unless somebody has settled the entry.
    pub fn attention_differs(&self, rejected: &[String], desks: &mut [&mut ConsoleProcess]) -> Vec<String> {
        let mut found = Vec::new();
        let mut lists = desks.iter_mut().map(|desk| {
            let entries = desk.request("attention", json!({}))["entries"].as_array().cloned().unwrap_or_default();
            entries.into_iter().map(|entry| (entry["id"].to_string(), entry)).collect::<BTreeMap<String, Value>>()
        });
        let Some(first) = lists.next() else { return found };
        for (number, list) in lists.enumerate() {
            if list != first {
                let ids = |list: &BTreeMap<String, Value>| list.keys().cloned().collect::<Vec<_>>().join(", ");
                found.push(format!("desk {}'s attention is [{}], desk 0's [{}]", number + 1, ids(&list), ids(&first)));
            }
        }
        let book = self.book();
        for command in rejected {
            let open = first.values().any(|entry| entry["commandId"] == *command);
            match book.resolved.get(command) {
                None if !open => found.push(format!("{command} was rejected and is on no list")),
                Some(true) if open => found.push(format!("{command} was settled and is still on the lists")),
                _ => {}
            }
        }
        found
    }
}

/// What differs now; empty where nothing does.
fn differences(server: &ServerProcess, desks: &mut [&mut ConsoleProcess]) -> Vec<String> {
    let Some(head) = server.snapshot_head() else { return vec!["the server does not answer".to_owned()] };
    let wanted = [
        ("link", json!("live")),
        ("pending", json!(0)),
        ("inSync", json!(true)),
        ("epoch", head["epoch"].clone()),
        ("cursor", head["seq"].clone()),
        ("stateHash", head["stateHash"].clone()),
    ];
    let mut found = Vec::new();
    for (number, desk) in desks.iter_mut().enumerate() {
        let status = match desk.ask("status", json!({}), ANSWER_PATIENCE) {
            Ok(status) => status,
            Err(silence) => {
                found.push(format!("desk {number}: {silence:?}; it said {}", desk.stderr()));
                continue;
            }
        };
        for (field, value) in &wanted {
            if status[field] != *value {
                found.push(format!("desk {number}: {field} is {}, not {value}", status[field]));
            }
        }
    }
    if found.is_empty() { answers_differ(server, desks) } else { found }
}

fn answers_differ(server: &ServerProcess, desks: &mut [&mut ConsoleProcess]) -> Vec<String> {
    let mut found = Vec::new();
    for (key, path) in [
        ("activeSessions", "/api/sessions/active"),
        ("transactions", "/api/transactions?limit=200"),
        ("dashboardStats", "/api/dashboard/stats"),
    ] {
        let theirs = timeless(server.get(path));
        for (number, desk) in desks.iter_mut().enumerate() {
            let answer = desk.ask("query", json!({ "key": [key] }), ANSWER_PATIENCE);
            let ours = answer.map_or_else(|silence: Silence| json!(format!("{silence:?}")), |it| it["data"].clone());
            found.extend(differs(&timeless(ours), &theirs).map(|how| format!("desk {number}: {key}: {how}")));
        }
    }
    found
}

/// Where two answers differ first.
fn differs(ours: &Value, theirs: &Value) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let (Some(ours), Some(theirs)) = (ours.as_array(), theirs.as_array()) else {
        return Some(format!("{ours}, the server's is {theirs}"));
    };
    let same = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
    let row = |rows: &[Value]| rows.get(same).map_or("nothing".to_owned(), Value::to_string);
    let (here, there) = (row(ours), row(theirs));
    Some(format!("{} rows, the server's {}; row {same} is {here}, the server's {there}", ours.len(), theirs.len()))
}

/// Without what runs on while two are asked after each other, and without an order of what happened in one moment.
fn timeless(mut answer: Value) -> Value {
    let Some(rows) = answer.as_array_mut() else { return answer };
    for row in rows.iter_mut() {
        if let Some(row) = row.as_object_mut().filter(|row| row.get("isActive") == Some(&json!(true))) {
            row.remove("remainingSeconds");
            row.remove("remainingMinutes");
            row.remove("overstaySeconds");
        }
    }
    if rows.len() >= LINES_MAX {
        // Which ones of the last moment are left out is anybody's choice.
        let last = rows.last().map(|row| row["createdAt"].clone());
        rows.retain(|row| Some(&row["createdAt"]) != last.as_ref());
    }
    rows.sort_by_cached_key(|row| (row["createdAt"].to_string(), row["id"].to_string()));
    answer
}
