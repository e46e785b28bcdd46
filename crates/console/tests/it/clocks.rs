//! A desk whose clock is set or that sleeps: venue time stays right, and somebody is told.

use gangway_domain::{attention::AttentionKind, time::VenueTime};
use serde_json::json;

use crate::support::{
    Desk, FakeVenue,
    desk::{TestClock, open_with_clock},
    until,
    venue::{checkin, session},
};

fn steps(venue: &FakeVenue) -> Vec<String> {
    let state = venue.state();
    let of_clock = state.venue.attention().filter(|row| row.kind == AttentionKind::ClockStep);
    of_clock.map(|row| row.message.clone().unwrap_or_default()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_moves_no_timer_and_is_put_on_the_list_once() {
    for (by_ms, way) in [(3_600_000, "3600 s ahead"), (-7_200_000, "7200 s back")] {
        let (venue, hour) = FakeVenue::with_hour();
        venue.execute(&checkin("B-1", &hour));
        venue.execute(&session("play", "B-1"));
        let (clock, folder) = (TestClock::default(), tempfile::tempdir().expect("a folder"));
        let desk = Desk { console: open_with_clock(folder.path(), &venue, &clock).expect("a console"), folder };
        desk.until_live().await;
        let left = || desk.data(&["playerSession", "B-1"])["remainingSeconds"].as_i64().expect("seconds");
        let before = left();
        clock.set(by_ms);
        assert!((before - left()).abs() <= 2, "{before} s, then {} s", left());
        until("it is said", || !steps(&venue).is_empty()).await;
        assert!(steps(&venue)[0].contains(way), "{:?}", steps(&venue));
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(steps(&venue).len(), 1, "once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_without_a_link_is_kept_and_said_when_there_is_one() {
    let (venue, _) = FakeVenue::with_hour();
    let (clock, folder) = (TestClock::default(), tempfile::tempdir().expect("a folder"));
    let desk = Desk { console: open_with_clock(folder.path(), &venue, &clock).expect("a console"), folder };
    desk.until_live().await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    clock.set(86_400_000);
    until("it is on the desk's own list", || desk.status()["attention"] == 1).await;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    let desk = Desk { console: open_with_clock(folder.path(), &venue, &clock).expect("a console"), folder };
    assert_eq!(desk.status()["attention"], json!(1));
    venue.set_online(true);
    until("the venue knows", || steps(&venue).len() == 1).await;
}

const TWENTY_YEARS_MS: i64 = 20 * 365 * 86_400_000;

fn entry_codes(desk: &Desk) -> Vec<String> {
    let entries = desk.data(&["attention"]);
    let codes = entries.as_array().into_iter().flatten().map(|entry| entry["code"].as_str().unwrap_or_default());
    codes.map(str::to_owned).collect()
}

fn tapped_at(desk: &Desk, id: &str) -> VenueTime {
    let fate = desk.console.fate(id).expect("read").expect("kept");
    VenueTime::from_iso(&fate.tapped_at).expect("a moment")
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_starts_without_a_link_under_a_clock_set_back_goes_on_from_what_it_knew_and_says_so() {
    let (venue, hour) = FakeVenue::with_hour();
    let Desk { folder, console } = Desk::live(&venue).await;
    venue.set_online(false);
    console.shutdown().await;
    let behind = TestClock::default();
    behind.set(-TWENTY_YEARS_MS);
    let desk = Desk { console: open_with_clock(folder.path(), &venue, &behind).expect("a console"), folder };
    let synced_at = desk.sync_status().last_sync_at.expect("it was in touch");
    let sale = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    assert!(tapped_at(&desk, &sale) >= VenueTime::from_iso(&synced_at).expect("a moment"));
    until("it is said", || entry_codes(&desk) == ["desk_clock_behind"]).await;
    assert_eq!(desk.status()["clockUncertaintyMs"], json!(null), "nobody knows how late it is");
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(entry_codes(&desk).len(), 1, "once");
    // What was tapped last is known too.
    let later = desk.execute(&session("play", "B-1")).await.expect("taken").command_id;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    let again = TestClock::default();
    again.set(-TWENTY_YEARS_MS);
    let desk = Desk { console: open_with_clock(folder.path(), &venue, &again).expect("a console"), folder };
    let last = desk.execute(&session("pause", "B-1")).await.expect("taken").command_id;
    assert!(tapped_at(&desk, &last) >= tapped_at(&desk, &later));
    venue.set_online(true);
    desk.console.settled(&last, std::time::Duration::from_secs(60)).await.expect("settled");
    assert!(steps(&venue)[0].contains("behind"), "{:?}", steps(&venue));
}

const DAY_MS: i64 = 86_400_000;

/// A desk on a machine whose clock says so much more than the venue's did at the begin of the test.
fn desk_of_day(folder: tempfile::TempDir, venue: &FakeVenue, ms: i64) -> Desk {
    let clock = TestClock::default();
    clock.set(ms);
    Desk { console: open_with_clock(folder.path(), venue, &clock).expect("a console"), folder }
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_was_off_for_over_thirty_days_and_starts_under_a_clock_set_back_loses_nothing_and_sells_today() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.state().raises_attention = true;
    let Desk { folder, console } = Desk::live(&venue).await;
    console.shutdown().await;
    venue.set_online(false);
    let desk = desk_of_day(folder, &venue, 0);
    let old = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    // Twelve days later it was on for a while, and its clock was right.
    let desk = desk_of_day(folder, &venue, 12 * DAY_MS);
    let young = desk.execute(&checkin("B-2", &hour)).await.expect("taken").command_id;
    let Desk { folder, console } = desk;
    console.shutdown().await;
    // Thirty-three days later the battery is empty.
    let later = venue.state().now.plus(33 * DAY_MS);
    venue.state().now = later;
    let desk = desk_of_day(folder, &venue, -TWENTY_YEARS_MS);
    let today = desk.execute(&checkin("B-3", &hour)).await.expect("taken").command_id;
    let guessed = tapped_at(&desk, &today);
    let named = json!(VenueTime::from_iso("2020-01-01T00:00:00.000Z").expect("a moment").to_iso());
    let mut request = gangway_console::ExecuteRequest::of(&checkin("B-4", &hour)).expect("a command");
    request.occurred_at = named.as_str().map(str::to_owned);
    let named = desk.console.execute(request).await.expect("taken").command_id;
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    assert_eq!(desk.bands().len(), 4, "all show meanwhile");
    venue.set_online(true);
    let mut fates = Vec::new();
    for id in [&old, &young, &today, &named] {
        let fate = desk.console.settled(id, std::time::Duration::from_secs(60)).await.expect("an outcome");
        fates.push(fate.rejection.map(|rejection| rejection["code"].clone()));
    }
    let too_old = Some(json!("too_old"));
    assert_eq!(fates, [too_old.clone(), None, None, too_old], "by the server's time, and as whoever tapped said");
    let mut bands = desk.bands();
    bands.sort();
    assert_eq!(bands, ["B-2", "B-3"]);
    // What was tapped ten minutes ago says so, with its place on disk.
    let off_ms = venue.state().now.since(tapped_at(&desk, &today));
    assert!((590_000..700_000).contains(&off_ms), "{off_ms} ms");
    assert!(tapped_at(&desk, &today).since(guessed) > 20 * DAY_MS);
    let fate = desk.console.fate(&today).expect("read").expect("kept");
    assert!(fate.tapped_at <= fate.stored_at && Some(&fate.stored_at) <= fate.sent_at.as_ref(), "{fate:?}");
    until("each refusal is on the list", || {
        let entries = desk.data(&["attention"]);
        let of = |id: &str| entries.as_array().into_iter().flatten().any(|entry| entry["commandId"] == *id);
        of(&old) && of(&named)
    })
    .await;
    let entries = desk.data(&["attention"]);
    let entry = entries.as_array().into_iter().flatten().find(|entry| entry["commandId"] == *old).expect("an entry");
    assert_eq!((&entry["rejection"]["code"], &entry["money"]), (&json!("too_old"), &json!(12.5)), "{entry}");
    assert!(entry["choices"].as_array().is_some_and(|choices| choices.contains(&json!("redo"))), "{entry}");
    assert!(steps(&venue)[0].contains("behind"), "and somebody is told of the clock: {:?}", steps(&venue));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_while_a_desk_ran_is_still_known_to_be_wrong_after_a_restart_without_a_link() {
    for by_ms in [86_400_000, -86_400_000] {
        let (venue, hour) = FakeVenue::with_hour();
        let (clock, folder) = (TestClock::default(), tempfile::tempdir().expect("a folder"));
        let desk = Desk { console: open_with_clock(folder.path(), &venue, &clock).expect("a console"), folder };
        desk.until_live().await;
        venue.set_online(false);
        until("offline", || desk.fresh() == "stale").await;
        clock.set(by_ms);
        until("it is said", || desk.status()["attention"] == 1).await;
        let before = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
        let Desk { folder, console } = desk;
        console.shutdown().await;
        let desk = Desk { console: open_with_clock(folder.path(), &venue, &clock).expect("a console"), folder };
        let after = desk.execute(&session("play", "B-1")).await.expect("taken").command_id;
        let went_by_ms = tapped_at(&desk, &after).since(tapped_at(&desk, &before));
        assert!((0..10_000).contains(&went_by_ms), "{went_by_ms} ms");
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(desk.status()["attention"], 1, "said once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_tapped_under_a_clock_set_ahead_holds_venue_time_up_only_until_the_server_is_heard() {
    let (venue, hour) = FakeVenue::with_hour();
    let Desk { folder, console } = Desk::live(&venue).await;
    venue.set_online(false);
    console.shutdown().await;
    let ahead = TestClock::default();
    ahead.set(TWENTY_YEARS_MS);
    let desk = Desk { console: open_with_clock(folder.path(), &venue, &ahead).expect("a console"), folder };
    let sale = desk.execute(&checkin("B-1", &hour)).await.expect("taken").command_id;
    venue.set_online(true);
    desk.console.settled(&sale, std::time::Duration::from_secs(60)).await.expect("settled");
    desk.until_in_sync(&venue).await;
    venue.set_online(false);
    let Desk { folder, console } = desk;
    console.shutdown().await;
    let right = TestClock::default();
    let desk = Desk { console: open_with_clock(folder.path(), &venue, &right).expect("a console"), folder };
    let last = desk.execute(&session("play", "B-1")).await.expect("taken").command_id;
    let synced_at = VenueTime::from_iso(&desk.sync_status().last_sync_at.expect("in touch")).expect("a moment");
    let off_ms = tapped_at(&desk, &last).since(synced_at);
    assert!((0..60_000).contains(&off_ms), "{off_ms} ms");
}

#[tokio::test(start_paused = true)]
async fn what_a_desk_sleeps_without_a_link_runs_off_its_timers_and_is_nobodys_fault() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("B-1", &hour));
    venue.execute(&session("play", "B-1"));
    let (clock, folder) = (TestClock::default(), tempfile::tempdir().expect("a folder"));
    let desk = Desk { console: open_with_clock(folder.path(), &venue, &clock).expect("a console"), folder };
    desk.until_live().await;
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
    let left = || desk.data(&["playerSession", "B-1"])["remainingSeconds"].as_i64().expect("seconds");
    let before = left();
    clock.sleep(1_800_000);
    until("the half hour has run off", || (before - 1_800 - left()).abs() <= 30).await;
    assert_eq!(desk.status()["attention"], 0);
}
