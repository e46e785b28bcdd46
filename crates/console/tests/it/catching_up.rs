//! Following the log, and finding back to it.

use serde_json::json;

use crate::support::{
    Desk, FakeVenue, until,
    venue::{checkin, session},
};

#[tokio::test(start_paused = true)]
async fn a_new_desk_loads_the_venue_and_is_live_and_in_sync() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::open(&venue);
    assert_eq!(desk.data(&["products"]), json!(null), "nothing is shown that is not known");
    desk.until_live().await;
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.bands(), ["B-1"]);
    assert_eq!(desk.status()["stateHash"], json!(venue.state().hash.to_hex()));
    assert_eq!(desk.fresh(), "live");
}

#[tokio::test(start_paused = true)]
async fn what_another_desk_does_shows_without_asking_the_server() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let asked = venue.asked();
    venue.execute(&checkin("B-1", &hour));
    venue.execute(&session("play", "B-1"));
    until("B-1 plays", || desk.data(&["playerSession", "b-1"])["isActive"] == json!(true)).await;
    venue.execute(&session("end", "B-1"));
    until("B-1 is gone", || desk.bands().is_empty()).await;
    assert_eq!(venue.asked(), asked);
    assert_eq!(desk.data(&["playerSession", "B-1"]), json!(null));
    assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(12.5));
    assert_eq!(desk.data(&["checkinHistory", "B-1"]).as_array().map(Vec::len), Some(1));
    assert_eq!(desk.data(&["transactions"])[0]["playerSession"]["barcodeId"], json!("B-1"));
}

#[tokio::test(start_paused = true)]
async fn events_that_never_arrive_are_found_by_the_heartbeat() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().emits = false;
    venue.execute(&checkin("B-1", &hour));
    venue.heartbeat();
    until("B-1 shows", || desk.bands() == ["B-1"]).await;
    assert!(desk.sync_status().metrics.link.gaps >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_long_absence_is_caught_up_in_pages() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    until("the link is gone", || desk.status()["link"] != "live").await;
    for n in 0..40 {
        venue.execute(&checkin(&format!("B-{n:02}"), &hour));
    }
    venue.state().page_events = 7;
    venue.set_online(true);
    desk.until_live().await;
    assert_eq!(desk.bands().len(), 40);
    assert!(venue.state().pages > 10, "in pages");
    assert_eq!(venue.state().snapshots, 1, "and without another snapshot");
    desk.until_in_sync(&venue).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_shows_at_once_and_heals() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let before = tokio::time::Instant::now();
    venue.set_online(false);
    until("stale", || desk.fresh() == "stale").await;
    assert!(before.elapsed().as_millis() < 2_000, "{:?}", before.elapsed());
    until("offline since", || desk.sync_status().offline_since.is_some()).await;
    venue.set_online(true);
    desk.until_live().await;
    assert_eq!(desk.sync_status().metrics.link.reconnects, 1);
    assert_eq!(desk.sync_status().offline_since, None);
}

#[tokio::test(start_paused = true)]
async fn silence_on_an_open_connection_ends_it() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.heartbeat();
    let before = tokio::time::Instant::now();
    // Nobody sends heartbeats any more: the connection stands and is dead.
    until("it is noticed", || desk.fresh() == "stale").await;
    let waited = before.elapsed().as_millis();
    assert!((9_900..=10_050).contains(&waited), "2 intervals of 5 s, not {waited} ms");
    until("another link", || desk.sync_status().metrics.link.reconnects == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_log_and_another_history_lead_to_a_snapshot() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    venue.execute(&checkin("B-1", &hour));
    venue.state().trimmed = 3;
    venue.set_online(true);
    until("B-1 shows", || desk.bands() == ["B-1"]).await;
    assert_eq!(venue.state().snapshots, 2);
    venue.set_online(false);
    venue.state().begin_epoch("epoch-2");
    venue.execute(&session("end", "B-1"));
    venue.set_online(true);
    until("the other log is held", || desk.status()["epoch"] == "epoch-2").await;
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.bands(), Vec::<String>::new());
    assert_eq!(desk.status()["cursor"], json!(venue.state().seq()));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_breaks_off_changes_nothing_until_one_is_whole() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.set_online(false);
    venue.execute(&checkin("B-1", &hour));
    venue.state().begin_epoch("epoch-2");
    let whole = venue.state().snapshot().len();
    // Within a row, right before the end, and with the end line missing only its line end's worth.
    venue.state().snapshot_cuts = vec![whole / 2, whole - 30, 10];
    venue.set_online(true);
    until("the first one broke off", || venue.state().snapshots >= 3).await;
    assert_eq!(desk.data(&["products"]).as_array().map(Vec::len), Some(1), "the old cache answers meanwhile");
    assert_eq!(desk.status()["epoch"], "epoch-1");
    until("one is whole", || {
        venue.heartbeat();
        desk.status()["epoch"] == "epoch-2"
    })
    .await;
    assert_eq!(desk.bands(), ["B-1"]);
}

#[tokio::test(start_paused = true)]
async fn the_server_is_told_how_far_is_applied_at_most_once_a_second() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let before = tokio::time::Instant::now();
    for n in 0..30 {
        venue.execute(&checkin(&format!("B-{n}"), &hour));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        venue.heartbeat();
    }
    until("the last one is acknowledged", || {
        let state = venue.state();
        state.acks.last().map(|ack| ack.seq) == Some(state.seq())
    })
    .await;
    let acks = venue.state().acks.len();
    let seconds = before.elapsed().as_secs() as usize;
    assert!(acks <= seconds + 2, "{acks} in {seconds} s");
    assert_eq!(desk.bands().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_newer_server_are_kept_as_they_came() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    // A field and a collection that this version does not know.
    let args = {
        let mut state = venue.state();
        let mut row =
            serde_json::to_value(state.venue.product(&hour.as_str().into()).expect("the hour")).expect("JSON");
        let before = row.to_string();
        row["colour"] = json!({ "hue": 7, "name": "blue" });
        let lease = json!({ "id": "l-1", "places": 3 });
        state.hash.remove("products", &hour, &before).expect("JSON");
        state.hash.add("products", &hour, &row.to_string()).expect("JSON");
        state.hash.add("leases", "l-1", &lease.to_string()).expect("JSON");
        let seq = state.seq() + 1;
        let event = json!({
            "seq": seq, "prev": seq - 1, "last": seq, "id": "newer", "name": "sync:rows", "payload": {},
            "changes": [{ "collection": "products", "id": hour, "row": row },
                { "collection": "leases", "id": "l-1", "row": lease }],
            "emittedAt": state.now.to_iso(), "commandId": null,
        });
        state.log.push(event.clone());
        state.arguments(&event)
    };
    venue.send("sync:rows", args);
    until("it is applied", || desk.status()["cursor"] == json!(venue.state().seq())).await;
    desk.until_in_sync(&venue).await;
    let desk = desk.restart(&venue).await;
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.sync_status().hash_mismatches, 0);
    assert_eq!(venue.state().snapshots, 1, "the cache of the first run was good");
}

#[tokio::test(start_paused = true)]
async fn a_server_of_another_venue_changes_nothing_is_sent_nothing_and_is_said() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let waiting = desk.execute(&checkin("B-2", &hour)).await.expect("taken");

    let (other, _) = FakeVenue::with_hour();
    other.state().venue_id = Some("venue-2".to_owned());
    other.state().begin_epoch("epoch-of-2");
    let its_clock = other.state().now.plus(86_400_000);
    other.state().now = its_clock;
    let offset_ms = desk.sync_status().clock_offset_ms;
    let desk = desk.restart(&other).await;
    until("it is said", || desk.status()["problem"]["code"] == "other_venue").await;
    desk.execute(&checkin("B-3", &hour)).await.expect("kept for the own server");
    for _ in 0..20 {
        other.heartbeat();
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    }
    assert_eq!(desk.bands(), ["B-1", "B-2", "B-3"], "what is pending shows");
    let status = desk.status();
    assert_eq!((&status["epoch"], &status["inSync"]), (&json!("epoch-1"), &json!(false)));
    assert!(status["problem"]["message"].as_str().is_some_and(|text| text.contains("venue-2")), "{status}");
    assert_eq!(other.state().bodies, Vec::<String>::new(), "its commands are of the other venue");
    assert_eq!(status["pending"], 2);
    let moved_ms = desk.sync_status().clock_offset_ms - offset_ms;
    assert!(moved_ms.abs() < 3_600_000, "the other venue's clock is not this desk's: {moved_ms}");

    venue.state().undecided = false;
    let desk = desk.restart(&venue).await;
    desk.console.settled(&waiting.command_id, std::time::Duration::from_secs(60)).await.expect("settled");
    assert_eq!(desk.status()["problem"], json!(null));
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_clock_was_put_back_is_believed_on_the_next_link_however_slow_it_answers() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let offset_ms = desk.sync_status().clock_offset_ms;
    let put_back = venue.state().now.plus(-3_600_000);
    venue.state().now = put_back;
    venue.state().page_takes = std::time::Duration::from_secs(2);
    venue.cut();
    until("the link is gone", || desk.fresh() == "stale").await;
    desk.until_live().await;
    let moved_ms = desk.sync_status().clock_offset_ms - offset_ms;
    assert!((-3_660_000..=-3_540_000).contains(&moved_ms), "{moved_ms}");
}
