//! Surveys: what `survey.toml` asks, the link to it, and what came of it, as counts.
//!
//! Must stay true: what a number of fewer than five people chose is not shown, nor can it be found out from the others.

use std::path::Path;

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, MemoryError, Question, Survey};
use reveille_mission::{Purpose, Token, subscriber_bytes};
use serde::{Deserialize, Serialize};
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
    name: String,
    /// Two questions.
    question: Vec<AskedQuestion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedQuestion {
    ask: String,
    choices: Vec<String>,
}

/// Why there is no survey.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The file can't be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is no TOML, or lacks something.
    #[error("survey.toml: {0}")]
    Toml(String),
    /// It asks what can't be asked.
    #[error("survey.toml: {0}")]
    Shape(&'static str),
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
            SurveyError::Toml(_) | SurveyError::Shape(_) => Some("docs/site.md shows one".to_owned()),
        }
    }
}

/// The survey of the home, by its number; none without the file. What was asked under the same name in other words keeps its own
/// number: links to it are out.
///
/// # Errors
/// See [`SurveyError`].
pub fn of_home(home: &Path, memory: &mut Memory, now: DateTime<Utc>) -> Result<Option<Survey>, SurveyError> {
    let Some((name, questions)) = read_in(&Root::open(home)?)? else { return Ok(None) };
    let number = memory.keep_survey(&name, &questions, now)?;
    Ok(Some(Survey { number, name, questions }))
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
    let text = String::from_utf8(bytes).map_err(|_| SurveyError::Shape("it is no text (UTF-8)"))?;
    read(&text).map(Some)
}

fn read(text: &str) -> Result<(String, Vec<Question>), SurveyError> {
    let first = |message: &str| message.lines().next().unwrap_or_default().to_owned();
    let asked: Asked = toml::from_str(text).map_err(|error| SurveyError::Toml(first(error.message())))?;
    let plain = |text: &str| !text.trim().is_empty() && text.chars().count() <= CHARACTERS && !text.chars().any(char::is_control);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if asked.name.is_empty() || asked.name.len() > 40 || !asked.name.chars().all(is_name) {
        return Err(SurveyError::Shape("`name` is of small letters, digits and dashes"));
    }
    if asked.question.len() != QUESTIONS {
        return Err(SurveyError::Shape("a survey has two `[[question]]`"));
    }
    if asked.question.iter().any(|question| !(2..=5).contains(&question.choices.len())) {
        return Err(SurveyError::Shape("a question has two to five `choices`"));
    }
    if !asked.question.iter().all(|question| plain(&question.ask) && question.choices.iter().all(|choice| plain(choice))) {
        return Err(SurveyError::Shape("questions and choices are one line of at most 200 characters"));
    }
    let questions = asked.question.into_iter().map(|question| Question { ask: question.ask, choices: question.choices }).collect();
    Ok((asked.name, questions))
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
            (&GOOD.replace("How long?", "How\\u0007long?"), "one line"),
            (&GOOD.replace("\"length\"", "\"../x\""), "small letters"),
            (&GOOD.replace("ask = \"How long?\"", "ask = \"How long?\"\nscript = \"x\""), "unknown field"),
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
