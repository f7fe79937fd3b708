//! The review: can it be done now, and who is it for? Only [`review`] makes an [`Eligible`]; no score, model or prompt can.
//!
//! The order of the questions: does it say what a person sees, is the line understood, was it done, is it for anybody, is everything
//! there that the line asks for, is it clear, is everything there that the skill needs, are there people today (of a letter: who gets
//! it), can the program do it, does it name its issue, do caps allow it. An experiment is for nobody until there are enough people to
//! see a difference.

mod few;
mod refusal;

use chrono::{DateTime, Utc};

use crate::experiment::Rates;
use crate::facts::{FactKey, Facts};
use crate::lapse::silent_days;
use crate::need::{Need, NeedState};
use crate::reading::{ReadBy, Reading};
use crate::subject::Subject;
use crate::task::Task;
use crate::value::{Priors, letter_of, reach};
use crate::words::{Skill, Who};
use few::enough_for_an_experiment;
pub use few::too_few;
pub use refusal::{Audience, Missing, Refusal};

/// What a skill says it can do with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// The program can do it once these needs are met.
    Can {
        /// What must be there.
        needs: Vec<Need>,
    },
    /// Only a person can, and why.
    HumanOnly {
        /// The reason.
        why: String,
        /// Where a text was prepared for a person to post: the need that the resulting address meets.
        by_hand: Option<Need>,
    },
}

/// What the ledger, the caps and the human's earlier answers say of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// Nothing.
    Fresh,
    /// It was done.
    Done {
        /// The proof.
        evidence: String,
    },
    /// The human said no.
    TurnedDown {
        /// When.
        at: DateTime<Utc>,
    },
    /// The channel refused it for good, or only the human can tell what became of it.
    Refused {
        /// The channel's words.
        why: String,
        /// What the human can do.
        unblock: String,
    },
    /// It may be tried again later.
    CoolingDown {
        /// From then on.
        until: DateTime<Utc>,
        /// Why not now.
        why: String,
    },
    /// It failed the same way too often: it is tried again when something changes or the human says so, not by time alone.
    Stopped {
        /// How it failed.
        why: String,
        /// What would mend it.
        unblock: String,
    },
    /// A cap is reached.
    OverBudget {
        /// Which one.
        cap: String,
    },
}

/// Everything that is known of one task when it is reviewed.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The task.
    pub task: Task,
    /// Its reading.
    pub reading: Reading,
    /// What the skills say.
    pub offer: Offer,
    /// What the past says.
    pub past: Past,
}

/// A task that passed the review. There is no other way to one than [`review`].
#[derive(Debug, Clone)]
pub struct Eligible<'a> {
    case: &'a Case,
    audience: Audience,
}

impl<'a> Eligible<'a> {
    /// The task.
    pub fn task(&self) -> &'a Task {
        &self.case.task
    }

    /// Its reading.
    pub fn reading(&self) -> &'a Reading {
        &self.case.reading
    }

    /// Whom it reaches.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }
}

/// The outcome of a review.
#[derive(Debug, Clone)]
pub enum Verdict<'a> {
    /// It may be scored.
    Eligible(Eligible<'a>),
    /// It may not.
    Refused(Refusal),
}

/// What every review of one wake shares.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a> {
    /// What was observed.
    pub facts: &'a Facts,
    /// The priors of reach.
    pub priors: &'a Priors,
    /// The difference that an experiment must be able to see.
    pub experiments: Rates,
}

/// Reviews one case.
pub fn review<'a>(case: &'a Case, by: Review<'_>) -> Verdict<'a> {
    match admit(case, by) {
        Ok(audience) => Verdict::Eligible(Eligible { case, audience }),
        Err(refusal) => Verdict::Refused(refusal),
    }
}

fn admit(case: &Case, by: Review<'_>) -> Result<Audience, Refusal> {
    seen(case)?;
    understood(case)?;
    past(case)?;
    enough_for_an_experiment(case, by)?;
    let who = case.reading.who;
    if who == Some(Who::Nobody) {
        let source = case.reading.read_by.to_string();
        return Err(Refusal::NoAudience { who: Who::Nobody, audience: Audience { count: 0, source, measured_at: None } });
    }
    met(&asked_by_the_line(&case.task), by.facts)?;
    let who = who.ok_or_else(|| unclear(case))?;
    nobody_silent(who, case, by)?;
    if let Offer::Can { needs } = &case.offer {
        let before: Vec<Need> = needs.iter().filter(|need| **need != Need::Subject).cloned().collect();
        met(&before, by.facts).map_err(|refusal| with_subject(refusal, needs, &case.reading.subject))?;
    }
    let audience = audience(who, case, by);
    if audience.count == 0 {
        return Err(match letter_of(&case.reading, by.facts) {
            Some((0, _)) => Refusal::NobodyGetsIt { audience },
            _ => Refusal::NoAudience { who, audience },
        });
    }
    match &case.offer {
        Offer::HumanOnly { why, .. } => return Err(Refusal::NoSkill { why: why.clone() }),
        Offer::Can { needs } if needs.contains(&Need::Subject) => names_one(&case.reading.subject)?,
        Offer::Can { .. } => {}
    }
    match &case.past {
        Past::OverBudget { cap } => Err(Refusal::OverBudget { cap: cap.clone() }),
        _ => Ok(audience),
    }
}

/// Winning back nobody needs nothing: that there is nobody is said before what is missing.
fn nobody_silent(who: Who, case: &Case, by: Review<'_>) -> Result<(), Refusal> {
    let counted = || by.facts.get(FactKey::SubscribersLapsed(silent_days(&case.task.text))).is_some();
    let retains = who == Who::Subscribers && case.reading.skill == Some(Skill::Retain);
    match (retains && counted()).then(|| audience(who, case, by)) {
        Some(audience) if audience.count == 0 => Err(Refusal::NoAudience { who, audience }),
        _ => Ok(()),
    }
}

fn seen(case: &Case) -> Result<(), Refusal> {
    case.reading.disguise.clone().map_or(Ok(()), |what| Err(Refusal::Disguised { what }))
}

fn understood(case: &Case) -> Result<(), Refusal> {
    let needs: Vec<Missing> = case
        .task
        .problems
        .iter()
        .map(|problem| Missing { need: Need::Mend, why: problem.clone(), unblock: "mend the tag on this line".to_owned() })
        .collect();
    if needs.is_empty() { Ok(()) } else { Err(Refusal::Blocked { needs }) }
}

fn past(case: &Case) -> Result<(), Refusal> {
    Err(match &case.past {
        Past::Fresh | Past::OverBudget { .. } => return Ok(()),
        Past::Done { evidence } => Refusal::Done { evidence: evidence.clone() },
        Past::CoolingDown { until, why } => Refusal::CoolingDown { until: *until, why: why.clone() },
        Past::Refused { why, unblock } => blocked(Need::Words, why.clone(), unblock.clone()),
        Past::Stopped { why, unblock } => blocked(Need::Again, why.clone(), unblock.clone()),
        Past::TurnedDown { at } => {
            let why = format!("you said no on {}", at.format("%Y-%m-%d"));
            blocked(Need::Human, why, format!("`reveille approve {}` takes it back", case.task.id))
        }
    })
}

fn blocked(need: Need, why: String, unblock: String) -> Refusal {
    Refusal::Blocked { needs: vec![Missing { need, why, unblock }] }
}

/// The needs that stand on the line itself; `needs:human` is met by an approval of exactly these words.
pub(crate) fn asked_by_the_line(task: &Task) -> Vec<Need> {
    let tags = &task.tags;
    let named = tags.needs.iter().map(|need| match need {
        Need::Human => Need::Approval(task.digest()),
        other => other.clone(),
    });
    named.chain(tags.after.iter().map(|start| Need::After(start.clone()))).collect()
}

fn met(needs: &[Need], facts: &Facts) -> Result<(), Refusal> {
    let missing: Vec<Missing> = needs
        .iter()
        .filter_map(|need| match facts.need(need) {
            NeedState::Met => None,
            NeedState::Unmet { why, unblock } => Some(Missing { need: need.clone(), why, unblock }),
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::Blocked { needs: missing }) }
}

fn unclear(case: &Case) -> Refusal {
    let shares = case.reading.shares;
    let likeliest = Who::ALL.into_iter().max_by(|a, b| shares[a.index()].total_cmp(&shares[b.index()]));
    let likeliest = likeliest.filter(|who| shares[who.index()] > 0.0);
    // The model was asked and had no word for it: it does not know the language.
    let foreign = likeliest.is_none() && case.reading.read_by == ReadBy::Model;
    Refusal::Unclear { likeliest, confidence: case.reading.confidence, foreign }
}

fn audience(who: Who, case: &Case, by: Review<'_>) -> Audience {
    let (people, keys, fact) = reach(who, &case.task, &case.reading, by.facts, by.priors);
    let named = keys.iter().filter_map(|key| shown_key(who, *key, by.facts)).collect::<Vec<_>>().join(", ");
    let source = match fact {
        Some(letter) if keys.is_empty() => letter.source.clone(),
        Some(_) => named,
        None if who == Who::Strangers => format!("{}, never measured", keys.first().map(ToString::to_string).unwrap_or_default()),
        None => format!("{named}, never counted"),
    };
    // A person is counted from half a person on: a channel measured dead rounds to nobody.
    Audience { count: people.round().max(0.0) as u64, source, measured_at: fact.and_then(|fact| fact.measured_at) }
}

/// A fact's name for the source of an audience. How many strangers there are is an estimate: the numbers that it is made of are said.
fn shown_key(who: Who, key: FactKey, facts: &Facts) -> Option<String> {
    match (who, facts.count(key)) {
        (Who::Strangers, count) => count.map(|count| format!("{key} {count}")),
        _ => Some(key.to_string()),
    }
}

fn names_one(subject: &Subject) -> Result<(), Refusal> {
    match unsettled(subject) {
        Some(missing) => Err(Refusal::Blocked { needs: vec![missing] }),
        None => Ok(()),
    }
}

fn unsettled(subject: &Subject) -> Option<Missing> {
    subject.unsettled().map(|(why, unblock)| Missing { need: Need::Subject, why, unblock })
}

/// A line that names the wrong issue, or too many, is told so at once, not only when all else is there.
fn with_subject(mut refusal: Refusal, asked: &[Need], subject: &Subject) -> Refusal {
    if let Refusal::Blocked { needs } = &mut refusal
        && asked.contains(&Need::Subject)
        && *subject != Subject::None
    {
        needs.extend(unsettled(subject));
    }
    refusal
}
