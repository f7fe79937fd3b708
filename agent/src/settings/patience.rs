//! How long a server may take to answer.

use std::str::FromStr;
use std::time::Duration;

/// The longest that a wake may be held by one answer, in seconds.
const MOST: u64 = 120;

/// A time to wait, from one second to two minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience(Duration);

impl Patience {
    /// The time.
    pub(crate) fn duration(self) -> Duration {
        self.0
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

impl FromStr for Patience {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let wrong = || format!("`{given}` is no time to wait: write it like `30s` or `1m`, from 1s to {MOST}s");
        let text = given.trim();
        let (count, unit) = match (text.strip_suffix('s'), text.strip_suffix('m')) {
            (Some(count), _) => (count, 1),
            (None, Some(count)) => (count, 60),
            (None, None) => return Err(wrong()),
        };
        // Digits only: `+5s` is no way to write it.
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = count.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        let seconds = count.checked_mul(unit).filter(|seconds| (1..=MOST).contains(seconds)).ok_or_else(wrong)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_a_second_to_two_minutes() {
        for (given, seconds) in [
            ("1s", Some(1)),
            ("30s", Some(30)),
            ("2m", Some(120)),
            ("120s", Some(120)),
            ("121s", None),
            ("3m", None),
            ("0s", None),
            ("", None),
            ("s", None),
            ("30", None),
            ("1h", None),
            ("-1s", None),
            ("+1s", None),
            ("99999999999999999999s", None),
            ("9999999999999999999m", None),
        ] {
            assert_eq!(given.parse::<Patience>().ok().map(|patience| patience.duration().as_secs()), seconds, "{given}");
        }
    }
}
