//! How people answered: replies, boosts, favourites and quotes of statuses, twenty at a time where the server has that call.
//!
//! Must stay true: a status is left out only when the server said of it, by itself, that it is gone.

use chrono::{DateTime, Utc};

use super::super::{Answered, Fault};
use super::entities::{self, Status};
use super::{Mastodon, faults};

/// Ids in one call: the most that Mastodon takes.
const BATCH: usize = 20;

pub(super) fn answered(mastodon: &Mastodon, ids: &[String], now: DateTime<Utc>) -> Result<Vec<Answered>, Fault> {
    // An id that can't stand in a path is none that a server gave.
    let ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| entities::is_id(id)).collect();
    let mut found = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        let known = many(mastodon, batch, now)?;
        for id in batch {
            let status = match known.iter().find(|status| status.id.as_deref() == Some(id)) {
                Some(status) => Some(status.clone()),
                None => one(mastodon, id, now)?,
            };
            found.extend(status.map(|status| counted(id, &status)));
        }
    }
    Ok(found)
}

/// What the server gives of these in one call: nothing where it has no such call (Mastodon before 4.3, snac).
fn many(mastodon: &Mastodon, ids: &[&str], now: DateTime<Utc>) -> Result<Vec<Status>, Fault> {
    let query: Vec<String> = ids.iter().map(|id| format!("id[]={id}")).collect();
    match mastodon.read(&format!("/api/v1/statuses?{}", query.join("&")), now) {
        Ok(answer) => Ok(mastodon.json(&answer).unwrap_or_default()),
        Err(Fault::Refused { .. }) => Ok(vec![]),
        Err(fault) => Err(fault),
    }
}

fn one(mastodon: &Mastodon, id: &str, now: DateTime<Utc>) -> Result<Option<Status>, Fault> {
    let answer = mastodon.ask(&format!("/api/v1/statuses/{id}"))?;
    match answer.status {
        200 => mastodon.json(&answer).map(Some),
        404 | 410 => Ok(None),
        _ => Err(faults::of_reading(&answer, &mastodon.server, &mastodon.token, now)),
    }
}

fn counted(id: &str, status: &Status) -> Answered {
    Answered {
        id: id.to_owned(),
        replies: status.replies_count.unwrap_or_default(),
        boosts: status.reblogs_count.unwrap_or_default(),
        likes: status.favourites_count.unwrap_or_default(),
        quotes: status.quotes_count.unwrap_or_default(),
    }
}
