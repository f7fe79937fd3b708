//! Whether a draft may be published as it stands.
//!
//! Must stay true: what is said here before publishing is checked again, by the same code, when it is published.

use reveille_mission::{Diagnostic, Issue, Stage};

use super::{Listed, issue_of, no_issue, text_of, wrong_slug, wrong_subjects};
use crate::answers::asking::wrong_survey;
use crate::disk::Root;
use crate::front_matter::{FrontMatter, parse, split};
use crate::site::markdown::scan;
use crate::site::picture;

/// A draft that may be published.
#[derive(Debug)]
pub(crate) struct Draft {
    /// As it stands on the shelf.
    pub(crate) issue: Issue,
    /// Its fields.
    pub(crate) front: FrontMatter,
    /// The file.
    pub(crate) text: String,
    /// The pictures it shows, as paths relative to the home.
    pub(crate) pictures: Vec<String>,
}

/// Why a draft may not be published.
#[derive(Debug)]
pub(crate) struct Faults {
    /// The draft, as far as it could be read.
    pub(crate) issue: Option<Issue>,
    /// At least one fault.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads a draft and finds everything that stands against publishing it.
pub(crate) fn examine(root: &Root, listed: &Listed, published: &[Issue]) -> Result<Draft, Box<Faults>> {
    let text = listed.bytes(root).and_then(text_of);
    let read = text.and_then(|text| parse(&text).map(|front| (text, front)));
    let (text, front) = read.map_err(|diagnostic| Box::new(Faults { issue: None, diagnostics: vec![diagnostic] }))?;
    let issue = issue_of(&listed.path, &front, if front.ready { Stage::Ready } else { Stage::Draft });
    let mut diagnostics = Vec::new();
    if front.title.is_none() {
        diagnostics.push(Diagnostic::error(2, 1, "no title", "add a line like `title: \"What readers see\"`"));
    }
    diagnostics.extend(no_issue(&front));
    diagnostics.extend(wrong_slug(&front));
    diagnostics.extend(wrong_subjects(&front));
    diagnostics.extend(wrong_survey(root, &front));
    diagnostics.extend(taken(&front, published));
    let mut pictures = Vec::new();
    let (body, first_line) = split(&text).map_or((text.as_str(), 1), |parts| (parts.body, parts.body_line()));
    let scan = scan(body, first_line);
    let preview = front.image.iter().map(|image| (image.line, image.value.as_str()));
    for (line, to) in scan.pictures.iter().map(|picture| (picture.line, picture.to.as_str())).chain(preview) {
        match picture::find(root, &listed.path, to) {
            Ok(None) => {}
            Ok(Some(found)) => pictures.push(found.path),
            Err(error) => diagnostics.push(Diagnostic::error(line, 1, error.to_string(), error.hint())),
        }
    }
    pictures.sort();
    pictures.dedup();
    if diagnostics.is_empty() {
        Ok(Draft { issue, front, text, pictures })
    } else {
        Err(Box::new(Faults { issue: Some(issue), diagnostics }))
    }
}

/// What published issues stand against it. A slug made from the title gives way when it is published, one that the author
/// wrote does not.
fn taken(front: &FrontMatter, published: &[Issue]) -> Option<Diagnostic> {
    let same_id = front
        .id
        .as_ref()
        .and_then(|id| published.iter().find(|issue| issue.id == id.value && id.value.contains(':')).map(|issue| (id, issue)));
    if let Some((id, issue)) = same_id {
        let message = format!("it is published already, as {}", issue.path);
        return Some(Diagnostic::error(id.line, 1, message, "remove the draft, or its `id:` line if it is to be another issue"));
    }
    let slug = front.slug.as_ref()?;
    let other = published.iter().find(|issue| issue.slug.eq_ignore_ascii_case(&slug.value))?;
    let message = format!("`slug: {}` is the address of {}", slug.value, other.path);
    Some(Diagnostic::error(slug.line, 1, message, "choose another `slug:`"))
}
