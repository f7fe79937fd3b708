//! A mailbox over IMAP (RFC 3501), read and never changed.
//!
//! Must stay true: the mailbox is opened by EXAMINE and read by BODY.PEEK: no flag changes, nothing is deleted; the password goes
//! over TLS or stays on this machine; every command has its own allowance of bytes, and the whole look its time.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_mission::{Channel, folded_address};
use secrecy::SecretString;
use url::{Host, Url};

use super::{Looked, mail};
use crate::channels::Fault;

mod line;
mod look;

/// Where a mailbox is, and who reads it.
pub struct MailboxAt {
    /// `imaps://host`, or `imap://host` with STARTTLS (on this machine without).
    pub address: Url,
    /// The login.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// Certificates (PEM) that the server is checked with instead of the system's.
    pub ca: Option<PathBuf>,
    /// The folder, `INBOX` for most.
    pub folder: String,
    /// Addresses whose mails are our own.
    pub own: Vec<String>,
    /// How long a whole look may take.
    pub patience: Duration,
}

/// A mailbox.
pub struct Mailbox {
    host: String,
    port: u16,
    way: line::Way,
    user: String,
    password: SecretString,
    folder: String,
    own: Vec<String>,
    patience: Duration,
}

// Without the password.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("host", &self.host).field("user", &self.user).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Mailbox {
    /// A mailbox, with everything in its settings checked; nothing is connected yet.
    ///
    /// # Errors
    /// The address or the certificates can't be used.
    pub fn new(at: MailboxAt) -> Result<Self, Fault> {
        let (host, here) = host_of(&at.address)?;
        let (port, wrapped) = match at.address.scheme() {
            "imaps" => (993, true),
            "imap" => (143, false),
            _ => return Err(refused("`imap` is `imaps://host` or `imap://host`")),
        };
        if !at.address.username().is_empty() || at.address.password().is_some() {
            return Err(refused("a login has no place in the mailbox's address: use `user` and `password`"));
        }
        let way = match (wrapped, here && at.ca.is_none()) {
            (true, _) => line::Way::Wrapped(line::tls(at.ca.as_deref())?),
            (false, true) => line::Way::Plain,
            (false, false) => line::Way::StartTls(line::tls(at.ca.as_deref())?),
        };
        Ok(Self {
            port: at.address.port().unwrap_or(port),
            own: at.own.iter().map(|own| folded_address(own)).collect(),
            host,
            way,
            user: at.user,
            password: at.password,
            folder: at.folder,
            patience: at.patience,
        })
    }

    /// The account, for a person to recognise and to know one mailbox from another.
    pub fn name(&self) -> String {
        format!("{} at {}:{}, {}", self.user, self.host, self.port, self.folder)
    }

    /// What came in since `place`, at most `most`, the oldest first. What a slow line gave in time is given.
    ///
    /// # Errors
    /// The server can't be reached, or does not accept the credential.
    pub fn look(&self, place: Option<&str>, most: usize, now: DateTime<Utc>) -> Result<Looked, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| later(error.to_string()))?;
        let mut mails = look::Mails::default();
        let begun = look::look(self, place.and_then(look::Place::read), most, now, &mut mails);
        let ended = runtime.block_on(async { tokio::time::timeout(self.patience, begun).await });
        match ended {
            Ok(Err(fault)) => Err(fault),
            Err(_) if mails.all.is_empty() && mails.place.is_none() => Err(later("it did not answer in time")),
            Ok(Ok(())) | Err(_) => Ok(self.read(mails)),
        }
    }

    fn read(&self, mails: look::Mails) -> Looked {
        let read = |one: look::Mail| super::Incoming {
            place: Some(one.place.written()),
            what: match &one.bytes {
                Some(bytes) => mail::read(bytes, &self.own, one.at),
                None => Err(reveille_memory::NoAnswer::Unreadable),
            },
        };
        let place = mails.place.map(|place| place.written());
        Looked { incoming: mails.all.into_iter().map(read).collect(), place, left_out: None }
    }
}

/// The host as a name or an address, and whether it is this machine.
fn host_of(address: &Url) -> Result<(String, bool), Fault> {
    match Host::parse(address.host_str().unwrap_or_default()).map_err(|_| refused("the mailbox's address has no host"))? {
        Host::Domain(name) => {
            let here = name == "localhost";
            Ok((name, here))
        }
        Host::Ipv4(address) => Ok((address.to_string(), address.is_loopback())),
        Host::Ipv6(address) => Ok((address.to_string(), address.is_loopback())),
    }
}

fn refused(why: impl Into<String>) -> Fault {
    Fault::Refused { channel: Channel::Email, why: why.into() }
}

fn later(why: impl Into<String>) -> Fault {
    Fault::Later { channel: Channel::Email, why: why.into() }
}
