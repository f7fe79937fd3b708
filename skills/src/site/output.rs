//! Writing into `site/`: only what differs, and away with what we wrote and no longer need.
//!
//! Must stay true: a reader never sees half a file; a file that is not in our last manifest is never removed, nor one that
//! somebody has changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;

use super::manifest::Written;
use crate::disk::{DiskError, Root, sha256, temporary_in};

/// Where the site lies.
pub(crate) const SITE: &str = "site";
/// Up to so many files are synced one by one; more, and the disk is told once to write everything.
const SYNCED_SINGLY: usize = 64;

/// The site's folder while it is written.
pub(crate) struct Output<'r> {
    root: &'r Root,
    last: BTreeMap<String, Written>,
    now: BTreeMap<String, Written>,
    folders: BTreeMap<String, PathBuf>,
    written: Vec<String>,
    unchanged: usize,
}

/// What became of the files.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) files: BTreeMap<String, Written>,
    pub(crate) written: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// Files of ours that somebody changed and that are left.
    pub(crate) foreign: Vec<String>,
    pub(crate) unchanged: usize,
}

impl<'r> Output<'r> {
    pub(crate) fn new(root: &'r Root, last: BTreeMap<String, Written>) -> Self {
        Self { root, last, now: BTreeMap::new(), folders: BTreeMap::new(), written: vec![], unchanged: 0 }
    }

    /// Whether a file of ours still lies there with its length.
    pub(crate) fn is_intact(&self, path: &str) -> bool {
        self.last.get(path).is_some_and(|written| self.length(path) == Some(written.bytes))
    }

    fn length(&self, path: &str) -> Option<u64> {
        let known = fs::symlink_metadata(self.root.at(&format!("{SITE}/{path}"))).ok()?;
        known.is_file().then_some(known.len())
    }

    /// Keeps a file of the last time as it is.
    pub(crate) fn keep(&mut self, path: &str) {
        if let Some(written) = self.last.get(path) {
            self.now.insert(path.to_owned(), written.clone());
            self.unchanged += 1;
        }
    }

    /// Keeps every file below a folder as it is.
    pub(crate) fn keep_below(&mut self, folder: &str) {
        let below: Vec<String> = self.last.keys().filter(|path| path.starts_with(folder)).cloned().collect();
        below.iter().for_each(|path| self.keep(path));
    }

    /// Whether the site has this file, from us or from somebody else.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.now.contains_key(path) || self.root.inside(&format!("{SITE}/{path}")).is_ok_and(|real| real.is_file())
    }

    /// What was written at a path this time, or kept there.
    pub(crate) fn written(&self, path: &str) -> Option<&Written> {
        self.now.get(path)
    }

    /// All of it below a folder, with the paths.
    pub(crate) fn written_below(&self, folder: &str) -> impl Iterator<Item = (&str, &Written)> {
        let below = self.now.range(folder.to_owned()..).take_while(move |(path, _)| path.starts_with(folder));
        below.map(|(path, written)| (path.as_str(), written))
    }

    /// Puts bytes at a path, unless they are there.
    pub(crate) fn emit(&mut self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let written = Written { sha256: sha256(bytes), bytes: bytes.len() as u64 };
        let recorded = self.last.get(path) == Some(&written) && self.is_intact(path);
        let there = recorded
            || (self.length(path) == Some(written.bytes) && self.root.read(&format!("{SITE}/{path}")).is_ok_and(|old| old == bytes));
        if there {
            self.unchanged += 1;
        } else {
            self.write(path, bytes)?;
            self.written.push(path.to_owned());
        }
        self.now.insert(path.to_owned(), written);
        Ok(())
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let full = format!("{SITE}/{path}");
        let (folder, name) = full.rsplit_once('/').unwrap_or(("", &full));
        let folder = match self.folders.get(folder) {
            Some(known) => known.clone(),
            None => {
                let made = self.root.folder(folder)?;
                self.folders.insert(folder.to_owned(), made.clone());
                made
            }
        };
        let failed = |source| DiskError::Io { path: PathBuf::from(&full), source };
        let temporary = temporary_in(&folder, bytes, None).map_err(failed)?;
        temporary.persist(folder.join(name)).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Removes what is stale and makes sure that everything has reached the disk.
    pub(crate) fn settle(self) -> Result<Settled, DiskError> {
        let (mut removed, mut foreign) = (vec![], vec![]);
        for (path, written) in self.last.iter().filter(|(path, _)| !self.now.contains_key(*path)) {
            let full = format!("{SITE}/{path}");
            match self.root.read(&full) {
                Ok(bytes) if sha256(&bytes) == written.sha256 => {
                    self.root.remove_same(&full, &bytes)?;
                    self.remove_empty_folders(path);
                    removed.push(path.clone());
                }
                Ok(_) => foreign.push(path.clone()),
                Err(missing) if missing.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        self.sync()?;
        Ok(Settled { files: self.now, written: self.written, removed, foreign, unchanged: self.unchanged })
    }

    /// Folders that a removal left empty; the system keeps those that are not.
    fn remove_empty_folders(&self, path: &str) {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if fs::remove_dir(self.root.at(&format!("{SITE}/{parent}"))).is_err() {
                break;
            }
            folder = parent;
        }
    }

    fn sync(&self) -> Result<(), DiskError> {
        if self.written.len() > SYNCED_SINGLY {
            rustix::fs::sync();
            return Ok(());
        }
        let files = self.written.iter().map(|path| self.root.at(&format!("{SITE}/{path}")));
        let folders: BTreeSet<PathBuf> = self.folders.values().cloned().collect();
        for path in files.chain(folders) {
            File::open(&path).and_then(|file| file.sync_all()).map_err(|source| DiskError::Io { path, source })?;
        }
        Ok(())
    }
}
