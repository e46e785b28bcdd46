//! The free places that are lent to a desk: on disk before one is used, spent with the play that it covers, and given
//! up for good when the server says so.

use std::time::Duration;

use gangway_console::{CommandState, Executed, net::LeaseCall};
use gangway_domain::ids::PlaceId;
use serde_json::{Value, json};

use crate::support::{
    Desk, FakeVenue, until,
    venue::{checkin, session},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A strict venue where B-1 to B-4 wait at the gate, and a live desk.
async fn strict() -> (FakeVenue, Desk) {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&json!({ "type": "settings.update", "changes": { "capacityPolicy": "strict" } }));
    for n in 1..=4 {
        venue.execute(&checkin(&format!("B-{n}"), &hour));
    }
    let desk = Desk::live(&venue).await;
    (venue, desk)
}

fn ids(places: &[&str]) -> Vec<PlaceId> {
    places.iter().map(|id| PlaceId::from(*id)).collect()
}

fn last_call(venue: &FakeVenue) -> LeaseCall {
    venue.state().lease_calls.last().cloned().unwrap_or_default()
}

/// Lends the desk these places, and waits until it says that it has them.
async fn lend(venue: &FakeVenue, desk: &Desk, places: &[&str]) {
    venue.state().lend(&desk.sync_status().device.id, places);
    for _ in 0..2 {
        let calls = venue.state().lease_calls.len();
        venue.heartbeat();
        until("it asks", || venue.state().lease_calls.len() > calls).await;
    }
    until("it has them", || last_call(venue).held == ids(places)).await;
    until("their rows are here", || desk.status()["places"]["held"] == json!(places.len())).await;
}

async fn go_offline(venue: &FakeVenue, desk: &Desk) {
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
}

async fn play(desk: &Desk, band: &str) -> Executed {
    desk.execute(&session("play", band)).await.expect("an outcome")
}

/// The place that a command of this band names on the wire.
fn named(venue: &FakeVenue, band: &str) -> Value {
    let bodies = venue.state().bodies.clone();
    let bodies = bodies.iter().map(|body| serde_json::from_str::<Value>(body).expect("JSON"));
    let commands: Vec<Value> = bodies.flat_map(|body| body["commands"].as_array().expect("commands").clone()).collect();
    commands.iter().find(|command| command["barcodeId"] == json!(band)).map_or(Value::Null, |it| it["placeId"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_desk_fills_the_places_that_it_holds_without_a_link_and_no_more() {
    let (venue, desk) = strict().await;
    lend(&venue, &desk, &["p-1", "p-2"]).await;
    assert_eq!(desk.status()["places"], json!({ "held": 2, "spent": 0 }));
    go_offline(&venue, &desk).await;
    let desk = desk.restart(&venue).await;
    assert_eq!(desk.status()["places"], json!({ "held": 2, "spent": 0 }), "they are on disk");
    let first = play(&desk, "B-1").await;
    assert_eq!((first.state, first.awaiting), (CommandState::Pending, false), "GO");
    let desk = desk.restart(&venue).await;
    assert_eq!(desk.status()["places"], json!({ "held": 2, "spent": 1 }), "and what is spent stays so");
    let second = play(&desk, "B-2").await;
    assert_eq!((second.state, second.awaiting), (CommandState::Pending, false), "GO");
    let third = play(&desk, "B-3").await;
    assert_eq!(third.rejection.expect("no place is left")["code"], "venue_full");
    venue.state().lends = Some(Vec::new());
    venue.set_online(true);
    for id in [&first.command_id, &second.command_id] {
        desk.console.settled(id, PATIENCE).await.expect("settled");
    }
    assert_eq!((named(&venue, "B-1"), named(&venue, "B-2")), (json!("p-1"), json!("p-2")), "each its own");
    assert_eq!(venue.state().venue.places().count(), 0, "both are filled");
    until("nothing is lent", || desk.status()["places"] == json!({ "held": 0, "spent": 0 })).await;
    venue.heartbeat();
    until("neither is named any more", || {
        let call = last_call(&venue);
        call.held.is_empty() && call.spent.is_empty()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_place_that_the_server_asks_back_is_given_up_on_disk_before_it_is_said() {
    let (venue, desk) = strict().await;
    lend(&venue, &desk, &["p-1"]).await;
    let calls = venue.state().lease_calls.len();
    venue.state().lends = Some(Vec::new());
    let before = tokio::time::Instant::now();
    venue.send("sync:lease", vec![json!({})]);
    until("it has said so", || venue.state().lease_calls.len() >= calls + 2).await;
    assert!(before.elapsed() < Duration::from_millis(500), "at once: {:?}", before.elapsed());
    let said = venue.state().lease_calls[calls..].to_vec();
    assert_eq!((&said[0].held, said[0].turn.clone()), (&ids(&["p-1"]), Some(format!("turn-{calls}"))));
    assert_eq!((&said[1].held, said[1].turn.clone()), (&ids(&[]), Some(format!("turn-{}", calls + 1))));
    // The row is still here: it is what the desk holds that counts.
    go_offline(&venue, &desk).await;
    let desk = desk.restart(&venue).await;
    assert_eq!(play(&desk, "B-1").await.state, CommandState::Rejected, "nor does it come back");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_spent_while_the_server_asks_it_back_stays_spent() {
    let (venue, desk) = strict().await;
    lend(&venue, &desk, &["p-1"]).await;
    let calls = venue.state().lease_calls.len();
    {
        let mut state = venue.state();
        state.lends = Some(Vec::new());
        state.leases_take = Duration::from_secs(1);
        state.undecided = true;
    }
    venue.send("sync:lease", vec![json!({})]);
    until("it is asked", || venue.state().lease_calls.len() > calls).await;
    let tapped = play(&desk, "B-1").await;
    assert_eq!((tapped.state, tapped.awaiting), (CommandState::Pending, false), "GO was said");
    until("it has said so", || venue.state().lease_calls.len() >= calls + 2).await;
    let LeaseCall { held, spent, .. } = venue.state().lease_calls[calls + 1].clone();
    assert_eq!((held, spent), (ids(&[]), ids(&["p-1"])));
    venue.state().undecided = false;
    let fate = desk.console.settled(&tapped.command_id, PATIENCE).await.expect("settled");
    assert_eq!((fate.state, named(&venue, "B-1")), (CommandState::Settled, json!("p-1")));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_a_place_was_filled_does_not_bring_it_back() {
    let (venue, desk) = strict().await;
    lend(&venue, &desk, &["p-1"]).await;
    let calls = venue.state().lease_calls.len();
    venue.state().leases_take = Duration::from_secs(5);
    venue.heartbeat();
    until("it is asked", || venue.state().lease_calls.len() > calls).await;
    // Its answer, which still names the place, is on the way.
    let tapped = play(&desk, "B-1").await;
    let fate = desk.console.settled(&tapped.command_id, Duration::from_secs(3)).await.expect("settled before it");
    assert_eq!((fate.state, named(&venue, "B-1")), (CommandState::Settled, json!("p-1")));
    let calls = {
        let mut state = venue.state();
        // From now on it is lent no more.
        state.lends = Some(Vec::new());
        state.leases_take = Duration::ZERO;
        state.lease_calls.len()
    };
    until("it asks again", || {
        venue.heartbeat();
        venue.state().lease_calls.len() > calls
    })
    .await;
    let LeaseCall { held, spent, .. } = venue.state().lease_calls[calls].clone();
    assert_eq!((held, spent), (ids(&[]), ids(&[])));
}

#[tokio::test(start_paused = true)]
async fn the_place_of_a_play_that_was_refused_can_be_filled_again() {
    let (venue, desk) = strict().await;
    lend(&venue, &desk, &["p-1"]).await;
    go_offline(&venue, &desk).await;
    let refused = play(&desk, "B-1").await;
    assert_eq!(play(&desk, "B-2").await.state, CommandState::Rejected, "it is spent");
    // At another desk it has gone home meanwhile.
    venue.execute(&session("end", "B-1"));
    venue.set_online(true);
    let fate = desk.console.settled(&refused.command_id, PATIENCE).await.expect("answered");
    assert_eq!(fate.state, CommandState::Rejected, "{fate:?}");
    desk.until_live().await;
    assert_eq!(desk.status()["places"], json!({ "held": 1, "spent": 0 }));
    go_offline(&venue, &desk).await;
    assert_eq!(play(&desk, "B-2").await.state, CommandState::Pending, "GO");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_only_a_log_that_is_gone_knew_does_not_hide_one_that_is_known() {
    let (venue, desk) = strict().await;
    lend(&venue, &desk, &["p-1", "p-2"]).await;
    // The rows lose the one that is held longest, and the link ends before the desk could ask.
    {
        let mut state = venue.state();
        state.leases_take = Duration::from_secs(3_600);
        state.lend(&desk.sync_status().device.id, &["p-2"]);
    }
    until("the row is gone", || desk.status()["places"]["held"] == 1).await;
    go_offline(&venue, &desk).await;
    let tapped = play(&desk, "B-1").await;
    assert_eq!((tapped.state, tapped.awaiting), (CommandState::Pending, false), "GO");
    assert_eq!(play(&desk, "B-2").await.state, CommandState::Rejected, "the other covers nothing");
    venue.set_online(true);
    desk.console.settled(&tapped.command_id, PATIENCE).await.expect("settled");
    assert_eq!(named(&venue, "B-1"), json!("p-2"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_answers_does_not_end_the_asking() {
    let (venue, desk) = strict().await;
    let before = venue.state().lease_calls.len();
    venue.state().leases_take = Duration::from_secs(86_400);
    venue.heartbeat();
    until("it asks", || venue.state().lease_calls.len() > before).await;
    venue.state().leases_take = Duration::ZERO;
    let calls = venue.state().lease_calls.len();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        venue.heartbeat();
    }
    until("it asks again", || venue.state().lease_calls.len() > calls).await;
    lend(&venue, &desk, &["p-1"]).await;
}

#[tokio::test(start_paused = true)]
async fn where_places_are_advice_none_are_asked_for() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.send("sync:lease", vec![json!({})]);
    desk.until_in_sync(&venue).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(venue.state().lease_calls, []);
}
