//! The decision sheet: every candidate with its verdict and every part of its score, as values. How it looks is
//! `sheet/terminal.rs` and `sheet/markdown.rs`; as JSON it is `plan --json`.

pub(crate) mod markdown;
pub(crate) mod terminal;

use chrono::{DateTime, Utc};
use reveille_mission::{Ask, Audience, Case, Part, Refusal, Scored, Source, Who, shown};
use serde::{Deserialize, Serialize};

/// What the wake decided. The schema is `agent/plan.schema.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    pub(crate) schema: u32,
    pub(crate) now: DateTime<Utc>,
    pub(crate) outcome: Outcome,
    pub(crate) pick: Option<String>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) needs_you: Vec<Wanted>,
}

/// The three ways a wake can end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Act,
    Ask,
    Rest,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Act => "act",
            Outcome::Ask => "ask",
            Outcome::Rest => "rest",
        }
    }
}

/// One task with its reading and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) source: String,
    pub(crate) line: Option<usize>,
    pub(crate) r#for: String,
    pub(crate) skill: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) read_by: String,
    pub(crate) confidence: f64,
    pub(crate) verdict: String,
    pub(crate) refusal: Option<Refused>,
    pub(crate) audience: Option<Counted>,
    pub(crate) reach: Option<f64>,
    pub(crate) fit: Option<f64>,
    pub(crate) value: Option<f64>,
    /// The probabilities and the terms of the sum; kept with the run, not in the JSON.
    #[serde(skip)]
    pub(crate) shares: [f64; 4],
    #[serde(skip)]
    pub(crate) parts: Vec<Part>,
    /// The issue that words like "the latest" were taken for.
    #[serde(skip)]
    pub(crate) taken_for: Option<String>,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) kind: String,
    pub(crate) why: String,
    pub(crate) unblock: Option<String>,
    /// No reader notices it.
    #[serde(skip)]
    pub(crate) nobody: bool,
}

/// How many people, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) count: u64,
    pub(crate) source: String,
    pub(crate) measured_at: Option<DateTime<Utc>>,
}

/// Something that only the human can give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) ask: String,
    pub(crate) unlocks: Vec<String>,
    pub(crate) reach: f64,
    /// The key under which it can be answered in PROGRESS.md.
    #[serde(skip)]
    pub(crate) key: String,
    /// The channel's own form, filled in, for a post that is ready to paste.
    #[serde(skip)]
    pub(crate) form: Option<String>,
}

impl Candidate {
    /// The row of an eligible task.
    pub(crate) fn eligible(case: &Case, scored: &Scored<'_>) -> Self {
        let mut row = Self::read(case);
        row.verdict = "eligible".to_owned();
        row.audience = Some(counted(scored.eligible().audience()));
        (row.reach, row.fit, row.value) = (Some(scored.reach), Some(scored.fit), Some(scored.value));
        row.parts.clone_from(&scored.parts);
        row
    }

    /// The row of a refused task.
    pub(crate) fn refused(case: &Case, refusal: &Refusal) -> Self {
        let mut row = Self::read(case);
        if let Refusal::NoAudience { audience, .. } | Refusal::NobodyGetsIt { audience } | Refusal::TooFew { audience, .. } = refusal {
            row.audience = Some(counted(audience));
        }
        let nobody = matches!(refusal, Refusal::NoAudience { who: Who::Nobody, .. });
        row.refusal = Some(Refused { kind: refusal.kind().to_owned(), why: refusal.why(), unblock: refusal.unblock(), nobody });
        row
    }

    /// Whether it is refused because no reader notices it: the heading above such lines says so.
    pub(crate) fn is_for_nobody(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.nobody)
    }

    fn read(case: &Case) -> Self {
        let (task, reading) = (&case.task, &case.reading);
        let (source, line) = match task.source {
            Source::Progress { line } => ("progress", Some(line)),
            Source::Skill(_) => ("skill", None),
        };
        Self {
            id: task.id.to_string(),
            text: task.text.clone(),
            source: source.to_owned(),
            line,
            r#for: reading.who.map_or_else(|| "unclear".to_owned(), |who| who.to_string()),
            skill: reading.skill.map(|skill| skill.to_string()),
            channel: reading.channel.map(|channel| channel.to_string()),
            read_by: reading.read_by.to_string(),
            confidence: reading.confidence,
            verdict: "refused".to_owned(),
            refusal: None,
            audience: None,
            reach: None,
            fit: None,
            value: None,
            shares: reading.shares,
            parts: vec![],
            taken_for: reading.taken_for.clone(),
        }
    }

    /// The kind of its refusal.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.refusal.as_ref().map(|refusal| refusal.kind.as_str())
    }
}

impl Wanted {
    pub(crate) fn of(ask: &Ask) -> Self {
        Self {
            ask: ask.text.clone(),
            unlocks: ask.unlocks.iter().map(ToString::to_string).collect(),
            reach: ask.reach,
            key: ask.key.clone(),
            form: None,
        }
    }
}

fn counted(audience: &Audience) -> Counted {
    Counted { count: audience.count, source: audience.source.clone(), measured_at: audience.measured_at }
}

/// The kinds of refusal in the order in which a person wants to read them, with their headings.
pub(crate) const KINDS: [(&str, &str); 7] = [
    ("no_skill", "only you can do it"),
    ("blocked", "blocked"),
    ("unclear", "not clear"),
    ("no_audience", "nobody would notice today"),
    ("cooling_down", "not yet"),
    ("over_budget", "a cap is reached"),
    ("done", "done already"),
];

impl Sheet {
    /// What an ask would unlock, in words: the task's text where it is one and the ask does not name it, else how many.
    pub(crate) fn unlocks(&self, wanted: &Wanted) -> String {
        match wanted.unlocks.as_slice() {
            [one] => {
                let text = self.candidates.iter().find(|candidate| candidate.id == *one).map_or("", |candidate| candidate.text.as_str());
                if text.is_empty() || wanted.ask.contains(text) || wanted.ask.contains(&shown(text)) {
                    String::new()
                } else {
                    format!(": unlocks “{}”", short(text, 60))
                }
            }
            many => format!(": unlocks {} tasks", many.len()),
        }
    }

    /// The candidate that was picked.
    pub(crate) fn picked(&self) -> Option<&Candidate> {
        let pick = self.pick.as_ref()?;
        self.candidates.iter().find(|candidate| candidate.id == *pick)
    }

    /// The eligible ones, best first.
    pub(crate) fn eligible(&self) -> Vec<&Candidate> {
        let mut eligible: Vec<&Candidate> = self.candidates.iter().filter(|candidate| candidate.refusal.is_none()).collect();
        eligible.sort_by(|a, b| b.value.unwrap_or(0.0).total_cmp(&a.value.unwrap_or(0.0)));
        eligible
    }

    /// The refused ones of one kind, in the order of the sheet.
    pub(crate) fn refused(&self, kind: &str) -> Vec<&Candidate> {
        self.candidates.iter().filter(|candidate| candidate.kind() == Some(kind)).collect()
    }
}

/// A number of people as a person says it: whole from ten on, else with one digit.
pub(crate) fn people(count: f64) -> String {
    let whole = (count - count.round()).abs() < 0.05;
    if count >= 10.0 || whole { format!("{count:.0}") } else { format!("{count:.1}") }
}

/// A value with two digits that matter.
pub(crate) fn worth(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let digits = (1 - value.abs().log10().floor() as i32).clamp(0, 9);
    format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
}

/// The least of a long text: cut at a word, with an ellipsis. What it hides is shown.
pub(crate) fn short(text: &str, width: usize) -> String {
    let text = shown(text);
    if unicode_width::UnicodeWidthStr::width(text.as_str()) <= width {
        return text;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > width.saturating_sub(1) {
            break;
        }
        out.push(c);
    }
    let cut = out.rfind(' ').filter(|at| *at > width / 2).unwrap_or(out.len());
    format!("{}…", out[..cut].trim_end())
}
