//! Bluesky: posts as records in the account's repository on a personal data server (PDS) of the AT protocol.
//!
//! Must stay true: the whole record and its key are frozen before the call, and the write makes that record, or finds it there,
//! or is refused: it never replaces another. What the server gives back is compared with what was frozen. XRPC goes through
//! our own bounded client with the typed records of `atrium-api`: its agent takes credentials to whichever host an answer
//! names, drops the headers that say when a rate limit ends, and panics on records of an unexpected shape.

mod facets;
mod mentions;
mod record;
mod session;
#[cfg(test)]
mod tests;
mod xrpc;

use std::path::PathBuf;
use std::time::Duration;

use atrium_api::com::atproto::repo::{put_record, upload_blob};
use atrium_api::com::atproto::server::get_session;
use atrium_api::types::string::Tid;
use chrono::{DateTime, Utc};
use reveille_memory::{Effect, Sending};
use reveille_mission::Channel;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::fuzzed::Heard;
use super::http::Answer;
use super::{Account, Answered, Attached, Fault, Frozen, Look, Piece, PostLimits, Receipt};
use crate::answers::Looked;
use record::{COLLECTION, Post};
use session::Client;

/// The channel of this file, for faults.
const CHANNEL: Channel = Channel::Bluesky;

/// How many posts `app.bsky.feed.getPosts` takes in one call.
const POSTS_A_CALL: usize = 25;

/// An account on a PDS.
#[derive(Debug)]
pub struct Bluesky {
    client: Box<Client>,
}

/// The digests of what an effect's frozen bytes are sent with: the picture of the link card.
pub(super) fn attached(effect: &Effect) -> Vec<String> {
    Post::of(&effect.text).ok().and_then(|post| post.thumb).map(|thumb| thumb.digest).into_iter().collect()
}

/// What is made of an answer, whatever was asked: see [`super::fuzzed`].
pub(super) fn heard(answer: Answer, token: &SecretString, now: DateTime<Utc>) -> Heard {
    let answer = xrpc::veiled(answer, token);
    let mut heard = Heard { shown: xrpc::named(&answer).into_iter().collect(), ..Heard::default() };
    // A 200 is never taken for a no, and so is not veiled.
    if answer.status != 200 {
        heard.read = vec![xrpc::read_refused(&answer, now), xrpc::login_refused(&answer, now)];
        heard.written = vec![xrpc::write_refused(&answer, now)];
    }
    let refused = [
        answer.json::<get_session::OutputData>(CHANNEL).err(),
        answer.json::<upload_blob::OutputData>(CHANNEL).err(),
        session::Client::heard(&answer).err(),
    ];
    heard.read.extend(refused.into_iter().flatten());
    if let Ok(post) = Post::of(&answer.body) {
        heard.shown.extend(post.thumb.map(|thumb| thumb.digest));
    }
    heard
}

/// What stands under a record key.
enum Seen {
    /// The frozen record.
    Same(Box<Receipt>),
    /// Another one.
    Another(String),
    /// None.
    Nothing(String),
}

impl Bluesky {
    /// The account `handle` on the server `service` (`https://bsky.social`), by an app password. The tokens that it is exchanged
    /// for are kept in the file `session`, since only 300 logins a day are allowed. `patience` bounds each call.
    ///
    /// # Errors
    /// The address of the server is neither https nor on this machine, or the handle is none.
    pub fn new(service: &Url, handle: &str, password: SecretString, session: PathBuf, patience: Duration) -> Result<Self, Fault> {
        Ok(Self { client: Box::new(Client::new(service, handle, password, session, patience)?) })
    }

    pub(super) fn account(&self, now: DateTime<Utc>) -> Result<Account, Fault> {
        let (session, answer) = self.client.ask("com.atproto.server.getSession", |_| vec![], now)?;
        if answer.status != 200 {
            return Err(xrpc::read_refused(&answer, now));
        }
        let who: get_session::OutputData = answer.json(CHANNEL)?;
        if who.did.as_str() != session.did {
            return Err(Fault::Unclear {
                channel: CHANNEL,
                why: "the server names another account than the one that logged in".to_owned(),
            });
        }
        if who.active == Some(false) {
            let why = format!("the account is {}", who.status.as_deref().unwrap_or("not active"));
            return Err(Fault::Credential { channel: CHANNEL, why: xrpc::line(&why) });
        }
        Ok(Account {
            name: format!("@{}", self.client.handle()),
            page: Some(format!("https://bsky.app/profile/{}", self.client.handle())),
            followers: self.followers(now),
            limits: PostLimits { characters: record::GRAPHEMES, link: 0 },
        })
    }

    /// Followers, where an AppView answers: a PDS alone does not count them.
    fn followers(&self, now: DateTime<Utc>) -> Option<u64> {
        // The one field that counts: the typed profile is refused whole when a server adds something to its other parts.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Profile {
            did: String,
            followers_count: Option<u64>,
        }
        let actor = |session: &session::Session| vec![("actor", session.did.clone())];
        let (session, answer) = self.client.ask("app.bsky.actor.getProfile", actor, now).ok()?;
        let profile: Profile = if answer.status == 200 { answer.json(CHANNEL).ok()? } else { return None };
        profile.followers_count.filter(|_| profile.did == session.did)
    }

    pub(super) fn freeze(&self, piece: &Piece<'_>) -> Result<Frozen, Fault> {
        record::check_length(piece.text)?;
        let mut facets = vec![];
        for span in facets::detect(&self.client, piece.text, &piece.post.link)? {
            facets.extend(span.facet(|handle| self.client.resolve(handle, piece.now))?);
        }
        record::freeze(piece, facets)
    }

    pub(super) fn send(&self, sending: &Sending, attached: &[Attached], now: DateTime<Utc>) -> Result<Receipt, Fault> {
        let refused = |why: String| Fault::Refused { channel: CHANNEL, why };
        let post = Post::of(&sending.effect().text).map_err(refused)?;
        let key = key_of(sending.effect()).map_err(refused)?;
        if let Some(thumb) = &post.thumb {
            let kept = attached.iter().find(|kept| kept.digest == thumb.digest && crate::disk::sha256(&kept.bytes) == thumb.digest);
            let bytes = &kept.ok_or_else(|| refused("the picture of the card was not kept".to_owned()))?.bytes;
            self.upload(sending, thumb, bytes, now)?;
        }
        self.put(sending, &key, &post, now)
    }

    /// Uploads a picture. Nothing is public by that: until a record names it, the server throws it away.
    fn upload(&self, sending: &Sending, thumb: &record::Thumb, bytes: &[u8], now: DateTime<Utc>) -> Result<(), Fault> {
        let body = |_: &session::Session| (thumb.blob.mime_type.clone(), bytes.to_vec());
        let later = |fault| match fault {
            // The post has not been written yet, so it certainly is not there.
            Fault::Unclear { channel, why } => Fault::Later { channel, why: format!("the picture: {why}") },
            other => other,
        };
        let (_, answer) = self.client.write(sending, "com.atproto.repo.uploadBlob", body, now).map_err(later)?;
        if answer.status != 200 {
            return Err(later(xrpc::write_refused(&answer, now)));
        }
        let uploaded: upload_blob::OutputData = answer.json(CHANNEL).map_err(later)?;
        if uploaded.blob != thumb.as_blob() {
            return Err(Fault::Refused { channel: CHANNEL, why: "the server made another file of the picture".to_owned() });
        }
        Ok(())
    }

    /// Writes the record under its key and reads it back.
    fn put(&self, sending: &Sending, key: &Tid, post: &Post, now: DateTime<Utc>) -> Result<Receipt, Fault> {
        let unclear = |why: String| Fault::Unclear { channel: CHANNEL, why };
        // `swapRecord: null` is "there must be none yet" (com.atproto.repo.putRecord), which atrium's type can't say. The same
        // record again changes nothing and is answered as if it were new.
        let body = |session: &session::Session| {
            let call =
                json!({"repo": session.did, "collection": COLLECTION, "rkey": key.as_str(), "record": post.record, "swapRecord": null});
            ("application/json".to_owned(), call.to_string().into_bytes())
        };
        let (session, answer) = self.client.write(sending, "com.atproto.repo.putRecord", body, now)?;
        let taken = xrpc::named(&answer).as_deref() == Some("InvalidSwap");
        if answer.status != 200 && !taken {
            return Err(xrpc::write_refused(&answer, now));
        }
        if !taken {
            let written: put_record::OutputData = answer.json(CHANNEL)?;
            if written.uri != uri(&session.did, key) {
                return Err(unclear("the server says that it wrote another record".to_owned()));
            }
        }
        match self.see(key, &post.record, now) {
            Ok(Seen::Same(receipt)) => Ok(*receipt),
            Ok(Seen::Another(place)) if taken => {
                // Ours was not written, and the next try is frozen with another time, so under another key.
                Err(Fault::Later { channel: CHANNEL, why: format!("another record stands at {place} already") })
            }
            Ok(Seen::Another(place)) => Err(unclear(format!("it was taken, but another record stands at {place}"))),
            Ok(Seen::Nothing(place)) => Err(unclear(format!("it was taken, but nothing stands at {place}"))),
            Err(fault) => Err(unclear(format!("it was taken, but it can't be read back: {fault}"))),
        }
    }

    pub(super) fn look(&self, effect: &Effect, now: DateTime<Utc>) -> Result<Look, Fault> {
        let frozen = Post::of(&effect.text).and_then(|post| key_of(effect).map(|key| (post, key)));
        let (post, key) = match frozen {
            Ok(frozen) => frozen,
            Err(why) => return Ok(Look::CannotTell { why }),
        };
        Ok(match self.see(&key, &post.record, now)? {
            Seen::Same(receipt) => Look::There(receipt),
            Seen::Another(place) => Look::CannotTell { why: format!("another record stands at {place}") },
            Seen::Nothing(place) => Look::Absent { place, seen: "the server knows no record with this key".to_owned() },
        })
    }

    /// Reads what stands under a key in our repository.
    fn see(&self, key: &Tid, record: &Value, now: DateTime<Utc>) -> Result<Seen, Fault> {
        #[derive(Deserialize)]
        struct Stored {
            uri: String,
            cid: Option<String>,
            value: Value,
        }
        let query = |session: &session::Session| {
            vec![("repo", session.did.clone()), ("collection", COLLECTION.to_owned()), ("rkey", key.as_str().to_owned())]
        };
        let (session, answer) = self.client.ask("com.atproto.repo.getRecord", query, now)?;
        let place = uri(&session.did, key);
        if matches!(answer.status, 400 | 404) && xrpc::named(&answer).as_deref() == Some("RecordNotFound") {
            return Ok(Seen::Nothing(place));
        }
        if answer.status != 200 {
            return Err(xrpc::read_refused(&answer, now));
        }
        let stored: Stored = answer.json(CHANNEL)?;
        if stored.uri != place || stored.value != *record {
            return Ok(Seen::Another(place));
        }
        Ok(Seen::Same(Box::new(Receipt {
            kind: "record".to_owned(),
            place: format!("https://bsky.app/profile/{}/post/{}", self.client.handle(), key.as_str()),
            id: stored.uri,
            cid: stored.cid,
            text: stored.value["text"].as_str().unwrap_or_default().to_owned(),
            fetched_at: now,
        })))
    }

    pub(super) fn mentions(&self, place: Option<&str>, most: usize, now: DateTime<Utc>) -> Result<Looked, Fault> {
        mentions::mentions(&self.client, place, most, now)
    }

    pub(super) fn answered(&self, ids: &[String], now: DateTime<Utc>) -> Result<Vec<Answered>, Fault> {
        // Only the counts: a typed post is refused whole when a server adds something to its other parts.
        #[derive(Deserialize)]
        struct Posts {
            posts: Vec<Counts>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[derive(Default)]
        struct Counts {
            uri: String,
            reply_count: u64,
            repost_count: u64,
            like_count: u64,
            quote_count: u64,
        }
        let mut all = vec![];
        for some in ids.chunks(POSTS_A_CALL) {
            let uris = |_: &session::Session| some.iter().map(|id| ("uris", id.clone())).collect();
            let (_, answer) = self.client.ask("app.bsky.feed.getPosts", uris, now)?;
            if answer.status != 200 {
                return Err(xrpc::read_refused(&answer, now));
            }
            let Posts { posts } = answer.json(CHANNEL)?;
            let asked = posts.into_iter().filter(|post| some.contains(&post.uri));
            all.extend(asked.map(|post| Answered {
                id: post.uri,
                replies: post.reply_count,
                boosts: post.repost_count,
                likes: post.like_count,
                quotes: post.quote_count,
            }));
        }
        Ok(all)
    }
}

/// The frozen record key: nothing else than a TID can name a post.
fn key_of(effect: &Effect) -> Result<Tid, String> {
    effect.token.parse().map_err(|_| "the frozen record key is none".to_owned())
}

/// The address of a post in a repository.
fn uri(did: &str, key: &Tid) -> String {
    format!("at://{did}/{COLLECTION}/{}", key.as_str())
}
