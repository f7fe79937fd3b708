//! One look into a mailbox: which messages are new, and each of them, one by one.
//!
//! Must stay true: where the next look goes on is known after each message, by UIDVALIDITY and UID (RFC 3501, 2.3.1.1); a mailbox
//! that numbers its messages anew is read as if it were new.

use async_imap::Session;
use async_imap::error::Error;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use reveille_mission::Channel;
use secrecy::ExposeSecret;

use super::line::{Allowance, Line, WORDS, connect};
use super::{Mailbox, later};
use crate::answers::FIRST;
use crate::answers::mail::BYTES;
use crate::channels::Fault;

/// What a list of numbers may take.
const LIST: usize = 1 << 20;

/// How many numbers are asked for at once; most of them are gone in an old mailbox.
const WINDOW: u32 = 10_000;

/// The most windows of one look.
const WINDOWS: usize = 50;

/// How much of a server's words is repeated.
const SAID: usize = 200;

/// Up to where a mailbox was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    validity: u32,
    uid: u32,
}

impl Place {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (validity, uid) = text.split_once(':')?;
        Some(Self { validity: validity.parse().ok()?, uid: uid.parse().ok()? })
    }

    pub(super) fn written(self) -> String {
        format!("{}:{}", self.validity, self.uid)
    }
}

/// A message; without bytes when the server gives none.
pub(super) struct Mail {
    pub(super) place: Place,
    pub(super) at: DateTime<Utc>,
    pub(super) bytes: Option<Vec<u8>>,
}

/// What was fetched so far.
#[derive(Default)]
pub(super) struct Mails {
    pub(super) all: Vec<Mail>,
    pub(super) place: Option<Place>,
}

/// Looks. What is in `mails` when this ends, or is ended, can be kept.
pub(super) async fn look(mailbox: &Mailbox, from: Option<Place>, most: usize, now: DateTime<Utc>, mails: &mut Mails) -> Result<(), Fault> {
    let allowance = Allowance::default();
    let client = connect(mailbox, &allowance).await?;
    allowance.set(WORDS);
    let login = client.login(&mailbox.user, mailbox.password.expose_secret()).await;
    let mut session = login.map_err(|(error, _)| not_let_in(mailbox, &error))?;
    allowance.set(WORDS);
    let opened = session.examine(&mailbox.folder).await.map_err(|error| of(mailbox, &error))?;
    let (Some(validity), Some(next)) = (opened.uid_validity, opened.uid_next) else {
        return Err(later("it does not number its messages (UIDVALIDITY, UIDNEXT)"));
    };
    let from = from.filter(|place| place.validity == validity);
    let (uids, last) = match from {
        Some(place) => since(mailbox, &mut session, &allowance, place.uid, next, most).await?,
        None => first(mailbox, &mut session, &allowance, next, most, now).await?,
    };
    for uid in uids {
        allowance.set(BYTES + WORDS);
        let (at, bytes) = message(mailbox, &mut session, uid, now).await?;
        let place = Place { validity, uid };
        mails.all.push(Mail { place, at, bytes });
        mails.place = Some(place);
    }
    mails.place = Some(Place { validity, uid: last });
    // All was read, whatever the goodbye says.
    let _ = session.logout().await;
    Ok(())
}

/// The new ones of a mailbox that was read before, the oldest first, and up to where that is all.
async fn since(
    mailbox: &Mailbox,
    session: &mut Session<Line>,
    allowance: &Allowance,
    read: u32,
    next: u32,
    most: usize,
) -> Result<(Vec<u32>, u32), Fault> {
    let (mut found, mut last) = (Vec::new(), read);
    for _ in 0..WINDOWS {
        if last.saturating_add(1) >= next || found.len() >= most {
            break;
        }
        let to = last.saturating_add(WINDOW).min(next - 1);
        let mut some = numbers(mailbox, session, allowance, &format!("UID {}:{to}", last + 1)).await?;
        // A range that holds nothing is answered with the last message by some.
        some.retain(|uid| *uid > last && *uid <= to);
        found.extend(some);
        last = to;
    }
    if found.len() > most {
        found.truncate(most);
        last = found.last().copied().unwrap_or(last);
    }
    Ok((found, last))
}

/// The ones of the last days, of a mailbox that was not read before.
async fn first(
    mailbox: &Mailbox,
    session: &mut Session<Line>,
    allowance: &Allowance,
    next: u32,
    most: usize,
    now: DateTime<Utc>,
) -> Result<(Vec<u32>, u32), Fault> {
    let mut found = numbers(mailbox, session, allowance, &format!("SINCE {}", (now - FIRST).format("%d-%b-%Y"))).await?;
    let more = found.len() > most;
    found.truncate(most);
    let last = found.last().copied().filter(|_| more).unwrap_or(next.saturating_sub(1));
    Ok((found, last))
}

async fn numbers(mailbox: &Mailbox, session: &mut Session<Line>, allowance: &Allowance, query: &str) -> Result<Vec<u32>, Fault> {
    allowance.set(LIST);
    let found = session.uid_search(query).await.map_err(|error| of(mailbox, &error))?;
    let mut found: Vec<u32> = found.into_iter().collect();
    found.sort_unstable();
    Ok(found)
}

/// One message, up to its bound, and when it came in: by the server's clock, for anybody can write a `Date`.
async fn message(
    mailbox: &Mailbox,
    session: &mut Session<Line>,
    uid: u32,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, Option<Vec<u8>>), Fault> {
    let what = format!("(UID INTERNALDATE BODY.PEEK[]<0.{BYTES}>)");
    let mut answers = session.uid_fetch(uid.to_string(), what).await.map_err(|error| of(mailbox, &error))?;
    let mut found = (now, None);
    while let Some(answer) = answers.next().await {
        let answer = answer.map_err(|error| of(mailbox, &error))?;
        if answer.uid == Some(uid) && found.1.is_none() {
            let at = answer.internal_date().map_or(now, |at| at.with_timezone(&Utc).min(now));
            found = (at, answer.body().map(|bytes| bytes[..bytes.len().min(BYTES)].to_vec()));
        }
    }
    Ok(found)
}

/// The login was not taken. What a server says of its own trouble (RFC 5530) is none of the password's.
fn not_let_in(mailbox: &Mailbox, error: &Error) -> Fault {
    let said = words(&without(mailbox, &error.to_string()));
    let passes = ["unavailable", "inuse", "limit", "serverbug", "temporar"];
    match error {
        Error::No(words) if !passes.iter().any(|word| words.to_lowercase().contains(word)) => {
            Fault::Credential { channel: Channel::Email, why: said }
        }
        _ => later(said),
    }
}

fn of(mailbox: &Mailbox, error: &Error) -> Fault {
    later(words(&without(mailbox, &error.to_string())))
}

/// A server's words on one line, cut.
pub(super) fn words(said: &str) -> String {
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect()
}

/// Words without the password: a server may repeat what it was sent.
fn without(mailbox: &Mailbox, words: &str) -> String {
    let password = mailbox.password.expose_secret();
    if password.is_empty() { words.to_owned() } else { words.replace(password, "…") }
}
