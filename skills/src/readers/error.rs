//! What can go wrong with the list. No address stands in a message.

use super::{FILE, Status};
use crate::disk::DiskError;

/// Why the list can't be read, changed or written.
#[derive(Debug, thiserror::Error)]
pub enum ReadersError {
    /// The file can't be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A row is not understood. The row's content is not repeated.
    #[error("{file}:{line}: {reason}")]
    Row {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Somebody wrote the file since it was read.
    #[error("{FILE} was changed meanwhile; nothing was written")]
    Meanwhile,
    /// The table can't be written as CSV.
    #[error("failed to write the table: {0}")]
    Table(#[from] csv::Error),
    /// What was given is no address.
    #[error("this is no mail address")]
    NoAddress,
    /// The address is never mailed again.
    #[error("this address is suppressed: no list brings it back")]
    Suppressed,
    /// The list says that they left, bounced or complained.
    #[error("{FILE} says of this address: {0}")]
    Gone(Status),
}

impl ReadersError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ReadersError::Disk(error) => return error.hint(),
            ReadersError::Row { .. } => "the first line names the columns, like email,name,status,tier,confirmed_at,source",
            ReadersError::Meanwhile => "run it again",
            ReadersError::Table(_) => "free some memory, and run it again",
            ReadersError::NoAddress => "write it like ann@home.net, without a name or brackets",
            ReadersError::Suppressed => "they left, bounced, complained or were removed",
            ReadersError::Gone(_) => "if they asked for it again, change the row in readers.csv yourself",
        };
        Some(hint.to_owned())
    }
}
