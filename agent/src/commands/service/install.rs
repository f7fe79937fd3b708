//! `service install`: one command, and the computer wakes the home by itself.

use std::process::ExitCode;

use clap::Args;
use reveille_schedules::service::Service;

use super::super::{Ready, print};
use super::{machine, out_of_reach, shown, uninstall_former, when};
use crate::failure::Outcome;
use crate::service::{Machine, Place, former};

/// Have launchd, cron or systemd start the wakes, at times made from `[wake]` in the settings
///
/// Once is enough; after a change of `every` or `cron`, or when the program was moved, once more. Another service that
/// woke this home is replaced. Exit codes: 0 installed and loaded, 1 not, 78 the settings are wrong.
#[derive(Debug, Args)]
pub(super) struct Install {
    /// launchd, cron or systemd [default: launchd on macOS, else systemd if yours answers, else cron]
    service: Option<Service>,
    /// Show what would be written and run, and touch nothing
    #[arg(long)]
    print: bool,
}

impl Install {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let machine = machine(ready)?;
        let service = self.service.map_or_else(|| machine.fitting(), Ok)?;
        if self.print {
            print(&rehearsal(&machine, service)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let others: Vec<Service> = machine.installed()?.into_iter().filter(|other| *other != service).collect();
        // launchd opens its file there before the program runs.
        std::fs::create_dir_all(ready.home.memory())?;
        former::note(&ready.home)?;
        machine.install(service)?;
        for other in &others {
            machine.uninstall(*other)?;
        }
        let former = uninstall_former(&ready.home, ready.environment)?;
        let state = machine.look(service)?;
        let mut out = format!("{service} wakes {} by itself, as {}:\n", ready.home.root().display(), machine.label());
        for place in machine.places(service) {
            match place {
                Place::File(path) => out.push_str(&format!("  {}\n", path.display())),
                Place::Crontab => out.push_str("  a block of your crontab (`crontab -l`)\n"),
            }
        }
        for other in others {
            out.push_str(&format!("replaced    {other}\n"));
        }
        out.push_str(&former);
        out.push_str(&format!("next wake   {}\n", when(ready.settings.wake.schedule().next(ready.environment.now()))));
        let notes: Vec<_> = state.problems().into_iter().chain(out_of_reach(&ready.settings)).collect();
        print(&format!("{out}{}", shown(&notes)))?;
        Ok(ExitCode::from(u8::from(state.idle.is_some() || !state.current)))
    }
}

/// What would be written, and what would be run then.
fn rehearsal(machine: &Machine<'_>, service: Service) -> Outcome<String> {
    let mut out = String::new();
    for (place, text) in machine.texts(service)? {
        let name = match place {
            Place::File(path) => path.display().to_string(),
            Place::Crontab => "your crontab".to_owned(),
        };
        out.push_str(&format!("# {name}\n{text}\n"));
    }
    out.push_str("# then\n");
    for step in machine.steps(service) {
        out.push_str(&format!("{step}\n"));
    }
    Ok(out)
}
