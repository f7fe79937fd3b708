//! Names that must never change once they are public: the stable id of an issue, and its address.
//!
//! Must stay true: what is made here depends only on what the front matter and the settings say, never on a clock or on
//! other issues.

use chrono::Datelike;
use reveille_mission::Issue;
use url::Url;

use crate::settings::Publication;

/// A `tag:` URI (RFC 4151): the host and the year say who gave the name, the number what it names.
pub(crate) fn tag_uri(publication: &Publication, year: i32, number: u32) -> String {
    format!("tag:{},{year:04}:issue-{number:03}", host(publication))
}

fn host(publication: &Publication) -> &str {
    publication.url.host_str().unwrap_or("localhost")
}

/// The id of an issue in the feeds: its own if that is a URI, else one made of what it has.
pub(crate) fn feed_id(publication: &Publication, issue: &Issue) -> String {
    match (Url::parse(&issue.id), issue.date, issue.number) {
        (Ok(_), _, _) => issue.id.clone(),
        (Err(_), Some(date), Some(number)) => tag_uri(publication, date.year(), number),
        (Err(_), _, _) => publication.issue_address(&issue.slug),
    }
}

/// Where an issue's page lies, relative to the home.
pub(crate) fn page_path(issue: &Issue) -> String {
    format!("site/issues/{}/index.html", issue.slug)
}

/// Text for HTML and XML, also between quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
