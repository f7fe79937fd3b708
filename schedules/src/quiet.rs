//! Quiet hours: local times between which nothing goes out, over both DST changes.

use std::str::FromStr;

use chrono::{DateTime, NaiveTime, Utc};
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
        assert!("9-17".parse::<Quiet>().is_err());
        assert!(!"09:00-09:00".parse::<Quiet>().expect("hours").contains(DateTime::UNIX_EPOCH, Tz::UTC));
    }
}
