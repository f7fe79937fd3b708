//! Sources that could not be read, and until when they are left alone.
//!
//! Must stay true: time alone never brings a refused credential back; a change of its settings or its secret always does.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use serde::{Deserialize, Serialize};

use crate::failure::{OrFail, Outcome};

/// Under which key memory keeps them.
const KEY: &str = "answers failed";

/// After the first failure; twice as long after each further one, a day at most.
const FIRST: TimeDelta = TimeDelta::hours(1);

/// The most characters of a failure's words.
const WORDS: usize = 300;

/// What went wrong with a source.
#[derive(Debug)]
pub(crate) struct Why {
    pub(super) words: String,
    /// The credential was not accepted.
    pub(super) refused: bool,
    /// Not before then, by the server's word.
    pub(super) until: Option<DateTime<Utc>>,
}

impl Why {
    /// It may pass.
    pub(super) fn later(words: impl Into<String>) -> Self {
        Self { words: words.into(), refused: false, until: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Trouble {
    /// What its settings were, see [`crate::credential::mark`].
    mark: String,
    words: String,
    refused: bool,
    /// How often in a row.
    times: u32,
    until: DateTime<Utc>,
}

/// The sources in trouble, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Troubles(BTreeMap<String, Trouble>);

impl Troubles {
    /// Reads them. A text of another version counts as none.
    pub(super) fn read(memory: &Memory) -> Outcome<Self> {
        Ok(Self(memory.text(KEY).or_fail()?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()))
    }

    pub(super) fn keep(&self, memory: &mut Memory) -> Outcome {
        memory.keep_text(KEY, &serde_json::to_string(&self.0)?).or_fail()
    }

    /// Forgets the sources that the settings name no more.
    pub(super) fn keep_only(&mut self, sources: &HashSet<String>) {
        self.0.retain(|source, _| sources.contains(source));
    }

    /// Whether a source may be asked now.
    pub(super) fn lets(&self, source: &str, mark: &str, now: DateTime<Utc>) -> bool {
        let Some(trouble) = self.0.get(source).filter(|trouble| trouble.mark == mark) else { return true };
        // A clock that was ahead must not keep it for longer than a day.
        !trouble.refused && (trouble.until <= now || trouble.until > now + TimeDelta::days(1))
    }

    /// It was read.
    pub(super) fn over(&mut self, source: &str) {
        self.0.remove(source);
    }

    /// It failed. Whether that is news.
    pub(super) fn add(&mut self, source: &str, mark: &str, why: Why, now: DateTime<Utc>) -> bool {
        let before = self.0.get(source).filter(|before| before.mark == mark);
        let news = before.is_none_or(|before| before.refused != why.refused);
        let times = before.map_or(0, |before| before.times).saturating_add(1);
        let pause = (FIRST * 2_i32.pow((times - 1).min(5))).min(TimeDelta::days(1));
        let until = why.until.unwrap_or(now + pause);
        let words = why.words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
        self.0.insert(source.to_owned(), Trouble { mark: mark.to_owned(), words, refused: why.refused, times, until });
        news
    }

    /// Each source in trouble, with its words and until when it is left alone; for ever when its credential was refused.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(source, trouble): (&String, &Trouble)| match trouble.refused {
            true => format!("{source}: {}", trouble.words),
            false => format!("{source}: {}; not before {}", trouble.words, trouble.until.format("%Y-%m-%d %H:%M UTC")),
        };
        self.0.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_once_and_a_refusal_waits_for_a_change() {
        let at = |hour: u32| format!("2026-11-20T{hour:02}:00:00Z").parse::<DateTime<Utc>>().expect("a time");
        let mut troubles = Troubles::default();
        assert!(troubles.lets("mailbox", "a", at(0)));
        assert!(troubles.add("mailbox", "a", Why::later("dead"), at(0)), "the first is news");
        assert!(!troubles.lets("mailbox", "a", at(0)) && troubles.lets("mailbox", "a", at(1)));
        assert!(troubles.lets("mailbox", "b", at(0)), "its settings changed");
        assert!(!troubles.add("mailbox", "a", Why::later("dead"), at(1)), "the second is none");
        assert!(!troubles.lets("mailbox", "a", at(2)) && troubles.lets("mailbox", "a", at(3)));
        assert!(troubles.add("mailbox", "a", Why { refused: true, ..Why::later("no") }, at(3)));
        assert!(!troubles.lets("mailbox", "a", at(3) + TimeDelta::days(400)), "time alone brought it back");
        assert!(troubles.lets("mailbox", "b", at(3)));
        troubles.keep_only(&HashSet::from(["mailbox".to_owned()]));
        assert_eq!(troubles.lines(), ["mailbox: no"]);
        let mut without = troubles.clone();
        without.keep_only(&HashSet::new());
        assert!(without.lines().is_empty() && without.lets("mailbox", "a", at(3)), "its settings were taken out");
        troubles.over("mailbox");
        assert!(troubles.lets("mailbox", "a", at(3)) && troubles.lines().is_empty());
    }
}
