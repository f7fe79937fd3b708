//! `render`: the site from the issues, without a wake.

use std::process::ExitCode;

use clap::Args;

use super::{Ready, print};
use crate::act::publication;
use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;

/// Render the site into site/: what changed since the last time
///
/// A wake does it too. Templates in templates/ of the home replace those that the program carries.
#[derive(Debug, Args)]
pub(crate) struct Render {}

impl Render {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now: ready.environment.now() };
        let report = reveille_skills::site::render(ready.home.root(), &publication(&scene)).or_fail()?;
        let mut out = String::new();
        for path in &report.written {
            out.push_str(&format!("wrote    {path}\n"));
        }
        for path in &report.removed {
            out.push_str(&format!("removed  {path}\n"));
        }
        for warning in &report.warnings {
            out.push_str(&format!("warning  {warning}\n"));
        }
        out.push_str(&format!("{} written, {} as they were, {} removed\n", report.written.len(), report.unchanged, report.removed.len()));
        print(&out)?;
        Ok(ExitCode::SUCCESS)
    }
}
