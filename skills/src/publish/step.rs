//! The steps from draft to issue, each of which can be the last one before a crash.
//!
//! Must stay true: every step can be done again; after any of them either the draft is the only one with its id, or the
//! issue is whole.

use reveille_mission::Issue;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};
use url::Url;

use super::PublishError;
use crate::disk::{DiskError, Root};
use crate::front_matter::{complete, parse, split};
use crate::shelf::{DRAFTS, Draft, ISSUES, list};

/// Says that a publication is under way.
const MARK: &str = "memory/publishing.json";

/// What is going to happen to a draft, decided before anything is changed.
pub(super) struct Plan {
    /// What it becomes.
    pub(super) issue: Issue,
    draft: String,
    /// The draft as it was found.
    found: String,
    /// The draft with the fields of an issue: the same as the issue but for `ready`.
    named: String,
    /// The issue's file.
    text: String,
    /// Pictures below the drafts' folder, from where to where.
    pictures: Vec<(String, String)>,
}

impl Plan {
    pub(super) fn new(root: &Root, draft: Draft, issue: Issue) -> Result<Self, PublishError> {
        let path = draft.issue.path.clone();
        let fields = [
            ("id", quoted(&issue.id)),
            ("number", issue.number.unwrap_or_default().to_string()),
            ("slug", quoted(&issue.slug)),
            ("date", issue.date.unwrap_or_default().to_string()),
        ];
        // What the author wrote and what is the same stays as it is written.
        let front = &draft.front;
        let there = [
            front.id.as_ref().is_some_and(|id| id.value == issue.id),
            front.number.as_ref().is_some_and(|number| Some(number.value) == issue.number),
            front.slug.as_ref().is_some_and(|slug| slug.value == issue.slug),
            front.date.as_ref().is_some_and(|date| Some(date.value) == issue.date),
        ];
        let missing: Vec<(&str, String)> = fields.into_iter().zip(there).filter(|(_, there)| !there).map(|(field, _)| field).collect();
        let edit = |set: &[(&str, String)], remove: &[&str], text: &str| {
            complete(text, set, remove).map_err(|source| PublishError::FrontMatter { path: path.clone(), source })
        };
        let named = edit(&missing, &[], &draft.text)?;
        let text = edit(&[], &["ready"], &named)?;
        let folder = format!("{DRAFTS}/");
        let moved = |from: String| from.strip_prefix(&folder).map(|rest| format!("{ISSUES}/{rest}")).map(|to| (from.clone(), to));
        let pictures: Vec<(String, String)> = draft.pictures.into_iter().filter_map(moved).collect();
        for to in pictures.iter().map(|(_, to)| to).chain([&issue.path]) {
            refuse_other(root, to, &pictures, &text)?;
        }
        Ok(Self { issue, draft: path, found: draft.text, named, text, pictures })
    }
}

/// A place is free, or holds already what is to stand there.
fn refuse_other(root: &Root, to: &str, pictures: &[(String, String)], text: &str) -> Result<(), PublishError> {
    let there = match root.read(to) {
        Err(missing) if missing.is_missing() => return Ok(()),
        other => other?,
    };
    let wanted = match pictures.iter().find(|(_, picture)| picture == to) {
        Some((from, _)) => root.read(from)?,
        None => text.as_bytes().to_owned(),
    };
    if there == wanted { Ok(()) } else { Err(PublishError::Occupied { path: to.to_owned() }) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// One step. Their names are those of the moment when they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
pub enum Step {
    /// Say that a publication is under way.
    #[strum(serialize = "after-mark")]
    Mark,
    /// Write id, number, slug and date into the draft.
    #[strum(serialize = "after-name")]
    Name,
    /// Copy the pictures.
    #[strum(serialize = "after-pictures")]
    Pictures,
    /// Make the issue's file: from now on it is published.
    #[strum(serialize = "after-issue")]
    Issue,
    /// Remove the draft.
    #[strum(serialize = "after-remove")]
    Remove,
    /// Write the pages; the lists and feeds are still to come.
    #[strum(serialize = "after-pages")]
    Pages,
}

/// Those from draft to issue, in their order. Rendering and taking the mark away follow.
pub(super) const STEPS: [Step; 5] = [Step::Mark, Step::Name, Step::Pictures, Step::Issue, Step::Remove];

/// Which publication is under way.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The issue's id.
    pub(super) id: String,
    /// The draft's path.
    pub(super) draft: String,
}

impl Step {
    pub(super) fn run(self, root: &Root, plan: &Plan) -> Result<(), PublishError> {
        match self {
            Step::Mark => {
                let mark = serde_json::json!(Mark { id: plan.issue.id.clone(), draft: plan.draft.clone() }).to_string();
                Ok(root.write(MARK, mark.as_bytes())?)
            }
            Step::Name => {
                if root.read(&plan.draft)? != plan.found.as_bytes() {
                    return Err(PublishError::Changed { path: plan.draft.clone() });
                }
                if plan.named == plan.found { Ok(()) } else { Ok(root.write(&plan.draft, plan.named.as_bytes())?) }
            }
            Step::Pictures => plan.pictures.iter().try_for_each(|(from, to)| create_same(root, to, &root.read(from)?)),
            Step::Issue => create_same(root, &plan.issue.path, plan.text.as_bytes()),
            // A draft that was changed in this moment stays; the shelf says that its id is taken.
            Step::Remove => Ok(root.remove_same(&plan.draft, plan.named.as_bytes()).map(drop)?),
            // The site's, which writes them for all issues.
            Step::Pages => Ok(()),
        }
    }
}

/// Makes a file, or finds it as it is to be.
fn create_same(root: &Root, path: &str, bytes: &[u8]) -> Result<(), PublishError> {
    match root.create(path, bytes) {
        Err(DiskError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
            if root.read(path)? == bytes {
                Ok(())
            } else {
                Err(PublishError::Occupied { path: path.to_owned() })
            }
        }
        other => Ok(other?),
    }
}

/// Takes the mark away: nothing is under way any more.
pub(super) fn finish(root: &Root) -> Result<(), DiskError> {
    match root.read(MARK) {
        Ok(bytes) => root.remove_same(MARK, &bytes).map(drop),
        Err(missing) if missing.is_missing() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The publication that is under way. A mark that can't be read still says that there is one.
pub(super) fn under_way(root: &Root) -> Option<Mark> {
    let bytes = root.read(MARK).ok()?;
    Some(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Drafts that carry a URI as id, with it: an attempt has named them.
pub(super) fn drafts_with_id(root: &Root) -> Result<Vec<(String, String)>, DiskError> {
    let id_of = |head: String| parse(&head).ok()?.id.map(|id| id.value).filter(|id| Url::parse(id).is_ok());
    Ok(list(root, DRAFTS)?.into_iter().filter_map(|draft| Some((draft.path.clone(), id_of(draft.head(root).ok()?)?))).collect())
}

/// Removes a draft whose issue is out, if it is the same but for what publishing changes. Whether it was removed.
pub(super) fn remove_leftover(root: &Root, draft: &str, issue: &Issue) -> Result<bool, PublishError> {
    let bytes = root.read(draft)?;
    let text = String::from_utf8_lossy(&bytes);
    let other = String::from_utf8_lossy(&root.read(&issue.path)?).into_owned();
    let same = match (split(&text), split(&other)) {
        (Ok(draft), Ok(issue)) => draft.body == issue.body,
        _ => false,
    };
    Ok(same && root.remove_same(draft, &bytes)?)
}
