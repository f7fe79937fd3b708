//! What was measured, to be looked at: people reached a post for each channel, how sure that is, how old, and its trend.
//!
//! Must stay true: a channel that was never measured is not shown, and a day before the first measurement has no bar; what is
//! shown is what decides.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{FactRow, Memory, MemoryError};
use reveille_mission::{Channel, Fact, FactKey, FactValue, Facts, Interval, Priors, reach_interval};
use serde::Serialize;

use super::posts::WINDOW_DAYS;

/// How many bars the chart has: one for three days.
const BARS: i32 = 10;

/// The heights of a bar.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// By what share the reach must have moved in the window to be called a rise or a fall.
const MOVED: f64 = 0.1;

/// A channel as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reached {
    /// The channel.
    pub channel: Channel,
    /// People who follow, where that was told.
    pub followers: Option<Number>,
    /// Posts of the last 30 days that were counted, where there were any.
    pub posts: Option<Number>,
    /// People who engaged with those.
    pub engagements: Option<Number>,
    /// Visitors of the site whom they brought first, where those are counted.
    pub visitors: Option<Number>,
    /// People reached by one post.
    pub people: Interval,
    /// People reached by one post over the last 30 days, oldest first.
    pub trend: Vec<Point>,
}

/// A measured number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Number {
    /// The number.
    pub count: u64,
    /// When it was measured.
    pub measured_at: DateTime<Utc>,
}

/// The estimate as it stood at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The time.
    pub at: DateTime<Utc>,
    /// People reached by one post; unknown before the first measurement.
    pub people: Option<f64>,
}

/// Where the reach went in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More than a tenth more.
    Up,
    /// Hardly anywhere.
    Level,
    /// More than a tenth less.
    Down,
}

impl Direction {
    /// An arrow.
    pub fn arrow(self) -> char {
        match self {
            Direction::Up => '↑',
            Direction::Level => '→',
            Direction::Down => '↓',
        }
    }
}

impl Reached {
    /// When the number of people was measured: its older part.
    pub fn measured_at(&self) -> Option<DateTime<Utc>> {
        [self.posts, self.followers].into_iter().flatten().map(|number| number.measured_at).min()
    }

    /// Where it went, when there is more than one measurement to tell by.
    pub fn direction(&self) -> Option<Direction> {
        let mut known = self.trend.iter().filter_map(|point| point.people);
        let first = known.next()?;
        let last = known.next_back()?;
        Some(match last / first {
            ratio if ratio > 1.0 + MOVED => Direction::Up,
            ratio if ratio < 1.0 - MOVED => Direction::Down,
            _ => Direction::Level,
        })
    }
}

/// Every channel that was measured, the one with the most people a post first.
///
/// # Errors
/// The facts can't be read.
pub fn reached(memory: &Memory, priors: &Priors, now: DateTime<Utc>) -> Result<Vec<Reached>, MemoryError> {
    let mut all = Vec::new();
    for channel in Channel::ALL.into_iter().filter(|channel| channel.is_public() && *channel != Channel::Web) {
        all.extend(one(memory, channel, priors, now)?);
    }
    all.sort_by(|a: &Reached, b: &Reached| b.people.mean.total_cmp(&a.people.mean));
    Ok(all)
}

fn one(memory: &Memory, channel: Channel, priors: &Priors, now: DateTime<Utc>) -> Result<Option<Reached>, MemoryError> {
    let keys = [FactKey::Followers(channel), FactKey::Posts(channel), FactKey::Engagements(channel), FactKey::Visitors(channel)];
    let latest = memory.latest_facts()?;
    let number = |key: FactKey| {
        let row = latest.iter().find(|row| row.key == key.to_string())?;
        Some(Number { count: row.value_json.parse().ok()?, measured_at: row.measured_at })
    };
    let [followers, posts, engagements, visitors] = keys.map(number);
    if followers.is_none() && posts.is_none() {
        return Ok(None);
    }
    let mut facts = Facts::default();
    for (key, number) in keys.into_iter().zip([followers, posts, engagements, visitors]) {
        number.into_iter().for_each(|number| set(&mut facts, key, number.count, number.measured_at));
    }
    let people = reach_interval(channel, &facts, priors);
    let trend = trend(memory, channel, keys, priors, now)?;
    Ok(Some(Reached { channel, followers, posts, engagements, visitors, people, trend }))
}

fn set(facts: &mut Facts, key: FactKey, count: u64, at: DateTime<Utc>) {
    facts.set(key, Fact { value: FactValue::Count(count), source: String::new(), measured_at: Some(at) });
}

/// The estimate at the end of each bar, by the rows that stood then.
fn trend(memory: &Memory, channel: Channel, keys: [FactKey; 4], priors: &Priors, now: DateTime<Utc>) -> Result<Vec<Point>, MemoryError> {
    let window = TimeDelta::days(WINDOW_DAYS);
    // A row that was seen last before the window still stands at its beginning.
    let before = now - window * 2;
    let mut rows: Vec<(FactKey, Vec<FactRow>)> = Vec::with_capacity(keys.len());
    for key in keys {
        rows.push((key, memory.fact_history(&key.to_string(), before)?));
    }
    let point = |bar: i32| {
        let at = now - window * (BARS - 1 - bar) / BARS;
        let mut facts = Facts::default();
        let mut known = false;
        for (key, rows) in &rows {
            if let Some((row, count)) =
                rows.iter().rfind(|row| row.measured_at <= at).and_then(|row| Some((row, row.value_json.parse().ok()?)))
            {
                set(&mut facts, *key, count, row.measured_at);
                known = true;
            }
        }
        Point { at, people: known.then(|| reach_interval(channel, &facts, priors).mean) }
    };
    Ok((0..BARS).map(point).collect())
}

/// The trend as one line of blocks from zero to the highest; a point for what was not measured yet. Pure.
pub fn chart(trend: &[Point]) -> String {
    let highest = trend.iter().filter_map(|point| point.people).fold(0.0, f64::max);
    let top = (BLOCKS.len() - 1) as f64;
    let bar = |point: &Point| match point.people {
        None => '·',
        Some(_) if highest <= 0.0 => BLOCKS[0],
        Some(people) => BLOCKS[(people / highest * top).round().clamp(0.0, top) as usize],
    };
    trend.iter().map(bar).collect()
}
