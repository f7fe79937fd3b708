//! `[answers]`: replies, mentions and mails that are fetched into `inbox/`.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::Secret;

/// `[answers]`: with it each wake fetches what came in on Mastodon and Bluesky, and in a mailbox when one is named.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Answers {
    /// A mailbox that answers to letters come to: `imaps://host`, or `imap://host` (STARTTLS, but for this machine).
    pub(crate) imap: Option<Url>,
    /// Its login.
    pub(crate) user: Option<String>,
    /// Its password.
    pub(crate) password: Option<Secret>,
    /// Certificates (PEM) to check it with; relative to the home.
    pub(crate) ca: Option<PathBuf>,
    /// Its folder.
    pub(crate) folder: String,
}

impl Default for Answers {
    fn default() -> Self {
        Self { imap: None, user: None, password: None, ca: None, folder: "INBOX".to_owned() }
    }
}

impl Answers {
    /// What can't be meant.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let whole = self.user.is_some() && self.password.is_some();
        match &self.imap {
            Some(imap) if !["imap", "imaps"].contains(&imap.scheme()) => Some("`imap` starts with `imaps://` or `imap://`"),
            Some(_) if !whole => Some("a mailbox needs `user` and `password`"),
            None if self.user.is_some() || self.password.is_some() || self.ca.is_some() => Some("`user`, `password` and `ca` need `imap`"),
            _ if self.folder.is_empty() || self.folder.chars().any(char::is_control) => Some("`folder` is the name of one, like \"INBOX\""),
            _ => None,
        }
    }
}
