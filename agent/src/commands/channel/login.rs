//! `channel login`: takes a secret, puts it where the settings say, and proves it.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use reveille_mission::Channel;
use secrecy::{ExposeSecret, SecretString};

use super::super::{Ready, print};
use super::check::open;
use super::connectable;
use super::proof::prove;
use crate::connect::{BLUESKY_SESSION, absent};
use crate::credential;
use crate::failure::{Failure, Kind, Outcome};
use crate::settings::Secret;

/// The most bytes of a secret that is typed or piped in.
const MOST: u64 = 4096;

/// Store the secret of a channel where the settings say, and prove it
///
/// Asks for it with a hidden prompt; where standard input is no terminal, reads its one line. A file is written for its
/// owner only. Exit codes: 0 stored and accepted, 1 not accepted or not reached, 78 the settings are wrong.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// mastodon, bluesky or email
    #[arg(value_parser = connectable)]
    name: Channel,
    /// Store it in this file instead, relative to the home, and print the line for reveille.toml
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

impl Login {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let channel = self.name;
        let configured = ready.settings.secret(channel).ok_or_else(|| absent(channel))?;
        let place = match &self.file {
            Some(path) => Secret::File(path.clone()),
            None => configured.clone(),
        };
        if let Secret::Env(name) = &place {
            return Err(from_outside(channel, name));
        }
        // A memory that can't be written must not come up after the secret was replaced.
        let mut memory = open(ready)?;
        let secret = ask(ready, channel)?;
        place.store(ready.environment, &ready.home, &secret)?;
        forget_session(ready, channel)?;
        if let Some(memory) = &mut memory {
            credential::accepted(memory, channel)?;
        }
        let mut said = format!("Stored in {}.\n", place.source(&ready.home));
        if let Some(path) = self.file.as_deref().filter(|_| place != *configured) {
            said.push_str(&format!("For reveille.toml, in [channels.{channel}]: {}\n", line_for(channel, path)));
        }
        print(&said)?;
        let proof = prove(ready, memory.as_mut(), channel, Some(&secret))?;
        print(&proof.shown())?;
        Ok(ExitCode::from(u8::from(!proof.is_good())))
    }
}

fn from_outside(channel: Channel, name: &str) -> Failure {
    let why = format!("the settings take the credential of {} from the environment, where nothing can be stored", channel.title());
    Failure::message(Kind::Failed, why).hint(format!(
        "set {name} where wakes are started, or `reveille channel login {channel} --file secrets/{channel}` keeps it in a file"
    ))
}

/// A session outlives its password: the new one is to be proved, not the old session.
fn forget_session(ready: &Ready<'_>, channel: Channel) -> Outcome {
    if channel != Channel::Bluesky {
        return Ok(());
    }
    match std::fs::remove_file(ready.home.memory().join(BLUESKY_SESSION)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The secret, from whoever sits there or from standard input.
fn ask(ready: &Ready<'_>, channel: Channel) -> Outcome<SecretString> {
    let given = if std::io::stdin().is_terminal() {
        let what = format!("{} for {}: ", name_of(channel), ready.settings.describe(channel));
        rpassword::prompt_password(what).map(SecretString::from).map_err(|error| unread(&error))?
    } else {
        piped()?
    };
    one_line(&given).map_err(|why| Failure::message(Kind::Usage, why).hint("give the secret alone, on one line"))
}

fn unread(error: &std::io::Error) -> Failure {
    Failure::message(Kind::Failed, format!("the secret can't be read: {error}")).hint("give it through standard input, on one line")
}

fn piped() -> Outcome<SecretString> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MOST + 2).read_to_end(&mut bytes).map_err(|error| unread(&error))?;
    // The error of the conversion would hold the bytes.
    let text = String::from_utf8(bytes).map_err(|_| Failure::message(Kind::Usage, "the secret is no text (UTF-8)"));
    Ok(SecretString::from(text.map_err(|failure| failure.hint("give the secret alone, on one line"))?))
}

/// The secret without its line end; what can't be a password or a token is refused before anything is replaced.
fn one_line(given: &SecretString) -> Result<SecretString, &'static str> {
    let text = given.expose_secret().trim_end_matches(['\r', '\n']);
    match text {
        "" => Err("no secret was given"),
        text if text.len() as u64 > MOST => Err("that is too long for a secret"),
        text if text.contains(char::is_control) => Err("a secret has one line, and no control characters"),
        text => Ok(SecretString::from(text)),
    }
}

fn name_of(channel: Channel) -> &'static str {
    match channel {
        Channel::Mastodon => "Access token",
        Channel::Bluesky => "App password",
        _ => "Password",
    }
}

/// What a person writes into the settings.
fn line_for(channel: Channel, path: &Path) -> String {
    let key = if channel == Channel::Mastodon { "token" } else { "password" };
    format!("{key} = {{ file = {} }}", toml::Value::String(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_line_is_a_secret() {
        for (given, expected) in [
            ("hunter2", Ok("hunter2")),
            ("hunter2\n", Ok("hunter2")),
            ("hunter2\r\n", Ok("hunter2")),
            (" a b ", Ok(" a b ")),
            ("", Err("no secret was given")),
            ("\n\n", Err("no secret was given")),
            ("hunter2\nhunter3\n", Err("a secret has one line, and no control characters")),
            ("hunter\u{0}2", Err("a secret has one line, and no control characters")),
        ] {
            let found = one_line(&SecretString::from(given));
            assert_eq!(found.as_ref().map(ExposeSecret::expose_secret).map_err(|why| *why), expected, "{given:?}");
        }
        assert!(one_line(&SecretString::from("x".repeat(5000))).is_err());
    }

    #[test]
    fn the_line_for_the_settings_is_toml() {
        assert_eq!(line_for(Channel::Mastodon, Path::new("secrets/mastodon")), "token = { file = \"secrets/mastodon\" }");
        let odd = line_for(Channel::Email, Path::new("/a b/\"c\""));
        assert_eq!(toml::from_str::<toml::Table>(&odd).expect("toml")["password"]["file"].as_str(), Some("/a b/\"c\""));
    }
}
