//! A desk whose clock is set or that sleeps: venue time stays right, and somebody is told.

use gangway_domain::attention::AttentionKind;
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
    let desk = desk.restart(&venue).await;
    assert_eq!(desk.status()["attention"], json!(1));
    venue.set_online(true);
    until("the venue knows", || steps(&venue).len() == 1).await;
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
