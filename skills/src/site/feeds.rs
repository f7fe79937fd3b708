//! RSS 2.0, Atom and JSON Feed 1.1: the newest issues in full.
//!
//! Must stay true: an entry's id is the issue's id for ever; no clock, the newest issue's date is the feed's; whatever a
//! title holds, the feed is well-formed.

use std::collections::BTreeMap;

use atom_syndication as atom;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use rss::extension::{Extension, ExtensionMap};
use serde::Serialize;
use url::Url;

use super::gather::Page;
use super::manifest::Manifest;
use super::markdown::{absolute, html};
use super::output::Output;
use super::references::{Slugs, resolve};
use super::{Site, SiteError};
use crate::address::feed_id;
use crate::disk::sha256;

/// How many issues a feed holds.
const ENTRIES: usize = 20;

const ATOM: &str = "atom.xml";
const RSS: &str = "feed.xml";
const JSON: &str = "feed.json";

/// An issue as a feed has it.
struct Entry {
    id: String,
    address: String,
    title: String,
    summary: String,
    html: String,
    date: DateTime<FixedOffset>,
    tags: Vec<String>,
}

/// Writes the feeds, unless nothing in them has changed. The digest of what they were made of.
pub(super) fn write(site: &Site<'_>, last: &Manifest, output: &mut Output<'_>) -> Result<String, SiteError> {
    let newest: Vec<&Page> = site.pages.iter().filter(|page| page.issue().date.is_some() && !page.held).take(ENTRIES).collect();
    let held = site.pages.iter().any(|page| page.held);
    let inputs = newest.iter().map(|page| page.entry.inputs.as_str()).collect::<Vec<_>>();
    let inputs = sha256(format!("{:?}", (&site.shell, inputs)).as_bytes());
    let feeds = [ATOM, RSS, JSON];
    // A source that can't be read now would fall out of the feeds; they wait for it.
    let wait = held && feeds.iter().all(|feed| output.is_intact(feed));
    if wait || (last.feeds == inputs && feeds.iter().all(|feed| output.is_intact(feed))) {
        feeds.iter().for_each(|feed| output.keep(feed));
        return Ok(if wait { last.feeds.clone() } else { inputs });
    }
    let slugs: Slugs = site.pages.iter().map(|page| (page.path.clone(), page.issue().slug.clone())).collect();
    let entries = newest.iter().map(|page| entry(site, page, &slugs)).collect::<Result<Vec<_>, _>>()?;
    output.emit(ATOM, &atom_feed(site, &entries)?)?;
    output.emit(RSS, &rss_feed(site, &entries)?)?;
    output.emit(JSON, &json_feed(site, &entries)?)?;
    Ok(inputs)
}

fn entry(site: &Site<'_>, page: &Page, slugs: &Slugs) -> Result<Entry, SiteError> {
    let issue = page.issue();
    let address = site.publication.issue_address(&issue.slug);
    let text = html(&page.body(site.root)?, &resolve(page, slugs, &page.entry.copied));
    let text = Url::parse(&address).map_or(text.clone(), |base| absolute(&text, &base));
    Ok(Entry {
        id: feed_id(site.publication, issue),
        title: xml_safe(&issue.title),
        summary: xml_safe(issue.summary.as_deref().unwrap_or(&page.entry.scan.opening)),
        html: xml_safe(&text),
        date: midnight(issue.date.unwrap_or_default()),
        tags: issue.tags.iter().map(|tag| xml_safe(tag)).collect(),
        address,
    })
}

fn midnight(date: NaiveDate) -> DateTime<FixedOffset> {
    date.and_time(NaiveTime::MIN).and_utc().fixed_offset()
}

/// The feed's own time: the newest issue's; the beginning of Unix time while there is none.
fn updated(entries: &[Entry]) -> DateTime<FixedOffset> {
    entries.iter().map(|entry| entry.date).max().unwrap_or_else(|| midnight(NaiveDate::default()))
}

/// What may stand in XML 1.0 (§ 2.2); escaping is the writer's work.
fn xml_safe(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\t' | '\n' | '\r') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))).collect()
}

fn atom_feed(site: &Site<'_>, entries: &[Entry]) -> Result<Vec<u8>, SiteError> {
    let publication = site.publication;
    let link = |rel: &str, href: String, kind: &str| atom::Link {
        rel: rel.to_owned(),
        href,
        mime_type: Some(kind.to_owned()),
        ..atom::Link::default()
    };
    let entry = |entry: &Entry| atom::Entry {
        id: entry.id.clone(),
        title: atom::Text::plain(&entry.title),
        updated: entry.date,
        published: Some(entry.date),
        links: vec![link("alternate", entry.address.clone(), "text/html")],
        categories: entry.tags.iter().map(|tag| atom::Category { term: tag.clone(), ..atom::Category::default() }).collect(),
        summary: (!entry.summary.is_empty()).then(|| atom::Text::plain(&entry.summary)),
        content: Some(atom::Content { value: Some(entry.html.clone()), content_type: Some("html".to_owned()), ..atom::Content::default() }),
        ..atom::Entry::default()
    };
    let feed = atom::Feed {
        id: publication.base().to_string(),
        title: atom::Text::plain(xml_safe(&publication.name)),
        subtitle: publication.description.as_deref().map(|text| atom::Text::plain(xml_safe(text))),
        updated: updated(entries),
        authors: vec![atom::Person { name: xml_safe(&publication.name), ..atom::Person::default() }],
        links: vec![
            link("alternate", publication.base().to_string(), "text/html"),
            link("self", publication.address(ATOM), "application/atom+xml"),
        ],
        lang: Some(publication.language.clone()),
        entries: entries.iter().map(entry).collect(),
        ..atom::Feed::default()
    };
    feed.write_to(Vec::new()).map_err(|error| SiteError::Feed { feed: ATOM, message: error.to_string() })
}

fn rss_feed(site: &Site<'_>, entries: &[Entry]) -> Result<Vec<u8>, SiteError> {
    let publication = site.publication;
    let item = |entry: &Entry| {
        let mut item = rss::Item::default();
        item.set_title(entry.title.clone());
        item.set_link(entry.address.clone());
        item.set_guid(rss::Guid { value: entry.id.clone(), permalink: false });
        item.set_pub_date(entry.date.to_rfc2822());
        item.set_description(entry.summary.clone());
        item.set_content(entry.html.clone());
        item.set_categories(entry.tags.iter().map(|tag| rss::Category { name: tag.clone(), domain: None }).collect::<Vec<_>>());
        item
    };
    let own = Extension {
        name: "atom:link".to_owned(),
        attrs: [("href", publication.address(RSS)), ("rel", "self".to_owned()), ("type", "application/rss+xml".to_owned())]
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
        ..Extension::default()
    };
    let extensions: ExtensionMap = [("atom".to_owned(), BTreeMap::from([("link".to_owned(), vec![own])]))].into();
    let mut channel = rss::Channel::default();
    channel.set_title(xml_safe(&publication.name));
    channel.set_link(publication.base().to_string());
    channel.set_description(xml_safe(publication.description.as_deref().unwrap_or(&publication.name)));
    channel.set_language(publication.language.clone());
    channel.set_last_build_date(updated(entries).to_rfc2822());
    channel.set_namespaces(BTreeMap::from([("atom".to_owned(), "http://www.w3.org/2005/Atom".to_owned())]));
    channel.set_extensions(extensions);
    channel.set_items(entries.iter().map(item).collect::<Vec<_>>());
    channel.write_to(Vec::new()).map_err(|error| SiteError::Feed { feed: RSS, message: error.to_string() })
}

#[derive(Serialize)]
struct JsonFeed<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: String,
    feed_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    language: &'a str,
    items: Vec<JsonItem<'a>>,
}

#[derive(Serialize)]
struct JsonItem<'a> {
    id: &'a str,
    url: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    content_html: &'a str,
    date_published: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
}

fn json_feed(site: &Site<'_>, entries: &[Entry]) -> Result<Vec<u8>, SiteError> {
    let publication = site.publication;
    let feed = JsonFeed {
        version: "https://jsonfeed.org/version/1.1",
        title: &publication.name,
        home_page_url: publication.base().to_string(),
        feed_url: publication.address(JSON),
        description: publication.description.as_deref(),
        language: &publication.language,
        items: entries.iter().map(json_item).collect(),
    };
    serde_json::to_vec_pretty(&feed).map_err(|error| SiteError::Feed { feed: JSON, message: error.to_string() })
}

fn json_item(entry: &Entry) -> JsonItem<'_> {
    JsonItem {
        id: &entry.id,
        url: &entry.address,
        title: &entry.title,
        summary: &entry.summary,
        content_html: &entry.html,
        date_published: entry.date.to_rfc3339(),
        tags: &entry.tags,
    }
}
