//! Telling people elsewhere that an issue is there: the post for a channel, made of the author's own words, and the page
//! in the outbox from which a person pastes it. Nothing here sends, and nothing here knows a clock or a network.
//!
//! Must stay true: a post holds the author's words and the link, nothing invented; it is within the channel's limit by the
//! channel's own counting; the link stands in it whole and once; a cut never falls inside a grapheme, a link or a tag; an
//! issue is never told twice on a channel with the same words.

mod belongs;
mod compose;
mod limit;
mod outbox;
mod picture;
mod prefilled;
mod shorten;
#[cfg(test)]
mod tests;
mod thread;
mod variants;
mod words;

use reveille_mission::{Channel, Issue};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::channels::PostLimits;
use crate::disk::sha256;

pub use belongs::{NotThere, belongs};
pub use compose::{ComposeError, compose};
pub use outbox::{Filed, Filing, OutboxError, outbox_path, write_outbox};
pub use picture::{NoPicture, picture};

/// What is to be told, and where.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// The issue.
    pub issue: &'a Issue,
    /// The issue's public address (http or https).
    pub link: &'a str,
    /// The name of the publication: signs a letter, and stands in for a title that says nothing.
    pub publication: &'a str,
    /// Where it is told.
    pub channel: Channel,
    /// How often this issue was told on this channel before: with which of the author's words it begins.
    pub told_before: usize,
    /// What the channel's server takes, as it told us; until it was asked, the documented default of the channel holds.
    pub limits: Option<PostLimits>,
    /// The address of the person's Mastodon server; without it there is no prefilled link for Mastodon.
    pub server: Option<&'a Url>,
}

/// A post, ready to paste.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Where it goes.
    pub channel: Channel,
    /// The whole text with the link in it. Line breaks are ours, everything else the author's. Of a thread all pieces, with an
    /// empty line between them.
    pub text: String,
    /// What is posted: the one text, or the pieces of a thread, each a reply to the one before. The link stands in the first.
    pub pieces: Vec<String>,
    /// The title or subject, where the channel has a field for it: Hacker News, Lobsters, Reddit, mail.
    pub title: Option<String>,
    /// The issue's address, as it stands in the text.
    pub link: String,
    /// An address that opens the channel's own form with the post filled in, where there is one.
    pub prefilled: Option<String>,
}

/// An address of the site that says which channel brought whoever follows it: `?via=` with the channel's name. The page itself names its
/// clean address as the canonical one.
#[must_use]
pub fn credited(link: &Url, channel: Channel) -> Url {
    let mut link = link.clone();
    let others: Vec<(String, String)> =
        link.query_pairs().filter(|(key, _)| key != "via").map(|(key, value)| (key.into(), value.into())).collect();
    link.query_pairs_mut().clear().extend_pairs(others).append_pair("via", channel.into());
    link
}

impl Post {
    /// The SHA-256 of exactly what would be sent, in hexadecimal: channel, title, text and link, and of a thread each piece,
    /// set apart by NUL (which none of them holds). A human's approval is for this.
    pub fn digest(&self) -> String {
        let title = self.title.as_deref().unwrap_or_default();
        let whole = [self.channel.into(), title, self.text.as_str(), self.link.as_str()];
        let alone = matches!(self.pieces.as_slice(), [only] if *only == self.text);
        let pieces = self.pieces.iter().map(String::as_str).filter(|_| !alone);
        sha256(whole.into_iter().chain(pieces).collect::<Vec<_>>().join("\0").as_bytes())
    }
}
