//! Files of a home. Every read and every write stays inside it, whatever links say; every write is whole or not at all.
//!
//! Must stay true: a path that leaves the home is an error before anything is opened or created.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

/// What our half-written files are called, so that they are known after a crash.
const TEMPORARY: (&str, &str) = (".reveille-", ".tmp");

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The system says no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A link or `..` leads out of the home.
    #[error("{path} leads out of the home")]
    Outside {
        /// The file.
        path: PathBuf,
    },
}

impl DiskError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            DiskError::Io { source, .. } => disk_hint(source).map(str::to_owned),
            DiskError::Outside { .. } => Some("put the file itself into the home instead of a link".to_owned()),
        }
    }

    /// Whether it says that there is no such file.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, DiskError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// How to mend what the system says of a file, where a person can.
pub fn disk_hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some("allow writing there"),
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("the disk can only be read: mount it for writing (the system makes it so when it finds faults)")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("free some disk space"),
        // What a file says, not the disk below it.
        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => None,
        _ => Some("see whether the disk is well (the system's log says so), and make a copy of the home"),
    }
}

/// The folder that nothing may leave.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    path: PathBuf,
}

impl Root {
    pub(crate) fn open(home: &Path) -> Result<Self, DiskError> {
        let path = home.canonicalize().map_err(|source| DiskError::Io { path: home.to_owned(), source })?;
        Ok(Self { path })
    }

    /// The real path of an existing file, given relative to the home.
    pub(crate) fn inside(&self, relative: &str) -> Result<PathBuf, DiskError> {
        let path = self.path.join(relative);
        let real = path.canonicalize().map_err(|source| DiskError::Io { path: PathBuf::from(relative), source })?;
        if real.starts_with(&self.path) { Ok(real) } else { Err(DiskError::Outside { path: PathBuf::from(relative) }) }
    }

    /// The path of a file in a folder that is known to lie inside.
    pub(crate) fn at(&self, relative: &str) -> PathBuf {
        self.path.join(relative)
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, relative: &str) -> Result<Vec<u8>, DiskError> {
        fs::read(self.inside(relative)?).map_err(|source| DiskError::Io { path: PathBuf::from(relative), source })
    }

    /// The real path of a folder, made if it is not there yet.
    pub(crate) fn folder(&self, relative: &str) -> Result<PathBuf, DiskError> {
        let outside = || DiskError::Outside { path: PathBuf::from(relative) };
        let failed = |source| DiskError::Io { path: PathBuf::from(relative), source };
        let mut at = self.path.clone();
        for part in Path::new(relative).components() {
            let Component::Normal(part) = part else { return Err(outside()) };
            at.push(part);
            match fs::create_dir(&at) {
                // There already, or made by somebody else just now: a folder of the home, or a way out of it.
                Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(failed)?,
            }
            at = at.canonicalize().map_err(failed)?;
            if !at.starts_with(&self.path) {
                return Err(outside());
            }
        }
        Ok(at)
    }

    /// Replaces a file, or makes it: under another name first, synced, then renamed. Permissions of the old one are kept.
    pub(crate) fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.place(relative, bytes, None, |temporary, path| temporary.persist(path).map_err(|failed| failed.error).map(drop))
    }

    /// The same, but a new file is for its owner's eyes only.
    pub(crate) fn write_private(&self, relative: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let private = Some(Permissions::from_mode(0o600));
        self.place(relative, bytes, private, |temporary, path| temporary.persist(path).map_err(|failed| failed.error).map(drop))
    }

    /// Makes a file that must not be there yet.
    pub(crate) fn create(&self, relative: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.place(relative, bytes, None, |temporary, path| temporary.persist_noclobber(path).map_err(|failed| failed.error).map(drop))
    }

    fn place(
        &self,
        relative: &str,
        bytes: &[u8],
        new: Option<Permissions>,
        persist: impl FnOnce(tempfile::NamedTempFile, &Path) -> io::Result<()>,
    ) -> Result<(), DiskError> {
        let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
        let folder = self.folder(folder)?;
        let path = folder.join(name);
        let placed = || {
            let permissions = fs::symlink_metadata(&path).ok().map(|old| old.permissions()).or(new);
            let temporary = temporary_in(&folder, bytes, permissions)?;
            temporary.as_file().sync_all()?;
            persist(temporary, &path)?;
            File::open(&folder)?.sync_all()
        };
        placed().map_err(|source| DiskError::Io { path: PathBuf::from(relative), source })
    }

    /// Removes a file if it still holds exactly these bytes. Whether it was removed.
    pub(crate) fn remove_same(&self, relative: &str, bytes: &[u8]) -> Result<bool, DiskError> {
        if self.read(relative)? != bytes {
            return Ok(false);
        }
        let failed = |source| DiskError::Io { path: PathBuf::from(relative), source };
        fs::remove_file(self.path.join(relative)).map_err(failed)?;
        Ok(true)
    }

    /// Removes what a crash left half-written in a folder.
    pub(crate) fn sweep(&self, relative: &str) -> Result<(), DiskError> {
        let folder = match self.inside(relative) {
            Err(missing) if missing.is_missing() => return Ok(()),
            other => other?,
        };
        let failed = |source| DiskError::Io { path: PathBuf::from(relative), source };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// A file under a temporary name with these bytes, not synced yet.
pub(crate) fn temporary_in(folder: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<tempfile::NamedTempFile> {
    // What any program's new file would get; the user's umask takes its part away.
    let permissions = permissions.unwrap_or_else(|| Permissions::from_mode(0o666));
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).permissions(permissions).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    Ok(temporary)
}

/// SHA-256 as lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_leaves_the_home() {
        let (home, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs::write(elsewhere.path().join("secret"), "s").expect("written");
        symlink(elsewhere.path(), home.path().join("out")).expect("linked");
        symlink(elsewhere.path().join("secret"), home.path().join("file")).expect("linked");
        let root = Root::open(home.path()).expect("opened");
        let outside = |result: Result<(), DiskError>| matches!(result, Err(DiskError::Outside { .. }));
        for path in ["out/secret", "file", "../x/../../etc/hostname"] {
            assert!(root.read(path).is_err(), "{path} was read");
        }
        assert!(outside(root.write("out/new", b"x")));
        assert!(outside(root.write("out/deep/new", b"x")));
        assert!(outside(root.write("../new", b"x")));
        assert_eq!(fs::read_dir(elsewhere.path()).expect("read").count(), 1, "something was written outside");
    }

    #[test]
    fn a_write_is_whole_and_keeps_permissions() {
        let home = tempfile::tempdir().expect("a folder");
        let root = Root::open(home.path()).expect("opened");
        root.write("a/b/c.txt", b"one").expect("written");
        let path = home.path().join("a/b/c.txt");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o400, 0o400);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        root.write("a/b/c.txt", b"two").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"two");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        assert!(root.create("a/b/c.txt", b"three").is_err(), "a file was overwritten");
        assert!(!root.remove_same("a/b/c.txt", b"one").expect("compared"));
        assert!(root.remove_same("a/b/c.txt", b"two").expect("compared"));
    }
}
