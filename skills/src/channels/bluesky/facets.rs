//! Which bytes of a post are links, tags and mentions (`app.bsky.richtext.facet`): UTF-8 byte ranges, the end exclusive.
//!
//! Must stay true: a range begins and ends between graphemes, none overlaps another, and the post's own link is always one,
//! whatever stands around it. The rules for all else are Bluesky's own, by `bsky-sdk`, which reaches no network here.

use std::collections::BTreeSet;
use std::ops::Range;

use atrium_api::app::bsky::richtext::facet::{ByteSliceData, LinkData, Main, MainData, MainFeaturesItem, MentionData, TagData};
use atrium_api::types::Union;
use atrium_api::types::string::Did;
use atrium_api::xrpc::http::{Request, Response, header::CONTENT_TYPE};
use atrium_api::xrpc::{HttpClient, XrpcClient};
use bsky_sdk::rich_text::RichText;
use unicode_segmentation::UnicodeSegmentation;
use url::Url;

use super::CHANNEL;
use super::session::Client;
use crate::channels::Fault;

/// The most bytes of a handle (atproto.com/specs/handle).
const HANDLE: usize = 253;

/// A part of a text that means more than its letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) bytes: Range<usize>,
    pub(super) what: What,
}

/// What a part means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// An address.
    Link(String),
    /// A tag, without its `#`.
    Tag(String),
    /// A handle, without its `@`.
    Mention(String),
}

/// Answers the crate's question who a handle is with nobody: whether somebody is there is asked by us, within our limits, and
/// a handle that nobody has must not cost the post its links.
#[derive(Debug)]
struct Nobody;

impl HttpClient for Nobody {
    async fn send_http(&self, _request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        let body = br#"{"did":"did:web:nobody.invalid"}"#.to_vec();
        Ok(Response::builder().header(CONTENT_TYPE, "application/json").body(body)?)
    }
}

impl XrpcClient for Nobody {
    fn base_uri(&self) -> String {
        "https://nobody.invalid".to_owned()
    }
}

/// The links, tags and mentions of a text in which `link` is the post's own, in their order.
pub(super) fn detect(client: &Client, text: &str, link: &str) -> Result<Vec<Span>, Fault> {
    let detected = client.block_on(RichText::new_with_detect_facets(without_endless_handles(text), Nobody));
    let rich = detected.map_err(|error| Fault::Refused { channel: CHANNEL, why: format!("its links can't be found: {error}") })?;
    let own = own_link(text, link).into_iter();
    let others = rich.facets.unwrap_or_default().into_iter().filter_map(|facet| span(text, facet));
    let between: BTreeSet<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
    let mut spans: Vec<Span> = vec![];
    for span in own.chain(others) {
        let whole = between.contains(&span.bytes.start) && between.contains(&span.bytes.end);
        let free = spans.iter().all(|other| span.bytes.end <= other.bytes.start || other.bytes.end <= span.bytes.start);
        if whole && free {
            spans.push(span);
        }
    }
    spans.sort_by_key(|span| span.bytes.start);
    Ok(spans)
}

/// The text with its bytes where they were, but no `@` before more letters than a handle has: the crate panics on those.
fn without_endless_handles(text: &str) -> String {
    let endless =
        |at: usize| text[at + 1..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte)).count() > HANDLE;
    text.char_indices().map(|(at, c)| if c == '@' && endless(at) { '_' } else { c }).collect()
}

/// Where the post's own link stands; a longer address that begins like it is another one.
fn own_link(text: &str, link: &str) -> Option<Span> {
    let goes_on = |at: usize| {
        text[at + link.len()..].trim_start_matches(|c: char| c.is_ascii_punctuation()).starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    if link.is_empty() {
        return None;
    }
    let (start, _) = text.rmatch_indices(link).find(|(at, _)| !goes_on(*at))?;
    Some(Span { bytes: start..start + link.len(), what: What::Link(link.to_owned()) })
}

/// What the crate found, if it lies in the text and a server will take it.
fn span(text: &str, facet: Main) -> Option<Span> {
    let bytes = facet.index.byte_start..facet.index.byte_end;
    let words = text.get(bytes.clone()).filter(|words| !words.is_empty())?;
    let what = match facet.data.features.into_iter().next()? {
        Union::Refs(MainFeaturesItem::Mention(_)) => What::Mention(words.strip_prefix('@')?.to_owned()),
        Union::Refs(MainFeaturesItem::Link(link)) => What::Link(address(&link.uri)?),
        Union::Refs(MainFeaturesItem::Tag(tag)) => What::Tag(tag.data.tag),
        Union::Unknown(_) => return None,
    };
    Some(Span { bytes, what })
}

/// An address as the standard writes it: a server refuses a whole post for one that it can't read.
fn address(uri: &str) -> Option<String> {
    Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).map(String::from)
}

impl Span {
    /// As a record holds it. A handle that nobody has stays plain text.
    pub(super) fn facet(self, who: impl FnOnce(&str) -> Result<Option<Did>, Fault>) -> Result<Option<Main>, Fault> {
        let feature = match self.what {
            What::Link(uri) => MainFeaturesItem::Link(Box::new(LinkData { uri }.into())),
            What::Tag(tag) => MainFeaturesItem::Tag(Box::new(TagData { tag }.into())),
            What::Mention(handle) => match who(&handle)? {
                Some(did) => MainFeaturesItem::Mention(Box::new(MentionData { did }.into())),
                None => return Ok(None),
            },
        };
        let index = ByteSliceData { byte_start: self.bytes.start, byte_end: self.bytes.end }.into();
        Ok(Some(MainData { features: vec![Union::Refs(feature)], index }.into()))
    }
}
