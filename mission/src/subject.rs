//! Which issue or draft a line names. Unknown and ambiguous are said, with the candidates, never guessed.
//!
//! In this order: the `issue:` tag; titles in quotation marks and numbers; whole titles; "the latest", "the fog one". Where
//! two ways of naming disagree, the line names several.

mod described;
mod message;
mod numbered;
mod phrase;
mod relative;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;

use crate::disguise::shown;
use crate::identity::numbers;
use crate::shelf::{Issue, Shelf, Stage};
use crate::task::folded;
use phrase::{Word, quotations, words};

/// How many of the nearest are named when none fits.
const NEAREST: usize = 3;
/// How alike a title must be to be named as near (0 to 1).
const NEAR: f64 = 0.5;

/// An issue or draft, as it is named to a human.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    /// The stable id.
    pub id: String,
    /// What, which number, which title, from when: `issue 45 “Who Reads This” (2026-03-20)`.
    pub name: String,
    /// The tag that means this one and no other: `issue:45`.
    pub tag: String,
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// It names no issue.
    None,
    /// Exactly this one, by stable id.
    One(String),
    /// It names one that is not there.
    Unknown {
        /// The words that name it.
        what: String,
        /// The nearest that are there, the nearest first.
        nearest: Vec<Named>,
    },
    /// It names more than one.
    Several {
        /// All of them.
        candidates: Vec<Named>,
        /// The line means all of these; otherwise it could be any.
        each: bool,
    },
    /// It goes by how often issues are read or shared ("the best issue"), and that was not measured.
    Unmeasured {
        /// The words that name it.
        what: String,
        /// The line means more than one.
        each: bool,
        /// The tag of one that is there, to show how to name it.
        example: Option<String>,
    },
}

/// What was found, and whether the line names it exactly: by tag, by number or by its whole title in quotation marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) subject: Subject,
    pub(crate) exact: bool,
}

/// What the line's words were taken for, as it is named to a human, where they do not name it exactly themselves.
pub(crate) fn taken_for(found: &Found, shelf: &Shelf) -> Option<String> {
    match &found.subject {
        Subject::One(id) if !found.exact => shelf.by_id(id).map(|issue| named(shelf, issue).name),
        _ => None,
    }
}

/// One way in which the line names something.
struct Reference<'a> {
    /// The words, for the human.
    what: String,
    /// What it could be.
    issues: Vec<&'a Issue>,
    /// What is nearest when it is none of the shelf's.
    near: Vec<&'a Issue>,
    /// It means all of `issues`.
    each: bool,
    /// It goes by a measure that there is none of.
    measured: bool,
}

impl<'a> Reference<'a> {
    fn to(what: impl Into<String>, issues: Vec<&'a Issue>) -> Self {
        Self { what: what.into(), issues, near: vec![], each: false, measured: false }
    }

    /// What is nearest, looked for only when it is none of the shelf's: comparing titles is the dear part.
    fn near(self, near: impl FnOnce() -> Vec<&'a Issue>) -> Self {
        if self.issues.is_empty() { Self { near: near(), ..self } } else { self }
    }

    fn each(self, each: bool) -> Self {
        Self { each, ..self }
    }
}

/// Finds what a line names, as of `today`.
pub(crate) fn find_subject(text: &str, tag: Option<&str>, shelf: &Shelf, today: NaiveDate) -> Found {
    if let Some(tag) = tag {
        return Found { subject: settle(&[tagged(shelf, tag)], shelf), exact: true };
    }
    let (quoted, outside) = quotations(text);
    let words = words(&outside);
    let (mut explicit, mut exact) = titles(shelf, &quoted);
    let numbers = numbered::references(&words, shelf);
    // Words in quotation marks that are no title may be anything beside a number; alone they name something that is missing.
    if numbers.is_empty()
        && explicit.is_empty()
        && let Some(title) = quoted.first()
    {
        let missing = Reference::to(format!("“{title}”"), vec![]).near(|| near_title(shelf, title));
        return Found { subject: settle(&[missing], shelf), exact: false };
    }
    explicit.extend(numbers);
    if explicit.is_empty() {
        explicit = whole_titles(shelf, &words);
        exact = false;
    }
    let loose = loose(&words, shelf, today);
    if explicit.is_empty() {
        return Found { subject: settle(&loose, shelf), exact: false };
    }
    // "issue 45, the fog one": both ways of naming must agree.
    explicit.extend(loose.into_iter().filter(|reference| reference.issues.len() == 1));
    Found { subject: settle(&explicit, shelf), exact }
}

/// What the line names in other words than numbers and titles.
fn loose<'a>(words: &[Word<'_>], shelf: &'a Shelf, today: NaiveDate) -> Vec<Reference<'a>> {
    let mut taken = vec![false; words.len()];
    let mut found = described::superlatives(words, &mut taken);
    found.extend(relative::references(words, &mut taken, shelf, today));
    found.extend(described::references(words, &taken, shelf));
    found
}

/// All that the line's references come to, together.
fn settle(references: &[Reference<'_>], shelf: &Shelf) -> Subject {
    if let Some(best) = references.iter().find(|reference| reference.measured) {
        let example = relative::newest_first(shelf).first().map(|issue| named(shelf, issue).tag);
        return Subject::Unmeasured { what: best.what.clone(), each: best.each, example };
    }
    let found = || references.iter().flat_map(|reference| reference.issues.iter().copied());
    if let Some(missing) = references.iter().find(|reference| reference.issues.is_empty()) {
        let nearest = without_repeats(found().chain(missing.near.iter().copied()));
        let nearest = nearest.into_iter().take(NEAREST).map(|issue| named(shelf, issue)).collect();
        return Subject::Unknown { what: missing.what.clone(), nearest };
    }
    match without_repeats(found()).as_mut_slice() {
        [] => Subject::None,
        [one] => Subject::One(one.id.clone()),
        several => {
            several.sort_by(|a, b| (a.number, &a.id).cmp(&(b.number, &b.id)));
            let each = references.iter().all(|reference| reference.each);
            Subject::Several { candidates: several.iter().map(|issue| named(shelf, issue)).collect(), each }
        }
    }
}

fn without_repeats<'a>(issues: impl Iterator<Item = &'a Issue>) -> Vec<&'a Issue> {
    let mut seen = std::collections::HashSet::new();
    issues.filter(|issue| seen.insert(issue.id.as_str())).collect()
}

/// How an issue is named to a human, with the tag that means it alone.
fn named(shelf: &Shelf, issue: &Issue) -> Named {
    let kind = if issue.stage == Stage::Published { "issue" } else { "draft" };
    let number = issue.number.map(|number| format!(" {number}")).unwrap_or_default();
    let date = issue.date.map(|date| format!(" ({date})")).unwrap_or_default();
    // A title is its author's text: in a message it is short and shows what it hides.
    let long = issue.title.chars().count() > 60;
    let title: String = shown(&issue.title.chars().take(60).collect::<String>());
    let more = if long { "…" } else { "" };
    let alone = |number: &u32| matches!(with_number(shelf, *number, false).as_slice(), [one] if one.id == issue.id);
    let tag = match issue.number.filter(alone) {
        Some(number) => format!("issue:{number}"),
        None if issue.id.contains(char::is_whitespace) => format!("issue:\"{}\"", issue.id),
        None => format!("issue:{}", issue.id),
    };
    Named { id: issue.id.clone(), name: format!("{kind}{number} “{title}{more}”{date}"), tag }
}

/// The `issue:` tag: a number or a stable id.
fn tagged<'a>(shelf: &'a Shelf, tag: &str) -> Reference<'a> {
    let what = format!("issue {tag}");
    match tag.parse::<u32>() {
        Ok(number) => Reference::to(what, with_number(shelf, number, false)).near(|| near_number(shelf, number)),
        Err(_) => Reference::to(what, shelf.by_id(tag).into_iter().collect()).near(|| near_title(shelf, tag)),
    }
}

/// "draft 2" is a draft; "issue 2" is the published one, else the draft that will be it.
fn with_number(shelf: &Shelf, number: u32, draft: bool) -> Vec<&Issue> {
    let all = || shelf.issues.iter().filter(move |issue| issue.number == Some(number));
    let wanted: Vec<&Issue> = all().filter(|issue| (issue.stage != Stage::Published) == draft).collect();
    if wanted.is_empty() && !draft { all().collect() } else { wanted }
}

fn near_number(shelf: &Shelf, number: u32) -> Vec<&Issue> {
    let off = |issue: &&Issue| issue.number.map(|other| other.abs_diff(number)).filter(|off| *off <= 2);
    let mut near: Vec<&Issue> = shelf.issues.iter().filter(|issue| off(issue).is_some()).collect();
    near.sort_by_key(|issue| (off(issue), issue.stage != Stage::Published, issue.number));
    near
}

/// The issues whose titles stand in quotation marks, and whether each title stands there as it is.
fn titles<'a>(shelf: &'a Shelf, quoted: &[&str]) -> (Vec<Reference<'a>>, bool) {
    let mut exact = true;
    let mut found = Vec::new();
    for title in quoted {
        let given = folded(title);
        let mut issues: Vec<&Issue> = shelf.issues.iter().filter(|issue| folded(&issue.title) == given).collect();
        if issues.is_empty() {
            exact = false;
            issues = shelf.issues.iter().filter(|issue| misspelt(&folded(&issue.title), &given)).collect();
        }
        if !issues.is_empty() {
            found.push(Reference::to(format!("“{title}”"), issues));
        }
    }
    (found, exact)
}

/// Near in letters, and with the same numbers.
fn misspelt(title: &str, given: &str) -> bool {
    !given.is_empty() && numbers(title) == numbers(given) && strsim::normalized_damerau_levenshtein(title, given) >= 0.85
}

/// The titles of more than one word that stand in the line as they are.
fn whole_titles<'a>(shelf: &'a Shelf, words: &[Word<'_>]) -> Vec<Reference<'a>> {
    let text: Vec<String> = words.iter().map(|word| folded(word.raw)).collect();
    let padded = format!(" {} ", text.join(" "));
    let stands = |issue: &&Issue| {
        let title = folded(&issue.title);
        title.contains(' ') && padded.contains(&format!(" {title} "))
    };
    shelf.issues.iter().filter(stands).map(|issue| Reference::to(format!("“{}”", issue.title), vec![issue])).collect()
}

/// The issues whose titles or names are like `title`, the likest first.
fn near_title<'a>(shelf: &'a Shelf, title: &str) -> Vec<&'a Issue> {
    let given = folded(title);
    let words: Vec<&str> = given.split(' ').collect();
    let alike = |issue: &Issue| {
        let names = [folded(&issue.title), folded(&issue.slug)];
        let whole = names.iter().map(|name| strsim::normalized_damerau_levenshtein(name, &given)).fold(0.0, f64::max);
        whole.max(described::shared(issue, &words))
    };
    likest(shelf, alike)
}

/// The issues that are near by `alike` (0 to 1), the likest first.
fn likest(shelf: &Shelf, alike: impl Fn(&Issue) -> f64) -> Vec<&Issue> {
    let mut near: Vec<(f64, &Issue)> = shelf.issues.iter().map(|issue| (alike(issue), issue)).filter(|(alike, _)| *alike >= NEAR).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    near.into_iter().map(|(_, issue)| issue).collect()
}
