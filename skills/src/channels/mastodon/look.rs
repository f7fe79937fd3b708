//! Whether a status that may have been posted is there: the account's own statuses since the intent, compared by link and words.
//!
//! Must stay true: a status is absent only when every status since the intent was seen; what was cut short, or looks like ours
//! and is not, can't tell.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Effect;

use super::super::http::Answer;
use super::super::{Fault, Look};
use super::entities::{self, Status};
use super::faults::unclear;
use super::same::{Kinship, compare};
use super::{Mastodon, frozen, send};

/// Statuses on a page: the most that Mastodon gives.
const PAGE: usize = 40;

/// What every server gives on a page, if it has as many.
const LEAST: usize = 20;

/// The most pages that are read.
const PAGES: usize = 10;

/// How far the server's clock may be behind ours, where it does not say how far it is.
const SLACK: TimeDelta = TimeDelta::minutes(10);

/// The statuses since a time, and whether those are all.
struct Seen {
    statuses: Vec<Status>,
    whole: bool,
}

pub(super) fn look(mastodon: &Mastodon, effect: &Effect, now: DateTime<Utc>) -> Result<Look, Fault> {
    let frozen = frozen::Status::of(effect)?;
    let account = mastodon.owner(now)?.id.ok_or_else(|| unclear("the server does not say whose token it is"))?;
    let path = format!("/api/v1/accounts/{account}/statuses?exclude_reblogs=true&limit={PAGE}");
    let seen = since(mastodon, &path, effect.intended_at - SLACK, now)?;
    Ok(verdict(mastodon, &seen, &frozen, &path, now))
}

fn verdict(mastodon: &Mastodon, seen: &Seen, frozen: &frozen::Status, path: &str, now: DateTime<Utc>) -> Look {
    let of = |kinship: Kinship| seen.statuses.iter().filter(move |status| compare(frozen, status) == kinship);
    // Of two the older: it is the one that people saw first.
    if let Some(status) = of(Kinship::Same).min_by_key(|status| status.created_at) {
        return match &status.id {
            Some(id) => Look::There(Box::new(send::receipt(mastodon, id, status, now))),
            None => Look::CannotTell { why: "a status with its words is there, and the server does not name it".to_owned() },
        };
    }
    for (kinship, what) in [
        (Kinship::Elsewhere, "a status with its words is there, at another place of the thread or at none"),
        (Kinship::SameLink, "a status with the same link and other words is there"),
    ] {
        if let Some(alike) = of(kinship).next() {
            let place = alike.url.as_deref().and_then(entities::page).or_else(|| alike.id.clone()).unwrap_or_default();
            return Look::CannotTell { why: format!("{what}: {place}") };
        }
    }
    let count = seen.statuses.len();
    if !seen.whole {
        return Look::CannotTell { why: format!("{count} own statuses were read, and there are more since it was intended") };
    }
    let place = format!("{}{path}", mastodon.server.origin().ascii_serialization());
    Look::Absent { place, seen: format!("{count} own statuses since it was intended, none with its words") }
}

/// The account's statuses since a time, page by page.
fn since(mastodon: &Mastodon, path: &str, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Seen, Fault> {
    let mut seen = Seen { statuses: vec![], whole: false };
    let (mut before, mut ids): (Option<String>, HashSet<String>) = (None, HashSet::new());
    for _ in 0..PAGES {
        let page = before.as_ref().map_or_else(|| path.to_owned(), |id| format!("{path}&max_id={id}"));
        let answer = mastodon.read(&page, now)?;
        let since = since - behind(&answer, now);
        let page: Vec<Status> = mastodon.json(&answer)?;
        let count = page.len();
        let last = page.iter().rev().find_map(|status| status.id.clone());
        let older = |status: &Status| status.created_at.is_some_and(|at| at < since);
        // Statuses may be pinned or dated back: only a page of nothing but older ones is the end.
        let ended = page.iter().all(older);
        let new: Vec<Status> = page.into_iter().filter(|status| status.id.clone().is_none_or(|id| ids.insert(id))).collect();
        // snac knows no `max_id` and gives the same page again: a short one is all there is.
        let again = new.is_empty();
        seen.statuses.extend(new.into_iter().filter(|status| status.reblog.is_none() && !older(status)));
        if ended || again || last.is_none() {
            seen.whole = ended || count < LEAST;
            return Ok(seen);
        }
        before = last;
    }
    Ok(seen)
}

/// How far the server's clock is behind ours, by the `Date` of its answer.
fn behind(answer: &Answer, now: DateTime<Utc>) -> TimeDelta {
    let date = answer.headers.get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    date.map_or(TimeDelta::zero(), |date| (now - date.with_timezone(&Utc)).max(TimeDelta::zero()))
}
