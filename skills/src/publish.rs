//! The skill `publish`: a draft that the author has released becomes an issue, on the site and in the feeds.
//!
//! Must stay true: the same draft never becomes two issues, whatever is cut off when; the issue file, made whole in one
//! step, is the moment of publication; nothing that the author changed meanwhile is lost; it counts as done only when the
//! page and the feed entry were read back.

mod prove;
mod step;

use std::path::Path;

use chrono::{DateTime, Datelike, Utc};
use reveille_mission::{Diagnostic, Issue, Stage};
use url::Url;

use crate::address::tag_uri;
use crate::disk::{DiskError, Root};
use crate::front_matter::EditError;
use crate::settings::Publication;
use crate::shelf::{DRAFTS, Draft, FileDiagnostic, ISSUES, Listed, Loaded, ShelfError, examine, load};
use crate::site::{self, SiteError, render};

pub use prove::{Evidence, EvidenceKind, ProveError, prove};
pub use step::Step;
use step::{Plan, STEPS};

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The issue, as it now stands on the shelf.
    pub issue: Issue,
    /// The address of its page.
    pub url: Url,
    /// What the render wants to be known.
    pub warnings: Vec<FileDiagnostic>,
}

/// Why a draft was not published, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The draft has faults.
    #[error("{path} can't be published: {first}")]
    Unfit {
        /// The draft.
        path: String,
        /// The first fault.
        first: Diagnostic,
        /// All of them.
        all: Vec<Diagnostic>,
    },
    /// It is no draft (any more).
    #[error("{path} is no draft")]
    NoDraft {
        /// What was given.
        path: String,
    },
    /// The author has set a later day.
    #[error("{path} is dated {date}, which is still to come")]
    TooEarly {
        /// The draft.
        path: String,
        /// The day.
        date: chrono::NaiveDate,
    },
    /// Its front matter can't take the fields of an issue.
    #[error("{path}: {source}")]
    FrontMatter {
        /// The draft.
        path: String,
        /// Why.
        source: EditError,
    },
    /// A file of another content stands where a new one has to be.
    #[error("{path} is there already, with another content")]
    Occupied {
        /// The file.
        path: String,
    },
    /// Somebody changed the draft while it was published.
    #[error("{path} was changed while it was published")]
    Changed {
        /// The draft.
        path: String,
    },
    /// The settings' address can't carry pages.
    #[error("`url` in the settings, {url}, is no address for pages")]
    Address {
        /// The address.
        url: String,
    },
    /// The shelf can't be loaded.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// A file can't be read or written.
    #[error("failed to publish: {0}")]
    Disk(#[from] DiskError),
    /// The issue is there, the site is not: the next wake renders it.
    #[error(transparent)]
    Site(#[from] SiteError),
}

impl PublishError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            PublishError::Unfit { first, .. } => first.hint.clone(),
            PublishError::NoDraft { .. } => Some(format!("name a file in {DRAFTS}/")),
            PublishError::TooEarly { .. } => Some("remove `date:` to publish it now".to_owned()),
            PublishError::FrontMatter { source, .. } => source.hint(),
            PublishError::Occupied { .. } => Some("rename one of the two".to_owned()),
            PublishError::Changed { .. } => Some("finish the change; the next wake looks again".to_owned()),
            PublishError::Address { .. } => Some("write it like `url = \"https://letter.example\"`".to_owned()),
            PublishError::Shelf(error) => error.hint(),
            PublishError::Disk(error) => error.hint(),
            PublishError::Site(error) => error.hint(),
        }
    }
}

/// The public address of an issue's page.
///
/// # Errors
///
/// When the settings' `url` can't carry pages (`mailto:` and the like).
pub fn address(publication: &Publication, issue: &Issue) -> Result<Url, PublishError> {
    let wrong = || PublishError::Address { url: publication.url.to_string() };
    if !matches!(publication.url.scheme(), "http" | "https") || publication.url.host_str().is_none() {
        return Err(wrong());
    }
    publication.issue_address(&issue.slug).parse().map_err(|_| wrong())
}

/// The stable id that a draft has or will get: what the ledger calls the publication before it begins.
///
/// # Errors
///
/// As [`publish`], before anything is changed.
pub fn id_for(home: &Path, publication: &Publication, draft: &Issue, now: DateTime<Utc>) -> Result<String, PublishError> {
    match out_already(home, draft)? {
        Some(issue) => Ok(issue.id),
        None => Ok(prepare(home, publication, draft, now)?.1.issue.id),
    }
}

/// Makes a draft an issue and renders the site. To be proved by [`prove()`].
///
/// Done again after it was cut off anywhere, it goes on where it stopped. `reached` is told of every step that is done.
///
/// # Errors
///
/// A fault of the draft leaves everything as it was. After a fault of the disk or the site, [`repair`] finishes what can
/// be finished.
pub fn publish(
    home: &Path,
    publication: &Publication,
    draft: &Issue,
    now: DateTime<Utc>,
    reached: &dyn Fn(Step),
) -> Result<Published, PublishError> {
    let issue = match out_already(home, draft)? {
        Some(issue) => {
            repair(home, publication)?;
            issue
        }
        None => {
            let (root, plan) = prepare(home, publication, draft, now)?;
            STEPS.into_iter().try_for_each(|step| step.run(&root, &plan).inspect(|()| reached(step)))?;
            plan.issue
        }
    };
    let report = site::render_reaching(home, publication, &|| reached(Step::Pages))?;
    step::finish(&Root::open(home)?)?;
    tracing::info!(issue = issue.id, path = issue.path, "published");
    Ok(Published { url: address(publication, &issue)?, issue, warnings: report.warnings })
}

/// The issue that an attempt which was cut off has already made of a draft.
fn out_already(home: &Path, draft: &Issue) -> Result<Option<Issue>, PublishError> {
    let root = Root::open(home)?;
    let marked = step::under_way(&root).filter(|mark| mark.draft == draft.path).map(|mark| mark.id);
    let named =
        || -> Result<_, DiskError> { Ok(step::drafts_with_id(&root)?.into_iter().find(|(path, _)| *path == draft.path).map(|(_, id)| id)) };
    let id = match marked {
        Some(id) => Some(id),
        None => named()?,
    };
    let Some(id) = id else { return Ok(None) };
    Ok(load(home)?.shelf.by_id(&id).filter(|issue| issue.stage == Stage::Published).cloned())
}

/// Looks at the draft as it is now and decides what it will be.
fn prepare(home: &Path, publication: &Publication, draft: &Issue, now: DateTime<Utc>) -> Result<(Root, Plan), PublishError> {
    let root = Root::open(home)?;
    let loaded = load(home)?;
    if draft.stage == Stage::Published || !draft.path.starts_with(&format!("{DRAFTS}/")) || draft.path.contains("..") {
        return Err(PublishError::NoDraft { path: draft.path.clone() });
    }
    let published: Vec<Issue> = loaded.shelf.published().cloned().collect();
    let found = examine(&root, &Listed::at(&draft.path), &published).map_err(|faults| unfit(&draft.path, faults.diagnostics))?;
    if let Some(date) = found.issue.date.filter(|date| *date > now.date_naive()) {
        return Err(PublishError::TooEarly { path: draft.path.clone(), date });
    }
    let issue = named(publication, &loaded, &found, now);
    address(publication, &issue)?;
    Ok((root.clone(), Plan::new(&root, found, issue)?))
}

fn unfit(path: &str, all: Vec<Diagnostic>) -> PublishError {
    match all.first().cloned() {
        Some(first) => PublishError::Unfit { path: path.to_owned(), first, all },
        None => PublishError::NoDraft { path: path.to_owned() },
    }
}

/// The issue that a draft becomes. Names that an earlier attempt wrote into the draft are kept.
fn named(publication: &Publication, loaded: &Loaded, draft: &Draft, now: DateTime<Utc>) -> Issue {
    let others: Vec<&Issue> = loaded.shelf.published().chain(loaded.unfit.iter().filter(|issue| issue.stage == Stage::Published)).collect();
    let next = others.iter().filter_map(|issue| issue.number).max().unwrap_or(0).saturating_add(1);
    let own = draft.issue.number.filter(|number| others.iter().all(|issue| issue.number != Some(*number)));
    let number = own.unwrap_or(next);
    let date = draft.issue.date.unwrap_or(now.date_naive());
    let is_taken = |slug: &str| others.iter().any(|issue| issue.slug.eq_ignore_ascii_case(slug));
    let slug = match draft.issue.slug.as_str() {
        // Only one that was made from the title can be taken here.
        slug if is_taken(slug) => format!("{slug}-{number}"),
        slug => slug.to_owned(),
    };
    let kept = draft.front.id.as_ref().map(|id| id.value.clone()).filter(|id| Url::parse(id).is_ok());
    Issue {
        id: kept.unwrap_or_else(|| tag_uri(publication, date.year(), number)),
        number: Some(number),
        path: format!("{ISSUES}/{number:03}-{slug}.md"),
        slug,
        date: Some(date),
        stage: Stage::Published,
        ..draft.issue.clone()
    }
}

/// Finishes what a crash left: removes the leftover draft of an issue that is out, removes half-written files, and renders
/// the site if a publication was under way or the site is missing. The issues whose publication is finished by it.
///
/// Without anything to do it costs a look at the drafts.
///
/// # Errors
///
/// When a file can't be read or written, or the site can't be rendered.
pub fn repair(home: &Path, publication: &Publication) -> Result<Vec<Issue>, PublishError> {
    let root = Root::open(home)?;
    let under_way = step::under_way(&root);
    let leftovers = step::drafts_with_id(&root)?;
    let wants_site = || -> Result<bool, PublishError> { Ok(!site::is_there(&root) && load(home)?.shelf.published().next().is_some()) };
    if under_way.is_none() && leftovers.is_empty() {
        if wants_site()? {
            render(home, publication)?;
        }
        return Ok(vec![]);
    }
    root.sweep(DRAFTS)?;
    root.sweep(ISSUES)?;
    let published: Vec<Issue> = load(home)?.shelf.published().cloned().collect();
    let mut finished: Vec<Issue> = Vec::new();
    for (path, id) in leftovers {
        if let Some(issue) = published.iter().find(|issue| issue.id == id)
            && step::remove_leftover(&root, &path, issue)?
        {
            finished.push(issue.clone());
        }
    }
    if let Some(mark) = under_way {
        finished.extend(published.iter().find(|issue| issue.id == mark.id && !finished.contains(issue)).cloned());
        render(home, publication)?;
        step::finish(&root)?;
    } else if !finished.is_empty() || wants_site()? {
        render(home, publication)?;
    }
    Ok(finished)
}

#[cfg(test)]
mod tests;
