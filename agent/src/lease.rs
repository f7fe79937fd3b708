//! One wake at a time in a home. The lock is the kernel's: it is freed when the process dies, however it dies. The lease is a
//! row with a deadline, looked at again before each effect: a wake that was frozen in the middle and thawed hours later, or
//! whose lock file somebody removed, has lost it.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, RunId};

use crate::failure::{Failure, Kind, OnDisk, OrFail, Outcome};
use crate::home::Home;
use crate::locked::{self, Locked};

/// The lock of a home, held while it lives.
pub(crate) struct Lock {
    file: File,
    stop_file: PathBuf,
}

impl Lock {
    /// Takes it, or says who holds it since when.
    pub(crate) fn take(home: &Home, now: DateTime<Utc>) -> Outcome<Self> {
        std::fs::create_dir_all(home.memory()).on(&home.memory())?;
        let path = home.memory().join("wake.lock");
        let mut file = match locked::lock(&path).on(&path)? {
            Locked::Ours(file) => file,
            Locked::By(holder) => {
                // Between the lock and its words there is a moment.
                let holder = if holder.is_empty() { "it has just begun" } else { &holder };
                let failure = Failure::message(Kind::Busy, format!("another wake is running ({holder})"));
                return Err(failure.hint("it ends by itself, within `limit` in [wake]; `reveille status` shows what came of it"));
            }
        };
        locked::sign(&mut file, now).on(&path)?;
        Ok(Self { file, stop_file: home.stop_file() })
    }

    /// Which file it is: a lock on a file that was removed meanwhile keeps nobody out.
    pub(crate) fn inode(&self) -> Outcome<i64> {
        Ok(self.file.metadata()?.ino().cast_signed())
    }

    /// Whether the human stopped the home.
    pub(crate) fn not_stopped(&self) -> Outcome {
        stopped(&self.stop_file)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        locked::unsign(&self.file);
    }
}

/// The right of a run to act.
pub(crate) struct Lease<'a> {
    lock: &'a Lock,
    run: RunId,
}

impl<'a> Lease<'a> {
    /// The lease of a run that has begun, through this lock.
    pub(crate) fn of(lock: &'a Lock, run: RunId) -> Self {
        Self { lock, run }
    }

    /// The last look before an effect.
    pub(crate) fn check(&self, memory: &Memory, now: DateTime<Utc>) -> Outcome {
        self.lock.not_stopped()?;
        self.holds(memory, now)
    }

    /// An error when the lease is lost: then the wake ends.
    pub(crate) fn holds(&self, memory: &Memory, now: DateTime<Utc>) -> Outcome {
        if memory.holds_lease(self.run, now).or_fail()? {
            return Ok(());
        }
        let failure = Failure::message(Kind::Failed, "this wake has lost its lease: its time is up, or another wake has begun").held();
        Err(failure.hint("the computer slept in the middle of it, or its clock was set; the next wake goes on"))
    }

    /// An error when another wake has begun: what this one read is of the past, and nothing of it may be written.
    pub(crate) fn is_newest(&self, memory: &Memory) -> Outcome {
        match memory.leased_to().or_fail()? {
            Some(run) if run != self.run => Err(Failure::message(Kind::Failed, format!("run {} has begun meanwhile", run.0)).held()),
            _ => Ok(()),
        }
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
