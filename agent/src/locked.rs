//! A lock file: the kernel's lock, which is freed however the process dies, and words in it for whoever finds it taken.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use chrono::{DateTime, Utc};

/// What came of taking a lock.
pub(crate) enum Locked {
    /// It is ours, while the file lives.
    Ours(File),
    /// Somebody else has it; the words are theirs, none in the moment before they wrote them.
    By(String),
}

/// Takes the lock of a file, which is made if it is not there.
pub(crate) fn lock(path: &Path) -> io::Result<Locked> {
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Locked::Ours(file)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            Ok(Locked::By(holder.trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Writes into the file who holds it since when.
pub(crate) fn sign(file: &mut File, since: DateTime<Utc>) -> io::Result<()> {
    let said = format!("process {} since {}", std::process::id(), since.format("%Y-%m-%d %H:%M:%S UTC"));
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(said.as_bytes())
}

/// Takes the words out. The lock goes with the file; they would outlive it.
pub(crate) fn unsign(file: &File) {
    let _ = file.set_len(0);
}
