//! The funnel: from a stranger who lands on the site to a reader who is there. Each step with the days that it counts and its number
//! of people, for each of what brought them first. Pure.
//!
//! Must stay true: a step counts whole days, and people of days, not persons: whoever comes on two days has landed twice, for nobody is
//! known from one day to the next.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use serde::Serialize;
use strum::{Display, EnumIter, EnumString, IntoEnumIterator};

/// How many days a step counts.
pub const FUNNEL_DAYS: i64 = 30;

/// Within how many days of confirming a reader has to be seen to be there.
pub const ACTIVE_DAYS: i64 = 7;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, EnumIter, Serialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    /// They came to the site, not by a letter.
    Landing,
    /// They asked for the letter.
    Signup,
    /// They confirmed.
    Confirmed,
    /// They followed a link, answered, or filled in a survey within [`ACTIVE_DAYS`] of confirming; counted on the day they confirmed.
    Active,
}

/// How many people took a step on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCount {
    /// The day (UTC).
    pub day: NaiveDate,
    /// What brought them first, see [`crate::VisitSource`].
    pub source: String,
    /// The step.
    pub step: Step,
    /// People.
    pub people: u64,
}

/// A step with its days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepCount {
    /// The step.
    pub step: Step,
    /// The first day that is counted.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// People who took it on those days.
    pub people: u64,
    /// People who could have: those of the step before, on the same days. Unknown for the first step.
    pub of: Option<u64>,
    /// The people by what brought them, the most first.
    pub by_source: Vec<(String, u64)>,
}

/// The days that a step counts: the last 30, today among them; readers have had their seven days to be seen, so that step ends as
/// much earlier.
fn days(step: Step, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let to = if step == Step::Active { today - TimeDelta::days(ACTIVE_DAYS) } else { today };
    (to - TimeDelta::days(FUNNEL_DAYS - 1), to)
}

/// The steps, in their order. Empty when nothing was ever counted.
#[must_use]
pub fn funnel(counts: &[DayCount], today: NaiveDate) -> Vec<StepCount> {
    if counts.is_empty() {
        return vec![];
    }
    let people = |step: Step, from: NaiveDate, to: NaiveDate| {
        let mut by_source: BTreeMap<&str, u64> = BTreeMap::new();
        for count in counts.iter().filter(|count| count.step == step && count.day >= from && count.day <= to) {
            *by_source.entry(&count.source).or_default() += count.people;
        }
        by_source
    };
    let steps: Vec<Step> = Step::iter().collect();
    let measured = steps.iter().enumerate().map(|(at, step)| {
        let (from, to) = days(*step, today);
        let mut by_source: Vec<(String, u64)> =
            people(*step, from, to).into_iter().map(|(name, people)| (name.to_owned(), people)).collect();
        by_source.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let before = at.checked_sub(1).and_then(|at| steps.get(at));
        let of = before.map(|before| people(*before, from, to).values().sum());
        StepCount { step: *step, from, to, people: by_source.iter().map(|(_, people)| people).sum(), of, by_source }
    });
    measured.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(day: &str, source: &str, step: Step, people: u64) -> DayCount {
        DayCount { day: day.parse().expect("a day"), source: source.to_owned(), step, people }
    }

    #[test]
    fn each_step_counts_its_days() {
        let today = "2026-11-20".parse().expect("a day");
        let counts = [
            count("2026-11-20", "mastodon", Step::Landing, 40),
            count("2026-11-19", "mastodon", Step::Landing, 2),
            count("2026-11-20", "link", Step::Landing, 10),
            count("2026-10-22", "link", Step::Landing, 1),
            // Too old.
            count("2026-10-21", "link", Step::Landing, 1000),
            count("2026-11-20", "mastodon", Step::Signup, 5),
            count("2026-11-20", "mastodon", Step::Confirmed, 3),
            // These have had their seven days.
            count("2026-11-13", "mastodon", Step::Confirmed, 4),
            count("2026-10-15", "unknown", Step::Confirmed, 2),
            count("2026-11-13", "mastodon", Step::Active, 2),
            count("2026-10-15", "unknown", Step::Active, 1),
            count("2026-11-20", "mastodon", Step::Active, 1),
        ];
        let funnel = funnel(&counts, today);
        let told: Vec<String> =
            funnel.iter().map(|one| format!("{} {}..{} {} of {:?}", one.step, one.from, one.to, one.people, one.of)).collect();
        assert_eq!(
            told,
            [
                "landing 2026-10-22..2026-11-20 53 of None",
                "signup 2026-10-22..2026-11-20 5 of Some(53)",
                "confirmed 2026-10-22..2026-11-20 7 of Some(5)",
                "active 2026-10-15..2026-11-13 3 of Some(6)",
            ]
        );
        assert_eq!(funnel[0].by_source, [("mastodon".to_owned(), 42), ("link".to_owned(), 11)]);
        assert_eq!(super::funnel(&[], today), []);
    }
}
