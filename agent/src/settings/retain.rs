//! `[retain]`: what becomes of readers who stay silent.

use chrono::TimeDelta;
use serde::Deserialize;

use super::{Days, parsed};

/// `[retain]`. The stages themselves (7, 30 and 60 days) are no setting: facts and drafts are named after them.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Retain {
    /// Whether letters end for a reader who stayed silent behind the last message.
    sunset: bool,
    /// How long behind it, like `14d`.
    #[serde(deserialize_with = "parsed")]
    sunset_after: Days<7, 365>,
}

impl Default for Retain {
    fn default() -> Self {
        Self { sunset: true, sunset_after: Days::of(14) }
    }
}

impl Retain {
    /// How long behind the last message letters end; never without it.
    pub(crate) fn sunset(&self) -> Option<TimeDelta> {
        self.sunset.then(|| self.sunset_after.delta())
    }
}
