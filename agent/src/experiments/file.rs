//! `experiments/NAME.toml`: headlines of the home page that are tried against each other.
//!
//! Must stay true: what is wrong is said with file and line, and tries nothing.

use chrono::NaiveDate;
use reveille_mission::Diagnostic;
use reveille_mission::experiment::{Kind, wrong_variants};
use serde::Deserialize;
use toml::Spanned;

use crate::deliberate::FileProblem;
use crate::home::Home;

/// The folder in the home.
const FOLDER: &str = "experiments";
/// The largest file that is read, in bytes.
const MOST: u64 = 64 * 1024;

/// An experiment as the author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its name: the file's.
    pub(crate) name: String,
    /// The file, relative to the home.
    pub(crate) path: String,
    /// The wordings, and their line.
    pub(crate) variants: Vec<String>,
    pub(crate) line: usize,
    /// Not before this day.
    pub(crate) started: Option<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: Spanned<String>,
    variants: Spanned<Vec<String>>,
    started: Option<Spanned<toml::value::Datetime>>,
}

/// All of them, in the order of their names; and what is wrong with the others. A home without the folder has none.
pub(crate) fn load(home: &Home) -> (Vec<Written>, Vec<FileProblem>) {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    let Ok(entries) = std::fs::read_dir(home.root().join(FOLDER)) else { return (all, problems) };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".toml") && !name.starts_with('.')).collect();
    names.sort();
    for file in names {
        let path = format!("{FOLDER}/{file}");
        match read(home, &path).and_then(|text| parse(file.trim_end_matches(".toml"), &path, &text)) {
            Ok(written) => all.push(written),
            Err(diagnostic) => problems.push(FileProblem { path, diagnostic }),
        }
    }
    (all, problems)
}

/// What is wrong in the folder.
pub(crate) fn problems(home: &Home) -> Vec<FileProblem> {
    load(home).1
}

fn read(home: &Home, path: &str) -> Result<String, Diagnostic> {
    let wrong = |why: String| Diagnostic::error(1, 1, why, "a file of the home, as UTF-8 text of at most 64 kB");
    let place = home.inside(path).ok_or_else(|| wrong("it lies outside of the home".to_owned()))?;
    let length = place.metadata().map_err(|error| wrong(format!("it can't be read: {error}")))?.len();
    if length > MOST {
        return Err(wrong(format!("it has {length} bytes")));
    }
    std::fs::read_to_string(place).map_err(|error| wrong(format!("it can't be read: {error}")))
}

fn parse(name: &str, path: &str, text: &str) -> Result<Written, Diagnostic> {
    const FORM: &str = "write `kind = \"headline\"`, `variants = [\"One\", \"Another\"]` and, if it is to wait, `started = 2026-12-01`";
    let line = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) || name.starts_with("subject-") {
        return Err(Diagnostic::error(
            1,
            1,
            "its name can't be an experiment's",
            "name it with small letters, digits and `-`, like home-1.toml",
        ));
    }
    let raw: Raw = toml::from_str(text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        Diagnostic::error(line(error.span().map_or(0, |span| span.start)), 1, message, FORM)
    })?;
    if raw.kind.get_ref().parse() != Ok(Kind::Headline) {
        let problem = format!("`kind = \"{}\"` is none", raw.kind.get_ref());
        let hint =
            "write `kind = \"headline\"`; subject lines stand in the front matter of their draft: `subjects: [\"One\", \"Another\"]`";
        return Err(Diagnostic::error(line(raw.kind.span().start), 1, problem, hint));
    }
    let at = line(raw.variants.span().start);
    let variants: Vec<String> = raw.variants.get_ref().iter().map(|one| one.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    if let Some(problem) = wrong_variants(&variants) {
        return Err(Diagnostic::error(at, 1, format!("`variants`: {problem}"), "write two to four headlines that differ"));
    }
    if variants.iter().any(|one| one.chars().count() > 300) {
        return Err(Diagnostic::error(at, 1, "`variants`: one has more than 300 characters", "a headline is one sentence"));
    }
    let started = raw.started.map(|started| {
        let day = started.get_ref().date.and_then(|day| NaiveDate::from_ymd_opt(day.year.into(), day.month.into(), day.day.into()));
        day.ok_or_else(|| Diagnostic::error(line(started.span().start), 1, "`started` is no day", "write it like `started = 2026-12-01`"))
    });
    Ok(Written { name: name.to_owned(), path: path.to_owned(), variants, line: at, started: started.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line() {
        let said = |name: &str, text: &str| match parse(name, "experiments/a.toml", text) {
            Ok(written) => written.variants.join("|"),
            Err(diagnostic) => format!("{}: {}", diagnostic.line, diagnostic.message),
        };
        let good = "kind = \"headline\"\nvariants = [\"One\", \" Two \\n more\"]\n";
        assert_eq!(said("home-1", good), "One|Two more");
        assert_eq!(said("home-1", &format!("{good}started = 2026-12-01\n")), "One|Two more");
        for (text, expected) in [
            ("kind = \"headline\"\n", "1: missing field `variants`"),
            ("kind = \"headline\"\nvariants = [\"A\"]\n", "2: `variants`: one wording is no experiment: it takes two to four"),
            ("kind = \"headline\"\n\nvariants = [\"A\", \"a\"]\n", "3: `variants`: “a” stands there twice"),
            ("kind = \"subject\"\nvariants = [\"A\", \"B\"]\n", "1: `kind = \"subject\"` is none"),
            ("kind = \"headline\"\nvariants = [\"A\", \"B\"]\nstarted = 10:00:00\n", "3: `started` is no day"),
        ] {
            assert_eq!(said("home-1", text), expected, "{text}");
        }
        assert!(
            said("home-1", &format!("{good}winner = 1\n")).starts_with("3: unknown field `winner`"),
            "{}",
            said("home-1", &format!("{good}winner = 1\n"))
        );
        assert!(said("home-1", "kind = \n").starts_with("1: "));
        for name in ["", "subject-1", "Home", "a b", "../a"] {
            assert_eq!(said(name, good), "1: its name can't be an experiment's");
        }
    }
}
