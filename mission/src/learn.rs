//! Corrections: what the human's tags, answers and dropped items say against the model's reading of a line's bare words.
//!
//! Must stay true: only lines of PROGRESS.md that the model has read are learned from, never a skill's proposal; a tag on the
//! line outranks an answer about it, and an answer outranks a dropped box; what is known already is not learned again.

use std::collections::{BTreeMap, HashSet};

use strum::{Display, EnumString, IntoStaticStr};

use crate::choose::{Ask, AskKind};
use crate::progress::{Answer, Item, ItemState, Said};
use crate::reading::{GreyZone, ModelReading, by_model};
use crate::review::Case;
use crate::task::{TaskId, folded};
use crate::words::{Skill, Who};

/// Why a label is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Why {
    /// A `for:` or `skill:` tag on the line.
    Tag,
    /// `yes` behind the entry that asked for an approval.
    Yes,
    /// `no` behind its entry.
    No,
    /// `[-]` right after it was picked or asked for.
    Dropped,
}

/// A line of this home and what its human says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The line's words, without tags.
    pub text: String,
    /// Who notices, if the human's word tells.
    pub who: Option<Who>,
    /// The skill (`Some(None)`: no skill), if the human's word tells.
    pub skill: Option<Option<Skill>>,
    /// Why it is known.
    pub why: Why,
}

impl Label {
    /// What it says of its line, for the human to read.
    pub fn says(&self) -> String {
        let skill = self.skill.map(|skill| skill.map_or_else(|| "no skill".to_owned(), |skill| format!("skill {skill}")));
        match (self.who, skill) {
            (Some(who), Some(skill)) => format!("is for {who}, {skill}"),
            (Some(who), None) => format!("is for {who}"),
            (None, skill) => format!("takes {}", skill.as_deref().unwrap_or("nothing")),
        }
    }

    fn nobody(text: &str, why: Why) -> Self {
        Self { text: text.to_owned(), who: Some(Who::Nobody), skill: None, why }
    }
}

/// What the model said of a line's bare words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opinion {
    /// Who notices; `None` in the grey zone.
    pub who: Option<Who>,
    /// The likeliest skill; `None` is "no skill".
    pub skill: Option<Skill>,
}

impl Opinion {
    /// What probabilities come to.
    pub fn of(model: &ModelReading, grey: GreyZone) -> Self {
        Self { who: by_model(model, grey).0, skill: model.likeliest_skill() }
    }
}

/// What corrections are found in.
pub struct Desk<'a> {
    /// Every item outside the agent's block under its id, in the order of the file.
    pub items: &'a [(TaskId, &'a Item)],
    /// The open tasks with their readings.
    pub cases: &'a [Case],
    /// What is asked of the human.
    pub asks: &'a [Ask],
    /// What the human answered.
    pub answers: &'a [Answer],
    /// What the model says, or said, of these words; `None` if it never read them.
    pub opinion: &'a dyn Fn(&str) -> Option<Opinion>,
    /// What the last wake picked, and what its entries in the agent's block are about.
    pub shown: &'a HashSet<TaskId>,
    /// What is known of these words already.
    pub known: &'a dyn Fn(&str) -> Option<Label>,
}

/// The labels that are new, or that change what is known; one for each wording, in the order of their folded words.
pub fn corrections(desk: &Desk<'_>) -> Vec<Label> {
    let mut found: BTreeMap<String, Label> = BTreeMap::new();
    // The word that counts most comes last.
    for label in dropped(desk).chain(answered(desk)).chain(tagged(desk)) {
        found.insert(folded(&label.text), label);
    }
    found.into_values().collect()
}

/// Items that were dropped right after they were picked or asked for.
fn dropped<'a>(desk: &'a Desk<'_>) -> impl Iterator<Item = Label> + 'a {
    let gone = desk.items.iter().filter(|(id, item)| item.state == ItemState::Dropped && desk.shown.contains(id));
    gone.filter_map(|(_, item)| nobody(desk, item, Why::Dropped))
}

/// Answers behind entries whose asks still stand.
fn answered<'a>(desk: &'a Desk<'_>) -> impl Iterator<Item = Label> + 'a {
    let asked = |answer: &'a Answer| desk.asks.iter().find(|ask| ask.key == answer.key).map(|ask| (answer, ask));
    desk.answers
        .iter()
        .filter_map(asked)
        .flat_map(move |(answer, ask)| ask.unlocks.iter().filter_map(move |id| answer_about(desk, answer, ask, id)))
}

fn answer_about(desk: &Desk<'_>, answer: &Answer, ask: &Ask, id: &TaskId) -> Option<Label> {
    // A proposal has no item: it is not the human's line.
    let (_, item) = desk.items.iter().find(|(known, _)| known == id)?;
    match &ask.kind {
        // A no to a credential, or to another go, says nothing of the lines that wait for it.
        AskKind::Provide | AskKind::TryAgain => None,
        _ if answer.said == Said::No => nobody(desk, item, Why::No),
        AskKind::Approve { .. } if answer.agrees() => confirmed(desk, item, id),
        _ => None,
    }
}

/// The label that nobody notices it enough. Who a tag names stays: that is the human's word too, and plainer.
fn nobody(desk: &Desk<'_>, item: &Item, why: Why) -> Option<Label> {
    let learnable = item.tagged.tags.who.is_none() && item.tagged.problems.is_empty() && (desk.opinion)(item.text()).is_some();
    let known = || (desk.known)(item.text()).is_some_and(|known| known.who == Some(Who::Nobody));
    (learnable && !known()).then(|| Label::nobody(item.text(), why))
}

/// The label that what was read is right.
fn confirmed(desk: &Desk<'_>, item: &Item, id: &TaskId) -> Option<Label> {
    let reading = &desk.cases.iter().find(|case| case.task.id == *id)?.reading;
    (desk.opinion)(item.text())?;
    let label = Label { text: item.text().to_owned(), who: Some(reading.who?), skill: Some(reading.skill), why: Why::Yes };
    let known = (desk.known)(item.text()).is_some_and(|known| (known.who, known.skill) == (label.who, label.skill));
    (!known).then_some(label)
}

/// Tags that say otherwise than the model, or than what is known. Of equal lines the last in the file counts.
fn tagged<'a>(desk: &'a Desk<'_>) -> impl Iterator<Item = Label> + 'a {
    let says = |item: &Item| item.tagged.tags.who.is_some() || item.tagged.tags.skill.is_some();
    let open = desk.items.iter().filter(move |(_, item)| item.state == ItemState::Open && item.tagged.problems.is_empty() && says(item));
    let last: BTreeMap<String, &Item> = open.map(|(_, item)| (folded(item.text()), *item)).collect();
    last.into_values().filter_map(|item| by_tag(desk, item))
}

fn by_tag(desk: &Desk<'_>, item: &Item) -> Option<Label> {
    let text = item.text();
    let (who, skill) = (item.tagged.tags.who, item.tagged.tags.skill);
    let known = (desk.known)(text);
    let against = |other: Option<Who>, doing: Option<Option<Skill>>| {
        who.is_some_and(|who| other.is_some_and(|other| other != who))
            || skill.is_some_and(|skill| doing.is_some_and(|doing| doing != Some(skill)))
    };
    let covered = known
        .as_ref()
        .is_some_and(|known| who.is_none_or(|who| known.who == Some(who)) && skill.is_none_or(|skill| known.skill == Some(Some(skill))));
    let changes = known.as_ref().is_some_and(|known| against(known.who, known.skill));
    let corrects = || {
        (desk.opinion)(text)
            .is_some_and(|model| who.is_some_and(|who| model.who != Some(who)) || skill.is_some_and(|skill| model.skill != Some(skill)))
    };
    if text.is_empty() || covered || !(changes || corrects()) {
        return None;
    }
    // What the tags leave open stays as it was known; another who makes the skill of before doubtful.
    let who = who.or(known.as_ref().and_then(|known| known.who));
    let kept = known.filter(|known| known.who == who).and_then(|known| known.skill);
    Some(Label { text: text.to_owned(), who, skill: skill.map(Some).or(kept), why: Why::Tag })
}

#[cfg(test)]
mod tests;
