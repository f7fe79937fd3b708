//! The line to a mail server (RFC 5321), command by command, so that it is known how far a mail came when something fails.
//!
//! Must stay true: an error before the content means that nothing happened; after it, only an answer of the server says what
//! did; no error repeats what was said while logging in.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use reveille_mission::Channel;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::super::Fault;
use super::fit::{refused, said};
use super::mail::Ready;
use super::{MailServer, NotTaken, later};

/// What the words of a no speak of when it is about us and not about an address.
const ABOUT_US: [&str; 12] =
    ["relay", "sender", "limit", "quota", "policy", "spam", "block", "blacklist", "denied", "prohibit", "too many", " rate "];

/// A mail server, and the line to it while it is open.
pub(super) struct Smtp {
    host: String,
    port: u16,
    place: String,
    security: Security,
    login: Option<(String, SecretString)>,
    patience: Duration,
    line: RefCell<Option<SmtpConnection>>,
}

/// How the line is kept from others' eyes.
enum Security {
    /// TLS from the first byte (RFC 8314).
    Wrapped(TlsParameters),
    /// TLS before anything is said (RFC 3207).
    StartTls(TlsParameters),
    /// Nothing: on this machine.
    Plain,
}

/// Why a mail was not taken, and what became of the line.
struct Stop {
    not_taken: NotTaken,
    /// The line was cut before the content: nothing happened, and another line may be tried at once.
    cut: bool,
    /// The line can be used for the next mail.
    open: bool,
}

/// Which command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Sender,
    Recipient,
    Content,
}

impl Smtp {
    pub(super) fn new(server: MailServer) -> Result<Self, Fault> {
        let (host, here) = host_of(&server.address)?;
        let (port, wrapped) = match server.address.scheme() {
            "smtps" => (465, true),
            "smtp" => (587, false),
            _ => return Err(refused("`smtp` is `smtps://host`, `smtp://host` or `sendmail:///path`")),
        };
        if !server.address.username().is_empty() || server.address.password().is_some() {
            return Err(refused("a login has no place in the server's address: use `user` and `password`"));
        }
        let port = server.address.port().unwrap_or(port);
        let security = if wrapped {
            Security::Wrapped(tls(&host, &server)?)
        } else if here && server.ca.is_none() {
            Security::Plain
        } else {
            Security::StartTls(tls(&host, &server)?)
        };
        let login = match (server.user, server.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            _ => return Err(refused("`user` and `password` go together")),
        };
        let place = format!("{}://{host}:{port}", server.address.scheme());
        Ok(Self { host, port, place, security, login, patience: server.patience, line: RefCell::new(None) })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    #[cfg(test)]
    pub(super) fn is_encrypted(&self) -> bool {
        !matches!(self.security, Security::Plain)
    }

    /// Logs in, asks for nothing, and leaves.
    pub(super) fn prove(&self) -> Result<(), Fault> {
        let mut connection = self.connect()?;
        connection.command(Noop).map_err(|error| later(words(&error)))?;
        // It was proved, whatever the goodbye says.
        let _ = connection.quit();
        Ok(())
    }

    /// Opens the line if it is not open.
    pub(super) fn ready(&self) -> Result<(), Fault> {
        let mut line = self.line.borrow_mut();
        if line.is_none() {
            *line = Some(self.connect()?);
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        if let Some(mut connection) = self.line.borrow_mut().take() {
            let _ = connection.quit();
        }
    }

    /// Connected, encrypted, logged in.
    fn connect(&self) -> Result<SmtpConnection, Fault> {
        let hello = ClientId::default();
        let wrapped = if let Security::Wrapped(tls) = &self.security { Some(tls) } else { None };
        let mut connection = SmtpConnection::connect((self.host.as_str(), self.port), Some(self.patience), &hello, wrapped, None)
            .map_err(|error| later(words(&error)))?;
        if let Security::StartTls(tls) = &self.security {
            if !connection.can_starttls() {
                return Err(later(format!("{} offers no encryption (STARTTLS), so nothing was sent there", self.place)));
            }
            connection.starttls(tls, &hello).map_err(|error| later(words(&error)))?;
        }
        self.log_in(&mut connection)?;
        Ok(connection)
    }

    fn log_in(&self, connection: &mut SmtpConnection) -> Result<(), Fault> {
        let Some((user, password)) = &self.login else { return Ok(()) };
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let answer = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        // The server's words are not repeated here: it could say the password back.
        match answer {
            Ok(answer) if u16::from(answer.code()) / 100 == 2 => Ok(()),
            Ok(_) => Err(dead("the login was not finished")),
            Err(error) => match error.status().map(u16::from) {
                Some(code @ 500..) => Err(dead(format!("the login is refused ({code})"))),
                Some(code) => Err(later(format!("the login is put off ({code})"))),
                None if error.is_client() => Err(dead("the server takes no login on this line, or none that we know (PLAIN, LOGIN)")),
                None => Err(later("the line was cut while logging in")),
            },
        }
    }

    /// One mail; the server's answer to it. A line that the server has closed since the last one is opened again.
    pub(super) fn hand_over(&self, ready: &Ready) -> Result<String, NotTaken> {
        let reused = self.line.borrow().is_some();
        let first = self.once(ready);
        let taken = match first {
            Err(stop) if stop.cut && reused => self.once(ready),
            other => other,
        };
        taken.map_err(|stop| stop.not_taken)
    }

    fn once(&self, ready: &Ready) -> Result<String, Stop> {
        let open = self.line.borrow_mut().take();
        let mut connection = match open {
            Some(connection) => connection,
            None => self.connect().map_err(|fault| Stop { not_taken: fault.into(), cut: false, open: false })?,
        };
        let taken = announce(&mut connection, ready).and_then(|()| hand_in(&mut connection, &ready.text));
        let usable = match &taken {
            Ok(_) => true,
            // What was begun must not stand in the way of the next mail.
            Err(stop) => stop.open && connection.command(Rset).is_ok(),
        };
        if usable {
            *self.line.borrow_mut() = Some(connection);
        }
        taken
    }
}

/// Says from whom and to whom, until the server waits for the content.
fn announce(connection: &mut SmtpConnection, ready: &Ready) -> Result<(), Stop> {
    accepted(Stage::Sender, 2, connection.command(Mail::new(Some(ready.from.clone()), vec![])))?;
    accepted(Stage::Recipient, 2, connection.command(Rcpt::new(ready.to.clone(), vec![])))?;
    accepted(Stage::Content, 3, connection.command(Data))
}

/// Whether a command before the content was answered as it should be; if not, nothing happened.
fn accepted(stage: Stage, expected: u16, answer: Result<Response, Error>) -> Result<(), Stop> {
    let error = match answer {
        Ok(answer) if u16::from(answer.code()) / 100 == expected => return Ok(()),
        Ok(answer) => {
            let why = later(format!("the server answers out of turn: {}", line_of(&answer)));
            return Err(Stop { not_taken: why.into(), cut: false, open: false });
        }
        Err(error) => error,
    };
    let line = words(&error);
    let Some(code) = error.status().map(u16::from) else { return Err(Stop { not_taken: later(line).into(), cut: true, open: false }) };
    // 421: the server closes the line.
    Err(Stop { not_taken: no(stage, code, line), cut: code == 421, open: code != 421 })
}

/// What a no to a command before the content means.
fn no(stage: Stage, code: u16, line: String) -> NotTaken {
    match (code, stage) {
        _ if is_about_login(code, &line) => dead(line).into(),
        // Nobody's mail would be taken now: a quota of ours, or a sender that is not liked. The login may be sound all the same.
        (500.., Stage::Sender) => NotTaken { stops: true, ..later(line).into() },
        // A relay, a policy or a full mailbox says nothing about the address: no reader comes off the list for it.
        (500.., Stage::Recipient) if !is_bounce(stage, code, &line) => later(line).into(),
        (500.., _) => never(stage, code, line),
        _ => later(line).into(),
    }
}

/// What a reply means at MAIL, RCPT and the content: see [`super::super::fuzzed`].
pub(in crate::channels) fn heard(reply: &str) -> Option<(u16, Vec<(Fault, bool)>)> {
    let answer: Response = reply.parse().ok()?;
    let (code, line) = (u16::from(answer.code()), line_of(&answer));
    let stages = [no(Stage::Sender, code, line.clone()), no(Stage::Recipient, code, line.clone()), no(Stage::Content, code, line)];
    (code >= 400).then(|| (code, stages.into_iter().map(|no| (no.fault, no.bounced)).collect()))
}

/// A no for good. Only if it is about the address does the reader come off the list.
fn never(stage: Stage, code: u16, line: String) -> NotTaken {
    NotTaken { bounced: is_bounce(stage, code, &line), fault: refused(line), stops: false }
}

/// Whether a no is about the login (RFC 4954, section 6; RFC 5248 for 5.7.9, an `auth` mechanism that is too weak).
fn is_about_login(code: u16, line: &str) -> bool {
    matches!(code, 530 | 534 | 535 | 538) || (code >= 500 && matches!(enhanced(line), Some("5.7.8" | "5.7.9")))
}

/// Whether a no says that there is no such address. It is for ever, so it must say so: by its enhanced code (RFC 3463;
/// 5.1.10: RFC 7505), or, where the recipient is named and there is none, by its code and by not speaking of anything else.
fn is_bounce(stage: Stage, code: u16, line: &str) -> bool {
    match enhanced(line) {
        Some("5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10") => true,
        // Loose codes: Postfix says 5.1.0 of a sender too, and Gmail 5.2.1 of a rate.
        Some("5.1.0" | "5.2.1") => !speaks_of_us(line),
        Some(_) => false,
        None => stage == Stage::Recipient && matches!(code, 550 | 551 | 553) && !speaks_of_us(line),
    }
}

/// Whether a no is about us, our server or our mails rather than about an address. Addresses in it don't count as words.
fn speaks_of_us(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().filter(|word| !word.contains('@')).collect();
    let words = words.join(" ").to_lowercase();
    ABOUT_US.iter().any(|word| words.contains(word))
}

/// The enhanced code of an answer (RFC 3463), where it has one: `550 5.1.1 no such user`, `550 #5.1.1 no such user`.
fn enhanced(line: &str) -> Option<&str> {
    let code = line.split_whitespace().nth(1)?.trim_matches(|c: char| !c.is_ascii_digit());
    let parts: Vec<&str> = code.split('.').collect();
    let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    (parts.len() == 3 && parts[0].len() == 1 && numbers).then_some(code)
}

/// The content. From its first byte on only the server knows whether it has the mail.
fn hand_in(connection: &mut SmtpConnection, message: &str) -> Result<String, Stop> {
    // In one writing: lettre's own two wait for each other, 40 ms a mail (Nagle's algorithm and delayed acknowledgements).
    let error = match connection.command(content(message)) {
        Ok(answer) if u16::from(answer.code()) / 100 == 2 => return Ok(line_of(&answer)),
        Ok(answer) => return Err(Stop { not_taken: unclear(line_of(&answer)).into(), cut: false, open: false }),
        Err(error) => error,
    };
    let line = words(&error);
    let Some(code) = error.status().map(u16::from) else {
        return Err(Stop { not_taken: unclear(line).into(), cut: false, open: false });
    };
    let not_taken = match code {
        500.. => never(Stage::Content, code, line),
        _ => later(line).into(),
    };
    Err(Stop { not_taken, cut: false, open: code != 421 })
}

/// The content as it goes over the line: lines that start with a dot get another (RFC 5321, section 4.5.2), and a dot ends it.
fn content(message: &str) -> String {
    let first = if message.starts_with('.') { "." } else { "" };
    let end = if message.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" };
    format!("{first}{}{end}", message.replace("\r\n.", "\r\n.."))
}

/// The host as a name or an address, and whether it is this machine.
fn host_of(address: &Url) -> Result<(String, bool), Fault> {
    let text = address.host_str().unwrap_or_default();
    // Of a scheme that the web does not know, the parser leaves an address of the internet as text.
    match Host::parse(text).map_err(|_| refused("the mail server's address has no host"))? {
        Host::Domain(name) => {
            let here = name == "localhost";
            Ok((name, here))
        }
        Host::Ipv4(address) => Ok((address.to_string(), address.is_loopback())),
        Host::Ipv6(address) => Ok((address.to_string(), address.is_loopback())),
    }
}

fn tls(host: &str, server: &MailServer) -> Result<TlsParameters, Fault> {
    let wrong = |error: &dyn std::fmt::Display| refused(format!("the certificates to check the server with can't be used: {error}"));
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &server.ca {
        let pem = fs::read(path).map_err(|error| wrong(&format!("{}: {error}", path.display())))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
        // Whoever names their own authority trusts no other.
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| wrong(&error))
}

/// An answer on one line: `250 2.0.0 Ok: queued as 4XYZ`.
fn line_of(answer: &Response) -> String {
    said(&format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" ")))
}

/// What went wrong: the server's answer on one line, or what the line says.
fn words(error: &Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = if text.is_empty() { words } else { format!("{text}: {words}") };
        }
        cause = inner.source();
    }
    match error.status() {
        Some(code) => said(&format!("{code} {text}")),
        None if text.is_empty() => said(&error.to_string()),
        None => said(&text),
    }
}

fn dead(why: impl Into<String>) -> Fault {
    Fault::Credential { channel: Channel::Email, why: why.into() }
}

fn unclear(why: impl Into<String>) -> Fault {
    Fault::Unclear { channel: Channel::Email, why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_of_an_address_is_for_ever() {
        let bounced = [
            "550 5.1.1 <spam@b.example>: user unknown in relay recipient table",
            "550 #5.1.0 Address rejected",
            "553 5.1.3 bad address",
            "550 5.1.6 moved",
            "556 5.1.10 null MX",
            "550 5.2.1 mailbox disabled",
            "550 <limit@b.example>: no such user",
            "551 user not local",
            "553 mailbox name not allowed",
        ];
        let kept = [
            "550 5.1.0 <a@b.example>: Sender address rejected",
            "550 5.1.8 sender's domain",
            "550 5.2.1 is receiving mail at a rate that is too high",
            "552 5.2.2 mailbox full",
            "554 5.7.1 relay access denied",
            "550 5.4.1 recipient rejected",
            "550 relaying denied",
            "550 Sender verify failed",
            "550 daily limit reached",
            "553 blocked: spam",
            "550 4.2.2 out of turn",
            "552 no room",
            "554 no",
            "502 what",
        ];
        let code = |line: &str| line[..3].parse().expect("a code");
        for line in bounced {
            assert!(no(Stage::Recipient, code(line), line.to_owned()).bounced, "{line}");
            // Without an enhanced code the content's no is about the content.
            assert_eq!(never(Stage::Content, code(line), line.to_owned()).bounced, enhanced(line).is_some(), "{line}");
        }
        for line in kept {
            let not_taken = no(Stage::Recipient, code(line), line.to_owned());
            assert!(matches!(not_taken.fault, Fault::Later { .. }) && !not_taken.bounced && !not_taken.stops, "{line}");
            assert!(!never(Stage::Content, code(line), line.to_owned()).bounced, "{line}");
        }
    }

    #[test]
    fn a_quota_is_no_dead_login() {
        for (line, dies) in [
            ("530 5.7.0 log in first", true),
            ("535 no", true),
            ("550 5.7.8 no", true),
            ("554 5.7.9 too weak", true),
            ("550 5.4.5 daily quota exceeded", false),
            ("554 5.7.1 not you", false),
            ("550 no", false),
        ] {
            let not_taken = no(Stage::Sender, line[..3].parse().expect("a code"), line.to_owned());
            assert_eq!(matches!(not_taken.fault, Fault::Credential { .. }), dies, "{line}");
            assert_eq!(matches!(not_taken.fault, Fault::Later { .. }) && not_taken.stops, !dies, "{line}");
        }
    }

    #[test]
    fn no_line_of_the_content_ends_it() {
        for (message, expected) in
            [("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"), (".\r\n.\r\n.a", "..\r\n..\r\n..a\r\n.\r\n"), ("", "\r\n.\r\n")]
        {
            assert_eq!(content(message), expected);
        }
    }
}
