//! Venue time: integer milliseconds, ISO 8601 only at the edge.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment of the venue's clock: milliseconds since 1970-01-01 UTC (`sync.md` rule 22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VenueTime(pub i64);

/// A length of time in milliseconds.
pub type Millis = i64;

/// Milliseconds in a second.
pub const SECOND_MS: Millis = 1_000;
/// Milliseconds in a day of 24 hours.
pub const DAY_MS: Millis = 86_400_000;

impl VenueTime {
    /// This moment moved by `ms` (negative: back).
    pub fn plus(self, ms: Millis) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The milliseconds from `earlier` to this moment, negative when it is later.
    pub fn since(self, earlier: Self) -> Millis {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment as the wire has it: `2026-11-24T15:04:05.123Z`.
    pub fn to_iso(self) -> String {
        // What lies past the calendar's end is shown as its end: later than everything, as it is.
        let end = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        format!("{:.3}", Timestamp::from_millisecond(self.0).unwrap_or(end))
    }

    /// Reads an ISO 8601 moment with an offset or `Z`.
    ///
    /// # Errors
    /// The text is not such a moment.
    pub fn from_iso(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<Timestamp>().map(|moment| Self(moment.as_millisecond()))
    }
}

/// Whole seconds of `ms`, rounded down, never negative (`contract.md`, Shapes).
pub fn whole_seconds(ms: Millis) -> u64 {
    u64::try_from(ms.max(0) / SECOND_MS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_three_decimals_and_z() {
        assert_eq!(VenueTime(1_764_000_245_120).to_iso(), "2025-11-24T16:04:05.120Z");
        assert_eq!(VenueTime(0).to_iso(), "1970-01-01T00:00:00.000Z");
        assert_eq!(VenueTime(i64::MAX).to_iso(), "9999-12-30T22:00:00.999Z", "the calendar's end");
        assert!(VenueTime(i64::MIN).to_iso().starts_with("-00"), "and its beginning");
    }

    #[test]
    fn a_moment_survives_the_wire() {
        let moment = VenueTime(1_764_000_245_123);
        assert_eq!(VenueTime::from_iso(&moment.to_iso()).ok(), Some(moment));
    }

    #[test]
    fn seconds_are_rounded_down_and_never_negative() {
        assert_eq!(whole_seconds(1_999), 1);
        assert_eq!(whole_seconds(-1), 0);
    }
}
