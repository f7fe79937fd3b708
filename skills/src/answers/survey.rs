//! Surveys: what `survey.toml` asks, the link to it, and what came of it, as counts.
//!
//! Must stay true: what a number of fewer than five people chose is not shown, nor can it be found out from the others.

use std::collections::HashSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, MemoryError, Question, Survey};
use reveille_mission::{Diagnostic, Purpose, Token, subscriber_bytes};
use serde::{Deserialize, Serialize};
use toml::Spanned;
use url::Url;

use crate::DiskError;
use crate::disk::Root;

/// The file in the home.
pub const FILE: &str = "survey.toml";

/// The fewest people whose choice is shown.
pub const SHOWN_FROM: u64 = 5;

/// How many questions a survey has.
const QUESTIONS: usize = 2;

/// The most characters of a question or a choice.
const CHARACTERS: usize = 200;

/// What stands in `survey.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The survey's name: small letters, digits and dashes.
    name: Spanned<String>,
    /// Two questions.
    question: Vec<Spanned<AskedQuestion>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedQuestion {
    ask: Spanned<String>,
    choices: Spanned<Vec<Spanned<String>>>,
}

/// Why there is no survey.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The file can't be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is no survey, and where.
    #[error("{FILE}:{}:{}: {}", .0.line, .0.column, .0.message)]
    Wrong(Box<Diagnostic>),
    /// Memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl SurveyError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SurveyError::Disk(error) => error.hint(),
            SurveyError::Memory(_) => None,
            SurveyError::Wrong(wrong) => wrong.hint.clone(),
        }
    }
}

/// The survey of the home, by its number; none without the file. What was asked under the same name in other words keeps its own
/// number: links to it are out.
///
/// # Errors
/// See [`SurveyError`].
pub fn of_home(home: &Path, memory: &mut Memory, now: DateTime<Utc>) -> Result<Option<Survey>, SurveyError> {
    let Some((name, questions)) = in_home(home)? else { return Ok(None) };
    let number = memory.keep_survey(&name, &questions, now)?;
    Ok(memory.survey(number)?)
}

/// The name of the survey of the home, and what it asks; none without the file. Nothing is kept.
///
/// # Errors
/// The file can't be read, or is no survey.
pub fn in_home(home: &Path) -> Result<Option<(String, Vec<Question>)>, SurveyError> {
    read_in(&Root::open(home)?)
}

/// What the survey of the home is called; nothing without one.
pub(crate) fn name_in(root: &Root) -> Result<Option<String>, SurveyError> {
    Ok(read_in(root)?.map(|(name, _)| name))
}

fn read_in(root: &Root) -> Result<Option<(String, Vec<Question>)>, SurveyError> {
    let bytes = match root.read(FILE) {
        Err(missing) if missing.is_missing() => return Ok(None),
        read => read?,
    };
    let wrong = |diagnostic| SurveyError::Wrong(Box::new(diagnostic));
    let no_text = |_| wrong(Diagnostic::error(1, 1, "it is no text (UTF-8)", FORM));
    read(&String::from_utf8(bytes).map_err(no_text)?).map(Some).map_err(wrong)
}

/// What a survey looks like, as a hint.
const FORM: &str = "docs/site.md shows one";

fn read(text: &str) -> Result<(String, Vec<Question>), Diagnostic> {
    let asked: Asked = toml::from_str(text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        at(text, error.span().map_or(0, |span| span.start), message, FORM)
    })?;
    let name = asked.name.get_ref();
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || !name.chars().all(is_name) {
        let message = "`name` is of small letters, digits and dashes, 40 at most";
        return Err(at(text, asked.name.span().start, message, "like `name = \"length\"`"));
    }
    if asked.question.len() != QUESTIONS {
        let place = asked.question.get(QUESTIONS).map_or(asked.name.span().start, |further| further.span().start);
        return Err(at(text, place, "a survey has two `[[question]]`", FORM));
    }
    for question in &asked.question {
        let AskedQuestion { ask, choices } = question.get_ref();
        if !(2..=5).contains(&choices.get_ref().len()) {
            return Err(at(text, choices.span().start, "a question has two to five `choices`", FORM));
        }
        std::iter::once(ask).chain(choices.get_ref()).try_for_each(|words| one_line(text, words))?;
        all_differ(text, choices.get_ref(), "the choice")?;
    }
    all_differ(text, asked.question.iter().map(|question| &question.get_ref().ask), "the question")?;
    let choices = |choices: Spanned<Vec<Spanned<String>>>| choices.into_inner().into_iter().map(Spanned::into_inner).collect();
    let question = |AskedQuestion { ask, choices: all }: AskedQuestion| Question { ask: ask.into_inner(), choices: choices(all) };
    let questions = asked.question.into_iter().map(|asked| question(asked.into_inner())).collect();
    Ok((asked.name.into_inner(), questions))
}

/// A finding at a byte of the file.
fn at(text: &str, start: usize, message: impl Into<String>, hint: &str) -> Diagnostic {
    let before = text.get(..start).unwrap_or_default();
    let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
    Diagnostic::error(before.matches('\n').count() + 1, column, message, hint)
}

fn one_line(text: &str, words: &Spanned<String>) -> Result<(), Diagnostic> {
    let line = words.get_ref();
    if line.trim().is_empty() || line.chars().count() > CHARACTERS || line.chars().any(char::is_control) {
        return Err(at(text, words.span().start, "questions and choices are one line of at most 200 characters", FORM));
    }
    Ok(())
}

/// What reads the same twice could be told apart by nobody who answers, nor by who reads the counts.
fn all_differ<'a>(text: &str, all: impl IntoIterator<Item = &'a Spanned<String>>, what: &str) -> Result<(), Diagnostic> {
    let mut seen = HashSet::new();
    for words in all {
        let read = words.get_ref().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        if !seen.insert(read) {
            let message = format!("{what} `{}` stands there twice", words.get_ref());
            return Err(at(text, words.span().start, message, "write another one, or take it out"));
        }
    }
    Ok(())
}

/// The link by which a reader answers a survey; none when the subscriber's id is none. `site` is the publication's address.
#[must_use]
pub fn link(site: &Url, key: &[u8], survey: u32, subscriber: &str, expires: Option<DateTime<Utc>>) -> Option<Url> {
    let token = Token { purpose: Purpose::Survey, subscriber: subscriber_bytes(subscriber)?, item: survey.into(), expires };
    site.join(&format!("survey/{}", token.mint(key))).ok()
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The question.
    pub ask: String,
    /// Each choice with how many chose it; nothing where that were too few to be shown.
    pub choices: Vec<(String, Option<u64>)>,
}

/// What came of a survey.
///
/// # Errors
/// Memory can't be read.
pub fn counted(memory: &Memory, survey: &Survey) -> Result<Vec<Counted>, MemoryError> {
    let all = memory.survey_counts(survey)?;
    let question = |(question, counts): (&Question, Vec<u64>)| Counted {
        ask: question.ask.clone(),
        choices: question.choices.iter().cloned().zip(shown(&counts)).collect(),
    };
    Ok(survey.questions.iter().zip(all).map(question).collect())
}

/// The counts that are shown. One that is too small is not, and then neither is the smallest of the others when it would be the
/// only one: whoever knows the sum could count back.
fn shown(counts: &[u64]) -> Vec<Option<u64>> {
    let mut shown: Vec<Option<u64>> = counts.iter().map(|count| Some(*count).filter(|count| *count >= SHOWN_FROM)).collect();
    if shown.iter().filter(|count| count.is_none()).count() == 1 {
        let smallest = shown.iter().flatten().min().copied();
        if let Some(place) = shown.iter().position(|count| count.is_some() && *count == smallest) {
            shown[place] = None;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"length\"\n[[question]]\nask = \"How long?\"\nchoices = [\"shorter\", \"longer\"]\n\
        [[question]]\nask = \"How often?\"\nchoices = [\"less\", \"as now\", \"more\"]\n";

    #[test]
    fn a_survey_is_two_questions_and_its_wording_is_its_number() {
        let home = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&home.path().join("a.db"), now).expect("made");
        let mut ask = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(home.path().join(FILE), text).expect("written");
            }
            of_home(home.path(), &mut memory, now).map(|survey| survey.map(|survey| survey.number)).map_err(|error| error.to_string())
        };
        assert_eq!(ask(None), Ok(None));
        let first = ask(Some(GOOD)).expect("kept").expect("there");
        assert_eq!(ask(Some(GOOD)), Ok(Some(first)));
        let other = ask(Some(&GOOD.replace("longer", "much longer"))).expect("kept");
        assert!(other.is_some_and(|other| other != first));
        for (wrong, said) in [
            ("name = 1", "invalid type"),
            (GOOD.split("[[question]]\nask = \"How often").next().unwrap_or_default(), "two `[[question]]`"),
            (&GOOD.replace("\"shorter\", ", ""), "two to five"),
            (&GOOD.replace("How long?", "How\\u0007long?"), "survey.toml:3:7: questions and choices are one line"),
            (&GOOD.replace("\"length\"", "\"../x\""), "small letters"),
            (&GOOD.replace("ask = \"How long?\"", "ask = \"How long?\"\nscript = \"x\""), "survey.toml:4:1: unknown field"),
            (&GOOD.replace("\"less\"", "\" As  now\""), "survey.toml:7:24: the choice `as now` stands there twice"),
            (&GOOD.replace("How often?", "how long? "), "survey.toml:6:7: the question `how long? ` stands there twice"),
        ] {
            let error = ask(Some(wrong)).expect_err(wrong);
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn few_people_are_not_shown_and_cannot_be_counted_back() {
        for (counts, expected) in [
            (&[10, 20][..], &[Some(10), Some(20)][..]),
            (&[4, 20], &[None, None]),
            (&[4, 20, 10], &[None, Some(20), None]),
            (&[4, 0, 10], &[None, None, Some(10)]),
            (&[5, 5, 5], &[Some(5), Some(5), Some(5)]),
            (&[0, 0], &[None, None]),
        ] {
            assert_eq!(shown(counts), expected, "{counts:?}");
        }
    }

    #[test]
    fn a_link_is_of_one_reader_and_one_survey() {
        let site = "https://letter.example/".parse().expect("an address");
        let id = reveille_mission::subscriber_id("ann@home.net");
        let link = link(&site, b"key", 7, &id, None).expect("a link");
        let token = link.path().strip_prefix("/survey/").expect("its path");
        let token = Token::check(token, Purpose::Survey, b"key", DateTime::UNIX_EPOCH).expect("a token");
        assert_eq!((token.item, token.subscriber_id()), (7, id));
        assert_eq!(super::link(&site, b"key", 7, "ann", None), None);
    }
}
