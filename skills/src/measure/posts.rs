//! What there is to measure: the posts of the last 30 days that the ledger proves, each with what was counted of it before; and
//! what they come to in sum.
//!
//! Must stay true: only confirmed effects are posts; a post that was never counted when it was a day old is in no sum, for
//! unknown is not zero.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Effect, EffectId, EffectState, EvidenceRow, Memory, MemoryError};
use reveille_mission::Channel;
use url::Url;

use crate::channels::{Receipt, hackernews};

/// For how long a post is measured, in days: after that hardly anybody answers any more.
pub const WINDOW_DAYS: i64 = 30;

/// How old a post must be, in hours, when it is counted, so that it counts in the sums: a post of an hour that nobody has answered
/// yet says nothing. Most answers come on the first day.
pub const RIPE_HOURS: i64 = 24;

/// What is counted of a post; [`Counter::name`] is the end of its fact's key, `post.<effect>.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// Replies.
    Replies,
    /// Boosts or reposts.
    Boosts,
    /// Likes or favourites.
    Likes,
    /// Quotes.
    Quotes,
    /// Points, the poster's own among them.
    Points,
    /// Comments.
    Comments,
}

impl Counter {
    /// All six.
    pub const ALL: [Counter; 6] = [Counter::Replies, Counter::Boosts, Counter::Likes, Counter::Quotes, Counter::Points, Counter::Comments];

    /// The name in a fact's key.
    pub fn name(self) -> &'static str {
        match self {
            Counter::Replies => "replies",
            Counter::Boosts => "boosts",
            Counter::Likes => "likes",
            Counter::Quotes => "quotes",
            Counter::Points => "points",
            Counter::Comments => "comments",
        }
    }
}

/// What was counted of one post.
pub type Counts = BTreeMap<Counter, u64>;

/// How many people engaged: each answer counts as one, for no server says who is who; the point that a poster gives is none.
pub fn engaged(counts: &Counts) -> u64 {
    counts.iter().map(|(counter, count)| if *counter == Counter::Points { count.saturating_sub(1) } else { *count }).sum()
}

/// By what a server knows a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// By its own name for it, see [`Receipt::id`].
    Id(String),
    /// Not known: only the address that the post links to is.
    Link(Url),
}

/// A post that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct MadePost {
    /// The row of the ledger.
    pub effect: EffectId,
    /// Where it was made.
    pub channel: Channel,
    /// The issue that it tells, by stable id.
    pub issue: String,
    /// Which telling of that issue on that channel: the pieces of a thread share it.
    pub telling: String,
    /// What the server calls it.
    pub name: Name,
    /// When it was made; for a post by hand, when the human said so.
    pub made_at: DateTime<Utc>,
    /// When it was last looked for, found or not.
    pub looked_at: Option<DateTime<Utc>>,
    /// When it was last counted, and what.
    pub counted: Option<(DateTime<Utc>, Counts)>,
    /// It was not there any more at the last look.
    pub gone: bool,
}

impl MadePost {
    /// Whether its count says something: it was a day old by then.
    pub fn is_ripe(&self) -> bool {
        self.counted.as_ref().is_some_and(|(at, _)| *at - self.made_at >= TimeDelta::hours(RIPE_HOURS))
    }
}

/// What the posts of one channel come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Tellings that were counted when they were a day old; a thread is one.
    pub posts: u64,
    /// People who engaged with those.
    pub engagements: u64,
    /// The oldest count among them: the age of the sums.
    pub oldest: Option<DateTime<Utc>>,
}

/// The posts of the last 30 days on channels that can be measured, those that were looked at longest ago (or never) first.
///
/// # Errors
/// The ledger or the facts can't be read.
pub fn posts(memory: &Memory, now: DateTime<Utc>) -> Result<Vec<MadePost>, MemoryError> {
    let counted = counted_before(memory)?;
    let since = now - TimeDelta::days(WINDOW_DAYS);
    let mut posts = Vec::new();
    for effect in memory.effects()? {
        let Some((channel, telling)) = post_of(&effect) else { continue };
        let proofs = memory.evidence(effect.id)?;
        let Some(name) = name_of(channel, &effect, &proofs) else { continue };
        let Some(made_at) = effect.sending_at.or(proofs.first().map(|proof| proof.fetched_at)) else { continue };
        if made_at < since {
            continue;
        }
        let before = counted.get(&effect.id).cloned().unwrap_or_default();
        posts.push(MadePost {
            effect: effect.id,
            channel,
            issue: effect.issue.clone(),
            telling,
            name,
            made_at,
            looked_at: before.looked_at,
            counted: before.counted_at.map(|at| (at, before.counts)),
            gone: before.gone,
        });
    }
    posts.sort_by_key(|post| (post.looked_at, post.made_at, post.effect));
    Ok(posts)
}

/// The channel and the telling of a confirmed effect that is a post: the parts are `post`, then `again1`, `again2`, …, and in a
/// thread `post/1`, `post/2`, ….
fn post_of(effect: &Effect) -> Option<(Channel, String)> {
    let channel: Channel = effect.channel.parse().ok()?;
    let telling = effect.part.split('/').next().unwrap_or_default();
    let measured = matches!(channel, Channel::Mastodon | Channel::Bluesky | Channel::Hackernews);
    let post = telling == "post" || telling.starts_with("again");
    (measured && post && effect.state == EffectState::Confirmed).then(|| (channel, telling.to_owned()))
}

/// What the server calls it, by what was read back; on Hacker News by the address that the human gave, or the post's own link.
fn name_of(channel: Channel, effect: &Effect, proofs: &[EvidenceRow]) -> Option<Name> {
    if let Some(receipt) = proofs.iter().find_map(Receipt::of) {
        return Some(Name::Id(receipt.id));
    }
    if channel != Channel::Hackernews {
        return None;
    }
    let item = proofs.iter().find_map(|proof| hackernews::item_of(&proof.place)).map(|id| Name::Id(id.to_string()));
    let link = || std::str::from_utf8(&effect.text).ok()?.lines().last().and_then(|line| Url::parse(line.trim()).ok()).map(Name::Link);
    item.or_else(link)
}

/// What the facts say of one post.
#[derive(Debug, Clone, Default)]
struct Before {
    looked_at: Option<DateTime<Utc>>,
    counted_at: Option<DateTime<Utc>>,
    counts: Counts,
    gone: bool,
}

fn counted_before(memory: &Memory) -> Result<HashMap<EffectId, Before>, MemoryError> {
    let mut all: HashMap<EffectId, Before> = HashMap::new();
    for fact in memory.latest_facts()? {
        let Some((effect, name)) = fact.key.strip_prefix("post.").and_then(|rest| rest.split_once('.')) else { continue };
        let (Ok(effect), Ok(value)) = (effect.parse().map(EffectId), fact.value_json.parse::<u64>()) else { continue };
        let before = all.entry(effect).or_default();
        before.looked_at = before.looked_at.max(Some(fact.measured_at));
        match Counter::ALL.into_iter().find(|counter| counter.name() == name) {
            Some(counter) => {
                before.counted_at = before.counted_at.max(Some(fact.measured_at));
                before.counts.insert(counter, value);
            }
            None => before.gone = before.gone || (name == GONE && value == 1),
        }
    }
    Ok(all)
}

/// The end of the key that says whether a post was there at the last look: 1 for gone.
pub(super) const GONE: &str = "gone";

/// What the posts of a channel come to, each by its last count. Pure.
pub fn sums(posts: &[MadePost], channel: Channel) -> Sums {
    let mut tellings: BTreeMap<(&str, &str), Vec<&MadePost>> = BTreeMap::new();
    for post in posts.iter().filter(|post| post.channel == channel) {
        tellings.entry((&post.issue, &post.telling)).or_default().push(post);
    }
    let mut sums = Sums::default();
    for pieces in tellings.into_values() {
        let ripe: Vec<(DateTime<Utc>, u64)> = pieces
            .iter()
            .filter(|piece| piece.is_ripe())
            .filter_map(|piece| piece.counted.as_ref().map(|(at, counts)| (*at, engaged(counts))))
            .collect();
        if ripe.is_empty() {
            continue;
        }
        // In a thread each piece but the first is a reply of our own, and servers count it.
        let own = pieces.len() as u64 - 1;
        sums.posts += 1;
        sums.engagements += ripe.iter().map(|(_, engaged)| engaged).sum::<u64>().saturating_sub(own);
        sums.oldest = ripe.iter().map(|(at, _)| *at).chain(sums.oldest).min();
    }
    sums
}
