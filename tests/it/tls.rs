//! TLS from end to end: a venue's own authority, pinned by pairing, over both edges of a desk.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use gangway_testkit::{ConsoleProcess, ServerProcess, binary, until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What `gangway-server` says on stdout, and whether it ended well.
fn server_says(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(binary("gangway-server")).args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn made(dir: &Path) -> Value {
    let (well, stdout, stderr) =
        server_says(&["cert", "--host", "127.0.0.1", "localhost", "--dir", dir.to_str().expect("a path")]);
    assert!(well, "{stderr}");
    serde_json::from_str(&stdout).expect("one line of JSON")
}

/// A venue with a certificate of its own.
struct Venue {
    folder: TempDir,
    seal: String,
    files: [String; 2],
}

impl Venue {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let made = made(&folder.path().join("tls"));
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        Self { seal: text("seal"), files: [text("certificate"), text("key")], folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("venue")
    }

    fn serve(&self, listen: &str) -> ServerProcess {
        let [certificate, key] = &self.files;
        ServerProcess::start_on(&self.data(), listen, &["--tls-cert", certificate, "--tls-key", key])
    }

    /// A code of the venue while no server runs.
    fn code(&self) -> String {
        let data = self.data();
        let (well, stdout, stderr) =
            server_says(&["token", "--data-dir", data.to_str().expect("a path"), "--tls-cert", &self.files[0]]);
        assert!(well, "{stderr}");
        let line: Value = serde_json::from_str(&stdout).expect("a line");
        line["pairingCode"].as_str().expect("a code").to_owned()
    }
}

fn https(server: &ServerProcess) -> String {
    format!("https://{}", server.address())
}

fn says(desk: &mut ConsoleProcess, problem: &str) {
    until(&format!("the problem {problem}"), || (desk.status()["problem"]["code"] == problem).then_some(()));
}

fn pair(desk: &mut ConsoleProcess, code: &str) -> Value {
    desk.request("pair", json!({ "code": code, "deviceName": "Desk 1" }))
}

#[test]
fn a_desk_that_is_paired_by_a_sealed_code_believes_this_venue_alone() {
    let venue = Venue::new();
    let server = venue.serve("127.0.0.1:0");
    let code = server.ready()["pairingCode"].as_str().expect("a code").to_owned();
    assert!(code.replace('-', "").ends_with(&venue.seal), "{code}");
    let mut desk = ConsoleProcess::start(&https(&server));
    says(&mut desk, "certificate");

    // Somebody else in the server's place: another seal is none of his, and the code stays good.
    let other = Venue::new();
    let forged = format!("{}{}", &code[..9], other.seal);
    let refused = pair(&mut desk, &forged);
    assert_eq!(refused["error"]["code"], "offline", "{refused}");
    // Without a seal the system is asked who it knows.
    let refused = pair(&mut desk, &code[..9]);
    assert_eq!(refused["error"]["code"], "offline", "{refused}");

    let paired = pair(&mut desk, &code);
    assert_eq!(paired["role"], "manager", "{paired}");
    let status = desk.live();
    assert_eq!(status["problem"], Value::Null);
    let sold = desk.settle(json!({ "type": "product.create",
        "product": { "name": "Hour", "price": 10, "category": "c", "timeValueSeconds": 3600 } }));
    assert_eq!(sold["state"], "settled", "{sold}");

    // The pin outlives a restart, and a certificate that was renewed is believed at once.
    let dir = desk.dir().to_owned();
    let listen = server.address().to_string();
    desk.kill();
    drop(server);
    let renewed = made(&venue.folder.path().join("tls"));
    assert_eq!((&renewed["authorityKept"], renewed["seal"].as_str()), (&json!(true), Some(venue.seal.as_str())));
    let server = venue.serve(&listen);
    let mut desk = ConsoleProcess::start_on(&dir, &https(&server));
    desk.live();

    // Another venue at the address, with an authority of its own: nothing is told to it.
    drop(server);
    let impostor = other.serve(&listen);
    says(&mut desk, "certificate");
    assert_ne!(desk.status()["link"], "live");
    drop(impostor);
    let _server = venue.serve(&listen);
    desk.live();
}

#[test]
fn a_desk_whose_pin_is_damaged_believes_nobody_and_goes_on_until_it_is_paired_again() {
    let venue = Venue::new();
    let server = venue.serve("127.0.0.1:0");
    let mut desk = ConsoleProcess::start(&https(&server));
    let code = server.ready()["pairingCode"].as_str().expect("a code").to_owned();
    assert_eq!(pair(&mut desk, &code)["ok"], true);
    desk.live();
    let (dir, listen) = (desk.dir().to_owned(), server.address().to_string());
    desk.kill();
    std::fs::write(dir.join("authority.pem"), "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n")
        .expect("written");
    let mut desk = ConsoleProcess::start_on(&dir, &https(&server));
    says(&mut desk, "certificate");
    assert_eq!(desk.query(&["products"]), json!([]), "what it holds shows");
    drop(server);
    let code = venue.code();
    let server = venue.serve(&listen);
    // The server knows it still: a manager would have removed it, or this is what it says.
    let again = pair(&mut desk, &code);
    assert_eq!(again["error"]["code"], "device_paired", "{again}");
    drop(server);
}

#[test]
fn a_code_that_was_made_without_a_server_has_the_seal_too() {
    let venue = Venue::new();
    drop(venue.serve("127.0.0.1:0"));
    let code = venue.code();
    let server = venue.serve("127.0.0.1:0");
    let mut desk = ConsoleProcess::start(&https(&server));
    let paired = pair(&mut desk, &code.to_lowercase().replace('-', " "));
    assert_eq!(paired["role"], "manager", "{paired}");
    desk.live();
}

#[test]
fn nothing_is_paired_in_the_clear() {
    let server = ServerProcess::start_with(&[]);
    // An address of this machine that is none of loopback: nobody answers there, and nobody needs to.
    let mut desk = ConsoleProcess::start("http://gangway.invalid:8787");
    let refused = pair(&mut desk, server.ready()["pairingCode"].as_str().expect("a code"));
    assert_eq!(refused["error"]["code"], "not_private", "{refused}");
}

#[test]
fn a_certificate_that_can_not_be_used_is_refused_in_one_sentence() {
    let (venue, other) = (Venue::new(), Venue::new());
    let data = venue.data();
    let serve = |certificate: &str, key: &str| {
        let data = data.to_str().expect("a path");
        let (well, stdout, stderr) =
            server_says(&["serve", "--data-dir", data, "--tls-cert", certificate, "--tls-key", key]);
        assert!(!well && stdout.is_empty(), "{stdout}");
        assert_eq!(stderr.trim().lines().count(), 1, "{stderr}");
        stderr
    };
    assert!(serve(&venue.files[0], &other.files[1]).contains("don't go together"));
    assert!(serve(&venue.files[1], &venue.files[1]).contains("no certificate"));
    assert!(serve(&venue.files[0], &venue.files[0]).contains("no private key"));
    assert!(serve("/nowhere.pem", &venue.files[1]).contains("/nowhere.pem"));
    let (well, _, stderr) = server_says(&["cert", "--host", "no host", "--dir", data.to_str().expect("a path")]);
    assert!(!well && stderr.contains("no host name"), "{stderr}");
    assert!(!data.exists(), "nothing was touched");
}

#[cfg(unix)]
#[test]
fn keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let venue = Venue::new();
    for key in [venue.files[1].clone(), venue.folder.path().join("tls/authority-key.pem").display().to_string()] {
        let mode = std::fs::metadata(&key).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}
