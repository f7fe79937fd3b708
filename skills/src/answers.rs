//! Answers: replies, mentions and mails that come in, filed for the human; and surveys. A stage a file below `answers/`.
//!
//! Must stay true: what somebody else wrote is data. It is filed and shown, never read back; it names no file, no recipient, no
//! task; it takes nobody off a list. Fetching only reads: nothing there is marked, answered or deleted. Each look is bounded, in
//! messages, bytes and time.

pub mod asking;
pub mod folder;
pub mod imap;
mod kept;
pub mod mail;
pub mod survey;
pub mod text;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{AnswerKind, NoAnswer};
use reveille_mission::Channel;

pub use kept::{GatherError, Gathered, Inbox, gather};

/// The most that one look takes from a source.
pub const MOST: usize = 200;

/// How far back the first look goes.
pub const FIRST: TimeDelta = TimeDelta::days(7);

/// An answer, as its channel gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The server's name for it, or for a mail the digest of its bytes.
    pub name: String,
    /// How.
    pub kind: AnswerKind,
    /// Who, as it was given there.
    pub sender: String,
    /// Its public address, or the Message-ID.
    pub place: String,
    /// What it answers, by the server's names; of a mail the Message-IDs, the nearest first.
    pub answers_to: Vec<String>,
    /// What it says, plain.
    pub text: String,
    /// When it was made or came in.
    pub at: DateTime<Utc>,
}

/// One thing that came in, and where a look goes on behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Where the next look goes on, when this one ends here; nothing where that is not known yet.
    pub place: Option<String>,
    /// What it is.
    pub what: Result<Answer, NoAnswer>,
}

/// What a look at a source gave, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// What came in.
    pub incoming: Vec<Incoming>,
    /// Where the next look goes on, when all of this was kept.
    pub place: Option<String>,
    /// What was left out for good, in words.
    pub left_out: Option<String>,
}

/// Where answers come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// An account on a network.
    Account(&'a crate::channels::Connection),
    /// A mailbox.
    Mailbox(&'a imap::Mailbox),
}

impl Source<'_> {
    /// The channel.
    pub fn channel(&self) -> Channel {
        match self {
            Source::Account(connection) => connection.channel(),
            Source::Mailbox(_) => Channel::Email,
        }
    }
}

#[cfg(test)]
mod tests;
