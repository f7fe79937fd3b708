//! `run`: the daemon, for a machine that has no timer.

use std::process::ExitCode;

use clap::Args;
use reveille_schedules::daemon::Daemon;

use super::{Ready, print};
use crate::daemon::{Watch, pattern, terminate};
use crate::failure::{Failure, Kind, Outcome};

/// Stay and wake when it is time, on a machine without launchd, cron or systemd
///
/// Once a minute it looks whether a wake is due by the schedule in the settings; each wake is a process of its own. SIGTERM or
/// Ctrl-C ends it, after the wake that runs; SIGHUP reads the settings anew, wrong ones are said and not taken. How it goes stands in
/// memory/health.json, and `reveille status` reads that. A second one in the same home leaves with 75.
#[derive(Debug, Args)]
pub(crate) struct Run {}

/// After how many seconds without a minute the scheduler is made anew.
const SILENCE: u64 = 150;

impl Run {
    pub(super) fn run(self, ready: Ready<'_>) -> Outcome<ExitCode> {
        let daemon = Daemon { pattern: pattern(ready.environment), silence: std::time::Duration::from_secs(SILENCE), terminate };
        let mut watch = Watch::begin(ready)?;
        print(&format!("{}\n", watch.greeting()))?;
        let done = daemon.run(|news| watch.hear(news));
        let left = watch.end();
        done.map_err(|error| {
            Failure::new(Kind::Failed, error).hint("`reveille wake` by hand works all the same; `reveille log` has more")
        })?;
        left.map(|()| ExitCode::SUCCESS)
    }
}
