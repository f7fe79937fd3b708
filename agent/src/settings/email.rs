//! `[channels.email]`: where mail goes out, and as whom.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::Secret;

/// `[channels.email]`
#[derive(Debug, Deserialize)]
pub(crate) struct Email {
    /// The mail server: `smtps://`, `smtp://` (STARTTLS), or `sendmail:///path` for a program on this machine.
    pub(crate) smtp: Url,
    /// The login; a server on this machine may need none.
    pub(crate) user: Option<String>,
    /// Its password.
    pub(crate) password: Option<Secret>,
    /// The sender, as `Name <address>`.
    pub(crate) from: String,
    /// Where answers go, if not to the sender.
    pub(crate) reply_to: Option<String>,
    /// Certificates (PEM) for a server of one's own; relative to the home.
    pub(crate) ca: Option<PathBuf>,
    /// The most mails a minute.
    #[serde(default = "a_mail_a_second")]
    pub(crate) rate: u32,
    /// The https address at which readers leave, `{token}` in it; without it they leave by a mail.
    pub(crate) unsubscribe: Option<String>,
    /// What mails are signed with.
    pub(crate) dkim: Option<Dkim>,
}

/// `dkim` of `[channels.email]`
#[derive(Debug, Deserialize)]
pub(crate) struct Dkim {
    /// The signing domain.
    pub(crate) domain: String,
    /// Under which the public key stands in the DNS.
    pub(crate) selector: String,
    /// The private key.
    pub(crate) key: Secret,
}

impl Email {
    /// What can't be meant.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let here = self.smtp.scheme() == "sendmail";
        let leaves = |address: &String| address.starts_with("https://") && address.contains("{token}");
        let named = |dkim: &Dkim| !dkim.domain.is_empty() && !dkim.selector.is_empty();
        if !["smtp", "smtps", "sendmail"].contains(&self.smtp.scheme()) {
            Some("`smtp` starts with `smtps://`, `smtp://` or `sendmail://`")
        } else if !self.smtp.username().is_empty() || self.smtp.password().is_some() {
            Some("`smtp` holds no login: `user` and `password` do, and the password stands in the environment or a file")
        } else if self.user.is_some() != self.password.is_some() {
            Some("`user` and `password` go together")
        } else if here && (self.user.is_some() || self.ca.is_some()) {
            Some("a program on this machine takes no `user`, `password` or `ca`")
        } else if self.rate == 0 {
            Some("`rate` is at least 1 mail a minute")
        } else if !self.unsubscribe.as_ref().is_none_or(leaves) {
            Some("`unsubscribe` is an https address with `{token}` in it")
        } else if !self.dkim.as_ref().is_none_or(named) {
            Some("`dkim` needs `domain`, `selector` and `key`")
        } else if !self.reply_to.as_ref().is_none_or(|address| address.contains('@')) {
            Some("`reply_to` is a mail address")
        } else {
            None
        }
    }
}

fn a_mail_a_second() -> u32 {
    60
}
