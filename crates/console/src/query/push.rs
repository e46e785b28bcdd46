//! At most one message a frame, of the keys that somebody looks at.

use std::{sync::Arc, time::Duration};

use gangway_domain::ids::Seq;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    key::{QueryKey, Topic},
    rules::{Given, Op, Update},
};
use crate::{
    core::{Core, Desk, View},
    status::Freshness,
};

/// One frame of a screen.
pub const FRAME: Duration = Duration::from_millis(16);
/// The status is pushed at most this often.
pub const STATUS_EVERY: Duration = Duration::from_millis(250);

/// One message to the window.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// Always `updates`.
    pub push: &'static str,
    /// Where the rows stood; none before the first snapshot.
    pub seq: Option<Seq>,
    /// Counted from 1; the page names it when it has painted.
    pub push_id: u64,
    /// What changed.
    pub updates: Arc<[PushedUpdate]>,
}

/// The update of one key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PushedUpdate {
    /// As it was subscribed.
    pub key: QueryKey,
    /// How it changes.
    #[serde(flatten)]
    pub op: PushedOp,
    /// How old it is.
    pub freshness: Freshness,
}

/// How a key changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum PushedOp {
    /// To this.
    Set {
        /// The whole new data.
        data: Value,
    },
    /// It is to be asked for again.
    Invalidate,
}

/// Pushes until it is ended.
pub(crate) async fn run(core: Arc<Core>) {
    let mut last_push: Option<Instant> = None;
    let mut last_status: Option<Instant> = None;
    loop {
        let status_waits = core.desk().status_moved.then(|| last_status.map(|last| last + STATUS_EVERY)).flatten();
        tokio::select! {
            biased;
            () = core.to_push.notified() => {}
            () = until(status_waits) => {}
        }
        if let Some(last) = last_push {
            sleep_until(last + FRAME).await;
        }
        let now = now();
        let with_status = last_status.is_none_or(|last| now >= last + STATUS_EVERY);
        match push(&core, with_status) {
            Pushed::Nothing => {}
            Pushed::Updates { status } => {
                last_push = Some(now);
                if status {
                    last_status = Some(now);
                }
            }
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the frame is a timer's business, not the venue's")]
fn now() -> Instant {
    Instant::now()
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

enum Pushed {
    Nothing,
    Updates {
        /// The status was among them.
        status: bool,
    },
}

fn push(core: &Core, with_status: bool) -> Pushed {
    let (mut updates, since_us, status) = {
        let mut desk = core.desk();
        let (updates, since_us) = desk.pending.take();
        let status = with_status && std::mem::take(&mut desk.status_moved);
        let updates: Vec<_> = updates.into_iter().filter(|update| is_looked_at(&desk, &update.topic)).collect();
        let status = status && is_looked_at(&desk, &Topic::SyncStatus);
        (updates, since_us, status)
    };
    if status {
        let status = serde_json::to_value(core.status_at_once()).unwrap_or_default();
        updates.push(Update { topic: Topic::SyncStatus, op: Op::Set(Given::Data(status)) });
    }
    if updates.is_empty() {
        return Pushed::Nothing;
    }
    let view = core.view();
    let resolved: Vec<_> = updates.into_iter().map(|update| resolve(core, &view, update)).collect();
    let freshness = view.freshness();
    let mut desk = core.desk();
    let mut pushed = Vec::new();
    for (topic, op, fallback) in resolved {
        desk.metrics.count_update(topic.name(), matches!(op, PushedOp::Set { .. }), fallback);
        for key in desk.subscriptions.keys_of(&topic) {
            pushed.push(PushedUpdate { key: key.clone(), op: op.clone(), freshness: freshness.clone() });
        }
    }
    desk.push_id += 1;
    let push_id = desk.push_id;
    if let Some(since_us) = since_us {
        desk.metrics.pushed(push_id, since_us, core.clock.mono_us());
    }
    // Sent under the lock, so that ids go out in order.
    let push = Push { push: "updates", seq: freshness.as_of_seq, push_id, updates: pushed.into() };
    let _ = core.pushes.send(push);
    Pushed::Updates { status }
}

fn is_looked_at(desk: &Desk, topic: &Topic) -> bool {
    !desk.subscriptions.keys_of(topic).is_empty()
}

/// The update with its data; an invalidate where there is none.
fn resolve(core: &Core, view: &View, update: Update) -> (Topic, PushedOp, bool) {
    let Update { topic, op } = update;
    let data = match op {
        Op::Invalidate { fallback } => return (topic, PushedOp::Invalidate, fallback),
        Op::Set(Given::Data(data)) => Some(data),
        Op::Set(Given::Rows) => core.data(view, &topic),
        Op::Set(Given::Part(part)) => core.data(view, &topic).map(|mut base| {
            if let Some(object) = base.as_object_mut() {
                object.extend(part);
            }
            base
        }),
    };
    match data {
        Some(data) => (topic, PushedOp::Set { data }, false),
        None => (topic, PushedOp::Invalidate, true),
    }
}
