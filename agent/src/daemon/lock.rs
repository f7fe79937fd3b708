//! One daemon in a home. The kernel frees the lock when the process dies, however it dies; a wake does not inherit it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;
use crate::locked::{self, Locked};

/// The daemon's place in a home, held while it lives.
pub(crate) struct Lock {
    file: File,
    since: DateTime<Utc>,
}

fn path(home: &Home) -> PathBuf {
    home.memory().join("run.lock")
}

impl Lock {
    /// Takes it for a daemon that began at `since`, or says who holds it since when.
    pub(crate) fn take(home: &Home, since: DateTime<Utc>) -> Outcome<Self> {
        // Only the last folder is made: a home that has gone must not grow again.
        match std::fs::create_dir(home.memory()) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let mut file = match locked::lock(&path(home))? {
            Locked::Ours(file) => file,
            Locked::By(holder) => {
                let failure = Failure::message(Kind::Busy, format!("another daemon is running in this home ({holder})"));
                return Err(failure.hint("one is enough; SIGTERM ends it"));
            }
        };
        // The lock holds without its words: a full disk is no reason not to run.
        if let Err(error) = locked::sign(&mut file, since) {
            tracing::warn!("failed to write {}: {error}", path(home).display());
        }
        Ok(Self { file, since })
    }

    /// Takes the lock anew when its file is no longer the one in the home: that was removed, or the home was put back from a copy.
    pub(crate) fn renew(&mut self, home: &Home) -> Outcome {
        if self.is_at(&path(home))? {
            return Ok(());
        }
        tracing::info!("the daemon's lock file was removed and is made anew");
        *self = Self::take(home, self.since)?;
        Ok(())
    }

    fn is_at(&self, path: &Path) -> Outcome<bool> {
        let ours = self.file.metadata()?;
        match path.metadata() {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        locked::unsign(&self.file);
    }
}
