//! A mail that came in: what it says, and whether a person wrote it.
//!
//! Must stay true: whatever the bytes are, there is an end and a verdict; a bounce is only counted, for anybody can write one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Utc};
use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use reveille_memory::{AnswerKind, NoAnswer};
use reveille_mission::folded_address;

use super::{Answer, text};
use crate::disk::sha256;

/// The most bytes of a mail that are fetched.
pub const BYTES: usize = 256 << 10;

/// The most Message-IDs that are looked at.
const REFERENCES: usize = 20;

/// Whose mails are our own: folded addresses.
pub type Own = [String];

/// Reads a mail that came in `at`.
///
/// # Errors
/// It is no answer of a person.
pub fn read(bytes: &[u8], own: &Own, at: DateTime<Utc>) -> Result<Answer, NoAnswer> {
    // The parser is made for hostile mail; should one ever find a hole in it, that mail can't be read, and that is all.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let message = MessageParser::default().parse(bytes).ok_or(NoAnswer::Unreadable)?;
        judged(&message, own)?;
        Ok(answer(&message, bytes, at))
    }));
    read.unwrap_or(Err(NoAnswer::Unreadable))
}

/// Whether a person wrote it: RFC 3834 (2 and 5), RFC 6522 for reports, RFC 2919 for lists; `Precedence` by old custom.
fn judged(message: &Message<'_>, own: &Own) -> Result<(), NoAnswer> {
    let sender = sender(message).ok_or(NoAnswer::Unreadable)?;
    let local = sender.rsplit_once('@').map_or(sender.as_str(), |(local, _)| local);
    let raw = |name: &'static str| message.header_raw(name).map(|value| value.trim().to_lowercase());
    let report = message.content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart") && kind.subtype().is_some_and(|sub| sub.eq_ignore_ascii_case("report"))
    });
    let nobody = raw("Return-Path").is_some_and(|path| path == "<>");
    if report || nobody || matches!(local, "mailer-daemon" | "postmaster") {
        return Err(NoAnswer::Bounce);
    }
    if own.contains(&sender) {
        return Err(NoAnswer::Own);
    }
    let auto = raw("Auto-Submitted").is_some_and(|said| !said.starts_with("no"));
    let bulk = raw("Precedence").is_some_and(|said| ["bulk", "junk", "list", "auto_reply"].contains(&said.as_str()));
    let listed = message.header_raw("List-Id").is_some() || message.header_raw("X-Autoreply").is_some();
    if auto || bulk || listed { Err(NoAnswer::Automatic) } else { Ok(()) }
}

/// The address in `From`, folded. Anybody can write it.
fn sender(message: &Message<'_>) -> Option<String> {
    let address = message.from()?.first()?.address()?;
    (!address.is_empty()).then(|| folded_address(address))
}

fn answer(message: &Message<'_>, bytes: &[u8], at: DateTime<Utc>) -> Answer {
    let subject = text::line(message.subject().unwrap_or_default());
    let body = text::plain(&body(message));
    let text = if subject.is_empty() { body } else { format!("{subject}\n\n{body}") };
    Answer {
        name: sha256(bytes),
        kind: AnswerKind::Mail,
        sender: text::line(&sender(message).unwrap_or_default()),
        place: text::line(message.message_id().unwrap_or_default()),
        answers_to: references(message),
        text,
        at,
    }
}

/// The first part that is text; HTML without its tags.
fn body(message: &Message<'_>) -> String {
    message
        .text_bodies()
        .find_map(|part| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            PartType::Html(html) => Some(text::of_html(html)),
            _ => None,
        })
        .unwrap_or_default()
}

/// What it refers to, the nearest first: In-Reply-To, then References from the last on (RFC 5322, 3.6.4). With angle brackets.
fn references(message: &Message<'_>) -> Vec<String> {
    let list = |value: &HeaderValue<'_>| -> Vec<String> {
        value.as_text_list().unwrap_or_default().iter().map(|id| format!("<{}>", id.trim_matches(['<', '>', ' ']))).collect()
    };
    let mut all = list(message.in_reply_to());
    all.extend(list(message.references()).into_iter().rev());
    all.retain(|id| id.len() <= 1000);
    all.truncate(REFERENCES);
    all
}
