//! `readers`: the list of readers, looked at and changed by the human.
//!
//! Must stay true: whoever left is suppressed in memory before the list is written, so that a crash in between mails nobody;
//! what an import says of people are counts, addresses only when they are asked for.

mod import;
mod segments;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use reveille_memory::{Memory, MemoryError, SuppressedFor};
use reveille_mission::{former_ids, is_address, shown, subscriber_id};
use reveille_skills::readers::{self as list, Added, Consent, Counts, NotCounted, Reader, Status, SuppressedIds};
use serde::Serialize;

use super::{Ready, print, print_json};
use crate::chosen::{Chosen, Letters};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::list::{readers_to_show, suppressed};
use crate::numbers::worded;

/// The list of readers: who is mailed, who is not and why
#[derive(Debug, Args)]
pub(crate) struct Readers {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Show who counts, and why others do not
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Put somebody on the list: pending, unless you say when they consented
    Add(Add),
    /// Take somebody off the list, for ever: no import and no form brings the address back
    Remove { address: String },
    /// Take in an export of Substack, Buttondown, Ghost or Mailchimp, or a plain CSV file
    ///
    /// The columns of its first line say where it comes from. Confirmed is who has a day of consent in it; others are pending.
    /// Who left, bounced or complained there is suppressed here, and who is suppressed here stays so: no import brings them back.
    /// Rows that can't be read are said with their lines and skipped. Addresses are shown with `--verbose` only.
    Import(import::Import),
    /// Show how many have fallen silent, and who clicks what, in groups
    Segments(segments::Segments),
    /// Give the list out as CSV, on stdout or into a new file
    Export {
        /// A file that is not there yet
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Add {
    address: String,
    /// What they are called
    #[arg(long)]
    name: Option<String>,
    /// The day on which they said that they want it, like 2026-11-20
    #[arg(long, value_name = "DATE")]
    consent: Option<NaiveDate>,
    /// Where they said it
    #[arg(long, requires = "consent", value_name = "TEXT", default_value = "by hand")]
    source: String,
}

impl Readers {
    /// `verbose`: addresses may be shown where counts are shown otherwise.
    pub(super) fn run(self, ready: &Ready<'_>, verbose: bool) -> Outcome<ExitCode> {
        match self.command {
            Sub::List { json } => show(ready, json)?,
            Sub::Add(add) => add.run(ready)?,
            Sub::Remove { address } => remove(ready, &address)?,
            Sub::Import(import) => import.run(ready, verbose)?,
            Sub::Segments(segments) => segments.run(ready)?,
            Sub::Export { file } => export(ready, file.as_deref())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Memory, where there is one.
fn remembered(ready: &Ready<'_>) -> Outcome<Option<Memory>> {
    match Memory::open_read_only(&ready.home.database()) {
        Ok(memory) => Ok(Some(memory)),
        Err(MemoryError::Missing { .. }) => Ok(None),
        Err(error) => Err(error).or_fail(),
    }
}

/// The list, to look at it, and who is suppressed.
fn looked_at(ready: &Ready<'_>) -> Outcome<(list::Readers, SuppressedIds)> {
    let memory = remembered(ready)?;
    Ok((readers_to_show(&ready.home, &ready.settings, memory.as_ref())?, suppressed(memory.as_ref())?))
}

/// The list, to change it.
fn to_change(ready: &Ready<'_>) -> Outcome<list::Readers> {
    list::Readers::load_to_change(ready.home.root(), &ready.settings.owner).or_fail()
}

/// The human's word on a consent; one that lies ahead is none.
fn consent(date: Option<NaiveDate>, source: &str, now: DateTime<Utc>) -> Outcome<Option<Consent>> {
    match date {
        Some(date) if date > now.date_naive() => {
            Err(Failure::message(Kind::Usage, format!("{date} lies ahead")).hint("give the day on which they said that they want it"))
        }
        date => Ok(date.map(|date| Consent { date, source: source.to_owned() })),
    }
}

/// A row as `list` shows it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    reader: Reader,
    /// Whether the settings have their tier.
    tier_known: bool,
    counts: bool,
    letters: Letters,
    why_not: Option<NotCounted>,
}

#[derive(Debug, Serialize)]
struct Listed {
    schema: u32,
    #[serde(flatten)]
    counts: Counts,
    rows: Vec<Shown>,
}

fn show(ready: &Ready<'_>, json: bool) -> Outcome {
    let (readers, suppressed) = looked_at(ready)?;
    let judged = readers.judged(&suppressed);
    let (counts, unknown) = (readers.counts(&suppressed), readers.unknown_tiers());
    let (chosen, now) = (Chosen::read(&ready.settings, remembered(ready)?.as_ref())?, ready.environment.now());
    if json {
        let row = |(reader, why_not): (Cow<'_, Reader>, Option<NotCounted>)| {
            let (tier_known, letters) = (!unknown.contains(&reader.tier), chosen.of(&reader.id, now));
            Shown { reader: reader.into_owned(), tier_known, counts: why_not.is_none(), letters, why_not }
        };
        let rows = judged.into_iter().map(row).collect();
        return print_json(&Listed { schema: 1, counts, rows });
    }
    if judged.is_empty() {
        return print(&nobody(ready, suppressed.len()));
    }
    let mut out = format!("{}\n\n", counted(&counts));
    let width = judged.iter().map(|(reader, _)| reader.email.chars().count()).max().unwrap_or(0).min(40);
    for (reader, why) in judged {
        let letters = chosen.of(&reader.id, now);
        let ended = if why == Some(NotCounted::Silent) { letters.ended() } else { String::new() };
        let why = why.map(|why| format!("  does not count: {}{ended}", why.as_str())).unwrap_or_default();
        let chose = Some(letters.shown()).filter(|chose| !chose.is_empty()).map(|chose| format!("  {chose}")).unwrap_or_default();
        let via = reader.via.as_deref().filter(|via| !via.is_empty()).map(|via| format!(", via {}", shown(via))).unwrap_or_default();
        let unknown = if unknown.contains(&reader.tier) { " (no such tier: free)" } else { "" };
        let line = format!(
            "{:<width$}  {:<10} {:<5} {:<10}  {}{via}{unknown}{chose}{why}",
            shown(&reader.email),
            reader.status,
            shown(&reader.tier),
            shown(&reader.confirmed_at),
            shown(&reader.source)
        );
        out.push_str(&format!("{}\n", line.trim_end()));
    }
    print(&out)
}

/// What stands above the list.
fn counted(counts: &Counts) -> String {
    let people = worded(counts.confirmed, "person", "people");
    let paying = match (counts.confirmed, counts.paying) {
        (0, _) => "",
        (_, 0) => ", nobody pays",
        (_, 1) => ", 1 pays",
        (_, more) => &format!(", {more} pay"),
    };
    let left_out = match counts.left_out.total() {
        0 => "",
        1 => "; 1 more row does not count",
        more => &format!("; {more} more rows do not count"),
    };
    format!("{people}{paying}{left_out}")
}

/// What is said where nobody stands on the list.
fn nobody(ready: &Ready<'_>, suppressed: usize) -> String {
    let site = if ready.settings.site.is_some() { "Who subscribes on the site shows up here; " } else { "" };
    let gone = match suppressed {
        0 => String::new(),
        1 => "1 address is not mailed: it left, bounced, complained or was taken off.\n".to_owned(),
        more => format!("{more} addresses are not mailed: they left, bounced, complained or were taken off.\n"),
    };
    format!("There are no readers. {site}`reveille readers add ADDRESS` or `import FILE` puts somebody into readers.csv.\n{gone}")
}

impl Add {
    fn run(self, ready: &Ready<'_>) -> Outcome {
        let consent = consent(self.consent, &self.source, ready.environment.now())?;
        let mut readers = to_change(ready)?;
        let (_, suppressed) = looked_at(ready)?;
        let added = readers.add(&self.address, self.name.as_deref(), consent.as_ref(), &suppressed);
        let added = match added {
            Err(list::ReadersError::Suppressed) => return Err(gone(ready, &self.address)?),
            added => added.or_fail()?,
        };
        readers.save().or_fail()?;
        let waits = |status| if status == Status::Pending { ": nobody mails them before they consented (`--consent DATE`)" } else { "" };
        print(&match added {
            Added::New(status) => format!("Added, {status}{}\n", waits(status)),
            Added::Changed(status) => format!("Changed, {status}{}\n", waits(status)),
            Added::Unchanged(status) => format!("On the list already, {status}{}\n", waits(status)),
        })
    }
}

/// Why somebody who is suppressed is not put on the list, and how they can come back, if at all.
fn gone(ready: &Ready<'_>, address: &str) -> Outcome<Failure> {
    let ids: Vec<String> = std::iter::once(subscriber_id(address)).chain(former_ids(address)).collect();
    let all = remembered(ready)?.map_or(Ok(vec![]), |memory| memory.suppressed()).or_fail()?;
    let why = ids.iter().find_map(|id| all.iter().find(|one| one.subscriber == *id)).map(|one| one.why);
    let what = match why {
        Some(SuppressedFor::Left) => "this address left, and no list brings it back",
        Some(SuppressedFor::Bounced) => "mail to this address bounced for good, and nothing brings it back",
        Some(SuppressedFor::Complained) => "this address complained, and nothing brings it back",
        Some(SuppressedFor::Removed) | None => "this address was taken off for good, and nothing brings it back",
    };
    let failure = Failure::message(Kind::Failed, what);
    Ok(match (why, &ready.settings.site) {
        (Some(SuppressedFor::Left), Some(_)) => {
            let form = ready.settings.url.join("subscribe").map_or_else(|_| "/subscribe".to_owned(), String::from);
            failure.hint(format!("they can come back themselves: {form}, and confirm by the mail"))
        }
        (Some(SuppressedFor::Left), None) => failure.hint("with [site] they can subscribe anew themselves, see docs/site.md"),
        _ => failure.hint("use another address of theirs, if they gave you one"),
    })
}

fn remove(ready: &Ready<'_>, address: &str) -> Outcome {
    let address = address.trim();
    if !is_address(address) {
        return Err(list::ReadersError::NoAddress).or_fail();
    }
    let (now, id) = (ready.environment.now(), subscriber_id(address));
    let mut readers = to_change(ready)?;
    let mut memory = Memory::open(&ready.home.database(), now).or_fail()?;
    let by_site = memory.subscriber(&id).or_fail()?.is_some();
    memory.suppress(std::slice::from_ref(&id), SuppressedFor::Removed, now).or_fail()?;
    memory.leave(&id, now).or_fail()?;
    let found = readers.mark(&id, Status::Left) || by_site;
    readers.save().or_fail()?;
    print(if found {
        "Removed: never mailed again; no import and no form brings the address back\n"
    } else {
        "It was not on the list; it is never mailed, and no import and no form brings it in\n"
    })
}

fn export(ready: &Ready<'_>, file: Option<&Path>) -> Outcome {
    let (readers, suppressed) = looked_at(ready)?;
    let csv = readers.export(&suppressed).or_fail()?;
    let Some(file) = file else { return print(&String::from_utf8_lossy(&csv)) };
    let path = ready.environment.folder.join(file);
    let folder = path.parent().unwrap_or(Path::new("/"));
    // For its owner's eyes only, as every file of `tempfile`; whole or not at all, and never over another.
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut new| {
        new.write_all(&csv)?;
        new.as_file().sync_all()?;
        new.persist_noclobber(&path).map_err(|error| error.error)
    });
    written.map_err(|error| {
        Failure::message(Kind::Failed, format!("failed to write {}: {error}", path.display())).hint("name a file that is not there yet")
    })?;
    print(&format!("{} rows are in {}\n", readers.judged(&suppressed).len(), path.display()))
}
