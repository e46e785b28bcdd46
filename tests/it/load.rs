//! A small version of `scripts/load`: counts, order, no gap. Times are for `docs/performance.md`.

use std::process::Command;

use gangway_testkit::{binary, workspace_root};
use serde_json::Value;

#[test]
fn every_socket_and_console_receives_every_event_in_order() {
    let mut load = Command::new("node");
    load.arg(workspace_root().join("tests/node/load.mjs")).arg(binary("gangway-server")).arg(binary("gangway-console"));
    load.args(["--sockets", "25", "--consoles", "2", "--rate", "50", "--seconds", "4"]);
    let output = load.output().expect("node is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let report: Value =
        serde_json::from_str(last).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(report["refused"], 0, "{report}");
    assert!(report["events"].as_u64() > Some(200), "{report}");
    assert_eq!(report["deliveries"], report["expectedDeliveries"], "{report}");
    for none in ["gaps", "outOfOrder", "closed", "late", "consoleGaps"] {
        assert_eq!(report[none], 0, "{none}: {report}");
    }
    assert_eq!(report["consolesInOrder"], 2, "{report}");
}
