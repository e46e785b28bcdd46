//! What a person must look at: what the venue refused is taken back from the screen and put on the list, and the list
//! is settled by commands, with a link or without.

use std::time::Duration;

use gangway_console::{AttentionAction, Console, ExecuteRequest, PushedOp};
use serde_json::{Value, json};

use crate::support::{
    Desk, FakeVenue,
    desk::key,
    until,
    venue::{checkin, product, session},
};

async fn offline(desk: &Desk, venue: &FakeVenue) {
    venue.set_online(false);
    until("offline", || desk.fresh() == "stale").await;
}

async fn online(desk: &Desk, venue: &FakeVenue) {
    venue.set_online(true);
    desk.until_live().await;
    until("all is answered", || desk.status()["pending"] == 0).await;
}

/// A venue and a desk that let a band in which another desk had sent home meanwhile.
async fn refused_play() -> (FakeVenue, Desk, String) {
    let (venue, hour) = FakeVenue::with_hour();
    venue.state().raises_attention = true;
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    offline(&desk, &venue).await;
    desk.execute(&session("play", "B-1")).await.expect("taken");
    assert_eq!(desk.data(&["playerSession", "B-1"])["isActive"], json!(true));
    venue.execute(&session("end", "B-1"));
    online(&desk, &venue).await;
    until("it is on the list", || desk.data(&["attention"]).as_array().is_some_and(|list| list.len() == 1)).await;
    (venue, desk, hour)
}

fn entry_id(desk: &Desk) -> String {
    desk.data(&["attention"])[0]["id"].as_str().expect("an entry").to_owned()
}

async fn settle(console: &Console, id: &str, action: AttentionAction, reason: &str) -> Result<Value, String> {
    let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
    console.resolve(id, action, reason).await.map_err(|error| error.code().to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_the_venue_refused_goes_back_and_comes_on_the_list() {
    let (_venue, desk, _) = refused_play().await;
    assert_eq!(desk.data(&["playerSession", "B-1"]), json!(null));
    assert_eq!(desk.data(&["dashboardStats"])["activePlayers"], json!(0));
    let entry = &desk.data(&["attention"])[0];
    assert_eq!((&entry["kind"], &entry["rejection"]["code"]), (&json!("rejected"), &json!("unknown_band")), "{entry}");
    assert_eq!(entry["command"]["type"], "session.play");
    assert_eq!((&entry["money"], &entry["seconds"]), (&json!(null), &json!(null)));
    assert_eq!(entry["choices"], json!(["redo", "dismiss"]));
    assert!(entry["raisedAt"].is_string() && entry["commandId"].is_string());
    assert_eq!(entry.get("pending"), None);
    assert_eq!(desk.status()["attention"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_dismissed_without_a_link_and_later_everywhere() {
    let (venue, desk, _) = refused_play().await;
    let other = Desk::live(&venue).await;
    let id = entry_id(&desk);
    offline(&desk, &venue).await;
    desk.console.subscribe("page", vec![key(&["attention"])]);
    let mut pushes = desk.console.pushes();
    let no_reason = settle(&desk.console, &id, AttentionAction::Dismiss, "").await;
    assert_eq!(no_reason.expect_err("why"), "invalid_command");
    let no_money = settle(&desk.console, &id, AttentionAction::Correct, "Paid").await;
    assert_eq!(no_money.expect_err("nothing to correct"), "invalid_request");
    let entry = settle(&desk.console, &id, AttentionAction::Dismiss, "Went home").await.expect("settled");
    assert_eq!(entry["resolution"], json!({ "action": "dismiss", "reason": "Went home", "commandId": null }));
    assert_eq!((desk.data(&["attention"]), &desk.status()["attention"]), (json!([]), &json!(0)));
    let push = tokio::time::timeout(Duration::from_secs(5), pushes.recv()).await.expect("a push").expect("open");
    assert_eq!(push.updates[0].op, PushedOp::Set { data: json!([]) });
    assert_eq!(other.data(&["attention"]).as_array().map(Vec::len), Some(1));
    online(&desk, &venue).await;
    until("the other desk knows", || other.data(&["attention"]) == json!([])).await;
    let again = settle(&desk.console, &id, AttentionAction::Dismiss, "Again").await;
    assert_eq!(again.expect_err("settled"), "unknown_entry");
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_done_again_as_of_now_and_counts_once_however_many_do_it() {
    let (venue, desk, hour) = refused_play().await;
    let other = Desk::live(&venue).await;
    let id = entry_id(&desk);
    let too_early = settle(&desk.console, &id, AttentionAction::Redo, "").await;
    assert_eq!(too_early.expect_err("the desk's own no"), "unknown_band");
    assert_eq!(entry_id(&desk), id, "it stays on the list");
    venue.execute(&checkin("B-1", &hour));
    until("it is sold", || desk.bands() == ["B-1"] && other.bands() == ["B-1"]).await;
    venue.set_online(false);
    for desk in [&desk, &other] {
        until("offline", || desk.fresh() == "stale").await;
        let entry = settle(&desk.console, &id, AttentionAction::Redo, "").await.expect("done again");
        assert!(entry["resolution"]["commandId"].is_string());
        assert_eq!(desk.data(&["playerSession", "B-1"])["isActive"], json!(true));
    }
    online(&desk, &venue).await;
    online(&other, &venue).await;
    for desk in [&desk, &other] {
        until("it is once", || desk.data(&["dashboardStats"])["activePlayers"] == json!(1)).await;
    }
    let plays = venue.state().log.iter().filter(|event| event["name"] == "session:play").count();
    assert_eq!(plays, 1);
}

#[tokio::test(start_paused = true)]
async fn the_money_of_a_refused_sale_is_recorded() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.state().raises_attention = true;
    let mut socks = product("Socks", 2.0, None);
    socks["product"]["required"] = json!(true);
    venue.execute(&socks);
    let desk = Desk::live(&venue).await;
    offline(&desk, &venue).await;
    desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(12.5));
    venue.execute(&json!({ "type": "settings.update", "changes": { "requiredProductsEnforced": true } }));
    online(&desk, &venue).await;
    until("it is on the list", || desk.status()["attention"] == 1).await;
    assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(0));
    let entry = &desk.data(&["attention"])[0];
    assert_eq!((&entry["money"], &entry["seconds"]), (&json!(12.5), &json!(3_600)), "{entry}");
    assert_eq!(entry["choices"], json!(["redo", "correct", "dismiss"]));
    offline(&desk, &venue).await;
    settle(&desk.console, &entry_id(&desk), AttentionAction::Correct, "Cash is in the till").await.expect("recorded");
    assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(12.5), "at once");
    online(&desk, &venue).await;
    assert_eq!(desk.data(&["dashboardStats"])["todayRevenue"], json!(12.5));
    assert_eq!(desk.data(&["attention"]), json!([]));
}

/// A sale of 30 lines, with something of so many bytes beside it that this version does not know.
fn large_sale(hour: &str, beside: usize) -> Value {
    let band = |n: usize| format!("{}{n:02}", "\u{2070e}".repeat(62));
    let lines: Vec<_> = (0..30).map(|n| json!({ "barcodeId": band(n), "productId": hour, "quantity": 1 })).collect();
    json!({ "type": "sale.create", "lines": lines, "remark": "x".repeat(beside) })
}

#[tokio::test(start_paused = true)]
async fn the_largest_sale_is_kept_in_its_entry_and_done_again_and_one_that_was_not_kept_is_not_offered() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.state().raises_attention = true;
    let mut socks = product("Socks", 2.0, None);
    socks["product"]["required"] = json!(true);
    venue.execute(&socks);
    let desk = Desk::live(&venue).await;
    offline(&desk, &venue).await;
    let (kept, lost) = (large_sale(&hour, 0), large_sale(&hour, 16 << 10));
    assert!(kept.to_string().len() > 9 << 10);
    for sale in [&kept, &lost] {
        desk.execute(sale).await.expect("taken");
    }
    let insist = |on: bool| json!({ "type": "settings.update", "changes": { "requiredProductsEnforced": on } });
    venue.execute(&insist(true));
    online(&desk, &venue).await;
    until("both are on the list", || desk.status()["attention"] == 2).await;
    let entries = desk.data(&["attention"]);
    let entries = entries.as_array().expect("entries");
    let of = |choices: Value| entries.iter().find(|entry| entry["choices"] == choices).expect("an entry");
    let whole = of(json!(["redo", "correct", "dismiss"]));
    assert_eq!(whole["command"]["lines"], kept["lines"], "every line of it");
    let trimmed = of(json!(["correct", "dismiss"]));
    assert_eq!(trimmed["command"], json!({ "type": "sale.create" }));
    assert_eq!((&trimmed["money"], &whole["money"]), (&json!(375), &json!(375)));
    let (whole, trimmed) = (whole["id"].as_str().expect("an id"), trimmed["id"].as_str().expect("an id"));
    let refused = settle(&desk.console, trimmed, AttentionAction::Redo, "").await;
    assert_eq!(refused.expect_err("there is nothing to do again"), "invalid_request");
    venue.execute(&insist(false));
    until("it is known", || desk.data(&["systemSettings"])["requiredProductsEnforced"] == json!(false)).await;
    settle(&desk.console, whole, AttentionAction::Redo, "").await.expect("done again");
    assert_eq!(desk.bands().len(), 30);
    online(&desk, &venue).await;
    assert_eq!((desk.bands().len(), desk.status()["attention"].clone()), (30, json!(1)));
}

#[tokio::test(start_paused = true)]
async fn a_play_whose_place_is_gone_is_not_done_again_and_its_entry_stays() {
    let (venue, hour) = FakeVenue::with_hour();
    venue.state().raises_attention = true;
    venue.execute(&json!({ "type": "settings.update", "changes": { "capacityPolicy": "strict" } }));
    venue.execute(&checkin("B-1", &hour));
    let desk = Desk::live(&venue).await;
    venue.state().lend(&desk.sync_status().device.id, &["p-1"]);
    until("it has the place", || {
        venue.heartbeat();
        desk.status()["places"]["held"] == 1
            && venue.state().lease_calls.last().is_some_and(|call| call.held.len() == 1)
    })
    .await;
    offline(&desk, &venue).await;
    desk.execute(&session("play", "B-1")).await.expect("taken");
    venue.execute(&session("end", "B-1"));
    online(&desk, &venue).await;
    until("it is on the list", || desk.status()["attention"] == 1).await;
    venue.execute(&checkin("B-1", &hour));
    until("it is sold again", || desk.bands() == ["B-1"]).await;
    until("the place is free again", || desk.status()["places"] == json!({ "held": 1, "spent": 0 })).await;
    // Somebody else works on the file: the place that was read a moment before can't be taken any more.
    let file = rusqlite::Connection::open(desk.folder.path().join("outbox.sqlite")).expect("the outbox");
    file.execute_batch("CREATE TRIGGER held BEFORE DELETE ON places BEGIN SELECT RAISE(IGNORE); END").expect("held");
    let (id, before) = (entry_id(&desk), desk.data(&["commands"]));
    let refused = settle(&desk.console, &id, AttentionAction::Redo, "").await;
    assert_eq!(refused.expect_err("no place, no GO"), "disk");
    assert_eq!(desk.data(&["playerSession", "B-1"])["isActive"], json!(false), "nobody is shown as inside");
    assert_eq!(desk.data(&["commands"]), before, "nothing was queued");
    assert_eq!(entry_id(&desk), id, "and it is still to be done");
    file.execute_batch("DROP TRIGGER held").expect("dropped");
    settle(&desk.console, &id, AttentionAction::Redo, "").await.expect("done again");
    assert_eq!(desk.data(&["playerSession", "B-1"])["isActive"], json!(true));
    assert_eq!(desk.status()["places"], json!({ "held": 1, "spent": 1 }), "on its place");
}

#[tokio::test(start_paused = true)]
async fn what_a_desk_puts_on_the_list_itself_shows_at_once() {
    let (venue, _) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    offline(&desk, &venue).await;
    let raise = json!({ "type": "attention.raise", "kind": "clockStep", "message": "The clock was set." });
    desk.execute(&raise).await.expect("taken");
    let entry = &desk.data(&["attention"])[0];
    assert_eq!((&entry["kind"], &entry["pending"]), (&json!("clockStep"), &json!(true)));
    assert_eq!(entry["choices"], json!(["dismiss"]));
}

#[tokio::test(start_paused = true)]
async fn a_stored_command_that_can_not_be_read_is_on_the_list_and_stops_nothing() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    offline(&desk, &venue).await;
    let bent = desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    desk.execute(&checkin("B-2", &hour)).await.expect("taken");
    let Desk { folder, console } = desk;
    console.shutdown().await;
    let file = rusqlite::Connection::open(folder.path().join("outbox.sqlite")).expect("the outbox");
    file.execute("UPDATE commands SET command = '{\"type\":\"new.thing\"}' WHERE command_id = ?1", [&bent.command_id])
        .expect("bent");
    drop(file);
    let console = crate::support::desk::open_in(folder.path(), &venue).expect("it starts");
    let desk = Desk { folder, console };
    assert_eq!(desk.bands(), ["B-2"]);
    let entry = &desk.data(&["attention"])[0];
    assert_eq!((&entry["kind"], &entry["pending"]), (&json!("unreadable"), &json!(true)), "{entry}");
    assert_eq!((&entry["code"], &entry["params"]), (&json!("command_unreadable"), &json!({})), "{entry}");
    let told = desk.data(&["commands"]);
    assert_eq!(told.as_array().map(Vec::len), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_stored_command_that_is_bent_while_it_waits_shows_no_longer_and_is_on_the_list() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    venue.state().undecided = true;
    let bent = desk.execute(&checkin("B-1", &hour)).await.expect("taken");
    desk.execute(&checkin("B-2", &hour)).await.expect("taken");
    let file = rusqlite::Connection::open(desk.folder.path().join("outbox.sqlite")).expect("the outbox");
    file.execute("UPDATE commands SET command = 'x' WHERE command_id = ?1", [&bent.command_id]).expect("bent");
    drop(file);
    until("it is on the list", || desk.status()["attention"] == 1).await;
    assert_eq!(desk.data(&["attention"])[0]["kind"], "unreadable");
    assert_eq!(desk.bands(), ["B-2"], "what was never sent does not look sold");
    venue.state().undecided = false;
    until("the others are answered", || desk.status()["pending"] == 0).await;
    assert_eq!(desk.bands(), ["B-2"]);
}

#[tokio::test(start_paused = true)]
async fn the_newest_commands_and_who_has_seen_them_are_told() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    desk.console.subscribe("page", vec![key(&["commands"])]);
    let mut pushes = desk.console.pushes();
    let fate = desk.settle(&checkin("B-1", &hour)).await;
    let push = tokio::time::timeout(Duration::from_secs(5), pushes.recv()).await.expect("a push").expect("open");
    assert_eq!(push.updates[0].op, PushedOp::Invalidate);
    for n in 0..120 {
        desk.execute(&checkin(&format!("B-{n}"), &hour)).await.expect("taken");
    }
    let told = desk.data(&["commands"]);
    assert_eq!(told.as_array().map(Vec::len), Some(100));
    assert_eq!((&told[0]["command"]["barcodeId"], &told[0]["offline"]), (&json!("B-119"), &json!(false)));
    assert!(told[0]["tappedAt"].is_string() && told[0]["state"].is_string());
    let seen = desk.console.fate_seen(&fate.command_id).await.expect("a fate");
    assert_eq!((seen.fate.state, seen.seen_by), (fate.state, Some(1)));
    offline(&desk, &venue).await;
    let unknown = desk.console.fate_seen(&fate.command_id).await.expect("a fate");
    assert_eq!(serde_json::to_value(unknown).expect("JSON")["seenBy"], json!(null));
    let none = desk.console.fate_seen("0190c6a0-0000-7000-8000-000000000009").await.expect_err("unknown");
    assert_eq!(none.code(), "unknown_command");
}

#[tokio::test(start_paused = true)]
async fn the_status_says_since_when_something_waits() {
    let (venue, hour) = FakeVenue::with_hour();
    let desk = Desk::live(&venue).await;
    assert_eq!(desk.status()["oldestPendingAt"], json!(null));
    assert_eq!(desk.status()["places"], json!({ "held": 0, "spent": 0 }));
    offline(&desk, &venue).await;
    let request = ExecuteRequest::of(&checkin("B-1", &hour)).expect("a command");
    let executed = desk.console.execute(request).await.expect("taken");
    let fate = desk.console.fate(&executed.command_id).expect("read").expect("kept");
    assert_eq!(desk.status()["oldestPendingAt"], json!(fate.tapped_at));
}
