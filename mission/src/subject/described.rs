//! Issues by what they are about ("the fog one", "the essay about queues"), and by how they were read ("the best issue").
//!
//! Must stay true: every word of the description stands in the issue's title, address, tags or summary, or it is not meant.

use std::collections::HashSet;

use super::Reference;
use super::likest;
use super::phrase::{POINTING, Word, is_filling, is_following, noun, pointing, said, set_aside};
use crate::phrases::is_place;
use crate::shelf::{Issue, Shelf, Stage};
use crate::task::folded;

/// Words that point back to something said before, and words that would fit any issue.
const SAYS_NOTHING: [&str; 26] = [
    "other", "same", "right", "wrong", "only", "new", "good", "nice", "little", "current", "above", "very", "a", "an", "and", "of", "in",
    "on", "to", "for", "with", "the", "our", "my", "is", "by",
];
/// A description is no longer than this, in words.
const LONGEST: usize = 5;

/// What goes by readers, shares or visits: "the best back issue", "the most read letter", "the issue that sold best".
pub(super) fn superlatives<'a>(words: &[Word<'_>], taken: &mut [bool]) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    for at in 0..words.len() {
        let Some((start, end, each)) = superlative(words, at).filter(|_| !taken[at]) else { continue };
        taken[start..end].fill(true);
        if !set_aside(words, start) {
            found.push(Reference { measured: true, ..Reference::to(said(words, pointing(words, start), end), vec![]) }.each(each));
        }
    }
    found
}

fn superlative(words: &[Word<'_>], at: usize) -> Option<(usize, usize, bool)> {
    const MOST: [&str; 3] = ["most", "least", "fewest"];
    let recent = || words.get(at + 1).is_some_and(|next| next.is(&["recent"]));
    let best = words[at].is(&["best", "worst", "top", "favourite", "favorite", "greatest"]);
    if best || (words[at].is(&MOST) && !recent()) {
        let behind = words.iter().enumerate().skip(at + 1).take(4);
        let (place, noun) = behind
            .take_while(|(_, word)| word.follows() && !is_following(word))
            .find_map(|(place, word)| Some((place, noun(word).filter(|noun| !noun.draft)?)))?;
        let counted = words[at + 1..place].iter().chain(at.checked_sub(1).map(|before| &words[before])).filter_map(Word::number).max();
        // "the three best issues"
        let start = at.saturating_sub(usize::from(at > 0 && words[at - 1].number().is_some()));
        return Some((start, place + 1, noun.many || counted.is_some_and(|count| count > 1)));
    }
    let noun = noun(&words[at]).filter(|noun| !noun.draft)?;
    words.get(at + 1).filter(|next| next.follows() && next.is(&["that", "which", "with", "most", "who"]))?;
    let behind = words.iter().enumerate().skip(at + 1).take(4).take_while(|(_, word)| word.follows());
    let (end, _) = { behind }.find(|(_, word)| word.is(&MOST) || word.is(&["best"]))?;
    Some((at, end + 1, noun.many))
}

/// What is described: "the fog one", "the piece on fog", "our essay about queues".
pub(super) fn references<'a>(words: &[Word<'_>], taken: &[bool], shelf: &'a Shelf) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    for at in (0..words.len()).filter(|at| !taken[*at]) {
        let Some(noun) = noun(&words[at]) else { continue };
        let Some(start) = pointed_at(words, taken, at) else { continue };
        let (about, end) = about(words, at);
        // "the mail letter" says where; "the letter about mail" says what.
        let before = words[start + 1..at].iter().filter(|word| !is_place(&word.text));
        let content: Vec<String> = before.chain(about).filter(|word| says_something(word)).map(|word| stem(&word.text)).collect();
        if content.is_empty() || set_aside(words, start) {
            continue;
        }
        let wanted = |issue: &&Issue| !noun.draft || issue.stage != Stage::Published;
        let issues = shelf.issues.iter().filter(wanted).filter(|issue| matches(issue, &content)).collect();
        let near = || likest(shelf, |issue| shared(issue, &content.iter().map(String::as_str).collect::<Vec<_>>()));
        found.push(Reference::to(said(words, start, end), issues).near(near).each(noun.many));
    }
    found
}

/// The place of the pointing word before a noun ("the fog issue"), with a few words between at most.
fn pointed_at(words: &[Word<'_>], taken: &[bool], noun: usize) -> Option<usize> {
    for start in (noun.saturating_sub(LONGEST + 1)..noun).rev() {
        let word = &words[start];
        if !words[start + 1].follows() {
            return None;
        }
        if word.is(&POINTING) {
            return Some(start);
        }
        if taken[start] || is_following(word) {
            return None;
        }
    }
    None
}

/// The words behind "about" or "on", and where they end; none where a place follows ("the letter on the site").
fn about<'w, 'a>(words: &'w [Word<'a>], noun: usize) -> (&'w [Word<'a>], usize) {
    let none = (&words[..0], noun + 1);
    let Some(lead) = words.get(noun + 1).filter(|word| word.follows() && word.is(&["on", "about", "regarding", "concerning"])) else {
        return none;
    };
    let length = words[noun + 2..].iter().take(LONGEST).take_while(|word| word.follows() && !is_following(word)).count();
    let about = &words[noun + 2..noun + 2 + length];
    if lead.is(&["on"]) && about.iter().any(|word| is_place(&word.text)) { none } else { (about, noun + 2 + length) }
}

fn says_something(word: &Word<'_>) -> bool {
    !is_filling(word) && !word.is(&SAYS_NOTHING) && noun(word).is_none() && word.ordinal().is_none()
}

fn matches(issue: &Issue, content: &[String]) -> bool {
    let known = known(issue);
    content.iter().all(|word| known.contains(word))
}

/// The words that an issue is known by: title, address, tags, summary.
fn known(issue: &Issue) -> HashSet<String> {
    let texts = [Some(&issue.title), Some(&issue.slug), issue.summary.as_ref()];
    let all = texts.into_iter().flatten().chain(&issue.tags).map(|text| folded(text).replace(" s ", " "));
    all.flat_map(|text| text.split(' ').map(stem).collect::<Vec<_>>()).collect()
}

/// How much of `words` an issue is known by, 0 to 1; a letter may be wrong.
pub(super) fn shared(issue: &Issue, words: &[&str]) -> f64 {
    let content: Vec<String> = words.iter().filter(|word| !SAYS_NOTHING.contains(word)).map(|word| stem(word)).collect();
    let known = known(issue);
    let near =
        |word: &&String| known.contains(*word) || known.iter().any(|other| strsim::normalized_damerau_levenshtein(other, word) >= 0.75);
    match content.len() {
        0 => 0.0,
        all => content.iter().filter(near).count() as f64 / all as f64,
    }
}

/// A word without the ending of its plural.
fn stem(word: &str) -> String {
    let cut = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() > 2);
    match (cut("ies"), cut("es"), cut("s")) {
        (Some(stem), ..) => format!("{stem}y"),
        (_, Some(stem), _) if stem.ends_with(['s', 'x', 'z']) || stem.ends_with("ch") || stem.ends_with("sh") => stem.to_owned(),
        (.., Some(stem)) if !stem.ends_with(['s', 'u']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}
