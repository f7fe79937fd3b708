//! `measure`: counting what happened elsewhere, by hand. Wakes measure by themselves.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reveille_memory::Memory;
use serde::Serialize;

use super::{Ready, print, print_json};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::numbers::many;
use crate::observe::Scene;
use crate::visits::{Imported, Keep, import};

/// Count what another program has written down: the visits in a web server's log
#[derive(Debug, Args)]
pub(crate) struct Measure {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Count the visits in logs of a web server: Apache's common and combined formats, nginx's default, Caddy's JSON, also gzipped
    ///
    /// Whole days only, each once: a day that was counted, by `reveille serve` or an earlier import, stays as it is. Addresses and user
    /// agents are looked at and not kept. Lines without a user agent (common format) count as programs.
    ImportLog(ImportLog),
}

#[derive(Debug, Args)]
struct ImportLog {
    /// The logs: all that hold parts of the same days at once
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Show what would be counted, and keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    dry_run: bool,
    #[serde(flatten)]
    imported: Imported,
}

impl Measure {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let Sub::ImportLog(ImportLog { files, dry_run, json }) = self.command;
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now: ready.environment.now() };
        let mut memory = Memory::open(&ready.home.database(), scene.now).or_fail()?;
        let files: Vec<PathBuf> = files.iter().map(|file| ready.environment.folder.join(file)).collect();
        let imported = import(&scene, &mut memory, &files, if dry_run { Keep::Nothing } else { Keep::IfAllAreLogs })?;
        if let Some(file) = imported.no_logs.first() {
            let what = format!("{} is no log: no line of it can be read; nothing was counted", file.display());
            return Err(Failure::message(Kind::Failed, what)
                .hint("logs are Apache's common and combined formats, nginx's default, or Caddy's JSON, also gzipped"));
        }
        if json {
            print_json(&Report { schema: 1, dry_run, imported })?;
        } else {
            print(&shown(&imported, dry_run))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn shown(imported: &Imported, dry_run: bool) -> String {
    let mut out = String::new();
    for day in &imported.days {
        out.push_str(&format!("{}  {} pages, {} visitors, {} by programs\n", day.day, day.views, day.visitors, day.robots));
    }
    let (lines, days) = (many(imported.lines, "line"), many(imported.days.len() as u64, "new day"));
    let done = if dry_run { "would be counted" } else { "counted" };
    let broken = if imported.broken > 0 { format!(" ({} of them can't be read)", imported.broken) } else { String::new() };
    out.push_str(&format!("{lines}{broken}, {days} {done}\n"));
    out
}
