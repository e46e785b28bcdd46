//! Figures for `/metrics`, one set per server, so that a hosted one and a test keep theirs apart.

use std::time::Duration;

use metrics::{counter, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::realtime::Profile;

/// The bounds, in seconds, of the histograms of times.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The server's figures.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Default for Metrics {
    fn default() -> Self {
        let builder = PrometheusBuilder::new();
        // The bounds are a constant that is not empty, which is all that is asked of them.
        let builder = builder.set_buckets(&SECONDS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        Self { recorder, handle }
    }
}

impl Metrics {
    /// The Prometheus text.
    pub fn render(&self) -> String {
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
