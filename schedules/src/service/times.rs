//! The times at which a service starts the program, so that no slot passes without a start.
//!
//! "Every two hours" is elapsed time, and the clocks that services go by are changed twice a year and carried over borders. So the
//! times are those at which a slot can begin, seen on the clock of the service: minutes of the day where that holds over each
//! change of the clocks, else minutes of every hour. A start at which nothing is due ends at once.

use std::collections::BTreeSet;

use chrono::{DateTime, Offset, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::schedule::Schedule;

/// Minutes of an hour.
const HOUR: i64 = 60;
/// Minutes of a day.
const DAY: i64 = 24 * HOUR;
/// The shortest time between two starts, unless slots are shorter.
const SHORTEST: i64 = 5;
/// The days over which a zone's offsets are looked at.
const DAYS: i64 = 3 * 366;

/// The times on a clock at which a service starts the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Times {
    /// These minutes of every hour.
    Hourly(BTreeSet<u32>),
    /// These minutes of every day, counted from midnight.
    Daily(BTreeSet<u32>),
}

impl Times {
    /// For a service that makes up for what it slept through: as few as cover every slot. `zone` is that of its clock, none when
    /// nobody can tell.
    pub fn few(schedule: &Schedule, zone: Option<Tz>, now: DateTime<Utc>) -> Self {
        let Schedule::Every(every) = schedule else { return Self::often(schedule, zone, now) };
        let offsets = Offsets::of(zone, now);
        // Slots begin at multiples of the period, so among the multiples of its greatest part that a day is made of.
        let step = gcd(every.seconds() / 60, DAY);
        match zone {
            Some(_) if step > HOUR && offsets.widest() < step => Self::Daily(multiples(step, offsets.latest(), DAY)),
            _ => Self::often(schedule, zone, now),
        }
    }

    /// For a service that makes up for nothing, like cron: at least once an hour, so that a machine that slept is not late for long.
    pub fn often(schedule: &Schedule, zone: Option<Tz>, now: DateTime<Utc>) -> Self {
        let here = Offsets::of(zone, now);
        match schedule {
            Schedule::Every(every) => {
                let period = every.seconds() / 60;
                let common = gcd(period, HOUR);
                let step = if common >= SHORTEST || common == period { common } else { SHORTEST };
                let step = here.apart().into_iter().fold(step, gcd);
                Self::Hourly(multiples(step, here.latest(), HOUR))
            }
            Schedule::Cron(cron, given) => {
                let there = Offsets::of(Some(*given), now);
                let mut minutes = cron.minutes();
                // A match in an hour that is skipped comes when the hour does.
                if there.0.len() > 1 {
                    minutes.insert(0);
                }
                let seen = |minute: u32| {
                    let shifts = there.0.iter().flat_map(|from| here.0.iter().map(move |to| to - from));
                    shifts.map(move |shift| minute_of(i64::from(minute) + shift, HOUR))
                };
                Self::Hourly(minutes.into_iter().flat_map(seen).collect())
            }
        }
    }

    /// The minutes of the hour at which there are starts.
    pub fn minutes(&self) -> BTreeSet<u32> {
        match self {
            Times::Hourly(minutes) => minutes.clone(),
            Times::Daily(minutes) => minutes.iter().map(|minute| minute % 60).collect(),
        }
    }

    /// How many starts there are a day.
    pub fn a_day(&self) -> usize {
        match self {
            Times::Hourly(minutes) => minutes.len() * 24,
            Times::Daily(minutes) => minutes.len(),
        }
    }
}

/// By how many minutes a clock is ahead of UTC, in all seasons.
struct Offsets(BTreeSet<i64>);

impl Offsets {
    fn of(zone: Option<Tz>, now: DateTime<Utc>) -> Self {
        let Some(zone) = zone else { return Self((0..HOUR).step_by(15).collect()) };
        let at = |day| (now + TimeDelta::days(day)).with_timezone(&zone).offset().fix().local_minus_utc();
        Self((0..DAYS).map(|day| i64::from(at(day)).div_euclid(60)).collect())
    }

    fn latest(&self) -> i64 {
        self.0.last().copied().unwrap_or(0)
    }

    fn widest(&self) -> i64 {
        self.latest() - self.0.first().copied().unwrap_or(0)
    }

    /// How far the others are from the latest.
    fn apart(&self) -> Vec<i64> {
        self.0.iter().map(|offset| self.latest() - offset).filter(|apart| *apart > 0).collect()
    }
}

/// The minutes below `end` that are multiples of `step` on a clock that is `offset` minutes behind. The latest offset it is: a
/// start is then late in winter, never early, and a day of 25 hours passes no slot over.
fn multiples(step: i64, offset: i64, end: i64) -> BTreeSet<u32> {
    (0..end / step.max(1)).map(|count| minute_of(count * step + offset, end)).collect()
}

fn minute_of(minute: i64, end: i64) -> u32 {
    u32::try_from(minute.rem_euclid(end)).unwrap_or(0)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
