//! How the day goes (`domain.md`, Figures): waits, play, peak. Counted from the rows at a moment, since
//! what runs grows without any event.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    day::OperationalDay,
    rows::{SegmentRow, SessionRow},
    time::{Millis, VenueTime, whole_seconds},
    venue::Venue,
};

/// Averages and totals of the operational day; whole seconds and percent, 0 without data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceMetrics {
    /// First play − check-in, over visits first played today.
    #[ts(type = "number")]
    pub average_wait_time: u64,
    /// Played time, over visits completed today.
    #[ts(type = "number")]
    pub average_play_time: u64,
    /// Ended, or credit used up, today.
    #[ts(type = "number")]
    pub total_completed_sessions: u64,
    /// Played seconds / (seconds of the day so far × places) × 100, 0–100.
    #[ts(type = "number")]
    pub daily_occupancy_rate: u64,
    /// Played today; segments cut at the day's edges.
    #[ts(type = "number")]
    pub total_play_time_consumed: u64,
    /// The most playing at one moment today.
    #[ts(type = "number")]
    pub peak_occupancy: u64,
    /// Check-in to end, over visits completed today.
    #[ts(type = "number")]
    pub average_session_duration: u64,
}

/// A stretch of play as seen at `now`: when it began and when it stopped (or now).
struct Stretch {
    start: VenueTime,
    /// Until when the time counts.
    counts_until: VenueTime,
    /// Until when the place was taken.
    holds_until: VenueTime,
}

/// The metrics of the operational day of `now`.
pub fn metrics(venue: &Venue, now: VenueTime) -> PerformanceMetrics {
    let day = venue.settings().day_rules().day_of(now);
    let mut waits = Average::default();
    let mut plays = Average::default();
    let mut durations = Average::default();
    for session in venue.sessions() {
        if let Some(first) = session.first_play_at.filter(|first| day.contains(*first)) {
            waits.add(first.since(session.created_at));
        }
        if let Some(completed) = completed_at(session, now).filter(|moment| day.contains(*moment)) {
            plays.add(session.played_at(now));
            durations.add(completed.since(session.created_at));
        }
    }
    let stretches: Vec<_> = stretches(venue, now).collect();
    let played: Millis = stretches.iter().map(|stretch| overlap(day, stretch.start, stretch.counts_until)).sum();
    let capacity = now.since(day.start).max(0).saturating_mul(Millis::from(venue.settings().max_occupancy));
    let rate = if capacity > 0 { (played.saturating_mul(100) / capacity).clamp(0, 100) } else { 0 };
    PerformanceMetrics {
        average_wait_time: waits.seconds(),
        average_play_time: plays.seconds(),
        total_completed_sessions: plays.count,
        daily_occupancy_rate: u64::try_from(rate).unwrap_or(0),
        total_play_time_consumed: whole_seconds(played),
        peak_occupancy: peak(&stretches, day.start, day.end),
        average_session_duration: durations.seconds(),
    }
}

/// When a visit was completed: it ended, or its credit was used up while it played.
fn completed_at(session: &SessionRow, now: VenueTime) -> Option<VenueTime> {
    session.ended_at.or_else(|| session.runs_out_at().filter(|moment| *moment <= now))
}

fn stretches(venue: &Venue, now: VenueTime) -> impl Iterator<Item = Stretch> + '_ {
    venue
        .sessions()
        .flat_map(move |session| venue.segments_of(&session.id).map(move |segment| stretch_of(session, segment, now)))
}

fn stretch_of(session: &SessionRow, segment: &SegmentRow, now: VenueTime) -> Stretch {
    let counts_until = segment.ended_at.unwrap_or_else(|| session.runs_out_at().unwrap_or(now).min(now));
    Stretch { start: segment.started_at, counts_until, holds_until: segment.left_at.unwrap_or(now) }
}

fn overlap(day: OperationalDay, start: VenueTime, end: VenueTime) -> Millis {
    end.min(day.end).since(start.max(day.start)).max(0)
}

/// The most stretches at one moment of `[from, until)`. Who leaves at a moment makes room for who enters then.
fn peak(stretches: &[Stretch], from: VenueTime, until: VenueTime) -> u64 {
    let mut steps: Vec<(VenueTime, i64)> = Vec::with_capacity(stretches.len() * 2);
    for stretch in stretches.iter().filter(|stretch| stretch.start < until && stretch.holds_until > from) {
        steps.push((stretch.start, 1));
        steps.push((stretch.holds_until, -1));
    }
    steps.sort_unstable();
    let mut inside = 0_i64;
    let mut most = 0;
    for (_, step) in steps {
        inside += step;
        most = most.max(inside);
    }
    u64::try_from(most).unwrap_or(0)
}

/// The most playing at one moment of `[from, until)`, as seen at `now`.
pub(crate) fn peak_between(venue: &Venue, spans: &[(VenueTime, VenueTime)], now: VenueTime) -> Vec<u64> {
    let stretches: Vec<_> = stretches(venue, now).collect();
    spans.iter().map(|(from, until)| peak_clipped(&stretches, *from, *until)).collect()
}

fn peak_clipped(stretches: &[Stretch], from: VenueTime, until: VenueTime) -> u64 {
    let clipped: Vec<_> = stretches
        .iter()
        .filter(|stretch| stretch.start < until && stretch.holds_until > from)
        .map(|stretch| Stretch {
            start: stretch.start.max(from),
            counts_until: stretch.counts_until,
            holds_until: stretch.holds_until.min(until),
        })
        .collect();
    peak(&clipped, from, until)
}

#[derive(Default)]
struct Average {
    sum: Millis,
    count: u64,
}

impl Average {
    fn add(&mut self, ms: Millis) {
        self.sum += ms.max(0);
        self.count += 1;
    }

    fn seconds(&self) -> u64 {
        let count = Millis::try_from(self.count.max(1)).unwrap_or(Millis::MAX);
        whole_seconds(self.sum / count)
    }
}
