//! Rendering the publication into `site/`: pages, feeds, sitemap; with `[site]` also what makes it an app.
//!
//! Must stay true: the bytes depend on the home's files, the settings and the program only, never on a clock or on the order
//! in which things were done; a render that was cut off anywhere is put right by the next one; a page that is public is
//! never lost to a fault in its source.

mod app;
mod feeds;
mod gather;
mod lists;
mod manifest;
pub(crate) mod markdown;
mod output;
mod page;
pub(crate) mod picture;
mod plain;
mod references;
mod stamp;
mod templates;

use std::path::Path;

use crate::disk::{DiskError, Root, sha256};
use crate::settings::Publication;
use crate::shelf::FileDiagnostic;

pub(crate) use plain::{outside, outside_alone};

use gather::{Page, gather};
use manifest::Manifest;
use output::Output;
use stamp::DiskTime;
use templates::Templates;
pub(crate) use templates::fault;

/// What a render did. Paths are relative to the home.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderReport {
    /// Files that were written.
    pub written: Vec<String>,
    /// How many were right as they were.
    pub unchanged: usize,
    /// Files of ours that are no longer needed.
    pub removed: Vec<String>,
    /// What readers would stumble over: links that lead nowhere, issues that can't be shown.
    pub warnings: Vec<FileDiagnostic>,
}

/// Why the site could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file can't be read or written.
    #[error("failed to render the site: {0}")]
    Disk(#[from] DiskError),
    /// A template is wrong.
    #[error("{path}:{line}: {message}")]
    Template {
        /// The template.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A file of the app could not be written as JSON.
    #[error("failed to write {file}: {message}")]
    App {
        /// The file.
        file: &'static str,
        /// The writer's words.
        message: String,
    },
    /// A feed could not be written as XML or JSON.
    #[error("failed to write the feed {feed}: {message}")]
    Feed {
        /// Its file.
        feed: &'static str,
        /// The writer's words.
        message: String,
    },
}

impl SiteError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SiteError::Disk(error) => error.hint(),
            SiteError::Template { path, .. } => Some(format!("mend {path}, or remove it to use the one that the program carries")),
            SiteError::Feed { .. } | SiteError::App { .. } => None,
        }
    }
}

/// What all pages share while a site is rendered.
struct Site<'a> {
    root: &'a Root,
    publication: &'a Publication,
    templates: &'a Templates,
    /// The stylesheet.
    style: String,
    /// Digest of the program, the templates and the settings.
    shell: String,
    /// When the render began, by the disk's clock.
    began: DiskTime,
    /// Issues, the newest first.
    pages: Vec<Page>,
}

/// Whether the site was rendered at all: a cheap look, for a home that has issues.
pub(crate) fn is_there(root: &Root) -> bool {
    root.inside(manifest::PATH).is_ok() && root.inside(&format!("{}/index.html", output::SITE)).is_ok()
}

/// Renders what has changed since the last time, or all of it.
///
/// # Errors
///
/// When a file can't be read or written, or a template is wrong. The site is as it was, or partly new; the next render
/// finishes it.
pub fn render(home: &Path, publication: &Publication) -> Result<RenderReport, SiteError> {
    render_reaching(home, publication, &|| {})
}

/// The same; `pages_written` is told when the pages stand and the lists and feeds do not yet.
pub(crate) fn render_reaching(home: &Path, publication: &Publication, pages_written: &dyn Fn()) -> Result<RenderReport, SiteError> {
    let root = Root::open(home)?;
    let templates = Templates::load(&root)?;
    let style = app::stylesheet(publication, templates.style());
    let shell = shell_of(publication, &templates);
    let last = Manifest::load(&root);
    let mut warnings = Vec::new();
    let began = DiskTime::now(&root)?;
    let pages = gather(&root, &last, &shell, began, &mut warnings)?;
    let mut site = Site { root: &root, publication, templates: &templates, style, shell, began, pages };
    let mut output = Output::new(&root, last.files.clone());

    page::write_all(&mut site, &last, &mut output, &mut warnings)?;
    pages_written();
    lists::write(&site, &mut output)?;
    let feeds = feeds::write(&site, &last, &mut output)?;
    app::write(&site, &mut output)?;
    references::check(&site, &output, &mut warnings);

    let settled = output.settle()?;
    let foreign = settled.foreign.iter().map(|path| changed_by_others(path));
    warnings.extend(foreign);
    warnings.sort_by(|a, b| (&a.path, a.diagnostic.line, &a.diagnostic.message).cmp(&(&b.path, b.diagnostic.line, &b.diagnostic.message)));
    let entries = site.pages.into_iter().map(|page| (page.path, page.entry)).collect();
    let manifest = Manifest { shell: site.shell, entries, feeds, files: settled.files, ..Manifest::default() };
    manifest.save(&root, &last)?;
    let full = |paths: Vec<String>| paths.into_iter().map(|path| format!("{}/{path}", output::SITE)).collect::<Vec<_>>();
    tracing::debug!(written = settled.written.len(), unchanged = settled.unchanged, removed = settled.removed.len(), "rendered");
    Ok(RenderReport { written: full(settled.written), unchanged: settled.unchanged, removed: full(settled.removed), warnings })
}

fn changed_by_others(path: &str) -> FileDiagnostic {
    let diagnostic = reveille_mission::Diagnostic::warning(
        1,
        1,
        "no longer part of the site, but somebody changed it, so it stays",
        "remove it if nobody needs it",
    );
    FileDiagnostic { path: format!("{}/{path}", output::SITE), diagnostic }
}

/// Digest of what every page depends on. The owner's address is on no page.
fn shell_of(publication: &Publication, templates: &Templates) -> String {
    let Publication { name, url, language, description, owner: _, served: _, readers_side: _ } = publication;
    let parts = [env!("CARGO_PKG_VERSION"), &templates.digest, name, url.as_str(), language, description.as_deref().unwrap_or_default()];
    sha256(format!("{:?}", (parts, app::digest(publication))).as_bytes())
}

#[cfg(test)]
mod tests;
