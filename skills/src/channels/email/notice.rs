//! A notice to the owner: one plain mail about the program itself, frozen whole, and no letter.
//!
//! Must stay true: like every mail it is sent of an effect that the ledger has let go; the message depends on the frozen fields
//! only; it says that a program wrote it (RFC 3834), so that nobody answers it by a program.

use chrono::{DateTime, SubsecRound, Utc};
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Message, SinglePart};
use serde::{Deserialize, Serialize};

use super::super::{Fault, Frozen};
use super::Email;
use super::fit::{body, header_text, mailbox, refused};
use super::mail::Ready;
use crate::disk::sha256;

/// The frozen bytes of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notice {
    /// The owner's address.
    owner: String,
    subject: String,
    text: String,
    /// `<…@domain>`, made of the rest.
    message_id: String,
    /// The Date header.
    date: DateTime<Utc>,
}

impl Notice {
    /// From the frozen bytes.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}

/// Freezes a notice.
pub(super) fn freeze(email: &Email, owner: &str, subject: &str, text: &str, now: DateTime<Utc>) -> Result<Frozen, Fault> {
    let owner = mailbox("owner's address", owner)?;
    let from = mailbox("sender", &email.from)?;
    let date = now.trunc_subsecs(0);
    let id = sha256(format!("{owner}\n{subject}\n{text}\n{date}").as_bytes());
    let message_id = format!("<{}@{}>", &id[..40], from.email.domain());
    let subject = header_text("subject", subject)?;
    let notice = Notice { owner: owner.email.to_string(), subject, text: text.to_owned(), message_id: message_id.clone(), date };
    let text = serde_json::to_vec(&notice).map_err(|error| refused(error.to_string()))?;
    Ok(Frozen { text, token: message_id, attached: vec![] })
}

/// Makes the message.
pub(super) fn build(email: &Email, notice: &Notice) -> Result<Ready, Fault> {
    let (from, to) = (mailbox("sender", &email.from)?, mailbox("owner's address", &notice.owner)?);
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()]).map_err(|error| refused(error.to_string()))?;
    let by_program = ("Auto-Submitted", "auto-generated");
    let mut message = Message::builder()
        .envelope(envelope)
        .from(from.clone())
        .to(to.clone())
        .subject(header_text("subject", &notice.subject)?)
        .date(notice.date.into())
        .message_id(Some(header_text("Message-ID", &notice.message_id)?))
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(by_program.0), by_program.1.to_owned()))
        .singlepart(SinglePart::plain(body(&notice.text)))
        .map_err(|error| refused(error.to_string()))?;
    if let Some(dkim) = &email.dkim {
        message.sign(dkim);
    }
    let text = String::from_utf8(message.formatted()).map_err(|_| refused("the message is not encoded"))?;
    Ok(Ready { from: from.email, to: to.email, text, message_id: notice.message_id.clone() })
}
