//! A cron pattern of five fields, read and matched by croner; times over both changes of the clocks as Vixie cron has them.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

/// Minute, hour, day of the month, month, day of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    given: String,
    pattern: croner::Cron,
}

/// A pattern that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no cron pattern ({why}): write it like `0 */2 * * *`, minute, hour, day, month, day of the week")]
pub struct CronError {
    given: String,
    why: String,
}

impl Cron {
    /// The newest time up to `now`, itself included, that matches.
    pub(crate) fn newest(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = now.with_timezone(&zone);
        let found = self.pattern.find_previous_occurrence(&local, true).ok()?.with_timezone(&Utc);
        // Looking back and looking forward disagree around a change of the clocks: forward counts.
        let mut newest = found.min(now);
        for _ in 0..MINUTES_OF_A_CHANGE {
            match self.next(newest, zone) {
                Some(next) if next <= now => newest = next,
                _ => break,
            }
        }
        Some(newest)
    }

    /// The first time after `now` that matches.
    pub(crate) fn next(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let after = |from: DateTime<Utc>| {
            let found = self.pattern.find_next_occurrence(&from.with_timezone(&zone), false).ok()?;
            Some(found.with_timezone(&Utc))
        };
        let found = after(now)?;
        // In an hour that comes twice a match may lie before where the search began.
        if found > now { Some(found) } else { after(now + TimeDelta::hours(1)).filter(|found| *found > now) }
    }

    /// The minutes of an hour at which it may match.
    pub(crate) fn minutes(&self) -> BTreeSet<u32> {
        (0..60).filter(|minute| self.pattern.pattern.minute_match(*minute).unwrap_or(true)).collect()
    }

    /// As it was written.
    pub fn given(&self) -> &str {
        &self.given
    }
}

/// How many matches a change of the clocks can hide.
const MINUTES_OF_A_CHANGE: usize = 180;

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(given: &str) -> Result<Self, CronError> {
        let wrong = |why: String| CronError { given: given.to_owned(), why };
        // croner takes an empty item for one that never matches, and looks for a match through thousands of years.
        if given.split_whitespace().any(|field| field.split(',').any(str::is_empty)) {
            return Err(wrong("an item of a list is empty".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser.parse(given.trim()).map_err(|error| wrong(error.to_string().trim_end_matches('.').to_lowercase()))?;
        if pattern.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, true).is_err() {
            return Err(wrong("it never comes".to_owned()));
        }
        Ok(Self { given: given.trim().to_owned(), pattern })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn patterns_are_read_or_refused() {
        for given in ["0 */2 * * *", "30 7,12,18 * * mon-fri", "15 6 1 * *", "@daily"] {
            assert!(given.parse::<Cron>().is_ok(), "{given}");
        }
        for given in
            ["", "0 */2 * *", "0 0 */2 * * *", "61 * * * *", "0 0 30 2 *", "every two hours", "0 25 * * *", ", */2 * * *", "1,,2 * * * *"]
        {
            let error = given.parse::<Cron>().expect_err(given).to_string();
            assert!(error.starts_with(&format!("`{given}` is no cron pattern")), "{error}");
        }
    }

    #[test]
    fn both_changes_of_the_clocks_are_passed() {
        let zone = chrono_tz::America::New_York;
        let night: Cron = "30 2 * * *".parse().expect("a pattern");
        // 02:30 does not exist on 2026-03-08, and 01:30 comes twice on 2026-11-01.
        assert_eq!(night.next(at("2026-03-08T05:00:00Z"), zone), Some(at("2026-03-08T07:00:00Z")));
        let twice: Cron = "30 1 * * *".parse().expect("a pattern");
        assert_eq!(twice.next(at("2026-11-01T04:00:00Z"), zone), Some(at("2026-11-01T05:30:00Z")));
        assert_eq!(twice.next(at("2026-11-01T05:30:00Z"), zone), Some(at("2026-11-02T06:30:00Z")));
        assert_eq!(twice.newest(at("2026-11-01T12:00:00Z"), zone), Some(at("2026-11-01T05:30:00Z")));
    }
}
