//! Opening: settings of the connection, migrations with a backup before them, and every way in which it can fail.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, MAIN_DB, OpenFlags, Params, Row, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use crate::error::MemoryError;

/// Append only; never edit one that was released.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("../migrations/001-runs.sql")),
    M::up(include_str!("../migrations/002-ledger.sql")),
    M::up(include_str!("../migrations/003-labels.sql")),
    M::up(include_str!("../migrations/004-channels.sql")),
    M::up(include_str!("../migrations/005-night.sql")),
    M::up(include_str!("../migrations/006-backups.sql")),
    M::up(include_str!("../migrations/007-compaction.sql")),
    M::up(include_str!("../migrations/008-readers.sql")),
    M::up(include_str!("../migrations/009-visits.sql")),
    M::up(include_str!("../migrations/010-lapses.sql")),
    M::up(include_str!("../migrations/011-experiments.sql")),
    M::up(include_str!("../migrations/012-answers.sql")),
];

/// What `PRAGMA application_id` says in a file of ours: "rvll".
const APPLICATION: i64 = 0x7276_6c6c;

/// How long another process may hold the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// The memory of a home: one SQLite database.
#[derive(Debug)]
pub struct Memory {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl Memory {
    /// Opens it for reading and writing, makes it (for its owner's eyes only) when it is not there, and brings an older one
    /// up to date after a backup. Of its folders only the last is made: a mistyped home must not grow a tree.
    ///
    /// # Errors
    /// Every variant of [`MemoryError`] but `Missing`. Nothing is overwritten in any of them.
    pub fn open(path: &Path, now: DateTime<Utc>) -> Result<Self, MemoryError> {
        if !stands_there(path)? {
            make(path)?;
        }
        let mut memory = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if memory.connection.is_readonly(MAIN_DB).map_err(|error| memory.wrong(error))? {
            return Err(MemoryError::NotWritable { path: path.to_owned(), reason: "the file is read-only".to_owned() });
        }
        let found = memory.version()?;
        // Only now is the file known to be ours; the journal mode is a mark in it.
        memory.set_up().map_err(|error| memory.wrong(error))?;
        if found < Self::known() {
            memory.migrate(found, now)?;
        }
        Ok(memory)
    }

    /// Opens it for looking only: nothing is made, nothing is migrated.
    ///
    /// # Errors
    /// `Missing`, `Newer`, `Corrupt`, `Foreign`, and `Refused` for one that a wake must bring up to date first.
    pub fn open_read_only(path: &Path) -> Result<Self, MemoryError> {
        if !stands_there(path)? {
            return Err(MemoryError::Missing(path.to_owned()));
        }
        let memory = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        match (memory.version()?, Self::known()) {
            (0, _) => Err(MemoryError::Missing(path.to_owned())),
            (found, known) if found == known => Ok(memory),
            (found, known) => {
                Err(MemoryError::Refused(format!("schema {found} is older than {known}: the next wake brings it up to date")))
            }
        }
    }

    pub(crate) fn connect(path: &Path, mode: OpenFlags) -> Result<Self, MemoryError> {
        let wrong = |error| MemoryError::at(path, error);
        let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(wrong)?;
        connection.busy_timeout(PATIENCE).map_err(wrong)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    pub(crate) fn set_up(&self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "journal_mode", "wal")?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        // Without it REPLACE deletes rows past the triggers that forbid deleting.
        self.connection.pragma_update(None, "recursive_triggers", true)?;
        platform::flush_fully(&self.connection)
    }

    /// The schema of a database of ours, 0 for an empty file.
    pub(crate) fn version(&self) -> Result<i64, MemoryError> {
        let number = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|error| self.wrong(error));
        let (found, known) = (number("PRAGMA user_version")?, Self::known());
        let application = number("PRAGMA application_id")?;
        let blank = application == 0 && found == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
        if !blank && (application != APPLICATION || found < 1) {
            return Err(MemoryError::Foreign(self.path.clone()));
        }
        if found > known {
            return Err(MemoryError::Newer { path: self.path.clone(), found, known });
        }
        Ok(found)
    }

    pub(crate) fn known() -> i64 {
        i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
    }

    fn migrate(&mut self, found: i64, now: DateTime<Utc>) -> Result<(), MemoryError> {
        if found > 0 {
            let name = format!("{}-schema-{found}.db", now.format("%Y%m%d-%H%M%S"));
            self.backup_beside(&name)?;
        }
        self.connection.set_transaction_behavior(TransactionBehavior::Immediate);
        let done = Migrations::from_slice(MIGRATIONS).to_latest(&mut self.connection);
        self.connection.set_transaction_behavior(TransactionBehavior::Deferred);
        match done {
            Ok(()) => Ok(()),
            // Another process may have done it between our look and our transaction.
            Err(_) if self.version()? == Self::known() => Ok(()),
            Err(rusqlite_migration::Error::RusqliteError { err, .. }) => Err(self.wrong(err)),
            Err(other) => Err(MemoryError::Refused(other.to_string())),
        }
    }

    /// Runs `f` in a transaction, all or nothing. It takes the write lock first: one that reads first and writes later fails
    /// when another process wrote in between, without waiting.
    pub(crate) fn transact<T>(&mut self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, MemoryError> {
        let done = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            let value = f(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        done.map_err(|error| self.wrong(error))
    }

    /// Every row of a query.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, MemoryError> {
        let all = self.connection.prepare_cached(sql).and_then(|mut select| select.query_map(values, read)?.collect());
        all.map_err(|error| self.wrong(error))
    }

    pub(crate) fn wrong(&self, error: rusqlite::Error) -> MemoryError {
        MemoryError::at(&self.path, error)
    }
}

/// Whether a file stands there. It is not opened: closing it would drop the locks that SQLite holds in this process.
pub(crate) fn stands_there(path: &Path) -> Result<bool, MemoryError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(MemoryError::NotWritable { path: path.to_owned(), reason: "it is not a file".to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot(path, &error)),
    }
}

/// Makes an empty file, and its folder when only that one is missing.
fn make(path: &Path) -> Result<(), MemoryError> {
    make_folder(path)?;
    match private().open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(cannot(path, &error)),
        _ => Ok(()),
    }
}

/// Makes the folder of a file, but not the folder's own.
pub(crate) fn make_folder(path: &Path) -> Result<(), MemoryError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(cannot(path, &error)),
        _ => Ok(()),
    }
}

/// How a new file is made: never over another one, and for its owner only, for readers' addresses stand in it.
pub(crate) fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Says what the system said.
pub(crate) fn cannot(path: &Path, error: &io::Error) -> MemoryError {
    match error.kind() {
        io::ErrorKind::StorageFull => MemoryError::Full(path.to_owned()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            MemoryError::NotWritable { path: path.to_owned(), reason: error.to_string() }
        }
        _ if error.raw_os_error().is_some() => MemoryError::Disk { path: path.to_owned(), reason: error.to_string() },
        _ => MemoryError::NotWritable { path: path.to_owned(), reason: error.to_string() },
    }
}

/// Times are stored as microseconds since 1970.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// See [`micros`].
pub(crate) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(target_os = "macos")]
mod platform {
    /// fsync on macOS leaves data in the drive's cache.
    pub(super) fn flush_fully(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)
    }
}

#[cfg(not(target_os = "macos"))]
mod platform {
    /// fsync is enough here.
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on macOS")]
    pub(super) fn flush_fully(_: &rusqlite::Connection) -> rusqlite::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
