//! The server is killed in the middle of its work: the log and the rows agree, and nothing answered is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use gangway_domain::{hash::StateHash, venue::Venue};
use gangway_testkit::{ServerProcess, StockClient, until};
use serde_json::{Value, json};

use super::snapshot::{Snapshot, changes, log};

/// Sells and boards until the server is gone; the ids of the commands that were answered, and their status.
fn sell_until_the_end(server: &ServerProcess, desk: usize, product: &Value, gone: &AtomicBool) -> Vec<(String, u16)> {
    let mut answered = Vec::new();
    for index in 0.. {
        if gone.load(Ordering::Relaxed) {
            break;
        }
        let band = format!("D{desk}-{index}");
        let sale = json!({ "barcodeId": band, "products": [{ "id": product["id"], "quantity": 1 }] }).to_string();
        let play = json!({ "barcodeId": band }).to_string();
        for (path, body) in [("/api/checkin", &sale), ("/api/sessions/play", &play)] {
            let id = uuid::Uuid::new_v4().to_string();
            let Some(answer) = server.try_call("POST", path, Some(body), &[("idempotency-key", &id)]) else {
                return answered;
            };
            answered.push((id, answer.status));
        }
    }
    answered
}

#[test]
fn a_server_killed_while_it_emits_has_log_and_rows_in_agreement() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = ServerProcess::start_on(folder.path(), "127.0.0.1:0", &["--insecure-open"]);
    let hour = server.product("Hour", 12.5, Some(3600));
    let base = Snapshot::of(&server);
    let client = StockClient::connect(server.base(), "", "websocket");
    let gone = AtomicBool::new(false);
    let pid = server.pid();
    let answered: Vec<(String, u16)> = thread::scope(|scope| {
        let desks: Vec<_> = (0..4)
            .map(|desk| {
                let (server, hour, gone) = (&server, &hour, &gone);
                scope.spawn(move || sell_until_the_end(server, desk, hour, gone))
            })
            .collect();
        until("a stock client is in the middle of it", || (client.logged().len() > 150).then_some(()));
        assert!(
            std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().is_ok_and(|s| s.success())
        );
        gone.store(true, Ordering::Relaxed);
        desks.into_iter().flat_map(|desk| desk.join().expect("a desk")).collect()
    });
    server.kill();
    let server = ServerProcess::start_on(folder.path(), "127.0.0.1:0", &["--insecure-open"]);
    let events = log(&server, 0);
    let seqs: Vec<_> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=u64::try_from(events.len()).expect("few")).collect::<Vec<_>>(), "no holes");
    check_rows_are_the_log(&base, &events, &Snapshot::of(&server));
    check_every_answer_is_kept(&server, &answered, &events);
    let seen: BTreeSet<String> = client.logged().iter().map(|seen| seen.args[1]["id"].to_string()).collect();
    let logged: BTreeSet<String> = events.iter().map(|event| event["id"].to_string()).collect();
    assert!(seen.is_subset(&logged), "nothing was emitted that is not in the log");
}

fn check_rows_are_the_log(base: &Snapshot, events: &[Value], after: &Snapshot) {
    let mut venue: Venue = base.venue();
    let from = base.header["seq"].as_u64().expect("a seq");
    for event in events.iter().filter(|event| event["seq"].as_u64() > Some(from)) {
        venue.apply(&changes(event));
    }
    let replayed = StateHash::of_rows(venue.rows()).expect("rows").to_hex();
    assert_eq!(replayed, after.hash(), "the log replayed is the rows");
    assert_eq!(after.header["stateHash"], Value::String(after.hash()), "and the kept hash is theirs");
}

fn check_every_answer_is_kept(server: &ServerProcess, answered: &[(String, u16)], events: &[Value]) {
    let mut events_of: BTreeMap<&str, usize> = BTreeMap::new();
    for command in events.iter().filter_map(|event| event["commandId"].as_str()) {
        *events_of.entry(command).or_default() += 1;
    }
    let accepted: Vec<_> = answered.iter().filter(|(_, status)| *status < 300).collect();
    assert!(accepted.len() > 50, "there was something to lose: {}", accepted.len());
    for (id, _) in accepted {
        let kept = server.get(&format!("/api/commands/{id}"));
        assert_eq!(kept["outcome"], "accepted", "{kept}");
        let seqs = kept["seqs"].as_array().map_or(0, Vec::len);
        assert_eq!(events_of.get(id.as_str()), Some(&seqs), "command {id} is in the log once");
    }
}
