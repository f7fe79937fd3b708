//! Subject lines as an experiment: what the author wrote, and what became of the mails.
//!
//! Must stay true: a mail counts once the server has taken it, with the subject that is frozen in it; a click counts once a reader,
//! after their mail and within its days.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{EffectState, Experiment, Memory, MemoryError, SignKind};
use reveille_mission::experiment::{Arm, CLICK_DAYS};
use reveille_mission::{Diagnostic, Issue};

use crate::channels::email::Mail;
use crate::delivery::letter::PART;
use crate::disk::{DiskError, Root};
use crate::front_matter::parse;
use crate::shelf::{FileDiagnostic, Listed, wrong_subjects};

/// Why the subject lines of an issue can't be known.
#[derive(Debug, thiserror::Error)]
pub enum NoSubjects {
    /// The home can't be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file, or what it says of them, is wrong.
    #[error("{}: {}", .0.path, .0.diagnostic.message)]
    File(Box<FileDiagnostic>),
}

impl NoSubjects {
    /// What a human can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            NoSubjects::Disk(error) => error.hint(),
            NoSubjects::File(found) => found.diagnostic.hint.clone(),
        }
    }
}

/// The subject lines that the author wrote for an issue's letter: two to four, or none.
///
/// # Errors
/// The file can't be read, or they are no experiment.
pub fn subjects(home: &Path, issue: &Issue) -> Result<Vec<String>, NoSubjects> {
    let wrong = |diagnostic: Diagnostic| NoSubjects::File(Box::new(FileDiagnostic::new(&issue.path, diagnostic)));
    let front = Listed::at(&issue.path).head(&Root::open(home)?).and_then(|head| parse(&head)).map_err(wrong)?;
    match wrong_subjects(&front) {
        Some(diagnostic) => Err(wrong(diagnostic)),
        None => Ok(front.subjects.map(|subjects| subjects.value).unwrap_or_default()),
    }
}

/// What became of a letter's subjects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterArms {
    /// Mails that were taken and readers who clicked, by subject.
    pub arms: Vec<Arm>,
    /// When the last click counts; nothing while mails are on their way.
    pub ends_at: Option<DateTime<Utc>>,
}

/// Counts them, from the ledger and the signs of life.
///
/// # Errors
/// The rows can't be read.
pub fn letter_arms(memory: &Memory, experiment: &Experiment, now: DateTime<Utc>) -> Result<LetterArms, MemoryError> {
    let about = experiment.about.as_str();
    let mails = memory.mails(about, PART, EffectState::Confirmed, now, u32::MAX)?;
    let mut arms = vec![Arm::default(); experiment.variants.len()];
    let mut sent: HashMap<&str, (usize, DateTime<Utc>)> = HashMap::with_capacity(mails.len());
    for mail in &mails {
        let subject = Mail::of(&mail.text).and_then(|mail| mail.subject);
        let Some(variant) = subject.and_then(|subject| experiment.variants.iter().position(|one| *one == subject)) else { continue };
        arms[variant].shown += 1;
        sent.insert(&mail.recipient, (variant, mail.sending_at.unwrap_or(mail.intended_at)));
    }
    let days = TimeDelta::days(CLICK_DAYS);
    let first = sent.values().map(|(_, at)| *at).min();
    for sign in memory.signs_since(first.unwrap_or(now))? {
        let counts = sign.kind == SignKind::Click && sign.about == about;
        let in_time = |at: DateTime<Utc>| at <= sign.at && sign.at - at <= days;
        // Taken out: a reader's second click is none.
        if counts && sent.get(sign.subscriber.as_str()).is_some_and(|(_, at)| in_time(*at)) {
            arms[sent[sign.subscriber.as_str()].0].outcomes += 1;
            sent.remove(sign.subscriber.as_str());
        }
    }
    let waits = memory.tallies()?.iter().any(|tally| tally.issue == about && tally.part == PART && tally.intended + tally.sending > 0);
    let last = mails.iter().filter_map(|mail| mail.sending_at).max();
    Ok(LetterArms { arms, ends_at: last.filter(|_| !waits).map(|last| last + days) })
}
