//! Copies of a venue by the program itself: made while it is served, put back with a new epoch, and never half there.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use serde_json::{Value, json};

use crate::support::{
    program::{Program, command},
    until,
    venue::{self, Venue},
};

/// How an order ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    /// The line on stdout.
    line: Value,
    said: String,
}

/// Runs `gangway-server ORDER ARGUMENTS --data-dir DIR`.
fn order(order: &str, arguments: &[&str], dir: &Path) -> Ended {
    let output = command(&[order]).args(arguments).arg("--data-dir").arg(dir).output().expect("it runs");
    Ended {
        code: output.status.code(),
        line: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    }
}

fn done(what: &str, arguments: &[&str], dir: &Path) -> Value {
    let ended = order(what, arguments, dir);
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""), "{what} {arguments:?}");
    ended.line
}

/// What it refused with, one sentence.
fn refused(what: &str, arguments: &[&str], dir: &Path) -> String {
    let ended = order(what, arguments, dir);
    assert_eq!((ended.code, &ended.line), (Some(1), &Value::Null), "{what} {arguments:?}: {}", ended.said);
    assert_eq!(ended.said.lines().count(), 1, "{}", ended.said);
    assert!(ended.said.ends_with('.') && !ended.said.ends_with(".."), "{}", ended.said);
    ended.said
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).expect("a folder").flatten().map(|entry| entry.file_name().display().to_string()).collect();
    names.sort();
    names
}

/// A venue with a product, and a place for copies.
struct Place {
    venue: tempfile::TempDir,
    copies: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { venue: tempfile::tempdir().expect("a folder"), copies: tempfile::tempdir().expect("a folder") }
    }

    fn dir(&self) -> &Path {
        self.venue.path()
    }

    fn copy(&self, name: &str) -> String {
        self.copies.path().join(name).display().to_string()
    }

    fn serve(&self) -> Program {
        Program::start(self.dir())
    }
}

fn sell(program: &Program, band: &str, product: &str) {
    let sold = program.call("POST", "/api/checkin", &venue::sale(band, product, 1));
    assert_eq!(sold.status, 201, "{}", sold.text);
}

fn head(program: &Program) -> Value {
    let snapshot = program.get("/api/sync/snapshot").text;
    serde_json::from_str(snapshot.lines().next().expect("a header")).expect("JSON")
}

fn has_band(program: &Program, band: &str) -> bool {
    program.get(&format!("/api/sessions/status/{band}")).status == 200
}

#[test]
fn a_copy_that_is_made_while_the_venue_sells_is_whole_and_one_file() {
    let place = Place::new();
    let program = place.serve();
    let product = program.product();
    let enough = AtomicBool::new(false);
    let copies: Vec<Value> = thread::scope(|scope| {
        for desk in 0..2 {
            let (program, product, enough) = (&program, &product, &enough);
            scope.spawn(move || {
                let mut sold = 0;
                while !enough.load(Relaxed) {
                    sell(program, &format!("D{desk}-{sold}"), product);
                    sold += 1;
                }
            });
        }
        let copies = (0..4).map(|number| done("backup", &[&place.copy(&format!("{number}.sqlite"))], place.dir()));
        let copies = copies.collect();
        enough.store(true, Relaxed);
        copies
    });
    assert_eq!(names(place.copies.path()), ["0.sqlite", "1.sqlite", "2.sqlite", "3.sqlite"], "and nothing beside them");
    for copy in &copies {
        let file = copy["backup"].as_str().expect("a name");
        let verified = done("verify", &[file], place.dir());
        for same in ["venueId", "epoch", "seq", "stateHash"] {
            assert_eq!(verified[same], copy[same], "{same}");
        }
        assert_eq!((&verified["ok"], &verified["epoch"]), (&json!(true), &program.ready["epoch"]));
    }
    assert!(copies[0]["seq"].as_u64() < copies[3]["seq"].as_u64(), "it went on meanwhile: {copies:?}");
    assert_eq!(done("verify", &[], place.dir())["ok"], true, "the venue itself, while it is served");
    assert_eq!(names(place.copies.path()).len(), 4, "verifying leaves nothing behind");
}

#[cfg(unix)]
#[test]
fn a_copy_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let _program = place.serve();
    let copy = place.copy("copy.sqlite");
    done("backup", &[&copy], place.dir());
    assert_eq!(fs::metadata(&copy).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_has_the_name_of_a_copy_is_replaced_only_when_that_is_asked_for() {
    let place = Place::new();
    let program = place.serve();
    let copy = place.copy("copy.sqlite");
    fs::write(&copy, "mine").expect("a file");
    let sentence = refused("backup", &[&copy], place.dir());
    assert!(sentence.contains("is there already") && sentence.contains("--force"), "{sentence}");
    assert_eq!(fs::read_to_string(&copy).expect("a file"), "mine");
    drop(program);
    done("backup", &[&copy, "--force"], place.dir());
    assert_eq!(done("verify", &[&copy], place.dir())["ok"], true, "a venue that nobody serves is copied as well");
}

#[test]
fn where_no_copy_can_be_made_none_is_there_and_the_reason_is_said() {
    let place = Place::new();
    let sentence = refused("backup", &[&place.copy("copy.sqlite")], place.dir());
    assert!(sentence.contains("venue.sqlite"), "there is no venue: {sentence}");
    let program = place.serve();
    let nowhere = place.copies.path().join("nowhere").join("copy.sqlite");
    assert!(refused("backup", &[&nowhere.display().to_string()], place.dir()).contains("nowhere"));
    // A venue that is not what its log says is not copied over good copies.
    program.product();
    drop(program);
    let file = place.dir().join("venue.sqlite");
    let raw = rusqlite::Connection::open(&file).expect("the file");
    raw.execute("UPDATE products SET row = json_set(row, '$.priceMinor', 1)", []).expect("changed");
    drop(raw);
    let copy = place.copy("copy.sqlite");
    let sentence = refused("backup", &[&copy], place.dir());
    assert!(sentence.contains("priceMinor") && sentence.contains("--unchecked"), "{sentence}");
    assert_eq!(names(place.copies.path()), Vec::<String>::new());
    done("backup", &[&copy, "--unchecked"], place.dir());
    assert!(refused("restore", &[&copy], place.dir()).contains("priceMinor"));
}

#[test]
fn a_restored_venue_is_the_copy_in_a_new_epoch_and_what_was_there_is_kept() {
    let place = Place::new();
    let program = place.serve();
    let product = program.product();
    sell(&program, "EARLY", &product);
    let copy = place.copy("copy.sqlite");
    let copied = done("backup", &[&copy], place.dir());
    sell(&program, "LATE", &product);
    let before = head(&program);
    drop(program);
    let restored = done("restore", &[&copy], place.dir());
    let base = json!({ "epoch": copied["epoch"], "seq": copied["seq"] });
    assert_eq!((&restored["epochBase"], &restored["seq"]), (&base, &copied["seq"]));
    let program = place.serve();
    let now = head(&program);
    assert_eq!((&now["epochBase"], &now["venueId"]), (&base, &before["venueId"]));
    assert_eq!((&now["epoch"], &now["stateHash"]), (&restored["epoch"], &copied["stateHash"]));
    assert_ne!(now["epoch"], before["epoch"]);
    assert!(has_band(&program, "EARLY") && !has_band(&program, "LATE"));
    let old = format!("/api/sync/events?epoch={}&after=0", before["epoch"].as_str().expect("an epoch"));
    assert_eq!(program.get(&old).status, 410, "who knows the old log loads a snapshot");
    sell(&program, "AFTER", &product);
    assert_eq!(done("verify", &[], place.dir())["ok"], true, "and it goes on");
    // The old one is a whole venue, whose server did not end in order.
    let kept = PathBuf::from(restored["keptIn"].as_str().expect("a folder"));
    assert_eq!(kept.parent(), Some(place.dir()));
    let old = Program::start(&kept);
    assert_eq!(head(&old)["seq"], before["seq"]);
    assert!(has_band(&old, "LATE"));
}

#[test]
fn a_copy_makes_a_venue_where_there_is_none() {
    let place = Place::new();
    let program = place.serve();
    sell(&program, "B-1", &program.product());
    let copy = place.copy("copy.sqlite");
    done("backup", &[&copy], place.dir());
    let other = tempfile::tempdir().expect("a folder");
    let restored = done("restore", &[&copy], &other.path().join("new"));
    assert_eq!(restored["keptIn"], Value::Null);
    let other = Program::start(&other.path().join("new"));
    assert!(has_band(&other, "B-1"));
    assert_eq!(other.ready["venueId"], program.ready["venueId"]);
}

#[test]
fn nothing_is_restored_over_a_venue_that_is_served_or_is_another() {
    let (place, other) = (Place::new(), Place::new());
    let program = place.serve();
    let copy = place.copy("copy.sqlite");
    done("backup", &[&copy], place.dir());
    let sentence = refused("restore", &[&copy], place.dir());
    assert!(sentence.contains("Another server uses"), "{sentence}");
    let theirs = other.serve();
    assert!(refused("restore", &[&copy], other.dir()).contains("Another server uses"));
    let id = theirs.ready["venueId"].clone();
    drop((program, theirs));
    let before = names(other.dir());
    let sentence = refused("restore", &[&copy], other.dir());
    assert!(sentence.contains("another venue") && sentence.contains("--force"), "{sentence}");
    assert_eq!(names(other.dir()), before, "nothing changed");
    assert_eq!(done("verify", &[], other.dir())["venueId"], id);
    done("restore", &[&copy, "--force"], other.dir());
    assert_ne!(done("verify", &[], other.dir())["venueId"], id);
}

#[test]
fn what_is_no_copy_is_refused_and_changes_nothing() {
    let place = Place::new();
    let program = place.serve();
    let copy = place.copy("copy.sqlite");
    done("backup", &[&copy], place.dir());
    drop(program);
    let before = done("verify", &[], place.dir());
    let (text, torn, theirs) = (place.copy("text"), place.copy("torn"), place.copy("theirs"));
    fs::write(&text, "not a venue").expect("a file");
    let whole = fs::read(&copy).expect("a file");
    fs::write(&torn, &whole[..whole.len() / 2]).expect("a file");
    let raw = rusqlite::Connection::open(&theirs).expect("a file");
    raw.execute_batch("CREATE TABLE theirs (x INTEGER)").expect("a table");
    drop(raw);
    for bad in [&place.copy("nothing"), &text, &torn, &theirs] {
        let sentence = refused("restore", &[bad], place.dir());
        assert!(sentence.contains(bad.as_str()), "{sentence}");
    }
    let own = place.dir().join("venue.sqlite").display().to_string();
    assert!(refused("restore", &[&own], place.dir()).contains("the venue itself"));
    assert_eq!(done("verify", &[], place.dir()), before);
    assert!(names(place.dir()).iter().all(|name| !name.contains("restore")), "{:?}", names(place.dir()));
}

/// Runs an order, and kills it as soon as a file that is not done is in `dir`; says whether it was in time.
fn is_killed_in_the_middle(what: &str, copy: &str, place: &Place, dir: &Path) -> bool {
    let half = || names(dir).into_iter().any(|name| name.ends_with(".part"));
    let mut command = command(&[what, copy, "--data-dir"]);
    let mut child = command.arg(place.dir()).spawn().expect("it starts");
    until("it is in the middle, or done", || (half() || child.try_wait().expect("a child").is_some()).then_some(()));
    // One that has ended is not killed.
    let _ = child.kill();
    let killed = !child.wait().expect("gone").success();
    killed && half()
}

#[test]
fn who_is_killed_in_the_middle_leaves_the_venue_and_the_copies_as_they_were() {
    let place = Place::new();
    let program = place.serve();
    let product = program.product();
    for band in 0..300 {
        sell(&program, &format!("B-{band}"), &product);
    }
    let copy = place.copy("copy.sqlite");
    until("it is killed in time", || {
        let _ = fs::remove_file(&copy);
        is_killed_in_the_middle("backup", &copy, &place, place.copies.path()).then_some(())
    });
    assert!(!Path::new(&copy).exists());
    done("backup", &[&copy], place.dir());
    drop(program);
    let before = until("it is killed in time", || {
        let before = done("verify", &[], place.dir());
        is_killed_in_the_middle("restore", &copy, &place, place.dir()).then_some(before)
    });
    assert_eq!(done("verify", &[], place.dir()), before);
    assert!(has_band(&place.serve(), "B-299"));
    let restored = done("restore", &[&copy], place.dir());
    assert_ne!(restored["epoch"], before["epoch"]);
    assert!(names(place.dir()).iter().all(|name| !name.contains(".part")), "{:?}", names(place.dir()));
}

#[test]
fn a_folder_whose_restore_did_not_end_is_served_only_after_it_was_done_again() {
    let place = Place::new();
    let program = place.serve();
    sell(&program, "B-1", &program.product());
    let copy = place.copy("copy.sqlite");
    done("backup", &[&copy], place.dir());
    drop(program);
    // As a power cut leaves it between the old venue and the new one.
    fs::write(place.dir().join("restore.unfinished"), "").expect("a mark");
    fs::remove_file(place.dir().join("venue.sqlite")).expect("gone");
    let sentence = refused("serve", &["--listen", "127.0.0.1:0", "--insecure-open"], place.dir());
    assert!(sentence.contains("gangway-server restore"), "{sentence}");
    done("restore", &[&copy], place.dir());
    assert!(has_band(&place.serve(), "B-1"));
}

#[test]
fn who_was_removed_stays_removed_and_who_was_paired_stays_paired() {
    let place = Place::new();
    let serve = || {
        let options = gangway_server::ServeOptions { insecure_open: false, ..venue::options(place.dir()) };
        Venue::start_with(options)
    };
    let server = serve();
    let manager = pair(&server, &server.ready().pairing_code.clone().expect("a code"));
    let removed = pair(&server, &code(&server, &manager));
    let copy = place.copy("copy.sqlite");
    done("backup", &[&copy], place.dir());
    let late = pair(&server, &code(&server, &manager));
    let old_code = code(&server, &manager);
    let remove = format!("/api/devices/{}", removed.id);
    assert_eq!(server.send("DELETE", &remove, None, &[("authorization", &manager.bearer)]).status, 200);
    server.stop();
    let restored = done("restore", &[&copy], place.dir());
    assert_eq!(restored["devicesOfCopy"], false);
    let server = serve();
    let status =
        |device: &Device| server.send("GET", "/api/sessions/active", None, &[("authorization", &device.bearer)]).status;
    assert_eq!([&manager, &late, &removed].map(status), [200, 200, 401]);
    let again = server.call("POST", "/api/pair", &json!({ "code": old_code, "deviceName": "Desk" }));
    assert_ne!(again.status, 201, "no code from before counts");
    server.stop();
    // On another machine there is only what the copy knows, and that is said.
    let other = tempfile::tempdir().expect("a folder");
    assert_eq!(done("restore", &[&copy], other.path())["devicesOfCopy"], true);
}

struct Device {
    id: String,
    bearer: String,
}

fn pair(server: &Venue, code: &str) -> Device {
    let paired = server.call("POST", "/api/pair", &json!({ "code": code, "deviceName": "Desk" }));
    assert_eq!(paired.status, 201, "{}", paired.text);
    let text = |name: &str| paired.json[name].as_str().expect("text").to_owned();
    Device { id: text("deviceId"), bearer: format!("Bearer {}", text("token")) }
}

fn code(server: &Venue, manager: &Device) -> String {
    let role = json!({ "role": "operator" }).to_string();
    let made = server.send("POST", "/api/devices/codes", Some(&role), &[("authorization", &manager.bearer)]);
    made.json["code"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned()
}
