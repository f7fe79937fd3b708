//! Credentials that a server does not accept: one ask, and the channel is left alone until the secret changes.
//!
//! Must stay true: what is kept of a secret is 16 bits of its digest, enough to see that it changed and too few to guess it
//! by; the server's words are kept without the secret, should it have repeated it.

use reveille_memory::Memory;
use reveille_mission::Channel;
use reveille_skills::channels::Fault;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;
use crate::settings::SecretState;

/// The most characters of a server's words that are kept.
const WORDS: usize = 200;

/// How it stands with the credential of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The secret is there, and no server refused it.
    Ready {
        /// Where it is.
        source: String,
    },
    /// The secret is not there.
    Missing {
        /// Why.
        why: String,
        /// The exact thing to do.
        unblock: String,
    },
    /// The server refused this very secret for this very account.
    Refused {
        /// Where it is.
        source: String,
        /// The server's words.
        words: String,
    },
}

/// How it stands with the credential of a channel; nothing for a channel that has none.
pub(crate) fn standing(scene: &Scene<'_>, memory: Option<&Memory>, channel: Channel) -> Outcome<Option<Standing>> {
    let Some(secret) = scene.settings.secret(channel) else { return Ok(None) };
    let source = match secret.state(scene.environment, scene.home) {
        SecretState::Missing { why, unblock } => return Ok(Some(Standing::Missing { why, unblock })),
        SecretState::Present { source } => source,
    };
    let kept = memory.map(|memory| memory.text(&key(channel))).transpose().or_fail()?.flatten();
    let Some(refusal) = kept.as_deref().and_then(Refusal::read) else { return Ok(Some(Standing::Ready { source })) };
    let same = match secret.reveal(scene.environment, scene.home) {
        Ok(value) => refusal.account == account(scene, channel) && refusal.fingerprint == fingerprint(&value),
        Err(failure) => {
            let unblock = failure.hint.clone().unwrap_or_default();
            return Ok(Some(Standing::Missing { why: failure.to_string(), unblock }));
        }
    };
    Ok(Some(match same {
        true => Standing::Refused { source, words: refusal.words.to_owned() },
        false => Standing::Ready { source },
    }))
}

/// Remembers that the server did not accept the credential as it is now: call it on every `Fault::Credential`, with its `why`.
///
/// # Errors
/// The secret can't be looked at any more, or memory can't be written.
pub(crate) fn refused(scene: &Scene<'_>, memory: &mut Memory, channel: Channel, why: &str) -> Outcome {
    let Some(secret) = scene.settings.secret(channel) else { return Ok(()) };
    let value = secret.reveal(scene.environment, scene.home)?;
    refused_value(scene, memory, channel, &value, why)
}

/// The same for a secret that is at hand.
pub(crate) fn refused_value(scene: &Scene<'_>, memory: &mut Memory, channel: Channel, value: &SecretString, why: &str) -> Outcome {
    let text = format!("{}\n{}\n{}", fingerprint(value), account(scene, channel), one_line(&without(why, value)));
    memory.keep_text(&key(channel), &text).or_fail()
}

/// Forgets a refusal: call it when the server has accepted the credential.
///
/// # Errors
/// Memory can't be written.
pub(crate) fn accepted(memory: &mut Memory, channel: Channel) -> Outcome {
    // Written only when there is something to forget: this is called after every good answer.
    match memory.text(&key(channel)).or_fail()? {
        Some(text) if !text.is_empty() => memory.keep_text(&key(channel), "").or_fail(),
        _ => Ok(()),
    }
}

/// What a channel is set to, in a short digest: its section of the settings, the publication's address, and 16 bits of the
/// credential. Another one means that a human changed something. Of no channel, the publication's address alone.
pub(crate) fn mark(scene: &Scene<'_>, channel: Option<Channel>) -> String {
    let settings = std::fs::read_to_string(scene.home.settings()).unwrap_or_default();
    let table: toml::Table = toml::from_str(&settings).unwrap_or_default();
    let of_channel = channel.and_then(|channel| table.get("channels")?.get(channel.to_string()));
    let secret = channel.and_then(|channel| scene.settings.secret(channel)?.reveal(scene.environment, scene.home).ok());
    let secret = secret.as_ref().map(fingerprint);
    let whole = format!("{:?} {:?} {of_channel:?} {secret:?}", table.get("url"), table.get("served"));
    Sha256::digest(whole.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The same of the mailbox that answers come to.
pub(crate) fn mark_of_mailbox(scene: &Scene<'_>) -> String {
    let settings = std::fs::read_to_string(scene.home.settings()).unwrap_or_default();
    let table: toml::Table = toml::from_str(&settings).unwrap_or_default();
    let secret = scene.settings.answers.as_ref().and_then(|answers| answers.password.as_ref());
    let secret = secret.and_then(|secret| secret.reveal(scene.environment, scene.home).ok());
    let whole = format!("{:?} {:?}", table.get("answers"), secret.as_ref().map(fingerprint));
    Sha256::digest(whole.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What to do about a refused credential, in words that stay the same, so that it is asked once.
pub(crate) fn unblock(channel: Channel, source: &str) -> String {
    format!("the credential of {} ({source}) is not accepted: replace it: `reveille channel login {channel}`", channel.title())
}

/// A fault in words, without the secret of the settings: a server may repeat what it was sent.
pub(crate) fn said(scene: &Scene<'_>, channel: Channel, fault: &Fault) -> String {
    let secret = scene.settings.secret(channel).and_then(|secret| secret.reveal(scene.environment, scene.home).ok());
    secret.map_or_else(|| fault.to_string(), |secret| without(&fault.to_string(), &secret))
}

/// A text without the secret, should somebody have repeated it.
pub(crate) fn without(text: &str, secret: &SecretString) -> String {
    let value = secret.expose_secret();
    if value.is_empty() { text.to_owned() } else { text.replace(value, "…") }
}

/// What is kept of a refusal.
struct Refusal<'a> {
    fingerprint: &'a str,
    account: &'a str,
    words: &'a str,
}

impl<'a> Refusal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut lines = text.splitn(3, '\n');
        let fingerprint = lines.next().filter(|line| !line.is_empty())?;
        Some(Self { fingerprint, account: lines.next()?, words: lines.next()? })
    }
}

fn key(channel: Channel) -> String {
    format!("refused {channel}")
}

/// Another account, or another server, makes it another question.
fn account(scene: &Scene<'_>, channel: Channel) -> String {
    one_line(&scene.settings.describe(channel))
}

/// The first 16 bits of the secret's SHA-256.
fn fingerprint(secret: &SecretString) -> String {
    let digest = Sha256::digest(secret.expose_secret().as_bytes());
    digest.iter().take(2).map(|byte| format!("{byte:02x}")).collect()
}

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests;
