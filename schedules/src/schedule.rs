//! "Every two hours" is elapsed time in UTC, cut into slots: `slot = floor(unix time / period)`.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A period between wakes, from one minute to one week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(Duration);

/// A period that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no period: write it like `30m`, `2h` or `1d`, from 1m to 7d")]
pub struct EveryError {
    given: String,
}

impl Every {
    /// A period of so many minutes, brought into the range of one minute to one week.
    pub const fn minutes(minutes: u64) -> Self {
        const MOST: u64 = 7 * 24 * 60;
        Self(Duration::from_secs(
            60 * if minutes == 0 {
                1
            } else if minutes > MOST {
                MOST
            } else {
                minutes
            },
        ))
    }

    /// The period.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Every {
    type Err = EveryError;

    fn from_str(given: &str) -> Result<Self, EveryError> {
        let wrong = || EveryError { given: given.to_owned() };
        let text = given.trim();
        let unit = text.chars().next_back().ok_or_else(wrong)?;
        let minutes: u64 = match unit {
            'm' => 1,
            'h' => 60,
            'd' => 24 * 60,
            _ => return Err(wrong()),
        };
        let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        let minutes = count.checked_mul(minutes).filter(|minutes| (1..=7 * 24 * 60).contains(minutes)).ok_or_else(wrong)?;
        Ok(Self(Duration::from_secs(minutes * 60)))
    }
}

/// The number of the slot that `now` is in. Times before 1970 have negative slots.
pub fn slot(now: DateTime<Utc>, every: Every) -> i64 {
    now.timestamp().div_euclid(i64::try_from(every.0.as_secs()).unwrap_or(i64::MAX))
}

/// Whether a wake is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Now.
    Now,
    /// Not before this time.
    NotUntil(DateTime<Utc>),
}

/// A wake is due when no wake was started in the slot of `now`. A clock that was set back never makes a slot due twice.
pub fn due(now: DateTime<Utc>, last: Option<DateTime<Utc>>, every: Every) -> Due {
    let Some(last) = last else { return Due::Now };
    let (current, latest) = (slot(now, every), slot(last, every));
    if current > latest {
        return Due::Now;
    }
    let period = TimeDelta::from_std(every.0).unwrap_or(TimeDelta::MAX);
    let into = TimeDelta::seconds(last.timestamp().rem_euclid(period.num_seconds().max(1)));
    Due::NotUntil(last - into + period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn periods_are_read_or_refused() {
        for (given, seconds) in [
            ("2h", Some(7200)),
            ("1m", Some(60)),
            ("7d", Some(604_800)),
            ("0h", None),
            ("8d", None),
            ("2", None),
            ("", None),
            ("zwei", None),
            ("é", None),
        ] {
            assert_eq!(given.parse::<Every>().ok().map(|every| every.duration().as_secs()), seconds, "{given}");
        }
    }

    #[test]
    fn a_slot_is_due_once() {
        let every = "2h".parse().expect("a period");
        let next = at("2026-11-20T16:00:00Z");
        for (now, last, expected) in [
            ("2026-11-20T14:30:00Z", None, Due::Now),
            ("2026-11-20T14:30:00Z", Some("2026-11-20T13:59:59Z"), Due::Now),
            ("2026-11-20T14:30:00Z", Some("2026-11-20T14:00:01Z"), Due::NotUntil(next)),
            ("2026-11-20T09:00:00Z", Some("2026-11-20T14:00:01Z"), Due::NotUntil(next)),
            ("2026-11-25T09:00:00Z", Some("2026-11-20T14:00:01Z"), Due::Now),
        ] {
            assert_eq!(due(at(now), last.map(at), every), expected, "{now} {last:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_next_slot_is_later_and_due(now in -10_000_000_000i64..10_000_000_000, minutes in 1u64..10_080) {
            let every: Every = format!("{minutes}m").parse().expect("a period");
            let now = DateTime::from_timestamp(now, 0).expect("a time");
            match due(now, Some(now), every) {
                Due::Now => proptest::prop_assert!(false, "the slot is taken"),
                Due::NotUntil(next) => {
                    proptest::prop_assert!(next > now);
                    proptest::prop_assert_eq!(due(next, Some(now), every), Due::Now);
                }
            }
        }
    }
}
