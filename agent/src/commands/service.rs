//! `service`: has this computer wake the home by itself.

mod install;
mod status;

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use reveille_mission::Channel;

use super::{Ready, print, ready};
use crate::environment::Environment;
use crate::failure::Outcome;
use crate::home::Home;
use crate::service::{Machine, Note};
use crate::settings::{Secret, Settings};

/// Have this computer wake the home by itself, and look whether it does
#[derive(Debug, Args)]
pub(crate) struct Service {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Install(install::Install),
    Uninstall(Uninstall),
    Status(status::Status),
}

/// Take away what was installed, without a trace
#[derive(Debug, Args)]
struct Uninstall {}

impl Service {
    pub(super) fn run(self, home: Home, environment: &Environment) -> Outcome<ExitCode> {
        match self.command {
            Sub::Install(install) => install.run(&ready(home, environment)?),
            Sub::Uninstall(uninstall) => uninstall.run(&home, environment),
            Sub::Status(status) => status.run(&ready(home, environment)?),
        }
    }
}

impl Uninstall {
    /// Settings that are wrong don't keep it here.
    fn run(self, home: &Home, environment: &Environment) -> Outcome<ExitCode> {
        let machine = Machine::of(environment, home, None)?;
        let found = machine.installed()?;
        for service in &found {
            machine.uninstall(*service)?;
            print(&format!("{service} does not wake {} any more.\n", home.root().display()))?;
        }
        if found.is_empty() {
            print(&format!("Nothing was installed that wakes {}.\n", home.root().display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn machine<'a>(ready: &'a Ready<'_>) -> Outcome<Machine<'a>> {
    Machine::of(ready.environment, &ready.home, Some(&ready.settings))
}

/// The credentials that a service will not find: it starts with hardly a variable.
fn out_of_reach(settings: &Settings) -> Vec<Note> {
    let note = |(channel, name): (Channel, &str)| {
        let own = settings.secret(channel).is_some_and(|secret| *secret == Secret::Env(name.to_owned()));
        let hint = match own {
            true => format!("`reveille channel login {channel} --file secrets/{channel}` keeps it in a file"),
            false => "name it by `{ file = \"…\" }` in reveille.toml".to_owned(),
        };
        Note { what: format!("{name} ({}) is a variable, which a service does not have", channel.title()), hint }
    };
    settings.secrets_of_environment().into_iter().map(note).collect()
}

fn shown(notes: &[Note]) -> String {
    notes.iter().map(|note| format!("warning     {}\n            → {}\n", note.what, note.hint)).collect()
}

fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
