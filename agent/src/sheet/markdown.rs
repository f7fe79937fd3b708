//! The sheet as it lands in PROGRESS.md: what was done last, what needs the human, what was refused and why, the numbers
//! against the goal, people reached on each channel. Nothing in it may look like a marker of the block or start a new list by accident.

use std::fmt::Write as _;

use reveille_mission::LAST_WAKE;

use super::terminal::capitalised;
use super::{KINDS, Outcome, Sheet, people};

/// More entries than this are counted, not listed.
pub(crate) const LISTED: usize = 8;

/// More notes than this are counted; the hand-over letter has them all.
const NOTES: usize = 24;

/// One row of the table of numbers.
pub(crate) struct Number {
    pub(crate) name: String,
    pub(crate) today: String,
    pub(crate) goal: String,
}

/// The lines between the block's markers.
pub(crate) fn render(sheet: &Sheet, run: i64, did: &str, said: &[String], numbers: &[Number], reach: &[String]) -> String {
    let mut out = String::from("## Reveille\n\n");
    let _ = writeln!(out, "{LAST_WAKE}{}, run {run}: {}", sheet.now.format("%Y-%m-%d %H:%M UTC"), plain(did));
    for line in said.iter().take(NOTES) {
        let _ = writeln!(out, "\n> {}", plain(line));
    }
    if said.len() > NOTES {
        let _ = writeln!(out, "\n> … and {} more: memory/handover.md", said.len() - NOTES);
    }
    needs_you(&mut out, sheet);
    refused(&mut out, sheet);
    out.push_str("\n### Numbers\n\n| | today | goal |\n|---|---|---|\n");
    for number in numbers {
        let _ = writeln!(out, "| {} | {} | {} |", cell(&number.name), cell(&number.today), cell(&number.goal));
    }
    if !reach.is_empty() {
        out.push_str("\n### Reach\n\n");
    }
    for line in reach {
        let _ = writeln!(out, "- {}", plain(line));
    }
    out.trim_end().to_owned()
}

fn needs_you(out: &mut String, sheet: &Sheet) {
    out.push_str("\n### Needs you\n\n");
    if sheet.needs_you.is_empty() {
        out.push_str("Nothing.\n");
    } else {
        out.push_str(
            "What reaches the most people comes first. Tick what you did or approve, write `no` or an address behind the `#key`.\n\n",
        );
    }
    for wanted in sheet.needs_you.iter().take(LISTED) {
        let text = capitalised(&plain(&format!("{}{}", wanted.ask, sheet.unlocks(wanted))));
        let form = wanted.form.as_ref().map(|form| format!(" [open the form, filled in](<{form}>)")).unwrap_or_default();
        let _ = writeln!(out, "- [ ] {text}{form} (reaches about {}) `#{}`", people(wanted.reach), wanted.key);
    }
    if sheet.needs_you.len() > LISTED {
        let _ = writeln!(out, "\n… and {} more: `reveille plan`.", sheet.needs_you.len() - LISTED);
    }
}

fn refused(out: &mut String, sheet: &Sheet) {
    out.push_str("\n### Refused\n\n");
    let mut any = false;
    for (kind, title) in KINDS {
        let refused = sheet.refused(kind);
        if refused.is_empty() {
            continue;
        }
        any = true;
        let shown: Vec<String> = refused
            .iter()
            .take(LISTED)
            .map(|candidate| {
                let why =
                    candidate.refusal.as_ref().filter(|_| !candidate.is_for_nobody()).map(|refusal| format!(" ({})", plain(&refusal.why)));
                format!("“{}”{}", plain(&super::short(&candidate.text, 70)), why.unwrap_or_default())
            })
            .collect();
        let more = refused.len().saturating_sub(LISTED);
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        let _ = writeln!(out, "- {} ({}): {}{rest}", capitalised(title), refused.len(), shown.join(", "));
    }
    if !any {
        out.push_str("Nothing.\n");
    }
}

/// What was decided when nothing was done.
pub(crate) fn at_rest(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Rest => "nothing is worth doing, and nothing needs you.",
        _ => "nothing can be done now that anybody would notice; see “Needs you”.",
    }
}

/// One line without what could open or close a comment, or pass for a key; what it hides is shown.
fn plain(text: &str) -> String {
    let folded = reveille_mission::shown(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    reveille_mission::unmarked(&folded).replace("`#", "` #")
}

fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}
