//! Secrets in files. What is tested is the file that was opened, so a link is as good as the file that it leads to.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use secrecy::{ExposeSecret, SecretString};

use super::Trouble;

/// The most bytes of a secret: the longest kind, a private key, is far below.
const MOST: u64 = 64 << 10;

/// Looks whether a file holds a secret that is ours alone.
pub(super) fn look(path: &Path) -> Result<(), Trouble> {
    open(path).map(drop)
}

/// What the file holds.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    open(path)?.take(MOST).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn open(path: &Path) -> Result<File, Trouble> {
    let shown = path.display();
    // A pipe in its place must not hold the wake.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Trouble {
            why: format!("the secret file {shown} is not there"),
            unblock: format!("write the secret into {shown} and `chmod 600` it"),
        },
        _ => unreadable(path, &error),
    })?;
    let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
    fit(&Seen::of(&meta), rustix::process::geteuid().as_raw()).map_err(|(why, unblock)| Trouble {
        why: format!("the secret file {shown} {why}"),
        unblock: unblock.replace("PATH", &shown.to_string()),
    })?;
    Ok(file)
}

fn unreadable(path: &Path, error: &io::Error) -> Trouble {
    let shown = path.display();
    Trouble { why: format!("the secret file {shown} can't be read: {error}"), unblock: format!("make {shown} yours and `chmod 600` it") }
}

/// What counts of a file.
struct Seen {
    plain: bool,
    owner: u32,
    mode: u32,
    length: u64,
}

impl Seen {
    fn of(meta: &Metadata) -> Self {
        Self { plain: meta.is_file(), owner: meta.uid(), mode: meta.permissions().mode(), length: meta.len() }
    }
}

/// Whether a file may hold a secret of the user `ours`: what is wrong, and what to do about PATH.
fn fit(seen: &Seen, ours: u32) -> Result<(), (&'static str, &'static str)> {
    match seen {
        Seen { plain: false, .. } => Err(("is not a file", "write the secret into a file")),
        Seen { owner, .. } if *owner != ours => Err(("belongs to another user", "write the secret into a file of your own")),
        Seen { mode, .. } if mode & 0o077 != 0 => Err(("can be read by others", "`chmod 600 PATH`")),
        Seen { length: 0, .. } => Err(("is empty", "write the secret into PATH")),
        Seen { length, .. } if *length > MOST => Err(("is too long for a secret", "write only the secret into PATH")),
        Seen { .. } => Ok(()),
    }
}

/// Whether somebody else may read or write what stands there.
pub(crate) fn read_by_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o077 != 0)
}

/// Writes a secret whole or not at all, for its owner only; of its folders only the last is made, for its owner only too.
pub(super) fn store(path: &Path, secret: &SecretString) -> Result<(), Trouble> {
    let shown = path.display();
    if path.is_symlink() {
        return Err(Trouble { why: format!("{shown} is a link, which would be replaced"), unblock: "name the real file".to_owned() });
    }
    write(path, secret).map_err(|error| Trouble {
        why: format!("the secret can't be written into {shown}: {error}"),
        unblock: "name a place that can be written with `--file`".to_owned(),
    })
}

fn write(path: &Path, secret: &SecretString) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    // 0600 from its first byte on.
    let mut new = tempfile::Builder::new().prefix(".secret-").permissions(std::fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    new.write_all(secret.expose_secret().as_bytes())?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_ours_alone_holds_a_secret() {
        let ours = 1000;
        for (plain, owner, mode, length, expected) in [
            (true, ours, 0o100_600, 10, Ok(())),
            (true, ours, 0o100_400, 10, Ok(())),
            (true, ours, 0o100_640, 10, Err("can be read by others")),
            (true, ours, 0o100_604, 10, Err("can be read by others")),
            (true, ours, 0o100_620, 10, Err("can be read by others")),
            (true, 0, 0o100_600, 10, Err("belongs to another user")),
            (false, ours, 0o010_600, 10, Err("is not a file")),
            (true, ours, 0o100_600, 0, Err("is empty")),
            (true, ours, 0o100_600, MOST + 1, Err("is too long for a secret")),
        ] {
            let found = fit(&Seen { plain, owner, mode, length }, ours).map_err(|(why, _)| why);
            assert_eq!(found, expected, "{owner} {mode:o} {length}");
        }
    }

    #[test]
    fn a_pipe_does_not_hold_the_wake() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("a pipe");
        assert!(look(&path).expect_err("no file").why.ends_with("is not a file"));
    }
}
