//! Asking one channel: followers, and the answers to each post. Only reads, and keeps nothing; what comes of it is a value.
//!
//! Must stay true: an answer counts only for a post that was asked for; what was not answered stays unknown; a limit ends it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use reveille_memory::EffectId;
use reveille_mission::Channel;

use super::posts::{Counter, Counts, MadePost, Name};
use crate::channels::hackernews::HackerNews;
use crate::channels::{Answered, Connection, Fault};

/// How many posts are asked for at once: what the stricter of the servers takes (25, `app.bsky.feed.getPosts`).
const BATCH: usize = 25;

/// By what a channel is measured.
#[derive(Debug, Clone, Copy)]
pub enum Meter<'a> {
    /// Our account there.
    Account(&'a Connection),
    /// The public interfaces of Hacker News.
    HackerNews(&'a HackerNews),
}

impl Meter<'_> {
    /// The channel.
    pub fn channel(&self) -> Channel {
        match self {
            Meter::Account(connection) => connection.channel(),
            Meter::HackerNews(_) => Channel::Hackernews,
        }
    }
}

/// What a channel said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// The channel.
    pub channel: Channel,
    /// When it was asked.
    pub at: DateTime<Utc>,
    /// People who follow, where the channel counts them and told.
    pub followers: Option<u64>,
    /// What was counted of each post.
    pub counted: Vec<(EffectId, Counts)>,
    /// Posts that are not there.
    pub gone: Vec<EffectId>,
    /// How many posts were not looked at.
    pub left: usize,
    /// What went wrong, the last of it last.
    pub faults: Vec<Fault>,
}

/// Asks a channel for its followers and for the answers to these posts, in batches. What a limit or a silence leaves unasked is
/// left for a later round.
pub fn measure_channel(meter: Meter<'_>, posts: &[MadePost], now: DateTime<Utc>) -> Measurement {
    let channel = meter.channel();
    let mut found = Measurement { channel, at: now, followers: None, counted: vec![], gone: vec![], left: posts.len(), faults: vec![] };
    let asked = match meter {
        Meter::Account(connection) => followers(connection, &mut found, now).and_then(|()| answers(connection, posts, &mut found, now)),
        Meter::HackerNews(hackernews) => posts.iter().try_for_each(|post| story(hackernews, post, &mut found, now)),
    };
    if let Err(fault) = asked {
        found.faults.push(fault);
    }
    found
}

/// A count of followers that can't be understood does not keep from counting the posts; all else does.
fn followers(connection: &Connection, found: &mut Measurement, now: DateTime<Utc>) -> Result<(), Fault> {
    match connection.account(now) {
        Ok(account) => found.followers = account.followers,
        Err(fault @ (Fault::Unclear { .. } | Fault::Refused { .. })) => found.faults.push(fault),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

fn answers(connection: &Connection, posts: &[MadePost], found: &mut Measurement, now: DateTime<Utc>) -> Result<(), Fault> {
    // A link is no name on a channel where posts are ours: such a post was not made by us.
    let named: Vec<(&str, EffectId)> = posts
        .iter()
        .filter_map(|post| match &post.name {
            Name::Id(id) => Some((id.as_str(), post.effect)),
            Name::Link(_) => None,
        })
        .collect();
    found.left = named.len();
    for batch in named.chunks(BATCH) {
        let ids: Vec<String> = batch.iter().map(|(id, _)| (*id).to_owned()).collect();
        let answered: HashMap<String, Counts> =
            connection.answered(&ids, now)?.into_iter().map(|one| (one.id.clone(), counts_of(&one))).collect();
        for (id, effect) in batch {
            match answered.get(*id) {
                Some(counts) => found.counted.push((*effect, counts.clone())),
                None => found.gone.push(*effect),
            }
        }
        found.left -= batch.len();
    }
    Ok(())
}

fn counts_of(answered: &Answered) -> Counts {
    Counts::from([
        (Counter::Replies, answered.replies),
        (Counter::Boosts, answered.boosts),
        (Counter::Likes, answered.likes),
        (Counter::Quotes, answered.quotes),
    ])
}

fn story(hackernews: &HackerNews, post: &MadePost, found: &mut Measurement, now: DateTime<Utc>) -> Result<(), Fault> {
    let id = match &post.name {
        Name::Id(id) => id.parse().ok(),
        Name::Link(link) => hackernews.find(link, post.made_at, now)?,
    };
    let story = match id {
        Some(id) => hackernews.story(id, now)?,
        None => None,
    };
    match story {
        Some(story) => {
            found.counted.push((post.effect, Counts::from([(Counter::Points, story.points), (Counter::Comments, story.comments)])));
        }
        None => found.gone.push(post.effect),
    }
    found.left -= 1;
    Ok(())
}
