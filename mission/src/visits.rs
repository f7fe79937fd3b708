//! Telling visits: a person's from a program's, what brought somebody, and one visitor of a day from another.
//!
//! Must stay true: whoever does not say who they are is a program; a visitor's number can't be told back into an address without
//! the day's salt; what brought somebody is one of a few names, never text of theirs.

use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use regex::bytes::{Regex, RegexBuilder};
use sha2::Sha256;
use strum::{Display, EnumString};

use crate::words::Channel;

/// The published list; see its head.
const ROBOTS: &str = include_str!("visits/robots.txt");

/// More of a user agent is not looked at: patterns stand near its start, and it is a stranger's text.
const AGENT: usize = 1024;

static ROBOT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let patterns = ROBOTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let any = patterns.map(|pattern| format!("(?:{pattern})")).collect::<Vec<_>>().join("|");
    RegexBuilder::new(&any).unicode(false).dfa_size_limit(4 << 20).build().ok()
});

/// How many people are told apart on a day; who comes beyond is a look at a page by nobody.
pub const PEOPLE_A_DAY: u64 = 200_000;

/// How many people of one network are told apart on a day: whoever changes the user agent is as many people as they like.
pub const PEOPLE_A_NETWORK: u64 = 100;

/// The network that an address stands in, as text: /24 of IPv4, /48 of IPv6. Who rents one address has usually that many.
#[must_use]
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// Who fetched something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Fetcher {
    /// A browser that somebody looks at, as far as can be told.
    Person,
    /// A program: it says so, it says nothing of itself, or it asked for the headers only.
    Robot,
    /// A browser that fetches ahead what nobody has asked to see yet.
    Prefetch,
}

impl Fetcher {
    /// Of a request: whether it asks for a whole page (GET), what it says of itself (`User-Agent`), and what it fetches for
    /// (`Sec-Purpose`, W3C Fetch Metadata; `Purpose` and `X-Moz` of older browsers).
    #[must_use]
    pub fn of(whole: bool, agent: Option<&str>, purpose: Option<&str>) -> Self {
        let ahead = |purpose: &str| ["prefetch", "prerender", "preview"].iter().any(|word| purpose.to_ascii_lowercase().contains(word));
        match (whole, agent) {
            (true, Some(agent)) if !is_robot(agent) => match purpose.is_some_and(ahead) {
                true => Fetcher::Prefetch,
                false => Fetcher::Person,
            },
            _ => Fetcher::Robot,
        }
    }
}

/// Whether a user agent is a program's: on the published list, or empty.
#[must_use]
pub fn is_robot(agent: &str) -> bool {
    let agent = agent.trim().as_bytes();
    // Without the list nobody is taken for a person.
    agent.is_empty() || ROBOT.as_ref().is_none_or(|robot| robot.is_match(&agent[..agent.len().min(AGENT)]))
}

/// What brought somebody to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A post on a channel, or a letter (`email`).
    Channel(Channel),
    /// A search engine.
    Search,
    /// A link on another site.
    Link,
    /// Nothing that can be told: an address that was typed, a bookmark, a link in an app.
    Direct,
    /// It was never seen what brought them: whoever asks not to be counted, or came before counting began.
    Unknown,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Channel(channel) => channel.fmt(f),
            Source::Search => f.write_str("search"),
            Source::Link => f.write_str("link"),
            Source::Direct => f.write_str("direct"),
            Source::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for Source {
    type Err = strum::ParseError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "search" => Source::Search,
            "link" => Source::Link,
            "direct" => Source::Direct,
            "unknown" | "" => Source::Unknown,
            name => Source::Channel(name.parse()?),
        })
    }
}

/// Hosts of channels whoever runs them; those of the settings come in front.
const HOSTS: [(&str, Channel); 10] = [
    ("bsky.app", Channel::Bluesky),
    ("news.ycombinator.com", Channel::Hackernews),
    ("reddit.com", Channel::Reddit),
    ("redd.it", Channel::Reddit),
    ("x.com", Channel::X),
    ("twitter.com", Channel::X),
    ("t.co", Channel::X),
    ("lobste.rs", Channel::Lobsters),
    ("linkedin.com", Channel::Linkedin),
    ("lnkd.in", Channel::Linkedin),
];

/// Search engines, by the whole host or its end.
const ENGINES: [&str; 11] = [
    "bing.com",
    "duckduckgo.com",
    "ecosia.org",
    "qwant.com",
    "startpage.com",
    "search.brave.com",
    "search.yahoo.com",
    "kagi.com",
    "mojeek.com",
    "baidu.com",
    "searx.be",
];

impl Source {
    /// What brought a visit: the channel that a link of ours names (`?via=`), else the host of the page that linked here (`Referer`).
    /// `own` is the host of the site; `hosts` are those of the settings' channels.
    #[must_use]
    pub fn of(via: Option<&str>, referer: Option<&str>, own: &str, hosts: &[(String, Channel)]) -> Self {
        let named = via.and_then(|name| name.parse().ok()).filter(|channel| *channel != Channel::Web);
        if let Some(channel) = named {
            return Source::Channel(channel);
        }
        let Some(host) = referer.map(|host| host.trim_end_matches('.').to_ascii_lowercase()).filter(|host| !host.is_empty()) else {
            return Source::Direct;
        };
        let is = |known: &str| host == known || host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'));
        let configured = hosts.iter().find(|(known, _)| is(&known.to_ascii_lowercase())).map(|(_, channel)| *channel);
        let known = || HOSTS.iter().find(|(known, _)| is(known)).map(|(_, channel)| *channel);
        if host == own.to_ascii_lowercase() {
            return Source::Direct;
        }
        // google.com, google.co.uk, yandex.ru: their names stand before many endings.
        let engine =
            ENGINES.iter().any(|known| is(known)) || host.split('.').rev().skip(1).any(|label| matches!(label, "google" | "yandex"));
        match configured.or_else(known) {
            Some(channel) => Source::Channel(channel),
            None if engine => Source::Search,
            None => Source::Link,
        }
    }

    /// Whether it brings people who read already: a letter.
    #[must_use]
    pub fn is_readers(self) -> bool {
        self == Source::Channel(Channel::Email)
    }
}

/// The number of a visitor on one day: the first 8 bytes of HMAC-SHA-256 (RFC 2104) of what their browser shows of itself, under
/// the day's salt. With the salt gone nobody can find out whose it was.
#[must_use]
pub fn visitor_number(salt: &[u8; 32], shown: &[&str]) -> i64 {
    let mut block = [0; 64];
    block[..32].copy_from_slice(salt);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in shown {
        // Lengths keep the parts apart.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    let digest = mac.finalize().into_bytes();
    i64::from_be_bytes(digest.first_chunk::<8>().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests;
