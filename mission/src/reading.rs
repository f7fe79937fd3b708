//! Reading a task: who it is for, which skill, which channel, which issue. Tags outrank words, words outrank the model.
//! The model's text is never asked for: it gives probabilities, and in the grey zone a task stays unclear.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use crate::disguise::disguise;
use crate::phrases;
use crate::shelf::Shelf;
use crate::subject::{Subject, find_subject, taken_for};
use crate::task::{Source, Task};
use crate::words::{Channel, Skill, Who};

/// What the model says of one line: calibrated probabilities, each list summing to 1, or [`ModelReading::NONE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelReading {
    /// Who it is for, in the order of [`Who::ALL`].
    pub who: [f32; 4],
    /// Which skill, in the order of [`Skill::ALL`], then "no skill".
    pub skill: [f32; 10],
}

impl ModelReading {
    /// The model has no word for the line: it is in a language that it was not trained on.
    pub const NONE: Self = Self { who: [0.0; 4], skill: [0.0; 10] };

    pub(crate) fn likeliest_skill(&self) -> Option<Skill> {
        // Of equal ones the last, "no skill", counts: NONE has none.
        let (index, _) = self.skill.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        Skill::ALL.get(index).copied()
    }
}

/// Between these two probabilities of "some reader notices" the model's word does not count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GreyZone {
    /// Below or at it: nobody notices.
    pub low: f32,
    /// Above or at it: somebody notices.
    pub high: f32,
}

impl Default for GreyZone {
    fn default() -> Self {
        Self { low: 0.45, high: 0.55 }
    }
}

/// What decided a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ReadBy {
    /// A tag on the line, or the skill that proposed the task.
    Tag,
    /// Words that name a channel, an issue or a draft.
    Words,
    /// The model.
    Model,
}

/// The reading of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// How likely each of [`Who::ALL`] is the one who notices first; all zero when nothing read the line.
    pub shares: [f64; 4],
    /// The one that counts, or `None` when it is unclear.
    pub who: Option<Who>,
    /// What decided `who`.
    pub read_by: ReadBy,
    /// How sure: 1 for tags and words, else the probability of `who` (of the likeliest when it is unclear).
    pub confidence: f64,
    /// The skill, if one is meant.
    pub skill: Option<Skill>,
    /// The channel, if one is meant.
    pub channel: Option<Channel>,
    /// The issue or draft that the line names.
    pub subject: Subject,
    /// It is named exactly, by tag, number or whole title: only that may release a draft.
    pub exact: bool,
    /// What other words were taken for: `issue 45 “Who Reads This” (2026-03-20)`.
    pub taken_for: Option<String>,
    /// What the line hides, in words: then nobody knows what it says.
    pub disguise: Option<String>,
}

/// Reads a task, as of `today`. `model` is what the model says of its words, if it was asked.
pub fn read(task: &Task, model: Option<&ModelReading>, grey: GreyZone, shelf: &Shelf, today: NaiveDate) -> Reading {
    let tags = &task.tags;
    let meant = phrases::meaning(&task.text);
    let found = find_subject(&task.text, tags.issue.as_deref(), shelf, today);
    let channel = tags.channel.or(meant.channel);
    let (who, read_by, confidence, shares) = match (tags.who, meant.doing, model) {
        (Some(who), _, _) => (Some(who), ReadBy::Tag, 1.0, only(who)),
        (None, Some(doing), _) => (Some(doing.who), ReadBy::Words, 1.0, only(doing.who)),
        (None, None, Some(model)) => by_model(model, grey),
        (None, None, None) => (None, ReadBy::Words, 0.0, [0.0; 4]),
    };
    let skill = tags.skill.or(meant.doing.map(|doing| doing.skill)).or_else(|| model.and_then(ModelReading::likeliest_skill));
    let channel = channel.or(default_channel(skill, who));
    let taken_for = taken_for(&found, shelf);
    Reading {
        shares,
        who,
        read_by,
        confidence,
        skill,
        channel,
        subject: found.subject,
        exact: found.exact,
        taken_for,
        disguise: disguise_of(task),
    }
}

/// What a human's line hides in its words or in its tags. A proposal means what its tags say; the title in it is only shown.
fn disguise_of(task: &Task) -> Option<String> {
    if matches!(task.source, Source::Skill(_)) {
        return None;
    }
    let tags = &task.tags;
    let needs = tags.needs.iter().map(ToString::to_string);
    let values = tags.issue.iter().chain(&tags.after).cloned().chain(needs);
    disguise(&task.text).or_else(|| { values }.find_map(|value| disguise(&value)))
}

fn only(who: Who) -> [f64; 4] {
    Who::ALL.map(|one| if one == who { 1.0 } else { 0.0 })
}

pub(crate) fn by_model(model: &ModelReading, grey: GreyZone) -> (Option<Who>, ReadBy, f64, [f64; 4]) {
    if *model == ModelReading::NONE {
        return (None, ReadBy::Model, 0.0, [0.0; 4]);
    }
    let shares = model.who.map(f64::from);
    let reader = 1.0 - model.who[Who::Nobody.index()];
    let likeliest = |among: &[Who]| among.iter().copied().max_by(|a, b| shares[a.index()].total_cmp(&shares[b.index()]));
    // A NaN compares false on both sides and stays unclear.
    let who = if reader <= grey.low {
        Some(Who::Nobody)
    } else if reader >= grey.high {
        likeliest(&Who::ALL[..3])
    } else {
        None
    };
    let sure = who.or_else(|| likeliest(&Who::ALL)).map_or(0.0, |who| shares[who.index()]);
    (who, ReadBy::Model, sure, shares)
}

/// Where a task lands when neither a tag nor a word names a channel.
fn default_channel(skill: Option<Skill>, who: Option<Who>) -> Option<Channel> {
    match (skill?, who?) {
        (Skill::Publish, Who::Strangers) => Some(Channel::Web),
        (Skill::Publish, Who::Subscribers | Who::Customers) | (Skill::Retain, Who::Subscribers) => Some(Channel::Email),
        _ => None,
    }
}
