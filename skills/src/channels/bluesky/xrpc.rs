//! What the answers of an XRPC server mean (atproto.com/specs/xrpc): whether something may have happened.
//!
//! Must stay true: what is not clearly a no is unclear for a write; nothing that a server says back holds one of our secrets.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::CHANNEL;
use crate::channels::Fault;
use crate::channels::http::{Answer, Silence};

/// How much of a secret gives it away: all tokens begin alike, so that any of them is hidden.
const GIVEN_AWAY: usize = 12;

/// How much of a server's words is repeated.
const SAID: usize = 200;

/// The name of the error, like `ExpiredToken`.
pub(super) fn named(answer: &Answer) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    if answer.status < 400 { None } else { body.get("error")?.as_str().map(str::to_owned) }
}

/// Whether the access token is what was not accepted: nothing happened, and a new token may help.
pub(super) fn is_stale(answer: &Answer) -> bool {
    answer.status == 401 || (answer.status == 400 && is_token_error(answer))
}

fn is_token_error(answer: &Answer) -> bool {
    matches!(named(answer).as_deref(), Some("ExpiredToken" | "InvalidToken"))
}

/// Why nothing came of a write, or what may have.
pub(super) fn write_refused(answer: &Answer, now: DateTime<Utc>) -> Fault {
    let (channel, why) = (CHANNEL, answer.said());
    match answer.status {
        401 | 403 => Fault::Credential { channel, why },
        400 if is_token_error(answer) => Fault::Credential { channel, why },
        400 | 413 | 415 | 422 => Fault::Refused { channel, why },
        // No such method: this is no PDS now.
        404 | 405 => Fault::Later { channel, why },
        429 => Fault::RateLimited { channel, until: answer.limited_until(now), why },
        _ => Fault::Unclear { channel, why },
    }
}

/// Why a read gave nothing. Nothing ever happens by it.
pub(super) fn read_refused(answer: &Answer, now: DateTime<Utc>) -> Fault {
    let (channel, why) = (CHANNEL, answer.said());
    match answer.status {
        401 | 403 => Fault::Credential { channel, why },
        400 if is_token_error(answer) => Fault::Credential { channel, why },
        429 => Fault::RateLimited { channel, until: answer.limited_until(now), why },
        _ => Fault::Later { channel, why },
    }
}

/// Why there is no session. Nothing happens by asking for one.
pub(super) fn login_refused(answer: &Answer, now: DateTime<Utc>) -> Fault {
    if answer.status == 400 {
        return Fault::Credential { channel: CHANNEL, why: answer.said() };
    }
    read_refused(answer, now)
}

/// No answer to a read or a login.
pub(super) fn no_read(silence: Silence) -> Fault {
    let (Silence::NotSent(why) | Silence::Lost(why)) = silence;
    Fault::Later { channel: CHANNEL, why }
}

/// No answer to a write.
pub(super) fn no_write(silence: Silence) -> Fault {
    match silence {
        Silence::NotSent(why) => Fault::Later { channel: CHANNEL, why },
        Silence::Lost(why) => Fault::Unclear { channel: CHANNEL, why },
    }
}

/// A refusal, without its words if they say a secret back: what remains is the name of the error, for that says what it means.
pub(super) fn veiled(answer: Answer, secret: &SecretString) -> Answer {
    let secret = secret.expose_secret();
    let start = secret.get(..GIVEN_AWAY).unwrap_or(secret);
    let says = |text: &str| !start.is_empty() && text.contains(start);
    if answer.status == 200 || !says(&String::from_utf8_lossy(&answer.body)) {
        return answer;
    }
    let name = named(&answer).filter(|name| !says(name));
    Answer { body: name.map(|name| serde_json::json!({ "error": name }).to_string().into_bytes()).unwrap_or_default(), ..answer }
}

/// A server's words on one line, cut.
pub(super) fn line(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect()
}
