//! A period, as the settings write it.

use std::str::FromStr;
use std::time::Duration;

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

    /// The period in seconds.
    pub fn seconds(self) -> i64 {
        i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
