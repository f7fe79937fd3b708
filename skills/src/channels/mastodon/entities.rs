//! What servers answer, as far as we look at it.
//!
//! Must stay true: a field that is missing, null or of another type is one that the server did not say, never an error; an id
//! that could lead to another path is none.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::super::PostLimits;

/// Mastodon's own limits, for a server that says nothing.
const UNSAID: PostLimits = PostLimits { characters: 500, link: 23 };

/// The most that is believed of a server: more would only break our counting.
const MOST: PostLimits = PostLimits { characters: 1_000_000, link: 1000 };

/// Who the token belongs to (`verify_credentials`).
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    #[serde(deserialize_with = "id")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) acct: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) username: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) url: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) followers_count: Option<u64>,
}

/// A status.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    #[serde(deserialize_with = "id")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) url: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) uri: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) content: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) created_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "id")]
    pub(super) in_reply_to_id: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) reblog: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(deserialize_with = "said")]
    pub(super) replies_count: Option<u64>,
    #[serde(deserialize_with = "said")]
    pub(super) reblogs_count: Option<u64>,
    #[serde(deserialize_with = "said")]
    pub(super) favourites_count: Option<u64>,
    #[serde(deserialize_with = "said")]
    pub(super) quotes_count: Option<u64>,
}

/// A notification.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Notification {
    #[serde(deserialize_with = "id")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) r#type: Option<String>,
    #[serde(deserialize_with = "said")]
    pub(super) created_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "said")]
    pub(super) account: Option<Owner>,
    #[serde(deserialize_with = "said")]
    pub(super) status: Option<Status>,
}

/// What the server says of itself, from either page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Instance {
    /// The host in the names of its accounts.
    pub(super) host: Option<String>,
    pub(super) limits: PostLimits,
}

/// `/api/v2/instance`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InstanceV2 {
    #[serde(deserialize_with = "said")]
    account_domain: Option<String>,
    #[serde(deserialize_with = "said")]
    domain: Option<String>,
    #[serde(deserialize_with = "said")]
    configuration: Option<Configuration>,
}

/// `/api/v1/instance`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InstanceV1 {
    #[serde(deserialize_with = "said")]
    account_domain: Option<String>,
    #[serde(deserialize_with = "said")]
    uri: Option<String>,
    #[serde(deserialize_with = "said")]
    configuration: Option<Configuration>,
    /// The older field of Pleroma and of forks of Mastodon.
    #[serde(deserialize_with = "said")]
    max_toot_chars: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Configuration {
    #[serde(deserialize_with = "said")]
    statuses: Option<Statuses>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Statuses {
    #[serde(deserialize_with = "said")]
    max_characters: Option<usize>,
    #[serde(deserialize_with = "said")]
    characters_reserved_per_url: Option<usize>,
}

impl From<InstanceV2> for Instance {
    fn from(page: InstanceV2) -> Self {
        Self { host: page.account_domain.or(page.domain).and_then(host), limits: limits(page.configuration, None) }
    }
}

impl From<InstanceV1> for Instance {
    fn from(page: InstanceV1) -> Self {
        Self { host: page.account_domain.or(page.uri).and_then(host), limits: limits(page.configuration, page.max_toot_chars) }
    }
}

fn limits(configuration: Option<Configuration>, older: Option<usize>) -> PostLimits {
    let statuses = configuration.and_then(|configuration| configuration.statuses).unwrap_or_default();
    PostLimits {
        // No server takes statuses of nothing: a 0 says as much as nothing.
        characters: statuses.max_characters.or(older).filter(|most| *most > 0).unwrap_or(UNSAID.characters).min(MOST.characters),
        link: statuses.characters_reserved_per_url.unwrap_or(UNSAID.link).min(MOST.link),
    }
}

/// The host, of a bare host or of an address: v1's `uri` is either.
fn host(said: String) -> Option<String> {
    let parsed = Url::parse(&said).or_else(|_| Url::parse(&format!("https://{said}"))).ok()?;
    let host = parsed.host_str()?;
    Some(parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The address of a page, if it is one, without anything that could not be shown.
pub(super) fn page(address: &str) -> Option<String> {
    Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(String::from)
}

/// Whether it can stand in a path as one segment and leads nowhere else.
pub(super) fn is_id(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    id.len() <= 128 && id.chars().all(fits) && id.contains(|c: char| c.is_ascii_alphanumeric())
}

/// What the server said, if it fits.
fn said<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

/// An id: a text, or a number on some servers.
fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let id = match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(id) => Some(id),
        serde_json::Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    Ok(id.filter(|id| is_id(id)))
}
