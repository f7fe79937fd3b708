//! Why a task is not done now, in words, with what a human needs to undo it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::few::too_few;
use crate::experiment::Size;
use crate::need::Need;
use crate::words::Who;

/// The people a task is for, as they were counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audience {
    /// How many there are today.
    pub count: u64,
    /// The fact that says so.
    pub source: String,
    /// When it was measured.
    pub measured_at: Option<DateTime<Utc>>,
}

/// A need that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The need.
    pub need: Need,
    /// What is missing.
    pub why: String,
    /// How to mend it.
    pub unblock: String,
}

/// Why a task is not to be done now, with what a human needs to undo it.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Something is missing.
    Blocked {
        /// All of it.
        needs: Vec<Missing>,
    },
    /// It is for nobody, or for people of whom there are none today.
    NoAudience {
        /// Whom it is for.
        who: Who,
        /// The count and where it comes from.
        audience: Audience,
    },
    /// It sends a letter that no reader gets today.
    NobodyGetsIt {
        /// Nobody, and its source says why.
        audience: Audience,
    },
    /// It asks for an experiment, and there are too few people to see a difference.
    TooFew {
        /// Whom it would be tried on.
        who: Who,
        /// How many it takes.
        size: Size,
        /// The count and where it comes from.
        audience: Audience,
    },
    /// It has an audience, but only a human can do it.
    NoSkill {
        /// Why.
        why: String,
    },
    /// The line hides what it says.
    Disguised {
        /// Which character, and where.
        what: String,
    },
    /// Nobody can tell whom it is for.
    Unclear {
        /// The likeliest one, if the model gave any.
        likeliest: Option<Who>,
        /// How likely.
        confidence: f64,
        /// It is in a language that the model was not trained on.
        foreign: bool,
    },
    /// It was done.
    Done {
        /// The proof.
        evidence: String,
    },
    /// Not now.
    CoolingDown {
        /// From then on.
        until: DateTime<Utc>,
        /// Why not now.
        why: String,
    },
    /// A cap is reached.
    OverBudget {
        /// Which one.
        cap: String,
    },
}

impl Refusal {
    /// The kind, as it stands in the JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Refusal::Blocked { .. } => "blocked",
            Refusal::NoAudience { .. } | Refusal::NobodyGetsIt { .. } | Refusal::TooFew { .. } => "no_audience",
            Refusal::NoSkill { .. } => "no_skill",
            Refusal::Unclear { .. } | Refusal::Disguised { .. } => "unclear",
            Refusal::Done { .. } => "done",
            Refusal::CoolingDown { .. } => "cooling_down",
            Refusal::OverBudget { .. } => "over_budget",
        }
    }

    /// Why, in one line.
    pub fn why(&self) -> String {
        match self {
            Refusal::Blocked { needs } => needs.iter().map(|need| need.why.as_str()).collect::<Vec<_>>().join("; "),
            Refusal::NoAudience { who: Who::Nobody, .. } => "no reader notices it".to_owned(),
            Refusal::NoAudience { who, audience } => {
                let silent = |days| format!("readers silent for {days} days");
                let source = audience.source.as_str();
                let whom = match (source.strip_prefix("subscribers.lapsed_"), source.strip_prefix("subscribers.unwritten_")) {
                    (Some(days), _) => silent(days),
                    (_, Some(days)) => format!("{} who have had no such letter in this silence", silent(days)),
                    _ => who.to_string(),
                };
                format!("it is for {whom}, and today there are {} ({source})", audience.count)
            }
            Refusal::NobodyGetsIt { audience } => format!("nobody would get it today ({})", audience.source),
            Refusal::TooFew { size, audience, .. } => too_few(size, audience),
            Refusal::NoSkill { why } => why.clone(),
            Refusal::Disguised { what } => format!("the line may not say what you see: {what}"),
            Refusal::Unclear { likeliest: Some(who), confidence, .. } => {
                format!("not clear who notices it (likeliest {who}, {:.0} %)", confidence * 100.0)
            }
            Refusal::Unclear { likeliest: None, foreign: true, .. } => {
                "not clear who notices it: it is not in English, and the reader knows no other language".to_owned()
            }
            Refusal::Unclear { likeliest: None, .. } => "not clear who notices it: no tag, no plain words, no model".to_owned(),
            Refusal::Done { evidence } => format!("it is done: {evidence}"),
            Refusal::CoolingDown { until, why } => format!("{why}; not before {}", until.format("%Y-%m-%d %H:%M UTC")),
            Refusal::OverBudget { cap } => format!("the cap is reached: {cap}"),
        }
    }

    /// What would undo it, where a human can.
    pub fn unblock(&self) -> Option<String> {
        match self {
            Refusal::Blocked { needs } => Some(needs.iter().map(|need| need.unblock.as_str()).collect::<Vec<_>>().join("; ")),
            Refusal::NoSkill { .. } => Some("do it yourself and tick it".to_owned()),
            Refusal::Disguised { .. } => Some("write that word anew".to_owned()),
            Refusal::Unclear { .. } => {
                Some("add `for:strangers`, `for:subscribers`, `for:customers` or `for:nobody` to the line".to_owned())
            }
            Refusal::NoAudience { .. }
            | Refusal::NobodyGetsIt { .. }
            | Refusal::TooFew { .. }
            | Refusal::Done { .. }
            | Refusal::CoolingDown { .. }
            | Refusal::OverBudget { .. } => None,
        }
    }
}
