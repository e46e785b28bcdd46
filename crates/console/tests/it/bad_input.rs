//! What is not what it should be is counted, logged, and becomes a question to the log. Nothing panics, nothing
//! is lost, no other band is touched.

use serde_json::{Value, json};

use crate::support::{
    Desk, FakeVenue, until,
    venue::{checkin, session},
};

/// The arguments of the event that the venue logged last.
fn last_event(venue: &FakeVenue) -> (String, Vec<Value>) {
    let state = venue.state();
    let event = state.log.last().expect("an event");
    (event["name"].as_str().expect("a name").to_owned(), state.arguments(event))
}

/// Lets an event get lost, sends what `bend` makes of it, and expects it to be counted and healed by one
/// question, with nothing of the bent one on the screen.
async fn check(what: &str, command: impl Fn(&str) -> Value, bend: impl Fn(&mut String, &mut Vec<Value>)) {
    let (venue, hour) = FakeVenue::with_hour();
    venue.execute(&checkin("OTHER", &hour));
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    desk.until_in_sync(&venue).await;
    let other = desk.data(&["playerSession", "OTHER"]);
    let (pages, malformed) = (venue.asked().0, desk.sync_status().metrics.link.malformed);
    venue.state().emits = false;
    venue.execute(&command(&hour));
    let (mut name, mut args) = last_event(&venue);
    bend(&mut name, &mut args);
    venue.send(&name, args);
    until(what, || desk.status()["cursor"] == json!(venue.state().seq())).await;
    let status = desk.sync_status();
    assert_eq!(status.metrics.link.malformed, malformed + 1, "{what} is counted");
    assert_eq!(venue.asked().0, pages + 1, "{what} leads to one question");
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.data(&["playerSession", "OTHER"]), other, "{what} touches no other band");
}

fn play(_: &str) -> Value {
    session("play", "B-1")
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_shape_becomes_a_refetch() {
    check("no playerSession", play, |_, args| args[0] = json!({})).await;
    check("playerSession under another name", play, |_, args| {
        let session = args[0]["playerSession"].take();
        args[0] = json!({ "session": session });
    })
    .await;
    check("a float where an integer belongs", play, |_, args| {
        args[0]["playerSession"]["remainingSeconds"] = json!(3600.5);
    })
    .await;
    check("a float without a fraction is one too", play, |_, args| {
        args[0]["playerSession"]["remainingSeconds"] = json!(3600.0);
    })
    .await;
    check("a status that there is not", play, |_, args| args[0]["playerSession"]["status"] = json!("flying")).await;
    check("no arguments", play, |_, args| args.clear()).await;
    check("no envelope", play, |_, args| args.truncate(1)).await;
    check("a payload that is no object", play, |_, args| args[0] = json!("hello")).await;
    check("no changes", play, |_, args| drop(args[1].as_object_mut().expect("an object").remove("changes"))).await;
    check("an unknown name", play, |name, _| *name = "session:fly".to_owned()).await;
    check(
        "a product without a price",
        |hour| json!({ "type": "product.delete", "productId": hour }),
        |name, args| {
            *name = "product:updated".to_owned();
            args[0] = json!({ "product": { "id": "x", "name": "y" } });
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn rows_of_another_shape_become_a_refetch() {
    check("a row with a float", play, |_, args| args[1]["changes"][0]["row"]["creditMs"] = json!(1.5)).await;
    check("a row of another id", play, |_, args| args[1]["changes"][0]["id"] = json!("another")).await;
    check("a row that is missing is not a row that is gone", play, |_, args| {
        args[1]["changes"][0].as_object_mut().expect("an object").remove("row");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn places_that_can_not_be_become_a_refetch() {
    check("a seq after its last", play, |_, args| args[1]["last"] = json!(1)).await;
    check("a prev after its seq", play, |_, args| args[1]["prev"] = json!(1_000)).await;
    check("a negative seq", play, |_, args| args[1]["seq"] = json!(-1)).await;
    check("a seq from the past", play, |_, args| {
        args[1]["seq"] = json!(2);
        args[1]["prev"] = json!(1);
        args[1]["last"] = json!(2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn wild_heartbeats_and_figures_change_nothing() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.until_in_sync(&venue).await;
    let head = venue.state().head();
    for (field, value) in
        [("intervalMs", json!(1e12)), ("intervalMs", json!(0)), ("seq", json!("7")), ("epoch", json!(7))]
    {
        let mut bent = head.clone();
        bent[field] = value;
        venue.send("sync:head", vec![bent]);
    }
    venue.send("dashboard:stats:updated", vec![json!({ "activePlayers": "many" })]);
    venue.send("cart:updated", vec![json!({ "barcodeId": "B-1", "cart": [] })]);
    until("they are counted", || desk.sync_status().metrics.link.malformed == 5).await;
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.status()["link"], "live");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_nonsense_asks_at_most_once_a_second() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    let before = (venue.asked(), tokio::time::Instant::now());
    for round in 0..50 {
        for n in 0..40 {
            venue.send(&format!("nonsense:{round}:{n}"), vec![json!({ "n": n })]);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    until("they are counted", || desk.sync_status().metrics.link.malformed == 2_000).await;
    let (asked, seconds) = (venue.asked().0 - before.0.0, before.1.elapsed().as_secs() as u32);
    assert!(asked <= seconds + 2, "{asked} questions in {seconds} s");
    assert_eq!(venue.asked().1, before.0.1, "and no snapshot");
    desk.until_in_sync(&venue).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_does_not_fit_is_a_gap_that_the_log_heals() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    // All within one turn of the scheduler: nobody reads meanwhile.
    for n in 0..2_000 {
        let band = format!("B-{n}");
        venue.execute(&checkin(&band, &hour));
    }
    for _ in 0..3_000 {
        let (name, args) = last_event(&venue);
        venue.send(&name, args);
    }
    until("it is caught up", || desk.status()["cursor"] == json!(venue.state().seq())).await;
    assert!(desk.sync_status().metrics.link.gaps >= 1);
    desk.until_in_sync(&venue).await;
    assert_eq!(desk.bands().len(), 2_000);
}
