//! The page of each issue, with its pictures.
//!
//! Must stay true: a page whose inputs are the same is not rendered; its inputs are everything that its bytes depend on.

use chrono::NaiveDate;
use minijinja::{Value, context};
use reveille_mission::{Diagnostic, Issue};

use super::gather::Page;
use super::manifest::{Copied, Manifest};
use super::markdown::{Reference, Targets, html};
use super::output::Output;
use super::references::{Slugs, resolve};
use super::stamp::{DiskTime, Stamp};
use super::{Site, SiteError, lists, picture};
use crate::disk::{DiskError, Root, sha256};
use crate::settings::Publication;
use crate::shelf::FileDiagnostic;

/// Writes the pages that need it and notes in each what it was made of.
pub(super) fn write_all(
    site: &mut Site<'_>,
    last: &Manifest,
    output: &mut Output<'_>,
    warnings: &mut Vec<FileDiagnostic>,
) -> Result<(), SiteError> {
    let slugs: Slugs = site.pages.iter().map(|page| (page.path.clone(), page.issue().slug.clone())).collect();
    for at in 0..site.pages.len() {
        if site.pages[at].held {
            output.keep_below(&site.pages[at].folder());
            continue;
        }
        let copied = copy_pictures(site.root, &site.pages[at], site.began, output, warnings)?;
        let targets = resolve(&site.pages[at], &slugs, &copied);
        let inputs = inputs(site, at, &targets, &copied);
        let file = format!("{}index.html", site.pages[at].folder());
        let same = last.entries.get(&site.pages[at].path).is_some_and(|known| known.inputs == inputs);
        if same && output.is_intact(&file) {
            output.keep(&file);
        } else {
            let bytes = fill(site, at, &targets, &copied)?;
            output.emit(&file, &bytes)?;
        }
        let entry = &mut site.pages[at].entry;
        entry.copied = copied;
        entry.inputs = inputs;
    }
    Ok(())
}

/// The issues before and after in time.
fn neighbours<'s>(site: &'s Site<'_>, at: usize) -> (Option<&'s Issue>, Option<&'s Issue>) {
    let newer = at.checked_sub(1).and_then(|newer| site.pages.get(newer));
    (newer.map(Page::issue), site.pages.get(at + 1).map(Page::issue))
}

fn inputs(site: &Site<'_>, at: usize, targets: &Targets, copied: &[Copied]) -> String {
    let (newer, older) = neighbours(site, at);
    let near = [newer, older].map(|issue| issue.map(|issue| (&issue.slug, &issue.title)));
    let page = &site.pages[at];
    let preview = preview(page, copied);
    sha256(format!("{:?}", (&site.shell, &page.path, &page.entry.source, near, targets, preview)).as_bytes())
}

fn fill(site: &Site<'_>, at: usize, targets: &Targets, copied: &[Copied]) -> Result<Vec<u8>, SiteError> {
    let page = &site.pages[at];
    let issue = page.issue();
    let (newer, older) = neighbours(site, at);
    let near = |issue: Option<&Issue>| issue.map(|issue| context! { title => &issue.title, path => path_of(issue) });
    let folder = page.folder();
    let preview = preview(page, copied).map(|name| site.publication.address(&format!("{folder}{name}")));
    let about = context! {
        number => issue.number,
        html => Value::from_safe_string(html(&page.body(site.root)?, targets)),
        preview => preview,
        ..card(site.publication, page)
    };
    let description = issue.summary.clone().unwrap_or_else(|| page.entry.scan.opening.clone());
    let shared = lists::shared(site, &format!("{folder}index.html"), &issue.title, &description);
    site.templates.fill("issue.html", context! { issue => about, newer => near(newer), older => near(older), ..shared })
}

/// What a list shows of an issue. Paths are relative to the site's folder.
pub(super) fn card(publication: &Publication, page: &Page) -> Value {
    let issue = page.issue();
    let tags: Vec<Value> = issue.tags.iter().map(|tag| context! { name => tag, path => lists::tag_path(tag) }).collect();
    context! {
        title => &issue.title,
        path => path_of(issue),
        date => issue.date.map(|date| date.to_string()),
        day => issue.date.map(|date| day(publication, date)),
        short_day => issue.date.map(|date| short_day(publication, date)),
        summary => &issue.summary,
        opening => &page.entry.scan.opening,
        minutes => page.entry.scan.minutes,
        tags => tags,
    }
}

fn path_of(issue: &Issue) -> String {
    format!("issues/{}/", issue.slug)
}

/// A date in words where the words are ours to know.
fn day(publication: &Publication, date: NaiveDate) -> String {
    date.format(if is_english(publication) { "%-d %B %Y" } else { "%Y-%m-%d" }).to_string()
}

fn short_day(publication: &Publication, date: NaiveDate) -> String {
    date.format(if is_english(publication) { "%-d %b" } else { "%m-%d" }).to_string()
}

pub(super) fn is_english(publication: &Publication) -> bool {
    publication.language.split('-').next().is_some_and(|language| language.eq_ignore_ascii_case("en"))
}

/// The picture for link previews: the one that the author names, else the first one.
fn preview(page: &Page, copied: &[Copied]) -> Option<String> {
    let by_name = |to: &str| copied.iter().find(|copied| copied.to == to);
    let first = || page.entry.scan.pictures.iter().find_map(|picture| by_name(&picture.to));
    page.entry.preview.as_deref().and_then(by_name).or_else(first).map(|copied| copied.name.clone())
}

/// Copies what the page shows to beside it; what can't be shown is said.
fn copy_pictures(
    root: &Root,
    page: &Page,
    began: DiskTime,
    output: &mut Output<'_>,
    warnings: &mut Vec<FileDiagnostic>,
) -> Result<Vec<Copied>, DiskError> {
    let preview = page.entry.preview.iter().map(|to| Reference { line: 1, to: to.clone() });
    let is_file = |link: &&Reference| picture::has_kind(&link.to);
    let wanted: Vec<Reference> =
        page.entry.scan.pictures.iter().chain(page.entry.scan.links.iter().filter(is_file)).cloned().chain(preview).collect();
    let mut copied: Vec<Copied> = Vec::new();
    for reference in wanted {
        if copied.iter().any(|done| done.to == reference.to) {
            continue;
        }
        let known = page.entry.copied.iter().find(|known| known.to == reference.to);
        if let Some(known) = known.filter(|known| is_same(root, page, known, output) && known.name == name_beside(&copied, &known.from)) {
            output.keep(&format!("{}{}", page.folder(), known.name));
            copied.push(known.clone());
            continue;
        }
        match picture::find(root, &page.path, &reference.to) {
            Ok(None) => {}
            Ok(Some(found)) => {
                let stamp = Stamp::of(&root.at(&found.path)).and_then(|stamp| stamp.settled(began));
                let name = name_beside(&copied, &found.path);
                output.emit(&format!("{}{name}", page.folder()), &root.read(&found.path)?)?;
                copied.push(Copied { to: reference.to, from: found.path, stamp, name, size: found.size });
            }
            Err(error) => {
                let diagnostic = Diagnostic::warning(reference.line, 1, error.to_string(), error.hint());
                warnings.push(FileDiagnostic::new(&page.path, diagnostic));
            }
        }
    }
    Ok(copied)
}

fn is_same(root: &Root, page: &Page, known: &Copied, output: &Output<'_>) -> bool {
    output.is_intact(&format!("{}{}", page.folder(), known.name))
        && known.stamp.is_some()
        && Stamp::of(&root.at(&known.from)) == known.stamp
}

/// The name of a picture beside its page; another picture of the same name gets one of its own.
fn name_beside(copied: &[Copied], from: &str) -> String {
    let name = from.rsplit('/').next().unwrap_or(from);
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let stem = if plain { stem.to_owned() } else { slug::slugify(stem) };
    let name = format!("{stem}.{}", kind.to_ascii_lowercase());
    let clashes = copied.iter().any(|other| other.from != from && other.name.eq_ignore_ascii_case(&name));
    if clashes { format!("{}-{name}", &sha256(from.as_bytes())[..8]) } else { name }
}
