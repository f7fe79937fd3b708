//! `retain`: writing to readers who have fallen silent. Who is silent, who of them is written to now, and the author's letter to them.
//!
//! Must stay true: who is silent is decided by `mission` from what memory holds; a silent reader gets one message a stage of a silence;
//! a letter is the author's and goes out as it stands when they released it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use reveille_memory::{RETAIN_ISSUE, Tally};
use reveille_mission::{Channel, LAPSED_DAYS, Lapse, Skill, Source, Tags, Task, TaskId, Trace, Who};

use crate::readers::Recipient;
use crate::shelf::WinBack;

/// Who listens since when, and when letters end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// Since when signs of life can be seen.
    pub since: DateTime<Utc>,
    /// How long after the last stage's message the letters end; never without it.
    pub sunset_after: Option<TimeDelta>,
}

/// The readers, told apart by their silence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Silence {
    /// Everybody who is silent, by their ids.
    pub lapsed: HashMap<String, Lapse>,
    /// Those whose letters are to end now.
    pub ending: Vec<String>,
}

impl Silence {
    /// Tells the people on the list apart. `traces` is what memory knows, `confirmed_on` what the list says.
    #[must_use]
    pub fn of(
        people: &[Recipient],
        traces: &HashMap<String, Trace>,
        confirmed_on: &HashMap<String, NaiveDate>,
        listening: Listening,
        now: DateTime<Utc>,
    ) -> Self {
        let mut silence = Self::default();
        for person in people {
            let mut trace = traces.get(&person.id).cloned().unwrap_or_default();
            trace.confirmed_on = confirmed_on.get(&person.id).copied();
            let Some(lapse) = trace.lapse(listening.since, now) else { continue };
            if listening.sunset_after.is_some_and(|after| lapse.ends_letters(after, now)) {
                silence.ending.push(person.id.clone());
            }
            silence.lapsed.insert(person.id.clone(), lapse);
        }
        silence
    }

    /// How many are in a stage, and how many of those had no message of it in this silence.
    #[must_use]
    pub fn count(&self, stage: u16) -> (u64, u64) {
        let of_stage = || self.lapsed.values().filter(|lapse| lapse.stage == stage);
        (of_stage().count() as u64, of_stage().filter(|lapse| lapse.is_due()).count() as u64)
    }

    /// All stages, each with both counts.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<u16, (u64, u64)> {
        LAPSED_DAYS.into_iter().map(|stage| (stage, self.count(stage))).collect()
    }

    /// Who is written to: in this stage, and without a message of it. One that waits in the ledger is none yet.
    #[must_use]
    pub fn recipients(&self, people: &[Recipient], stage: u16) -> Vec<Recipient> {
        let wanted = |person: &&Recipient| self.lapsed.get(&person.id).is_some_and(|lapse| lapse.stage == stage && lapse.is_due());
        people.iter().filter(wanted).cloned().collect()
    }
}

/// The letter that its author released for a stage, by a day.
#[must_use]
pub fn released(letters: &[WinBack], stage: u16, today: NaiveDate) -> Option<&WinBack> {
    let goes = |letter: &&WinBack| letter.ready && letter.rival.is_none() && letter.date.is_none_or(|date| date <= today);
    letters.iter().filter(|letter| letter.stage == stage).find(goes)
}

/// Writing to the readers of a stage, proposed because the author released a letter to them.
#[must_use]
pub fn propose(letter: &WinBack) -> Task {
    let text = format!("Write to readers silent for {} days: “{}”", letter.stage, letter.title);
    let tags = Tags { who: Some(Who::Subscribers), skill: Some(Skill::Retain), channel: Some(Channel::Email), ..Tags::default() };
    // The id goes by what is meant, so that a reworded title is the same proposal.
    let id = TaskId::of_words(&format!("retain {}", letter.stage), 0);
    Task { id, text, tags, source: Source::Skill(Skill::Retain), problems: vec![], content: String::new() }
}

/// A new round of messages to a stage, as an issue of the ledger.
#[must_use]
pub fn round_id(stage: u16, now: DateTime<Utc>) -> String {
    format!("{RETAIN_ISSUE}{stage}:{}", now.format("%Y-%m-%dT%H:%M:%SZ"))
}

/// When a round began.
#[must_use]
pub fn begun_at(issue: &str) -> Option<DateTime<Utc>> {
    issue.strip_prefix(RETAIN_ISSUE)?.split_once(':')?.1.parse().ok()
}

/// The round of a stage that is not at its end: the last one with a mail that waits.
#[must_use]
pub fn under_way<'t>(rounds: impl Iterator<Item = &'t Tally>, stage: u16) -> Option<&'t Tally> {
    let open = rounds.filter(|round| reveille_memory::stage_of(&round.issue) == Some(stage) && round.intended + round.sending > 0);
    open.max_by(|one, other| one.issue.cmp(&other.issue))
}

/// What a message to silent readers is called: its id in the ledger names no issue.
#[must_use]
pub fn name_of(issue: &str) -> Option<String> {
    reveille_memory::stage_of(issue).map(|stage| format!("the letter to readers silent for {stage} days"))
}

#[cfg(test)]
mod tests;
