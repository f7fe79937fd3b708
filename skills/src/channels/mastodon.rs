//! Mastodon, and the servers that speak its API: GoToSocial, snac, Hollo. A stage a file below `mastodon/`.
//!
//! Must stay true: a status goes out by `Mastodon::send` only, with the ledger's [`Sending`], and counts as posted only when
//! it was read back; what may have happened is [`Fault::Unclear`]; a server that leaves a field out is no error, one that
//! answers half is.
//!
//! `megalodon` uploads pictures and logs in. The rest goes through our own bounded `Http`, for its client has no timeout, no
//! limit of size and no Idempotency-Key, follows redirects, and its entities refuse an answer that lacks a field.

mod entities;
mod faults;
mod frozen;
mod html;
pub mod login;
mod look;
mod measure;
mod media;
mod mentions;
mod same;
mod send;
#[cfg(test)]
mod tests;

use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_memory::{Effect, Sending};
use reveille_mission::Channel;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::fuzzed::Heard;
use super::http::{Answer, Http};
use super::{Account, Answered, Attached, Fault, Frozen, Look, Piece, Receipt};
use crate::answers::Looked;
use entities::{Instance, InstanceV1, InstanceV2, Owner};

const CHANNEL: Channel = Channel::Mastodon;

/// An account on a server that speaks Mastodon's API.
#[derive(Debug)]
pub struct Mastodon {
    http: Http,
    server: Url,
    token: SecretString,
    patience: Duration,
}

/// The digests of what an effect's frozen bytes are sent with.
pub(super) fn attached(effect: &Effect) -> Vec<String> {
    frozen::Status::of(effect).ok().and_then(|status| status.picture).map(|picture| picture.digest).into_iter().collect()
}

/// What is made of an answer, whatever was asked: see [`super::fuzzed`].
pub(super) fn heard(answer: &Answer, token: &SecretString, now: DateTime<Utc>) -> Heard {
    let mut heard = Heard::default();
    if let Ok(server) = Url::parse("https://social.example/") {
        heard.read = vec![faults::of_reading(answer, &server, token, now)];
        heard.written = vec![faults::of_writing(answer, &server, token, now)];
    }
    let whole: Vec<entities::Status> = answer.json(CHANNEL).unwrap_or_default();
    for status in whole.into_iter().chain(answer.json::<entities::Status>(CHANNEL)) {
        heard.paths.extend(status.id.into_iter().chain(status.in_reply_to_id));
        heard.shown.extend(status.url.as_deref().and_then(entities::page));
        let plain = html::plain(&status.content.unwrap_or_default());
        heard.shown.extend(plain.links.iter().filter_map(|link| entities::page(link)));
    }
    if let Ok(owner) = answer.json::<Owner>(CHANNEL) {
        heard.paths.extend(owner.id);
    }
    let pages = [answer.json::<InstanceV2>(CHANNEL).map(Instance::from), answer.json::<InstanceV1>(CHANNEL).map(Instance::from)];
    for instance in pages.into_iter().flatten() {
        heard.limits.push(instance.limits);
        heard.shown.extend(instance.host);
    }
    heard
}

impl Mastodon {
    /// An account on `server` whose access token is `token`; a whole answer may take `patience`. Nothing is asked yet.
    ///
    /// # Errors
    /// The address is neither https nor on this machine; the token can't be one.
    pub fn new(server: &Url, token: SecretString, patience: Duration) -> Result<Self, Fault> {
        let trimmed = token.expose_secret().trim();
        if trimmed.is_empty() || !trimmed.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Fault::Credential { channel: CHANNEL, why: "the access token is empty or holds spaces".to_owned() });
        }
        let token = SecretString::from(trimmed);
        Ok(Self { http: Http::new(server, CHANNEL, patience)?, server: server.clone(), token, patience })
    }

    pub(super) fn account(&self, now: DateTime<Utc>) -> Result<Account, Fault> {
        let owner = self.owner(now)?;
        let instance = self.instance(now)?;
        let host = instance.host.or_else(|| self.server.host_str().map(str::to_owned)).unwrap_or_default();
        let name = owner.acct.or(owner.username).ok_or_else(|| faults::unclear("the server does not say whose token it is"))?;
        let name: String = name.trim_start_matches('@').chars().filter(|c| c.is_alphanumeric() || "_.-@".contains(*c)).collect();
        let name = if name.contains('@') { format!("@{name}") } else { format!("@{name}@{host}") };
        let page = owner.url.as_deref().and_then(entities::page);
        Ok(Account { name, page, followers: owner.followers_count, limits: instance.limits })
    }

    pub(super) fn freeze(&self, piece: &Piece<'_>) -> Result<Frozen, Fault> {
        frozen::freeze(piece)
    }

    pub(super) fn send(&self, sending: &Sending, attached: &[Attached], now: DateTime<Utc>) -> Result<Receipt, Fault> {
        send::send(self, sending, attached, now)
    }

    pub(super) fn look(&self, effect: &Effect, now: DateTime<Utc>) -> Result<Look, Fault> {
        look::look(self, effect, now)
    }

    pub(super) fn answered(&self, ids: &[String], now: DateTime<Utc>) -> Result<Vec<Answered>, Fault> {
        measure::answered(self, ids, now)
    }

    pub(super) fn mentions(&self, place: Option<&str>, most: usize, now: DateTime<Utc>) -> Result<Looked, Fault> {
        mentions::mentions(self, place, most, now)
    }

    /// Whose token it is: the read-only call that proves it.
    fn owner(&self, now: DateTime<Utc>) -> Result<Owner, Fault> {
        self.fetch("/api/v1/accounts/verify_credentials", now)
    }

    /// What the server says of itself: v2, where it has that (Mastodon 4, Hollo, GoToSocial), else v1 (snac).
    fn instance(&self, now: DateTime<Utc>) -> Result<Instance, Fault> {
        match self.fetch::<InstanceV2>("/api/v2/instance", now) {
            Ok(page) => return Ok(page.into()),
            Err(Fault::Refused { .. } | Fault::Unclear { .. }) => {}
            Err(fault) => return Err(fault),
        }
        match self.fetch::<InstanceV1>("/api/v1/instance", now) {
            Ok(page) => Ok(page.into()),
            // It has neither page, so it says nothing of its limits.
            Err(Fault::Refused { .. }) => Ok(InstanceV1::default().into()),
            Err(fault) => Err(fault),
        }
    }

    /// Reads a page as JSON.
    fn fetch<T: DeserializeOwned>(&self, path: &str, now: DateTime<Utc>) -> Result<T, Fault> {
        self.json(&self.read(path, now)?)
    }

    /// An answer as JSON; its fault repeats no token.
    fn json<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Fault> {
        answer.json(CHANNEL).map_err(|fault| match fault {
            Fault::Unclear { why, .. } => faults::unclear(faults::without(why, &self.token)),
            other => other,
        })
    }

    /// Reads a page: 200, or the fault that the answer is. With the token: GoToSocial shows nothing without one.
    fn read(&self, path: &str, now: DateTime<Utc>) -> Result<Answer, Fault> {
        let answer = self.ask(path)?;
        if answer.status == 200 { Ok(answer) } else { Err(faults::of_reading(&answer, &self.server, &self.token, now)) }
    }

    /// Asks for a page, whatever the answer's status.
    fn ask(&self, path: &str) -> Result<Answer, Fault> {
        let url = self.http.at(path)?;
        self.http.get(url, |request| request.bearer_auth(self.token.expose_secret())).map_err(faults::not_read)
    }
}
