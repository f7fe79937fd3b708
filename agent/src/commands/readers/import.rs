//! `readers import`: what a file of readers would change, and the change.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;
use reveille_memory::{Memory, SuppressedFor};
use reveille_skills::readers::{self as list, BadRow, Format, Imported, ImportedRow, Status, What};
use serde::Serialize;

use super::{consent, looked_at, to_change};
use crate::commands::{Ready, print, print_json};
use crate::failure::{Failure, Kind, OrFail, Outcome};

/// See `readers import --help`: the help stands at the subcommand.
#[derive(Debug, Args)]
pub(super) struct Import {
    file: PathBuf,
    /// The day on which those consented of whom the file does not say it, like 2026-11-20
    #[arg(long, value_name = "DATE", requires = "source")]
    consent: Option<NaiveDate>,
    /// Where they consented
    #[arg(long, value_name = "TEXT", requires = "consent")]
    source: Option<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// What came of an import.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    format: Format,
    dry_run: bool,
    rows: usize,
    #[serde(flatten)]
    tally: Tally,
    bad: Vec<BadRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    line: u64,
    email: String,
    what: What,
}

/// How many rows came to what.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Tally {
    added_confirmed: u64,
    added_pending: u64,
    added_gone: u64,
    became_confirmed: u64,
    became_gone: u64,
    completed: u64,
    unchanged: u64,
    suppressed: u64,
    stays_gone: u64,
}

impl Import {
    pub(super) fn run(self, ready: &Ready<'_>, verbose: bool) -> Outcome {
        let now = ready.environment.now();
        let consent = consent(self.consent, self.source.as_deref().unwrap_or_default(), now)?;
        let path = ready.environment.folder.join(&self.file);
        let bytes = std::fs::read(&path).map_err(|error| {
            Failure::message(Kind::Failed, format!("failed to read {}: {error}", path.display())).hint("give the file of the export")
        })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut readers = if self.dry_run { looked_at(ready)?.0 } else { to_change(ready)? };
        let (_, suppressed) = looked_at(ready)?;
        let imported = readers.import(&bytes, &name, consent.as_ref(), &suppressed, now.date_naive()).or_fail()?;
        if !self.dry_run {
            suppress(ready, &imported)?;
            readers.save().or_fail()?;
        }
        let report = report(imported, self.dry_run, verbose);
        if self.json { print_json(&report) } else { print(&shown(&report)) }
    }
}

/// Who left elsewhere is suppressed here, before the list is written.
fn suppress(ready: &Ready<'_>, imported: &Imported) -> Outcome {
    let whom = |why: Status| -> Vec<String> {
        imported.rows.iter().filter(|row| row.gone == Some(why)).map(|row: &ImportedRow| row.id.clone()).collect()
    };
    let now = ready.environment.now();
    let mut memory = Memory::open(&ready.home.database(), now).or_fail()?;
    for (status, why) in [
        (list::Status::Left, SuppressedFor::Left),
        (list::Status::Bounced, SuppressedFor::Bounced),
        (list::Status::Complained, SuppressedFor::Complained),
    ] {
        memory.suppress(&whom(status), why, now).or_fail()?;
    }
    Ok(())
}

fn report(imported: Imported, dry_run: bool, verbose: bool) -> Report {
    let mut tally = Tally::default();
    for row in &imported.rows {
        *match row.what {
            What::Added(Status::Confirmed) => &mut tally.added_confirmed,
            What::Added(Status::Pending) => &mut tally.added_pending,
            What::Added(_) => &mut tally.added_gone,
            What::Became(Status::Confirmed | Status::Pending) => &mut tally.became_confirmed,
            What::Became(_) => &mut tally.became_gone,
            What::Completed => &mut tally.completed,
            What::Unchanged => &mut tally.unchanged,
            What::Suppressed => &mut tally.suppressed,
            What::StaysGone => &mut tally.stays_gone,
        } += 1;
    }
    let rows = imported.rows.len() + imported.bad.len();
    let line = |row: ImportedRow| Line { line: row.line, email: row.email, what: row.what };
    let addresses = if verbose { imported.rows.into_iter().map(line).collect() } else { vec![] };
    Report { schema: 1, format: imported.format, dry_run, rows, tally, bad: imported.bad, addresses }
}

fn shown(report: &Report) -> String {
    let mut out = format!("{} rows ({})\n", report.rows, report.format.as_str());
    let tally = &report.tally;
    for (count, words) in [
        (tally.added_confirmed, "new, confirmed"),
        (
            tally.added_pending,
            "new, pending: the file knows no day of consent (`--consent DATE --source TEXT`), or says they never confirmed",
        ),
        (tally.added_gone, "new, kept as gone and suppressed: they left, bounced or complained there"),
        (tally.became_confirmed, "were pending, now confirmed"),
        (tally.became_gone, "left, bounced or complained there: suppressed"),
        (tally.completed, "completed: a name, a tier, a day of consent"),
        (tally.unchanged, "as they were"),
        (tally.suppressed, "stay away: suppressed, and no import brings them back"),
        (tally.stays_gone, "stay as they are: the list says that they left, bounced or complained"),
        (report.bad.len() as u64, "skipped"),
    ] {
        if count > 0 {
            out.push_str(&format!("{count:>7} {words}\n"));
        }
    }
    for bad in &report.bad {
        out.push_str(&format!("line {}: {}\n", bad.line, bad.reason));
    }
    for row in &report.addresses {
        out.push_str(&format!("line {}: {} {}\n", row.line, row.email, in_words(row.what)));
    }
    if report.dry_run {
        out.push_str("Nothing was changed (--dry-run).\n");
    }
    out
}

fn in_words(what: What) -> String {
    match what {
        What::Added(status) => format!("added, {status}"),
        What::Became(status) => format!("now {status}"),
        What::Completed => "completed".to_owned(),
        What::Unchanged => "as it was".to_owned(),
        What::Suppressed => "stays away: suppressed".to_owned(),
        What::StaysGone => "stays as it is: gone".to_owned(),
    }
}
