//! A round of measuring: every channel is asked for its followers and for the answers to its posts, at most once in the period of the
//! settings. A round that a limit or a silence ended goes on in a later wake with the posts that it has not looked at.
//!
//! Must stay true: nothing is asked before the time that the server named; a channel that does not answer is asked again after
//! most of a day, not by every wake.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Memory, MemoryError};
use reveille_mission::Channel;
use serde::{Deserialize, Serialize};

use super::posts::{MadePost, RIPE_HOURS};

/// How long a channel that gave no answer is left alone, in hours.
const AGAIN_HOURS: i64 = 20;

/// Where measuring a channel stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// When it began: a post that was looked at since is done.
    pub began_at: DateTime<Utc>,
    /// Something is left of it.
    pub open: bool,
    /// The rest may not be asked for before this.
    pub not_before: Option<DateTime<Utc>>,
}

fn key(channel: Channel) -> String {
    format!("measure {channel}")
}

impl Round {
    /// The last round of a channel; a text that is none of ours counts as none.
    ///
    /// # Errors
    /// Memory can't be read.
    pub fn last(memory: &Memory, channel: Channel) -> Result<Option<Self>, MemoryError> {
        Ok(memory.text(&key(channel))?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The round that a wake at `now` works on: the open one, or a new one when there is none or it is older than the period.
    pub(super) fn at(last: Option<Self>, every: TimeDelta, now: DateTime<Utc>) -> Self {
        match last {
            Some(round) if round.open && round.began_at + every > now => Self { not_before: None, ..round },
            _ => Self { began_at: now, open: true, not_before: None },
        }
    }

    /// Whether a post has not been looked at in this round.
    pub(super) fn wants(&self, post: &MadePost) -> bool {
        post.looked_at.is_none_or(|at| at < self.began_at)
    }

    /// Everything was asked for, or asking is no use.
    pub(super) fn closed(self) -> Self {
        Self { open: false, not_before: None, ..self }
    }

    /// Something is left, for a wake from `until` on; without a time that a server named, for one on the next day.
    pub(super) fn postponed(self, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        Self { open: true, not_before: Some(until.unwrap_or(now + TimeDelta::hours(AGAIN_HOURS))), ..self }
    }

    pub(super) fn keep(&self, memory: &mut Memory, channel: Channel) -> Result<(), MemoryError> {
        // A time and two flags always are JSON; if not, an empty text is no round, and the channel is measured anew.
        memory.keep_text(&key(channel), &serde_json::to_string(self).unwrap_or_default())
    }
}

/// Why a channel is to be measured now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The last round is a period ago, or there was none.
    Stale,
    /// A round has something left.
    Unfinished,
    /// A post was made a day ago: what it brought is known by now.
    Ripe,
}

/// Whether a channel is due, by its last round, its posts and the period of the settings. `account` says whether there is something
/// to count besides posts that were made there: followers, or mails. Pure.
pub fn due(last: Option<&Round>, posts: &[MadePost], account: bool, every: TimeDelta, now: DateTime<Utc>) -> Option<Due> {
    let ripe_at = |post: &MadePost| post.made_at + TimeDelta::hours(RIPE_HOURS);
    let anything = account || posts.iter().any(|post| ripe_at(post) <= now);
    let Some(last) = last else { return anything.then_some(Due::Stale) };
    if last.not_before.is_some_and(|until| now < until) {
        return None;
    }
    if last.began_at + every <= now {
        return anything.then_some(Due::Stale);
    }
    if last.open {
        return Some(Due::Unfinished);
    }
    // From a day to two days after a post, once: the round that this leads to begins after the post is ripe.
    let ripe =
        |post: &MadePost| ripe_at(post) <= now && now < ripe_at(post) + TimeDelta::hours(RIPE_HOURS) && last.began_at < ripe_at(post);
    posts.iter().any(ripe).then_some(Due::Ripe)
}
