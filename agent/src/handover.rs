//! The hand-over letter after every wake: what was done with evidence, what hurt, what it needs, what it would do next. For
//! the next wake, for other programs, and for a person in a hurry.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::act::Done;
use crate::failure::{OnDisk, Outcome};
use crate::home::Home;
use crate::record::write_whole;
use crate::sheet::{Sheet, Wanted, people};

/// What a wake has to say besides what it did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    /// What it learned from the human.
    pub(crate) learned: Vec<String>,
    /// What went wrong or wants a look.
    pub(crate) hurt: Vec<String>,
}

impl Notes {
    /// All of them, as the human reads them.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.learned.iter().chain(&self.hurt).cloned().collect()
    }
}

/// The letter.
#[derive(Debug, Serialize)]
pub(crate) struct Letter<'a> {
    pub(crate) schema: u32,
    pub(crate) run: i64,
    pub(crate) now: DateTime<Utc>,
    pub(crate) outcome: &'a str,
    pub(crate) did: &'a str,
    pub(crate) evidence: &'a [String],
    pub(crate) learned: &'a [String],
    pub(crate) hurt: &'a [String],
    pub(crate) needs: &'a [Wanted],
    pub(crate) next: Option<String>,
}

impl<'a> Letter<'a> {
    /// The letter of a wake. `next` is the best task that was not picked.
    pub(crate) fn of(sheet: &'a Sheet, run: i64, done: &'a Done, notes: &'a Notes) -> Self {
        let next = sheet
            .eligible()
            .into_iter()
            .find(|candidate| Some(&candidate.id) != sheet.pick.as_ref())
            .map(|candidate| candidate.text.clone());
        Self {
            schema: 1,
            run,
            now: sheet.now,
            outcome: sheet.outcome.as_str(),
            did: &done.did,
            evidence: &done.evidence,
            learned: &notes.learned,
            hurt: &notes.hurt,
            needs: &sheet.needs_you,
            next,
        }
    }

    /// Writes `memory/handover.md` and `memory/handover.json`.
    pub(crate) fn write(&self, home: &Home) -> Outcome {
        let json = serde_json::to_vec_pretty(self)?;
        let whole = |name: &str, bytes: &[u8]| {
            let path = home.memory().join(name);
            write_whole(&path, bytes).on(&path)
        };
        whole("handover.json", &json)?;
        whole("handover.md", self.markdown().as_bytes())
    }

    fn markdown(&self) -> String {
        let mut out = format!("# Hand-over, run {}, {}\n\n## Done\n\n{}\n", self.run, self.now.format("%Y-%m-%d %H:%M UTC"), self.did);
        let list = |out: &mut String, title: &str, lines: &[String]| {
            let _ = write!(out, "\n## {title}\n\n");
            if lines.is_empty() {
                out.push_str("Nothing.\n");
            }
            for line in lines {
                let _ = writeln!(out, "- {line}");
            }
        };
        list(&mut out, "Evidence", self.evidence);
        if !self.learned.is_empty() {
            list(&mut out, "Learned", self.learned);
        }
        list(&mut out, "What hurt", self.hurt);
        let needs: Vec<String> =
            self.needs.iter().map(|wanted| format!("{} (reaches about {})", wanted.ask, people(wanted.reach))).collect();
        list(&mut out, "Needs you", &needs);
        list(&mut out, "Would do next", &self.next.iter().cloned().collect::<Vec<_>>());
        out
    }
}
