//! The channels that a program may use: an account on each, and what it can do there. One file a channel, one enum.
//!
//! Must stay true: nothing is published but through [`Connection::send`], which takes an effect that the ledger has let go
//! ([`Sending`]) and sends its frozen bytes; a credential goes to the host of the settings only, over TLS or to this machine;
//! what a server says is data: it can name no other server, recipient or skill; every call ends in time, and no answer to our
//! own client is read without a limit of size. Mastodon's uploads and login go through `megalodon`, under a timeout of ours: its
//! client reads an answer of any size and follows redirects, but takes the token to no other host.

pub mod bluesky;
pub mod email;
#[doc(hidden)]
pub mod fuzzed;
pub mod hackernews;
pub(crate) mod http;
pub mod mastodon;

use chrono::{DateTime, Utc};
use reveille_memory::{Effect, EvidenceRow, Sending};
use reveille_mission::Channel;
use serde::{Deserialize, Serialize};

use crate::answers::Looked;
use crate::distribute::Post;

/// An account on a channel that a program may use.
#[derive(Debug)]
pub enum Connection {
    /// A server that speaks Mastodon's API.
    Mastodon(mastodon::Mastodon),
    /// An account on a personal data server of the AT protocol.
    Bluesky(bluesky::Bluesky),
    /// A mail server that takes our mail.
    Email(email::Email),
}

/// Who we are there, as the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The account, as people write it: `@inside@social.example`.
    pub name: String,
    /// Its public page, where there is one.
    pub page: Option<String>,
    /// People who follow it, where the channel counts them.
    pub followers: Option<u64>,
    /// What a post may be.
    pub limits: PostLimits,
}

/// What a server takes as one post. Kept between wakes, so that a text can be composed without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLimits {
    /// The most characters, in the channel's own counting.
    pub characters: usize,
    /// What a link counts, whatever its length; 0 where it counts as it is.
    pub link: usize,
}

/// A picture that goes with a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its media type, like `image/png`.
    pub media_type: String,
    /// What it shows, in words, for those who do not see it. Never empty.
    pub alt: String,
}

/// What is about to be frozen.
#[derive(Debug, Clone)]
pub struct Piece<'a> {
    /// The post: the author's words and the link.
    pub post: &'a Post,
    /// Which piece of the post's text, from 0: a thread has several.
    pub text: &'a str,
    /// The title, for a link card.
    pub title: &'a str,
    /// The summary, for a link card.
    pub summary: &'a str,
    /// The language of the words (BCP 47).
    pub language: &'a str,
    /// The picture.
    pub picture: Option<&'a Picture>,
    /// In a thread, the first piece and the one before.
    pub reply: Option<(&'a Receipt, &'a Receipt)>,
    /// The time that the post will bear.
    pub now: DateTime<Utc>,
}

/// What an effect will send: frozen before anything happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// The bytes.
    pub text: Vec<u8>,
    /// Idempotency key, record key or Message-ID.
    pub token: String,
    /// What the bytes name by its digest and are sent with: pictures, the letter that all mails share. Kept once.
    pub attached: Vec<Attached>,
}

/// Bytes with their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// SHA-256, in hexadecimal.
    pub digest: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What was read back from the server: the proof that an effect happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `status`, `record` or `smtp`.
    pub kind: String,
    /// Its public address, or the mail server's words.
    pub place: String,
    /// The server's name for it: a status id, an `at://` address, a queue id.
    pub id: String,
    /// The hash of the record, on Bluesky.
    pub cid: Option<String>,
    /// The text, as the server gave it back.
    pub text: String,
    /// When it was read.
    pub fetched_at: DateTime<Utc>,
}

impl Receipt {
    /// As a row of evidence. The digest is of the text that was read back.
    pub fn row(&self) -> EvidenceRow {
        EvidenceRow {
            kind: self.kind.clone(),
            place: self.place.clone(),
            sha256: Some(crate::disk::sha256(self.text.as_bytes())),
            text: serde_json::to_string(self).ok(),
            fetched_at: self.fetched_at,
        }
    }

    /// From a row of evidence that [`Receipt::row`] made.
    pub fn of(row: &EvidenceRow) -> Option<Self> {
        serde_json::from_str(row.text.as_deref()?).ok()
    }
}

/// What a look at the server showed of an effect that may have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It is there.
    There(Box<Receipt>),
    /// It is not there: where was looked, and what stood there.
    Absent {
        /// The address that was asked.
        place: String,
        /// What was seen, in a sentence.
        seen: String,
    },
    /// A look can't tell.
    CannotTell {
        /// Why.
        why: String,
    },
}

/// How people answered a post, as the server counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The server's name for the post, see [`Receipt::id`].
    pub id: String,
    /// Replies.
    pub replies: u64,
    /// Boosts or reposts.
    pub boosts: u64,
    /// Likes or favourites.
    pub likes: u64,
    /// Quotes; 0 where the server does not count them.
    pub quotes: u64,
}

impl Answered {
    /// People who engaged: each answer counts as one person, for no server says who is who.
    pub fn engaged(&self) -> u64 {
        self.replies + self.boosts + self.likes + self.quotes
    }
}

/// Why a channel did not do what it was asked. What matters is whether it may have happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The credential is dead: nothing happened, and nothing will until it changes.
    #[error("{} does not accept the credential: {why}", channel.title())]
    Credential {
        /// The channel.
        channel: Channel,
        /// The server's words, without any secret.
        why: String,
    },
    /// Too much was asked: nothing happened.
    #[error("{} says not before {}: {why}", channel.title(), until.format("%Y-%m-%d %H:%M UTC"))]
    RateLimited {
        /// The channel.
        channel: Channel,
        /// From then on, by the server's words.
        until: DateTime<Utc>,
        /// The server's words.
        why: String,
    },
    /// The server will never take it: nothing happened.
    #[error("{} refuses it for good: {why}", channel.title())]
    Refused {
        /// The channel.
        channel: Channel,
        /// The server's words.
        why: String,
    },
    /// Nothing happened, and it may be tried again: no connection, a temporary no.
    #[error("{} can't be reached now: {why}", channel.title())]
    Later {
        /// The channel.
        channel: Channel,
        /// What went wrong.
        why: String,
    },
    /// It may or may not have happened: no answer, half an answer, an error of the server.
    #[error("{} gave no clear answer: {why}", channel.title())]
    Unclear {
        /// The channel.
        channel: Channel,
        /// What went wrong.
        why: String,
    },
}

impl Fault {
    /// The channel.
    pub fn channel(&self) -> Channel {
        match self {
            Fault::Credential { channel, .. }
            | Fault::RateLimited { channel, .. }
            | Fault::Refused { channel, .. }
            | Fault::Later { channel, .. }
            | Fault::Unclear { channel, .. } => *channel,
        }
    }

    /// What a human can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Fault::Credential { channel, .. } => Some(format!("`reveille channel login {channel}` stores a new one")),
            Fault::RateLimited { .. } => Some("the wake after that time tries again by itself".to_owned()),
            Fault::Refused { .. } => Some("change the words or the settings".to_owned()),
            Fault::Later { .. } => Some("the next wake tries again by itself".to_owned()),
            Fault::Unclear { channel: Channel::Email, .. } => {
                Some("no mail is sent again without your word: `reveille posted \"45 email\" --there`, or `--not`".to_owned())
            }
            Fault::Unclear { .. } => Some("the next wake looks on the server before anything is sent again".to_owned()),
        }
    }
}

impl Connection {
    /// Which channel it is.
    pub fn channel(&self) -> Channel {
        match self {
            Connection::Mastodon(_) => Channel::Mastodon,
            Connection::Bluesky(_) => Channel::Bluesky,
            Connection::Email(_) => Channel::Email,
        }
    }

    /// Proves the credential by a call that only reads, and says who we are there and what a post may be.
    ///
    /// # Errors
    /// The server can't be reached, or does not accept the credential.
    pub fn account(&self, now: DateTime<Utc>) -> Result<Account, Fault> {
        match self {
            Connection::Mastodon(mastodon) => mastodon.account(now),
            Connection::Bluesky(bluesky) => bluesky.account(now),
            Connection::Email(email) => email.account(),
        }
    }

    /// Freezes a piece of a post: what will be sent, to the byte. At most reads from the server (the account behind a mention).
    ///
    /// # Errors
    /// The server can't be reached, or the piece can't be sent there at all. Mail is frozen by [`email`], a letter at a time.
    pub fn freeze(&self, piece: &Piece<'_>) -> Result<Frozen, Fault> {
        match self {
            Connection::Mastodon(mastodon) => mastodon.freeze(piece),
            Connection::Bluesky(bluesky) => bluesky.freeze(piece),
            Connection::Email(_) => {
                Err(Fault::Refused { channel: Channel::Email, why: "a letter goes to readers one by one, it is no post".to_owned() })
            }
        }
    }

    /// The digests of what an effect's frozen bytes are sent with.
    pub fn attached(&self, effect: &Effect) -> Vec<String> {
        match self {
            Connection::Mastodon(_) => mastodon::attached(effect),
            Connection::Bluesky(_) => bluesky::attached(effect),
            Connection::Email(_) => email::attached(effect),
        }
    }

    /// Sends the frozen bytes of an effect that the ledger has let go, and reads back what came of it.
    ///
    /// # Errors
    /// Each [`Fault`] says whether it may have happened.
    pub fn send(&self, sending: &Sending, attached: &[Attached], now: DateTime<Utc>) -> Result<Receipt, Fault> {
        match self {
            Connection::Mastodon(mastodon) => mastodon.send(sending, attached, now),
            Connection::Bluesky(bluesky) => bluesky.send(sending, attached, now),
            Connection::Email(email) => email.send(sending, attached, now),
        }
    }

    /// Looks on the server whether an effect happened.
    ///
    /// # Errors
    /// The server can't be asked: then nothing is known.
    pub fn look(&self, effect: &Effect, now: DateTime<Utc>) -> Result<Look, Fault> {
        match self {
            Connection::Mastodon(mastodon) => mastodon.look(effect, now),
            Connection::Bluesky(bluesky) => bluesky.look(effect, now),
            Connection::Email(_) => Ok(Look::CannotTell { why: "nobody can see whether a mail has arrived".to_owned() }),
        }
    }

    /// How people answered these posts, by [`Receipt::id`]; a post that is gone is not among the answers.
    ///
    /// # Errors
    /// The server can't be asked. What was counted before that is lost; ask for fewer at a time.
    pub fn answered(&self, ids: &[String], now: DateTime<Utc>) -> Result<Vec<Answered>, Fault> {
        match self {
            Connection::Mastodon(mastodon) => mastodon.answered(ids, now),
            Connection::Bluesky(bluesky) => bluesky.answered(ids, now),
            Connection::Email(_) => Ok(vec![]),
        }
    }

    /// Replies to us and mentions of us since `place`, see [`crate::answers`]. Nothing is marked as read there.
    ///
    /// # Errors
    /// The server can't be asked.
    pub fn mentions(&self, place: Option<&str>, most: usize, now: DateTime<Utc>) -> Result<Looked, Fault> {
        match self {
            Connection::Mastodon(mastodon) => mastodon.mentions(place, most, now),
            Connection::Bluesky(bluesky) => bluesky.mentions(place, most, now),
            Connection::Email(_) => Ok(Looked::default()),
        }
    }
}
