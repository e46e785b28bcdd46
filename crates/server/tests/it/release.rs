//! The clock's release: on time by itself, and after a restart (`domain.md` rule 4).

use std::sync::Arc;

use gangway_domain::{
    attention::AttentionKind,
    command::Command,
    event::EventName,
    ids::{SessionId, fixed_command_id},
    rows::{Change, Row, SessionRow},
};
use gangway_server::{
    clock::RandomIds,
    dispatcher::mirror::Mirror,
    execute::Request,
    sweeper::{Sweeper, releases},
};
use serde_json::json;
use tokio::sync::watch;

use crate::support::{
    parts::{Bench, Line, Lined, parse},
    until,
    venue::{Venue, options},
};

fn board(bench: &mut Bench) -> String {
    let minute = bench.product(1.0, Some(60));
    bench.sell("B-1", &minute);
    let played = bench.accept(json!({ "type": "session.play", "barcodeId": "B-1" }));
    played["id"].as_str().expect("an id").to_owned()
}

fn sweeper(line: &Line) -> Sweeper {
    Sweeper {
        store: line.store.clone(),
        mirror: line.mirror.clone(),
        clock: line.clock.clone(),
        ids: Arc::new(RandomIds),
    }
}

#[test]
fn a_release_that_is_not_due_changes_nothing_and_one_that_is_happens_once() {
    let mut bench = Bench::new();
    let session = board(&mut bench);
    let release = Request::clock(fixed_command_id("release"), Command::Release(SessionId(session)));
    let head = bench.head();
    assert!(!bench.run(&release).logged, "360 s too early");
    assert_eq!(bench.head(), head);
    bench.clock.pass(359_999);
    assert!(!bench.run(&release).logged, "1 ms too early");
    bench.clock.pass(1);
    assert!(bench.run(&release).logged, "on time");
    let again = bench.head();
    assert!(!bench.run(&release).logged, "once");
    assert_eq!(bench.head(), again);
}

#[test]
fn a_command_that_somebody_gave_under_a_releases_id_does_not_stop_the_release() {
    let mut bench = Bench::new();
    let session = board(&mut bench);
    let id = fixed_command_id("release");
    let gate = Request::now(id, parse(&json!({ "type": "session.play", "barcodeId": "B-1" })), None);
    assert_eq!(bench.run(&gate).outcome.name(), "rejected", "it plays already; the outcome is kept under the id");
    bench.clock.pass(360_000);
    assert!(bench.run(&Request::clock(id, Command::Release(SessionId(session)))).logged);
    assert_eq!(bench.run(&gate).outcome.name(), "rejected", "the stored outcome stays");
}

#[test]
fn a_release_that_is_not_due_after_all_does_not_hold_up_those_behind_it() {
    let mut bench = Bench::new();
    board(&mut bench);
    let minute = bench.product(1.0, Some(60));
    bench.sell("B-1", &minute);
    bench.clock.pass(1);
    bench.sell("B-2", &minute);
    bench.accept(json!({ "type": "session.play", "barcodeId": "B-2" }));
    let lined = Lined::of(bench);
    // The sweeper's copy does not know the second minute of the first one yet.
    lined.line.mirror.update(|mirror| {
        let first = mirror.venue.live_sessions().find(|row| row.barcode_id.as_str() == "B-1");
        let row = SessionRow { credit_ms: 60_000, ..first.expect("a visit").clone() };
        mirror.venue.apply(&[Change::put(Row::Session(row))]);
    });
    let (emitter, seen) = crate::emission::recorder();
    let events = lined.run(emitter, async |line| {
        let (stop, stopped) = watch::channel(false);
        line.clock.pass(360_000);
        let sweeping = tokio::spawn(sweeper(&line).run(stopped));
        crate::emission::until_seen(&seen, "session:ended").await;
        stop.send_replace(true);
        sweeping.await.expect("it ends");
        line.store.read(|view| view.events_after(0, 100)).await.expect("events")
    });
    let ended: Vec<_> = events.iter().filter(|event| event.name == EventName::SessionEnded).collect();
    let payload: serde_json::Value = serde_json::from_str(&ended[0].payload).expect("JSON");
    assert_eq!((ended.len(), &payload["playerSession"]["barcodeId"]), (1, &json!("B-2")));
}

#[test]
fn what_is_due_first_is_found_in_the_rows() {
    let mut bench = Bench::new();
    let session = board(&mut bench);
    let due = bench.view(|view| releases(&Mirror::load(view).expect("rows").venue));
    let at = crate::support::parts::NOON.plus(360_000);
    assert_eq!(due, [(at, SessionId(session))], "a minute of credit and 300 s");
    bench.accept(json!({ "type": "session.pause", "barcodeId": "B-1" }));
    assert_eq!(bench.view(|view| releases(&Mirror::load(view).expect("rows").venue)), []);
}

#[test]
fn the_sweeper_releases_when_venue_time_comes_and_tells_everybody() {
    let mut bench = Bench::new();
    board(&mut bench);
    let lined = Lined::of(bench);
    let (emitter, seen) = crate::emission::recorder();
    let names = lined.run(emitter, async |line| {
        let (stop, stopped) = watch::channel(false);
        let sweeping = tokio::spawn(sweeper(&line).run(stopped));
        line.clock.pass(360_000);
        // Something happens: the sweeper looks again at once instead of at its next second.
        crate::emission::until_seen(&seen, "session:ended").await;
        stop.send_replace(true);
        sweeping.await.expect("it ends");
        line.store.read(|view| view.events_after(0, 100)).await.expect("events")
    });
    let ended: Vec<_> = names.iter().filter(|event| event.name == EventName::SessionEnded).collect();
    assert_eq!(ended.len(), 1);
    let payload: serde_json::Value = serde_json::from_str(&ended[0].payload).expect("JSON");
    assert_eq!(payload["playerSession"]["accumulatedSeconds"], 60, "the credit that there was, no more");
}

#[test]
fn what_ran_out_while_the_server_was_off_is_released_at_its_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = Venue::start_with(options(folder.path()));
    let second = venue.product(1.0, Some(1));
    assert_eq!(venue.call("PUT", "/api/system/settings", &json!({ "autoReleaseSeconds": 0 })).status, 200);
    venue.sell("B-1", &second, 1);
    assert_eq!(venue.gate("play", "B-1").status, 200);
    let started = std::time::Instant::now();
    venue.stop();
    until("a second has gone by", || (started.elapsed().as_millis() > 1_000).then_some(()));
    let venue = Venue::start_with(options(folder.path()));
    until("the release", || (venue.get("/api/system/capacity").json["currentOccupancy"] == 0).then_some(()));
    assert_eq!(venue.get("/api/sessions/status/B-1").status, 404);
    let ended: Vec<_> = venue.log().into_iter().filter(|event| event["name"] == "session:ended").collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0]["payload"]["playerSession"]["accumulatedSeconds"], 1);
    assert_eq!(ended[0]["commandId"], serde_json::Value::Null);
}

#[test]
fn a_step_of_the_servers_clock_is_one_entry_of_the_attention_list() {
    let lined = Lined::of(Bench::new());
    let (emitter, _seen) = crate::emission::recorder();
    lined.run(emitter, async |line| {
        let (stop, stopped) = watch::channel(false);
        line.clock.step(-3_600_400);
        let sweeping = tokio::spawn(sweeper(&line).run(stopped));
        line.mirror.reach(1).await;
        stop.send_replace(true);
        sweeping.await.expect("it ends");
        let entries: Vec<_> = line.mirror.with(|mirror| mirror.venue.attention().cloned().collect());
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].kind, &entries[0].device_id), (AttentionKind::ClockStep, &None));
        assert_eq!(entries[0].message.as_deref(), Some("The server's clock was set back by 3600 s."));
    });
}
