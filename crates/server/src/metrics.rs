//! Figures for `/metrics`, one set per server, so that a hosted one and a test keep theirs apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use gangway_domain::ids::{DeviceId, Position};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::realtime::Profile;

/// The bounds, in seconds, of the histograms of times.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Desks of which figures are kept; more than any venue has.
const DESKS_MAX: usize = 1_000;

/// The server's figures.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// The venue's file, whose size is a figure.
    database: OnceLock<PathBuf>,
    /// What each desk has said last that it has applied.
    applied: Mutex<BTreeMap<DeviceId, Position>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let builder = PrometheusBuilder::new();
        // The bounds are a constant that is not empty, which is all that is asked of them.
        let builder = builder.set_buckets(&SECONDS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let metrics = Self { recorder, handle, database: OnceLock::new(), applied: Mutex::default() };
        with_local_recorder(&metrics.recorder, || {
            describe();
            gauge!("gangway_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        });
        metrics
    }
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Stands as it is.
    Gauge,
    /// How many took how long.
    Histogram,
}

/// Every figure of `/metrics`, with what it means; `docs/operations.md` and `deploy/` speak of these alone.
pub const FIGURES: [(&str, Kind, &str); 24] = [
    ("gangway_events_logged_total", Kind::Counter, "Events of the log that were emitted or skipped"),
    ("gangway_events_emitted_total", Kind::Counter, "Events sent, by event and room"),
    ("gangway_event_bytes_total", Kind::Counter, "Bytes of events sent, by event and room"),
    ("gangway_emission_lag_seconds", Kind::Histogram, "From the commit of an event to its emission"),
    ("gangway_emission_failures_total", Kind::Counter, "Emissions that failed and are tried again"),
    ("gangway_emissions_skipped_total", Kind::Counter, "Emissions given up; clients ask the log"),
    ("gangway_connections", Kind::Gauge, "Sockets, by room"),
    ("gangway_socket_connects_total", Kind::Counter, "Sockets that were let in, by room"),
    ("gangway_sockets_closed_slow_total", Kind::Counter, "Sockets closed because they did not read"),
    ("gangway_socket_messages_ignored_total", Kind::Counter, "Messages of clients that nobody asked for"),
    ("gangway_desk_events_applied_total", Kind::Counter, "Events that a desk has confirmed to have applied"),
    ("gangway_desk_behind_events", Kind::Gauge, "Events that a connected desk has not confirmed yet"),
    ("gangway_desk_connected", Kind::Gauge, "Whether a desk has a socket"),
    ("gangway_commands_total", Kind::Counter, "Commands, by outcome"),
    ("gangway_rejections_total", Kind::Counter, "Rejected commands, by code"),
    ("gangway_http_request_seconds", Kind::Histogram, "HTTP calls, by method, route and status"),
    ("gangway_attention_open", Kind::Gauge, "Open entries of the attention list"),
    ("gangway_places_lent", Kind::Gauge, "Free places lent to desks"),
    ("gangway_place_recalls_total", Kind::Counter, "Times that desks were asked for their places"),
    ("gangway_database_bytes", Kind::Gauge, "Size of the venue's file, with its log of writes"),
    ("gangway_backup_last_success_timestamp_seconds", Kind::Gauge, "When the last copy was made"),
    ("gangway_backup_failures_total", Kind::Counter, "Copies that failed"),
    ("gangway_certificate_expires_timestamp_seconds", Kind::Gauge, "When the certificate ends"),
    ("gangway_build_info", Kind::Gauge, "1, with the version"),
];

fn describe() {
    for (name, kind, meaning) in FIGURES {
        match kind {
            Kind::Counter => describe_counter!(name, meaning),
            Kind::Gauge => describe_gauge!(name, meaning),
            Kind::Histogram => describe_histogram!(name, meaning),
        }
    }
}

impl Metrics {
    /// The file whose size is a figure.
    pub fn watch_database(&self, file: PathBuf) {
        // A second one would be another server's.
        let _ = self.database.set(file);
    }

    /// The Prometheus text.
    pub fn render(&self) -> String {
        if let Some(file) = self.database.get() {
            let size = |file: &Path| file.metadata().map_or(0, |metadata| metadata.len());
            let bytes = size(file) + size(&file.with_extension("sqlite-wal"));
            with_local_recorder(&self.recorder, || gauge!("gangway_database_bytes").set(figure(bytes)));
        }
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// An event went out to `receivers` sockets of a room.
    pub fn emitted(&self, event: &'static str, room: Profile, bytes: usize, receivers: usize) {
        let bytes = u64::try_from(bytes.saturating_mul(receivers)).unwrap_or(u64::MAX);
        with_local_recorder(&self.recorder, || {
            counter!("gangway_events_emitted_total", "event" => event, "room" => room.as_str()).increment(1);
            counter!("gangway_event_bytes_total", "event" => event, "room" => room.as_str()).increment(bytes);
        });
    }

    /// How long after its commit an event went out.
    pub fn emission_lag(&self, lag: Duration) {
        with_local_recorder(&self.recorder, || histogram!("gangway_emission_lag_seconds").record(lag));
    }

    /// An emission failed and will be tried again.
    pub fn emission_failed(&self, event: &'static str) {
        with_local_recorder(&self.recorder, || {
            counter!("gangway_emission_failures_total", "event" => event).increment(1);
        });
    }

    /// An emission failed for good; clients find the hole and ask for it.
    pub fn emission_skipped(&self, event: &'static str) {
        with_local_recorder(&self.recorder, || {
            counter!("gangway_emissions_skipped_total", "event" => event).increment(1);
        });
    }

    /// How many sockets a room has.
    pub fn connections(&self, room: Profile, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        with_local_recorder(&self.recorder, || {
            gauge!("gangway_connections", "room" => room.as_str()).set(f64::from(count));
        });
    }

    /// A socket was closed because it did not read.
    pub fn socket_too_slow(&self) {
        with_local_recorder(&self.recorder, || counter!("gangway_sockets_closed_slow_total").increment(1));
    }

    /// A socket was let in.
    pub fn socket_connected(&self, room: Profile) {
        with_local_recorder(&self.recorder, || {
            counter!("gangway_socket_connects_total", "room" => room.as_str()).increment(1);
        });
    }

    /// An event of the log went out, or was given up.
    pub fn logged(&self, events: u64) {
        with_local_recorder(&self.recorder, || counter!("gangway_events_logged_total").increment(events));
    }

    /// A desk says how far it has applied the log: what came to its screen, not what was sent to it.
    pub fn applied(&self, device: &DeviceId, position: &Position) {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        if applied.len() >= DESKS_MAX && !applied.contains_key(device) {
            return;
        }
        let before = applied.insert(device.clone(), position.clone());
        let same_log = before.filter(|before| before.epoch == position.epoch);
        // With its first word a desk says where it is, not what it was given.
        let more = same_log.map_or(0, |before| position.seq.saturating_sub(before.seq));
        with_local_recorder(&self.recorder, || {
            counter!("gangway_desk_events_applied_total", "device" => device.to_string()).increment(more);
        });
    }

    /// The desks that have sockets, and where the log is: how far each is behind.
    pub fn desks(&self, connected: &BTreeSet<DeviceId>, head: &Position) {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        with_local_recorder(&self.recorder, || {
            for (device, at) in applied.iter() {
                let is_connected = connected.contains(device);
                gauge!("gangway_desk_connected", "device" => device.to_string()).set(f64::from(u8::from(is_connected)));
                let behind = if at.epoch == head.epoch { head.seq.saturating_sub(at.seq) } else { head.seq };
                let behind = if is_connected { behind } else { 0 };
                gauge!("gangway_desk_behind_events", "device" => device.to_string()).set(figure(behind));
            }
        });
    }

    /// A copy of the venue was made at that Unix time.
    pub fn backed_up(&self, at_s: i64) {
        let at = u64::try_from(at_s).unwrap_or(0);
        with_local_recorder(&self.recorder, || {
            gauge!("gangway_backup_last_success_timestamp_seconds").set(figure(at));
        });
    }

    /// A copy of the venue could not be made.
    pub fn backup_failed(&self) {
        with_local_recorder(&self.recorder, || counter!("gangway_backup_failures_total").increment(1));
    }

    /// The certificate counts until that Unix time.
    pub fn certificate_expires(&self, at_s: i64) {
        let at = u64::try_from(at_s).unwrap_or(0);
        with_local_recorder(&self.recorder, || {
            gauge!("gangway_certificate_expires_timestamp_seconds").set(figure(at));
        });
    }

    /// A command was rejected with `code`.
    pub fn rejected(&self, code: &str) {
        with_local_recorder(&self.recorder, || {
            counter!("gangway_rejections_total", "code" => code.to_owned()).increment(1);
        });
    }

    /// A client sent what nobody asked it for.
    pub fn message_ignored(&self) {
        with_local_recorder(&self.recorder, || counter!("gangway_socket_messages_ignored_total").increment(1));
    }

    /// A command has its outcome: `accepted`, `rejected` or `retry`.
    pub fn command(&self, outcome: &'static str) {
        with_local_recorder(&self.recorder, || {
            counter!("gangway_commands_total", "outcome" => outcome).increment(1);
        });
    }

    /// How many entries of the attention list are open, and how many free places are lent to desks.
    pub fn standing(&self, attention: usize, lent: u32) {
        let attention = u32::try_from(attention).unwrap_or(u32::MAX);
        with_local_recorder(&self.recorder, || {
            gauge!("gangway_attention_open").set(f64::from(attention));
            gauge!("gangway_places_lent").set(f64::from(lent));
        });
    }

    /// A play found only lent places, and desks were asked for theirs.
    pub fn places_recalled(&self) {
        with_local_recorder(&self.recorder, || counter!("gangway_place_recalls_total").increment(1));
    }

    /// An HTTP call was answered. `route` is the pattern, never the path, which holds band codes.
    pub fn http(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        with_local_recorder(&self.recorder, || histogram!("gangway_http_request_seconds", &labels).record(took));
    }
}

/// What Prometheus counts with; beyond 2^53 nobody needs the last digit.
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn figure(value: u64) -> f64 {
    value as f64
}
