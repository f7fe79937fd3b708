//! Which files of a home a human wrote, and their copies.
//!
//! Must stay true: no link is followed, no secret is taken, nothing hidden; what is left out is named.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{Row, digest, hex};

/// Folders that are taken with everything in them, pictures too: an issue is not whole without its pictures.
const FOLDERS: [&str; 3] = ["mission", "drafts", "issues"];
/// Endings of files that are taken where they lie in the home itself: PROGRESS.md, readers.csv, reveille.toml, notes.
const ENDINGS: [&str; 4] = ["md", "csv", "toml", "txt"];
/// What letters that were sent need to be answered by: readers could not leave without it.
const UNSUBSCRIBE: &str = "memory/unsubscribe.key";
/// A larger file is left out: film and archives are not what this is for.
const MOST: u64 = 64 << 20;

/// What there is to copy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Paths relative to the home, in order.
    pub(super) files: Vec<PathBuf>,
    /// What is left out, and why.
    pub(super) left_out: Vec<String>,
}

/// What is taken of the home itself when nothing says which files hold secrets.
const KNOWN: [&str; 2] = ["PROGRESS.md", "readers.csv"];

/// Looks for them; `secrets` are paths relative to the home or absolute. Without them only what can hold none is taken: the files
/// that have a name of ours, and what is written in the folders.
pub(super) fn written(root: &Path, secrets: Option<&[PathBuf]>) -> io::Result<Written> {
    let mut written = everything(root, secrets.unwrap_or_default())?;
    if secrets.is_none() {
        let is_known = |path: &PathBuf| {
            let below = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
            let is_text = path.extension().is_some_and(|ending| ending == "md");
            path == Path::new(UNSUBSCRIBE) || if below { is_text } else { KNOWN.iter().any(|known| path == Path::new(known)) }
        };
        let (known, others): (Vec<_>, Vec<_>) = written.files.into_iter().partition(is_known);
        written.files = known;
        written.left_out.extend(others.iter().map(|path| format!("{} (the settings don't say whether it is a secret)", path.display())));
    }
    Ok(written)
}

fn everything(root: &Path, secrets: &[PathBuf]) -> io::Result<Written> {
    let mut written = Written::default();
    let secrets: Vec<PathBuf> = secrets.iter().filter_map(|path| root.join(path).canonicalize().ok()).collect();
    let is_secret = |path: &Path| path.canonicalize().is_ok_and(|path| secrets.contains(&path));
    for (name, kind) in entries(root)? {
        let ending = name.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match kind {
            Kind::Folder if FOLDERS.iter().any(|folder| name == Path::new(folder)) => walk(root, &name, &is_secret, &mut written)?,
            Kind::Folder => {}
            _ if ENDINGS.contains(&ending) || FOLDERS.iter().any(|folder| name == Path::new(folder)) => {
                take(root, name, &kind, &is_secret, &mut written)?;
            }
            _ => {}
        }
    }
    if root.join(UNSUBSCRIBE).symlink_metadata().is_ok_and(|meta| meta.is_file()) {
        written.files.push(PathBuf::from(UNSUBSCRIBE));
    }
    Ok(written)
}

enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// What stands in a folder, without what is hidden, in the order of the names.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, Kind)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = match entry.file_type()? {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_symlink() => Kind::Link,
            _ => Kind::Other,
        };
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            found.push((PathBuf::from(entry.file_name()), kind));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

fn walk(root: &Path, folder: &Path, is_secret: &dyn Fn(&Path) -> bool, written: &mut Written) -> io::Result<()> {
    for (name, kind) in entries(&root.join(folder))? {
        let path = folder.join(name);
        match kind {
            Kind::Folder => walk(root, &path, is_secret, written)?,
            _ => take(root, path, &kind, is_secret, written)?,
        }
    }
    Ok(())
}

fn take(root: &Path, path: PathBuf, kind: &Kind, is_secret: &dyn Fn(&Path) -> bool, written: &mut Written) -> io::Result<()> {
    let shown = path.display();
    let why = match kind {
        Kind::Link => Some("a link"),
        Kind::Folder | Kind::Other => Some("no file"),
        Kind::File if path.to_str().is_none() => Some("its name is no text"),
        Kind::File if is_secret(&root.join(&path)) => Some("a secret"),
        Kind::File if root.join(&path).metadata()?.len() > MOST => Some("larger than 64 MB"),
        Kind::File => None,
    };
    match why {
        Some(why) => written.left_out.push(format!("{shown} ({why})")),
        None => written.files.push(path),
    }
    Ok(())
}

/// How a file is copied.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Copy<'a> {
    /// Its copy in the backup before.
    pub(super) earlier: Option<(&'a Path, &'a Row)>,
    /// See [`is_unchanged`].
    pub(super) unchanged: bool,
    /// No time is left to read it.
    pub(super) late: bool,
}

/// Whether a file is words: those are few, and are always read.
pub(super) fn is_words(path: &Path) -> bool {
    path == Path::new(UNSUBSCRIBE) || path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Whether a picture is as it was when it was copied, by its length and the time of its last change.
pub(super) fn is_unchanged(from: &Path, earlier: &Path) -> bool {
    let stamp = |path: &Path| path.symlink_metadata().and_then(|meta| Ok((meta.len(), meta.modified()?))).ok();
    !is_words(from) && stamp(from).is_some_and(|now| stamp(earlier) == Some(now))
}

/// Copies one file and checks the copy by its hash; `None` when no time is left for that. Where the backup before has the same
/// bytes they are shared, so that seven backups with pictures take the space of one.
pub(super) fn copy(from: &Path, to: &Path, path: &str, how: &Copy<'_>) -> io::Result<Option<Row>> {
    if let Some(folder) = to.parent() {
        super::store::private_folder(folder)?;
    }
    if let Some((earlier, row)) = how.earlier
        && (how.unchanged || (!how.late && digest(from)? == (row.bytes, row.sha256.clone())))
        && fs::hard_link(earlier, to).is_ok()
    {
        // Without time it is not read again: whoever puts it back checks it.
        if how.late || digest(to)? == (row.bytes, row.sha256.clone()) {
            stamp(to, from);
            return Ok(Some(row.clone()));
        }
        // The one before has rotted: this one is not shared with it.
        fs::remove_file(to)?;
    }
    if how.late {
        return Ok(None);
    }
    let (bytes, sha256) = copy_bytes(from, to)?;
    if digest(to)? != (bytes, sha256.clone()) {
        return Err(io::Error::other("what was written came back otherwise"));
    }
    Ok(Some(Row { path: path.to_owned(), bytes, sha256 }))
}

/// Gives a copy the time of its file, for [`is_unchanged`]. Where that fails the next backup reads both.
fn stamp(copy: &Path, from: &Path) {
    let time = from.metadata().and_then(|meta| meta.modified());
    let _ = time.and_then(|time| OpenOptions::new().write(true).open(copy)?.set_modified(time));
}

/// The bytes as they were read once: the human may save meanwhile.
fn copy_bytes(from: &Path, to: &Path) -> io::Result<(u64, String)> {
    let mut source = File::open(from)?;
    // From before it is read: whoever saves meanwhile is seen to have.
    let time = source.metadata()?.modified();
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let (mut hash, mut bytes, mut part) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match source.read(&mut part)? {
            0 => break,
            read => {
                hash.update(&part[..read]);
                target.write_all(&part[..read])?;
                bytes += read as u64;
            }
        }
    }
    let _ = time.and_then(|time| target.set_modified(time));
    target.sync_all()?;
    Ok((bytes, hex(&hash.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_human_wrote_is_taken_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for path in [
            "PROGRESS.md",
            "readers.csv",
            "reveille.toml",
            "notes.txt",
            "token.txt",
            "photo.jpg",
            ".hidden.md",
            "mission/MISSION.md",
            "drafts/a.md",
            "drafts/.b.md.swp",
            "issues/1.md",
            "issues/images/1.jpg",
            "issues/deep/key",
            "site/index.html",
            "outbox/1.md",
            "secrets/mastodon",
            "memory/unsubscribe.key",
            "memory/reveille.db",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "words").expect("written");
        }
        std::os::unix::fs::symlink("/etc/passwd", root.join("issues/link.md")).expect("made");
        File::create(root.join("issues/film.mov")).expect("made").set_len(MOST + 1).expect("long");
        let found = written(root, Some(&["token.txt".into(), root.join("issues/deep/key")])).expect("looked");
        let files: Vec<&str> = found.files.iter().filter_map(|path| path.to_str()).collect();
        assert_eq!(
            files,
            [
                "PROGRESS.md",
                "drafts/a.md",
                "issues/1.md",
                "issues/images/1.jpg",
                "mission/MISSION.md",
                "notes.txt",
                "readers.csv",
                "reveille.toml",
                "memory/unsubscribe.key"
            ]
        );
        assert_eq!(
            found.left_out,
            ["issues/deep/key (a secret)", "issues/film.mov (larger than 64 MB)", "issues/link.md (a link)", "token.txt (a secret)"]
        );
        let known = written(root, None).expect("looked").files;
        let known: Vec<&str> = known.iter().filter_map(|path| path.to_str()).collect();
        assert_eq!(
            known,
            ["PROGRESS.md", "drafts/a.md", "issues/1.md", "mission/MISSION.md", "readers.csv", "memory/unsubscribe.key"],
            "nothing says which files hold secrets"
        );
    }

    #[test]
    fn the_same_bytes_are_shared_unless_they_have_rotted() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let copied = |to: &str, earlier: Option<(&str, &Row)>, late| {
            let earlier = earlier.map(|(name, row)| (at(name), row));
            let unchanged = earlier.as_ref().is_some_and(|(path, _)| is_unchanged(&at("source"), path));
            let how = Copy { earlier: earlier.as_ref().map(|(path, row)| (path.as_path(), *row)), unchanged, late };
            copy(&at("source"), &at(to), "a", &how).expect("copied")
        };
        let inode = |name: &str| fs::metadata(at(name)).expect("there").ino();
        // Times of a disk are coarse: what is changed here is as old as it says.
        let write = |name: &str, text: &str, second: u64| {
            fs::write(at(name), text).expect("written");
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(second);
            OpenOptions::new().write(true).open(at(name)).and_then(|file| file.set_modified(time)).expect("dated");
        };
        write("source", "words", 1);
        let first = copied("one/a", None, false).expect("time");
        assert!(is_unchanged(&at("source"), &at("one/a")));
        assert_eq!(copied("two/a", Some(("one/a", &first)), false), Some(first.clone()));
        assert_eq!(inode("one/a"), inode("two/a"));
        for second in [1, 2] {
            write("one/a", "wxrds", second);
            let name = format!("three{second}/a");
            assert_eq!(copied(&name, Some(("one/a", &first)), false), Some(first.clone()));
            assert_eq!(fs::read(at(&name)).expect("read"), b"words");
        }
        assert_eq!(copied("late/a", Some(("three1/a", &first)), true), Some(first.clone()), "a link takes no time");
        write("source", "other", 3);
        assert_eq!(copied("late/b", Some(("three1/a", &first)), true), None);
        let fourth = copied("four/a", Some(("three1/a", &first)), false).expect("time");
        assert_ne!((inode("three1/a"), first.sha256), (inode("four/a"), fourth.sha256));
    }
}
