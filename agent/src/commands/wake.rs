//! `wake`: one wake.

use std::process::ExitCode;

use clap::Args;

use super::{Ready, print, print_json};
use crate::deliberate::Manner;
use crate::failure::Outcome;
use crate::observe::Scene;

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
}

impl Wake {
    /// A rehearsal leaves nothing behind.
    pub(super) fn leaves_a_trace(&self) -> bool {
        !self.dry_run
    }

    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let now = ready.environment.now();
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now };
        let manner = Manner { assumed: vec![], no_model: self.no_model, waking: true };
        let report = crate::wake::wake(&scene, &manner, self.dry_run)?;
        match self.json {
            true => print_json(&report)?,
            false => print(&report.text)?,
        }
        // All that was tried failed, each for a reason of its own: the wake itself went well.
        Ok(ExitCode::from(u8::from(report.failed)))
    }
}
