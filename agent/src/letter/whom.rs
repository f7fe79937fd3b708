//! Who gets the letter of an issue, and why the other readers do not.
//!
//! Must stay true: what a decision counts and what is mailed is one answer, this one; a doubt of memory is nobody more to mail.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use reveille_memory::{EffectState, Memory, Preferences};
use reveille_mission::{Case, Channel, Fact, FactKey, FactValue, Facts, Issue, Offer, Past, Shelf, Subject};
use reveille_skills::readers::{Reaches, Recipient};

use crate::failure::{OrFail, Outcome};
use crate::ledger::told_key;
use crate::list;
use crate::numbers::many;
use crate::observe::Scene;
use crate::week;

/// Everybody who reads, with what they chose.
pub(crate) struct Readership {
    recipients: Vec<Recipient>,
    chosen: HashMap<String, Preferences>,
}

/// Who gets the letter of an issue.
pub(crate) struct Whom {
    /// Its list, whole: who gets it, and who has got it already.
    pub(crate) recipients: Vec<Recipient>,
    /// How many get it now; of a letter that has begun, how many mails are not settled.
    pub(crate) left: u64,
    /// Whether it has begun: somebody got it, or may have.
    pub(crate) begun: bool,
    /// Everybody who reads.
    readers: u64,
    /// The readers who do not get it now: how many, and why.
    left_out: Vec<(u64, &'static str)>,
}

impl Readership {
    /// The readers of this home; one without memory has nobody who chose anything.
    pub(crate) fn of(scene: &Scene<'_>, memory: Option<&Memory>) -> Outcome<Self> {
        let not_mailed = list::not_mailed(scene.settings, memory)?;
        let recipients = list::readers(scene.home, scene.settings, memory)?.recipients(&not_mailed);
        let chosen = memory.map_or(Ok(HashMap::new()), Memory::all_preferences).or_fail()?;
        Ok(Self { recipients, chosen })
    }

    /// Who of them gets the letter of an issue.
    pub(crate) fn of_issue(&self, scene: &Scene<'_>, memory: Option<&Memory>, issue: &Issue) -> Outcome<Whom> {
        let way: Box<dyn Fn(&str) -> Reaches + '_> = match memory {
            Some(memory) => Box::new(week::ways(scene, memory, &self.chosen, issue)?),
            None => Box::new(|_| Reaches::AtOnce),
        };
        let states = memory.map_or(Ok(HashMap::new()), |memory| memory.letter_states(&issue.id)).or_fail()?;
        let begun = states.values().any(|state| state.may_have_happened());
        let mut recipients = Vec::with_capacity(self.recipients.len());
        let [mut new, mut waiting, mut paused, mut weekly, mut topics, mut had, mut refused] = [0_u64; 7];
        for one in &self.recipients {
            let way = way(&one.id);
            *match (way, states.get(&one.id)) {
                (Reaches::Paused, _) => &mut paused,
                (Reaches::OtherTopics, _) => &mut topics,
                (Reaches::Weekly, _) => &mut weekly,
                (Reaches::AtOnce, None) => &mut new,
                (Reaches::AtOnce, Some(state)) if state.is_under_way() => &mut waiting,
                (Reaches::AtOnce, Some(EffectState::Refused)) => &mut refused,
                (Reaches::AtOnce, Some(_)) => &mut had,
            } += 1;
            if way == Reaches::AtOnce {
                recipients.push(one.clone());
            }
        }
        if begun {
            // Also a mail to who is no recipient any more is to be settled, else the letter never comes to its end.
            waiting = states.values().filter(|state| state.is_under_way()).count() as u64;
        }
        let left_out =
            vec![(paused, "paused"), (weekly, "weekly"), (topics, "other topics"), (had, "mailed already"), (refused, "given up before")];
        Ok(Whom { recipients, left: new + waiting, begun, readers: self.recipients.len() as u64, left_out })
    }
}

impl Whom {
    /// How many readers there are and why some do not get it, in words; nothing when all of them do.
    pub(crate) fn left_out(&self) -> Option<String> {
        let why: Vec<String> = self.left_out.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
        let readers = || many(self.readers, "confirmed reader");
        match self.readers {
            0 => Some(readers()),
            _ => (!why.is_empty()).then(|| format!("{}: {}", readers(), why.join(", "))),
        }
    }

    fn fact(&self, now: DateTime<Utc>) -> Fact {
        let source = self.left_out().unwrap_or_else(|| FactKey::SubscribersConfirmed.to_string());
        Fact { value: FactValue::Count(self.left), source, measured_at: Some(now) }
    }
}

/// Counts who gets the letters that these tasks could send now. Where nobody reads, the count of readers says so, but of a letter that
/// was counted: its last reader has left since.
pub(crate) fn count(scene: &Scene<'_>, memory: Option<&Memory>, shelf: &Shelf, cases: &[Case], facts: &mut Facts) -> Outcome {
    let mut issues: Vec<&Issue> = cases.iter().filter_map(|case| sent_by(case, shelf)).collect();
    issues.sort_by(|one, other| one.id.cmp(&other.id));
    issues.dedup_by(|one, other| one.id == other.id);
    if issues.is_empty() {
        return Ok(());
    }
    let readership = Readership::of(scene, memory)?;
    let nobody_reads = readership.recipients.is_empty();
    for issue in issues {
        if nobody_reads && facts.letter(&issue.id).is_none() {
            continue;
        }
        let whom = readership.of_issue(scene, memory, issue)?;
        facts.set_letter(&issue.id, whom.fact(scene.now));
    }
    Ok(())
}

/// The issue whose letter a task could send now.
fn sent_by<'s>(case: &Case, shelf: &'s Shelf) -> Option<&'s Issue> {
    let sends = told_key(case.reading.skill, case.reading.channel) == Some(Channel::Email);
    let may = matches!(case.offer, Offer::Can { .. }) && matches!(case.past, Past::Fresh | Past::OverBudget { .. });
    match &case.reading.subject {
        Subject::One(id) if sends && may => shelf.by_id(id),
        _ => None,
    }
}
