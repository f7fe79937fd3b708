//! Every slot is hit: a year of minutes on the clocks of many zones, pessimistic about hours that come twice.

use chrono::NaiveDateTime;
use proptest::prelude::*;

use super::*;

const ZONES: [Tz; 10] = [
    Tz::UTC,
    Tz::America__New_York,
    Tz::America__St_Johns,
    Tz::Europe__Berlin,
    Tz::Europe__London,
    Tz::Africa__Casablanca,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kolkata,
    Tz::Pacific__Chatham,
    Tz::Antarctica__Troll,
];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn every(text: &str) -> Schedule {
    Schedule::Every(text.parse().expect("a period"))
}

fn cron(text: &str, zone: Tz) -> Schedule {
    Schedule::Cron(Box::new(text.parse().expect("a pattern")), zone)
}

/// The starts of a year on a clock of `zone`. Minutes of every hour come whenever the clock shows them; a minute of the day that is
/// skipped comes at the change, one that comes twice comes the first time only.
fn starts(times: &Times, zone: Tz, from: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let wall = |time: DateTime<Utc>| time.with_timezone(&zone).naive_local();
    let mut latest: NaiveDateTime = wall(from) - TimeDelta::minutes(1);
    let mut found = Vec::new();
    for minute in 0..366 * DAY {
        let time = from + TimeDelta::minutes(minute);
        let shown = wall(time);
        let of_day = |wall: NaiveDateTime| u32::try_from((wall - wall.date().and_time(chrono::NaiveTime::MIN)).num_minutes()).expect("few");
        let starts = match times {
            Times::Hourly(minutes) => minutes.contains(&(of_day(shown) % 60)),
            Times::Daily(minutes) => {
                let new = (shown - latest).num_minutes().max(0);
                (0..new).any(|back| minutes.contains(&of_day(shown - TimeDelta::minutes(back))))
            }
        };
        latest = latest.max(shown);
        if starts {
            found.push(time);
        }
    }
    found
}

/// The first slot of that year without a start.
fn missed(schedule: &Schedule, times: &Times, zone: Tz) -> Option<DateTime<Utc>> {
    let from = at("2026-01-01T00:00:00Z");
    let starts = starts(times, zone, from);
    let mut begin = schedule.next(from);
    let until = *starts.last()? - TimeDelta::days(8);
    let mut next_start = 0;
    while begin < until {
        let end = schedule.next(begin);
        next_start += starts[next_start..].iter().take_while(|start| **start < begin).count();
        if starts.get(next_start).is_none_or(|start| *start >= end) {
            return Some(begin);
        }
        begin = end;
    }
    None
}

fn both(schedule: &Schedule, zone: Option<Tz>) -> [Times; 2] {
    let now = at("2026-11-20T14:00:00Z");
    [Times::few(schedule, zone, now), Times::often(schedule, zone, now)]
}

#[test]
fn every_slot_of_the_usual_schedules_has_a_start() {
    for period in ["1m", "7m", "20m", "40m", "1h", "61m", "90m", "2h", "5h", "1d", "36h"] {
        let schedule = every(period);
        for zone in ZONES {
            let [few, often] = both(&schedule, Some(zone));
            assert_eq!(missed(&schedule, &few, zone), None, "{period} in {zone}: {few:?}");
            assert!(few == often || missed(&schedule, &often, zone).is_none(), "{period} in {zone}: {often:?}");
        }
        for zone in [Tz::America__New_York, Tz::Australia__Lord_Howe] {
            let [times, _] = both(&schedule, None);
            assert_eq!(missed(&schedule, &times, zone), None, "{period} in {zone}, unknown: {times:?}");
        }
    }
}

#[test]
fn every_slot_of_a_pattern_has_a_start_whatever_the_zone_of_the_machine() {
    for (pattern, of) in [
        ("0 */2 * * *", Tz::America__New_York),
        ("30 2,3 * * *", Tz::America__New_York),
        ("15 1,2 * * *", Tz::Australia__Lord_Howe),
        ("5 7,12,18 * * mon-fri", Tz::Asia__Kolkata),
        ("*/20 1-4 * * *", Tz::Europe__London),
    ] {
        let schedule = cron(pattern, of);
        for zone in ZONES {
            let [times, _] = both(&schedule, Some(zone));
            assert_eq!(missed(&schedule, &times, zone), None, "{pattern} of {of} in {zone}: {times:?}");
        }
    }
}

#[test]
fn two_hours_are_twelve_starts_a_day_and_they_begin_with_the_slot() {
    for (period, zone, count, first) in [
        ("2h", Tz::UTC, 12, 0),
        ("2h", Tz::America__New_York, 12, 0),
        ("2h", Tz::Europe__London, 12, 60),
        ("2h", Tz::Asia__Kolkata, 12, 90),
        ("90m", Tz::UTC, 16, 0),
        ("7h", Tz::UTC, 24, 0),
        ("36h", Tz::UTC, 2, 0),
        ("1d", Tz::America__New_York, 1, 20 * 60),
    ] {
        let [times, often] = both(&every(period), Some(zone));
        let least = match &times {
            Times::Daily(minutes) | Times::Hourly(minutes) => minutes.first().copied(),
        };
        assert_eq!((times.a_day(), least), (count, Some(first)), "{period} in {zone}");
        assert!(often.a_day() >= 24, "{often:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_period_in_any_zone(minutes in 1u64..10_080, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
        let (schedule, zone) = (every(&format!("{minutes}m")), chrono_tz::TZ_VARIANTS[zone]);
        for times in both(&schedule, Some(zone)) {
            prop_assert_eq!(missed(&schedule, &times, zone), None, "{} in {}: {:?}", minutes, zone, times);
        }
    }
}
