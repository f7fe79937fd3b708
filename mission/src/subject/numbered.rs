//! Issues by number: "issue 45", "No. 14", "#14", "ep. 12", "issue fourteen", "issues 12 and 13", "issues 12-14".
//!
//! Must stay true: half a number is no number. What is not understood whole names something that is missing.

use chrono::NaiveDate;

use super::phrase::{Word, ends, noun, said};
use super::{Reference, near_number, with_number};
use crate::shelf::Shelf;

/// A range wider than this is not spelt out.
const WIDEST: u32 = 50;
/// Things of other lists that have numbers: "PR #14".
const OTHERS: [&str; 16] = [
    "bug", "bugs", "pr", "prs", "ticket", "tickets", "request", "mr", "task", "commit", "line", "step", "phase", "version", "chapter",
    "item",
];

/// All that the line names by number.
pub(super) fn references<'a>(words: &[Word<'_>], shelf: &'a Shelf) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match heading(words, at) {
            Some(head) => {
                let (references, behind) = numbers(words, &head, shelf);
                found.extend(references);
                at = behind;
            }
            None => at += 1,
        }
    }
    found
}

/// What leads to a number.
struct Heading {
    /// Where the phrase starts.
    start: usize,
    /// Where the number stands.
    number: usize,
    /// A draft's number.
    draft: bool,
    /// More than one is to follow.
    many: bool,
}

fn heading(words: &[Word<'_>], at: usize) -> Option<Heading> {
    let word = &words[at];
    if word.counts() && (word.gap.ends_with('#') || word.gap.trim_end().ends_with('№')) {
        let other = at > 0 && words[at - 1].is(&OTHERS);
        return (!other).then_some(Heading { start: at, number: at, draft: false, many: false });
    }
    let next = words.get(at + 1)?;
    // The first word "post" is an order, not a thing.
    let kind = noun(word).filter(|noun| !noun.one && (at > 0 || !word.is(&["post"])));
    let Some(kind) = kind else {
        let many = word.is(&["eps", "nos"]);
        let counts = next.counts() && (is_short(word, next, at) || many) && leads(next.gap);
        return counts.then_some(Heading { start: at, number: at + 1, draft: false, many });
    };
    // "issue no. 14", "letter number 14"
    let between = next.is(&["no", "nr", "nº", "number"]) && leads(next.gap);
    let number = if between { at + 2 } else { at + 1 };
    let target = words.get(number)?;
    let led = leads(target.gap) || (target.counts() && target.gap.trim() == "-");
    (led && (target.counts() || target.number().is_some())).then_some(Heading { start: at, number, draft: kind.draft, many: kind.many })
}

/// "No. 14", "Nr 14", "ep. 12", "number 3"; a small "no 3" is a no.
fn is_short(word: &Word<'_>, next: &Word<'_>, at: usize) -> bool {
    let marked = next.gap.starts_with(['.', '#']) || (at > 0 && word.raw != "no");
    word.is(&["ep", "nr", "nº", "number"]) || (word.is(&["no"]) && marked)
}

/// What may stand between "issue" and its number.
fn leads(gap: &str) -> bool {
    !gap.is_empty() && gap.chars().all(|c| c.is_whitespace() || matches!(c, '.' | '#' | '№' | '('))
}

/// What the numbers of a heading name, and the place behind them.
fn numbers<'a>(words: &[Word<'_>], head: &Heading, shelf: &'a Shelf) -> (Vec<Reference<'a>>, usize) {
    if let Some(date) = date(words, head.number) {
        let behind = head.number + 3;
        let issues = shelf.issues.iter().filter(|issue| issue.date == Some(date)).collect();
        return (vec![Reference::to(said(words, head.start, behind), issues)], behind);
    }
    let first = &words[head.number];
    let mut all: Vec<u32> = first.number().into_iter().collect();
    // "issue-45" is a number, "issue -45" is none.
    let mut whole = is_whole(words, head.number) && (!first.gap.contains('-') || first.gap == "-");
    let mut behind = head.number + 1;
    while let Some((next, range)) = continued(words, behind, head.many) {
        whole &= is_whole(words, next);
        match (all.last().copied(), words[next].number()) {
            (Some(from), Some(to)) if range && from < to && to - from <= WIDEST => all.extend(from + 1..=to),
            (_, Some(number)) if !range => all.push(number),
            _ => whole = false,
        }
        behind = next + 1;
    }
    if !whole {
        let end = behind + usize::from(words.get(behind).is_some_and(|next| next.counts() && next.gap.len() == 1));
        return (vec![Reference::to(said(words, head.start, end), vec![])], behind);
    }
    let each = all.len() > 1;
    let one = |number: &u32| {
        let what = format!("{} {number}", if head.draft { "draft" } else { "issue" });
        let issues = with_number(shelf, *number, head.draft);
        // A number that two have is ambiguous, however many numbers there are.
        let single = issues.len() == 1;
        Reference::to(what, issues).near(|| near_number(shelf, *number)).each(each && single)
    };
    (all.iter().map(one).collect(), behind)
}

/// Whether the number at `at` is whole: not "45a", not "4.5", not "1,000", not "twenty-one".
fn is_whole(words: &[Word<'_>], at: usize) -> bool {
    let number = &words[at];
    let broken = words.get(at + 1).is_some_and(|next| {
        let decimal = next.counts() && matches!(next.gap, "." | ":");
        let thousands = next.counts() && next.gap == "," && next.raw.len() == 3;
        let spelt = next.gap == "-" && number.digits().is_none() && next.number().is_some();
        decimal || thousands || spelt
    });
    number.number().is_some() && !broken
}

/// The next number of a list or a range at `at`, and whether it ends a range.
fn continued(words: &[Word<'_>], at: usize, many: bool) -> Option<(usize, bool)> {
    let word = words.get(at)?;
    let mark = word.gap.trim();
    if word.counts() || (many && word.number().is_some()) {
        let dash = matches!(mark, "-" | "–" | "—" | "−");
        // "issue 45 - 3 readers wrote" is no range; "issue 45-47" is one.
        let range = dash && (many || mark.len() == word.gap.len());
        let listed = mark.starts_with([',', '&', '+', '/']) && (many || ends(words, at + 1));
        return (range || listed).then_some((at, range));
    }
    let next = words.get(at + 1).filter(|next| next.number().is_some())?;
    let joined = word.gap.chars().all(|c| c.is_whitespace() || c == ',') && next.gap.chars().all(|c| c.is_whitespace() || c == '#');
    let list = word.is(&["and", "or", "plus"]) && (many || next.gap.contains('#') || ends(words, at + 2));
    let range = word.is(&["to", "through", "thru"]) && many;
    (joined && (list || range)).then_some((at + 1, range))
}

/// "2026-03-20" at `at`.
pub(super) fn date(words: &[Word<'_>], at: usize) -> Option<NaiveDate> {
    let [year, month, day] = words.get(at..at + 3)? else { return None };
    let shaped = year.raw.len() == 4 && month.raw.len() == 2 && day.raw.len() == 2 && month.gap == "-" && day.gap == "-";
    if !shaped {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year.digits()?).ok()?, month.digits()?, day.digits()?)
}
