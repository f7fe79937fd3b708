//! The pages that list issues: home, archive, one page a tag; and what machines read: sitemap, robots, stylesheet.
//!
//! Must stay true: they are made from what the manifest knows, without reading any text.

use std::collections::BTreeMap;

use chrono::Datelike;
use minijinja::{Value, context};

use super::gather::Page;
use super::output::Output;
use super::page::card;
use super::{Site, SiteError, app};
use crate::disk::sha256;

/// How many issues the home page shows below the latest.
const EARLIER: usize = 9;

/// What every template gets. `file` is the page's path below `site/`.
pub(super) fn shared(site: &Site<'_>, file: &str, title: &str, description: &str) -> Value {
    let depth = file.matches('/').count();
    let root = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
    shared_from(site, file, &root, title, description)
}

/// The same for a page that has another way to the site's folder.
pub(super) fn shared_from(site: &Site<'_>, file: &str, root: &str, title: &str, description: &str) -> Value {
    let publication = site.publication;
    context! {
        site => context! {
            name => &publication.name,
            description => &publication.description,
            language => &publication.language,
            // A short name of its content, so that browsers fetch a changed one.
            style => sha256(site.style.as_bytes()).chars().take(8).collect::<String>(),
            app => app::shared(site),
        },
        page => context! {
            root => root,
            address => publication.address(file),
            title => title,
            description => if description.is_empty() { None } else { Some(description) },
        },
    }
}

/// Writes them all.
pub(super) fn write(site: &Site<'_>, output: &mut Output<'_>) -> Result<(), SiteError> {
    output.emit("style.css", site.style.as_bytes())?;
    let tags = tags(site);
    write_home(site, output)?;
    write_archive(site, &tags, output)?;
    for tag in tags.values() {
        write_tag(site, tag, output)?;
    }
    write_sitemap(site, &tags, output)
}

fn cards<'p>(site: &Site<'_>, pages: impl IntoIterator<Item = &'p Page>) -> Vec<Value> {
    pages.into_iter().map(|page| card(site.publication, page)).collect()
}

fn write_home(site: &Site<'_>, output: &mut Output<'_>) -> Result<(), SiteError> {
    let publication = site.publication;
    let file = "index.html";
    let bytes = site.templates.fill(
        "home.html",
        context! {
            latest => site.pages.first().map(|page| card(publication, page)),
            earlier => cards(site, site.pages.iter().skip(1).take(EARLIER)),
            more => site.pages.len() > EARLIER + 1,
            count => site.pages.len(),
            ..shared(site, file, &publication.name, publication.description.as_deref().unwrap_or_default())
        },
    )?;
    Ok(output.emit(file, &bytes)?)
}

fn write_archive(site: &Site<'_>, tags: &BTreeMap<String, Tag<'_>>, output: &mut Output<'_>) -> Result<(), SiteError> {
    let mut years: Vec<(String, Vec<Value>)> = Vec::new();
    for page in &site.pages {
        let name = page.issue().date.map_or_else(|| "Undated".to_owned(), |date| date.year().to_string());
        let card = card(site.publication, page);
        match years.last_mut().filter(|(last, _)| *last == name) {
            Some((_, issues)) => issues.push(card),
            None => years.push((name, vec![card])),
        }
    }
    let years: Vec<Value> = years.into_iter().map(|(name, issues)| context! { name => name, issues => issues }).collect();
    let tags: Vec<Value> =
        tags.values().map(|tag| context! { name => tag.name, path => tag_path(tag.name), count => tag.pages.len() }).collect();
    let file = "archive/index.html";
    let bytes = site.templates.fill("archive.html", context! { years => years, tags => tags, ..shared(site, file, "All issues", "") })?;
    Ok(output.emit(file, &bytes)?)
}

/// A subject and its issues, the newest first.
struct Tag<'s> {
    name: &'s str,
    pages: Vec<&'s Page>,
}

fn tags<'s>(site: &'s Site<'_>) -> BTreeMap<String, Tag<'s>> {
    let mut tags: BTreeMap<String, Tag<'s>> = BTreeMap::new();
    for page in &site.pages {
        for name in &page.issue().tags {
            let tag = tags.entry(tag_slug(name)).or_insert_with(|| Tag { name, pages: vec![] });
            if tag.pages.last().is_none_or(|last| last.path != page.path) {
                tag.pages.push(page);
            }
        }
    }
    tags
}

fn tag_slug(name: &str) -> String {
    // "C++" and "C#" are not "C".
    let slug = slug::slugify(name.replace('+', " plus ").replace('#', " sharp "));
    if slug.is_empty() { format!("tag-{}", &sha256(name.as_bytes())[..8]) } else { slug }
}

/// Where a tag's page lies, below the site's folder.
pub(super) fn tag_path(name: &str) -> String {
    format!("tags/{}/", tag_slug(name))
}

fn write_tag(site: &Site<'_>, tag: &Tag<'_>, output: &mut Output<'_>) -> Result<(), SiteError> {
    let file = format!("{}index.html", tag_path(tag.name));
    let description = format!("Issues of {} about {}", site.publication.name, tag.name);
    let issues = cards(site, tag.pages.iter().copied());
    let shared = shared(site, &file, tag.name, &description);
    let bytes = site.templates.fill("tag.html", context! { tag => context! { name => tag.name }, issues => issues, ..shared })?;
    Ok(output.emit(&file, &bytes)?)
}

fn write_sitemap(site: &Site<'_>, tags: &BTreeMap<String, Tag<'_>>, output: &mut Output<'_>) -> Result<(), SiteError> {
    let address = |file: &str| site.publication.address(file);
    let newest = |pages: &mut dyn Iterator<Item = &Page>| pages.filter_map(|page| page.issue().date).max().map(|date| date.to_string());
    let all = newest(&mut site.pages.iter());
    let mut pages = vec![
        context! { address => address("index.html"), date => &all },
        context! { address => address("archive/index.html"), date => &all },
    ];
    pages.extend(site.pages.iter().map(|page| {
        context! { address => address(&format!("{}index.html", page.folder())), date => newest(&mut std::iter::once(page)) }
    }));
    pages.extend(tags.values().map(|tag| {
        let file = format!("{}index.html", tag_path(tag.name));
        context! { address => address(&file), date => newest(&mut tag.pages.iter().copied()) }
    }));
    output.emit("sitemap.xml", &site.templates.fill("sitemap.xml", context! { pages => pages })?)?;
    let robots = site.templates.fill("robots.txt", context! { sitemap => address("sitemap.xml") })?;
    Ok(output.emit("robots.txt", &robots)?)
}
