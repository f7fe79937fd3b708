//! Mastodon.

use chrono::{DateTime, Utc};
use reveille_memory::{Effect, Sending};

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{Account, Answered, Attached, Fault, Frozen, Look, Piece, Receipt};

/// An account on Mastodon.
#[derive(Debug)]
pub struct Mastodon {}

/// The digests of what an effect's frozen bytes are sent with.
pub(super) fn attached(_effect: &Effect) -> Vec<String> {
    vec![]
}

impl Mastodon {
    /// An account on the server.
    ///
    /// # Errors
    /// The address is neither https nor on this machine.
    pub fn new(_server: &Url, _token: SecretString, _patience: Duration) -> Result<Self, Fault> {
        Ok(Self {})
    }

    pub(super) fn account(&self, _now: DateTime<Utc>) -> Result<Account, Fault> {
        Err(built())
    }

    pub(super) fn freeze(&self, _piece: &Piece<'_>) -> Result<Frozen, Fault> {
        Err(built())
    }

    pub(super) fn send(&self, _sending: &Sending, _attached: &[Attached], _now: DateTime<Utc>) -> Result<Receipt, Fault> {
        Err(built())
    }

    pub(super) fn look(&self, _effect: &Effect, _now: DateTime<Utc>) -> Result<Look, Fault> {
        Err(built())
    }

    pub(super) fn answered(&self, _ids: &[String], _now: DateTime<Utc>) -> Result<Vec<Answered>, Fault> {
        Err(built())
    }
}

fn built() -> Fault {
    Fault::Later { channel: reveille_mission::Channel::Mastodon, why: "not built yet".to_owned() }
}
