//! What can go wrong with the database, as a caller can act on it.

use std::path::PathBuf;

use rusqlite::{Error, ErrorCode};

/// A database that can't be used, or a step that it refused.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// There is no database yet.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// It was written by a newer version of the program.
    #[error("{} was written by a newer version of the program (schema {found}, this one knows {known})", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It is damaged, or no database at all.
    #[error("{} is damaged or no database: {reason}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// It is another program's database.
    #[error("{} is the database of another program", .0.display())]
    Foreign(PathBuf),
    /// It can't be written there.
    #[error("{} can't be opened for writing: {reason}", .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The disk did not do what it was told.
    #[error("failed to write {}: {reason}", .path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk is full: nothing was written to {}", .0.display())]
    Full(PathBuf),
    /// Another program holds it.
    #[error("{} is held by another program", .0.display())]
    Locked(PathBuf),
    /// Copying it took longer than it may.
    #[error("copying to {} took too long and was stopped", .0.display())]
    TooLong(PathBuf),
    /// A step was refused by the schema: a mistake of the program, never of the user.
    #[error("memory refused a step: {0}")]
    Refused(String),
    /// Anything else that SQLite says.
    #[error("memory failed: {0}")]
    Sqlite(rusqlite::Error),
    /// A value that was stored can't be read back.
    #[error("memory holds a value that can't be read: {0}")]
    Value(String),
}

impl MemoryError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            MemoryError::Missing(_) => "the first `reveille wake` makes it".to_owned(),
            MemoryError::Newer { .. } => "update the program; nothing was changed".to_owned(),
            MemoryError::Corrupt { .. } => {
                "nothing was changed; `reveille backup list` shows the copies, `reveille backup restore` puts one in its place".to_owned()
            }
            MemoryError::Foreign(_) => "move it out of the way or choose another home; nothing was changed in it".to_owned(),
            MemoryError::NotWritable { path, .. } => {
                format!("make {} a folder that you can write to", path.parent().unwrap_or(path).display())
            }
            MemoryError::Disk { .. } => {
                "see whether the disk is full, can only be read or fails (the system's log says so); the next wake goes on".to_owned()
            }
            MemoryError::Full(_) => "free some space; the next wake goes on".to_owned(),
            MemoryError::TooLong(_) => "is the disk failing or very busy? what is there was left alone".to_owned(),
            MemoryError::Locked(_) => {
                "wait for the other program to end; `reveille serve` keeps it open: stop that one, and start it again afterwards".to_owned()
            }
            MemoryError::Refused(_) | MemoryError::Sqlite(_) | MemoryError::Value(_) => return None,
        })
    }

    /// Says more of an error of SQLite's where its code does.
    pub(crate) fn at(path: &std::path::Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => MemoryError::Corrupt { path, reason: error.to_string() },
            Some(ErrorCode::OperationInterrupted) => MemoryError::TooLong(path),
            Some(ErrorCode::DiskFull) => MemoryError::Full(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => MemoryError::Locked(path),
            Some(ErrorCode::SystemIoFailure) => MemoryError::Disk { path, reason: error.to_string() },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                MemoryError::NotWritable { path, reason: error.to_string() }
            }
            Some(ErrorCode::ConstraintViolation) => MemoryError::Refused(error.to_string()),
            None if matches!(
                error,
                Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..)
            ) =>
            {
                MemoryError::Value(error.to_string())
            }
            _ => MemoryError::Sqlite(error),
        }
    }
}
