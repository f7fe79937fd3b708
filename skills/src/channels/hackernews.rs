//! Hacker News: what its two public read interfaces say of a story that a person posted. No account and no credential.
//!
//! Must stay true: nothing is ever written there, for only a person may post; what is asked is an item's number or an address
//! of our own; an answer about another item counts as none.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_mission::Channel;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::Fault;
use super::fuzzed::Heard;
use super::http::{Answer, Http, Silence};

/// Where items are read, the site's own interface: `/v0/item/ID.json` (github.com/HackerNews/API).
pub const ITEMS: &str = "https://hacker-news.firebaseio.com/";

/// Where stories are searched: `/api/v1/search` (hn.algolia.com/api).
pub const SEARCH: &str = "https://hn.algolia.com/";

/// Where stories are shown to people.
const PAGES: &str = "news.ycombinator.com";

const HERE: Channel = Channel::Hackernews;

/// A reader of Hacker News.
#[derive(Debug)]
pub struct HackerNews {
    items: Http,
    search: Http,
}

/// What people made of a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Story {
    /// Its number.
    pub id: u64,
    /// Its points; the first is the poster's own.
    pub points: u64,
    /// All comments under it.
    pub comments: u64,
}

/// An item, as far as we care. `descendants` are all comments of a story.
#[derive(Deserialize)]
struct Item {
    id: u64,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    score: u64,
    #[serde(default)]
    descendants: u64,
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize)]
struct Found {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "objectID")]
    id: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(rename = "created_at_i")]
    created_at: i64,
}

/// What is made of an answer, whatever was asked: see [`super::fuzzed`].
pub(super) fn heard(answer: &Answer) -> Heard {
    let item = answer.json::<Option<Item>>(HERE);
    let found = answer.json::<Found>(HERE);
    let hits = found.as_ref().map(|found| found.hits.as_slice()).unwrap_or_default();
    let ids = hits.iter().filter_map(|hit| hit.id.parse::<u64>().ok()).chain(item.iter().flatten().map(|item| item.id));
    let paths = ids.map(|id| id.to_string()).collect();
    let shown = vec![answer.said()];
    Heard { paths, shown, read: item.err().into_iter().chain(found.err()).collect(), ..Heard::default() }
}

impl HackerNews {
    /// A reader of these two servers (the public ones are [`ITEMS`] and [`SEARCH`]), which waits at most `patience` for an answer.
    ///
    /// # Errors
    /// An address is neither https nor on this machine, or this machine has no certificates to check a server with.
    pub fn new(items: &Url, search: &Url, patience: Duration) -> Result<Self, Fault> {
        Ok(Self { items: Http::new(items, HERE, patience)?, search: Http::new(search, HERE, patience)? })
    }

    /// A reader of the public servers.
    ///
    /// # Errors
    /// This machine has no certificates to check a server with.
    pub fn public(patience: Duration) -> Result<Self, Fault> {
        let base = |address: &str| Url::parse(address).map_err(|error| Fault::Refused { channel: HERE, why: error.to_string() });
        Self::new(&base(ITEMS)?, &base(SEARCH)?, patience)
    }

    /// The points and comments of a story; none when it was deleted, or the number is no story's.
    ///
    /// # Errors
    /// The server can't be asked, or gave no clear answer.
    pub fn story(&self, id: u64, now: DateTime<Utc>) -> Result<Option<Story>, Fault> {
        // The interface answers `null` for a number that it does not have.
        let item: Option<Item> = get(&self.items, self.items.at(&format!("/v0/item/{id}.json"))?, now)?;
        match item {
            Some(item) if item.id != id => {
                Err(Fault::Unclear { channel: HERE, why: format!("asked for item {id}, it answered {}", item.id) })
            }
            Some(item) if item.kind == "story" && !item.deleted => Ok(Some(Story { id, points: item.score, comments: item.descendants })),
            _ => Ok(None),
        }
    }

    /// The number of the story that links to exactly this address: the first one posted since a time, for others may have posted
    /// it before. None when there is no such story, or the search has not seen it yet.
    ///
    /// # Errors
    /// The server can't be asked, or gave no clear answer.
    pub fn find(&self, link: &Url, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<u64>, Fault> {
        let mut url = self.search.at("/api/v1/search_by_date")?;
        url.query_pairs_mut()
            .append_pair("query", link.as_str())
            .append_pair("restrictSearchableAttributes", "url")
            .append_pair("tags", "story")
            .append_pair("hitsPerPage", "100");
        let found: Found = get(&self.search, url, now)?;
        // Clocks differ by a little; a story an hour before its text was made is another person's.
        let since = (since - TimeDelta::minutes(5)).timestamp();
        let same = |hit: &&Hit| hit.url.as_deref().and_then(|url| Url::parse(url).ok()).is_some_and(|url| same_page(&url, link));
        let ours = found.hits.iter().filter(|hit| hit.created_at >= since).filter(same);
        Ok(ours.min_by_key(|hit| hit.created_at).and_then(|hit| hit.id.parse().ok()))
    }
}

/// The number of the item that an address of Hacker News shows: `https://news.ycombinator.com/item?id=N`.
pub fn item_of(address: &str) -> Option<u64> {
    let url = Url::parse(address.trim()).ok()?;
    let here = matches!(url.scheme(), "https" | "http") && url.host_str() == Some(PAGES) && url.path() == "/item";
    url.query_pairs().find(|(name, _)| here && name == "id").and_then(|(_, id)| id.parse().ok())
}

/// Whether two addresses show the same page: the scheme, the fragment and a slash at the end do not matter.
fn same_page(one: &Url, other: &Url) -> bool {
    let page = |url: &Url| {
        (url.host_str().map(str::to_owned), url.port(), url.path().trim_end_matches('/').to_owned(), url.query().map(str::to_owned))
    };
    page(one) == page(other)
}

/// Asks, and reads the answer. Reading changes nothing there: whatever goes wrong may be tried again.
fn get<T: DeserializeOwned>(http: &Http, url: Url, now: DateTime<Utc>) -> Result<T, Fault> {
    let answer = http.get(url, |request| request).map_err(|silence| match silence {
        Silence::NotSent(why) | Silence::Lost(why) => Fault::Later { channel: HERE, why },
    })?;
    match answer.status {
        200 => answer.json(HERE),
        429 => Err(Fault::RateLimited { channel: HERE, until: answer.limited_until(now), why: answer.said() }),
        500..=599 => Err(Fault::Later { channel: HERE, why: answer.said() }),
        _ => Err(Fault::Refused { channel: HERE, why: answer.said() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_item_s_own_address_names_it() {
        for (address, expected) in [
            ("https://news.ycombinator.com/item?id=4242", Some(4242)),
            (" http://news.ycombinator.com/item?x=1&id=7#c\n", Some(7)),
            ("https://news.ycombinator.com/item?id=42a", None),
            ("https://news.ycombinator.com/newest", None),
            ("https://news.ycombinator.com.evil.example/item?id=1", None),
            ("https://evil.example/item?id=1", None),
            ("done", None),
        ] {
            assert_eq!(item_of(address), expected, "{address}");
        }
    }

    #[test]
    fn the_same_page_is_the_same_whatever_its_ornaments() {
        let same = |one: &str, other: &str| same_page(&one.parse().expect("an address"), &other.parse().expect("an address"));
        assert!(same("http://n.example/a/", "https://n.example/a#top"));
        assert!(!same("https://n.example/a?p=1", "https://n.example/a"));
        assert!(!same("https://n.example/a/b", "https://n.example/a"));
    }
}
