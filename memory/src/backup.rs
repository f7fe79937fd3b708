//! Copies of the whole database, and whether it is whole. Must stay true: under its final name a copy is whole and checked
//! (or empty, after a crash), and no copy overwrites another file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{fs, io};

use rusqlite::{Connection, MAIN_DB, OpenFlags};

use crate::error::MemoryError;
use crate::open::{Memory, cannot, make_folder, private};

/// How often another process may write while a copy is made, until that is left.
const TRIES: usize = 5;

/// What a whole copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The schema's number.
    pub schema: i64,
    /// The number of the newest run, 0 when there was none.
    pub last_run: i64,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
}

impl Memory {
    /// Writes a packed copy (`VACUUM INTO`) to `to`, which must not be there, and checks it: whole, and of every table as many
    /// rows as there were when it was made. The caller gives it its final name.
    ///
    /// # Errors
    /// It can't be written, is not whole, or takes longer than `limit`; then nothing of it is left.
    pub fn copy_to(&self, to: &Path, limit: Duration) -> Result<Copied, MemoryError> {
        private().open(to).map_err(|error| cannot(to, &error))?;
        let copied = self.vacuum_into(to, limit);
        if copied.is_err() {
            for rest in [to.to_owned(), with_suffix(to, "-journal")] {
                // Best effort: the folder that it stands in is removed as well.
                let _ = fs::remove_file(rest);
            }
        }
        copied
    }

    fn vacuum_into(&self, to: &Path, limit: Duration) -> Result<Copied, MemoryError> {
        let name = to.to_str().ok_or_else(|| MemoryError::NotWritable { path: to.to_owned(), reason: "its name is no text".to_owned() })?;
        let wrong = |error| MemoryError::at(to, error);
        for _ in 0..TRIES {
            // VACUUM runs outside of transactions: this number says whether anybody wrote between the count and its end.
            let written = self.writes_of_others().map_err(|error| self.wrong(error))?;
            let here = contents(&self.connection).map_err(|error| self.wrong(error))?;
            within(&self.connection, limit, || self.connection.execute("VACUUM INTO ?1", [name])).map_err(wrong)?;
            if self.writes_of_others().map_err(|error| self.wrong(error))? != written {
                // VACUUM takes an empty file only.
                fs::File::create(to).map_err(|error| cannot(to, &error))?;
                continue;
            }
            fs::File::open(to).and_then(|file| file.sync_all()).map_err(|error| cannot(to, &error))?;
            let there = Self::examine(to)?;
            if there != here {
                return Err(MemoryError::Corrupt { path: to.to_owned(), reason: "it holds other rows than the memory".to_owned() });
            }
            return Ok(there);
        }
        Err(MemoryError::Locked(self.path.clone()))
    }

    fn writes_of_others(&self) -> rusqlite::Result<i64> {
        self.connection.pragma_query_value(None, "data_version", |row| row.get(0))
    }

    /// Looks through a copy, of this schema or an older one, without changing it.
    ///
    /// # Errors
    /// It is not there, is not ours, is newer, or is not whole.
    pub fn examine(copy: &Path) -> Result<Copied, MemoryError> {
        if !copy.is_file() {
            return Err(MemoryError::Missing(copy.to_owned()));
        }
        let memory = Self::connect(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if memory.version()? == 0 {
            return Err(MemoryError::Foreign(copy.to_owned()));
        }
        memory.integrity_check()?;
        contents(&memory.connection).map_err(|error| memory.wrong(error))
    }

    /// Ends the use of the file so that it is one file, without a log beside it, and can be renamed.
    ///
    /// # Errors
    /// Another process holds it.
    pub fn close_whole(self) -> Result<(), MemoryError> {
        self.connection.pragma_update(None, "journal_mode", "delete").map_err(|error| self.wrong(error))?;
        self.connection.close().map_err(|(_, error)| MemoryError::at(&self.path, error))
    }

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

/// Schema, newest run and rows of every table, all at one moment.
fn contents(connection: &Connection) -> rusqlite::Result<Copied> {
    let moment = connection.unchecked_transaction()?;
    let number = |sql: &str| moment.query_row(sql, [], |row| row.get::<_, i64>(0));
    let mut tables = moment.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")?;
    let names: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut rows = BTreeMap::new();
    for name in names {
        let count = number(&format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\"")))?;
        rows.insert(name, count.unsigned_abs());
    }
    Ok(Copied { schema: number("PRAGMA user_version")?, last_run: number("SELECT coalesce(max(id), 0) FROM runs")?, rows })
}

/// Runs `work` on the connection and stops it after `limit`: it then ends with `OperationInterrupted`.
fn within<T>(connection: &Connection, limit: Duration, work: impl FnOnce() -> T) -> T {
    let handle = connection.get_interrupt_handle();
    let (done, waiting) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                handle.interrupt();
            }
        });
        let result = work();
        drop(done);
        result
    })
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

#[cfg(test)]
mod tests;
