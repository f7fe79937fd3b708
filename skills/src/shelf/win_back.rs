//! Letters to readers who have fallen silent: drafts with `retain: 7`, `30` or `60` in their front matter.
//!
//! Must stay true: such a letter is never on the shelf, so nothing publishes it; which of two is meant is never guessed.

use chrono::NaiveDate;
use reveille_mission::Diagnostic;

use super::{FileDiagnostic, Listed, Loaded, text_of};
use crate::answers::asking::wrong_survey;
use crate::disk::{DiskError, Root, sha256};
use crate::front_matter::{FrontMatter, parse, split};
use crate::site::markdown::scan;
use crate::site::picture::local;

/// A letter that its author wrote to readers who are silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WinBack {
    /// For whom: silent for so many days, one of [`reveille_mission::LAPSED_DAYS`].
    pub stage: u16,
    /// The subject.
    pub title: String,
    /// The author has released it.
    pub ready: bool,
    /// Another one that is released for the same stage: as long as there is one, neither goes out.
    pub rival: Option<String>,
    /// Not before this day.
    pub date: Option<NaiveDate>,
    /// The file, relative to the home, with `/`.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: String,
}

/// Why a text with `retain:` is no issue, if it has one.
pub(crate) fn no_issue(front: &FrontMatter) -> Option<Diagnostic> {
    let retain = front.retain.as_ref()?;
    let message = format!("`retain: {}` makes it a letter to silent readers, which is no issue", retain.value);
    Some(Diagnostic::error(retain.line, 1, message, "keep it in drafts/, or remove the line to publish it"))
}

/// The letter that a draft is; nothing where it is a draft of an issue, or its head can't be read.
pub(super) fn read(root: &Root, listed: &Listed) -> Option<Result<WinBack, Vec<Diagnostic>>> {
    let front = listed.head(root).and_then(|head| parse(&head)).ok()?;
    let retain = front.retain.as_ref()?;
    let text = match listed.bytes(root).and_then(text_of) {
        Ok(text) => text,
        Err(diagnostic) => return Some(Err(vec![diagnostic])),
    };
    let mut faults = Vec::new();
    if front.title.is_none() {
        faults.push(Diagnostic::error(2, 1, "no title", "add a line like `title: \"What readers see\"`: it is the subject"));
    }
    faults.extend(wrong_survey(root, &front));
    let (body, first_line) = split(&text).map_or((text.as_str(), 1), |parts| (parts.body, parts.body_line()));
    let beside = scan(body, first_line).pictures.into_iter().filter(|picture| local(&listed.path, &picture.to).is_some());
    faults.extend(beside.map(|picture| {
        let message = format!("`{}` is on no page that a mail could show it from", picture.to);
        Diagnostic::error(picture.line, 1, message, "give the whole address of a picture that is on the web, or leave it out")
    }));
    if !faults.is_empty() {
        return Some(Err(faults));
    }
    Some(Ok(WinBack {
        stage: retain.value,
        title: front.title.map(|title| title.value).unwrap_or_default(),
        ready: front.ready,
        rival: None,
        date: front.date.map(|date| date.value),
        path: listed.path.clone(),
        digest: sha256(text.as_bytes()),
    }))
}

/// The letters to silent readers of a home, as they are now, with their text.
///
/// # Errors
/// The file can't be read any more.
pub(crate) fn text(root: &Root, letter: &WinBack) -> Result<String, DiskError> {
    Ok(String::from_utf8_lossy(&root.read(&letter.path)?).into_owned())
}

/// Of two that are ready for the same stage neither goes out.
pub(super) fn refuse_same_stages(loaded: &mut Loaded) {
    let (ready, kept): (Vec<WinBack>, _) = std::mem::take(&mut loaded.win_backs).into_iter().partition(|letter| letter.ready);
    loaded.win_backs = kept;
    for letter in &ready {
        match ready.iter().find(|other| other.stage == letter.stage && other.path != letter.path) {
            None => loaded.win_backs.push(letter.clone()),
            Some(other) => {
                let message = format!("{} is for readers silent for {} days, too", other.path, letter.stage);
                let diagnostic = Diagnostic::error(1, 1, message, "set `ready: false` in all but one: until then none is sent");
                loaded.diagnostics.push(FileDiagnostic::new(&letter.path, diagnostic));
                loaded.win_backs.push(WinBack { rival: Some(other.path.clone()), ..letter.clone() });
            }
        }
    }
}
