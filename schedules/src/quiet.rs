//! Quiet hours: local times between which nothing goes out, over both DST changes.

use std::str::FromStr;

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Hours of the day without effects. The end may be on the next day; equal ends mean never quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    from: NaiveTime,
    to: NaiveTime,
}

/// Quiet hours that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` are no quiet hours: write them like `23:00-07:00`")]
pub struct QuietError {
    given: String,
}

impl Quiet {
    /// Whether it is quiet at `now` for somebody in `zone`.
    pub fn contains(&self, now: DateTime<Utc>, zone: Tz) -> bool {
        let local = now.with_timezone(&zone).time();
        if self.from <= self.to { (self.from..self.to).contains(&local) } else { local >= self.from || local < self.to }
    }

    /// When the quiet of `now` ends, if it is quiet. An end that a change of the clocks skips comes an hour later.
    pub fn until(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        if !self.contains(now, zone) {
            return None;
        }
        let today = now.with_timezone(&zone).date_naive();
        let ends = (0..=1).filter_map(|days| {
            let local = (today + TimeDelta::days(days)).and_time(self.to);
            let end = zone.from_local_datetime(&local).earliest();
            end.or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest())
        });
        ends.map(|end| end.with_timezone(&Utc)).find(|end| *end > now)
    }
}

impl FromStr for Quiet {
    type Err = QuietError;

    fn from_str(given: &str) -> Result<Self, QuietError> {
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
        given
            .split_once('-')
            .and_then(|(from, to)| Some(Self { from: time(from)?, to: time(to)? }))
            .ok_or_else(|| QuietError { given: given.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_follow_the_local_clock() {
        let quiet: Quiet = "23:00-07:00".parse().expect("hours");
        for (now, expected) in [
            ("2026-11-20T03:59:00Z", false), // 22:59 in New York
            ("2026-11-20T04:00:00Z", true),
            ("2026-11-20T11:59:00Z", true),
            ("2026-11-20T12:00:00Z", false),
            ("2026-07-20T03:00:00Z", true), // 23:00 in summer time
            ("2026-07-20T11:00:00Z", false),
        ] {
            let now = now.parse().expect("a time");
            assert_eq!(quiet.contains(now, chrono_tz::America::New_York), expected, "{now}");
        }
        for (now, expected) in [
            ("2026-11-20T04:00:00Z", Some("2026-11-20T12:00:00Z")),
            ("2026-11-20T11:59:00Z", Some("2026-11-20T12:00:00Z")),
            ("2026-11-01T04:30:00Z", Some("2026-11-01T12:00:00Z")), // the night in which summer time ends
            ("2026-11-20T12:00:00Z", None),
        ] {
            let end = expected.map(|end| end.parse().expect("a time"));
            assert_eq!(quiet.until(now.parse().expect("a time"), chrono_tz::America::New_York), end, "{now}");
        }
        let skipped: Quiet = "01:00-02:30".parse().expect("hours");
        let now = "2026-03-08T06:30:00Z".parse().expect("01:30 in New York, where 02:30 is skipped");
        assert_eq!(skipped.until(now, chrono_tz::America::New_York), Some("2026-03-08T07:30:00Z".parse().expect("03:30")));
        assert!("9-17".parse::<Quiet>().is_err());
        assert!(!"09:00-09:00".parse::<Quiet>().expect("hours").contains(DateTime::UNIX_EPOCH, Tz::UTC));
    }
}
