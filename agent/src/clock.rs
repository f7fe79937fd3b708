//! What the computer's clock did since the last wake: asleep and off are no faults, a clock that was set is said.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use serde::{Deserialize, Serialize};

use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;

/// Under which key memory keeps the last look.
const CLOCK: &str = "clock";

/// How far a clock may be off before it is said: NTP sets it by seconds.
const LARGE: TimeDelta = TimeDelta::minutes(5);

/// The wall's time and the computer's own count of seconds, at one moment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Look {
    at: DateTime<Utc>,
    /// Seconds since the computer was started, asleep or not.
    up: Option<u64>,
}

/// By how much the clock was set since the last wake, when it is more than a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Forward.
    Forward(TimeDelta),
    /// Back.
    Back(TimeDelta),
}

impl Set {
    fn between(before: Look, now: Look) -> Option<Self> {
        let passed = now.at - before.at;
        // Without both counts of one start only a clock that went back is certain.
        let counted = now.up.zip(before.up).and_then(|(now, before)| i64::try_from(now.checked_sub(before)?).ok());
        let set = passed - counted.map_or_else(|| passed.max(TimeDelta::zero()), TimeDelta::seconds);
        match set {
            set if set > LARGE => Some(Set::Forward(set)),
            set if set < -LARGE => Some(Set::Back(-set)),
            _ => None,
        }
    }

    /// In words, for the notes of a wake.
    pub(crate) fn said(self) -> String {
        match self {
            Set::Forward(by) => format!("the computer's clock was set forward by {} since the last wake", spoken(by)),
            Set::Back(by) => format!(
                "the computer's clock was set back by {} since the last wake; what was done at a later time is not done again",
                spoken(by)
            ),
        }
    }
}

/// Looks at the clock, and remembers the look for the next wake.
pub(crate) fn look(scene: &Scene<'_>, memory: &mut Memory) -> Outcome<Option<Set>> {
    let now = Look { at: scene.now, up: scene.environment.uptime().map(|up| up.as_secs()) };
    let before: Option<Look> = memory.text(CLOCK).or_fail()?.and_then(|text| serde_json::from_str(&text).ok());
    memory.keep_text(CLOCK, &serde_json::to_string(&now)?).or_fail()?;
    Ok(before.and_then(|before| Set::between(before, now)))
}

fn spoken(by: TimeDelta) -> String {
    match (by.num_days(), by.num_hours(), by.num_minutes()) {
        (2.., ..) => format!("{} days", by.num_days()),
        (_, 2.., _) => format!("{} hours", by.num_hours()),
        (_, _, minutes) => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_was_set_is_said() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let look = |text: &str, up: Option<u64>| Look { at: at(text), up };
        let noon = "2026-11-20T12:00:00Z";
        for (before, now, expected) in [
            // Two hours passed, asleep or not.
            (look(noon, Some(100)), look("2026-11-20T14:00:00Z", Some(7300)), None),
            // It was started anew in between: nobody can tell.
            (look(noon, Some(9000)), look("2026-11-25T14:00:00Z", Some(60)), None),
            (look(noon, None), look("2026-11-25T14:00:00Z", None), None),
            (look(noon, Some(100)), look("2026-11-23T14:00:00Z", Some(7300)), Some("set forward by 3 days")),
            (look(noon, Some(100)), look("2026-11-19T12:00:00Z", Some(7300)), Some("set back by 26 hours")),
            (look(noon, Some(9000)), look("2026-11-20T11:20:00Z", Some(60)), Some("set back by 40 minutes")),
        ] {
            let said = Set::between(before, now).map(Set::said);
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{expected:?}");
        }
    }
}
