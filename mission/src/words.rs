//! The words of the field: who a task is for, which skill does it, on which channel. Nothing here decides.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// Who notices when a task is done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, EnumIter, IntoStaticStr, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Who {
    /// People who do not read the publication yet.
    Strangers,
    /// Confirmed readers.
    Subscribers,
    /// Paying readers.
    Customers,
    /// No reader notices.
    Nobody,
}

impl Who {
    /// All four, in the order in which heads and distributions hold them.
    pub const ALL: [Who; 4] = [Who::Strangers, Who::Subscribers, Who::Customers, Who::Nobody];

    /// The place in [`Who::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Where an effect lands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, EnumIter, IntoStaticStr, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Channel {
    /// The publication's own site and feeds.
    Web,
    /// A Mastodon-compatible server.
    Mastodon,
    /// Bluesky (atproto).
    Bluesky,
    /// Mail to confirmed readers.
    Email,
    /// Hacker News; only a person may post.
    Hackernews,
    /// Reddit; only a person may post.
    Reddit,
    /// X; only a person may post.
    X,
    /// Lobsters; only a person may post.
    Lobsters,
    /// LinkedIn; only a person may post.
    Linkedin,
}

impl Channel {
    /// All nine.
    pub const ALL: [Channel; 9] = [
        Channel::Web,
        Channel::Mastodon,
        Channel::Bluesky,
        Channel::Email,
        Channel::Hackernews,
        Channel::Reddit,
        Channel::X,
        Channel::Lobsters,
        Channel::Linkedin,
    ];

    /// Channels on which only a person may post: the program prepares text and link, never sends.
    pub fn person_only(self) -> bool {
        matches!(self, Channel::Hackernews | Channel::Reddit | Channel::X | Channel::Lobsters | Channel::Linkedin)
    }

    /// Channels that strangers can see.
    pub fn is_public(self) -> bool {
        self != Channel::Email
    }

    /// The name as people write it.
    pub fn title(self) -> &'static str {
        match self {
            Channel::Web => "the site",
            Channel::Mastodon => "Mastodon",
            Channel::Bluesky => "Bluesky",
            Channel::Email => "mail",
            Channel::Hackernews => "Hacker News",
            Channel::Reddit => "Reddit",
            Channel::X => "X",
            Channel::Lobsters => "Lobsters",
            Channel::Linkedin => "LinkedIn",
        }
    }
}

/// A kind of doing. Not every skill of this list is one that the program has.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, EnumIter, IntoStaticStr, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Skill {
    /// Make an issue or a page public, or send a whole issue.
    Publish,
    /// Tell about it elsewhere.
    Distribute,
    /// Find out about readers or their way.
    Measure,
    /// Write.
    Compose,
    /// Talk with people.
    Engage,
    /// The way in: landing page, form, welcome.
    Onboard,
    /// Keep or win back.
    Retain,
    /// Prices, checkout, offers.
    Sell,
    /// Upkeep.
    Maintain,
}

impl Skill {
    /// All nine, in the order in which heads hold them; "no skill" follows as the tenth.
    pub const ALL: [Skill; 9] = [
        Skill::Publish,
        Skill::Distribute,
        Skill::Measure,
        Skill::Compose,
        Skill::Engage,
        Skill::Onboard,
        Skill::Retain,
        Skill::Sell,
        Skill::Maintain,
    ];
}

/// The right name nearest to a misspelt one, if one is near enough to be meant.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(given.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
