//! `channel`: log in to a channel, prove a credential.
//!
//! Must stay true: a secret is read from a hidden prompt or from standard input, never from the command line, and printed
//! nowhere; reveille.toml is never edited.

mod ask;
mod check;
mod login;
mod proof;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reveille_mission::nearest;

use super::Ready;
use crate::connect::CONNECTABLE;
use crate::failure::Outcome;

/// Log in to a channel, or prove its credential
#[derive(Debug, Args)]
pub(crate) struct Channel {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Login(login::Login),
    Check(check::Check),
}

impl Channel {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        match self.command {
            Sub::Login(login) => login.run(ready),
            Sub::Check(check) => check.run(ready),
        }
    }
}

/// A channel that a program may use, by its name.
fn connectable(given: &str) -> Result<reveille_mission::Channel, String> {
    let names: Vec<String> = CONNECTABLE.iter().map(ToString::to_string).collect();
    if let Some(at) = names.iter().position(|name| name == given) {
        return Ok(CONNECTABLE[at]);
    }
    if let Ok(other) = given.parse::<reveille_mission::Channel>() {
        return Err(format!("{} has no credential: only {} do", other.title(), names.join(", ")));
    }
    let near = nearest(given, names.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
    Err(format!("no channel of that name: {}{}", names.join(", "), near.unwrap_or_default()))
}
