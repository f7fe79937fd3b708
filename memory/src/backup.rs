//! Copies of the whole database, and whether it is whole. Must stay true: under its final name a copy is whole and checked
//! (or empty, after a crash), and no copy overwrites another file.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::{Connection, MAIN_DB};

use crate::error::MemoryError;
use crate::open::{Memory, cannot, make_folder, private};

impl Memory {
    /// Writes a whole copy to `to` and checks it before it gets its name. A file that is there already is an error.
    ///
    /// # Errors
    /// The copy can't be written or is not whole; then nothing of it is left.
    pub fn backup(&self, to: &Path) -> Result<(), MemoryError> {
        make_folder(to)?;
        // The empty file keeps the name for us.
        private().open(to).map_err(|error| cannot(to, &error))?;
        let part = with_suffix(to, ".part");
        let copied = copy(&self.connection, &part).and_then(|()| fs::rename(&part, to).map_err(|error| cannot(to, &error)));
        if copied.is_err() {
            for rest in
                [part.clone(), with_suffix(&part, "-journal"), with_suffix(&part, "-wal"), with_suffix(&part, "-shm"), to.to_owned()]
            {
                // Best effort: what stays is a `.part` file or an empty one, and neither passes for a copy.
                let _ = fs::remove_file(rest);
            }
        }
        copied
    }

    /// A copy in the folder `backups` beside the database; a second one of the same second gets a number.
    pub(crate) fn backup_beside(&self, name: &str) -> Result<(), MemoryError> {
        let folder = self.path.with_file_name("backups");
        let names = (1_u32..).map(|nth| if nth == 1 { folder.join(name) } else { folder.join(format!("{nth}-{name}")) });
        let free = names.into_iter().find(|path| !path.exists());
        self.backup(&free.unwrap_or_else(|| folder.join(name)))
    }

    /// Looks through the whole file: slow on a large one, for `doctor`.
    ///
    /// # Errors
    /// `Corrupt`, with the first finding.
    pub fn integrity_check(&self) -> Result<(), MemoryError> {
        check(&self.connection, &self.path)
    }
}

fn copy(connection: &Connection, part: &Path) -> Result<(), MemoryError> {
    let wrong = |error| MemoryError::at(part, error);
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(part, &error)),
        _ => {}
    }
    private().open(part).map_err(|error| cannot(part, &error))?;
    connection.backup(MAIN_DB, part, None).map_err(wrong)?;
    let copy = Connection::open(part).map_err(wrong)?;
    // One file, without a log beside it, can be carried away.
    copy.pragma_update(None, "journal_mode", "delete").map_err(wrong)?;
    check(&copy, part)?;
    copy.close().map_err(|(_, error)| wrong(error))?;
    fs::File::open(part).and_then(|file| file.sync_all()).map_err(|error| cannot(part, &error))
}

fn check(connection: &Connection, path: &Path) -> Result<(), MemoryError> {
    let wrong = |error| MemoryError::at(path, error);
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(wrong)?;
    let dangling = connection.prepare("PRAGMA foreign_key_check").and_then(|mut broken| broken.exists([])).map_err(wrong)?;
    let corrupt = |reason: String| MemoryError::Corrupt { path: path.to_owned(), reason };
    match (found.as_str(), dangling) {
        ("ok", false) => Ok(()),
        ("ok", true) => Err(corrupt("a row points at one that is not there".to_owned())),
        _ => Err(corrupt(found)),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
