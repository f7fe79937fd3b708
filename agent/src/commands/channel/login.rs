//! `channel login`: takes a secret, puts it where the settings say, and proves it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use reveille_mission::Channel;

use super::super::{Ready, print};
use super::ask::ask;
use super::check::open;
use super::connectable;
use super::proof::prove;
use crate::connect::{BLUESKY_SESSION, absent};
use crate::credential;
use crate::failure::{Failure, Kind, Outcome};
use crate::settings::Secret;

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
    /// Fetch a token of Mastodon through a page of the server: open it, allow it, give the code
    #[arg(long)]
    oauth: bool,
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
        if self.oauth && channel != Channel::Mastodon {
            return Err(Failure::message(Kind::Usage, format!("{} has no such page", channel.title())).hint("leave out `--oauth`"));
        }
        // A memory that can't be written must not come up after the secret was replaced.
        let mut memory = open(ready)?;
        let secret = ask(ready, channel, self.oauth)?;
        place.store(ready.environment, &ready.home, &secret)?;
        forget_session(ready, channel)?;
        // A new secret may have the old one's 16 bits.
        if let Some(memory) = memory.as_mut().filter(|_| place == *configured) {
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

/// What a person writes into the settings.
fn line_for(channel: Channel, path: &Path) -> String {
    let key = if channel == Channel::Mastodon { "token" } else { "password" };
    format!("{key} = {{ file = {} }}", toml::Value::String(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_the_settings_is_toml() {
        assert_eq!(line_for(Channel::Mastodon, Path::new("secrets/mastodon")), "token = { file = \"secrets/mastodon\" }");
        let odd = line_for(Channel::Email, Path::new("/a b/\"c\""));
        assert_eq!(toml::from_str::<toml::Table>(&odd).expect("toml")["password"]["file"].as_str(), Some("/a b/\"c\""));
    }
}
