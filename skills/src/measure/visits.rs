//! What the counted visits say: facts, and posts on channels of which nobody counts the answers.
//!
//! Must stay true: while no day was counted nothing is known, not zero; a post counts when it is a day old.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use reveille_memory::{FactRow, Memory, MemoryError, RunId};
use reveille_mission::{ACTIVE_DAYS, Channel, DayCount, FUNNEL_DAYS, FactKey, Step, StepCount, VisitSource, funnel};
use serde::Serialize;

use super::posts::{RIPE_HOURS, WINDOW_DAYS};

/// Who came, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visits {
    /// Pages that people looked at in the last 30 days.
    pub views: u64,
    /// Pages that programs fetched.
    pub robots: u64,
    /// The first day of these that was counted.
    pub since: Option<NaiveDate>,
    /// The steps from landing to being there.
    pub funnel: Vec<StepCount>,
}

fn first_day(now: DateTime<Utc>) -> NaiveDate {
    now.date_naive() - TimeDelta::days(FUNNEL_DAYS - 1)
}

/// Who came, and how far; nothing when nothing was ever counted.
///
/// # Errors
/// Memory can't be read.
pub fn visits(memory: &Memory, now: DateTime<Utc>) -> Result<Option<Visits>, MemoryError> {
    let days = memory.visits_since(first_day(now))?;
    let funnel = funnel(&memory.funnel_since(first_day(now) - TimeDelta::days(ACTIVE_DAYS))?, now.date_naive());
    if days.is_empty() && funnel.is_empty() {
        return Ok(None);
    }
    let (views, robots) = (days.iter().map(|day| day.views).sum(), days.iter().map(|day| day.robots).sum());
    Ok(Some(Visits { views, robots, since: days.first().map(|day| day.day), funnel }))
}

/// The facts: strangers who came in 30 days, of them those whom each channel brought first, and who confirmed. Empty while nothing was
/// counted.
///
/// # Errors
/// Memory can't be read.
pub fn site_facts(memory: &Memory, now: DateTime<Utc>) -> Result<Vec<(FactKey, u64)>, MemoryError> {
    if memory.visits_since(first_day(now))?.is_empty() {
        return Ok(vec![]);
    }
    let counts = memory.funnel_since(first_day(now))?;
    let sum = |step: Step, of: &dyn Fn(&DayCount) -> bool| -> u64 {
        counts.iter().filter(|count| count.step == step && count.day <= now.date_naive() && of(count)).map(|count| count.people).sum()
    };
    let mut facts =
        vec![(FactKey::SiteVisitors30d, sum(Step::Landing, &|_| true)), (FactKey::SiteConfirmed30d, sum(Step::Confirmed, &|_| true))];
    for channel in Channel::ALL.into_iter().filter(|channel| channel.is_public() && *channel != Channel::Web) {
        let name = VisitSource::Channel(channel).to_string();
        facts.push((FactKey::Visitors(channel), sum(Step::Landing, &|count| count.source == name)));
    }
    Ok(facts)
}

/// Keeps how many posts by hand there are on channels whose answers nobody counts: by these, visitors say how many a post brings.
///
/// # Errors
/// Memory can't be read or written.
pub fn measure_by_hand(memory: &mut Memory, run: RunId, now: DateTime<Utc>) -> Result<(), MemoryError> {
    let channels = [Channel::Reddit, Channel::X, Channel::Lobsters, Channel::Linkedin];
    let (from, to) = (now - TimeDelta::days(WINDOW_DAYS), now - TimeDelta::hours(RIPE_HOURS));
    let known = memory.latest_facts()?;
    let mut rows = vec![];
    for channel in channels {
        let count = memory.posts_between(&channel.to_string(), from, to)?;
        let key = FactKey::Posts(channel).to_string();
        if count > 0 || known.iter().any(|fact| fact.key == key) {
            rows.push(FactRow { key, value_json: count.to_string(), source: "posts of 30 days".to_owned(), measured_at: now });
        }
    }
    memory.record_facts(&rows, run)
}
