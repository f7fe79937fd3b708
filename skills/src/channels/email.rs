//! Mail.

use chrono::{DateTime, Utc};
use reveille_memory::{Effect, Sending};

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{Account, Attached, Fault, Receipt};

/// A mail server that takes our mail.
#[derive(Debug)]
pub struct Email {}

/// The digests of what an effect's frozen bytes are sent with.
pub(super) fn attached(_effect: &Effect) -> Vec<String> {
    vec![]
}

/// A mail server and who we are there.
#[derive(Debug)]
pub struct MailServer {
    /// `smtps://` or `smtp://`.
    pub address: Url,
    /// The login.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// The certificate of a server of one's own (PEM).
    pub ca: Option<PathBuf>,
    /// The sender, as `Name <address>`.
    pub from: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The signature.
    pub dkim: Option<()>,
    /// How long the server may take.
    pub patience: Duration,
}

impl Email {
    /// A connection to the server.
    ///
    /// # Errors
    /// What the settings say can't be used.
    pub fn new(_server: MailServer) -> Result<Self, Fault> {
        Ok(Self {})
    }

    pub(super) fn account(&self) -> Result<Account, Fault> {
        Err(built())
    }

    pub(super) fn send(&self, _sending: &Sending, _attached: &[Attached], _now: DateTime<Utc>) -> Result<Receipt, Fault> {
        Err(built())
    }
}

fn built() -> Fault {
    Fault::Later { channel: reveille_mission::Channel::Email, why: "not built yet".to_owned() }
}
