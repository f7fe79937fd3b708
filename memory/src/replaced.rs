//! Whether the file of a memory is still the one that was opened: for a program that keeps it open for days, under which somebody may
//! put another one in its place.
//!
//! Must stay true: nothing is made or brought up to date here; the log of one database is never taken for the log of another.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use crate::error::MemoryError;
use crate::open::{Memory, stands_there};

/// Which file it is: device and number; nothing where none stands.
type Mark = Option<(u64, u64)>;

/// The file of a memory and the log beside it (SQLite's `-wal`), as they were when they were looked at last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    database: Mark,
    log: Mark,
}

impl Place {
    /// Whether the file is the one that it was.
    pub fn is_same(&mut self) -> bool {
        let same = mark(&self.path) == self.database && self.database.is_some();
        if same {
            // The log is made with the first access.
            self.log = mark(&self.log_path());
        }
        same
    }

    /// Opens the file that stands there now. It is not made, and not brought up to date: a wake does that.
    ///
    /// # Errors
    /// None stands there, it is of another schema, or what the log of the file before holds would be taken for its own.
    pub fn open_anew(&mut self) -> Result<Memory, MemoryError> {
        let log = self.log_path();
        if self.log.is_some() && mark(&log) == self.log && fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            let words = "the log beside it (-wal) is of the database that was there before";
            return Err(MemoryError::Refused(words.to_owned()));
        }
        let memory = Memory::open_known(&self.path)?;
        *self = memory.place();
        Ok(memory)
    }

    fn log_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        name.into()
    }
}

impl Memory {
    /// Where its file stands.
    #[must_use]
    pub fn place(&self) -> Place {
        let mut place = Place { path: self.path.clone(), database: mark(&self.path), log: None };
        place.log = mark(&place.log_path());
        place
    }

    /// Leaves a file whose name stands for another one now: what its log holds goes into it, so that nobody reads it as the other's.
    ///
    /// # Errors
    /// It can't be written.
    pub fn let_go(self) -> Result<(), MemoryError> {
        let busy: i64 =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(|error| self.wrong(error))?;
        if busy == 0 { Ok(()) } else { Err(MemoryError::Locked(self.path.clone())) }
    }

    /// Opens one of this schema for reading and writing.
    fn open_known(path: &Path) -> Result<Self, MemoryError> {
        if !stands_there(path)? {
            return Err(MemoryError::Missing(path.to_owned()));
        }
        let memory = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        match memory.version()? {
            found if found == Self::known() => {}
            found => {
                return Err(MemoryError::Refused(format!(
                    "schema {found} is older than {}: the next wake brings it up to date",
                    Self::known()
                )));
            }
        }
        memory.set_up().map_err(|error| memory.wrong(error))?;
        Ok(memory)
    }
}

#[cfg(unix)]
fn mark(path: &Path) -> Mark {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn mark(path: &Path) -> Mark {
    // There an open file can't be replaced.
    fs::metadata(path).ok().map(|_| (0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    #[test]
    fn another_file_under_the_name_is_seen_and_opened_and_the_first_one_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let (path, aside) = (folder.path().join("a.db"), folder.path().join("before.db"));
        let mut memory = Memory::open(&path, now).expect("made");
        let mut other = Memory::open(&folder.path().join("b.db"), now).expect("made");
        other.keep_text("who", "other").expect("kept");
        other.close_whole().expect("closed");
        let mut place = memory.place();
        memory.keep_text("who", "first").expect("kept");
        assert!(place.is_same());
        fs::rename(&path, &aside).expect("moved");
        assert!(!place.is_same(), "nothing stands there");
        assert!(matches!(place.open_anew(), Err(MemoryError::Refused(_))), "its log stands there still");
        fs::rename(folder.path().join("b.db"), &path).expect("moved");
        assert!(!place.is_same());
        assert!(matches!(place.open_anew(), Err(MemoryError::Refused(_))), "a log of another database");
        memory.let_go().expect("let go");
        let other = place.open_anew().expect("opened");
        assert!(place.is_same());
        assert_eq!(other.text("who").expect("read").as_deref(), Some("other"));
        other.integrity_check().expect("whole");
        let first = Memory::open(&aside, now).expect("opened");
        assert_eq!(first.text("who").expect("read").as_deref(), Some("first"), "what was committed is in it");
        fs::remove_file(&path).expect("removed");
        assert!(!place.is_same());
    }
}
