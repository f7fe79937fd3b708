//! `pause` and `resume`: no wake in between.

use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use reveille_memory::Memory;

use super::print;
use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::pausing;
use crate::witness;

/// Stop waking, until a time or until `resume`
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// Why, for whoever wonders
    #[arg(long, default_value = "paused by hand")]
    reason: String,
    /// Until when: a date (2026-12-01, midnight UTC) or a time (2026-12-01T08:00:00Z)
    #[arg(long, value_parser = until)]
    until: Option<DateTime<Utc>>,
}

/// Go on waking after a pause
#[derive(Debug, Args)]
pub(crate) struct Resume {}

fn until(given: &str) -> Result<DateTime<Utc>, String> {
    let date = || given.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0)).map(|midnight| midnight.and_utc());
    given.parse().ok().or_else(date).ok_or_else(|| "write it like 2026-12-01 or 2026-12-01T08:00:00Z".to_owned())
}

/// It holds, whether PROGRESS.md can say so or not.
fn show(home: &Home, environment: &Environment, memory: &mut Memory) {
    if let Err(failure) = pausing::show(home, environment, memory) {
        tracing::warn!("PROGRESS.md does not show it: {failure}");
    }
}

impl Pause {
    pub(super) fn run(self, home: &Home, environment: &Environment) -> Outcome<ExitCode> {
        let now = environment.now();
        if self.until.is_some_and(|until| until <= now) {
            return Err(Failure::message(Kind::Usage, "that time is over already")
                .hint("give a later `--until`, or none to pause until `reveille resume`"));
        }
        let mut memory = Memory::open(&home.database(), now).or_fail()?;
        memory.pause(&self.reason, self.until, now).or_fail()?;
        show(home, environment, &mut memory);
        let end = self
            .until
            .map_or_else(|| "until `reveille resume`".to_owned(), |until| format!("until {}", until.format("%Y-%m-%d %H:%M UTC")));
        print(&format!("Paused {end}: {}\n", self.reason))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Resume {
    pub(super) fn run(self, home: &Home, environment: &Environment) -> Outcome<ExitCode> {
        let now = environment.now();
        let mut memory = Memory::open(&home.database(), now).or_fail()?;
        let was = memory.paused(now).or_fail()?.is_some();
        memory.resume(now).or_fail()?;
        show(home, environment, &mut memory);
        print(match (was, home.stop_file().exists()) {
            (_, true) => "Not paused, but still stopped: there is a file STOP in the home; remove it to go on.\n",
            (true, false) => "Going on: the next wake works again.\n",
            (false, false) => "Was not paused.\n",
        })?;
        if was && let Some(since) = witness::known_since(&mut memory)? {
            print(&format!("{since}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
