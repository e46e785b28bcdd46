//! What the console counts, shown in `status`.

use std::collections::{BTreeMap, VecDeque};

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::Value;

/// Names of events that are counted by themselves; past them they are counted together, so that made-up
/// names can't fill the memory.
const NAMES_MAX: usize = 64;
/// The name that the others are counted under.
const OTHER_NAMES: &str = "other";
/// Pushes whose painting may still be reported.
const PUSHES_KEPT: usize = 256;
/// The longest latency that is told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;

/// Updates of one kind of query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateCounts {
    /// Replaced at once.
    pub set: u64,
    /// Asked for again.
    pub invalidate: u64,
    /// Of those, where a set was wanted and its data was missing.
    pub fallback: u64,
}

/// Events of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// How many.
    pub count: u64,
    /// How many bytes of JSON.
    pub bytes: u64,
}

/// How long something took, in milliseconds; none before the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half took at most this.
    pub p50: Option<f64>,
    /// All but one in a hundred took at most this.
    pub p99: Option<f64>,
    /// How often it was measured.
    pub count: u64,
}

/// What happened to the link and to what came over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkCounts {
    /// Links after the first.
    pub reconnects: u64,
    /// Holes in what was heard.
    pub gaps: u64,
    /// Events that are not what they should be.
    pub malformed: u64,
    /// State hashes that were not equal.
    pub hash_mismatches: u64,
    /// Rows that this version can't read.
    pub unreadable_rows: u64,
    /// Times that the cache file was found changed by somebody else.
    pub file_changes: u64,
}

/// The counters as `status` shows them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsView {
    /// By kind of query.
    pub query_updates: BTreeMap<&'static str, UpdateCounts>,
    /// From the arrival of an event to its push.
    pub event_to_push_ms: Latency,
    /// From the arrival of an event to the page saying that it painted.
    pub event_to_paint_ms: Latency,
    /// By name.
    pub events: BTreeMap<String, EventCounts>,
    /// The link.
    #[serde(flatten)]
    pub link: LinkCounts,
}

/// The counters.
#[derive(Debug)]
pub struct Metrics {
    updates: BTreeMap<&'static str, UpdateCounts>,
    events: BTreeMap<String, EventCounts>,
    to_push: Histogram<u64>,
    to_paint: Histogram<u64>,
    pushes: VecDeque<(u64, u64)>,
    /// The link; counted where it happens.
    pub link: LinkCounts,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            updates: BTreeMap::new(),
            events: BTreeMap::new(),
            to_push: latencies(),
            to_paint: latencies(),
            pushes: VecDeque::new(),
            link: LinkCounts::default(),
        }
    }
}

fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are in order and three digits are allowed")
}

impl Metrics {
    /// An event came.
    pub fn count_event(&mut self, name: &str, args: &[Value]) {
        let known = self.events.contains_key(name) || self.events.len() < NAMES_MAX;
        let counts = self.events.entry(if known { name } else { OTHER_NAMES }.to_owned()).or_default();
        counts.count += 1;
        counts.bytes += json_bytes(args);
    }

    /// A query was updated.
    pub fn count_update(&mut self, name: &'static str, set: bool, fallback: bool) {
        let counts = self.updates.entry(name).or_default();
        counts.set += u64::from(set);
        counts.invalidate += u64::from(!set);
        counts.fallback += u64::from(fallback);
    }

    /// A push went out whose first event arrived at `arrived_us`.
    pub fn pushed(&mut self, push_id: u64, arrived_us: u64, now_us: u64) {
        self.to_push.saturating_record(now_us.saturating_sub(arrived_us).max(1));
        if self.pushes.len() == PUSHES_KEPT {
            self.pushes.pop_front();
        }
        self.pushes.push_back((push_id, arrived_us));
    }

    /// The page painted a push. One that is not known any more, or was reported before, does not count.
    pub fn painted(&mut self, push_id: u64, now_us: u64) {
        if let Some(place) = self.pushes.iter().position(|(id, _)| *id == push_id)
            && let Some((_, arrived_us)) = self.pushes.remove(place)
        {
            self.to_paint.saturating_record(now_us.saturating_sub(arrived_us).max(1));
        }
    }

    /// The counters as `status` shows them.
    pub fn view(&self) -> MetricsView {
        MetricsView {
            query_updates: self.updates.clone(),
            event_to_push_ms: latency(&self.to_push),
            event_to_paint_ms: latency(&self.to_paint),
            events: self.events.clone(),
            link: self.link,
        }
    }
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of at most a minute")]
    let at = |quantile: f64| (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile) as f64 / 1_000.0);
    Latency { p50: at(0.5), p99: at(0.99), count: histogram.len() }
}

/// How long the arguments are as JSON, without writing them anywhere.
fn json_bytes(args: &[Value]) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting can't fail.
    let _ = serde_json::to_writer(&mut count, args);
    count.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_painting_is_measured_from_the_arrival_of_the_event_and_once() {
        let mut metrics = Metrics::default();
        metrics.pushed(1, 1_000, 3_000);
        metrics.painted(1, 11_000);
        metrics.painted(1, 99_000);
        metrics.painted(7, 99_000);
        let view = metrics.view();
        assert_eq!(view.event_to_push_ms, Latency { p50: Some(2.0), p99: Some(2.0), count: 1 });
        assert_eq!(view.event_to_paint_ms.count, 1);
        assert!(view.event_to_paint_ms.p50.is_some_and(|ms| (9.9..10.1).contains(&ms)));
    }

    #[test]
    fn made_up_names_are_counted_together() {
        let mut metrics = Metrics::default();
        for n in 0..1_000 {
            metrics.count_event(&format!("made:up:{n}"), &[json!({})]);
        }
        let events = metrics.view().events;
        assert_eq!(events.len(), NAMES_MAX + 1);
        assert_eq!(events[OTHER_NAMES].count, 1_000 - NAMES_MAX as u64);
    }

    #[test]
    fn bytes_are_those_of_the_json() {
        let mut metrics = Metrics::default();
        metrics.count_event("a", &[json!({"x": "é"}), json!(1)]);
        assert_eq!(metrics.view().events["a"].bytes, r#"[{"x":"é"},1]"#.len() as u64);
    }
}
