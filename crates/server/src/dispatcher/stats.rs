//! `dashboard:stats:updated`: at most four a second, the last one always (`contract.md`, Socket.IO).

use std::time::Duration;

use gangway_domain::figures::DashboardStats;
use tokio::time::Instant;

/// Between two: a little over a quarter second, so that also a client whose packets come unevenly counts four.
const INTERVAL: Duration = Duration::from_millis(300);
/// How often the figures are looked at when nothing happens: the day may have changed.
const LOOK: Duration = Duration::from_secs(1);

/// Says when the figures may go out.
#[derive(Debug, Default)]
pub(super) struct StatsThrottle {
    last: Option<DashboardStats>,
    last_at: Option<Instant>,
    looked_at: Option<Instant>,
    changed: bool,
}

impl StatsThrottle {
    /// Something happened that may have changed them.
    pub(super) fn changed(&mut self, changed: bool) {
        self.changed |= changed;
    }

    /// When they are to be looked at next.
    pub(super) fn due_at(&self) -> Option<Instant> {
        if self.changed {
            return self.last_at.map(|at| at + INTERVAL).or(self.looked_at);
        }
        self.looked_at.map(|at| at + LOOK)
    }

    /// Whether to look at them now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due_at().is_none_or(|at| at <= now)
    }

    /// Looks at `stats`; says whether they are to be sent.
    pub(super) fn take(&mut self, now: Instant, stats: &DashboardStats) -> bool {
        self.looked_at = Some(now);
        self.changed = false;
        if self.last.as_ref() == Some(stats) {
            return false;
        }
        // What was true before anybody looked is no update.
        let first = self.last.is_none();
        self.last = Some(stats.clone());
        if !first {
            self.last_at = Some(now);
        }
        !first
    }
}
