//! A number of days in the settings, like `7d`.

use std::str::FromStr;

use chrono::TimeDelta;

/// A number of days from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days<const LEAST: u16, const MOST: u16>(u16);

impl<const LEAST: u16, const MOST: u16> Days<LEAST, MOST> {
    /// So many days, brought into the range.
    pub(crate) fn of(days: u16) -> Self {
        Self(days.clamp(LEAST, MOST))
    }

    /// The time that it is.
    pub(crate) fn delta(self) -> TimeDelta {
        TimeDelta::days(i64::from(self.0))
    }
}

impl<const LEAST: u16, const MOST: u16> FromStr for Days<LEAST, MOST> {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let days = given.trim().strip_suffix('d').and_then(|count| count.parse().ok()).filter(|days| (LEAST..=MOST).contains(days));
        days.map(Self).ok_or_else(|| format!("`{given}` is no number of days: write it like `7d`, from {LEAST}d to {MOST}d"))
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
            assert_eq!(given.parse::<Days<1, 365>>().ok().map(|after| after.delta().num_days()), days, "{given}");
        }
    }
}
