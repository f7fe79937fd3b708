//! Putting a backup back.
//!
//! Must stay true: the copy is checked before anything is touched, no wake runs meanwhile, what is there now is set aside
//! first; the memory that is put in place is paused before it has its name; no file of the human's is replaced unless that was
//! asked for.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, MemoryError};

use super::make::{make, sync};
use super::manifest::{DATABASE, FILES, digest};
use super::store::{Kept, private_folder};
use super::{Order, Why, cannot};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::lease::Lock;
use crate::witness;

/// What becomes of a file of the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not there now and is put back.
    PutBack,
    /// It is other now and is replaced: `--files`.
    Replaced,
    /// It is other now and stays.
    Stays,
    /// It is other now, and stays because it is in no backup: it may hold a secret, or is too large.
    NotSetAside,
    /// It is the same.
    Same,
}

/// What was done.
pub(crate) struct Restored {
    /// The name of what was set aside.
    pub(crate) aside: String,
    /// The files, with what became of them.
    pub(crate) files: Vec<(String, Fate)>,
}

/// The files of a backup with what becomes of each.
pub(crate) fn fates(home: &Home, kept: &Kept, replace: bool) -> Outcome<Vec<(String, Fate)>> {
    let fate = |path: &str, sha256: &str| -> Outcome<Fate> {
        let target = home.root().join(path);
        Ok(match target.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Fate::PutBack,
            Err(error) => return Err(cannot(&target, &error)),
            // A link is the human's: what it leads to is not ours to write.
            Ok(meta) if !meta.is_file() => Fate::Stays,
            Ok(_) if digest(&target).map_err(|error| cannot(&target, &error))?.1 == sha256 => Fate::Same,
            Ok(_) if replace => Fate::Replaced,
            Ok(_) => Fate::Stays,
        })
    };
    kept.manifest.files.iter().map(|row| Ok((row.path.clone(), fate(&row.path, &row.sha256)?))).collect()
}

/// Checks a backup to the last byte.
pub(crate) fn check(kept: &Kept) -> Outcome {
    kept.manifest.check(&kept.path)
}

/// Puts it back: the memory, paused, and the files.
pub(crate) fn restore(home: &Home, kept: &Kept, replace: bool, secrets: Option<Vec<PathBuf>>, now: DateTime<Utc>) -> Outcome<Restored> {
    check(kept)?;
    let _lock = Lock::take(home, now)?;
    let (aside, present) = set_aside(home, secrets, now)?;
    if kept.manifest.database.is_some() {
        let staged = stage(home, kept, &aside, now)?;
        take_away(home, present, &aside, now)?;
        fs::rename(&staged, home.database()).and_then(|()| sync(&home.memory())).map_err(|error| cannot(&home.database(), &error))?;
        // Only what the opening made may be left in it.
        let _ = fs::remove_dir_all(staging(home));
    }
    let mut files = fates(home, kept, replace)?;
    for (path, fate) in files.iter_mut().filter(|(_, fate)| *fate == Fate::Replaced) {
        if !aside.manifest.files.iter().any(|row| row.path == *path) {
            *fate = Fate::NotSetAside;
        }
    }
    for (path, fate) in files.iter().filter(|(_, fate)| matches!(fate, Fate::PutBack | Fate::Replaced)) {
        put(home, path, &kept.path.join(FILES).join(path), *fate)?;
    }
    Ok(Restored { aside: aside.name, files })
}

/// What stands where the memory belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Present {
    Nothing,
    /// It was copied with the rest.
    Whole,
    /// It can't be copied: the file itself is moved away.
    Unusable,
}

/// A backup of the present state, whatever that is.
fn set_aside(home: &Home, secrets: Option<Vec<PathBuf>>, now: DateTime<Utc>) -> Outcome<(Kept, Present)> {
    let order = Order { home, secrets, why: Why::BeforeRestore, now, stopped: &|| false };
    if !home.database().exists() {
        return Ok((make(&order, None)?, Present::Nothing));
    }
    let memory = match Memory::open(&home.database(), now) {
        Ok(memory) => memory,
        Err(error) if is_unusable(&error) => return Ok((make(&order, None)?, Present::Unusable)),
        Err(error) => return Err(error).or_fail(),
    };
    match make(&order, Some(&memory)) {
        Ok(kept) => Ok((kept, Present::Whole)),
        Err(failure) if failure.error.downcast_ref::<MemoryError>().is_some_and(is_unusable) => {
            Ok((make(&order, None)?, Present::Unusable))
        }
        Err(failure) => Err(failure),
    }
}

/// Whether a memory is past use, not merely out of reach for now.
fn is_unusable(error: &MemoryError) -> bool {
    matches!(error, MemoryError::Corrupt { .. } | MemoryError::Newer { .. } | MemoryError::Foreign(_) | MemoryError::Value(_))
}

fn staging(home: &Home) -> PathBuf {
    home.memory().join(".restoring")
}

/// The memory as it will be: brought up to date, paused, taught what the present one knows of what has gone out.
fn stage(home: &Home, kept: &Kept, aside: &Kept, now: DateTime<Utc>) -> Outcome<PathBuf> {
    let folder = staging(home);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(&folder, &error)),
        _ => {}
    }
    let staged = folder.join(DATABASE);
    private_folder(&folder).and_then(|()| fs::copy(kept.database(), &staged)).map_err(|error| cannot(&staged, &error))?;
    let mut memory = Memory::open(&staged, now).or_fail()?;
    let seen = witness::seen(home).run.max(aside.manifest.run);
    let made = kept.manifest.made_at.format("%Y-%m-%d %H:%M UTC");
    let known = memory.last_run_number().or_fail()?;
    witness::disarm(&mut memory, &format!("restored from {}, made {made}", kept.name), seen, now)?;
    let present = aside.manifest.database.as_ref().and_then(|_| witness::take_over(&mut memory, aside));
    // Where the present memory teaches nothing, a backup may know at least a part of the time since.
    let later = if present.is_none() { witness::take_over_newest(home, &mut memory, known) } else { None };
    let until = later.as_ref().map_or_else(|| made.to_string(), |(run, _)| format!("wake {run}"));
    let unknown =
        present.is_none().then(|| format!("What went out after {until} is not known: the memory that was there could not be read."));
    witness::remember(home, &mut memory, present.or(later.map(|(_, taken)| taken)), unknown)?;
    witness::mark(&mut memory, home, &staged)?;
    memory.integrity_check().or_fail()?;
    memory.close_whole().or_fail()?;
    fs::File::open(&staged).and_then(|file| file.sync_all()).map_err(|error| cannot(&staged, &error))?;
    Ok(staged)
}

/// Makes room: a whole memory is left as one file to be replaced, an unusable one is moved to what was set aside.
fn take_away(home: &Home, present: Present, aside: &Kept, now: DateTime<Utc>) -> Outcome {
    match present {
        Present::Nothing => {}
        Present::Whole => return Memory::open(&home.database(), now).and_then(Memory::close_whole).or_fail(),
        Present::Unusable => {
            let away = aside.path.join("unusable");
            private_folder(&away).map_err(|error| cannot(&away, &error))?;
            for name in ["reveille.db", "reveille.db-wal", "reveille.db-shm", "reveille.db-journal"] {
                match fs::rename(home.memory().join(name), away.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(&away, &error)),
                    _ => {}
                }
            }
        }
    }
    // A log of the old file would be taken for one of the new.
    for log in ["reveille.db-wal", "reveille.db-shm", "reveille.db-journal"] {
        match fs::remove_file(home.memory().join(log)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(&home.memory().join(log), &error)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes one file back, whole or not at all, through no link.
fn put(home: &Home, path: &str, copy: &Path, fate: Fate) -> Outcome {
    let target = home.root().join(path);
    let failed = |error: &io::Error| cannot(&target, error);
    let folder = target.parent().unwrap_or(home.root());
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    if !folder.canonicalize().map_err(|error| failed(&error))?.starts_with(home.root()) {
        return Err(
            Failure::message(Kind::Failed, format!("{} leads out of the home", folder.display())).hint("put the folder itself there")
        );
    }
    let private = path.starts_with("memory/") || path.ends_with(".csv");
    let mode = match fate {
        Fate::Replaced => target.metadata().map(|meta| meta.permissions()),
        _ => Ok(Permissions::from_mode(if private { 0o600 } else { 0o644 })),
    };
    let written = mode.and_then(|mode| {
        let mut new = tempfile::Builder::new().prefix(".reveille-").suffix(".tmp").tempfile_in(folder)?;
        new.write_all(&fs::read(copy)?)?;
        new.as_file().set_permissions(mode)?;
        new.as_file().sync_all()?;
        match fate {
            // What the human has made there meanwhile stays.
            Fate::PutBack => match new.persist_noclobber(&target) {
                Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
                _ => Ok(()),
            },
            _ => new.persist(&target).map(|_| ()).map_err(|error| error.error),
        }?;
        sync(folder)
    });
    written.map_err(|error| failed(&error))
}
