//! When a wake is due. A slot is the time between two wakes, named by the moment at which it begins; a wake fills it once.
//!
//! "Every two hours" is elapsed time in UTC, cut at multiples of the period since 1970. A cron pattern is local time.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::cron::Cron;
use crate::every::Every;

/// When wakes come.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// A wake in each period.
    Every(Every),
    /// A wake at each time that the pattern names in this zone.
    Cron(Box<Cron>, Tz),
}

/// The beginning of a slot, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(DateTime<Utc>);

impl Slot {
    /// The slot that begins at `seconds` since 1970.
    pub fn at(seconds: i64) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).map(Self)
    }

    /// When it begins.
    pub fn begins(self) -> DateTime<Utc> {
        self.0
    }

    /// Seconds since 1970: what a database keeps.
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }
}

/// Slots that passed without a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The first of them.
    pub first: Slot,
    /// The last of them.
    pub last: Slot,
    /// How many they are, 10,000 at most.
    pub count: u32,
}

/// Whether a wake is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Now, for this slot; those before it are passed over.
    Now {
        /// The slot to fill.
        slot: Slot,
        /// What was missed since the last one, if anything was.
        missed: Option<Missed>,
    },
    /// Not before this time.
    NotUntil(DateTime<Utc>),
}

/// How many missed slots are counted.
const COUNTED: u32 = 10_000;

/// A time that never comes: a pattern without another match ends there.
const NEVER: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

impl Schedule {
    /// The slot that `now` is in: the newest that has begun. None before the first match of a pattern.
    pub fn slot(&self, now: DateTime<Utc>) -> Option<Slot> {
        match self {
            Schedule::Every(every) => {
                let period = every.seconds();
                Slot::at(now.timestamp().div_euclid(period) * period)
            }
            Schedule::Cron(cron, zone) => cron.newest(now.trunc_subsecs(0), *zone).map(Slot),
        }
    }

    /// When the slot after `now` begins.
    pub fn next(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Schedule::Every(every) => {
                self.slot(now).and_then(|slot| slot.0.checked_add_signed(TimeDelta::seconds(every.seconds()))).unwrap_or(NEVER)
            }
            Schedule::Cron(cron, zone) => cron.next(now, *zone).unwrap_or(NEVER),
        }
    }

    /// The slots after `last` and before `current`.
    fn between(&self, last: Slot, current: Slot) -> Option<Missed> {
        let first = Slot(self.next(last.0));
        if first >= current {
            return None;
        }
        if let Schedule::Every(every) = self {
            let count = (current.seconds() - first.seconds()) / every.seconds();
            let last = Slot(current.0 - TimeDelta::seconds(every.seconds()));
            return Some(Missed { first, last, count: u32::try_from(count).unwrap_or(COUNTED).min(COUNTED) });
        }
        let mut missed = Missed { first, last: first, count: 1 };
        while missed.count < COUNTED {
            let next = Slot(self.next(missed.last.0));
            if next >= current {
                return Some(missed);
            }
            missed = Missed { last: next, count: missed.count + 1, ..missed };
        }
        Some(missed)
    }
}

/// Whether a wake is due at `now`, when `last` is the newest slot up to now that a wake has taken. After a gap the newest slot
/// is due, once. A clock that was set back finds its slots taken.
pub fn due(now: DateTime<Utc>, last: Option<Slot>, schedule: &Schedule) -> Due {
    match (schedule.slot(now), last) {
        (Some(slot), None) => Due::Now { slot, missed: None },
        (Some(slot), Some(last)) if slot > last => Due::Now { slot, missed: schedule.between(last, slot) },
        _ => Due::NotUntil(schedule.next(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn slot(text: &str) -> Slot {
        Slot(at(text))
    }

    #[test]
    fn a_slot_is_due_once() {
        let every = Schedule::Every("2h".parse().expect("a period"));
        let local = Schedule::Cron(Box::new("0 */2 * * *".parse().expect("a pattern")), chrono_tz::Asia::Kolkata);
        let missed = |first, last, count| Some(Missed { first: slot(first), last: slot(last), count });
        for (schedule, now, last, expected) in [
            (&every, "2026-11-20T14:30:00Z", None, Due::Now { slot: slot("2026-11-20T14:00:00Z"), missed: None }),
            (&every, "2026-11-20T14:30:00Z", Some("2026-11-20T12:00:00Z"), Due::Now { slot: slot("2026-11-20T14:00:00Z"), missed: None }),
            (&every, "2026-11-20T14:30:00Z", Some("2026-11-20T14:00:00Z"), Due::NotUntil(at("2026-11-20T16:00:00Z"))),
            (&every, "2026-11-20T09:00:00Z", Some("2026-11-20T14:00:00Z"), Due::NotUntil(at("2026-11-20T10:00:00Z"))),
            (
                &every,
                "2026-11-25T09:00:00Z",
                Some("2026-11-20T14:00:00Z"),
                Due::Now { slot: slot("2026-11-25T08:00:00Z"), missed: missed("2026-11-20T16:00:00Z", "2026-11-25T06:00:00Z", 56) },
            ),
            // In India the even hours are at half past in UTC.
            (&local, "2026-11-20T14:31:00Z", Some("2026-11-20T14:30:00Z"), Due::NotUntil(at("2026-11-20T16:30:00Z"))),
            (
                &local,
                "2026-11-20T20:31:00Z",
                Some("2026-11-20T14:30:00Z"),
                Due::Now { slot: slot("2026-11-20T20:30:00Z"), missed: missed("2026-11-20T16:30:00Z", "2026-11-20T18:30:00Z", 2) },
            ),
        ] {
            assert_eq!(due(at(now), last.map(slot), schedule), expected, "{now} {last:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_next_slot_is_later_and_due(now in -10_000_000_000i64..10_000_000_000, minutes in 1u64..10_080) {
            let schedule = Schedule::Every(format!("{minutes}m").parse().expect("a period"));
            let now = DateTime::from_timestamp(now, 0).expect("a time");
            let slot = schedule.slot(now).expect("a slot");
            match due(now, Some(slot), &schedule) {
                Due::Now { .. } => proptest::prop_assert!(false, "the slot is taken"),
                Due::NotUntil(next) => {
                    proptest::prop_assert!(next > now);
                    proptest::prop_assert_eq!(due(next, Some(slot), &schedule), Due::Now { slot: Slot(next), missed: None });
                }
            }
        }
    }
}
