//! Loading the shelf: the drafts and issues of a home, from their front matter and their names.
//!
//! Must stay true: a file with a fault is said with its line and never stops the others; what has a fault that would show to
//! readers is not on the shelf, so that nothing can publish it; nothing outside the home is read.

mod draft;
mod folder;
mod win_back;

use std::collections::BTreeSet;
use std::path::Path;

use chrono::NaiveDate;
use reveille_mission::experiment::wrong_variants;
use reveille_mission::{Diagnostic, Issue, Shelf, Stage};
use serde::Serialize;

use crate::disk::{DiskError, Root};
use crate::front_matter::{FrontMatter, parse};

pub(crate) use draft::{Draft, examine};
pub(crate) use folder::{Listed, list, text_of};
pub use win_back::WinBack;
pub(crate) use win_back::{no_issue, text as win_back_text};

/// Where drafts lie.
pub(crate) const DRAFTS: &str = "drafts";
/// Where issues lie.
pub(crate) const ISSUES: &str = "issues";

/// A finding and the file it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiagnostic {
    /// The file, relative to the home, with `/`.
    pub path: String,
    /// The finding.
    #[serde(flatten)]
    pub diagnostic: Diagnostic,
}

impl FileDiagnostic {
    pub(crate) fn new(path: &str, diagnostic: Diagnostic) -> Self {
        Self { path: path.to_owned(), diagnostic }
    }
}

impl std::fmt::Display for FileDiagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.path, self.diagnostic)
    }
}

/// What was found in a home.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Issues, and drafts that may be published.
    pub shelf: Shelf,
    /// Letters to silent readers: drafts that are never published.
    pub win_backs: Vec<WinBack>,
    /// Those with a fault, as far as they could be read.
    pub unfit: Vec<Issue>,
    /// Every fault, in the order of the paths.
    pub diagnostics: Vec<FileDiagnostic>,
}

impl Loaded {
    /// Holds back drafts that are ready but carry a date after today: the author has set the day.
    #[must_use]
    pub fn as_of(mut self, today: NaiveDate) -> Self {
        for issue in self.shelf.issues.iter_mut().filter(|issue| issue.stage == Stage::Ready) {
            if let Some(date) = issue.date.filter(|date| *date > today) {
                issue.stage = Stage::Draft;
                let diagnostic = Diagnostic::warning(
                    1,
                    1,
                    format!("ready, but dated {date}"),
                    "it is published on that day; remove `date:` to publish it now",
                );
                self.diagnostics.push(FileDiagnostic::new(&issue.path, diagnostic));
            }
        }
        self
    }
}

/// Why there is no shelf at all.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The home, or a folder in it, can't be read.
    #[error("failed to load drafts and issues: {0}")]
    Disk(#[from] DiskError),
}

impl ShelfError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        let ShelfError::Disk(error) = self;
        error.hint()
    }
}

/// Loads `issues/*.md` (front matter only) and `drafts/*.md`. Folders that are not there are empty.
///
/// # Errors
///
/// When the home or one of the two folders can't be read; a fault in a file is a diagnostic.
pub fn load(home: &Path) -> Result<Loaded, ShelfError> {
    let root = Root::open(home)?;
    let mut loaded = Loaded::default();
    let issues = load_issues(&root, &mut loaded)?;
    for listed in list(&root, DRAFTS)? {
        if let Some(letter) = win_back::read(&root, &listed) {
            match letter {
                Ok(letter) => loaded.win_backs.push(letter),
                Err(faults) => loaded.diagnostics.extend(faults.into_iter().map(|found| FileDiagnostic::new(&listed.path, found))),
            }
            continue;
        }
        match examine(&root, &listed, &issues) {
            Ok(draft) => {
                loaded.diagnostics.extend(wordless_picture(&draft.front).map(|found| FileDiagnostic::new(&listed.path, found)));
                loaded.shelf.issues.push(draft.issue);
            }
            Err(faults) => {
                loaded.unfit.extend(faults.issue);
                loaded.diagnostics.extend(faults.diagnostics.into_iter().map(|diagnostic| FileDiagnostic::new(&listed.path, diagnostic)));
            }
        }
    }
    refuse_same_slugs(&mut loaded);
    win_back::refuse_same_stages(&mut loaded);
    loaded.shelf.issues.extend(issues);
    loaded.diagnostics.sort_by(|a, b| (&a.path, a.diagnostic.line).cmp(&(&b.path, b.diagnostic.line)));
    Ok(loaded)
}

/// How many issues a new reader is given to start from.
const STARTS: usize = 3;

/// The issues that a new reader may start from: those that the author marked with `start: true`, else the newest; three at most, the
/// newest first.
///
/// # Errors
///
/// When the home or its folder of issues can't be read.
pub fn starts(home: &Path) -> Result<Vec<Issue>, ShelfError> {
    let root = Root::open(home)?;
    let mut issues = load_issues(&root, &mut Loaded::default())?;
    let mut marked = BTreeSet::new();
    for listed in list(&root, ISSUES)? {
        if listed.head(&root).and_then(|head| parse(&head)).is_ok_and(|front| front.start) {
            marked.insert(listed.path);
        }
    }
    if issues.iter().any(|issue| marked.contains(&issue.path)) {
        issues.retain(|issue| marked.contains(&issue.path));
    }
    issues.sort_by(|a, b| (b.date, b.number, &b.path).cmp(&(a.date, a.number, &a.path)));
    issues.truncate(STARTS);
    Ok(issues)
}

fn load_issues(root: &Root, loaded: &mut Loaded) -> Result<Vec<Issue>, DiskError> {
    let mut taken = Taken::default();
    let mut issues = Vec::new();
    for listed in list(root, ISSUES)? {
        let read = listed.head(root).and_then(|head| parse(&head));
        let checked = read.and_then(|front| {
            let issue = issue_of(&listed.path, &front, Stage::Published);
            match no_issue(&front).or_else(|| taken.refuse(&issue, &front)).or_else(|| wrong_slug(&front)) {
                Some(diagnostic) => Err(diagnostic),
                None => Ok((issue, wordless_picture(&front))),
            }
        });
        match checked {
            Ok((issue, wordless)) => {
                loaded.diagnostics.extend(wordless.map(|found| FileDiagnostic::new(&listed.path, found)));
                if issue.date.is_none() {
                    let diagnostic =
                        Diagnostic::warning(1, 1, "no date", "add a line like `date: 2026-11-20`; without one it is not in the feeds");
                    loaded.diagnostics.push(FileDiagnostic::new(&listed.path, diagnostic));
                }
                issues.push(issue);
            }
            Err(diagnostic) => {
                loaded.unfit.push(issue_of(&listed.path, &FrontMatter::default(), Stage::Published));
                loaded.diagnostics.push(FileDiagnostic::new(&listed.path, diagnostic));
            }
        }
    }
    Ok(issues)
}

/// Ids and slugs that are in use. On the disks of Macs, names that differ only in case are the same.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    ids: BTreeSet<String>,
    slugs: BTreeSet<String>,
}

impl Taken {
    /// Takes an issue's id and slug, or says what stands against it.
    pub(crate) fn refuse(&mut self, issue: &Issue, front: &FrontMatter) -> Option<Diagnostic> {
        if !self.ids.insert(issue.id.clone()) {
            let line = front.id.as_ref().map_or(1, |id| id.line);
            return Some(Diagnostic::error(line, 1, format!("another issue has the id `{}`", issue.id), "give each issue its own `id:`"));
        }
        if !self.slugs.insert(issue.slug.to_lowercase()) {
            let line = front.slug.as_ref().map_or(1, |slug| slug.line);
            return Some(Diagnostic::error(
                line,
                1,
                format!("another issue has the address `{}`", issue.slug),
                "give each issue its own `slug:`",
            ));
        }
        None
    }
}

/// Two drafts that want the same address: the later one waits.
fn refuse_same_slugs(loaded: &mut Loaded) {
    let mut seen = BTreeSet::new();
    let (kept, refused) = std::mem::take(&mut loaded.shelf.issues).into_iter().partition(|draft| seen.insert(draft.slug.to_lowercase()));
    loaded.shelf.issues = kept;
    for draft in refused {
        let diagnostic =
            Diagnostic::error(1, 1, format!("another draft has the address `{}`", draft.slug), "give each draft its own title or `slug:`");
        loaded.diagnostics.push(FileDiagnostic::new(&draft.path, diagnostic));
        loaded.unfit.push(draft);
    }
}

/// A picture that goes with no post, for nothing says what it shows.
fn wordless_picture(front: &FrontMatter) -> Option<Diagnostic> {
    let image = front.image.as_ref().filter(|_| front.image_alt.is_none())?;
    let message = format!("`image: {}` has no words, so it goes with no post", image.value);
    Some(Diagnostic::warning(image.line, 1, message, "say what it shows: `image_alt: \"…\"`"))
}

/// What front matter and name say of a file.
pub(crate) fn issue_of(path: &str, front: &FrontMatter, stage: Stage) -> Issue {
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".md");
    let (digits, rest) = name_parts(stem);
    let by_id = front.id.as_ref().and_then(|id| id.value.parse::<u32>().ok());
    let number = front.number.as_ref().map(|number| number.value).or(by_id).or(digits);
    let title = front.title.as_ref().map_or_else(|| rest.replace('-', " "), |title| title.value.clone());
    let slug = match (&front.slug, stage) {
        (Some(slug), _) => slug.value.clone(),
        (None, Stage::Published) => slug_of(rest, number),
        (None, _) => slug_of(&title, number),
    };
    let id = match stage {
        Stage::Published => front.id.as_ref().map(|id| id.value.clone()).or(number.map(|number| number.to_string())),
        Stage::Draft | Stage::Ready => None,
    };
    Issue {
        id: id.unwrap_or_else(|| path.to_owned()),
        number,
        title,
        slug,
        date: front.date.as_ref().map(|date| date.value),
        summary: front.summary.clone(),
        hooks: front.hooks.clone(),
        tags: front.tags.clone(),
        mail: front.mail,
        thread: front.thread,
        stage,
        path: path.to_owned(),
    }
}

/// A file's name as its leading number and the rest. A date in front is no number.
fn name_parts(stem: &str) -> (Option<u32>, &str) {
    let digits = stem.find(|c: char| !c.is_ascii_digit()).unwrap_or(stem.len());
    let (number, rest) = stem.split_at(digits);
    let dated = stem.get(..10).is_some_and(|start| start.parse::<NaiveDate>().is_ok());
    match number.parse() {
        Ok(number) if !dated => (Some(number), rest.trim_start_matches(['-', '_', ' ', '.'])),
        _ => (None, stem),
    }
}

/// The longest slug that is made from a title.
const LONGEST_SLUG: usize = 80;

fn slug_of(words: &str, number: Option<u32>) -> String {
    let slug = slug::slugify(words);
    let slug = match slug.get(..LONGEST_SLUG) {
        Some(start) if slug.len() > LONGEST_SLUG => start.rsplit_once('-').map_or(start, |(whole, _)| whole),
        _ => &slug,
    };
    match (slug, number) {
        ("", Some(number)) => format!("issue-{number}"),
        ("", None) => "untitled".to_owned(),
        (slug, _) => slug.to_owned(),
    }
}

/// What is wrong with a slug that the author wrote: it becomes a folder's name and part of an address.
pub(crate) fn wrong_slug(front: &FrontMatter) -> Option<Diagnostic> {
    let slug = front.slug.as_ref()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let fine = slug.value.len() <= 120 && slug.value.chars().all(allowed) && !slug.value.starts_with('.');
    let suggested = slug_of(&slug.value, None);
    (!fine).then(|| {
        let message = format!("`slug: {}` can't be the last part of an address", slug.value);
        Diagnostic::error(slug.line, 1, message, format!("write small letters, digits and `-`, like `slug: {suggested}`"))
    })
}

/// The longest subject of a mail, in UTF-16 units: as for a title that is told by mail.
const LONGEST_SUBJECT: usize = 200;

/// What is wrong with subject lines that the author wrote: a letter goes out with one of them.
pub(crate) fn wrong_subjects(front: &FrontMatter) -> Option<Diagnostic> {
    let subjects = front.subjects.as_ref()?;
    let long = subjects.value.iter().any(|one| one.encode_utf16().count() > LONGEST_SUBJECT);
    let too_long = long.then(|| format!("one has more than {LONGEST_SUBJECT} characters"));
    let problem = wrong_variants(&subjects.value).or(too_long)?;
    let hint = "write two to four that differ, like `subjects: [\"One\", \"Another\"]`, or remove the line";
    Some(Diagnostic::error(subjects.line, 1, format!("`subjects`: {problem}"), hint))
}

#[cfg(test)]
mod tests;
