//! Mail: a letter is made once an issue, and each reader gets one mail of it, in a row of the ledger of its own.
//!
//! Must stay true: a password goes over TLS or stays on this machine; what stands in a header or a command has passed `fit`;
//! once the content has begun, anything but a clear answer leaves the mail unknown, and it is not sent again.

mod clicks;
mod fit;
mod letter;
mod mail;
mod note;
mod notice;
#[cfg(test)]
pub(crate) mod script;
mod sendmail;
mod smtp;
#[cfg(test)]
pub(crate) mod tests;
mod week;
mod words;

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::message::dkim::DkimConfig;
use reveille_memory::{Effect, Sending};
use reveille_mission::Channel;
use secrecy::SecretString;
use url::Url;

use super::{Account, Attached, Fault, Frozen, PostLimits, Receipt};
pub use clicks::{Clicks, Part};
use fit::{mailbox, refused};
pub use letter::{Letter, compose, compose_win_back};
use mail::Ready;
pub(crate) use mail::{Mail, freeze};
pub(crate) use note::freeze as freeze_note;
use notice::Notice;
use sendmail::Sendmail;
use smtp::Smtp;
pub(in crate::channels) use smtp::heard;
pub use week::compose_week;
pub use words::{CONFIRM_DAYS, PREFERENCES_DAYS, Words, WrongWords, try_words, words};

/// Where our mail goes out, and as whom.
#[derive(Debug)]
pub struct MailServer {
    /// `smtps://host[:465]`, `smtp://host[:587]` (STARTTLS, but for this machine), or `sendmail:///usr/sbin/sendmail`.
    pub address: Url,
    /// The login, where one is needed.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// The certificates (PEM) that a server of one's own is checked with, instead of the system's.
    pub ca: Option<PathBuf>,
    /// The sender, as `Name <address>`.
    pub from: String,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// What mails are signed with.
    pub dkim: Option<Dkim>,
    /// How long one answer of the server may take.
    pub patience: Duration,
    /// All that a mail program on this machine is given of the environment: ours holds the secrets of other channels.
    pub environment: Vec<(OsString, OsString)>,
}

/// A DKIM key (RFC 6376).
#[derive(Debug)]
pub struct Dkim {
    /// The signing domain.
    pub domain: String,
    /// The selector, under which the public key stands in the DNS.
    pub selector: String,
    /// The private key: RSA as PEM (PKCS#1), or Ed25519 in base64.
    pub key: SecretString,
}

/// A mail server that takes our mail. The line to it stays open from one mail to the next.
pub struct Email {
    way: Way,
    from: String,
    reply_to: Option<String>,
    dkim: Option<Box<DkimConfig>>,
    /// The letter of the last mail, by its digest: ten thousand mails share it.
    last: RefCell<Option<(String, Rc<Letter>)>>,
}

/// How mail leaves this machine.
enum Way {
    Smtp(Box<Smtp>),
    Sendmail(Sendmail),
}

// Without the DKIM key and the password.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("server", &self.place()).field("from", &self.from).finish_non_exhaustive()
    }
}

/// Why a mail was not taken.
#[derive(Debug)]
pub(crate) struct NotTaken {
    /// Whether it may have happened.
    pub(crate) fault: Fault,
    /// The server says that there is no such address: it comes off the list.
    pub(crate) bounced: bool,
    /// The server would take nobody's mail now: the round ends.
    pub(crate) stops: bool,
}

impl From<Fault> for NotTaken {
    fn from(fault: Fault) -> Self {
        Self { fault, bounced: false, stops: false }
    }
}

/// The digests of what an effect's frozen bytes are sent with.
pub(super) fn attached(effect: &Effect) -> Vec<String> {
    Mail::of(&effect.text).map(|mail| mail.letter).into_iter().collect()
}

impl Email {
    /// A server, with everything in its settings checked; nothing is connected yet.
    ///
    /// # Errors
    /// An address, a name, the certificate or the DKIM key can't be used, or a password would go over the line in clear.
    pub fn new(server: MailServer) -> Result<Self, Fault> {
        mailbox("sender", &server.from)?;
        server.reply_to.as_deref().map(|reply_to| mailbox("`reply_to`", reply_to)).transpose()?;
        let dkim = server.dkim.as_ref().map(mail::signer).transpose()?.map(Box::new);
        let (from, reply_to) = (server.from.clone(), server.reply_to.clone());
        let way = match server.address.scheme() {
            "sendmail" => Way::Sendmail(Sendmail::new(&server)?),
            _ => Way::Smtp(Box::new(Smtp::new(server)?)),
        };
        Ok(Self { way, from, reply_to, dkim, last: RefCell::new(None) })
    }

    /// The server, for a message: without name and password.
    fn place(&self) -> String {
        match &self.way {
            Way::Smtp(smtp) => smtp.place().to_owned(),
            Way::Sendmail(sendmail) => sendmail.place(),
        }
    }

    /// Logs in and out again.
    pub(super) fn account(&self) -> Result<Account, Fault> {
        match &self.way {
            Way::Smtp(smtp) => smtp.prove()?,
            Way::Sendmail(sendmail) => sendmail.prove()?,
        }
        Ok(Account { name: self.from.clone(), page: None, followers: None, limits: PostLimits { characters: usize::MAX, link: 0 } })
    }

    /// Freezes a notice to the owner about the program itself; sending it takes a `Sending`, as for every mail.
    ///
    /// # Errors
    /// The address or the subject can't stand in a mail.
    pub fn notice(&self, owner: &str, subject: &str, text: &str, now: DateTime<Utc>) -> Result<Frozen, Fault> {
        notice::freeze(self, owner, subject, text, now)
    }

    /// Opens the line if it is not open: before a mail is let go, so that a dead server costs no mail a try.
    pub(crate) fn ready(&self) -> Result<(), Fault> {
        match &self.way {
            Way::Smtp(smtp) => smtp.ready(),
            Way::Sendmail(sendmail) => sendmail.prove(),
        }
    }

    /// Says goodbye, if the line is open. The next mail opens it again.
    pub fn close(&self) {
        if let Way::Smtp(smtp) = &self.way {
            smtp.close();
        }
    }

    pub(super) fn send(&self, sending: &Sending, attached: &[Attached], now: DateTime<Utc>) -> Result<Receipt, Fault> {
        self.hand_over(sending, attached, now).map_err(|not_taken| not_taken.fault)
    }

    /// Sends one mail that the ledger has let go.
    pub(crate) fn hand_over(&self, sending: &Sending, attached: &[Attached], now: DateTime<Utc>) -> Result<Receipt, NotTaken> {
        let effect = sending.effect();
        let ready = match Notice::of(&effect.text) {
            Some(notice) => notice::build(self, &notice)?,
            None => {
                let mail = Mail::of(&effect.text).ok_or_else(|| refused("what the ledger holds is no mail"))?;
                mail::build(self, &mail, &*self.letter(&mail.letter, attached)?)?
            }
        };
        self.deliver(ready, now)
    }

    /// Sends a mail to a reader about their own subscription, which the ledger has let go. The ledger has the reader's id only:
    /// `address` is where they are, `words` what its digest names, `key` the home's, which the links are made of.
    pub(crate) fn hand_over_note(
        &self,
        sending: &Sending,
        words: &Attached,
        address: &str,
        key: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Receipt, NotTaken> {
        self.deliver(note::build(self, &sending.effect().text, words, address, key)?, now)
    }

    fn deliver(&self, ready: Ready, now: DateTime<Utc>) -> Result<Receipt, NotTaken> {
        let said = match &self.way {
            Way::Smtp(smtp) => smtp.hand_over(&ready)?,
            Way::Sendmail(sendmail) => sendmail.hand_over(&ready)?,
        };
        Ok(Receipt {
            kind: "smtp".to_owned(),
            place: self.place(),
            id: queue_id(&said).unwrap_or(ready.message_id),
            cid: None,
            text: said,
            fetched_at: now,
        })
    }

    fn letter(&self, digest: &str, attached: &[Attached]) -> Result<Rc<Letter>, Fault> {
        if let Some((last, letter)) = &*self.last.borrow()
            && last == digest
        {
            return Ok(Rc::clone(letter));
        }
        let letter = attached.iter().find(|one| one.digest == digest).and_then(Letter::of);
        let letter = Rc::new(letter.ok_or_else(|| refused("the letter of this mail is not kept, or was changed"))?);
        *self.last.borrow_mut() = Some((digest.to_owned(), Rc::clone(&letter)));
        Ok(letter)
    }
}

/// The number under which the server has queued it, where its answer says so: `queued as ID` (Postfix), `id=ID` (Exim),
/// `ID Message accepted for delivery` (Sendmail).
fn queue_id(said: &str) -> Option<String> {
    let words: Vec<&str> = said.split_whitespace().collect();
    let after = words.windows(3).find(|three| three[0] == "queued" && three[1] == "as").map(|three| three[2]);
    let named = || words.iter().find_map(|word| word.strip_prefix("id="));
    let before = || words.windows(3).find(|three| three[1] == "Message" && three[2] == "accepted").map(|three| three[0]);
    let id = after.or_else(named).or_else(before)?.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    (!id.is_empty() && id.len() <= 100).then(|| id.to_owned())
}

/// A fault of mail that leaves it as if nothing had happened.
fn later(why: impl Into<String>) -> Fault {
    Fault::Later { channel: Channel::Email, why: why.into() }
}
