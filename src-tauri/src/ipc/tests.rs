//! The calls of the page against the real handler, on the mock runtime.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets};
use tauri::webview::InvokeRequest;
use tauri::{App, Manager, WebviewWindow, WebviewWindowBuilder};

use super::handler;
use crate::desk::Desk;

/// A desk that has not chosen its venue.
struct Page {
    _app: App<MockRuntime>,
    window: WebviewWindow<MockRuntime>,
    _folder: tempfile::TempDir,
}

impl Page {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let app = mock_builder().invoke_handler(handler()).build(mock_context(noop_assets())).expect("a mock app");
        let pushed = Arc::new(Mutex::new(Vec::new()));
        let emit = move |outgoing| pushed.lock().expect("no panic before").push(outgoing);
        app.manage(Desk::new(folder.path().to_owned(), None, Arc::new(emit)));
        let window = WebviewWindowBuilder::new(&app, "main", Default::default()).build().expect("a mock window");
        Self { _app: app, window, _folder: folder }
    }

    fn call(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let request = InvokeRequest {
            cmd: command.to_owned(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().expect("an address"),
            body: InvokeBody::Json(arguments),
            headers: Default::default(),
            invoke_key: INVOKE_KEY.to_owned(),
        };
        get_ipc_response(&self.window, request).map(|body| body.deserialize().expect("JSON"))
    }

    fn refusal(&self, command: &str, arguments: Value) -> String {
        let refusal = self.call(command, arguments).expect_err("refused");
        let sentence = refusal["message"].as_str().unwrap_or_default();
        assert!(!sentence.is_empty(), "{command} refuses without a sentence: {refusal}");
        refusal["code"].as_str().unwrap_or_else(|| panic!("{command} refuses without a code: {refusal}")).to_owned()
    }
}

#[test]
fn before_a_venue_a_query_has_no_data_and_is_stale() {
    let answer = Page::open().call("query", json!({ "key": ["products"] }));
    let stale = json!({ "state": "stale", "asOfSeq": null, "lastSyncAt": null });
    assert_eq!(answer, Ok(json!({ "data": null, "freshness": stale })));
}

#[test]
fn before_a_venue_nothing_can_be_done() {
    let page = Page::open();
    let play = json!({ "command": { "type": "session.play", "barcodeId": "B-104" } });
    assert_eq!(page.refusal("execute", play), "not_ready");
    let wait = json!({ "commandId": "0190f5fe-0000-7000-8000-000000000000", "timeoutMs": 10 });
    assert_eq!(page.refusal("settled", wait), "not_ready");
    let fate = json!({ "commandId": "0190f5fe-0000-7000-8000-000000000000" });
    assert_eq!(page.refusal("fate", fate), "not_ready");
    let resolve = json!({ "entryId": "e", "action": "dismiss", "reason": "seen" });
    assert_eq!(page.refusal("resolve", resolve), "not_ready");
    assert_eq!(page.refusal("pair", json!({ "code": "ABCD-EFGH" })), "not_ready");
    assert_eq!(page.refusal("status", json!({})), "not_ready");
}

#[test]
fn before_a_venue_a_page_may_subscribe_and_paint() {
    let page = Page::open();
    let keys = json!({ "keys": [["products"], ["playerSession", "B-104"]] });
    assert_eq!(page.call("subscribe", keys.clone()), Ok(Value::Null));
    assert_eq!(page.call("unsubscribe", keys), Ok(Value::Null));
    assert_eq!(page.call("painted", json!({ "pushId": 1 })), Ok(Value::Null));
}

#[test]
fn a_desk_says_that_it_has_no_venue_and_what_it_is() {
    let page = Page::open();
    let none = json!({ "mode": "none", "server": null, "venueName": null });
    assert_eq!(page.call("venue_choice", json!({})), Ok(none));
    let info = page.call("app_info", json!({})).expect("an answer");
    assert_eq!((&info["kind"], &info["version"]), (&json!("desk"), &json!(env!("CARGO_PKG_VERSION"))));
    assert!(info["dataDir"].is_string());
}

#[test]
fn a_bad_choice_is_refused_and_not_remembered() {
    let page = Page::open();
    let choose = |choice: Value| page.refusal("choose_venue", json!({ "choice": choice }));
    assert_eq!(choose(json!({ "mode": "none" })), "invalid_choice");
    assert_eq!(choose(json!({ "mode": "connect" })), "invalid_server");
    assert_eq!(choose(json!({ "mode": "connect", "server": "ftp://park" })), "invalid_server");
    assert_eq!(choose(json!({ "mode": "host", "venueName": "x".repeat(121) })), "cannot_host");
    assert_eq!(choose(json!({ "mode": "moon" })), "bad_request");
    assert_eq!(page.call("venue_choice", json!({})).expect("an answer")["mode"], json!("none"));
}

#[test]
fn arguments_of_another_shape_are_refused_like_everything_else() {
    let page = Page::open();
    let calls = [
        ("query", json!({})),
        ("query", json!({ "key": "products" })),
        ("subscribe", json!({ "keys": ["products"] })),
        ("unsubscribe", json!({ "keys": null })),
        ("painted", json!({ "pushId": -1 })),
        ("execute", json!({})),
        ("settled", json!({ "commandId": 7, "timeoutMs": 1 })),
        ("settled", json!({ "commandId": "x", "timeoutMs": 1.5 })),
        ("fate", json!({})),
        ("resolve", json!({ "entryId": "e", "action": "forget" })),
        ("choose_venue", json!([])),
        ("pair", json!({})),
    ];
    for (command, arguments) in calls {
        assert_eq!(page.refusal(command, arguments.clone()), "bad_request", "{command} {arguments}");
    }
}
