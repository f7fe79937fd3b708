//! One status: the picture first, then the words, then it is read back.
//!
//! Must stay true: after the request for the status has left, only an answer that says so for certain means that nothing
//! happened; and only a status that was read back means that it happened.

use chrono::{DateTime, Utc};
use reveille_memory::Sending;
use secrecy::ExposeSecret;

use super::super::http::Answer;
use super::super::{Attached, Fault, Receipt};
use super::faults::{self, unclear};
use super::{Mastodon, entities, frozen, html, media};

pub(super) fn send(mastodon: &Mastodon, sending: &Sending, attached: &[Attached], now: DateTime<Utc>) -> Result<Receipt, Fault> {
    let frozen = frozen::Status::of(sending.effect())?;
    let picture = frozen.picture.as_ref().map(|picture| media::upload(mastodon, sending, picture, attached, now)).transpose()?;
    let answer = post(mastodon, sending, frozen.body(picture.as_deref())?)?;
    let id = posted(mastodon, &answer, picture.is_some(), now)?;
    read_back(mastodon, &id, now).map_err(|fault| unclear(format!("status {id} was posted and could not be read back: {fault}")))
}

fn post(mastodon: &Mastodon, sending: &Sending, body: Vec<u8>) -> Result<Answer, Fault> {
    let url = mastodon.http.at("/api/v1/statuses")?;
    let more = |request: reqwest::RequestBuilder| {
        request
            .bearer_auth(mastodon.token.expose_secret())
            .header("Idempotency-Key", &sending.effect().token)
            .header("Content-Type", "application/json")
            .body(body)
    };
    mastodon.http.write(sending, url, more).map_err(faults::not_written)
}

/// The id of the status, where the answer says that it was posted.
fn posted(mastodon: &Mastodon, answer: &Answer, with_picture: bool, now: DateTime<Utc>) -> Result<String, Fault> {
    match answer.status {
        200..=299 => {
            let status: entities::Status = mastodon.json(answer)?;
            status.id.ok_or_else(|| unclear(format!("{} names no status", answer.status)))
        }
        // A picture that is not found any more may be one that was attached already.
        404 if with_picture => Err(unclear("404 the picture is gone, or attached already")),
        _ => Err(faults::of_writing(answer, &mastodon.server, &mastodon.token, now)),
    }
}

fn read_back(mastodon: &Mastodon, id: &str, now: DateTime<Utc>) -> Result<Receipt, Fault> {
    let status: entities::Status = mastodon.fetch(&format!("/api/v1/statuses/{id}"), now)?;
    match status.id.as_deref() {
        Some(read) if read == id => Ok(receipt(mastodon, id, &status, now)),
        _ => Err(unclear("the server gave another status")),
    }
}

/// The proof, of a status that was read from the server.
pub(super) fn receipt(mastodon: &Mastodon, id: &str, status: &entities::Status, now: DateTime<Utc>) -> Receipt {
    let page = [&status.url, &status.uri].into_iter().flatten().find_map(|address| entities::page(address));
    Receipt {
        kind: "status".to_owned(),
        // snac and others give a status without a page its address only.
        place: page.unwrap_or_else(|| format!("{}/api/v1/statuses/{id}", mastodon.server.origin().ascii_serialization())),
        id: id.to_owned(),
        cid: None,
        text: html::plain(status.content.as_deref().unwrap_or_default()).text,
        fetched_at: now,
    }
}
