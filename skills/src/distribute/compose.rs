//! Composing: which of the author's words go into a post, in which order, and what gives way when room is short.
//!
//! Must stay true: pure; the same telling gives the same post. First the tags give way, then the title, then the end of the
//! author's sentence (or, where the author asks for a thread, nothing more); the link never. Words that went out are not told
//! again.

use reveille_mission::{Channel, Issue};
use thiserror::Error;
use url::Url;

use super::limit::Limit;
use super::prefilled::prefilled;
use super::shorten::shorten;
use super::thread::split;
use super::variants::Earlier;
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
    /// Everything that the author wrote to tell it with has gone out there.
    #[error("every word there is for {issue} was told on {} before", channel.title())]
    NoNewWords {
        /// The issue, as a human knows it.
        issue: String,
        /// The channel.
        channel: Channel,
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
            ComposeError::NoNewWords { .. } => Some("write another `hook:` in its front matter".into()),
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
        let words = hooks.iter().chain(summary).chain([title]).map(|words| plain(words, link));
        let mut leads = without_repeats(words.filter(|words| !words.is_empty()));
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

    /// The leads with this one in front.
    fn led_by(&self, first: &str) -> Vec<String> {
        without_repeats([first.to_owned()].into_iter().chain(self.leads.iter().cloned()))
    }
}

fn without_repeats(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for one in words {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// Composes the post of a telling from the author's words only. Pure. `earlier` are the texts that went out on this channel
/// about this issue (of threads at least the first pieces): none of them is told again.
///
/// # Errors
///
/// For [`Channel::Web`]; for a link that is no public web address or too long for the channel; for an issue without words, or
/// whose words have all gone out.
pub fn compose(telling: &Telling<'_>, earlier: &[String]) -> Result<Post, ComposeError> {
    let Telling { issue, channel, .. } = *telling;
    let address = Url::parse(telling.link).ok().filter(is_public).ok_or_else(|| ComposeError::BadLink { issue: issue.name() })?;
    let link = address.as_str();
    let words = Words::of(telling, link).ok_or_else(|| ComposeError::NoWords { issue: issue.name() })?;
    let earlier = Earlier::of(earlier, telling.told_before);
    let used_up = || ComposeError::NoNewWords { issue: issue.name(), channel };
    let (pieces, title) = match channel {
        Channel::Web => return Err(ComposeError::NotAPlace { channel }),
        Channel::Mastodon | Channel::Bluesky | Channel::X | Channel::Linkedin => {
            let room = Room { telling, limit: Limit::of_text(channel, telling.limits), link };
            (earlier.pick(&room.leads(&words), |lead| room.status(&words, lead))?.ok_or_else(used_up)?, None)
        }
        Channel::Hackernews | Channel::Lobsters | Channel::Reddit => {
            let titled = |title: &str| Ok::<_, ComposeError>(vec![format!("{title}\n{link}")]);
            let pieces = earlier.pick(&titles(telling, &words)?, titled)?.ok_or_else(used_up)?;
            let title = pieces.first().and_then(|text| text.lines().next()).map(str::to_owned);
            (pieces, title)
        }
        Channel::Email => {
            let letters = earlier.pick(&words.led_by(&words.summary), |lead| Ok::<_, ComposeError>(vec![letter(&words, lead, link)]))?;
            (letters.ok_or_else(used_up)?, titles(telling, &words)?.into_iter().next())
        }
    };
    let opening = pieces.first().map(String::as_str).unwrap_or_default();
    let prefilled = prefilled(channel, opening, title.as_deref().unwrap_or_default(), link, telling.server);
    Ok(Post { channel, text: pieces.join("\n\n"), pieces, title, link: link.to_owned(), prefilled })
}

fn is_public(link: &Url) -> bool {
    matches!(link.scheme(), "http" | "https") && link.has_host() && link.username().is_empty() && link.password().is_none()
}

/// The room that a channel gives to a short post.
struct Room<'a> {
    telling: &'a Telling<'a>,
    limit: Limit,
    link: &'a str,
}

impl Room<'_> {
    fn fits(&self, text: &str) -> bool {
        self.limit.fits(text, self.link)
    }

    /// Whether the author asks for a thread, where there are threads.
    fn threaded(&self) -> bool {
        self.telling.issue.thread && matches!(self.telling.channel, Channel::Mastodon | Channel::Bluesky | Channel::X)
    }

    /// What the post may begin with, in the author's order; who asks for a thread wants the words first that need one.
    fn leads(&self, words: &Words) -> Vec<String> {
        let mut leads = words.leads.clone();
        if self.threaded() {
            leads.sort_by_key(|lead| self.fits(&paragraphs(lead, "", self.link, &[])));
        }
        leads
    }

    /// A short post: a sentence, the title above the link, hashtags. Or its thread.
    fn status(&self, words: &Words, lead: &str) -> Result<Vec<String>, ComposeError> {
        let Room { telling, limit, link } = *self;
        let tags = match telling.channel {
            Channel::Mastodon | Channel::Bluesky => hashtags(&telling.issue.tags, HASHTAGS),
            _ => vec![],
        };
        let title = if *lead == words.title { "" } else { &words.title };
        let tagged = (0..=tags.len()).rev().map(|kept| paragraphs(lead, title, link, &tags[..kept]));
        if let Some(text) = tagged.chain([paragraphs(lead, "", link, &[])]).find(|text| self.fits(text)) {
            return Ok(vec![text]);
        }
        // The sentence has to be cut; beside a long title too little of it would be left.
        let title = if limit.count(title, link) <= limit.most / 3 { title } else { "" };
        if self.threaded()
            && let Some(pieces) = self.thread(lead, title)
        {
            return Ok(pieces);
        }
        let cut = shorten(lead, |cut| self.fits(&paragraphs(cut, title, link, &[])));
        let text = paragraphs(cut.as_deref().unwrap_or_default(), title, link, &[]);
        match [text, link.to_owned()].into_iter().find(|text| self.fits(text)) {
            Some(text) => Ok(vec![text]),
            None => Err(ComposeError::LinkTooLong { issue: telling.issue.name(), channel: telling.channel }),
        }
    }

    /// All of the author's words in several posts, the link in the first; nothing where they can't be told so.
    fn thread(&self, lead: &str, title: &str) -> Option<Vec<String>> {
        let first = |words: &str| paragraphs(words, title, self.link, &[]);
        let fits = |at: usize, words: &str| if at == 0 { self.fits(&first(words)) } else { self.limit.fits(words, "") };
        let mut pieces = split(lead, fits)?;
        let opening = pieces.first_mut()?;
        *opening = first(opening);
        Some(pieces)
    }
}

fn paragraphs(lead: &str, title: &str, link: &str, tags: &[String]) -> String {
    let pointer = if title.is_empty() { link.to_owned() } else { format!("{title}\n{link}") };
    let tags = tags.join(" ");
    [lead, &pointer, &tags].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The titles within the channel's limit, undecorated: the issue's own, then the leads. Where not one grapheme of any of them
/// fits, the publication's name. At least one.
fn titles(telling: &Telling<'_>, words: &Words) -> Result<Vec<String>, ComposeError> {
    let limit = Limit::of_title(telling.channel);
    let within = |words: &String| shorten(words, |cut| limit.fits(cut, ""));
    let own = without_repeats(words.led_by(&words.title).iter().filter_map(within));
    let titles = if own.is_empty() { within(&words.publication).into_iter().collect() } else { own };
    if titles.is_empty() { Err(ComposeError::NoWords { issue: telling.issue.name() }) } else { Ok(titles) }
}

/// A letter in plain text, signed with the publication's name.
fn letter(words: &Words, lead: &str, link: &str) -> String {
    let signed = if words.publication.is_empty() { String::new() } else { format!("\n\n-- \n{}", words.publication) };
    format!("{lead}\n\n{link}{signed}")
}
