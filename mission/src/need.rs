//! Needs: predicates that must hold before a task can be done now. Code checks them on every wake; here are the words
//! for them and the part that needs no look at the world.

use std::fmt;

use serde::Serialize;

use crate::words::Channel;

/// Something that must be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A variable of the environment, set and not empty.
    Env(String),
    /// A file inside the home.
    File(String),
    /// A program on the search path.
    Tool(String),
    /// An address that answers; its host must stand in the settings.
    Url(String),
    /// Something that only a person can do or allow.
    Human,
    /// The credential of a channel.
    Credential(Channel),
    /// The channel must be in the settings.
    Configured(Channel),
    /// The start of another item's text: that item must be ticked.
    After(String),
    /// A person's approval of exactly this content (its digest).
    Approval(String),
    /// A person must post the prepared text and say where it is.
    PostedByHand {
        /// Where.
        channel: Channel,
        /// Which issue, by stable id.
        issue: String,
    },
    /// An issue, by stable id, must be public before it can be told.
    Published(String),
    /// An issue or a draft that the line must name, exactly one.
    Subject,
    /// Other words: the channel refused these for good.
    Words,
    /// The line itself must be mended: a tag could not be understood.
    Mend,
    /// The list of readers must be readable: nobody can be counted or mailed without it.
    Readers,
    /// Somebody must listen: what was never measured is not zero, and silence that nobody could have broken is none.
    Heard,
    /// A draft that its author has released for readers silent for so many days.
    WinBack(u16),
    /// Another go at what failed too often, on a person's word or after a change.
    Again,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Env(name) => write!(f, "env:{name}"),
            Need::File(path) => write!(f, "file:{path}"),
            Need::Tool(name) => write!(f, "tool:{name}"),
            Need::Url(address) => write!(f, "url:{address}"),
            Need::Human => f.write_str("human"),
            Need::Credential(channel) => write!(f, "credential:{channel}"),
            Need::Configured(channel) => write!(f, "settings:{channel}"),
            Need::After(text) => write!(f, "after:{text}"),
            Need::Approval(digest) => write!(f, "approval:{digest}"),
            Need::PostedByHand { channel, .. } => write!(f, "posted:{channel}"),
            Need::Published(id) => write!(f, "published:{id}"),
            Need::Subject => f.write_str("issue"),
            Need::Words => f.write_str("words"),
            Need::Mend => f.write_str("mend"),
            Need::Readers => f.write_str("readers"),
            Need::Heard => f.write_str("heard"),
            Need::WinBack(days) => write!(f, "retain:{days}"),
            Need::Again => f.write_str("again"),
        }
    }
}

/// Whether a need is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedState {
    /// It is there.
    Met,
    /// It is not, or it could not be told.
    Unmet {
        /// What is missing.
        why: String,
        /// What a human can do about it: the exact variable, command or line.
        unblock: String,
    },
}
