//! Mail.

use chrono::{DateTime, Utc};
use reveille_memory::{Effect, Sending};

use super::{Account, Attached, Fault, Receipt};

/// A mail server that takes our mail.
#[derive(Debug)]
pub struct Email {}

/// The digests of what an effect's frozen bytes are sent with.
pub(super) fn attached(_effect: &Effect) -> Vec<String> {
    vec![]
}

impl Email {
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
