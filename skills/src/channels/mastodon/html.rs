//! The HTML of a status as plain text, and its links: what a reader sees.
//!
//! Must stay true: `ammonia` parses what the server sent; here only its canonical output is read (every tag closed, attributes
//! in double quotes, five entities). An anchor whose text a server cut with `…` reads as the address it leads to.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// What a reader sees of a status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// The text: paragraphs between empty lines.
    pub(super) text: String,
    /// Where its links lead.
    pub(super) links: Vec<String>,
}

/// Tags that end a line; all others but links leave no trace.
const BLOCKS: [&str; 12] = ["p", "div", "li", "ul", "ol", "blockquote", "pre", "h1", "h2", "h3", "h4", "br"];

static CANONICAL: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(BLOCKS.into_iter().chain(["a"]).collect())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https"]))
        .link_rel(None);
    builder
});

/// Reads the HTML of a status.
pub(super) fn plain(html: &str) -> Plain {
    let canonical = CANONICAL.clean(html).to_string();
    let mut plain = Plain { text: String::with_capacity(canonical.len()), links: vec![] };
    let mut anchor: Option<(usize, String)> = None;
    let mut rest = canonical.as_str();
    while let Some(start) = rest.find('<') {
        plain.text.push_str(&decoded(&rest[..start]));
        let end = start + tag_length(&rest[start..]);
        let tag = &rest[start..end];
        rest = &rest[end..];
        match name(tag) {
            "a" => anchor = href(tag).map(|href| (plain.text.len(), href)),
            "/a" => {
                if let Some((start, href)) = anchor.take() {
                    if is_cut(&plain.text[start..], &href) {
                        plain.text.replace_range(start.., &href);
                    }
                    plain.links.push(href);
                }
            }
            "/p" | "/blockquote" | "/pre" | "/ul" | "/ol" => plain.text.push_str("\n\n"),
            "br" => plain.text.push('\n'),
            closing if closing.strip_prefix('/').is_some_and(|name| BLOCKS.contains(&name)) => plain.text.push('\n'),
            _ => {}
        }
    }
    plain.text.push_str(&decoded(rest));
    plain.text = tidied(&plain.text);
    plain
}

/// How long a tag is: a `>` in quotes does not end it.
fn tag_length(from: &str) -> usize {
    let mut quoted = false;
    let end = from.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    });
    end.map_or(from.len(), |end| end + 1)
}

/// `a` of `<a href="…">`, `/a` of `</a>`.
fn name(tag: &str) -> &str {
    let inner = tag.trim_start_matches('<').trim_end_matches('>');
    inner.split([' ', '\n']).next().unwrap_or_default()
}

fn href(tag: &str) -> Option<String> {
    let (_, value) = tag.split_once("href=\"")?;
    value.split_once('"').map(|(href, _)| decoded(href))
}

/// The entities that a serializer of HTML writes; `&amp;` last, so that `&amp;lt;` stays a text.
fn decoded(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

/// Whether a server shows an address cut at its end.
fn is_cut(shown: &str, href: &str) -> bool {
    let bare = |address: &str| address.trim_start_matches("https://").trim_start_matches("http://").to_owned();
    let cut = shown.strip_suffix('…').or_else(|| shown.strip_suffix("...")).map(bare);
    cut.is_some_and(|cut| !cut.is_empty() && bare(href).starts_with(&cut))
}

/// At most one empty line in a row, none at the ends.
fn tidied(text: &str) -> String {
    let mut tidy = text.trim().to_owned();
    while tidy.contains("\n\n\n") {
        tidy = tidy.replace("\n\n\n", "\n\n");
    }
    tidy
}
