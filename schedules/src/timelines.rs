//! Ten thousand generated timelines: sleep, restarts, clocks that jump, two timers at once, changes of the clocks in three
//! zones. Whatever happens, no slot is filled twice, and after a gap there is exactly one wake to catch up.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{Africa, America, Australia, Tz};
use proptest::prelude::*;

use crate::{Due, Quiet, Schedule, Slot, due};

/// What happens between two looks of a timer.
#[derive(Debug, Clone)]
enum Event {
    /// The timer fires again after so many minutes; so long does a wake take that it starts.
    Minutes(i64, i64),
    /// Asleep or off for so many minutes; the timer fires on waking.
    Asleep(i64),
    /// The clock is set by so many minutes.
    Set(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (1_i64..40, 0_i64..25).prop_map(|(later, takes)| Event::Minutes(later, takes)),
        2 => (30_i64..4_000).prop_map(Event::Asleep),
        1 => (-26 * 60_i64..=26 * 60).prop_map(Event::Set),
    ];
    prop::collection::vec(event, 20..60)
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let cron = |pattern: &str, zone: Tz| Schedule::Cron(Box::new(pattern.parse().expect("a pattern")), zone);
    prop_oneof![
        Just(Schedule::Every("2h".parse().expect("a period"))),
        Just(Schedule::Every("45m".parse().expect("a period"))),
        Just(cron("0 */2 * * *", America::New_York)),
        Just(cron("30 1,2,3 * * *", America::New_York)),
        Just(cron("15,45 * * * *", Australia::Lord_Howe)),
        Just(cron("0 2,14 * * *", Africa::Casablanca)),
    ]
}

/// Days before a change of the clocks in one of the three zones, and one without.
fn starts() -> impl Strategy<Value = DateTime<Utc>> {
    const DAYS: [&str; 7] = ["2026-03-07", "2026-10-31", "2026-04-03", "2026-10-02", "2026-02-14", "2026-03-21", "2026-06-10"];
    (prop::sample::select(&DAYS[..]), 0_i64..24 * 60)
        .prop_map(|(day, minute)| format!("{day}T00:00:00Z").parse::<DateTime<Utc>>().expect("a time") + TimeDelta::minutes(minute))
}

/// A home as a timer sees it: which slots are filled, and until when a wake runs.
struct Home {
    schedule: Schedule,
    filled: BTreeSet<Slot>,
    /// In elapsed time, whatever the clock says.
    busy_until: DateTime<Utc>,
}

impl Home {
    fn last(&self, now: DateTime<Utc>) -> Option<Slot> {
        let current = self.schedule.slot(now)?;
        self.filled.range(..=current).next_back().copied()
    }

    /// A timer starts the program: the slot that a wake then fills.
    fn fire(&mut self, elapsed: DateTime<Utc>, now: DateTime<Utc>, takes: i64) -> Result<Option<Slot>, TestCaseError> {
        if elapsed < self.busy_until {
            return Ok(None);
        }
        let Due::Now { slot, missed } = due(now, self.last(now), &self.schedule) else { return Ok(None) };
        prop_assert!(slot.begins() <= now);
        prop_assert!(self.filled.insert(slot), "{slot:?} is filled twice");
        if let Some(missed) = missed {
            prop_assert!(missed.first <= missed.last && missed.last < slot && missed.count > 0);
            prop_assert!(!self.filled.range(missed.first..=missed.last).any(|_| true), "what was missed was filled");
        }
        self.busy_until = elapsed + TimeDelta::minutes(takes);
        Ok(Some(slot))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]
    #[test]
    fn no_slot_twice_and_one_wake_to_catch_up(schedule in schedules(), start in starts(), events in events()) {
        let mut home = Home { schedule, filled: BTreeSet::new(), busy_until: start };
        let (mut elapsed, mut offset) = (start, TimeDelta::zero());
        let mut set_back = false;
        for event in events {
            let (later, takes, slept) = match event {
                Event::Minutes(later, takes) => (later, takes, false),
                Event::Asleep(minutes) => (minutes, 0, true),
                Event::Set(minutes) => {
                    offset += TimeDelta::minutes(minutes);
                    set_back |= minutes < 0;
                    (0, 0, false)
                }
            };
            elapsed += TimeDelta::minutes(later);
            let now = elapsed + offset;
            let open = home.schedule.slot(now).filter(|slot| home.last(now) < Some(*slot));
            // Two timers fire at once: the lock lets one of them in.
            let first = home.fire(elapsed, now, takes)?;
            let second = home.fire(elapsed, now, takes)?;
            prop_assert_eq!(second, None, "two wakes in one slot");
            if slept && elapsed >= home.busy_until && !set_back {
                prop_assert_eq!(first, open, "the newest slot is caught up with, and no other");
            }
            if let Due::NotUntil(next) = due(now, home.last(now), &home.schedule) {
                prop_assert!(next > now);
            }
        }
    }

    #[test]
    fn quiet_hours_end(start in starts(), from in 0_u32..1440, long in 1_u32..1439,
                       zone in prop::sample::select(&[America::New_York, Australia::Lord_Howe, Africa::Casablanca][..]), later in 0_i64..4_000) {
        let to = (from + long) % 1440;
        let quiet: Quiet = format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60).parse().expect("hours");
        let now = start + TimeDelta::minutes(later);
        match quiet.until(now, zone) {
            None => prop_assert!(!quiet.contains(now, zone)),
            Some(end) => {
                prop_assert!(quiet.contains(now, zone) && end > now && end - now <= TimeDelta::hours(26));
            }
        }
    }
}
