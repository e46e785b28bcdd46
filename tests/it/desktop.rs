//! The real window, driven as a person would: `gangway` on a virtual display through WebKitWebDriver.

mod display;
mod window;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use gangway_testkit::{ServerProcess, binary, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::{display::Display, window::Window};

#[test]
fn a_tap_in_the_window_reaches_the_venue_and_a_tap_elsewhere_the_window() {
    let server = ServerProcess::start();
    let hour = server.product("One hour", 12.5, Some(3600));
    let folder = TempDir::new().expect("a folder");
    window::run(async {
        let window = Window::open(folder.path(), &["--server", server.base()]).await;
        window.sees(r#"[data-testid="sync-light"][data-link="live"]"#).await;

        window.goes_to("checkin").await;
        window.enters(r#"[data-testid="band-input"]"#, "B-104").await;
        let tile = format!(r#"[data-testid="product-tile"][data-product-id={}]"#, hour["id"]);
        window.press(&tile).await;
        window.press(r#"[data-testid="charge"]"#).await;
        window.sees(r#"[data-testid="checkin-answer"][data-kind="done"]"#).await;
        assert_eq!(server.get("/api/sessions/status/B-104")["status"], "waiting");

        window.goes_to("gate").await;
        window.sees(r#"[data-testid="gate-row"][data-barcode="B-104"][data-status="waiting"]"#).await;
        window.enters(r#"[data-testid="gate-input"]"#, "B-104").await;
        window.sees(r#"[data-testid="gate-answer"][data-outcome="go"]"#).await;
        window.sees(r#"[data-testid="gate-row"][data-barcode="B-104"][data-status="playing"]"#).await;
        assert_eq!(server.get("/api/sessions/status/B-104")["status"], "playing");

        window.goes_to("monitor").await;
        window.sees(r#"[data-testid="monitor-tile"][data-barcode="B-104"][data-status="playing"]"#).await;
        window.marks_page().await;
        let pause = server.call("POST", "/api/sessions/pause", &json!({ "barcodeId": "B-104" }));
        assert_eq!(pause.status, 200, "{}", pause.text);
        window.sees(r#"[data-testid="monitor-tile"][data-barcode="B-104"][data-status="paused"]"#).await;
        assert!(window.is_marked_page().await, "the Monitor changed by loading the page again");

        // A page that is loaded again listens again.
        window.loads_again().await;
        window.sees(r#"[data-testid="monitor-tile"][data-barcode="B-104"][data-status="paused"]"#).await;
        let play = server.call("POST", "/api/sessions/play", &json!({ "barcodeId": "B-104" }));
        assert_eq!(play.status, 200, "{}", play.text);
        window.sees(r#"[data-testid="monitor-tile"][data-barcode="B-104"][data-status="playing"]"#).await;
        window.close().await;
    });
}

#[test]
fn what_was_sold_and_boarded_without_a_server_outlives_the_window_and_reaches_the_other_desk() {
    let data = TempDir::new().expect("a folder");
    let mut server = ServerProcess::start_on(data.path(), "127.0.0.1:0", &["--insecure-open"]);
    let hour = server.product("One hour", 12.5, Some(3600));
    let at = server.base().to_owned();
    let (here, there) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    window::run(async {
        let elsewhere = Window::open(there.path(), &["--server", &at]).await;
        elsewhere.goes_to("monitor").await;
        let window = Window::open(here.path(), &["--server", &at]).await;
        window.sees(r#"[data-testid="sync-light"][data-in-sync="true"]"#).await;
        assert!(server.stop().success(), "{}", server.stderr());
        window.sees(r#"[data-testid="sync-light"][data-link="offline"]"#).await;

        window.enters(r#"[data-testid="band-input"]"#, "B-104").await;
        window.press(&format!(r#"[data-testid="product-tile"][data-product-id={}]"#, hour["id"])).await;
        window.press(r#"[data-testid="charge"]"#).await;
        window.sees(r#"[data-testid="checkin-answer"][data-kind="saved"]"#).await;
        window.goes_to("gate").await;
        window.sees(r#"[data-testid="gate-row"][data-status="waiting"] [data-testid="pending-mark"]"#).await;
        window.enters(r#"[data-testid="gate-input"]"#, "B-104").await;
        window.sees(r#"[data-testid="gate-answer"][data-outcome="go"][data-saved="offline"]"#).await;
        window.sees(r#"[data-testid="gate-row"][data-status="playing"] [data-testid="pending-mark"]"#).await;
        window.kill();

        let window = Window::open(here.path(), &["--server", &at]).await;
        window.goes_to("gate").await;
        window.sees(r#"[data-testid="gate-row"][data-status="playing"] [data-testid="pending-mark"]"#).await;
        let listen = at.strip_prefix("http://").expect("an address");
        server = ServerProcess::start_on(data.path(), listen, &["--insecure-open"]);
        elsewhere.sees(r#"[data-testid="monitor-tile"][data-barcode="B-104"][data-status="playing"]"#).await;
        elsewhere.sees(r#"[data-testid="sync-light"][data-in-sync="true"]"#).await;
        window.sees(r#"[data-testid="sync-light"][data-in-sync="true"]"#).await;
        window.sees(r#"[data-testid="gate-row"][data-status="playing"]:not(:has([data-testid="pending-mark"]))"#).await;
        window.goes_to("sync").await;
        window.press(r#"[data-testid="command"][data-state="settled"] > summary"#).await;
        window.sees(r#"[data-testid="fate"] > li:nth-child(4)"#).await;
        window.close().await;
        elsewhere.close().await;
    });
    let sold = server.get("/api/transactions/barcode/B-104");
    assert_eq!(sold.as_array().map(Vec::len), Some(1), "{sold}");
    assert_eq!(server.get("/api/sessions/status/B-104")["status"], "playing");
}

#[test]
fn a_play_that_the_venue_refuses_afterwards_needs_attention_until_it_is_closed_with_a_reason() {
    let data = TempDir::new().expect("a folder");
    let mut server = ServerProcess::start_on(data.path(), "127.0.0.1:0", &["--insecure-open"]);
    let hour = server.product("One hour", 12.5, Some(3600));
    let sale = json!({ "barcodeId": "B-104", "products": [{ "id": hour["id"], "quantity": 1 }] });
    assert_eq!(server.call("POST", "/api/checkin", &sale).status, 201);
    let at = server.base().to_owned();
    let folder = TempDir::new().expect("a folder");
    window::run(async {
        let window = Window::open(folder.path(), &["--server", &at]).await;
        window.goes_to("gate").await;
        window.sees(r#"[data-testid="gate-row"][data-barcode="B-104"]"#).await;
        assert!(server.stop().success(), "{}", server.stderr());
        window.sees(r#"[data-testid="sync-light"][data-link="offline"]"#).await;
        window.enters(r#"[data-testid="gate-input"]"#, "B-104").await;
        window.sees(r#"[data-testid="gate-answer"][data-outcome="go"][data-saved="offline"]"#).await;
        window.close().await;

        let listen = at.strip_prefix("http://").expect("an address");
        server = ServerProcess::start_on(data.path(), listen, &["--insecure-open"]);
        assert_eq!(server.call("POST", "/api/sessions/end", &json!({ "barcodeId": "B-104" })).status, 200);
        let window = Window::open(folder.path(), &["--server", &at]).await;
        window.sees(r#"[data-testid="attention-count"]"#).await;
        window.goes_to("attention").await;
        window.sees(r#"[data-testid="attention-entry"][data-kind="rejected"]"#).await;
        window.press(r#"[data-testid="attention-dismiss"]"#).await;
        // Longer, and typed this fast, it would be a scan.
        window.sees(r#"[data-testid="reason"]"#).await.send_keys("ill").await.expect("the field takes text");
        window.press(r#"[data-testid="reason-yes"]"#).await;
        window.sees(r#"[data-testid="nav-attention"]:not(:has([data-testid="attention-count"]))"#).await;
        window.sees(r#"[data-testid="sync-light"][data-in-sync="true"]"#).await;
        window.close().await;
    });
}

#[test]
fn a_first_run_asks_for_the_venue_and_the_second_remembers_it() {
    let folder = TempDir::new().expect("a folder");
    window::run(async {
        let window = Window::open(folder.path(), &[]).await;
        window.press(r#"[data-testid="firstrun-demo"]"#).await;
        window.sees(r#"[data-testid="product-tile"]"#).await;
        window.close().await;

        let window = Window::open(folder.path(), &[]).await;
        window.sees(r#"[data-testid="product-tile"]"#).await;
        window.sees(r#"[data-testid="sync-light"][data-link="live"]"#).await;
        window.close().await;
    });
    let remembered = std::fs::read(folder.path().join("venue.json")).expect("the choice is kept");
    let remembered: Value = serde_json::from_slice(&remembered).expect("JSON");
    assert_eq!(remembered["mode"], "demo");
}

#[test]
fn a_desk_closes_properly_when_told_and_shares_its_folder_with_none() {
    let display = Display::open();
    let folder = TempDir::new().expect("a folder");
    let mut desk = start(&display, folder.path(), &["--demo"]);
    until("an open demo venue", || folder.path().join("demo/console/outbox.sqlite").is_file().then_some(()));

    let second = start(&display, folder.path(), &["--demo"]).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another Gangway is open on the data folder"), "{said}");

    window::signal(desk.id(), "TERM");
    let code = until("the desk's end", || desk.try_wait().ok().flatten()).code();
    let log = log_of(folder.path());
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("gangway is closed"), "it did not flush: {log}");
}

#[test]
fn a_screenshot_is_a_picture_of_the_venue() {
    let display = Display::open();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("shot.png");
    let shot = file.to_str().expect("a plain path");
    let taken = start(&display, &folder.path().join("desk"), &["--demo", "--screenshot", shot]);
    let taken = taken.wait_with_output().expect("it ends");
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));

    let png = std::fs::read(&file).expect("a file");
    assert!(png.starts_with(b"\x89PNG"), "no PNG");
    assert_eq!(png.get(16..24), Some([1280_u32.to_be_bytes(), 800_u32.to_be_bytes()].concat().as_slice()));
    // An empty page of this size has 6 kB; text, tiles and icons make several times as much.
    assert!(png.len() > 20_000, "the picture is as good as empty: {} bytes", png.len());
}

fn start(display: &Display, folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(binary("gangway"));
    command.args(arguments).arg("--data-dir").arg(folder);
    command.env("DISPLAY", display.name()).env_remove("WAYLAND_DISPLAY");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn log_of(folder: &Path) -> String {
    let files = std::fs::read_dir(folder.join("logs")).expect("logs");
    files.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
}

#[test]
fn a_desk_that_the_server_does_not_know_is_paired_in_its_window() {
    let server = ServerProcess::start_with(&[]);
    let code = server.ready()["pairingCode"].as_str().expect("a code");
    let folder = TempDir::new().expect("a folder");
    window::run(async {
        let window = Window::open(folder.path(), &["--server", server.base()]).await;
        window.press(r#"[data-testid="sync-light"]"#).await;
        window.types(r#"[data-testid="pair-code"]"#, "AAAA-AAAA").await;
        window.press(r#"[data-testid="pair"]"#).await;
        window.sees(r#".sync-pair [role="alert"]"#).await;
        // An empty field again.
        window.loads_again().await;
        window.types(r#"[data-testid="pair-code"]"#, code).await;
        window.press(r#"[data-testid="pair"]"#).await;
        window.sees(r#"[data-testid="sync-light"][data-link="live"]"#).await;
        window.close().await;
    });
    assert!(folder.path().join("console/token.json").is_file());
}
