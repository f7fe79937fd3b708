//! `wake`: one wake.

use std::process::ExitCode;

use clap::Args;

use super::{Ready, print, print_json};
use crate::deliberate::Manner;
use crate::failed::Started;
use crate::failure::Outcome;
use crate::fault::Faults;
use crate::observe::Scene;
use crate::turn::Timer;
use crate::wake::{Start, Woken, wake};

/// Wake once: decide, do one thing, prove it, write it into PROGRESS.md
#[derive(Debug, Args)]
pub(crate) struct Wake {
    /// Decide, show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Read by tags and plain words only; the rest stays unclear
    #[arg(long)]
    no_model: bool,
    /// Print the decision and what was done as JSON
    #[arg(long)]
    json: bool,
    /// What starts it: then it wakes only when one is due, once in each period of the schedule; `service install` writes this
    #[arg(long, value_name = "TIMER", conflicts_with = "dry_run")]
    scheduled: Option<Timer>,
}

impl Wake {
    /// A rehearsal leaves nothing behind.
    pub(super) fn leaves_a_trace(&self) -> bool {
        !self.dry_run
    }

    /// Whether nobody is at hand to read what it says.
    pub(super) fn is_by_timer(&self) -> bool {
        self.scheduled.is_some()
    }

    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<Started> {
        let now = ready.environment.now();
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now };
        let manner = Manner { assumed: vec![], no_model: self.no_model, waking: true, faults: Faults::of(ready.environment)? };
        let start = match self.scheduled {
            Some(timer) => Start::By(timer),
            None if self.dry_run => Start::Rehearsal,
            None => Start::ByHand,
        };
        let report = match wake(&scene, &manner, start)? {
            Woken::Report(report) => report,
            Woken::NotUntil(next) => {
                match self.json {
                    true => print_json(&serde_json::json!({ "not_until": next }))?,
                    false => print(&format!("Not due before {}.\n", next.format("%Y-%m-%d %H:%M UTC")))?,
                }
                return Ok(Started::NotDue);
            }
        };
        match self.json {
            true => print_json(&report)?,
            false => print(&report.text)?,
        }
        // All that was tried failed, each for a reason of its own: the wake itself went well.
        Ok(Started::Woke(ExitCode::from(u8::from(report.failed))))
    }
}
