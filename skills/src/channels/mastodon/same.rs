//! Whether a status on the server is the one that was frozen. Servers write text anew: addresses become links, a mention loses
//! its host, one makes italics of asterisks.
//!
//! Must stay true: the same words and the same link, at the same place of a thread, are ours; the same link with other words,
//! or the same words at another place, is a doubt, never a yes or a no.

use url::Url;

use super::entities;
use super::frozen;
use super::html::{self, Plain};

/// How a status on the server stands to the frozen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinship {
    /// It is the one.
    Same,
    /// It tells the same link in other words: ours, changed by the server, or one that a person posted.
    SameLink,
    /// It tells the same words and link, but answers another status or none: the server may have lost what it answered.
    Elsewhere,
    /// It is another.
    Other,
}

pub(super) fn compare(frozen: &frozen::Status, there: &entities::Status) -> Kinship {
    let plain = html::plain(there.content.as_deref().unwrap_or_default());
    let linked = frozen.link.as_deref().is_none_or(|link| leads_to(&plain, link));
    let words = same_words(&frozen.status, &plain.text);
    match (linked, words) {
        (true, true) if frozen.in_reply_to_id == there.in_reply_to_id => Kinship::Same,
        (true, true) => Kinship::Elsewhere,
        (true, false) if frozen.link.is_some() => Kinship::SameLink,
        _ => Kinship::Other,
    }
}

fn leads_to(plain: &Plain, link: &str) -> bool {
    let parsed = Url::parse(link).ok();
    plain.text.contains(link) || plain.links.iter().any(|there| there == link || (parsed.is_some() && Url::parse(there).ok() == parsed))
}

/// After folding of white space; else letter by letter, without marks, mentions' hosts and `https://`.
fn same_words(frozen: &str, there: &str) -> bool {
    let (ours, theirs) = (letters(frozen), letters(there));
    frozen.split_whitespace().eq(there.split_whitespace()) || (!ours.is_empty() && ours == theirs)
}

fn letters(text: &str) -> String {
    let text = text.replace("https://", " ").replace("http://", " ");
    text.split_whitespace()
        .map(without_host)
        .collect::<String>()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// `@user` of `@user@host`.
fn without_host(word: &str) -> &str {
    let at = word.find('@').filter(|at| !word[..*at].contains(char::is_alphanumeric));
    at.and_then(|at| word[at + 1..].find('@').map(|end| &word[..at + 1 + end])).unwrap_or(word)
}
