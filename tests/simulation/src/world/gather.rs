//! What can be read of a venue from outside: before it closes for long, and when all is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{MORNING_MS, World};
use crate::{
    chaos,
    check::Check,
    desk::Desk,
    dice::Dice,
    ledger::Tap,
    machine::Death,
    oracle::{Closed, DeskFacts, Facts, Rows},
    server::Ask,
};

/// Longer than outcomes, events and answered commands are kept.
const HOLIDAYS: Duration = Duration::from_secs(33 * 86_400);
/// Until nothing is on its way any more.
const SETTLES: Duration = Duration::from_secs(60);
/// 07:00, when the operational day begins.
const DAY: (i64, i64) = (MORNING_MS - 3 * 3_600_000, MORNING_MS + 21 * 3_600_000);

impl World {
    async fn get(&self, target: &str) -> Option<(u16, String)> {
        let reply = self.servers.own.ask(Ask::get(target, None)).await.ok()?;
        Some((reply.status, String::from_utf8(reply.body.to_vec()).ok()?))
    }

    pub(super) async fn snapshot(&self) -> Option<(Value, Rows)> {
        let (_, text) = self.get("/api/sync/snapshot").await.filter(|(status, _)| *status == 200)?;
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let header = lines.next()?;
        let mut rows = Rows::new();
        for mut line in lines {
            let text = |name: &str| line[name].as_str().map(str::to_owned);
            if let (Some(collection), Some(id)) = (text("collection"), text("id")) {
                rows.insert((collection, id), line["row"].take());
            }
        }
        Some((header, rows))
    }

    /// All of it; what was trimmed since was read before.
    async fn log(&self) -> Vec<Value> {
        let mut log = self.read.clone();
        let mut after = log.len() as u64;
        loop {
            let page = self.get(&format!("/api/sync/events?after={after}&limit=1000")).await;
            let Some((200, text)) = page else { return log };
            let mut page: Value = serde_json::from_str(&text).unwrap_or_default();
            let Value::Array(events) = page["events"].take() else { return log };
            let through = page["through"].as_u64().unwrap_or(after);
            if through <= after {
                return log;
            }
            after = through;
            log.extend(events);
        }
    }

    /// The server's outcomes of all commands that were tapped, or are in the log.
    async fn outcomes(&self, taps: &[Tap], log: &[Value]) -> BTreeMap<String, Value> {
        let mut outcomes = BTreeMap::new();
        let logged = log.iter().filter_map(|event| event["commandId"].as_str());
        let ids: BTreeSet<&str> =
            taps.iter().map(|tap| &*tap.id).chain(self.others.iter().map(|id| &**id)).chain(logged).collect();
        for id in ids {
            if let Some((200, text)) = self.get(&format!("/api/commands/{id}")).await {
                let mut outcome: Value = serde_json::from_str(&text).unwrap_or_default();
                // Who has seen it by now is no part of it.
                outcome.as_object_mut().map(|fields| fields.remove("seenBy"));
                outcomes.insert(id.to_owned(), outcome);
            }
        }
        outcomes
    }

    /// Everybody goes home for longer than anything is kept. What will be forgotten is read before.
    pub(super) async fn close_for_long(&mut self) {
        self.trace.say("world", "the venue closes for long");
        let taps = self.ledger.taps();
        let mut closed = Closed::default();
        for desk in &self.desks {
            for tap in taps.iter().filter(|tap| tap.desk == desk.index()) {
                if let Some(fate) = desk.fate(&tap.id) {
                    closed.fates.insert((desk.index(), tap.id.clone()), fate);
                }
            }
            // In the very moment in which it was read, so that nothing comes after.
            desk.machine().die(Death::Kill);
            self.counts.crashes.fetch_add(1, Relaxed);
            desk.bury().await;
        }
        sleep(SETTLES).await;
        closed.at_ms = self.time.now_ms();
        self.read = self.log().await;
        closed.events = self.read.len() as u64;
        closed.outcomes = self.outcomes(&taps, &self.read).await;
        self.servers.own.machine().die(Death::Kill);
        self.counts.crashes.fetch_add(1, Relaxed);
        self.servers.own.bury().await;
        self.closed = Some(closed);
        sleep(HOLIDAYS).await;
        self.heal();
        self.trace.say("world", "the venue opens again");
        chaos::serve(&self.servers.own, &Dice::of(self.seed, "world again")).await;
    }

    pub(super) async fn facts(&mut self) -> Facts {
        let (header, rows) = self.snapshot().await.unwrap_or_default();
        let taps = self.ledger.taps();
        let log = self.log().await;
        let outcomes = self.outcomes(&taps, &log).await;
        let desks = self.desks.iter().map(|desk| {
            let rows = desk.rows().unwrap_or_default().into_iter();
            let fates = taps.iter().filter(|tap| tap.desk == desk.index());
            DeskFacts {
                name: desk.machine().name().to_owned(),
                status: desk.status().and_then(|status| serde_json::to_value(status).ok()).unwrap_or_default(),
                rows: rows.map(|(place, row)| (place, serde_json::from_str(&row).unwrap_or_default())).collect(),
                shown: shown(desk),
                fates: fates.filter_map(|tap| Some((tap.id.clone(), desk.fate(&tap.id)?))).collect(),
                stats: desk.shows(&["dashboardStats"]),
            }
        });
        let trimmed = self.get("/api/sync/events?after=0").await.is_some_and(|(status, _)| status == 410);
        if self.closed.is_some() && !trimmed {
            self.fail(Check::Runs, "the log is not trimmed after a month");
        }
        let is_one_day = !self.plan.midnight && !self.plan.closes;
        Facts {
            desks: desks.collect(),
            log,
            header,
            rows,
            outcomes,
            others: self.others.clone(),
            taps,
            settled: self.ledger.settled(),
            closed: self.closed.take(),
            day: is_one_day.then_some(DAY),
            is_restored: self.is_restored(),
            is_strict: self.plan.strict,
            places: self.plan.places,
        }
    }
}

/// What a desk shows that is the same on every desk at any moment.
fn shown(desk: &Desk) -> Value {
    let session = |row: &Value| json!([row["barcodeId"], row["status"], row["totalAllowedSeconds"], row["pending"]]);
    let sessions = desk.shows(&["activeSessions"]);
    let mut sessions: Vec<Value> = sessions.as_array().into_iter().flatten().map(session).collect();
    sessions.sort_by_key(Value::to_string);
    json!({ "products": desk.shows(&["products"]), "sessions": sessions, "transactions": desk.shows(&["transactions"]) })
}
