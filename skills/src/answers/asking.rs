//! Letters that ask the home's survey: drafts and issues with `survey: NAME` in their front matter.
//!
//! Must stay true: no letter goes out with a link to a survey that the home does not have, or that nobody answers for.

use std::path::Path;

use chrono::{DateTime, Utc};
use reveille_memory::Memory;
use reveille_mission::Diagnostic;

use super::survey::{SurveyError, name_in, of_home};
use crate::disk::{DiskError, Root};
use crate::front_matter::{At, FrontMatter, parse};
use crate::shelf::{FileDiagnostic, Listed};

/// Why a letter can't ask its survey.
#[derive(Debug, thiserror::Error)]
pub enum NoSurvey {
    /// The home can't be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The survey can't be read or kept.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The file, or what it says of the survey, is wrong.
    #[error("{}:{}: {}", .0.path, .0.diagnostic.line, .0.diagnostic.message)]
    File(Box<FileDiagnostic>),
}

impl NoSurvey {
    /// What a human can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            NoSurvey::Disk(error) => error.hint(),
            NoSurvey::Survey(error) => error.hint(),
            NoSurvey::File(found) => found.diagnostic.hint.clone(),
        }
    }
}

/// What is wrong with the survey that a text asks, if anything.
pub(crate) fn wrong_survey(root: &Root, front: &FrontMatter) -> Option<Diagnostic> {
    let wanted = front.survey.as_ref()?;
    match name_in(root) {
        Ok(known) => another(wanted, known.as_deref()),
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "docs/site.md shows one".to_owned());
            Some(Diagnostic::error(wanted.line, 1, format!("`survey: {}`: {error}", wanted.value), hint))
        }
    }
}

/// The number of the survey that the letter of these files asks; nothing where none of them does. `has_site` says whether there are
/// pages to answer it on.
///
/// # Errors
/// A file can't be read, or asks what can't be answered: then the letter must not go out.
pub fn asked_in(home: &Path, memory: &mut Memory, files: &[&str], has_site: bool, now: DateTime<Utc>) -> Result<Option<u32>, NoSurvey> {
    let root = Root::open(home)?;
    let mut asked = None;
    for path in files {
        let wrong = |diagnostic: Diagnostic| NoSurvey::File(Box::new(FileDiagnostic::new(path, diagnostic)));
        let front = Listed::at(path).head(&root).and_then(|head| parse(&head)).map_err(wrong)?;
        let Some(wanted) = front.survey else { continue };
        if !has_site {
            let message = format!("`survey: {}` needs pages where readers answer", wanted.value);
            return Err(wrong(Diagnostic::error(wanted.line, 1, message, "add [site] to reveille.toml, or remove the line")));
        }
        let known = of_home(home, memory, now)?;
        if let Some(diagnostic) = another(&wanted, known.as_ref().map(|survey| survey.name.as_str())) {
            return Err(wrong(diagnostic));
        }
        asked = known.map(|survey| survey.number);
    }
    Ok(asked)
}

/// What is said of a name that is not the survey's.
fn another(wanted: &At<String>, known: Option<&str>) -> Option<Diagnostic> {
    let (problem, hint) = match known {
        Some(known) if known == wanted.value => return None,
        Some(known) => (format!("survey.toml asks `{known}`"), format!("write `survey: {known}`, or remove the line")),
        None => ("there is no survey.toml".to_owned(), "write one (docs/site.md shows it), or remove the line".to_owned()),
    };
    Some(Diagnostic::error(wanted.line, 1, format!("`survey: {}` is unknown: {problem}", wanted.value), hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::load;

    const SURVEY: &str = "name = \"length\"\n[[question]]\nask = \"How long?\"\nchoices = [\"shorter\", \"longer\"]\n\
        [[question]]\nask = \"How often?\"\nchoices = [\"less\", \"more\"]\n";

    fn now() -> DateTime<Utc> {
        "2026-11-20T14:00:00Z".parse().expect("a time")
    }

    #[test]
    fn a_letter_asks_the_survey_of_the_home_and_no_other() {
        let home = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        let mut memory = Memory::open(&home.path().join("a.db"), now()).expect("made");
        let mut asked = |files: &[&str], has_site| asked_in(home.path(), &mut memory, files, has_site, now());
        let (asks, plain) = ("issues/001-a.md", "issues/002-b.md");
        write(asks, "---\ntitle: A\nid: 1\nsurvey: length\n---\nA.\n");
        write(plain, "---\ntitle: B\nid: 2\n---\nB.\n");
        write("drafts/c.md", "---\ntitle: C\nready: true\nsurvey: lenght\n---\nC.\n");
        write("drafts/silent.md", "---\ntitle: D\nretain: 30\nready: true\nsurvey: other\n---\nD.\n");
        let said = |error: NoSurvey| (error.to_string(), error.hint().unwrap_or_default());

        let (problem, hint) = said(asked(&[asks], true).expect_err("no survey"));
        assert!(problem.starts_with("issues/001-a.md:4: `survey: length` is unknown: there is no survey.toml"), "{problem}");
        assert!(hint.contains("docs/site.md"), "{hint}");
        write("survey.toml", SURVEY);
        assert_eq!(asked(&[plain], false).expect("read"), None);
        let number = asked(&[asks], true).expect("read");
        assert!(number.is_some());
        // A letter of several issues asks what one of them asks.
        assert_eq!(asked(&[plain, asks, plain], true).expect("read"), number);
        let (problem, hint) = said(asked(&[asks], false).expect_err("nowhere to answer"));
        assert!(problem.contains("001-a.md:4: ") && hint.contains("[site]"), "{problem} {hint}");

        // Drafts, also those to silent readers, are held back before they are published or sent; what is published stays.
        let loaded = load(home.path()).expect("loaded");
        let found: Vec<String> =
            loaded.diagnostics.iter().filter(|found| found.path.starts_with("drafts/")).map(ToString::to_string).collect();
        let [draft, silent] = &found[..] else { panic!("{found:?}") };
        assert!(draft.starts_with("drafts/c.md:4:") && draft.contains("`survey: lenght` is unknown: survey.toml asks `length`"), "{draft}");
        assert!(silent.starts_with("drafts/silent.md:5:") && silent.contains("`survey: other`"), "{silent}");
        assert!(loaded.win_backs.is_empty() && loaded.shelf.issues.len() == 2, "{loaded:?}");
        write("survey.toml", "name = 1\n");
        let loaded = load(home.path()).expect("loaded");
        assert!(loaded.diagnostics.iter().any(|found| found.to_string().contains("`survey: lenght`: survey.toml:1:")), "{loaded:?}");
        assert!(asked(&[asks], true).is_err());
        write(asks, "---\ntitle: A\nid: 1\nsurvey: [a, b]\n---\nA.\n");
        assert!(asked(&[asks], true).is_err(), "what can't be read is no letter without a survey");
    }
}
