//! Who answered or named us: notifications of the AppView behind the account's server, the newest first, back to the last one that
//! was seen.
//!
//! Must stay true: nothing is marked as seen there (that would be a write); an address that is not that of a post is shown as none.

use atrium_api::types::string::{Did, Tid};
use chrono::{DateTime, Utc};
use reveille_memory::{AnswerKind, NoAnswer};
use serde::Deserialize;
use serde_json::Value;

use super::CHANNEL;
use super::record::COLLECTION;
use super::session::{Client, Session};
use super::xrpc;
use crate::answers::{Answer, FIRST, Incoming, Looked, text};
use crate::channels::Fault;

/// Notifications in one call: the most that it gives.
const PAGE: usize = 100;

/// The most calls of a look: behind likes and reposts there may be many pages.
const PAGES: usize = 10;

/// A page of `app.bsky.notification.listNotifications`. Only what is looked at: a typed one is refused whole when a server adds
/// something to its other parts.
#[derive(Deserialize)]
struct Page {
    cursor: Option<String>,
    notifications: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    uri: String,
    author: Author,
    reason: String,
    indexed_at: DateTime<Utc>,
    #[serde(default)]
    record: Value,
}

#[derive(Deserialize)]
struct Author {
    did: String,
    handle: String,
}

pub(super) fn mentions(client: &Client, place: Option<&str>, most: usize, now: DateTime<Utc>) -> Result<Looked, Fault> {
    let from: Option<DateTime<Utc>> = place.and_then(|place| place.parse().ok());
    let until = from.unwrap_or(now - FIRST);
    let (mut all, mut cursor, mut own, mut whole) = (Vec::new(), None::<String>, String::new(), false);
    for _ in 0..PAGES {
        let query = |_: &Session| {
            let next = cursor.clone().map(|cursor| ("cursor", cursor));
            [("limit", PAGE.to_string())].into_iter().chain(next).collect()
        };
        let (session, answer) = client.ask("app.bsky.notification.listNotifications", query, now)?;
        if answer.status != 200 {
            return Err(xrpc::read_refused(&answer, now));
        }
        own.clone_from(&session.did);
        let page: Page = answer.json(CHANNEL)?;
        let read: Vec<Notification> = page.notifications.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect();
        // One of the same moment as the last that was seen may be new: what is known is not filed again.
        let ended = read.iter().any(|one| one.indexed_at < until);
        all.extend(read.into_iter().filter(|one| one.indexed_at >= until));
        if ended || page.cursor.is_none() || page.cursor == cursor {
            whole = true;
            break;
        }
        cursor = page.cursor;
    }
    all.sort_by_key(|one| one.indexed_at);
    let newest = all.last().map(|one| one.indexed_at.min(now));
    let mut incoming: Vec<Incoming> = all.iter().filter_map(|one| answer_of(one, &own, now)).collect();
    let more = incoming.len() > most;
    incoming.truncate(most);
    let place = if more { incoming.last().and_then(|last| last.place.clone()) } else { newest.or(from).map(|at| at.to_rfc3339()) };
    let left_out = (!whole).then(|| format!("what came before the newest {} notifications", PAGE * PAGES));
    Ok(Looked { incoming, place, left_out })
}

fn answer_of(one: &Notification, own: &str, now: DateTime<Utc>) -> Option<Incoming> {
    let kind = match one.reason.as_str() {
        "reply" => AnswerKind::Reply,
        "mention" | "quote" => AnswerKind::Mention,
        _ => return None,
    };
    let at = one.indexed_at.min(now);
    let place = Some(at.to_rfc3339());
    if one.author.did == own {
        return Some(Incoming { place, what: Err(NoAnswer::Own) });
    }
    let parts = |which: &str| one.record["reply"][which]["uri"].as_str().map(str::to_owned);
    let answer = Answer {
        name: text::line(&one.uri),
        kind,
        sender: text::line(&format!("@{}", one.author.handle)),
        place: page(&one.uri).unwrap_or_default(),
        answers_to: [parts("parent"), parts("root")].into_iter().flatten().collect(),
        text: text::plain(one.record["text"].as_str().unwrap_or_default()),
        at,
    };
    Some(Incoming { place, what: Ok(answer) })
}

/// The public page of a post, when the address is one of a post.
fn page(uri: &str) -> Option<String> {
    let (did, key) = uri.strip_prefix("at://")?.split_once(&format!("/{COLLECTION}/"))?;
    let (did, key): (Did, Tid) = (did.parse().ok()?, key.parse().ok()?);
    Some(format!("https://bsky.app/profile/{}/post/{}", did.as_str(), key.as_str()))
}
