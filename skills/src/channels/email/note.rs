//! A mail to one reader about their own subscription: to confirm it, that they are a reader already, welcome.
//!
//! Must stay true: what is frozen names the reader by their id only; the address comes beside it and must be of that id, so that
//! who is forgotten is forgotten in the ledger too; tokens are made when it goes, of frozen fields and the home's key, and are kept
//! nowhere; it says that a program wrote it (RFC 3834).

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::HeaderName;
use lettre::message::{Message, MultiPart, SinglePart};
use reveille_mission::{Token, subscriber_bytes, subscriber_id};
use serde::{Deserialize, Serialize};

use super::super::{Attached, Fault};
use super::Email;
use super::fit::{body, header_text, mailbox, refused};
use super::letter::takes_one_click;
use super::mail::{Ready, by_mail, token_text, whole};
use super::words::{LEAVE, LINKS, Words};
use crate::disk::sha256;

/// The frozen bytes of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// The digest of its words.
    words: String,
    /// The reader's id.
    reader: String,
    /// `<…@domain>`, made of the reader and the part of the ledger.
    message_id: String,
    /// The Date header; from it on the links are good for their days.
    date: DateTime<Utc>,
}

/// Freezes a note: its bytes, and the Message-ID as the token of the effect.
///
/// # Errors
/// The address can't stand in a mail, or is not of this reader.
pub(crate) fn freeze(
    words: &Words,
    digest: &str,
    reader: &str,
    address: &str,
    part: &str,
    now: DateTime<Utc>,
) -> Result<(Vec<u8>, String), Fault> {
    is_of(reader, address)?;
    mailbox("reader's address", address)?;
    let from = mailbox("sender", &words.from)?;
    let id = sha256(format!("{part}\n{reader}").as_bytes());
    let message_id = format!("<{}@{}>", &id[..40], from.email.domain());
    let note = Note { words: digest.to_owned(), reader: reader.to_owned(), message_id: message_id.clone(), date: now.trunc_subsecs(0) };
    Ok((serde_json::to_vec(&note).map_err(|error| refused(error.to_string()))?, message_id))
}

fn is_of(reader: &str, address: &str) -> Result<(), Fault> {
    if subscriber_id(address) == reader { Ok(()) } else { Err(refused("the address is not the reader's")) }
}

/// Makes the message of what is frozen.
pub(super) fn build(email: &Email, frozen: &[u8], words: &Attached, address: &str, key: &[u8]) -> Result<Ready, Fault> {
    let note: Note = serde_json::from_slice(frozen).map_err(|_| refused("what the ledger holds is no mail"))?;
    is_of(&note.reader, address)?;
    let words = Words::of(words).filter(|_| words.digest == note.words).ok_or_else(|| refused("the words of this mail are not kept"))?;
    let (from, to) = (mailbox("sender", &words.from)?, mailbox("reader's address", address)?);
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()]).map_err(|error| refused(error.to_string()))?;
    let mut builder = Message::builder()
        .envelope(envelope)
        .from(from.clone())
        .to(to.clone())
        .subject(header_text("subject", &words.subject)?)
        .date(note.date.into())
        .message_id(Some(token_text("Message-ID", &note.message_id)?))
        .raw_header(whole(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()));
    if let Some(reply_to) = &words.reply_to {
        builder = builder.reply_to(mailbox("`reply_to`", reply_to)?);
    }
    let links = Links::of(&note, key)?;
    for (name, value) in links.headers(&words, &from.email)? {
        builder = builder.raw_header(whole(name, value));
    }
    let parts = MultiPart::alternative()
        .boundary(format!("reveille-{}", &note.words[..40.min(note.words.len())]))
        .singlepart(SinglePart::plain(body(&links.filled_in(&words.text))))
        .singlepart(SinglePart::html(body(&links.filled_in(&words.html))));
    let mut message = builder.multipart(parts).map_err(|error| refused(error.to_string()))?;
    if let Some(dkim) = &email.dkim {
        message.sign(dkim);
    }
    let text = String::from_utf8(message.formatted()).map_err(|_| refused("the message is not encoded"))?;
    Ok(Ready { from: from.email, to: to.email, text, message_id: note.message_id })
}

/// What comes into the place of each stand-in.
struct Links(Vec<(&'static str, String)>);

impl Links {
    fn of(note: &Note, key: &[u8]) -> Result<Self, Fault> {
        let subscriber = subscriber_bytes(&note.reader).ok_or_else(|| refused("the reader's id is none"))?;
        let token = |(_, stand_in, purpose, days): (_, _, _, Option<i64>)| {
            let expires = days.map(|days| note.date + TimeDelta::days(days));
            (stand_in, Token { purpose, subscriber, item: 0, expires }.mint(key))
        };
        Ok(Self(LINKS.map(token).into()))
    }

    fn filled_in(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (stand_in, token)| text.replace(stand_in, token))
    }

    /// How to leave, for mail programs (RFC 2369): by one click (RFC 8058) where that may be, else by a mail, as in letters.
    fn headers(&self, words: &Words, from: &Address) -> Result<Vec<(HeaderName, String)>, Fault> {
        let Some((id, leave)) = &words.list else { return Ok(vec![]) };
        let web = token_text("address to leave at", &self.filled_in(leave))?;
        let post = takes_one_click(&web).then(|| "List-Unsubscribe=One-Click".to_owned());
        let leave = if post.is_some() { web } else { token_text("address to leave at", &by_mail(from, &self.filled_in(LEAVE)))? };
        let mut headers = vec![
            (HeaderName::new_from_ascii_str("List-ID"), token_text("list id", id)?),
            (HeaderName::new_from_ascii_str("List-Unsubscribe"), format!("<{leave}>")),
        ];
        headers.extend(post.map(|post| (HeaderName::new_from_ascii_str("List-Unsubscribe-Post"), post)));
        Ok(headers)
    }
}

#[cfg(test)]
mod tests;
