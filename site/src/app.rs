//! What all answers share.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use url::Url;

use crate::experiment::Headline;
use crate::pages::Pages;
use crate::reader::Reader;
use crate::subscribe::Subscribing;
use crate::visits::Visits;
use crate::writer::Writer;

/// What tells the time.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What names the topics that readers may choose from. It may read files.
pub type Topics = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the author's own list has of somebody, by their id: each of their rows, with the names of its columns. It may read files.
pub type Listed = Arc<dyn Fn(&str) -> Result<Vec<Row>, String> + Send + Sync>;

/// A row of the author's own list: the names of its columns, and what stands there.
pub type Row = Vec<(String, String)>;

/// What the pages say of the publication.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// Its address, with a slash at its end: links in mails begin with it, and forms are taken from there only.
    pub url: Url,
    /// Its language (BCP 47).
    pub language: String,
    /// One sentence about it.
    pub description: Option<String>,
}

/// What all answers share.
#[derive(Clone)]
pub struct App {
    /// The publication.
    pub publication: Arc<Publication>,
    /// The folder of the rendered publication.
    pub files: PathBuf,
    /// The home's key: what tokens are made with.
    pub key: Arc<[u8]>,
    /// The time.
    pub now: Clock,
    /// The one who writes.
    pub writer: Writer,
    /// Those who read beside it.
    pub reader: Reader,
    /// The pages that are made on request.
    pub pages: Arc<Pages>,
    /// The reverse proxies that are believed when they say whom they speak for.
    pub proxies: Arc<[IpAddr]>,
    /// What subscribing needs to know of the home.
    pub subscribing: Arc<Subscribing>,
    /// Who looked at the pages.
    pub visits: Visits,
    /// The headline experiment that is on, if one is.
    pub headline: Option<Arc<Headline>>,
    /// The topics that readers may choose from.
    pub topics: Topics,
    /// What the author's own list has of somebody.
    pub listed: Listed,
    /// Whether letters end for readers who stay silent.
    pub letters_end: bool,
}

#[cfg(test)]
pub(crate) mod tests;
