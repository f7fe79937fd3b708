//! The choice: the eligible task that wins or keeps the most, else what to ask the human, else rest.

use crate::disguise::shown;
use crate::goal::GoalUnit;
use crate::need::Need;
use crate::review::{Case, Offer, Refusal, Review};
use crate::task::{Source, TaskId, sha256_hex};
use crate::value::{Scored, parts};

/// What the wake will do.
#[derive(Debug, Clone)]
pub enum Decision<'a> {
    /// This.
    Act(Action<'a>),
    /// Nothing; these would change that.
    Ask(Vec<Ask>),
    /// Nothing, and nothing to ask.
    Rest,
}

/// The task that was chosen. Made by [`choose`] only, from what `review` let through.
#[derive(Debug, Clone)]
pub struct Action<'a> {
    chosen: Scored<'a>,
}

impl<'a> Action<'a> {
    /// The chosen task and its value.
    pub fn chosen(&self) -> &Scored<'a> {
        &self.chosen
    }
}

/// Chooses. Ties go to the human's lines before proposals, then to the line that stands first.
pub fn choose(scored: Vec<Scored<'_>>, asks: Vec<Ask>) -> Decision<'_> {
    let order = |scored: &Scored<'_>| match scored.eligible.task().source {
        Source::Progress { line } => (0, line),
        Source::Skill(skill) => (1, skill as usize),
    };
    let best = scored.into_iter().filter(|one| one.value > 0.0).min_by(|a, b| {
        b.value.total_cmp(&a.value).then_with(|| order(a).cmp(&order(b))).then_with(|| a.eligible.task().id.cmp(&b.eligible.task().id))
    });
    match best {
        Some(chosen) => Decision::Act(Action { chosen }),
        None if asks.is_empty() => Decision::Rest,
        None => Decision::Ask(asks),
    }
}

/// What a human's answer to an ask means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskKind {
    /// Something must be provided; code looks again on every wake.
    Provide,
    /// A tick approves the content with this digest.
    Approve {
        /// The digest.
        digest: String,
    },
    /// An address says where the prepared post went.
    PostedByHand {
        /// The need it answers.
        need: Need,
    },
    /// Only a person can do it; a tick says it is done.
    DoYourself,
    /// The line wants a tag.
    Tag,
    /// It failed too often; a tick has it tried again.
    TryAgain,
}

/// Something only the human can give.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The words.
    pub text: String,
    /// What it would unlock.
    pub unlocks: Vec<TaskId>,
    /// People that would be reached by the furthest-reaching of those.
    pub reach: f64,
    /// What an answer means.
    pub kind: AskKind,
    /// The key that stands in the entry, so that an answer finds its ask again.
    pub key: String,
}

/// What to ask of the human, from all refusals; those that would reach the most people come first.
pub fn asks<'a>(refused: impl IntoIterator<Item = (&'a Case, &'a Refusal)>, by: Review<'_>, unit: GoalUnit) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for (case, refusal) in refused {
        // From 0, for an empty sum of floats is -0.
        let reach = parts(&case.task, &case.reading, by.facts, unit, by.priors).iter().fold(0.0, |sum, part| sum + part.share * part.reach);
        for (text, kind) in wanted(case, refusal) {
            match asks.iter_mut().find(|ask| ask.text == text) {
                Some(ask) => {
                    ask.unlocks.push(case.task.id.clone());
                    ask.reach = ask.reach.max(reach);
                }
                None => {
                    let key = match &kind {
                        AskKind::Approve { digest } => digest.chars().take(8).collect(),
                        _ => key_of(&text),
                    };
                    asks.push(Ask { text, unlocks: vec![case.task.id.clone()], reach, kind, key });
                }
            }
        }
    }
    asks.sort_by(|a, b| b.reach.total_cmp(&a.reach));
    asks
}

fn wanted(case: &Case, refusal: &Refusal) -> Vec<(String, AskKind)> {
    let text = &case.task.text;
    match refusal {
        Refusal::Blocked { needs } => needs
            .iter()
            .filter_map(|missing| match &missing.need {
                // Another item's turn, or a no that was given: nothing to ask for.
                Need::After(_) | Need::Human => None,
                Need::Approval(digest) => Some((format!("approve “{text}”"), AskKind::Approve { digest: digest.clone() })),
                need @ Need::PostedByHand { .. } => Some((missing.unblock.clone(), AskKind::PostedByHand { need: need.clone() })),
                Need::Again => Some((missing.unblock.clone(), AskKind::TryAgain)),
                Need::Mend | Need::Subject => Some((format!("“{text}”: {}; {}", missing.why, missing.unblock), AskKind::Tag)),
                _ => Some((missing.unblock.clone(), AskKind::Provide)),
            })
            .collect(),
        Refusal::NoSkill { why } => {
            let kind = match &case.offer {
                Offer::HumanOnly { by_hand: Some(need), .. } => AskKind::PostedByHand { need: need.clone() },
                _ => AskKind::DoYourself,
            };
            vec![(format!("{text} ({why})"), kind)]
        }
        Refusal::Disguised { what } => {
            vec![(format!("“{}” may not say what you see: {what}; write that word anew", shown(text)), AskKind::Tag)]
        }
        Refusal::Unclear { .. } => vec![(format!("who notices “{text}”? {}", refusal.unblock().unwrap_or_default()), AskKind::Tag)],
        _ => vec![],
    }
}

fn key_of(text: &str) -> String {
    sha256_hex(text.as_bytes(), 4)
}
