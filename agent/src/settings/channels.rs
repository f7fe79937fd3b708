//! `[channels]`: the ways on which the home may tell people.

use serde::Deserialize;
use url::Url;

use super::{Days, Email, Secret, parsed};

/// `[channels.*]`: a channel that is not here is not used, whatever a task line says.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Channels {
    /// How long an issue is not told again on a channel where it was told, like `14d`.
    #[serde(deserialize_with = "parsed")]
    pub(crate) again_after: Days<1, 365>,
    pub(crate) mastodon: Option<Mastodon>,
    pub(crate) bluesky: Option<Bluesky>,
    pub(crate) email: Option<Email>,
    pub(crate) hackernews: Option<ByHand>,
    pub(crate) reddit: Option<ByHand>,
    pub(crate) x: Option<ByHand>,
    pub(crate) lobsters: Option<ByHand>,
    pub(crate) linkedin: Option<ByHand>,
}

impl Default for Channels {
    fn default() -> Self {
        Self {
            again_after: Days::of(14),
            mastodon: None,
            bluesky: None,
            email: None,
            hackernews: None,
            reddit: None,
            x: None,
            lobsters: None,
            linkedin: None,
        }
    }
}

/// `[channels.mastodon]`
#[derive(Debug, Deserialize)]
pub(crate) struct Mastodon {
    /// The server's address.
    pub(crate) server: Url,
    /// The access token.
    pub(crate) token: Secret,
}

/// `[channels.bluesky]`
#[derive(Debug, Deserialize)]
pub(crate) struct Bluesky {
    /// The PDS's address.
    pub(crate) service: Url,
    /// The account.
    pub(crate) handle: String,
    /// An app password.
    pub(crate) password: Secret,
}

/// A channel that only a person may use: it needs nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct ByHand {}
