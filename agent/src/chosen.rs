//! What holds for readers' letters, as `readers list` and `status` show it: what they chose, and for whom letters have ended.
//!
//! Must stay true: it is shown as memory keeps it; a pause that is over is none.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use reveille_memory::{Frequency, Memory, Preferences};
use reveille_mission::shown;
use serde::Serialize;

use crate::failure::{OrFail, Outcome};
use crate::home::Home;
use crate::list;
use crate::settings::Settings;

/// Everybody for whom something else holds than each issue at once.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    preferences: HashMap<String, Preferences>,
    ended: HashMap<String, DateTime<Utc>>,
}

/// What holds for a reader's letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Letters {
    /// Since when they have ended, because the reader stayed silent.
    ended_since: Option<DateTime<Utc>>,
    /// None until then.
    paused_until: Option<DateTime<Utc>>,
    /// One a week instead of each issue.
    weekly: bool,
    /// Issues with one of these tags only; all when empty.
    topics: Vec<String>,
}

/// How many readers chose what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    /// Who wants none for a while.
    pub(crate) paused: u64,
    /// Who wants one letter a week, the paused among them.
    pub(crate) weekly: u64,
    /// Who wants some topics only, the paused among them.
    pub(crate) some_topics: u64,
}

impl Chosen {
    /// Reads it; a home without memory has nothing of it.
    pub(crate) fn read(settings: &Settings, memory: Option<&Memory>) -> Outcome<Self> {
        let Some(memory) = memory else { return Ok(Self::default()) };
        let ended = if settings.retain.sunset().is_some() { memory.sunsets().or_fail()? } else { HashMap::new() };
        Ok(Self { preferences: memory.all_preferences().or_fail()?, ended })
    }

    /// What holds for a reader.
    pub(crate) fn of(&self, id: &str, now: DateTime<Utc>) -> Letters {
        let Preferences { frequency, paused_until, topics } = self.preferences.get(id).cloned().unwrap_or_default();
        Letters {
            ended_since: self.ended.get(id).copied(),
            paused_until: paused_until.filter(|until| now < *until),
            weekly: frequency == Frequency::Weekly,
            topics,
        }
    }
}

impl Letters {
    /// On which day they ended, behind words that say so.
    pub(crate) fn ended(&self) -> String {
        self.ended_since.map(|at| at.format(" on %Y-%m-%d").to_string()).unwrap_or_default()
    }

    /// What the reader chose, in words; empty for who gets each issue.
    pub(crate) fn shown(&self) -> String {
        let paused = self.paused_until.map(|until| format!("paused until {}", until.format("%Y-%m-%d")));
        let weekly = self.weekly.then(|| "one letter a week".to_owned());
        let topics = (!self.topics.is_empty()).then(|| format!("only {}", shown(&self.topics.join(", "))));
        [paused, weekly, topics].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// How many of the readers who count chose what; nothing where the list can't be read.
pub(crate) fn totals(home: &Home, settings: &Settings, memory: Option<&Memory>, now: DateTime<Utc>) -> Outcome<Totals> {
    let chosen = Chosen::read(settings, memory)?;
    let mut totals = Totals::default();
    if chosen.preferences.is_empty() {
        return Ok(totals);
    }
    let Ok(readers) = list::readers(home, settings, memory) else { return Ok(totals) };
    let people = readers.recipients(&list::not_mailed(settings, memory)?);
    let people: HashSet<&str> = people.iter().map(|one| one.id.as_str()).collect();
    for id in chosen.preferences.keys().filter(|id| people.contains(id.as_str())) {
        let letters = chosen.of(id, now);
        totals.paused += u64::from(letters.paused_until.is_some());
        totals.weekly += u64::from(letters.weekly);
        totals.some_topics += u64::from(!letters.topics.is_empty());
    }
    Ok(totals)
}

impl Totals {
    /// In words; nothing where everybody gets each issue.
    pub(crate) fn shown(self) -> Option<String> {
        let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let parts = [some(self.paused, "paused"), some(self.weekly, "weekly"), some(self.some_topics, "with some topics only")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("of them {}", parts.join(", ")))
    }
}
