//! `[channels] again_after`: how long an issue is not told again on a channel where it was told.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

/// A time in whole days, from 1 to 365; 14 where nothing is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgainAfter(u16);

/// A time that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgainAfterError {
    given: String,
}

impl fmt::Display for AgainAfterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no time in days: write it like `14d`, from 1d to 365d", self.given)
    }
}

impl AgainAfter {
    /// The time.
    pub(crate) fn delta(self) -> TimeDelta {
        TimeDelta::days(i64::from(self.0))
    }
}

impl Default for AgainAfter {
    fn default() -> Self {
        Self(14)
    }
}

impl FromStr for AgainAfter {
    type Err = AgainAfterError;

    fn from_str(given: &str) -> Result<Self, AgainAfterError> {
        let days = given.trim().strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| (1..=365).contains(days));
        days.map(Self).ok_or_else(|| AgainAfterError { given: given.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_or_refused() {
        for (given, days) in [
            ("14d", Some(14)),
            ("1d", Some(1)),
            (" 365d ", Some(365)),
            ("0d", None),
            ("366d", None),
            ("2w", None),
            ("14", None),
            ("-1d", None),
            ("", None),
        ] {
            assert_eq!(given.parse::<AgainAfter>().ok().map(|after| after.delta().num_days()), days, "{given}");
        }
        assert_eq!(AgainAfter::default().delta(), TimeDelta::days(14));
    }
}
