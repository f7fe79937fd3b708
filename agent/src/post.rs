//! The place in a home of a program that stays: one daemon, one server. The kernel frees the lock when the process dies, however it
//! dies; a process that it starts does not inherit it.
//!
//! Must stay true: whether one is there is the lock's word, never a file's.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;
use crate::locked::{self, Locked};

/// How often a taken lock is tried again, and how long in between: whoever looks whether one is there holds it for a moment.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(30);

/// What stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stays {
    /// `reveille run`.
    Daemon,
    /// `reveille serve`.
    Server,
}

impl Stays {
    fn path(self, home: &Home) -> PathBuf {
        home.memory().join(match self {
            Stays::Daemon => "run.lock",
            Stays::Server => "serve.lock",
        })
    }

    fn name(self) -> &'static str {
        match self {
            Stays::Daemon => "daemon",
            Stays::Server => "`reveille serve`",
        }
    }

    /// Who is there, in the words of the lock; nobody when it is free.
    ///
    /// # Errors
    /// The file can't be opened.
    pub(crate) fn holder(self, home: &Home) -> io::Result<Option<String>> {
        let path = self.path(home);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        // Shared: those who look at the same time don't take each other for a server.
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(io::read_to_string(file)?.trim().to_owned())),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A place, held while it lives.
pub(crate) struct Post {
    file: File,
    since: DateTime<Utc>,
    stays: Stays,
}

impl Post {
    /// Takes it for a program that began at `since`, or says who holds it since when.
    pub(crate) fn take(stays: Stays, home: &Home, since: DateTime<Utc>) -> Outcome<Self> {
        // Only the last folder is made: a home that has gone must not grow again.
        match std::fs::create_dir(home.memory()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let path = stays.path(home);
        let mut locked = locked::lock(&path)?;
        for _ in 0..TRIES {
            if matches!(locked, Locked::Ours(_)) || stays == Stays::Daemon {
                break;
            }
            std::thread::sleep(PAUSE);
            locked = locked::lock(&path)?;
        }
        let mut file = match locked {
            Locked::Ours(file) => file,
            Locked::By(holder) => {
                let failure = Failure::message(Kind::Busy, format!("another {} is running in this home ({holder})", stays.name()));
                return Err(failure.hint("one is enough; SIGTERM ends it"));
            }
        };
        // The lock holds without its words: a full disk is no reason not to run.
        if let Err(error) = locked::sign(&mut file, since) {
            tracing::warn!("failed to write {}: {error}", path.display());
        }
        Ok(Self { file, since, stays })
    }

    /// Takes the lock anew when its file is no longer the one in the home: that was removed, or the home was put back from a copy.
    pub(crate) fn renew(&mut self, home: &Home) -> Outcome {
        if self.is_at(&self.stays.path(home))? {
            return Ok(());
        }
        tracing::info!("the lock file of {} was removed and is made anew", self.stays.name());
        *self = Self::take(self.stays, home, self.since)?;
        Ok(())
    }

    fn is_at(&self, path: &Path) -> Outcome<bool> {
        let ours = self.file.metadata()?;
        match path.metadata() {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        locked::unsign(&self.file);
    }
}
