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
use crate::service::{Machine, Note, former};
use crate::settings::{By, Secret, Settings};

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
        let former = uninstall_former(home, environment)?;
        print(&former)?;
        former::forget(home)?;
        if found.is_empty() && former.is_empty() {
            print(&format!("Nothing was installed that wakes {}.\n", home.root().display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Takes away what still starts where the home lay before, and says so.
fn uninstall_former(home: &Home, environment: &Environment) -> Outcome<String> {
    let mut said = String::new();
    for machine in former::former(environment, home) {
        for service in machine.installed()? {
            machine.uninstall(service)?;
            said.push_str(&format!("{service} does not start {} any more, of where the home lay before.\n", machine.label()));
        }
    }
    Ok(said)
}

fn machine<'a>(ready: &'a Ready<'_>) -> Outcome<Machine<'a>> {
    Machine::of(ready.environment, &ready.home, Some(&ready.settings))
}

/// What a service will not find: it starts with hardly a variable and a short search path.
fn out_of_reach(settings: &Settings) -> Vec<Note> {
    let note = |(channel, name): (Channel, &str)| {
        let own = settings.secret(channel).is_some_and(|secret| *secret == Secret::Env(name.to_owned()));
        let hint = match own {
            true => format!("`reveille channel login {channel} --file secrets/{channel}` keeps it in a file"),
            false => "name it by `{ file = \"…\" }` in reveille.toml".to_owned(),
        };
        Note { what: format!("{name} ({}) is a variable, which a service does not have", channel.title()), hint }
    };
    settings.secrets_of_environment().into_iter().map(note).chain(programs_out_of_reach(settings)).collect()
}

/// The same for the programs of the human's: the hook of backups, the command of a notice.
fn programs_out_of_reach(settings: &Settings) -> Vec<Note> {
    let hook = settings.backup.program();
    let notice = settings.notice.as_ref().and_then(|notice| match &notice.by {
        By::Command { program, .. } => Some(program.as_str()),
        By::Email | By::Macos => None,
    });
    let by_name = |(place, program): (&str, Option<&str>)| {
        let program = program.filter(|program| !program.starts_with('/'))?;
        let what = format!("`{program}` ({place}) is looked for on the search path, which is short in a service");
        Some(Note { what, hint: format!("name it by its absolute place (`command -v {program}`)") })
    };
    let variables = settings.backup.variables().iter().filter(|_| hook.is_some());
    let by_variable = variables.map(|name| Note {
        what: format!("{name} (`env` of `[backup]`) is a variable, which a service does not have"),
        hint: "give the hook the place of a file as an argument, or have it start a script that sets the variable".to_owned(),
    });
    [("`hook` of `[backup]`", hook), ("`by` of `[notice]`", notice)].into_iter().filter_map(by_name).chain(by_variable).collect()
}

fn shown(notes: &[Note]) -> String {
    notes.iter().map(|note| format!("warning     {}\n            → {}\n", note.what, note.hint)).collect()
}

fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    fn settings(more: &str) -> Settings {
        Settings::parse(&format!("name = \"N\"\nurl = \"https://n.example/\"\nowner = \"a@n.example\"\n{more}")).expect("settings")
    }

    #[test]
    fn programs_and_variables_that_a_service_will_not_find_are_named() {
        let wrong = settings("[notice]\nby = [\"tell\"]\n[backup]\nhook = [\"restic\"]\nenv = [\"RESTIC_PASSWORD_FILE\"]\n");
        let said = shown(&out_of_reach(&wrong));
        for words in ["`restic` (`hook`", "`tell` (`by`", "RESTIC_PASSWORD_FILE (`env`"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        let right = settings("[notice]\nby = [\"/bin/tell\"]\n[backup]\nhook = [\"/bin/restic\"]\n");
        assert_eq!(out_of_reach(&right), []);
        assert_eq!(out_of_reach(&settings("[backup]\nenv = [\"A\"]\n")), [], "without a hook it matters to nobody");
    }

    #[test]
    fn a_unit_that_starts_the_human_s_programs_is_not_confined() {
        use reveille_schedules::service::Service as Kind;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("reveille.toml"), "").expect("written");
        let environment = Environment::of(&[("HOME", "/h")]);
        let home = Home::find(Some(folder.path()), &environment).expect("a home");
        for (more, confined) in
            [("", true), ("[notice]\nby = \"macos\"", true), ("[notice]\nby = [\"/t\"]", false), ("[backup]\nhook = [\"/h\"]", false)]
        {
            let settings = settings(more);
            let machine = Machine::of(&environment, &home, Some(&settings)).expect("a machine");
            let texts = machine.texts(Kind::Systemd).expect("texts");
            assert_eq!(texts.iter().any(|(_, text)| text.contains("NoNewPrivileges")), confined, "{more}");
        }
    }
}
