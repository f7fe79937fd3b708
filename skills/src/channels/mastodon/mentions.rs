//! Who answered or named us: the notifications of the kind `mention`, from the last one that was seen on.
//!
//! Must stay true: nothing is dismissed or marked there; an id of another shape is none; a server that gives the same page again
//! ends the look.

use chrono::{DateTime, Utc};
use reveille_memory::AnswerKind;

use super::Mastodon;
use super::entities::{self, Notification};
use crate::answers::{Answer, FIRST, Incoming, Looked, text};
use crate::channels::Fault;

/// Notifications on a page: the most that Mastodon gives.
const PAGE: usize = 40;

pub(super) fn mentions(mastodon: &Mastodon, place: Option<&str>, most: usize, now: DateTime<Utc>) -> Result<Looked, Fault> {
    let from = place.filter(|id| entities::is_id(id)).map(str::to_owned);
    let mut seen = from.clone();
    let mut looked = Looked::default();
    while looked.incoming.len() < most {
        let since = seen.as_ref().map(|id| format!("&min_id={id}")).unwrap_or_default();
        let answer = mastodon.read(&format!("/api/v1/notifications?types[]=mention&limit={PAGE}{since}"), now)?;
        let mut page: Vec<Notification> = mastodon.json(&answer)?;
        let whole = page.len();
        // GoToSocial and snac may know neither `types[]` nor `min_id`.
        page.retain(|one| one.id.as_ref().is_some_and(|id| seen.as_ref().is_none_or(|seen| is_later(id, seen))));
        page.sort_by(|a, b| order(a.id.as_deref().unwrap_or_default()).cmp(&order(b.id.as_deref().unwrap_or_default())));
        let Some(last) = page.last().and_then(|one| one.id.clone()) else { break };
        let fresh = |one: &Notification| from.is_some() || one.created_at.is_none_or(|at| at >= now - FIRST);
        let answers = page.iter().filter(|one| fresh(one)).filter_map(|one| answer_of(one, now));
        looked.incoming.extend(answers);
        seen = Some(last);
        // The first look takes the newest page, and goes on from there.
        if from.is_none() || whole < PAGE {
            break;
        }
    }
    looked.incoming.truncate(most);
    looked.place = looked.incoming.get(most - 1).map_or(seen, |last| last.place.clone());
    Ok(looked)
}

/// Ids are numbers, or of one length and sorted by their letters.
fn order(id: &str) -> (usize, &str) {
    (id.len(), id)
}

fn is_later(id: &str, than: &str) -> bool {
    order(id) > order(than)
}

fn answer_of(one: &Notification, now: DateTime<Utc>) -> Option<Incoming> {
    let status = one.status.as_ref().filter(|_| one.r#type.as_deref() == Some("mention"))?;
    let name = status.id.clone()?;
    let who = one.account.as_ref().and_then(|account| account.acct.clone().or_else(|| account.username.clone())).unwrap_or_default();
    let kind = if status.in_reply_to_id.is_some() { AnswerKind::Reply } else { AnswerKind::Mention };
    let answer = Answer {
        name,
        kind,
        sender: text::line(&format!("@{}", who.trim_start_matches('@'))),
        place: text::line(&status.url.as_deref().and_then(entities::page).unwrap_or_default()),
        answers_to: status.in_reply_to_id.clone().into_iter().collect(),
        text: text::plain(&text::of_html(status.content.as_deref().unwrap_or_default())),
        at: status.created_at.or(one.created_at).map_or(now, |at| at.min(now)),
    };
    Some(Incoming { place: one.id.clone(), what: Ok(answer) })
}
