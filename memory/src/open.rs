//! Opening: settings of the connection, migrations with a backup before them, and every way in which it can fail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use crate::error::MemoryError;

/// Append only; never edit one that was released.
const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("../migrations/001-runs.sql")), M::up(include_str!("../migrations/002-ledger.sql"))];

/// How long another process may hold the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// The memory of a home: one SQLite database.
#[derive(Debug)]
pub struct Memory {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl Memory {
    /// Opens it for reading and writing, makes it when it is not there, and brings an older one up to date after a backup.
    ///
    /// # Errors
    /// Every variant of [`MemoryError`] but `Missing`. Nothing is overwritten in any of them.
    pub fn open(path: &Path, now: DateTime<Utc>) -> Result<Self, MemoryError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| MemoryError::NotWritable { path: path.to_owned(), reason: error.to_string() })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| MemoryError::at(path, error))?;
        let mut memory = Self { connection, path: path.to_owned() };
        memory.set_up().map_err(|error| MemoryError::at(path, error))?;
        memory.migrate(now)?;
        Ok(memory)
    }

    /// Opens it for looking only: nothing is made, nothing is migrated.
    ///
    /// # Errors
    /// `Missing`, `Newer`, `Corrupt`, and `Refused` for one that a wake must bring up to date first.
    pub fn open_read_only(path: &Path) -> Result<Self, MemoryError> {
        if !path.is_file() {
            return Err(MemoryError::Missing(path.to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| MemoryError::at(path, error))?;
        connection.busy_timeout(PATIENCE)?;
        let memory = Self { connection, path: path.to_owned() };
        let (found, known) = (memory.version()?, Self::known());
        match found.cmp(&known) {
            std::cmp::Ordering::Equal => Ok(memory),
            std::cmp::Ordering::Greater => Err(MemoryError::Newer { path: path.to_owned(), found, known }),
            std::cmp::Ordering::Less => {
                Err(MemoryError::Refused(format!("schema {found} is older than {known}: the next wake brings it up to date")))
            }
        }
    }

    fn set_up(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(PATIENCE)?;
        self.connection.pragma_update(None, "journal_mode", "wal")?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        platform::flush_fully(&self.connection)
    }

    fn version(&self) -> Result<i64, MemoryError> {
        self.connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| MemoryError::at(&self.path, error))
    }

    fn known() -> i64 {
        i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
    }

    fn migrate(&mut self, now: DateTime<Utc>) -> Result<(), MemoryError> {
        let (found, known) = (self.version()?, Self::known());
        if found > known {
            return Err(MemoryError::Newer { path: self.path.clone(), found, known });
        }
        if found == known {
            return Ok(());
        }
        if found > 0 {
            let name = format!("{}-schema-{found}.db", now.format("%Y%m%d-%H%M%S"));
            self.backup(&self.path.with_file_name("backups").join(name))?;
        }
        Migrations::from_slice(MIGRATIONS).to_latest(&mut self.connection).map_err(|error| match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => MemoryError::at(&self.path, err),
            other => MemoryError::Refused(other.to_string()),
        })
    }

    /// Writes a whole copy to `to` and checks it. A file that is there already is an error.
    ///
    /// # Errors
    /// The copy can't be written or is not whole.
    pub fn backup(&self, to: &Path) -> Result<(), MemoryError> {
        let folder = to.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| MemoryError::NotWritable { path: to.to_owned(), reason: error.to_string() })?;
        let target = to.to_string_lossy();
        self.connection.execute("VACUUM INTO ?1", [&target]).map_err(|error| MemoryError::at(to, error))?;
        let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| MemoryError::at(to, error))?;
        check(&copy, to)
    }

    /// Looks through the whole file: slow on a large one, for `doctor`.
    ///
    /// # Errors
    /// `Corrupt`, with the first finding.
    pub fn integrity_check(&self) -> Result<(), MemoryError> {
        check(&self.connection, &self.path)
    }

    pub(crate) fn wrong(&self, error: rusqlite::Error) -> MemoryError {
        MemoryError::at(&self.path, error)
    }
}

fn check(connection: &Connection, path: &Path) -> Result<(), MemoryError> {
    let found: String =
        connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).map_err(|error| MemoryError::at(path, error))?;
    if found == "ok" { Ok(()) } else { Err(MemoryError::Corrupt { path: path.to_owned(), reason: found }) }
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
mod tests {
    use super::*;
    use crate::*;

    fn now() -> DateTime<Utc> {
        "2026-11-20T14:00:00Z".parse().expect("a time")
    }

    #[test]
    fn an_older_database_is_backed_up_and_brought_up_to_date_with_its_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("reveille.db");
        {
            let mut connection = Connection::open(&path).expect("opened");
            Migrations::from_slice(&MIGRATIONS[..1]).to_latest(&mut connection).expect("schema 1");
            connection
                .execute_batch(
                    "INSERT INTO runs (trigger, version, pid, started_at, ended_at, state) VALUES ('hand', '0', 1, 5, 6, 'done');
                     INSERT INTO tasks VALUES ('ab', 'words', 7);
                     INSERT INTO readings VALUES (x'00', zeroblob(56), 1);",
                )
                .expect("rows");
        }
        let memory = Memory::open(&path, now()).expect("opened");
        assert_eq!(memory.runs(10).expect("runs").len(), 1);
        assert_eq!(memory.remembered_tasks().expect("tasks"), [("ab".to_owned(), "words".to_owned())]);
        assert!(memory.effects().expect("effects").is_empty());
        let backup = folder.path().join("backups/20261120-140000-schema-1.db");
        let copy = Connection::open(backup).expect("a backup");
        assert_eq!(copy.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)).expect("rows"), 1);
        memory.integrity_check().expect("whole");
    }

    #[test]
    fn what_can_not_be_used_is_said_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let garbage = write("garbage.db", &b"no database, no database, no database\n".repeat(40));
        assert!(matches!(Memory::open(&garbage, now()), Err(MemoryError::Corrupt { .. })));
        let whole = folder.path().join("whole.db");
        drop(Memory::open(&whole, now()).expect("made"));
        let bytes = std::fs::read(&whole).expect("read");
        let truncated = write("truncated.db", &bytes[..bytes.len() / 2 + 100]);
        let opened = Memory::open(&truncated, now()).and_then(|memory| memory.integrity_check());
        assert!(matches!(opened, Err(MemoryError::Corrupt { .. })), "{opened:?}");
        assert_eq!(std::fs::read(&truncated).expect("read").len(), bytes.len() / 2 + 100);
        Connection::open(&whole).expect("opened").pragma_update(None, "user_version", 99).expect("set");
        assert!(matches!(Memory::open(&whole, now()), Err(MemoryError::Newer { found: 99, .. })));
        assert!(matches!(Memory::open_read_only(&whole), Err(MemoryError::Newer { .. })));
        assert!(matches!(Memory::open(&garbage.join("below/a.db"), now()), Err(MemoryError::NotWritable { .. })));
        let missing = folder.path().join("missing.db");
        assert!(matches!(Memory::open_read_only(&missing), Err(MemoryError::Missing(_))));
        assert!(!missing.exists());
    }

    #[test]
    fn a_full_disk_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
        let pages: i64 = memory.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("pages");
        memory.connection.pragma_update(None, "max_page_count", pages).expect("set");
        let many: Vec<(String, String)> = (0..2000).map(|n| (n.to_string(), "words ".repeat(40))).collect();
        assert!(matches!(memory.remember_tasks(&many, now()), Err(MemoryError::Full(_))));
        assert!(memory.remembered_tasks().expect("tasks").is_empty(), "nothing of it was written");
    }
}
