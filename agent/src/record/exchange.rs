//! The exchange of PROGRESS.md: the new text and the file change places in one step, and what was displaced is looked at.
//!
//! Must stay true: a text that is displaced and is not the one that was merged is a human's save, and goes back in its place; the
//! displaced file stays until the next wake, because an editor may still be writing into it, and because a crash may come between
//! the exchange and the look (its name says what was merged and what was put in its place).

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::environment::Environment;
use crate::failure::{Failure, Outcome};
use crate::fault::Moment;

/// What the displaced file is called: `.PROGRESS-MERGED-WRITTEN.md`, each the start of a digest.
const DISPLACED: (&str, &str) = (".PROGRESS-", ".md");
/// The same where the file system knows no exchange, between the two renames.
const BETWEEN: &str = ".old";
/// A text that is not whole yet.
const UNFINISHED: &str = ".part";
/// How often a human may save while their text is put back.
const TRIES: usize = 100;
/// How long an editor may take from emptying a file to writing it.
const ABANDONED: Duration = Duration::from_secs(3600);
/// How long an editor that moves the file away first may take to write it anew.
const GONE: Duration = Duration::from_millis(5);

/// Whose text is in place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exchanged {
    /// Ours.
    Ours,
    /// The human saved meanwhile: theirs is.
    Theirs {
        /// What to tell of it.
        said: Vec<String>,
    },
}

/// Puts `ours` in the place of `expected`; when something else is there by now, that something stays.
pub(super) fn exchange(path: &Path, expected: &[u8], ours: &[u8], reached: &dyn Fn(Moment)) -> io::Result<Exchanged> {
    let theirs = || Ok(Exchanged::Theirs { said: vec![] });
    if path.metadata().is_ok_and(|meta| meta.permissions().readonly()) {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "the file is read-only"));
    }
    let held = beside(path, expected, ours)?;
    if !path.exists() {
        if !expected.is_empty() {
            std::fs::remove_file(held)?;
            return theirs();
        }
        reached(Moment::BeforeExchange);
        return match renameat_with(CWD, &held, CWD, path, RenameFlags::NOREPLACE) {
            Ok(()) => {
                reached(Moment::AfterExchange);
                sync_folder(path).map(|()| Exchanged::Ours)
            }
            Err(Errno::EXIST) => std::fs::remove_file(held).and_then(|()| theirs()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                std::fs::hard_link(&held, path)?;
                std::fs::remove_file(held)?;
                sync_folder(path).map(|()| Exchanged::Ours)
            }
            Err(error) => Err(error.into()),
        };
    }
    // Most races end here, before anybody can see a text that lacks what the human just saved.
    if std::fs::read(path).ok().as_deref() != Some(expected) {
        return std::fs::remove_file(held).and_then(|()| theirs());
    }
    reached(Moment::BeforeExchange);
    swap_in(&held, path, expected, ours, reached)
}

/// The new text beside the file, whole and on the disk, with the file's permissions.
fn beside(path: &Path, expected: &[u8], ours: &[u8]) -> io::Result<PathBuf> {
    let mut new = tempfile::Builder::new().prefix(DISPLACED.0).suffix(UNFINISHED).tempfile_in(folder_of(path))?;
    new.write_all(ours)?;
    if let Ok(meta) = path.metadata() {
        new.as_file().set_permissions(meta.permissions())?;
    }
    new.as_file().sync_all()?;
    let held = folder_of(path).join(format!("{}{}-{}{}", DISPLACED.0, digest(expected), digest(ours), DISPLACED.1));
    NamedTempFile::persist(new, &held).map_err(|error| error.error)?;
    Ok(held)
}

/// The exchange itself, and the look at what it displaced.
pub(super) fn swap_in(held: &Path, path: &Path, expected: &[u8], ours: &[u8], reached: &dyn Fn(Moment)) -> io::Result<Exchanged> {
    match swap(held, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::fs::remove_file(held)?;
            return Ok(Exchanged::Theirs { said: vec![] });
        }
        Err(error) => return Err(error),
    }
    reached(Moment::AfterExchange);
    if std::fs::read(held)? == expected {
        sync_folder(path)?;
        return Ok(Exchanged::Ours);
    }
    put_back(held, path, ours).map(|said| Exchanged::Theirs { said })
}

/// Puts the displaced text of a human back in place of `ours`. If they saved once more meanwhile, the newest text gets the place and
/// the one before it is kept aside.
fn put_back(held: &Path, path: &Path, ours: &[u8]) -> io::Result<Vec<String>> {
    let mut said = Vec::new();
    let mut known = ours.to_vec();
    for _ in 0..TRIES {
        let back = std::fs::read(held)?;
        match swap(held, path) {
            Ok(()) => {}
            // Their editor moves the file away before it writes it anew.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                std::thread::sleep(GONE);
                continue;
            }
            Err(error) => return Err(error),
        }
        let displaced = std::fs::read(held)?;
        if displaced == known {
            std::fs::remove_file(held)?;
            sync_folder(path)?;
            return Ok(said);
        }
        said.extend(keep_aside(path, &back, &displaced)?);
        known = back;
    }
    Err(io::Error::other("it was saved again and again while it was put back"))
}

/// Keeps a human's text aside that a newer one of theirs replaces, if the newer one lacks lines of it.
fn keep_aside(path: &Path, older: &[u8], newer: &[u8]) -> io::Result<Option<String>> {
    let lines = |text: &[u8]| String::from_utf8_lossy(text).lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    let there = lines(newer);
    if lines(older).iter().all(|line| there.contains(line)) {
        return Ok(None);
    }
    let aside = folder_of(path).join(format!("PROGRESS.saved-{}.md", digest(older)));
    super::write_whole(&aside, older)?;
    let said = format!("PROGRESS.md was saved twice while a wake wrote it; the first text is in {}", aside.display());
    tracing::warn!("{said}");
    Ok(Some(said))
}

/// Looks at what earlier wakes displaced, and puts back what turns out to be a human's save: one that came between an exchange and
/// a crash, or that an editor wrote into the displaced file later. What to tell of it. Call it while holding the lease.
pub(crate) fn recover(path: &Path, environment: &Environment) -> Outcome<Vec<String>> {
    let failed = |error: io::Error| Failure::of_disk("look through", folder_of(path), error);
    let mut said = Vec::new();
    let entries: Vec<_> = std::fs::read_dir(folder_of(path)).map_err(failed)?.collect();
    for entry in entries {
        let held = entry.map_err(failed)?.path();
        let name = held.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(DISPLACED.0) else { continue };
        if rest.ends_with(UNFINISHED) {
            std::fs::remove_file(&held).map_err(|error| Failure::of_disk("remove", &held, error))?;
            continue;
        }
        let digests = rest.strip_suffix(DISPLACED.1).or_else(|| rest.strip_suffix(BETWEEN));
        if let Some((merged, written)) = digests.and_then(|digests| digests.split_once('-')) {
            let held = named(held).map_err(failed)?;
            let text = super::read(&held, environment)?;
            said.extend(settle(path, &held, &text, (merged, written), environment)?);
        }
    }
    Ok(said)
}

/// Takes the second rename of an exchange in two steps that a kill left out. Where there is a text to put in place as well, the first
/// was not taken either.
fn named(held: PathBuf) -> io::Result<PathBuf> {
    let name = held.with_extension(&DISPLACED.1[1..]);
    if held == name || name.exists() {
        return Ok(held);
    }
    std::fs::rename(&held, &name)?;
    Ok(name)
}

fn settle(path: &Path, held: &Path, text: &[u8], (merged, written): (&str, &str), environment: &Environment) -> Outcome<Vec<String>> {
    let removed = || std::fs::remove_file(held).map_err(|error| Failure::of_disk("remove", held, error));
    let found = digest(text);
    // What was merged is in PROGRESS.md; what never got there is made anew.
    if found == merged || found == written {
        return removed().map(|()| vec![]);
    }
    // An editor has emptied it and may be about to write.
    if text.is_empty() {
        let touched = held.metadata().and_then(|meta| meta.modified());
        let old = touched.is_ok_and(|touched| environment.age(touched) > ABANDONED);
        return if old { removed().map(|()| vec![]) } else { Ok(vec![]) };
    }
    let current = super::read(path, environment)?;
    if digest(&current) == written {
        let mut said = put_back(held, path, &current).map_err(|error| Failure::of_disk("write", path, error))?;
        said.push("PROGRESS.md was saved while an earlier wake wrote it; what was saved is in place again".to_owned());
        return Ok(said);
    }
    let said = keep_aside(path, text, &current).map_err(|error| Failure::of_disk("write", path, error))?;
    removed().map(|()| said.into_iter().collect())
}

/// The two change places. File systems without an exchange get a plain rename, with the old file kept under the other name: the
/// race is then as small as two calls.
fn swap(held: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, held, CWD, path, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => swap_in_two(held, path, |old| std::fs::rename(old, held)),
        other => Ok(other?),
    }
}

/// The change of places without an exchange: `last` is its second rename.
fn swap_in_two(held: &Path, path: &Path, last: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let old = held.with_extension(&BETWEEN[1..]);
    std::fs::hard_link(path, &old)?;
    std::fs::rename(held, path)?;
    last(&old)
}

/// The start of a text's digest.
fn digest(text: &[u8]) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on HFS+, with a kill between the two renames.
    #[test]
    fn a_save_that_a_kill_left_between_two_renames_is_put_back() {
        for newer in [None, Some("ours\nand newer\n")] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("PROGRESS.md");
            std::fs::write(&path, "saved in between\n").expect("written");
            let held = beside(&path, b"read\n", b"ours\n").expect("made");
            let killed = swap_in_two(&held, &path, |_| Err(io::Error::other("killed")));
            assert!(killed.is_err() && std::fs::read(&path).is_ok_and(|text| text == b"ours\n"));
            if let Some(newer) = newer {
                std::fs::write(&path, newer).expect("written");
            }
            let said = recover(&path, &Environment::of(&[])).expect("looked");
            assert_eq!(said.len(), 1, "{said:?}");
            let texts = std::fs::read_dir(folder.path()).expect("listed").flatten();
            let mut texts: Vec<String> = texts.map(|entry| std::fs::read_to_string(entry.path()).expect("read")).collect();
            texts.sort();
            assert_eq!(texts, newer.into_iter().chain(["saved in between\n"]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_was_merged_is_not_kept_under_the_name_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("PROGRESS.md");
        std::fs::write(&path, "read\n").expect("written");
        let held = beside(&path, b"read\n", b"ours\n").expect("made");
        let _ = swap_in_two(&held, &path, |_| Err(io::Error::other("killed")));
        assert!(recover(&path, &Environment::of(&[])).expect("looked").is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
