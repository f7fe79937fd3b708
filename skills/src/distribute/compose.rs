//! Composing: which of the author's words go into a post, in which order, and what gives way when room is short.
//!
//! Must stay true: pure; the same telling gives the same post. First the tags give way, then the title, then the end of the
//! author's sentence; the link never.

use reveille_mission::{Channel, Issue};
use thiserror::Error;
use url::Url;

use super::limit::Limit;
use super::prefilled::prefilled;
use super::shorten::shorten;
use super::words::{hashtags, plain};
use super::{Post, Telling};

/// The most hashtags of a post: more reads as shouting.
const HASHTAGS: usize = 3;

/// Why no post can be composed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ComposeError {
    /// The channel is the publication itself.
    #[error("{} is where the issue is, not a place to tell it", channel.title())]
    NotAPlace {
        /// The channel.
        channel: Channel,
    },
    /// The link is not http or https, or holds a name or password.
    #[error("the address of {issue} is no public web address")]
    BadLink {
        /// The issue, as a human knows it.
        issue: String,
    },
    /// The link alone is over the channel's limit.
    #[error("the address of {issue} alone is longer than a post on {} may be", channel.title())]
    LinkTooLong {
        /// The issue, as a human knows it.
        issue: String,
        /// The channel.
        channel: Channel,
    },
    /// There is not one visible word to make a title of.
    #[error("{issue} has no words to tell it with")]
    NoWords {
        /// The issue, as a human knows it.
        issue: String,
    },
}

impl ComposeError {
    /// What a human can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ComposeError::NotAPlace { .. } => None,
            ComposeError::BadLink { .. } => Some("set `url` in reveille.toml to the public https address of the site".into()),
            ComposeError::LinkTooLong { .. } => Some("give the issue a shorter `slug`".into()),
            ComposeError::NoWords { .. } => Some("give it a `title`, a `summary` or a `hook` in its front matter".into()),
        }
    }
}

/// The author's words about one issue, each on one line.
struct Words {
    /// The title, or what stands in for it; never empty.
    title: String,
    /// What a post may begin with: the hooks, then the summary, then the title. All different, at least one.
    leads: Vec<String>,
    /// The summary, or the first lead.
    summary: String,
    publication: String,
}

impl Words {
    fn of(telling: &Telling<'_>, link: &str) -> Option<Words> {
        let Issue { title, summary, hooks, .. } = telling.issue;
        let mut leads: Vec<String> = vec![];
        for words in hooks.iter().chain(summary).chain([title]).map(|words| plain(words, link)) {
            if !words.is_empty() && !leads.contains(&words) {
                leads.push(words);
            }
        }
        let publication = plain(telling.publication, link);
        if leads.is_empty() && !publication.is_empty() {
            leads.push(publication.clone());
        }
        let first = leads.first()?.clone();
        let or_first = |words: String| if words.is_empty() { first.clone() } else { words };
        let title = or_first(plain(title, link));
        let summary = or_first(plain(summary.as_deref().unwrap_or_default(), link));
        Some(Words { title, leads, summary, publication })
    }
}

/// Composes the post of a telling from the author's words only. Pure.
///
/// # Errors
///
/// For [`Channel::Web`]; for a link that is no public web address or too long for the channel; for an issue without words.
pub fn compose(telling: &Telling<'_>) -> Result<Post, ComposeError> {
    let Telling { issue, channel, .. } = *telling;
    let address = Url::parse(telling.link).ok().filter(is_public).ok_or_else(|| ComposeError::BadLink { issue: issue.name() })?;
    let link = address.as_str();
    let words = Words::of(telling, link).ok_or_else(|| ComposeError::NoWords { issue: issue.name() })?;
    let (text, title) = match channel {
        Channel::Web => return Err(ComposeError::NotAPlace { channel }),
        Channel::Mastodon | Channel::Bluesky | Channel::X | Channel::Linkedin => (status(telling, &words, link)?, None),
        Channel::Hackernews | Channel::Lobsters | Channel::Reddit => {
            let title = title(telling, &words)?;
            (format!("{title}\n{link}"), Some(title))
        }
        Channel::Email => (letter(&words, link), Some(title(telling, &words)?)),
    };
    let prefilled = prefilled(channel, &text, title.as_deref().unwrap_or_default(), link, telling.server);
    Ok(Post { channel, text, title, link: link.to_owned(), prefilled })
}

fn is_public(link: &Url) -> bool {
    matches!(link.scheme(), "http" | "https") && link.has_host() && link.username().is_empty() && link.password().is_none()
}

/// A short post: a sentence, the title above the link, hashtags.
fn status(telling: &Telling<'_>, words: &Words, link: &str) -> Result<String, ComposeError> {
    let limit = Limit::of_text(telling.channel);
    let tags = match telling.channel {
        Channel::Mastodon | Channel::Bluesky => hashtags(&telling.issue.tags, HASHTAGS),
        _ => vec![],
    };
    let lead = words.leads.get(telling.told_before % words.leads.len()).unwrap_or(&words.title);
    let title = if *lead == words.title { "" } else { &words.title };
    let whole = (0..=tags.len()).rev().map(|kept| paragraphs(lead, title, link, &tags[..kept])).chain([paragraphs(lead, "", link, &[])]);
    if let Some(text) = whole.into_iter().find(|text| limit.fits(text, link)) {
        return Ok(text);
    }
    // The sentence has to be cut; beside a long title too little of it would be left.
    let title = if limit.count(title, link) <= limit.most / 3 { title } else { "" };
    let cut = shorten(lead, |cut| limit.fits(&paragraphs(cut, title, link, &[]), link));
    let text = paragraphs(cut.as_deref().unwrap_or_default(), title, link, &[]);
    if limit.fits(&text, link) {
        return Ok(text);
    }
    let alone = if limit.fits(link, link) { Some(link.to_owned()) } else { None };
    alone.ok_or_else(|| ComposeError::LinkTooLong { issue: telling.issue.name(), channel: telling.channel })
}

fn paragraphs(lead: &str, title: &str, link: &str, tags: &[String]) -> String {
    let pointer = if title.is_empty() { link.to_owned() } else { format!("{title}\n{link}") };
    let tags = tags.join(" ");
    [lead, &pointer, &tags].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The title within the channel's limit, undecorated; if not one grapheme of it fits, the next best words.
fn title(telling: &Telling<'_>, words: &Words) -> Result<String, ComposeError> {
    let limit = Limit::of_title(telling.channel);
    let mut candidates = [&words.title].into_iter().chain(&words.leads).chain([&words.publication]);
    candidates
        .find_map(|candidate| shorten(candidate, |cut| limit.fits(cut, "")))
        .ok_or_else(|| ComposeError::NoWords { issue: telling.issue.name() })
}

/// A letter in plain text, signed with the publication's name.
fn letter(words: &Words, link: &str) -> String {
    let signed = if words.publication.is_empty() { String::new() } else { format!("\n\n-- \n{}", words.publication) };
    format!("{}\n\n{link}{signed}", words.summary)
}
