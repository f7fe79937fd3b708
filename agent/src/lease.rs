//! One wake at a time in a home. The kernel frees the lock when the process dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::failure::{Failure, Kind, OnDisk, Outcome};
use crate::home::Home;

/// The right to wake in a home, held while it lives.
pub(crate) struct Lease {
    file: File,
    stop_file: std::path::PathBuf,
}

impl Lease {
    /// Takes it, or says who holds it since when.
    pub(crate) fn take(home: &Home, now: DateTime<Utc>) -> Outcome<Self> {
        std::fs::create_dir_all(home.memory()).on(&home.memory())?;
        let path = home.memory().join("wake.lock");
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).on(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                return Err(Failure::message(Kind::Busy, format!("another wake is running ({})", holder.trim())));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let said = format!("process {} since {}", std::process::id(), now.format("%Y-%m-%d %H:%M:%S UTC"));
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(said.as_bytes())).on(&path)?;
        Ok(Self { file, stop_file: home.stop_file() })
    }

    /// The last look before an effect.
    pub(crate) fn check(&self) -> Outcome {
        stopped(&self.stop_file)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Dropping the file frees the lock as well; the words in it would outlive it.
        let _ = self.file.set_len(0);
    }
}

/// An error when the home holds a file `STOP`.
pub(crate) fn stopped(stop_file: &Path) -> Outcome {
    if stop_file.exists() {
        let failure = Failure::message(Kind::Busy, format!("the home is stopped: there is a file {}", stop_file.display()));
        return Err(failure.hint("remove the file to go on"));
    }
    Ok(())
}
