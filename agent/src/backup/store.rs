//! The folder `memory/backups`: what is in it, one maker at a time, and what is removed.
//!
//! Must stay true: a backup is listed once it is whole and as long as it is; the newest good one stays, and so does what was
//! set aside before a restore.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::cannot;
use super::manifest::{DATABASE, Manifest, Why};
use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;

/// What a half-made or half-removed backup is called.
const HALF: &str = ".half-";

/// Where the backups of a home are.
pub(crate) struct Store {
    pub(super) root: PathBuf,
}

/// A backup with a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Kept {
    /// The copy of the database, if the manifest names one.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Whether its database is what was written, to the last byte.
    pub(crate) fn check_database(&self) -> Outcome {
        self.manifest.check_database(&self.path)
    }
}

/// What looks like a backup.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is whole, by its lengths.
    Good(Kept),
    /// It is not, and why.
    Damaged(String, String),
}

impl Store {
    pub(crate) fn of(home: &Home) -> Self {
        Self { root: home.memory().join("backups") }
    }

    /// The good ones, the newest first.
    pub(crate) fn good(&self) -> Vec<Kept> {
        let good = |found| if let Found::Good(kept) = found { Some(kept) } else { None };
        self.all().into_iter().filter_map(good).collect()
    }

    /// All, the newest first, the damaged ones at the end.
    pub(crate) fn all(&self) -> Vec<Found> {
        let folders = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut found: Vec<Found> = folders
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()) && !entry.file_name().as_encoded_bytes().starts_with(b"."))
            .map(|entry| look(entry.path(), entry.file_name().to_string_lossy().into_owned()))
            .collect();
        found.sort_by_key(|found| match found {
            Found::Good(kept) => (0, std::cmp::Reverse(kept.manifest.number), String::new()),
            Found::Damaged(name, _) => (1, std::cmp::Reverse(0), name.clone()),
        });
        found
    }

    /// The one that is meant: by its name, the start of one name, or the path of a backup that was carried here.
    pub(crate) fn named(&self, name: &str) -> Outcome<Kept> {
        if name.contains('/') {
            let path = PathBuf::from(name);
            let shown = path.file_name().map(|last| last.to_string_lossy().into_owned()).unwrap_or_default();
            return match look(path, shown) {
                Found::Good(kept) => Ok(kept),
                Found::Damaged(_, why) => Err(Failure::message(Kind::Failed, format!("{name}: {why}")).hint("name the folder of a backup")),
            };
        }
        let refused = |message: String| Failure::message(Kind::Usage, message).hint("`reveille backup list` shows them");
        for found in self.all() {
            if let Found::Damaged(other, why) = found
                && other == name
            {
                return Err(Failure::message(Kind::Failed, format!("{name}: {why}")).hint("take another one; this one was left as it is"));
            }
        }
        let mut meant: Vec<Kept> = self.good().into_iter().filter(|kept| kept.name.starts_with(name)).collect();
        if let Some(exact) = meant.iter().position(|kept| kept.name == name) {
            return Ok(meant.swap_remove(exact));
        }
        match meant.len() {
            1 => Ok(meant.swap_remove(0)),
            0 => Err(refused(format!("there is no backup `{name}`"))),
            several => Err(refused(format!("`{name}` could be any of {several} backups"))),
        }
    }

    /// Makes the folder, and keeps other makers out while the file lives. `None` when another one is at work.
    pub(super) fn lock(&self) -> Outcome<Option<File>> {
        private_folder(&self.root).map_err(|error| cannot(&self.root, &error))?;
        let path = self.root.join(".lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = open.map_err(|error| cannot(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(cannot(&path, &error)),
        }
    }

    /// Removes what a crash left half done. Only with the lock: somebody else's half-made one is no rubbish.
    pub(super) fn sweep(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(HALF.as_bytes()) {
                // What can't be removed is in nobody's way but the disk's.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// A name that no folder has yet, by the time.
    pub(super) fn free_name(&self, now: DateTime<Utc>) -> String {
        let name = now.format("%Y%m%d-%H%M%S").to_string();
        let taken = |name: &String| self.root.join(name).symlink_metadata().is_ok();
        let numbered = (2_u32..).map(|nth| format!("{name}-{nth}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name)
    }

    /// Where a backup is made until it is whole.
    pub(super) fn half(&self, name: &str) -> PathBuf {
        self.root.join(format!("{HALF}{name}"))
    }

    /// Keeps the newest of each day, and of those the newest `keep`; never touches what was set aside before a restore.
    pub(super) fn prune(&self, keep: usize) {
        let mut days = BTreeSet::new();
        for kept in self.good().into_iter().filter(|kept| kept.manifest.why != Why::BeforeRestore) {
            let newest_of_its_day = days.insert(kept.manifest.made_at.date_naive());
            if newest_of_its_day && days.len() <= keep.max(1) {
                continue;
            }
            // Out of the list first: one that is half removed must not pass for a whole one.
            let half = self.half(&kept.name);
            if let Err(error) = fs::rename(&kept.path, &half).and_then(|()| fs::remove_dir_all(&half)) {
                tracing::warn!("an old backup can't be removed: {}: {error}", kept.path.display());
            }
        }
    }
}

fn look(path: PathBuf, name: String) -> Found {
    match Manifest::read(&path) {
        Ok(manifest) if manifest.lengths_fit(&path) => Found::Good(Kept { name, path, manifest }),
        Ok(_) => Found::Damaged(name, "a file of it is missing or was changed".to_owned()),
        Err(error) => Found::Damaged(name, format!("manifest.json: {error}")),
    }
}

/// Makes a folder, and those above it, for the owner's eyes only: readers' addresses stand in it.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // One that an older version made may be open to others.
    let mut permissions = path.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store with these backups: time, why.
    fn store(folder: &Path, backups: &[(&str, Why)]) -> Store {
        let store = Store { root: folder.to_owned() };
        for (number, (at, why)) in (1..).zip(backups) {
            let made_at: DateTime<Utc> = at.parse().expect("a time");
            let manifest = Manifest {
                schema: 1,
                number,
                made_at,
                why: *why,
                version: "0".into(),
                run: 1,
                database: None,
                files: vec![],
                left_out: vec![],
            };
            let path = store.root.join(store.free_name(made_at));
            fs::create_dir(&path).expect("made");
            fs::write(path.join("manifest.json"), serde_json::to_vec(&manifest).expect("JSON")).expect("written");
        }
        store
    }

    fn names(store: &Store) -> Vec<String> {
        store.good().into_iter().map(|kept| kept.name).collect()
    }

    #[test]
    fn the_newest_of_each_day_are_kept_and_what_was_set_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        // The clock was in 2030 for a while: what counts is the order in which they were made.
        let store = store(
            folder.path(),
            &[
                ("2026-11-01T10:00:00Z", Why::BeforeRestore),
                ("2030-01-01T10:00:00Z", Why::Daily),
                ("2026-11-17T10:00:00Z", Why::Daily),
                ("2026-11-18T10:00:00Z", Why::Daily),
                ("2026-11-18T11:00:00Z", Why::ByHand),
                ("2026-11-19T10:00:00Z", Why::Daily),
                ("2026-11-19T10:00:00Z", Why::ByHand),
            ],
        );
        store.prune(3);
        assert_eq!(names(&store), ["20261119-100000-2", "20261118-110000", "20261117-100000", "20261101-100000"]);
        store.prune(0);
        assert_eq!(names(&store), ["20261119-100000-2", "20261101-100000"], "the newest one always stays");
        assert!(fs::read_dir(folder.path()).expect("listed").count() == 2, "nothing is half removed");
    }

    #[test]
    fn a_damaged_one_is_told_and_never_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path(), &[("2026-11-17T10:00:00Z", Why::Daily), ("2026-11-18T10:00:00Z", Why::Daily)]);
        fs::write(folder.path().join("20261118-100000/manifest.json"), "{").expect("damaged");
        assert_eq!(names(&store), ["20261117-100000"]);
        assert!(matches!(store.all().as_slice(), [Found::Good(_), Found::Damaged(name, _)] if name == "20261118-100000"));
        assert!(store.named("20261118-100000").is_err() && store.named("2026").is_ok() && store.named("2027").is_err());
    }
}
