//! Issues by their place in time: "the latest", "the one before last", "the second letter", "last month's issue".
//!
//! Must stay true: the order is by date, then number; where two share a place, both are named.

use chrono::{Datelike, Days, NaiveDate};

use super::numbered::date;
use super::phrase::{Noun, POINTING, Word, ends, noun, noun_from, pointing, said, set_aside};
use super::{Reference, with_number};
use crate::shelf::{Issue, Shelf, Stage};

const LATEST: [&str; 3] = ["latest", "newest", "last"];
const PERIODS: [&str; 3] = ["week", "month", "year"];
const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

/// What a phrase names, from which word up to which.
struct Phrase<'a> {
    start: usize,
    end: usize,
    issues: Vec<&'a Issue>,
    near: Vec<&'a Issue>,
    each: bool,
}

impl<'a> Phrase<'a> {
    fn new(start: usize, end: usize, issues: Vec<&'a Issue>) -> Self {
        Self { start, end, issues, near: vec![], each: false }
    }

    fn each(self, each: bool) -> Self {
        Self { each, ..self }
    }
}

/// The shelf as it is today: what is out, the newest first, and what is not.
struct View<'a> {
    shelf: &'a Shelf,
    out: Vec<&'a Issue>,
    drafts: Vec<&'a Issue>,
    today: NaiveDate,
}

impl<'a> View<'a> {
    fn new(shelf: &'a Shelf, today: NaiveDate) -> Self {
        let mut out = newest_first(shelf);
        // An issue of the future is not out yet.
        out.retain(|issue| issue.date.is_none_or(|date| date <= today));
        let drafts = shelf.issues.iter().filter(|issue| issue.stage != Stage::Published).collect();
        Self { shelf, out, drafts, today }
    }

    /// The issue at a place from the newest (0), and those that share the place.
    fn nth_newest(&self, place: usize) -> Vec<&'a Issue> {
        let Some(there) = self.out.get(place) else { return vec![] };
        self.out.iter().copied().filter(|issue| age(issue) == age(there)).collect()
    }

    /// The same from the oldest. Drafts have no order: any of them could be meant.
    fn nth_oldest(&self, place: usize) -> Vec<&'a Issue> {
        self.out.len().checked_sub(place + 1).map(|at| self.nth_newest(at)).unwrap_or_default()
    }
}

fn age(issue: &Issue) -> (Option<NaiveDate>, Option<u32>) {
    (issue.date, issue.number)
}

/// The published issues, the newest first.
pub(super) fn newest_first(shelf: &Shelf) -> Vec<&Issue> {
    let mut all: Vec<&Issue> = shelf.published().collect();
    all.sort_by_key(|issue| std::cmp::Reverse(age(issue)));
    all
}

/// All that the line names by place; `taken` marks the words that are used up.
pub(super) fn references<'a>(words: &[Word<'_>], taken: &mut [bool], shelf: &'a Shelf, today: NaiveDate) -> Vec<Reference<'a>> {
    // Most lines have none of these words, and are done here.
    const ALONE: [&str; 4] = ["most", "oldest", "earliest", "penultimate"];
    if !words.iter().any(|word| noun(word).is_some() || word.is(&LATEST) || word.is(&ALONE)) {
        return vec![];
    }
    let view = View::new(shelf, today);
    let readings = [before_last, in_a_period, latest, ordinal, neighbour, all];
    let mut found = Vec::new();
    for at in 0..words.len() {
        if taken[at] {
            continue;
        }
        let Some(phrase) = readings.iter().find_map(|reading| reading(words, at, &view)) else { continue };
        taken[phrase.start..phrase.end].fill(true);
        if !set_aside(words, phrase.start) {
            found.push(
                Reference::to(said(words, pointing(words, phrase.start), phrase.end), phrase.issues).near(|| phrase.near).each(phrase.each),
            );
        }
    }
    found
}

/// "the one before last", "the last but one", "the second to last issue", "the penultimate letter".
fn before_last<'a>(words: &[Word<'_>], at: usize, view: &View<'a>) -> Option<Phrase<'a>> {
    let is = |off: usize, any: &[&str]| words.get(at + off).is_some_and(|word| (off == 0 || word.follows()) && word.is(any));
    let length = if noun(&words[at]).is_some() && is(1, &["before"]) {
        let the = usize::from(is(2, &["the"]));
        is(2 + the, &LATEST).then_some(3 + the)?
    } else if (is(0, &["last"]) && is(1, &["but"]) && is(2, &["one"])) || (is(0, &["second", "next"]) && is(1, &["to"]) && is(2, &["last"]))
    {
        3
    } else if is(0, &["second"]) && is(1, &LATEST) {
        2
    } else if is(0, &["penultimate"]) {
        1
    } else {
        return None;
    };
    let end = noun_from(words, at + length).map_or(at + length, |(place, _)| place + 1);
    Some(Phrase::new(at, end, view.nth_newest(1)))
}

/// "the latest issue", "the last three letters", "our newest", "the most recent post", "the oldest one".
fn latest<'a>(words: &[Word<'_>], at: usize, view: &View<'a>) -> Option<Phrase<'a>> {
    let word = &words[at];
    let recent = word.is(&["most"]) && words.get(at + 1).is_some_and(|next| next.follows() && next.is(&["recent"]));
    let oldest = word.is(&["oldest", "earliest"]);
    if !recent && !oldest && !word.is(&LATEST) {
        return None;
    }
    let next = at + 1 + usize::from(recent);
    let Some((place, noun, count)) = counted(words, next) else {
        // "Share the latest", but not "the last to leave".
        let alone = at > 0 && words[at - 1].is(&POINTING) && !word.is(&["last"]) && ends(words, next);
        return alone.then(|| Phrase::new(at, next, if oldest { view.nth_oldest(0) } else { view.nth_newest(0) }));
    };
    let many = count.is_some_and(|count| count > 1) || noun.many;
    let issues = match (noun.draft, many, oldest) {
        (true, ..) => view.drafts.clone(),
        (_, true, _) => some(view, count.unwrap_or(3), oldest),
        (_, _, true) => view.nth_oldest(0),
        (_, _, false) => view.nth_newest(0),
    };
    Some(Phrase::new(at, place + 1, issues).each(many))
}

/// A noun, perhaps behind a number: "three letters"; "one" alone is the noun.
fn counted(words: &[Word<'_>], at: usize) -> Option<(usize, Noun, Option<u32>)> {
    let count = words.get(at).filter(|word| word.follows()).and_then(Word::number);
    match (noun_from(words, at), count) {
        (Some((place, noun)), _) => Some((place, noun, None)),
        (None, Some(count)) => noun_from(words, at + 1).map(|(place, noun)| (place, noun, Some(count))),
        (None, None) => None,
    }
}

fn some<'a>(view: &View<'a>, count: u32, oldest: bool) -> Vec<&'a Issue> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match oldest {
        true => view.out.iter().rev().take(count).copied().collect(),
        false => view.out.iter().take(count).copied().collect(),
    }
}

/// "the second letter", "the 14th issue", "the second and third letters", "the first three issues".
fn ordinal<'a>(words: &[Word<'_>], at: usize, view: &View<'a>) -> Option<Phrase<'a>> {
    let first = words[at].ordinal()?;
    // "a 30 second post"
    if at > 0 && words[at - 1].number().is_some() {
        return None;
    }
    if first == 1
        && let Some((place, noun, Some(count))) = counted(words, at + 1)
    {
        return Some(Phrase::new(at, place + 1, if noun.draft { vec![] } else { some(view, count, true) }).each(true));
    }
    let mut places = vec![first];
    let mut end = at + 1;
    // A longer list is none of issues.
    while places.len() < 20 {
        let joined = usize::from(words.get(end).is_some_and(|word| word.is(&["and", "or", "to", "through"])));
        match words.get(end + joined).and_then(Word::ordinal) {
            Some(next) => places.push(next),
            None => break,
        }
        end += joined + 1;
    }
    let (place, noun) = noun_from(words, end).filter(|(_, noun)| !noun.one)?;
    let mut phrase = Phrase::new(at, place + 1, vec![]).each(places.len() > 1);
    if noun.draft {
        // A second draft is a second attempt at one thing, and drafts have no order.
        phrase.near.clone_from(&view.drafts);
        return Some(phrase);
    }
    let mut missing = false;
    for nth in places {
        let (issues, near) = nth_issue(view, nth);
        missing |= issues.is_empty();
        // The number and the place may be two issues: then either could be meant.
        phrase.each &= issues.len() == 1;
        phrase.near.extend(near);
        phrase.issues.extend(issues);
    }
    if missing {
        phrase.near.splice(0..0, phrase.issues.drain(..));
    }
    Some(phrase)
}

/// The issue with that number and the one at that place; only where numbers are not used the place alone decides.
fn nth_issue<'a>(view: &View<'a>, nth: u32) -> (Vec<&'a Issue>, Vec<&'a Issue>) {
    let there = usize::try_from(nth).ok().and_then(|nth| nth.checked_sub(1)).map(|place| view.nth_oldest(place)).unwrap_or_default();
    let mut issues: Vec<&Issue> = with_number(view.shelf, nth, false);
    let numbered = view.out.iter().any(|issue| issue.number.is_some());
    if issues.is_empty() && numbered {
        return (vec![], there);
    }
    let others: Vec<&Issue> = there.into_iter().filter(|there| issues.iter().all(|issue| issue.id != there.id)).collect();
    issues.extend(others);
    (issues, vec![])
}

/// "last month's issue", "this week's letter", "the November letter", "the issue of 2026-03-20", "the letter from March 2026".
fn in_a_period<'a>(words: &[Word<'_>], at: usize, view: &View<'a>) -> Option<Phrase<'a>> {
    let by_noun = noun(&words[at]).filter(|noun| !noun.draft);
    let from = |off: usize| words.get(at + off).is_some_and(|word| word.follows() && word.is(&["of", "from"]));
    let (span, end, many) = if let (Some(noun), true) = (by_noun, from(1)) {
        let the = usize::from(words.get(at + 2).is_some_and(|word| word.is(&["the"])));
        let (span, end) = span(words, at + 2 + the, view.today)?;
        (span, end, noun.many)
    } else {
        let (span, end) = span(words, at, view.today)?;
        let (place, noun) = noun_from(words, end).filter(|(_, noun)| !noun.draft)?;
        (span, place + 1, noun.many)
    };
    let within = |issue: &&&Issue| issue.date.is_some_and(|date| span.holds(date));
    let issues: Vec<&Issue> = view.out.iter().filter(within).copied().collect();
    let mut phrase = Phrase::new(at, end, issues).each(many);
    phrase.near = view.nth_newest(0);
    Some(phrase)
}

/// A span of days.
enum Span {
    /// From the one to the other, both in it.
    Days(NaiveDate, NaiveDate),
    /// A month, of any year or of one.
    Month(u32, Option<i32>),
}

impl Span {
    fn holds(&self, date: NaiveDate) -> bool {
        match *self {
            Span::Days(from, to) => from <= date && date <= to,
            Span::Month(month, year) => date.month() == month && year.is_none_or(|year| date.year() == year),
        }
    }
}

/// The span that is named at `at`, and the place behind it.
fn span(words: &[Word<'_>], at: usize, today: NaiveDate) -> Option<(Span, usize)> {
    let word = words.get(at)?;
    let day = |back: u64| today.checked_sub_days(Days::new(back)).map(|day| Span::Days(day, day));
    if let Some(date) = date(words, at) {
        return Some((Span::Days(date, date), at + 3));
    }
    if word.is(&["yesterday"]) {
        return Some((day(1)?, at + 1));
    }
    if word.is(&["today"]) && word.owns {
        return Some((day(0)?, at + 1));
    }
    if let Some(month) = month(word) {
        let year = words.get(at + 1).filter(|next| next.follows() && (next.text.len() == 4)).and_then(|next| next.text.parse().ok());
        return Some((Span::Month(month, year), at + 1 + usize::from(year.is_some())));
    }
    let period = words.get(at + 1).filter(|next| next.follows() && next.is(&PERIODS))?;
    let back = match word.text.as_str() {
        "this" => false,
        "last" | "past" | "previous" => true,
        _ => return None,
    };
    Some((around(period.text.as_str(), today, back)?, at + 2))
}

/// The week (from Monday), month or year of a day, or the one before.
fn around(period: &str, today: NaiveDate, back: bool) -> Option<Span> {
    let first = match period {
        "week" => today.checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_monday())))?,
        "month" => today.with_day(1)?,
        _ => today.with_ordinal(1)?,
    };
    if !back {
        return Some(Span::Days(first, today));
    }
    let end = first.pred_opt()?;
    let start = match period {
        "week" => first.checked_sub_days(Days::new(7))?,
        "month" => end.with_day(1)?,
        _ => end.with_ordinal(1)?,
    };
    Some(Span::Days(start, end))
}

/// A month by its name; "may" and "march" are verbs unless they are written like names.
fn month(word: &Word<'_>) -> Option<u32> {
    let at = MONTHS.iter().position(|name| *name == word.text)?;
    let verb = word.is(&["may", "march"]) && !word.raw.starts_with(|c: char| c.is_ascii_uppercase());
    (!verb).then(|| u32::try_from(at + 1).ok())?
}

/// "the previous issue" could be the last or the one before; "the next issue" is no issue yet.
fn neighbour<'a>(words: &[Word<'_>], at: usize, view: &View<'a>) -> Option<Phrase<'a>> {
    let before = words[at].is(&["previous", "preceding", "prior"]);
    if !before && !words[at].is(&["next", "upcoming", "coming", "forthcoming"]) {
        return None;
    }
    let (place, noun) = noun_from(words, at + 1)?;
    let mut phrase = Phrase::new(at, place + 1, vec![]);
    if before && !noun.draft {
        phrase.issues = [view.nth_newest(0), view.nth_newest(1)].concat();
    } else {
        phrase.near.clone_from(&view.drafts);
    }
    Some(phrase)
}

/// "all issues", "every letter", "the back issues".
fn all<'a>(words: &[Word<'_>], at: usize, view: &View<'a>) -> Option<Phrase<'a>> {
    let (every, several, back) = (words[at].is(&["every", "each"]), words[at].is(&["all", "both"]), words[at].is(&["back"]));
    if !every && !several && !back {
        return None;
    }
    let pointing = usize::from(several && words.get(at + 1).is_some_and(|word| word.follows() && word.is(&POINTING)));
    let (place, noun) = noun_from(words, at + 1 + pointing).filter(|(_, noun)| !noun.one && noun.many != every)?;
    let issues = if noun.draft { view.drafts.clone() } else { view.out.clone() };
    Some(Phrase::new(at, place + 1, issues).each(true))
}
