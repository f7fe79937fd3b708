//! Doors for the fuzz targets (`tests/fuzz`): what is made of the bytes that a server says. The program calls none of them.
//!
//! Must stay true: they call the same readers as the channels do, and send nothing anywhere.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::SecretString;

use super::http::Answer;
use super::{Fault, PostLimits, bluesky, email, hackernews, mastodon};

/// What was made of an answer.
#[derive(Debug, Default)]
pub struct Heard {
    /// Words that a person would be shown.
    pub shown: Vec<String>,
    /// What would stand in the path of a later call.
    pub paths: BTreeSet<String>,
    /// What a post may be.
    pub limits: Vec<PostLimits>,
    /// What it means as an answer to a call that only reads.
    pub read: Vec<Fault>,
    /// What it means as an answer to a call that would be public.
    pub written: Vec<Fault>,
    /// Until when a limit would hold.
    pub until: Option<DateTime<Utc>>,
}

fn answer(status: u16, header: &[u8], body: &[u8]) -> Answer {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header) {
        for name in ["retry-after", "location", "date"] {
            headers.insert(name, value.clone());
        }
    }
    Answer { status, headers, body: body.to_vec() }
}

/// An answer of a server that speaks Mastodon's API, to a caller with this token.
pub fn mastodon(status: u16, header: &[u8], body: &[u8], token: &SecretString, now: DateTime<Utc>) -> Heard {
    let answer = answer(status, header, body);
    Heard { until: Some(answer.limited_until(now)), ..mastodon::heard(&answer, token, now) }
}

/// An answer of a personal data server, to a caller with this token.
pub fn bluesky(status: u16, header: &[u8], body: &[u8], token: &SecretString, now: DateTime<Utc>) -> Heard {
    let answer = answer(status, header, body);
    Heard { until: Some(answer.limited_until(now)), ..bluesky::heard(answer, token, now) }
}

/// An answer of Hacker News.
pub fn hackernews(status: u16, body: &[u8]) -> Heard {
    hackernews::heard(&answer(status, b"", body))
}

/// A mail server's no, as an answer to MAIL, RCPT and the content: whether each takes the reader off the list. None when it
/// is no reply at all, or no no.
pub fn smtp(reply: &str) -> Option<(u16, Vec<(Fault, bool)>)> {
    email::heard(reply)
}
