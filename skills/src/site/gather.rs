//! From the files in `issues/` to pages: what is unchanged comes from the manifest, the rest is read.
//!
//! Must stay true: a source is taken as unchanged only if its bytes, or a stamp that no change could leave the same, say so;
//! a source that can't be read any more keeps
//! the page that it had.

use std::cmp::Reverse;

use reveille_mission::{Diagnostic, Issue, Stage};

use super::manifest::{Entry, Manifest};
use super::markdown::scan;
use super::stamp::{DiskTime, Stamp};
use crate::disk::{DiskError, Root, sha256};
use crate::front_matter::{FrontMatter, parse, split};
use crate::shelf::{FileDiagnostic, ISSUES, Listed, Taken, issue_of, list, no_issue, text_of, wrong_slug};

/// One issue on its way to the site.
pub(super) struct Page {
    /// The source, relative to the home.
    pub(super) path: String,
    /// What is known of it.
    pub(super) entry: Entry,
    /// The Markdown, where it was read this time.
    pub(super) body: Option<String>,
    /// The source can't be shown: the page stays as it was.
    pub(super) held: bool,
}

impl Page {
    pub(super) fn issue(&self) -> &Issue {
        &self.entry.issue
    }

    /// The page's folder below `site/`.
    pub(super) fn folder(&self) -> String {
        format!("issues/{}/", self.entry.issue.slug)
    }

    /// The Markdown, read now if it was not before.
    pub(super) fn body(&self, root: &Root) -> Result<String, DiskError> {
        match &self.body {
            Some(body) => Ok(body.clone()),
            None => {
                let text = String::from_utf8_lossy(&root.read(&self.path)?).into_owned();
                Ok(split(&text).map_or(text.as_str(), |parts| parts.body).to_owned())
            }
        }
    }
}

/// All issues, the newest first. What another shell (an older program, other settings) knew of a text is not used.
pub(super) fn gather(
    root: &Root,
    last: &Manifest,
    shell: &str,
    began: DiskTime,
    warnings: &mut Vec<FileDiagnostic>,
) -> Result<Vec<Page>, DiskError> {
    let mut taken = Taken::default();
    let mut pages = Vec::new();
    for listed in list(root, ISSUES)? {
        let known = last.entries.get(&listed.path);
        let page = read(root, &listed, known.filter(|_| last.shell == shell), began).and_then(|page| {
            match taken.refuse(page.issue(), &FrontMatter::default()) {
                Some(diagnostic) => Err(diagnostic),
                None => Ok(page),
            }
        });
        match page {
            Ok(page) => pages.push(page),
            Err(diagnostic) => {
                warnings.push(FileDiagnostic::new(&listed.path, diagnostic));
                let held = known.filter(|known| taken.refuse(&known.issue, &FrontMatter::default()).is_none());
                pages.extend(held.map(|known| Page { path: listed.path, entry: known.clone(), body: None, held: true }));
            }
        }
    }
    pages.sort_by(|a, b| newest_first(a).cmp(&newest_first(b)));
    Ok(pages)
}

fn newest_first(page: &Page) -> impl Ord + use<'_> {
    (Reverse(page.issue().date), Reverse(page.issue().number), &page.path)
}

fn read(root: &Root, listed: &Listed, known: Option<&Entry>, began: DiskTime) -> Result<Page, Diagnostic> {
    let unchanged = |known: &Entry, stamp| {
        let entry = Entry { stamp, ..known.clone() };
        Page { path: listed.path.clone(), entry, body: None, held: false }
    };
    let stamp = Stamp::of(&listed.place(root)?);
    if let Some(known) = known.filter(|known| known.stamp.is_some() && known.stamp == stamp) {
        return Ok(unchanged(known, stamp));
    }
    let stamp = stamp.and_then(|stamp| stamp.settled(began));
    let bytes = listed.bytes(root)?;
    let source = sha256(&bytes);
    if let Some(known) = known.filter(|known| known.source == source) {
        return Ok(unchanged(known, stamp));
    }
    let text = text_of(bytes)?;
    let front = parse(&text)?;
    if let Some(diagnostic) = no_issue(&front).or_else(|| wrong_slug(&front)) {
        return Err(diagnostic);
    }
    let parts = split(&text)?;
    let entry = Entry {
        source,
        stamp,
        inputs: String::new(),
        issue: issue_of(&listed.path, &front, Stage::Published),
        preview: front.image.map(|image| image.value),
        scan: scan(parts.body, parts.body_line()),
        copied: vec![],
    };
    Ok(Page { path: listed.path.clone(), entry, body: Some(parts.body.to_owned()), held: false })
}
