//! From the settings and a secret to a connection: the one place where a revealed secret is handed on.
//!
//! Must stay true: a secret goes to the server of its own section of the settings, and nowhere else.

use std::time::Duration;

use secrecy::SecretString;

use reveille_mission::Channel;
use reveille_skills::answers::imap::Mailbox;
use reveille_skills::channels::bluesky::Bluesky;
use reveille_skills::channels::email::{Dkim, Email, MailServer};
use reveille_skills::channels::mastodon::Mastodon;
use reveille_skills::channels::{Connection, Fault};

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;
use crate::inbox::mailbox_at;
use crate::settings::{self, Settings};

/// Where the session of Bluesky is kept between wakes: the server counts how often one logs in.
pub(crate) const BLUESKY_SESSION: &str = "bluesky-session.json";

/// The channels that a program may use, and so the ones that have a credential.
pub(crate) const CONNECTABLE: [Channel; 3] = [Channel::Mastodon, Channel::Bluesky, Channel::Email];

/// A connection to a channel of the settings, with its secret revealed.
///
/// # Errors
/// The channel is not in the settings or takes no program, its secret can't be revealed, or its settings can't be used.
pub(crate) fn connect(settings: &Settings, home: &Home, environment: &Environment, channel: Channel) -> Outcome<Connection> {
    let secret = settings.secret(channel).map(|secret| secret.reveal(environment, home)).transpose()?;
    connect_with(settings, home, environment, channel, secret)
}

/// The same with a secret that was just given.
///
/// # Errors
/// See [`connect`].
pub(crate) fn connect_with(
    settings: &Settings,
    home: &Home,
    environment: &Environment,
    channel: Channel,
    secret: Option<SecretString>,
) -> Outcome<Connection> {
    connection(settings, home, environment, channel, secret, settings.wake.patience.duration())
}

/// The same, with another patience: for reading in passing.
///
/// # Errors
/// See [`connect`].
pub(crate) fn connect_within(
    settings: &Settings,
    home: &Home,
    environment: &Environment,
    channel: Channel,
    patience: Duration,
) -> Outcome<Connection> {
    let secret = settings.secret(channel).map(|secret| secret.reveal(environment, home)).transpose()?;
    connection(settings, home, environment, channel, secret, patience)
}

/// The mailbox that answers come to.
///
/// # Errors
/// There is none in the settings, they can't be used, or its password can't be revealed.
pub(crate) fn mailbox(settings: &Settings, home: &Home, environment: &Environment, patience: Duration) -> Outcome<Mailbox> {
    let none = || Failure::message(Kind::Settings, "there is no mailbox in the settings").hint("add `imap` to [answers] in reveille.toml");
    let unopened = mailbox_at(settings, home.root()).ok_or_else(none)?;
    let password = settings.answers.as_ref().and_then(|answers| answers.password.as_ref()).ok_or_else(none)?;
    let hint = "correct [answers] in reveille.toml; docs/settings.md has its keys";
    unopened.open(password.reveal(environment, home)?, patience).map_err(|fault| Failure::new(Kind::Failed, fault).hint(hint))
}

fn connection(
    settings: &Settings,
    home: &Home,
    environment: &Environment,
    channel: Channel,
    secret: Option<SecretString>,
    patience: Duration,
) -> Outcome<Connection> {
    let channels = &settings.channels;
    let secret = || secret.clone().ok_or_else(|| absent(channel));
    match channel {
        Channel::Mastodon => {
            let section = channels.mastodon.as_ref().ok_or_else(|| absent(channel))?;
            Ok(Connection::Mastodon(Mastodon::new(&section.server, secret()?, patience).map_err(unusable)?))
        }
        Channel::Bluesky => {
            let section = channels.bluesky.as_ref().ok_or_else(|| absent(channel))?;
            let session = home.memory().join(BLUESKY_SESSION);
            Ok(Connection::Bluesky(Bluesky::new(&section.service, &section.handle, secret()?, session, patience).map_err(unusable)?))
        }
        Channel::Email => {
            let section = channels.email.as_ref().ok_or_else(|| absent(channel))?;
            let given = section.password.as_ref().map(|_| secret()).transpose()?;
            let dkim = section.dkim.as_ref().map(|dkim| signing(dkim, environment, home)).transpose()?;
            Ok(Connection::Email(
                Email::new(MailServer { environment: environment.for_child(), ..mail_server(section, home, given, dkim, patience) })
                    .map_err(unusable)?,
            ))
        }
        Channel::Web | Channel::Hackernews | Channel::Reddit | Channel::X | Channel::Lobsters | Channel::Linkedin => {
            let failure = Failure::message(Kind::Usage, format!("{} is no channel that a program connects to", channel.title()));
            Err(failure.hint("those are mastodon, bluesky and email"))
        }
    }
}

/// Nothing was asked yet: what is wrong stands in the settings, or the secret can't be one.
fn unusable(fault: Fault) -> Failure {
    let hint = match &fault {
        Fault::Credential { .. } => fault.hint().unwrap_or_default(),
        Fault::Refused { channel, .. }
        | Fault::Later { channel, .. }
        | Fault::Unclear { channel, .. }
        | Fault::RateLimited { channel, .. } => format!("correct [channels.{channel}] in reveille.toml; docs/settings.md has its keys"),
    };
    Failure::new(Kind::Failed, fault).hint(hint)
}

fn mail_server(
    section: &settings::Email,
    home: &Home,
    password: Option<SecretString>,
    dkim: Option<Dkim>,
    patience: std::time::Duration,
) -> MailServer {
    MailServer {
        address: section.smtp.clone(),
        user: section.user.clone(),
        password,
        ca: section.ca.as_ref().map(|ca| home.root().join(ca)),
        from: section.from.clone(),
        reply_to: section.reply_to.clone(),
        dkim,
        patience,
        environment: vec![],
    }
}

fn signing(dkim: &settings::Dkim, environment: &Environment, home: &Home) -> Outcome<Dkim> {
    Ok(Dkim { domain: dkim.domain.clone(), selector: dkim.selector.clone(), key: dkim.key.reveal(environment, home)? })
}

/// What to say of a channel that the settings lack.
pub(crate) fn absent(channel: Channel) -> Failure {
    let failure = Failure::message(Kind::Settings, format!("{} is not in the settings", channel.title()));
    failure.hint(format!("add [channels.{channel}] to reveille.toml; docs/settings.md has its keys"))
}
