//! What an answer that is no success means: whether it may have happened, and what must change.
//!
//! Must stay true: an answer to a write that does not say for certain that nothing happened is [`Fault::Unclear`]; no fault
//! repeats the token, whatever the server echoes.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::super::Fault;
use super::super::http::{Answer, Silence};
use super::CHANNEL;

pub(super) fn unclear(why: impl Into<String>) -> Fault {
    Fault::Unclear { channel: CHANNEL, why: why.into() }
}

pub(super) fn refused(why: impl Into<String>) -> Fault {
    Fault::Refused { channel: CHANNEL, why: why.into() }
}

pub(super) fn later(why: impl Into<String>) -> Fault {
    Fault::Later { channel: CHANNEL, why: why.into() }
}

/// No answer to a question: nothing changed there, whatever it was.
pub(super) fn not_read(silence: Silence) -> Fault {
    match silence {
        Silence::NotSent(why) | Silence::Lost(why) => later(why),
    }
}

/// No answer to a write.
pub(super) fn not_written(silence: Silence) -> Fault {
    match silence {
        Silence::NotSent(why) => later(why),
        Silence::Lost(why) => unclear(why),
    }
}

/// An answer to a question: at worst it is asked again.
pub(super) fn of_reading(answer: &Answer, server: &Url, secret: &SecretString, now: DateTime<Utc>) -> Fault {
    match answer.status {
        408 | 409 | 425 | 500.. => later(without(answer.said(), secret)),
        _ => certain(answer, server, secret, now, refused).unwrap_or_else(|| unclear(without(answer.said(), secret))),
    }
}

/// An answer to an upload, which makes nothing public: whatever it is, nothing happened.
pub(super) fn of_uploading(answer: &Answer, server: &Url, secret: &SecretString, now: DateTime<Utc>) -> Fault {
    match answer.status {
        408 | 409 | 425 | 500.. => later(without(answer.said(), secret)),
        _ => certain(answer, server, secret, now, later).unwrap_or_else(|| later(without(answer.said(), secret))),
    }
}

/// An answer to a write that would be public. 408 and 409 may come after the write: the one from a proxy, the other from a
/// second request under the same key. What is wrong with the server or the account is put right and tried again.
pub(super) fn of_writing(answer: &Answer, server: &Url, secret: &SecretString, now: DateTime<Utc>) -> Fault {
    match answer.status {
        408 | 409 | 500.. => unclear(without(answer.said(), secret)),
        _ => certain(answer, server, secret, now, later).unwrap_or_else(|| unclear(without(answer.said(), secret))),
    }
}

/// The fault, where the answer says for certain that nothing happened: `no` where it is not about what was sent.
fn certain(answer: &Answer, server: &Url, secret: &SecretString, now: DateTime<Utc>, no: fn(String) -> Fault) -> Option<Fault> {
    let why = without(answer.said(), secret);
    match answer.status {
        // 303 is not among them: it says "done, see there".
        301 | 302 | 307 | 308 => Some(no(without(moved(answer, server), secret))),
        400 | 413 | 422 => Some(refused(why)),
        401 => Some(Fault::Credential { channel: CHANNEL, why }),
        403 if is_about_the_token(&why) => Some(Fault::Credential { channel: CHANNEL, why }),
        403 => Some(no(format!("{why}; see on the server what the account may do"))),
        404 | 405 | 410 => Some(no(format!("{why}; check `server` in the settings"))),
        429 => Some(Fault::RateLimited { channel: CHANNEL, until: answer.limited_until(now), why }),
        400..=499 => Some(no(why)),
        _ => None,
    }
}

/// Mastodon answers 403 also to a token without the scope and to an account that was frozen or must confirm its address.
fn is_about_the_token(said: &str) -> bool {
    let said = said.to_lowercase();
    ["token", "scope", "login", "credential", "unauthor"].iter().any(|word| said.contains(word))
}

/// A redirect is never followed with a token. Of the new address its origin is told, and only that.
fn moved(answer: &Answer, server: &Url) -> String {
    let to = answer.headers.get("location").and_then(|to| to.to_str().ok()).and_then(|to| server.join(to).ok());
    match to.map(|to| to.origin()).filter(|origin| origin.is_tuple() && *origin != server.origin()) {
        Some(origin) => {
            let origin = origin.ascii_serialization();
            format!("{} the server sends us on to {origin}; if that is its new address, set `server` to it", answer.status)
        }
        None => format!("{} the server sends us on; check `server` in the settings", answer.status),
    }
}

/// How much of a secret is let pass at the end of words that were cut.
const LET_PASS: usize = 3;

/// Words without the secret: a server may echo what it was sent, and what it says is cut, so it may stand there in part.
pub(super) fn without(words: String, secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return words;
    }
    let words = words.replace(secret, "…");
    let parts = secret.char_indices().rev().map(|(end, _)| &secret[..end]).take_while(|part| part.len() > LET_PASS);
    let cut = parts.into_iter().find_map(|part| words.strip_suffix(part)).map(|before| format!("{before}…"));
    cut.unwrap_or(words)
}

/// What an answer means: [`of_reading`] or one of its like.
pub(super) type Meaning = fn(&Answer, &Url, &SecretString, DateTime<Utc>) -> Fault;

/// What a call of `megalodon` ran into; `of` says what its answer means. Only calls that make nothing public go through it.
pub(super) fn of_megalodon(error: megalodon::error::Error, of: Meaning, server: &Url, secret: &SecretString, now: DateTime<Utc>) -> Fault {
    match error {
        megalodon::error::Error::OwnError(own) if own.status.is_some() => {
            let headers = own.header.unwrap_or_default();
            let answer = Answer { status: own.status.unwrap_or_default(), headers, body: own.message.into_bytes() };
            of(&answer, server, secret, now)
        }
        // The address may hold a code.
        megalodon::error::Error::RequestError(error) => later(without(error.without_url().to_string(), secret)),
        megalodon::error::Error::ParseError(error) => refused(format!("an address can't be read: {error}")),
        _ => later("the answer can't be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_cut_is_none_either() {
        let secret = SecretString::from("cnry-0123456789");
        for (words, expected) in [
            ("401 no cnry-0123456789 here", "401 no … here"),
            ("401 cnry-01234567", "401 …"),
            ("401 cnry", "401 …"),
            ("401 cnr", "401 cnr"),
            ("401 cnry-0123456789", "401 …"),
        ] {
            assert_eq!(without(words.to_owned(), &secret), expected);
        }
    }
}
