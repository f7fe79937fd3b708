//! Facts: what was observed before a decision, each with its source and its time. A missing fact is unknown, not zero.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use strum::IntoEnumIterator;

use crate::need::{Need, NeedState};
use crate::words::{Channel, nearest};

/// What a fact is about. Its text form is what `--assume` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKey {
    /// `<channel>.ready`: the credential is present and, where that was checked, accepted.
    Ready(Channel),
    /// `<channel>.followers`: people who follow.
    Followers(Channel),
    /// `<channel>.posts`: posts that were measured.
    Posts(Channel),
    /// `<channel>.engagements`: people who engaged with those posts, in all.
    Engagements(Channel),
    /// `<channel>.visitors`: visitors of the site in 30 days whom a post on the channel brought first.
    Visitors(Channel),
    /// `subscribers.confirmed`: confirmed readers that are people.
    SubscribersConfirmed,
    /// `subscribers.lapsed_7`, `_30`, `_60`: confirmed readers silent for that many days, and not for as many as the next stage has.
    SubscribersLapsed(u16),
    /// `subscribers.unwritten_7`, `_30`, `_60`: of those, the ones who had no message of that stage in this silence.
    SubscribersUnwritten(u16),
    /// `customers.active`: paying readers that are people.
    CustomersActive,
    /// `site.visitors_30d`: visitors of the site in 30 days, each day's added up; whom a letter brought is a reader and not among them.
    SiteVisitors30d,
    /// `site.confirmed_30d`: people who asked for the letter on the site and confirmed in 30 days.
    SiteConfirmed30d,
    /// `drafts.ready`: drafts that the author has released.
    DraftsReady,
}

/// The stages of silence that are told apart, in days.
pub const LAPSED_DAYS: [u16; 3] = [7, 30, 60];

impl FactKey {
    /// Every key there is.
    pub fn all() -> Vec<FactKey> {
        let mut keys: Vec<FactKey> = Channel::iter()
            .flat_map(|channel| {
                let counted =
                    [FactKey::Followers(channel), FactKey::Posts(channel), FactKey::Engagements(channel), FactKey::Visitors(channel)];
                [FactKey::Ready(channel)].into_iter().chain(counted)
            })
            .collect();
        keys.push(FactKey::SubscribersConfirmed);
        keys.extend(LAPSED_DAYS.map(FactKey::SubscribersLapsed));
        keys.extend(LAPSED_DAYS.map(FactKey::SubscribersUnwritten));
        keys.extend([FactKey::CustomersActive, FactKey::SiteVisitors30d, FactKey::SiteConfirmed30d, FactKey::DraftsReady]);
        keys
    }
}

impl fmt::Display for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FactKey::Ready(channel) => write!(f, "{channel}.ready"),
            FactKey::Followers(channel) => write!(f, "{channel}.followers"),
            FactKey::Posts(channel) => write!(f, "{channel}.posts"),
            FactKey::Engagements(channel) => write!(f, "{channel}.engagements"),
            FactKey::Visitors(channel) => write!(f, "{channel}.visitors"),
            FactKey::SubscribersConfirmed => f.write_str("subscribers.confirmed"),
            FactKey::SubscribersLapsed(days) => write!(f, "subscribers.lapsed_{days}"),
            FactKey::SubscribersUnwritten(days) => write!(f, "subscribers.unwritten_{days}"),
            FactKey::CustomersActive => f.write_str("customers.active"),
            FactKey::SiteVisitors30d => f.write_str("site.visitors_30d"),
            FactKey::SiteConfirmed30d => f.write_str("site.confirmed_30d"),
            FactKey::DraftsReady => f.write_str("drafts.ready"),
        }
    }
}

/// A fact's key or value that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// No such key.
    #[error("unknown fact `{given}`{}", .nearest.as_ref().map(|n| format!(", did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// What was given.
        given: String,
        /// The nearest right name.
        nearest: Option<String>,
    },
    /// The value is of the wrong kind.
    #[error("`{key}` takes {expected}, not `{given}`")]
    WrongValue {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        given: String,
    },
}

impl FromStr for FactKey {
    type Err = FactError;

    fn from_str(given: &str) -> Result<Self, FactError> {
        let all: Vec<(String, FactKey)> = FactKey::all().into_iter().map(|key| (key.to_string(), key)).collect();
        match all.iter().find(|(name, _)| name == given) {
            Some((_, key)) => Ok(*key),
            None => Err(FactError::UnknownKey {
                given: given.to_owned(),
                nearest: nearest(given, all.iter().map(|(name, _)| name.as_str())).map(str::to_owned),
            }),
        }
    }
}

/// A fact's value: people are counted, readiness is yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FactValue {
    /// Yes or no.
    Bool(bool),
    /// A count, never negative, never NaN.
    Count(u64),
}

/// One observed value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// The value.
    pub value: FactValue,
    /// Where it comes from: `readers.csv`, `env:MASTODON_TOKEN`, `--assume`, a server's name.
    pub source: String,
    /// When it was measured, if it was measured and not assumed.
    pub measured_at: Option<DateTime<Utc>>,
}

/// The source of what was not observed but said for the sake of a plan.
const ASSUMED: &str = "--assume";

impl Fact {
    /// Whether it was said, not observed.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.source == ASSUMED
    }
}

/// Everything that was observed before a decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    values: BTreeMap<FactKey, Fact>,
    /// Who gets the letter of an issue, by the issue's id.
    letters: BTreeMap<String, Fact>,
    needs: BTreeMap<Need, NeedState>,
}

impl Facts {
    /// Sets a value; the later one wins.
    pub fn set(&mut self, key: FactKey, fact: Fact) {
        self.values.insert(key, fact);
    }

    /// Sets a value from its text form, as `--assume KEY=VALUE` gives it.
    ///
    /// # Errors
    /// An unknown key, or a value that is no bool or no count.
    pub fn assume(&mut self, key: &str, value: &str) -> Result<(), FactError> {
        let key: FactKey = key.parse()?;
        let wrong = |expected| FactError::WrongValue { key: key.to_string(), expected, given: value.to_owned() };
        let value = match key {
            FactKey::Ready(_) => FactValue::Bool(value.parse().map_err(|_| wrong("true or false"))?),
            _ => FactValue::Count(value.parse().map_err(|_| wrong("a whole number, 0 or more"))?),
        };
        self.set(key, Fact { value, source: ASSUMED.to_owned(), measured_at: None });
        Ok(())
    }

    /// The fact, if there is one.
    pub fn get(&self, key: FactKey) -> Option<&Fact> {
        self.values.get(&key)
    }

    /// The count, if it is known.
    pub fn count(&self, key: FactKey) -> Option<u64> {
        match self.values.get(&key)?.value {
            FactValue::Count(count) => Some(count),
            FactValue::Bool(_) => None,
        }
    }

    /// Yes, no, or unknown.
    pub fn flag(&self, key: FactKey) -> Option<bool> {
        match self.values.get(&key)?.value {
            FactValue::Bool(flag) => Some(flag),
            FactValue::Count(_) => None,
        }
    }

    /// All values, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (FactKey, &Fact)> {
        self.values.iter().map(|(key, fact)| (*key, fact))
    }

    /// Sets how many people get the letter of an issue when it goes out now. Its source says whom it leaves out, and why.
    pub fn set_letter(&mut self, issue: &str, people: Fact) {
        self.letters.insert(issue.to_owned(), people);
    }

    /// How many people get the letter of an issue, where that was counted. Readers that were assumed are reached as a whole.
    pub fn letter(&self, issue: &str) -> Option<&Fact> {
        let is_assumed = self.get(FactKey::SubscribersConfirmed).is_some_and(Fact::is_assumed);
        self.letters.get(issue).filter(|_| !is_assumed)
    }

    /// Records what a check of a need found.
    pub fn set_need(&mut self, need: Need, state: NeedState) {
        self.needs.insert(need, state);
    }

    /// What is known of a need; one that nobody checked is unmet.
    pub fn need(&self, need: &Need) -> NeedState {
        self.needs
            .get(need)
            .cloned()
            .unwrap_or_else(|| NeedState::Unmet { why: format!("{need} was not checked"), unblock: "run `reveille doctor`".to_owned() })
    }
}
