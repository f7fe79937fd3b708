//! The YAML block at the head of a draft or an issue: its fields, each with its line.
//!
//! Must stay true: a field that is not understood never stops the others from being read, a wrong one is said with the
//! line of the file; values are data.

mod edit;

use chrono::NaiveDate;
use reveille_mission::{Diagnostic, LAPSED_DAYS};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

pub use edit::{EditError, complete};

/// A value and the line of the file where it stands, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its line.
    pub line: usize,
}

/// What the front matter says. Fields that are missing or empty are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// The stable id, text or number.
    pub id: Option<At<String>>,
    /// The number.
    pub number: Option<At<u32>>,
    /// The title, without control characters, trimmed.
    pub title: Option<At<String>>,
    /// The last part of the address, as the author wants it.
    pub slug: Option<At<String>>,
    /// The date, or the date of the time.
    pub date: Option<At<NaiveDate>>,
    /// One sentence.
    pub summary: Option<String>,
    /// Lines to tell it with.
    pub hooks: Vec<String>,
    /// Tags, each once, without `#`.
    pub tags: Vec<String>,
    /// The author has released it.
    pub ready: bool,
    /// The author wants it mailed.
    pub mail: bool,
    /// The picture for link previews and posts: a path relative to the file.
    pub image: Option<At<String>>,
    /// What that picture shows, for those who do not see it; without it, the picture goes with no post.
    pub image_alt: Option<String>,
    /// The author wants words that are too long for one post told as several.
    pub thread: bool,
    /// The author names it to new readers, as one to start from.
    pub start: bool,
    /// Two to four subject lines: the letter is an experiment.
    pub subjects: Option<At<Vec<String>>>,
    /// It is a letter to readers silent for so many days, and no issue.
    pub retain: Option<At<u16>>,
    /// Its letter asks the survey of the home that has this name.
    pub survey: Option<At<String>>,
}

/// A file in its parts; joined they are the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// A byte order mark and the opening line with its end.
    pub open: &'a str,
    /// The YAML lines.
    pub yaml: &'a str,
    /// The closing line with its end.
    pub close: &'a str,
    /// The rest.
    pub body: &'a str,
}

impl Parts<'_> {
    /// The line of the file on which the body begins, from 1.
    pub fn body_line(&self) -> usize {
        self.yaml.matches('\n').count() + 3
    }
}

/// Takes a file apart.
///
/// # Errors
///
/// When there is no front matter, or it does not end.
pub fn split(text: &str) -> Result<Parts<'_>, Diagnostic> {
    let fence = |line: &str| line.trim_end() == "---";
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let hint = "begin the file with `---`, lines like `title: \"…\"`, and `---`";
    let mut lines = text[start..].split_inclusive('\n');
    let open = lines.next().filter(|line| fence(line)).ok_or_else(|| Diagnostic::error(1, 1, "no front matter", hint))?;
    let yaml_at = start + open.len();
    let mut at = yaml_at;
    for line in lines {
        if fence(line) {
            let body_at = at + line.len();
            return Ok(Parts { open: &text[..yaml_at], yaml: &text[yaml_at..at], close: &text[at..body_at], body: &text[body_at..] });
        }
        at += line.len();
    }
    Err(Diagnostic::error(1, 1, "the front matter does not end", "close it with a line `---`"))
}

/// Whether these first bytes of a file hold its whole front matter, or show that there is none.
pub(crate) fn head_is_whole(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).map(<[u8]>::trim_ascii_end);
    match lines.next() {
        None => false,
        Some(b"---") => lines.any(|line| line == b"---"),
        Some(_) => true,
    }
}

/// Reads the fields of a file.
///
/// # Errors
///
/// What is wrong, with its line in the file.
pub fn parse(text: &str) -> Result<FrontMatter, Diagnostic> {
    let parts = split(text)?;
    if parts.yaml.trim().is_empty() {
        return Ok(FrontMatter::default());
    }
    let raw: Option<Raw> = read_yaml(parts.yaml)?;
    raw.unwrap_or_default().checked()
}

fn read_yaml<T: serde::de::DeserializeOwned>(yaml: &str) -> Result<T, Diagnostic> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|error| wrong_yaml(&error))
}

fn wrong_yaml(error: &serde_saphyr::Error) -> Diagnostic {
    let (line, column) = error.location().map_or((1, 1), |at| (file_line(at.line()), usize::try_from(at.column()).unwrap_or(1)));
    let message = error.to_string();
    // The place is said by the diagnostic itself, and it is the file's.
    let message = message.lines().next().unwrap_or_default();
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    Diagnostic::error(line, column.max(1), format!("front matter: {message}"), "a value with `:` or `#` in it stands in double quotes")
}

/// YAML's line, from 1, as the file's: the opening line comes before it.
fn file_line(yaml_line: u64) -> usize {
    usize::try_from(yaml_line).unwrap_or(0) + 1
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Raw {
    id: Option<Spanned<String>>,
    number: Option<Spanned<String>>,
    title: Option<Spanned<String>>,
    slug: Option<Spanned<String>>,
    date: Option<Spanned<String>>,
    summary: Option<String>,
    hook: Words,
    tags: Words,
    ready: Option<bool>,
    mail: Option<bool>,
    image: Option<Spanned<String>>,
    image_alt: Option<String>,
    thread: Option<bool>,
    start: Option<bool>,
    subjects: Option<Spanned<Words>>,
    retain: Option<Spanned<String>>,
    survey: Option<Spanned<String>>,
}

impl Raw {
    fn checked(self) -> Result<FrontMatter, Diagnostic> {
        let number = self.number.and_then(text).map(|found| match found.value.parse::<u32>() {
            Ok(value) => Ok(At { value, line: found.line }),
            Err(_) => {
                let message = format!("`number: {}` is no number", found.value);
                Err(Diagnostic::error(found.line, 1, message, "write a whole number like `number: 46`"))
            }
        });
        let date = self.date.and_then(text).map(|found| match date_of(&found.value) {
            Some(value) => Ok(At { value, line: found.line }),
            None => {
                let message = format!("`date: {}` is no date", found.value);
                Err(Diagnostic::error(found.line, 1, message, "write it like `date: 2026-11-20`"))
            }
        });
        Ok(FrontMatter {
            id: self.id.and_then(text),
            number: number.transpose()?,
            title: self.title.and_then(text),
            slug: self.slug.and_then(text),
            date: date.transpose()?,
            summary: self.summary.map(|summary| plain(&summary)).filter(|summary| !summary.is_empty()),
            hooks: self.hook.0.iter().map(|hook| plain(hook)).filter(|hook| !hook.is_empty()).collect(),
            tags: tags_of(&self.tags),
            ready: self.ready.unwrap_or(false),
            mail: self.mail.unwrap_or(false),
            image: self.image.and_then(text),
            image_alt: self.image_alt.map(|alt| plain(&alt)).filter(|alt| !alt.is_empty()),
            thread: self.thread.unwrap_or(false),
            start: self.start.unwrap_or(false),
            subjects: self.subjects.map(|list| At {
                line: file_line(list.referenced.line()),
                value: list.value.0.iter().map(|subject| plain(subject)).collect(),
            }),
            retain: self.retain.and_then(text).map(silent_for).transpose()?,
            survey: self.survey.and_then(text),
        })
    }
}

/// The stage of silence that a letter is for.
fn silent_for(found: At<String>) -> Result<At<u16>, Diagnostic> {
    match found.value.parse().ok().filter(|days| LAPSED_DAYS.contains(days)) {
        Some(value) => Ok(At { value, line: found.line }),
        None => {
            let message = format!("`retain: {}` is no stage of silence", found.value);
            Err(Diagnostic::error(found.line, 1, message, "write `retain: 7`, `retain: 30` or `retain: 60`"))
        }
    }
}

fn text(found: Spanned<String>) -> Option<At<String>> {
    let value = plain(&found.value);
    (!value.is_empty()).then(|| At { value, line: file_line(found.referenced.line()) })
}

/// One line of words: control characters (XML takes none) and line breaks are spaces, and there are none at the ends.
fn plain(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect();
    // Not characters in XML 1.0 either.
    spaced.replace(['\u{fffe}', '\u{ffff}'], "").trim().to_owned()
}

fn date_of(text: &str) -> Option<NaiveDate> {
    text.parse().ok().or_else(|| chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.date_naive()))
}

fn tags_of(words: &Words) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let parts = words.0.iter().flat_map(|word| match words.1 {
        Form::Text => word.split(',').collect::<Vec<_>>(),
        Form::List => vec![word.as_str()],
    });
    for tag in parts.map(|part| plain(part).trim_start_matches('#').trim().to_owned()) {
        if !tag.is_empty() && !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
            tags.push(tag);
        }
    }
    tags
}

/// How several words were written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Form {
    #[default]
    Text,
    List,
}

/// A text or a list of texts.
#[derive(Debug, Default)]
struct Words(Vec<String>, Form);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct WordsVisitor;
        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Words, E> {
                Ok(Words::default())
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(vec![text.to_owned()], Form::Text))
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Words, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Words, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Words, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Words, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element::<Option<String>>()? {
                    words.extend(word);
                }
                Ok(Words(words, Form::List))
            }
        }
        from.deserialize_any(WordsVisitor)
    }
}

#[cfg(test)]
mod tests;
