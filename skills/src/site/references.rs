//! Where links and pictures of a text lead on the site, and which lead nowhere.
//!
//! Must stay true: a link to an issue's file becomes a link to its page; a reader is never sent to a file of the home.

use std::collections::{BTreeMap, BTreeSet};

use reveille_mission::Diagnostic;
use url::Url;

use super::gather::Page;
use super::manifest::Copied;
use super::markdown::{Reference, Target, Targets};
use super::output::Output;
use super::{Site, picture};
use crate::shelf::FileDiagnostic;

/// The addresses of all issues by the path of their source.
pub(super) type Slugs = BTreeMap<String, String>;

/// What the references of a page become. Pictures were copied before.
pub(super) fn resolve(page: &Page, slugs: &Slugs, copied: &[Copied]) -> Targets {
    let mut targets = Targets::new();
    for picture in &page.entry.scan.pictures {
        if picture::local(&page.path, &picture.to).is_some() {
            targets.insert(picture.to.clone(), picture_target(copied, &picture.to).unwrap_or(Target::Nowhere));
        }
    }
    for link in &page.entry.scan.links {
        let Some((path, fragment)) = picture::local(&page.path, &link.to) else { continue };
        let target = match slugs.get(&path) {
            Some(slug) => Target::Address(page_address(page, slug, fragment.as_deref())),
            None => picture_target(copied, &link.to).unwrap_or(Target::Nowhere),
        };
        targets.insert(link.to.clone(), target);
    }
    targets
}

fn picture_target(copied: &[Copied], to: &str) -> Option<Target> {
    copied.iter().find(|copied| copied.to == to).map(|copied| Target::Picture { address: copied.name.clone(), size: copied.size })
}

/// The address of a page as seen from another one.
fn page_address(from: &Page, slug: &str, fragment: Option<&str>) -> String {
    match (from.issue().slug == slug, fragment) {
        (true, Some(fragment)) => format!("#{fragment}"),
        (true, None) => "./".to_owned(),
        (false, Some(fragment)) => format!("../{slug}/#{fragment}"),
        (false, None) => format!("../{slug}/"),
    }
}

/// Says which links lead nowhere, with file and line. Needs all pages, and the output as it will be.
pub(super) fn check(site: &Site<'_>, output: &Output<'_>, warnings: &mut Vec<FileDiagnostic>) {
    let sources: BTreeMap<&str, &Page> = site.pages.iter().map(|page| (page.path.as_str(), page)).collect();
    let folders: BTreeMap<String, &Page> = site.pages.iter().map(|page| (format!("{}index.html", page.folder()), page)).collect();
    let base = site.publication.base();
    for page in site.pages.iter().filter(|page| !page.held) {
        let own = Url::parse(&site.publication.issue_address(&page.issue().slug)).ok();
        for link in &page.entry.scan.links {
            let found = match picture::local(&page.path, &link.to) {
                Some((path, fragment)) => check_file(page, link, &path, fragment.as_deref(), &sources),
                None => match own.as_ref().and_then(|own| own.join(&link.to).ok()) {
                    Some(url) => check_address(&url, &base, output, &folders),
                    None => Some(("the link has no valid address".to_owned(), "correct it")),
                },
            };
            if let Some((message, hint)) = found {
                warnings.push(FileDiagnostic::new(&page.path, Diagnostic::warning(link.line, 1, message, hint)));
            }
        }
        for line in &page.entry.scan.raw_pictures {
            let diagnostic =
                Diagnostic::warning(*line, 1, "a picture in HTML is not copied to the site", "write it as `![what it shows](path)`");
            warnings.push(FileDiagnostic::new(&page.path, diagnostic));
        }
    }
}

type Finding = Option<(String, &'static str)>;

fn check_file(page: &Page, link: &Reference, path: &str, fragment: Option<&str>, sources: &BTreeMap<&str, &Page>) -> Finding {
    match sources.get(path) {
        Some(target) => check_fragment(target, fragment),
        None if page.entry.copied.iter().any(|copied| copied.to == link.to) => None,
        None if path.starts_with("drafts/") => Some((format!("`{}` is not published yet, so the link is left out", link.to), "publish it")),
        None => Some((format!("`{}` is not on the site, so the link is left out", link.to), "link to an issue's file or to an address")),
    }
}

fn check_address(url: &Url, base: &Url, output: &Output<'_>, folders: &BTreeMap<String, &Page>) -> Finding {
    let at_home = (url.scheme(), url.host_str(), url.port()) == (base.scheme(), base.host_str(), base.port());
    let path = url.path().strip_prefix(base.path()).filter(|_| at_home)?;
    let file = if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
    match folders.get(&file) {
        Some(target) => check_fragment(target, url.fragment()),
        None if output.has(&file) => None,
        None => Some((format!("the site has no `/{path}`"), "correct the address")),
    }
}

fn check_fragment(target: &Page, fragment: Option<&str>) -> Finding {
    let fragment = fragment.filter(|fragment| !fragment.is_empty())?;
    let known: BTreeSet<String> = target.entry.scan.anchors.iter().map(|anchor| as_fragment(anchor)).collect();
    let missing = !known.contains(&as_fragment(fragment)) && !fragment.starts_with("fnref-");
    missing.then(|| (format!("{} has no heading `#{fragment}`", target.path), "correct what stands after `#`"))
}

/// A name as it stands in an address.
fn as_fragment(name: &str) -> String {
    let mut url = match Url::parse("about:blank") {
        Ok(url) => url,
        Err(_) => return name.to_owned(),
    };
    url.set_fragment(Some(name));
    url.fragment().unwrap_or_default().to_owned()
}
