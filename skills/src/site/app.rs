//! What makes the publication an app: its manifest, icons, a service worker that keeps the newest issues for reading offline, and
//! the page that is shown when something is not kept. Only with `[site]` in the settings.
//!
//! Must stay true: what the worker keeps is named by its content, so a phone fetches again only what has changed; the worker's
//! bytes change exactly when something that it keeps does; no word of an author stands in a script.

mod colour;
mod icon;

use std::collections::BTreeMap;

use minijinja::context;
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use super::gather::Page;
use super::output::Output;
use super::page::{card, is_english};
use super::{Site, SiteError, lists};
use crate::disk::sha256;
use crate::settings::Publication;
use colour::Colour;

/// The issues that can be read offline: the newest.
const ISSUES: usize = 20;
/// Pictures of these issues are kept as long as they take no more than this together, in bytes: phones pay by the megabyte.
const PICTURES: u64 = 4_000_000;
/// Launchers cut longer names (W3C, Web Application Manifest: `short_name`).
const SHORT_NAME: usize = 12;

const SCRIPT: &str = include_str!("app/app.js");
const WORKER: &str = include_str!("app/sw.js");
const STYLE: &str = include_str!("app/style.css");

const OFFLINE: &str = "offline.html";
const MANIFEST: &str = "manifest.webmanifest";

/// What is kept besides issues: without one of these there is no offline reading at all.
const SHELL: [&str; 7] = ["index.html", "archive/index.html", OFFLINE, "style.css", "app.js", MANIFEST, icon::SMALL];

/// The stylesheet of a site: with a form, what hides its trap stands there whatever the author's own stylesheet says.
pub(super) fn stylesheet(publication: &Publication, own: &str) -> String {
    if publication.readers_side { format!("{own}\n{STYLE}") } else { own.to_owned() }
}

/// Digest of what pages depend on here.
pub(super) fn digest(publication: &Publication) -> Option<String> {
    publication.readers_side.then(|| sha256(format!("{SCRIPT}{STYLE}").as_bytes()))
}

/// What every template gets as `site.app`; nothing without `[site]`.
pub(super) fn shared(site: &Site<'_>) -> Option<minijinja::Value> {
    let (light, dark) = papers(&site.style);
    site.publication
        .readers_side
        .then(|| context! { light => light.to_string(), dark => dark.to_string(), script => short(SCRIPT.as_bytes()) })
}

fn short(bytes: &[u8]) -> String {
    sha256(bytes).chars().take(8).collect()
}

/// Writes it all. What the worker keeps has to be written before.
pub(super) fn write(site: &Site<'_>, output: &mut Output<'_>) -> Result<(), SiteError> {
    if !site.publication.readers_side {
        return Ok(());
    }
    for (file, bytes) in icon::icons(&site.publication.name) {
        output.emit(file, &bytes)?;
    }
    output.emit("app.js", SCRIPT.as_bytes())?;
    output.emit(MANIFEST, &manifest(site)?)?;
    output.emit(OFFLINE, &offline_page(site)?)?;
    let worker = worker(site, output)?;
    Ok(output.emit("sw.js", worker.as_bytes())?)
}

/// The page for what is not kept. It is shown at any address, so its links begin at the root of the host.
fn offline_page(site: &Site<'_>) -> Result<Vec<u8>, SiteError> {
    let issues: Vec<_> = kept_issues(site).map(|page| card(site.publication, page)).collect();
    let root = site.publication.base().path().to_owned();
    site.templates.fill(OFFLINE, context! { issues => issues, ..lists::shared_from(site, OFFLINE, &root, "Offline", "") })
}

fn kept_issues<'s>(site: &'s Site<'_>) -> impl Iterator<Item = &'s Page> {
    site.pages.iter().take(ISSUES)
}

/// An icon as the manifest names it.
#[derive(Serialize)]
struct Icon {
    src: &'static str,
    sizes: String,
    r#type: &'static str,
    purpose: &'static str,
}

/// W3C, Web Application Manifest.
#[derive(Serialize)]
struct Manifest<'s> {
    name: &'s str,
    short_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'s str>,
    lang: &'s str,
    start_url: &'static str,
    scope: &'static str,
    display: &'static str,
    background_color: String,
    theme_color: String,
    icons: Vec<Icon>,
}

fn manifest(site: &Site<'_>) -> Result<Vec<u8>, SiteError> {
    let publication = site.publication;
    let paper = papers(&site.style).0.to_string();
    let icons = icon::NAMED.map(|(src, size, purpose)| Icon { src, sizes: format!("{size}x{size}"), r#type: "image/png", purpose });
    let manifest = Manifest {
        name: &publication.name,
        short_name: short_name(&publication.name),
        description: publication.description.as_deref(),
        lang: &publication.language,
        start_url: "./",
        scope: "./",
        display: "standalone",
        background_color: paper.clone(),
        theme_color: paper,
        icons: icons.into(),
    };
    serde_json::to_vec(&manifest).map_err(|error| SiteError::App { file: MANIFEST, message: error.to_string() })
}

/// As many whole words of a name as a launcher shows, at least its start.
fn short_name(name: &str) -> String {
    let length = |text: &str| text.graphemes(true).count();
    let mut short = String::new();
    for word in name.split_whitespace() {
        let longer = if short.is_empty() { word.to_owned() } else { format!("{short} {word}") };
        if length(&longer) > SHORT_NAME {
            break;
        }
        short = longer;
    }
    if short.is_empty() { name.trim().graphemes(true).take(SHORT_NAME).collect() } else { short }
}

/// The colour of the page in light and in dark, as the stylesheet says; white and black where it does not say.
fn papers(style: &str) -> (Colour, Colour) {
    let paper = |text: &str| text.split_once("--paper:").and_then(|(_, rest)| rest.trim_start().get(..7)).and_then(Colour::parse);
    let (light, dark) = style.split_once("(prefers-color-scheme: dark)").unwrap_or((style, ""));
    (paper(light).unwrap_or(Colour::WHITE), paper(dark).unwrap_or(Colour::BLACK))
}

/// What the worker keeps: address below the site's folder, and the start of the content's SHA-256.
type Kept = Vec<(String, String)>;

/// The first line of the worker.
#[derive(Serialize)]
struct Release<'s> {
    /// The name of the cache: the digest of all that follows, and of the worker.
    release: String,
    shell: &'s Kept,
    issues: &'s Kept,
    /// How it writes a day (BCP 47); none: by numbers.
    days: Option<&'static str>,
}

fn worker(site: &Site<'_>, output: &Output<'_>) -> Result<String, SiteError> {
    let base = site.publication.base();
    // As a browser writes the address, which is ASCII: nothing in it can end a string of the script.
    let address = |file: &str| {
        let file = file.strip_suffix("index.html").unwrap_or(file);
        base.join(file).ok().and_then(|url| url.as_str().strip_prefix(base.as_str()).map(str::to_owned)).unwrap_or_default()
    };
    let entry = |(file, sha256): (&str, &str)| (address(file), sha256.chars().take(16).collect());
    let shell: Kept = SHELL.iter().filter_map(|file| Some((*file, output.written(file)?.sha256.as_str()))).map(entry).collect();
    let mut issues = Kept::new();
    let mut room = PICTURES;
    for page in kept_issues(site) {
        let folder = page.folder();
        let files: BTreeMap<&str, _> = output.written_below(&folder).collect();
        let (text, pictures): (Vec<_>, Vec<_>) = files.into_iter().partition(|(file, _)| file.ends_with("/index.html"));
        issues.extend(text.into_iter().map(|(file, written)| entry((file, &written.sha256))));
        for (file, written) in pictures {
            if let Some(left) = room.checked_sub(written.bytes) {
                room = left;
                issues.push(entry((file, &written.sha256)));
            }
        }
    }
    let release = sha256(format!("{:?}", (&shell, &issues, WORKER)).as_bytes()).chars().take(16).collect();
    let days = is_english(site.publication).then_some("en-GB");
    let kept = serde_json::to_string(&Release { release, shell: &shell, issues: &issues, days });
    let kept = kept.map_err(|error| SiteError::App { file: "sw.js", message: error.to_string() })?;
    Ok(format!("const KEPT = {kept};\n{WORKER}"))
}

#[cfg(test)]
mod tests;
