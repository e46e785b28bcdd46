//! The operational day: from its start in the venue's zone to the next start (`domain.md`, Words).

use std::str::FromStr;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::{DAY_MS, VenueTime};

/// The wall-clock time at which an operational day starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayStart {
    minutes: u16,
}

/// The text is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the start of the day has to be a time such as 07:00")]
pub struct InvalidDayStart;

impl Default for DayStart {
    fn default() -> Self {
        Self { minutes: 7 * 60 }
    }
}

impl FromStr for DayStart {
    type Err = InvalidDayStart;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (hour, minute) = text.split_once(':').ok_or(InvalidDayStart)?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        if !two_digits(hour) || !two_digits(minute) {
            return Err(InvalidDayStart);
        }
        let hour: u16 = hour.parse().map_err(|_| InvalidDayStart)?;
        let minute: u16 = minute.parse().map_err(|_| InvalidDayStart)?;
        if hour < 24 && minute < 60 { Ok(Self { minutes: hour * 60 + minute }) } else { Err(InvalidDayStart) }
    }
}

impl TryFrom<String> for DayStart {
    type Error = InvalidDayStart;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DayStart> for String {
    fn from(start: DayStart) -> Self {
        format!("{:02}:{:02}", start.minutes / 60, start.minutes % 60)
    }
}

/// Zone and start of the operational day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayRule {
    /// IANA zone.
    pub timezone: String,
    /// Wall-clock start.
    pub start: DayStart,
}

/// A rule that holds until a moment: the end of the day in which it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleUntil {
    /// The rule as it was.
    pub rule: DayRule,
    /// From here on the new one holds.
    pub until: VenueTime,
}

/// The rule in force, and the one before it while its day runs (`sync.md` rule 23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayRules {
    /// In force from `previous.until` on, or always.
    pub rule: DayRule,
    /// What held before.
    pub previous: Option<RuleUntil>,
}

/// One operational day, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationalDay {
    /// Its first moment.
    pub start: VenueTime,
    /// The first moment of the next.
    pub end: VenueTime,
}

impl OperationalDay {
    /// Whether `moment` is in this day.
    pub fn contains(&self, moment: VenueTime) -> bool {
        self.start <= moment && moment < self.end
    }
}

/// Whether `name` is a zone of the IANA database.
pub fn is_timezone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

impl DayRules {
    /// The operational day that `moment` is in.
    pub fn day_of(&self, moment: VenueTime) -> OperationalDay {
        match &self.previous {
            Some(previous) if moment < previous.until => {
                let day = previous.rule.day_of(moment);
                OperationalDay { start: day.start, end: day.end.min(previous.until) }
            }
            Some(previous) => {
                let day = self.rule.day_of(moment);
                OperationalDay { start: day.start.max(previous.until), end: day.end }
            }
            None => self.rule.day_of(moment),
        }
    }

    /// The operational day before the one that `moment` is in.
    pub fn day_before(&self, moment: VenueTime) -> OperationalDay {
        self.day_of(self.day_of(moment).start.plus(-1))
    }

    /// The first moment at which credit bought at `bought` is no longer valid: the end of the
    /// `valid_days`-th day after the day of the purchase.
    pub fn credit_ends(&self, bought: VenueTime, valid_days: u32) -> VenueTime {
        let mut end = self.day_of(bought).end;
        for _ in 0..valid_days {
            end = self.day_of(end).end;
        }
        end
    }
}

impl DayRule {
    fn day_of(&self, moment: VenueTime) -> OperationalDay {
        // A stored zone is always one that was checked; a log from a machine with a newer zone
        // database must still be readable, so an unknown one counts as UTC.
        let zone = TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC);
        let stamp = Timestamp::from_millisecond(moment.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let date = zone.to_datetime(stamp).date();
        let today = self.start_on(date, &zone);
        let (start, end) = if moment < today {
            (date.yesterday().map_or(today.plus(-DAY_MS), |d| self.start_on(d, &zone)), today)
        } else {
            (today, date.tomorrow().map_or(today.plus(DAY_MS), |d| self.start_on(d, &zone)))
        };
        OperationalDay { start, end }
    }

    fn start_on(&self, date: civil::Date, zone: &TimeZone) -> VenueTime {
        let hour = i8::try_from(self.start.minutes / 60).unwrap_or(0);
        let minute = i8::try_from(self.start.minutes % 60).unwrap_or(0);
        // A start that the change to summer time skips counts from the moment after the gap.
        let moment = zone.to_ambiguous_zoned(date.at(hour, minute, 0, 0)).compatible();
        VenueTime(moment.map_or(0, |zoned| zoned.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(timezone: &str, start: &str) -> DayRules {
        let rule = DayRule { timezone: timezone.to_owned(), start: start.parse().expect("a time") };
        DayRules { rule, previous: None }
    }

    fn at(iso: &str) -> VenueTime {
        VenueTime::from_iso(iso).expect("a moment")
    }

    fn check(rules: &DayRules, moment: &str, start: &str, end: &str) {
        let day = rules.day_of(at(moment));
        assert_eq!((day.start.to_iso(), day.end.to_iso()), (at(start).to_iso(), at(end).to_iso()), "{moment}");
    }

    #[test]
    fn the_day_starts_at_seven_in_the_venues_zone_and_not_at_utc_midnight() {
        let madrid = rules("Europe/Madrid", "07:00");
        check(&madrid, "2026-11-24T05:59:59Z", "2026-11-23T06:00:00Z", "2026-11-24T06:00:00Z");
        check(&madrid, "2026-11-24T06:00:00Z", "2026-11-24T06:00:00Z", "2026-11-25T06:00:00Z");
        check(&madrid, "2026-11-25T00:30:00Z", "2026-11-24T06:00:00Z", "2026-11-25T06:00:00Z");
    }

    #[test]
    fn a_day_with_a_clock_change_has_23_or_25_hours() {
        let madrid = rules("Europe/Madrid", "00:00");
        check(&madrid, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        check(&madrid, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        // 02:30 does not exist on the day on which clocks go forward.
        check(&rules("Europe/Madrid", "02:30"), "2026-03-29T12:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z");
    }

    #[test]
    fn a_new_rule_holds_from_the_next_day() {
        let mut changed = rules("Europe/Madrid", "09:00");
        let until = at("2026-11-25T06:00:00Z");
        changed.previous = Some(RuleUntil { rule: rules("Europe/Madrid", "07:00").rule, until });
        assert_eq!(changed.day_of(until).start, until);
        check(&changed, "2026-11-25T01:00:00Z", "2026-11-24T06:00:00Z", "2026-11-25T06:00:00Z");
        // The time between the old and the new start belongs to a day of its own.
        check(&changed, "2026-11-25T07:00:00Z", "2026-11-25T06:00:00Z", "2026-11-25T08:00:00Z");
        check(&changed, "2026-11-25T09:00:00Z", "2026-11-25T08:00:00Z", "2026-11-26T08:00:00Z");
    }

    #[test]
    fn a_day_has_its_first_moment_and_not_the_next_ones() {
        let day = rules("Europe/Madrid", "07:00").day_of(at("2026-11-24T15:00:00Z"));
        assert!(day.contains(day.start) && day.contains(day.end.plus(-1)));
        assert!(!day.contains(day.start.plus(-1)) && !day.contains(day.end));
    }

    #[test]
    fn credit_ends_with_the_day_or_as_many_days_later_as_the_venue_says() {
        let madrid = rules("Europe/Madrid", "07:00");
        let bought = at("2026-11-24T15:00:00Z");
        assert_eq!(madrid.credit_ends(bought, 0), at("2026-11-25T06:00:00Z"));
        assert_eq!(madrid.credit_ends(bought, 2), at("2026-11-27T06:00:00Z"));
    }

    #[test]
    fn the_day_before_ends_where_the_day_starts() {
        let madrid = rules("Europe/Madrid", "07:00");
        let moment = at("2026-11-24T15:00:00Z");
        assert_eq!(madrid.day_before(moment).end, madrid.day_of(moment).start);
        assert_eq!(madrid.day_before(moment).start, at("2026-11-23T06:00:00Z"));
    }

    #[test]
    fn only_a_time_of_day_is_a_start() {
        for bad in ["7:00", "24:00", "07:60", "0700", "", "07:00:00", "-1:00", "+7:00"] {
            assert_eq!(bad.parse::<DayStart>(), Err(InvalidDayStart), "{bad}");
        }
        assert_eq!(String::from("23:59".parse::<DayStart>().expect("a time")), "23:59");
        assert_eq!(DayStart::try_from("23:59".to_owned()), "23:59".parse());
        assert_eq!(DayStart::try_from("24:00".to_owned()), Err(InvalidDayStart));
        assert!(is_timezone("Europe/Madrid") && !is_timezone("Mars/Base"));
    }
}
