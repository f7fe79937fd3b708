//! Writing PROGRESS.md: a three-way merge on the text that was read, through a temporary file, fsync and an atomic exchange.
//! After the exchange the text that was displaced is looked at: if the human saved in between, it is merged again, so no
//! version of theirs is lost.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use reveille_mission::{Edit, Merged, Progress, merge};
use rustix::fs::RenameFlags;
use tempfile::NamedTempFile;

use crate::failure::{Failure, Kind, Outcome};

/// How often the human may win the race before this wake gives up.
const TRIES: usize = 20;

/// What was written.
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    /// What could not be put where it belongs.
    pub(crate) conflicts: Vec<String>,
}

/// Applies `edits`, made for `base`, to the file as it is by now.
pub(crate) fn write(path: &Path, base: &Progress, edits: &[Edit]) -> Outcome<Written> {
    if path.is_symlink() {
        return Err(Failure::message(Kind::Failed, format!("{} is a link", path.display()))
            .hint("put the real file into the home: a link would be replaced"));
    }
    for _ in 0..TRIES {
        let current = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(cannot(path, &error)),
        };
        let theirs = Progress::parse(current.clone()).map_err(|error| cannot(path, &error))?;
        let Merged { bytes, conflicts } = merge(base, &theirs, edits).map_err(|error| cannot(path, &error))?;
        if bytes == current {
            return Ok(Written { bytes, conflicts });
        }
        if let Exchanged::Ours = exchange(path, &current, &bytes).map_err(|error| cannot(path, &error))? {
            return Ok(Written { bytes, conflicts });
        }
    }
    Err(Failure::message(Kind::Failed, format!("{} changed each time it was to be written", path.display()))
        .hint("another program keeps writing it; the next wake tries again"))
}

fn cannot(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::message(Kind::Failed, format!("failed to write {}: {error}", path.display()))
        .hint("what was done is in the ledger: the next wake writes it, once the file can be written")
}

enum Exchanged {
    /// Our text is in place.
    Ours,
    /// The human saved meanwhile: their text is in place again.
    Theirs,
}

/// Puts `ours` in the place of `expected`; when something else is there by now, that something stays.
fn exchange(path: &Path, expected: &[u8], ours: &[u8]) -> std::io::Result<Exchanged> {
    if path.metadata().is_ok_and(|meta| meta.permissions().readonly()) {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "the file is read-only"));
    }
    let new = temporary(path, ours)?;
    if !path.exists() {
        return match new.persist_noclobber(path) {
            Ok(_) => sync_folder(path).map(|()| Exchanged::Ours),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Exchanged::Theirs),
            Err(error) => Err(error.error),
        };
    }
    // Most races end here, before anybody can see a text that lacks what the human just saved.
    if std::fs::read(path)? != expected {
        return Ok(Exchanged::Theirs);
    }
    swap_in(new, path, expected, ours)
}

/// The new text beside the file, on the disk, with the file's permissions.
fn temporary(path: &Path, text: &[u8]) -> std::io::Result<NamedTempFile> {
    let mut new = tempfile::Builder::new().prefix(".PROGRESS-").suffix(".md").tempfile_in(folder_of(path))?;
    new.write_all(text)?;
    if let Ok(meta) = path.metadata() {
        new.as_file().set_permissions(meta.permissions())?;
    }
    new.as_file().sync_all()?;
    Ok(new)
}

/// The exchange itself, and the look at what it displaced.
fn swap_in(new: NamedTempFile, path: &Path, expected: &[u8], ours: &[u8]) -> std::io::Result<Exchanged> {
    let held = new.into_temp_path();
    let swap = || rustix::fs::renameat_with(rustix::fs::CWD, &*held, rustix::fs::CWD, path, RenameFlags::EXCHANGE);
    match swap() {
        Ok(()) => {}
        // File systems without an exchange get a plain rename: the race is then as small as a rename.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            std::fs::rename(&held, path)?;
            return sync_folder(path).map(|()| Exchanged::Ours);
        }
        Err(error) => return Err(error.into()),
    }
    if std::fs::read(&held)? == expected {
        sync_folder(path)?;
        return Ok(Exchanged::Ours);
    }
    // The displaced text is not the one that was merged: put it back, unless it was saved over once more.
    swap()?;
    let displaced = std::fs::read(&held)?;
    if displaced != ours {
        let rescued = folder_of(path).join(format!("PROGRESS.saved-{}.md", std::process::id()));
        std::fs::write(&rescued, &displaced)?;
        tracing::warn!(file = %rescued.display(), "PROGRESS.md was saved twice while it was written; the second text is kept there");
    }
    Ok(Exchanged::Theirs)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Writes a file of the agent's own whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder_of(path))?;
    let mut new = NamedTempFile::new_in(folder_of(path))?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("PROGRESS.md");
        std::fs::write(&path, text).expect("written");
        (folder, path)
    }

    #[test]
    fn an_exchange_that_meets_another_text_gives_it_back() {
        let (_folder, path) = folder("theirs, newer\n");
        assert!(matches!(exchange(&path, b"what was read\n", b"ours\n").expect("exchanged"), Exchanged::Theirs));
        assert!(matches!(
            swap_in(temporary(&path, b"ours\n").expect("written"), &path, b"what was read\n", b"ours\n").expect("swapped"),
            Exchanged::Theirs
        ));
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "theirs, newer\n");
        assert!(matches!(exchange(&path, b"theirs, newer\n", b"ours\n").expect("exchanged"), Exchanged::Ours));
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "ours\n");
        assert_eq!(std::fs::read_dir(_folder.path()).expect("listed").count(), 1, "no temporary file is left");
    }

    #[test]
    fn edits_meet_what_the_human_saved_meanwhile() {
        let (_folder, path) = folder("- [ ] a task\n");
        let base = Progress::parse(std::fs::read(&path).expect("read")).expect("text");
        std::fs::write(&path, "- [ ] a task\n- [ ] added meanwhile\n").expect("written");
        let edit = Edit::Tick { text: "a task".into(), nth: 0, evidence: "done".into() };
        let written = write(&path, &base, &[edit]).expect("written");
        assert_eq!(String::from_utf8(written.bytes).expect("utf-8"), "- [x] a task — done\n- [ ] added meanwhile\n");
    }
}
