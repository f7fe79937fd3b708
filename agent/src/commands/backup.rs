//! `backup`: make one now, list them, put one back.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use reveille_memory::{BackupRow, HookEnd, Memory, MemoryError};
use serde::Serialize;

use super::{print, print_json, ready};
use crate::backup::restore::{Fate, check, fates, restore};
use crate::backup::{Found, Hooked, Kept, Order, Store, Why, make_and_carry};
use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::settings::secret_files_alone;

/// Make a backup now; list them; put one back
///
/// A backup holds the memory and what you wrote, not secrets, not the site. Every day one is made at the end of a wake.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the backups, the newest first
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a backup back: the memory, and files that are missing
    ///
    /// What is there now is set aside first, as a backup of its own. Files that are there stay as they are, PROGRESS.md too;
    /// with --files they are put back as they were. After it nothing is sent until `reveille resume`.
    Restore {
        /// Its name, the start of it, or the path of one that was carried here
        name: String,
        /// Check it and show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Put files back as they were, also those that are other now
        #[arg(long)]
        files: bool,
        /// Ask nothing
        #[arg(long)]
        yes: bool,
    },
}

/// One backup, as `--json` tells it.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    /// Whether it can be put back, by a quick look.
    good: bool,
    made_at: Option<DateTime<Utc>>,
    why: Option<&'static str>,
    run: Option<i64>,
    bytes: Option<u64>,
    files: Option<usize>,
    left_out: Vec<String>,
    millis: Option<u64>,
    hook: Option<Hook>,
    /// What is wrong with it.
    trouble: Option<String>,
}

#[derive(Debug, Serialize)]
struct Hook {
    exit_code: Option<i32>,
    millis: u64,
    trouble: Option<String>,
}

impl Backup {
    pub(super) fn run(self, home: Home, environment: &Environment) -> Outcome<ExitCode> {
        match self.what {
            None => now(home, environment),
            Some(What::List { json }) => list(&home, json),
            Some(What::Restore { name, dry_run, files, yes }) => {
                let kept = Store::of(&home).named(&name)?;
                match dry_run {
                    true => rehearse(&home, &kept, files),
                    false => put_back(&home, environment, &kept, files, yes),
                }
            }
        }
    }
}

fn now(home: Home, environment: &Environment) -> Outcome<ExitCode> {
    let ready = ready(home, environment)?;
    let now = environment.now();
    if !ready.home.database().exists() {
        return Err(MemoryError::Missing(ready.home.database())).or_fail();
    }
    let mut memory = Memory::open(&ready.home.database(), now).or_fail()?;
    let never = || false;
    let order = Order { home: &ready.home, secrets: Some(ready.settings.secret_files()), why: Why::ByHand, now, stopped: &never };
    let hooked = Hooked { environment, aloud: true, stopped: &never };
    let (kept, row) = make_and_carry(&order, &ready.settings, &mut memory, &hooked)?;
    let files = kept.manifest.files.len();
    let mut out = format!("Backup {}: {} and {files} files, checked ({})\n", kept.name, "the memory", size(kept.manifest.bytes()));
    for left_out in &kept.manifest.left_out {
        out.push_str(&format!("  left out: {left_out}\n"));
    }
    let carried = row.hook.as_ref().is_none_or(|hook| hook.code == Ok(0));
    if let Some(hook) = &row.hook {
        out.push_str(&format!("hook: {}\n", hook_words(hook)));
    }
    print(&out)?;
    Ok(if carried { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(home: &Home, json: bool) -> Outcome<ExitCode> {
    let rows = match Memory::open_read_only(&home.database()) {
        Ok(memory) => memory.backups().or_fail()?,
        // The list is wanted most when the memory can't be read.
        Err(_) => vec![],
    };
    let found = Store::of(home).all();
    if json {
        print_json(&found.iter().map(|found| listed(found, &rows)).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        print("No backup yet: a wake makes one a day, `reveille backup` makes one now.\n")?;
    }
    for found in &found {
        print(&line(found, &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(found: &Found, rows: &[BackupRow]) -> String {
    match found {
        Found::Damaged(name, why) => format!("{name}  damaged: {why}\n"),
        Found::Good(kept) => {
            let manifest = &kept.manifest;
            let hook = rows.iter().find(|row| row.name == kept.name).and_then(|row| row.hook.as_ref());
            let hook = hook.map(|hook| format!(", hook: {}", hook_words(hook))).unwrap_or_default();
            let made = manifest.made_at.format("%Y-%m-%d %H:%M UTC");
            let what = if manifest.database.is_some() { format!("after wake {}", manifest.run) } else { "files only".to_owned() };
            format!(
                "{}  {made}  {what}, {} files, {}, {}{hook}\n",
                kept.name,
                manifest.files.len(),
                size(manifest.bytes()),
                manifest.why.words()
            )
        }
    }
}

fn listed(found: &Found, rows: &[BackupRow]) -> Listed {
    let (name, manifest, trouble) = match found {
        Found::Good(kept) => (&kept.name, Some(&kept.manifest), None),
        Found::Damaged(name, why) => (name, None, Some(why.clone())),
    };
    let row = rows.iter().find(|row| row.name == *name);
    Listed {
        name: name.clone(),
        good: manifest.is_some(),
        made_at: manifest.map(|manifest| manifest.made_at),
        why: manifest.map(|manifest| manifest.why.words()),
        run: manifest.map(|manifest| manifest.run),
        bytes: manifest.map(|manifest| manifest.bytes()),
        files: manifest.map(|manifest| manifest.files.len()),
        left_out: manifest.map(|manifest| manifest.left_out.clone()).unwrap_or_default(),
        millis: row.map(|row| millis(row.took)),
        hook: row.and_then(|row| row.hook.as_ref()).map(|hook| Hook {
            exit_code: hook.code.clone().ok(),
            millis: millis(hook.took),
            trouble: hook.code.clone().err(),
        }),
        trouble,
    }
}

fn millis(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn hook_words(hook: &HookEnd) -> String {
    let how = match &hook.code {
        Ok(code) => format!("exit code {code}"),
        Err(why) => why.clone(),
    };
    format!("{how} after {:.1} s", hook.took.as_secs_f64())
}

/// A size as a person reads it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn rehearse(home: &Home, kept: &Kept, files: bool) -> Outcome<ExitCode> {
    check(kept)?;
    let mut out = format!("{} is whole. It would put back:\n", kept.name);
    if kept.manifest.database.is_some() {
        out.push_str(&format!("  the memory as it was after wake {}; nothing is sent until `reveille resume`\n", kept.manifest.run));
    }
    out.push_str(&files_lines(&fates(home, kept, files)?, true));
    out.push_str("What is there now would be set aside first. Nothing was changed (--dry-run).\n");
    print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// What becomes of files; those that are the same are not worth a line.
fn files_lines(files: &[(String, Fate)], would: bool) -> String {
    let mut out = String::new();
    for (path, fate) in files {
        let said = match (fate, would) {
            (Fate::Same, _) => continue,
            (Fate::NotSetAside, _) => "stays as it is now: it could not be set aside (mend the settings, or move it away yourself)",
            (Fate::Stays, _) => "stays as it is now (--files puts it back)",
            (Fate::PutBack, true) => "missing, would be put back",
            (Fate::PutBack, false) => "put back",
            (Fate::Replaced, true) => "would be put back as it was",
            (Fate::Replaced, false) => "put back as it was",
        };
        out.push_str(&format!("  {path}: {said}\n"));
    }
    out
}

fn put_back(home: &Home, environment: &Environment, kept: &Kept, files: bool, yes: bool) -> Outcome<ExitCode> {
    if !yes && !agreed(kept)? {
        print("Nothing was changed.\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    // Settings that are wrong must not stand in the way; they still say which files hold secrets, if they can be read at all.
    let secrets = std::fs::read_to_string(home.settings()).ok().and_then(|text| secret_files_alone(&text));
    let restored = restore(home, kept, files, secrets, environment.now())?;
    let mut out = format!("What was there is set aside as {}.\n", restored.aside);
    if kept.manifest.database.is_some() {
        out.push_str(&format!("The memory is as it was after wake {}.\n", kept.manifest.run));
    }
    out.push_str(&files_lines(&restored.files, false));
    if kept.manifest.database.is_some() {
        out.push_str(
            "Nothing is sent until `reveille resume`: look at your channels first, for what has gone out since may not be known.\n",
        );
    }
    print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks whoever sits there; nobody is no yes.
fn agreed(kept: &Kept) -> Outcome<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::message(Kind::Usage, "nobody is there to be asked").hint("say --yes, or --dry-run to see what would be done"));
    }
    print(&format!(
        "Put {} back ({})? What is there now is set aside. [y/N] ",
        kept.name,
        kept.manifest.made_at.format("%Y-%m-%d %H:%M UTC")
    ))?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
