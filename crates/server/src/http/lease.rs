//! `/api/sync/lease`: which free places a desk may fill without asking (`sync.md` rule 21), and how a play that finds
//! only lent ones gets one of them back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Json, extract::State};
use gangway_domain::{
    band::BarcodeId,
    command::Command,
    ids::{DeviceId, PlaceId},
    settings::CapacityPolicy,
    time::{Millis, VenueTime},
    venue::Venue,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{
    app::App,
    error::ApiError,
    input::{Caller, JsonObject},
};
use crate::{
    dispatcher::{HEAD_INTERVAL_MS, Notice},
    execute::{Batch, Intent, LATE_MS, LeaseCall, Request, SeenTurn},
    realtime::Profile,
};

/// A desk that called within so many heartbeats is live.
const LIVE_HEARTBEATS: u64 = 3;
/// Most places that a desk names.
const NAMED_MAX: usize = 5_000;
/// The longest id, and the longest `turn`.
const ID_MAX: usize = 64;
/// How long a play may wait for a place to come back (`sync.md` rule 21).
const RECALL_MAX: Duration = Duration::from_millis(500);

/// The desks that call for places, and the plays that wait for one.
#[derive(Debug, Default)]
pub struct Desks {
    called: Mutex<BTreeMap<DeviceId, VenueTime>>,
    wanted: AtomicU32,
}

/// Places that plays wait for; they are lent to nobody as long as this lives.
pub struct Wanted {
    desks: Arc<Desks>,
    places: u32,
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.desks.wanted.fetch_sub(self.places, Relaxed);
    }
}

impl Desks {
    fn called(&self) -> MutexGuard<'_, BTreeMap<DeviceId, VenueTime>> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that called a moment ago.
    fn live(&self, now: VenueTime) -> BTreeSet<DeviceId> {
        let silence_ms = Millis::try_from(LIVE_HEARTBEATS * HEAD_INTERVAL_MS).unwrap_or(Millis::MAX);
        let mut called = self.called();
        called.retain(|_, at| now.since(*at) <= silence_ms);
        called.keys().cloned().collect()
    }

    fn want(self: &Arc<Self>, places: u32) -> Wanted {
        self.wanted.fetch_add(places, Relaxed);
        Wanted { desks: self.clone(), places }
    }
}

#[derive(Deserialize)]
struct Named {
    held: Vec<PlaceId>,
    spent: Vec<PlaceId>,
    /// Absent: it says none; null: it has no answer yet.
    #[serde(default, deserialize_with = "some_turn")]
    turn: Option<Option<String>>,
}

fn some_turn<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Says which places a desk may fill from now on, given those that it holds and those that its plays spend.
#[utoipa::path(post, path = "/api/sync/lease", tag = "sync", request_body = super::schema::LeaseCall,
    responses((status = 200, body = super::schema::Lease), (status = 400, body = super::schema::ApiError)))]
pub async fn lease(State(app): State<App>, caller: Caller, body: JsonObject) -> Result<Json<Value>, ApiError> {
    let device = caller.device_id.ok_or_else(|| ApiError::bad("device_required", "Places are lent to a device."))?;
    let Named { held, spent, turn } =
        gangway_domain::command::read(&body.0).map_err(|error| ApiError::bad("invalid_lease", error.to_string()))?;
    let ids = held.iter().chain(&spent).map(PlaceId::as_str).chain(turn.iter().flatten().map(String::as_str));
    let (mut ids, named) = (ids, held.len() + spent.len());
    if named > NAMED_MAX || ids.any(|id| id.is_empty() || id.len() > ID_MAX) {
        let sentence = format!("A desk names at most {NAMED_MAX} places, each with 1 to {ID_MAX} characters.");
        return Err(ApiError::bad("invalid_lease", sentence));
    }
    let now = app.now();
    app.desks.called().insert(device.clone(), now);
    let call = LeaseCall {
        device,
        held: held.into_iter().collect(),
        spent: spent.into_iter().collect(),
        seen: match turn {
            None => SeenTurn::Unsaid,
            Some(None) => SeenTurn::None,
            Some(Some(turn)) => SeenTurn::Answer(turn),
        },
        live: app.live(now),
        wanted: app.desks.wanted.load(Relaxed),
    };
    let lease = app.store.lease(call).await?;
    Ok(Json(json!({ "places": lease.places, "turn": lease.turn })))
}

impl App {
    /// The desks that can be reached.
    fn live(&self, now: VenueTime) -> BTreeSet<DeviceId> {
        let mut live = self.desks.live(now);
        live.extend(self.sockets.devices(Profile::Lean));
        live
    }

    /// Asks desks for places where plays of `batch` find only lent ones, and waits for them a moment. What is given
    /// back stays free for these plays as long as the answer lives.
    pub(super) async fn recall(&self, batch: &Batch) -> Option<Wanted> {
        let now = self.now();
        let waiting: Vec<&BarcodeId> = batch.iter().filter_map(|request| waits_for_a_place(request, now)).collect();
        if waiting.is_empty() {
            return None;
        }
        let want = |venue: &Venue| wanted(venue, &waiting);
        let strict = self.mirror.with(|mirror| mirror.venue.settings().capacity_policy == CapacityPolicy::Strict);
        if !strict {
            return None;
        }
        // The mirror follows within a few ms; one that does not must not hold up the gate.
        let seen = tokio::time::timeout(RECALL_MAX, self.mirror.reach(self.store.commits().seq())).await;
        let live = self.live(now);
        let (wanted, can_come_back) = self.mirror.with(|mirror| {
            let lent = mirror.venue.places().any(|place| !place.written_off && live.contains(&place.device_id));
            (want(&mirror.venue), lent)
        });
        if seen.is_err() || wanted == 0 || !can_come_back {
            return None;
        }
        let places = self.desks.want(wanted);
        self.metrics.places_recalled();
        // Where carts fill the channel, desks come back with their next heartbeat.
        let _ = self.notices.try_send(Notice::Lease);
        let mut moved = self.mirror.watch();
        let room =
            async { while self.mirror.with(|mirror| want(&mirror.venue)) > 0 && moved.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(RECALL_MAX, room).await;
        Some(places)
    }
}

/// The band that somebody at the gate waits with, if only a free place lets it in. Nobody waits any more for what comes
/// late.
fn waits_for_a_place(request: &Request, now: VenueTime) -> Option<&BarcodeId> {
    let late = request.occurred_at.is_some_and(|moment| now.since(moment) > LATE_MS);
    match &request.intent {
        Intent::Command(Command::Play(band)) if !late && !is_inside(request) => Some(band),
        Intent::Command(_) | Intent::Forbidden(_) | Intent::Invalid { .. } => None,
    }
}

/// The gate has said GO, or staff do it anyway.
fn is_inside(request: &Request) -> bool {
    request.place.is_some() || request.accepted_in.is_some() || request.force.is_some()
}

/// How many of `waiting` find no place but lent ones.
fn wanted(venue: &Venue, waiting: &[&BarcodeId]) -> u32 {
    let can_play = |band: &&&BarcodeId| {
        venue.live_session(band).is_some_and(|session| session.open_segment.is_none() && session.is_listed())
    };
    let plays = u32::try_from(waiting.iter().filter(can_play).count()).unwrap_or(u32::MAX);
    let empty = venue.settings().max_occupancy.saturating_sub(venue.playing());
    let free = empty.saturating_sub(venue.lent());
    plays.min(empty).saturating_sub(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_live_for_three_heartbeats_after_its_call() {
        let desks = Desks::default();
        let desk = DeviceId::from("d");
        let called_at = VenueTime(1_000);
        desks.called().insert(desk.clone(), called_at);
        assert_eq!(desks.live(called_at.plus(15_000)), BTreeSet::from([desk]));
        assert_eq!(desks.live(called_at.plus(15_001)), BTreeSet::new());
        assert!(desks.called().is_empty(), "nor is it remembered");
    }
}
