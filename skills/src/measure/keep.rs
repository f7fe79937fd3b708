//! Keeping what was measured as a time series, with source and time, and the sums that the value of a task is made of.
//!
//! Must stay true: what could not be fetched keeps its last value and its age, and that is said; the sums are as old as their
//! oldest part.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{FactRow, Memory, MemoryError, RunId};
use reveille_mission::{Channel, FactKey};

use super::channel::{Measurement, Meter, measure_channel};
use super::posts::{GONE, MadePost, posts, sums};
use super::round::Round;
use crate::channels::Fault;

/// The key of mails that a mail server took, of all letters.
pub const DELIVERED: &str = "email.delivered";

/// The key of mails that a mail server refused for good.
pub const BOUNCED: &str = "email.bounced";

/// What measuring a channel came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The channel.
    pub channel: Channel,
    /// In a phrase: `Mastodon: 120 followers, 12 posts counted`. Empty where nothing was learned.
    pub learned: String,
    /// What could not be fetched, with channel and reason, and what stands in its place.
    pub notes: Vec<String>,
    /// The server did not accept the credential: its words.
    pub refused: Option<String>,
}

/// Measures a channel and keeps what it says: a new round, or the rest of an open one.
///
/// # Errors
/// Memory can't be read or written. What the channel could not say is in [`Measured::notes`].
pub fn measure(memory: &mut Memory, run: RunId, meter: Meter<'_>, every: TimeDelta, now: DateTime<Utc>) -> Result<Measured, MemoryError> {
    let channel = meter.channel();
    let round = Round::at(Round::last(memory, channel)?, every, now);
    let wanted: Vec<MadePost> = posts(memory, now)?.into_iter().filter(|post| post.channel == channel && round.wants(post)).collect();
    let found = measure_channel(meter, &wanted, now);
    keep(memory, run, &found, &wanted)?;
    let round = match found.faults.last() {
        None => round.closed(),
        // Asking again is no use: the next round comes in its time.
        Some(Fault::Refused { .. }) => round.closed(),
        Some(Fault::RateLimited { until, .. }) => round.postponed(Some(*until), now),
        Some(Fault::Credential { .. } | Fault::Later { .. } | Fault::Unclear { .. }) => round.postponed(None, now),
    };
    round.keep(memory, channel)?;
    let reasons: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    let mut notes = notes(memory, channel, &reasons, now)?;
    if found.left > 0 && round.open {
        notes.push(format!("{} posts on {} are left to measure in a later wake", found.left, channel.title()));
    }
    let refused = found.faults.iter().find_map(|fault| match fault {
        Fault::Credential { why, .. } => Some(why.clone()),
        _ => None,
    });
    Ok(Measured { channel, learned: learned(&found), notes, refused })
}

/// A channel that could not even be connected to: its last values stay, and it is tried again the next day.
///
/// # Errors
/// Memory can't be read or written.
pub fn not_connected(
    memory: &mut Memory,
    channel: Channel,
    why: &str,
    every: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Measured, MemoryError> {
    Round::at(Round::last(memory, channel)?, every, now).postponed(None, now).keep(memory, channel)?;
    let notes = notes(memory, channel, &[why.to_owned()], now)?;
    Ok(Measured { channel, learned: String::new(), notes, refused: None })
}

/// Ends a round over the logs of the site's web server, with what reading them came to.
///
/// # Errors
/// Memory can't be read or written.
pub fn measured_logs(
    memory: &mut Memory,
    learned: String,
    notes: Vec<String>,
    every: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Measured, MemoryError> {
    let channel = Channel::Web;
    let round = Round::at(Round::last(memory, channel)?, every, now);
    let round = if notes.is_empty() { round.closed() } else { round.postponed(None, now) };
    round.keep(memory, channel)?;
    Ok(Measured { channel, learned, notes, refused: None })
}

/// Counts the mails of all letters in the ledger: nobody is asked.
///
/// # Errors
/// Memory can't be read or written.
pub fn measure_mail(memory: &mut Memory, run: RunId, every: TimeDelta, now: DateTime<Utc>) -> Result<Measured, MemoryError> {
    let tallies = memory.tallies()?;
    let letters = || tallies.iter().filter(|tally| tally.channel == Channel::Email.to_string());
    let (delivered, bounced) = letters().fold((0, 0), |(sent, back), tally| (sent + tally.confirmed, back + tally.refused));
    let row = |key: &str, count: u64| row(key.to_owned(), count, "the ledger", now);
    memory.record_facts(&[row(DELIVERED, delivered), row(BOUNCED, bounced)], run)?;
    Round::at(Round::last(memory, Channel::Email)?, every, now).closed().keep(memory, Channel::Email)?;
    Ok(Measured {
        channel: Channel::Email,
        learned: format!("mail: {delivered} delivered, {bounced} bounced"),
        notes: vec![],
        refused: None,
    })
}

fn row(key: String, value: u64, source: &str, at: DateTime<Utc>) -> FactRow {
    FactRow { key, value_json: value.to_string(), source: source.to_owned(), measured_at: at }
}

fn keep(memory: &mut Memory, run: RunId, found: &Measurement, wanted: &[MadePost]) -> Result<(), MemoryError> {
    let channel = found.channel;
    let asked = |key: String, value: u64| row(key, value, channel.title(), found.at);
    let mut rows: Vec<FactRow> =
        found.followers.map(|followers| asked(FactKey::Followers(channel).to_string(), followers)).into_iter().collect();
    for (effect, counts) in &found.counted {
        rows.extend(counts.iter().map(|(counter, count)| asked(format!("post.{}.{}", effect.0, counter.name()), *count)));
        // A post that was away and is there again.
        if wanted.iter().any(|post| post.effect == *effect && post.gone) {
            rows.push(asked(format!("post.{}.{GONE}", effect.0), 0));
        }
    }
    rows.extend(found.gone.iter().map(|effect| asked(format!("post.{}.{GONE}", effect.0), 1)));
    memory.record_facts(&rows, run)?;
    keep_sums(memory, run, channel, found.at)
}

/// The sums over every post of the window by its last count; a channel that never had any keeps none.
fn keep_sums(memory: &mut Memory, run: RunId, channel: Channel, now: DateTime<Utc>) -> Result<(), MemoryError> {
    let sums = sums(&posts(memory, now)?, channel);
    let (posts_key, engagements_key) = (FactKey::Posts(channel).to_string(), FactKey::Engagements(channel).to_string());
    if sums.posts == 0 && last(memory, &posts_key)?.is_none() {
        return Ok(());
    }
    let at = sums.oldest.unwrap_or(now);
    let sum = |key: String, value: u64| row(key, value, "posts of 30 days", at);
    memory.record_facts(&[sum(posts_key, sums.posts), sum(engagements_key, sums.engagements)], run)
}

fn last(memory: &Memory, key: &str) -> Result<Option<FactRow>, MemoryError> {
    Ok(memory.latest_facts()?.into_iter().find(|fact| fact.key == key))
}

fn learned(found: &Measurement) -> String {
    let mut parts: Vec<String> = found.followers.map(|followers| format!("{followers} followers")).into_iter().collect();
    if !found.counted.is_empty() {
        parts.push(format!("{} posts counted", found.counted.len()));
    }
    if !found.gone.is_empty() {
        parts.push(format!("{} posts not found", found.gone.len()));
    }
    if parts.is_empty() { String::new() } else { format!("{}: {}", found.channel.title(), parts.join(", ")) }
}

/// What went wrong, and the value that stands in the place of what was not fetched, with its age.
fn notes(memory: &Memory, channel: Channel, reasons: &[String], now: DateTime<Utc>) -> Result<Vec<String>, MemoryError> {
    let kept = [(FactKey::Followers(channel), "followers"), (FactKey::Posts(channel), "measured posts")];
    let mut stays = Vec::new();
    for (key, name) in kept {
        if let Some(fact) = last(memory, &key.to_string())?.filter(|fact| fact.measured_at < now) {
            stays.push(format!("{} {name} as of {}", fact.value_json, age(now - fact.measured_at)));
        }
    }
    let stays = if stays.is_empty() { String::new() } else { format!("; the last numbers stay: {}", stays.join(", ")) };
    Ok(reasons.iter().map(|reason| format!("measuring {}: {reason}{stays}", channel.title())).collect())
}

/// An age in words: hours below two days, then days.
pub fn age(age: TimeDelta) -> String {
    match (age.num_hours(), age.num_days()) {
        (..=0, _) => "less than an hour ago".to_owned(),
        (1, _) => "an hour ago".to_owned(),
        (hours @ ..48, _) => format!("{hours} hours ago"),
        (_, days) => format!("{days} days ago"),
    }
}
