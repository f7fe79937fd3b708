//! The proof that an issue is out: its page and its feed entry, read back from where readers get them.
//!
//! Must stay true: what was written is no proof, only what was read; a page of another host proves nothing.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_mission::Issue;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::address::{escaped, feed_id, page_path};
use crate::disk::{DiskError, Root, sha256};
use crate::settings::Publication;

/// Longer answers are no page of ours, in bytes.
const LONGEST_ANSWER: u64 = 5 * 1024 * 1024;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many redirections are followed.
const REDIRECTIONS: usize = 5;

/// What was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// The issue's page.
    Page,
    /// The feed that has its entry.
    Feed,
}

/// One proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was read back.
    pub kind: EvidenceKind,
    /// From where: a path relative to the home, or an address.
    pub place: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// When.
    pub fetched_at: DateTime<Utc>,
}

/// Why an issue is not proved to be out.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// What was read back does not show the issue.
    #[error("{place} does not show “{title}”: {missing} is missing")]
    NotShown {
        /// Where it was looked for.
        place: String,
        /// The issue's title.
        title: String,
        /// What was not found.
        missing: &'static str,
    },
    /// The page or the feed can't be read from disk.
    #[error("failed to read back: {0}")]
    Disk(#[from] DiskError),
    /// The site does not answer as it should.
    #[error("failed to fetch {place}: {why}")]
    Fetch {
        /// The address.
        place: String,
        /// What happened.
        why: String,
    },
}

impl ProveError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ProveError::NotShown { place, .. } if place.starts_with("http") => {
                Some("upload `site/` to the server, or set `served = false`".to_owned())
            }
            ProveError::NotShown { .. } => Some("a template in `templates/` must show `issue.title` and `page.address`".to_owned()),
            ProveError::Disk(error) => error.hint(),
            ProveError::Fetch { .. } => Some("see whether the server is up and serves `site/`, or set `served = false`".to_owned()),
        }
    }
}

/// Reads the page and the feed entry of an issue back: from `site/`, or from the site's address where it is served.
///
/// # Errors
///
/// [`ProveError`]: then nothing is proved, and nothing may be ticked.
pub fn prove(home: &Path, publication: &Publication, issue: &Issue, now: DateTime<Utc>) -> Result<Vec<Evidence>, ProveError> {
    let root = Root::open(home)?;
    let page_address = publication.issue_address(&issue.slug);
    let source = if publication.served { Source::Web(client()?) } else { Source::Disk(&root) };
    let (page_place, page) = source.read(&page_path(issue), &page_address)?;
    let (feed_place, feed) = source.read("site/atom.xml", &publication.address("atom.xml"))?;
    let missing = |place: &str, missing| ProveError::NotShown { place: place.to_owned(), title: issue.title.clone(), missing };
    let text = String::from_utf8_lossy(&page);
    if !text.contains(&escaped(&issue.title)) {
        return Err(missing(&page_place, "the title"));
    }
    if !text.contains(&escaped(&page_address)) {
        return Err(missing(&page_place, "its canonical address"));
    }
    if !feed_shows(&feed, &feed_id(publication, issue), &page_address) {
        return Err(missing(&feed_place, "its entry"));
    }
    let evidence = |kind, place, bytes: &[u8]| Evidence { kind, place, sha256: sha256(bytes), fetched_at: now };
    Ok(vec![evidence(EvidenceKind::Page, page_place, &page), evidence(EvidenceKind::Feed, feed_place, &feed)])
}

fn feed_shows(bytes: &[u8], id: &str, address: &str) -> bool {
    let Ok(feed) = atom_syndication::Feed::read_from(bytes) else { return false };
    feed.entries.iter().any(|entry| entry.id == id && entry.links.iter().any(|link| link.href == address))
}

enum Source<'r> {
    Disk(&'r Root),
    Web(reqwest::blocking::Client),
}

impl Source<'_> {
    /// The place that was read, and its bytes.
    fn read(&self, path: &str, address: &str) -> Result<(String, Vec<u8>), ProveError> {
        match self {
            Source::Disk(root) => Ok((path.to_owned(), root.read(path)?)),
            Source::Web(client) => Ok((address.to_owned(), fetch(client, address)?)),
        }
    }
}

fn client() -> Result<reqwest::blocking::Client, ProveError> {
    let same_host = |was: &Url, is: &Url| was.host_str() == is.host_str() && !(was.scheme() == "https" && is.scheme() != "https");
    let policy = reqwest::redirect::Policy::custom(move |attempt| {
        let first = attempt.previous().first().is_some_and(|first| same_host(first, attempt.url()));
        if first && attempt.previous().len() <= REDIRECTIONS { attempt.follow() } else { attempt.stop() }
    });
    let agent = concat!("reveille/", env!("CARGO_PKG_VERSION"));
    // The environment is read once, at the start of the program, and proxies are not part of the settings.
    let built = reqwest::blocking::Client::builder().timeout(PATIENCE).redirect(policy).user_agent(agent).no_proxy().build();
    built.map_err(|error| ProveError::Fetch { place: "the site".to_owned(), why: cause(&error) })
}

fn fetch(client: &reqwest::blocking::Client, address: &str) -> Result<Vec<u8>, ProveError> {
    let failed = |why: String| ProveError::Fetch { place: address.to_owned(), why };
    // A page from a cache on the way proves nothing.
    let answer = client.get(address).header("Cache-Control", "no-cache").send().map_err(|error| failed(cause(&error)))?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(failed(format!("the server answers {}", answer.status())));
    }
    let mut bytes = Vec::new();
    answer.take(LONGEST_ANSWER + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LONGEST_ANSWER {
        return Err(failed(format!("the answer is longer than {LONGEST_ANSWER} bytes")));
    }
    Ok(bytes)
}

/// The innermost words of an error, which say what happened.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
