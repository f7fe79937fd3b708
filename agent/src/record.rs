//! Writing PROGRESS.md: a three-way merge on the text that was read, through a temporary file, fsync and an atomic exchange.
//!
//! Must stay true: no text that a human saved is lost, whenever and however their editor saves (`record/exchange.rs`); a text that
//! is only half saved is never taken for deletions (`record/steady.rs`).

mod exchange;
mod steady;

use std::io::Write;
use std::path::Path;

use reveille_mission::{Edit, Merged, Progress, merge};
use tempfile::NamedTempFile;

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome, disk_hint};
use crate::fault::Moment;

pub(crate) use exchange::recover;
use exchange::{Exchanged, exchange, folder_of, sync_folder};
pub(crate) use steady::read;

/// How often the human may win the race before this wake gives up.
const TRIES: usize = 20;

/// What was written.
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    /// What could not be put where it belongs.
    pub(crate) conflicts: Vec<String>,
}

/// Applies `edits`, made for `base`, to the file as it is by now. `reached` is told of the moments of the exchange.
pub(crate) fn write(path: &Path, environment: &Environment, base: &Progress, edits: &[Edit], reached: &dyn Fn(Moment)) -> Outcome<Written> {
    if path.is_symlink() {
        return Err(Failure::message(Kind::Failed, format!("{} is a link", path.display()))
            .hint("put the real file into the home: a link would be replaced"));
    }
    let mut aside = Vec::new();
    for _ in 0..TRIES {
        let current = current(path, environment, base)?;
        let theirs = Progress::parse(current.clone()).map_err(|error| cannot(path, &error, None))?;
        let Merged { bytes, mut conflicts } = merge(base, &theirs, edits).map_err(|error| cannot(path, &error, None))?;
        conflicts.extend(aside.iter().cloned());
        if bytes == current {
            return Ok(Written { bytes, conflicts });
        }
        match exchange(path, &current, &bytes, reached).map_err(|error| cannot(path, &error, disk_hint(&error)))? {
            Exchanged::Ours => return Ok(Written { bytes, conflicts }),
            Exchanged::Theirs { said } => aside.extend(said),
        }
    }
    Err(Failure::message(Kind::Failed, format!("{} changed each time it was to be written", path.display()))
        .hint("another program keeps writing it; the next wake tries again"))
}

/// What the file holds now. As long as that is what was read, it was looked at long enough.
fn current(path: &Path, environment: &Environment, base: &Progress) -> Outcome<Vec<u8>> {
    match std::fs::read(path) {
        Ok(bytes) if bytes == base.bytes() && !bytes.is_empty() => Ok(bytes),
        _ => read(path, environment),
    }
}

fn cannot(path: &Path, error: &dyn std::fmt::Display, hint: Option<&str>) -> Failure {
    let mend = hint.unwrap_or("make it a file that can be written");
    Failure::message(Kind::Failed, format!("failed to write {}: {error}", path.display()))
        .hint(format!("{mend}; what was done is in the ledger, and the next wake writes it"))
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
mod tests;
