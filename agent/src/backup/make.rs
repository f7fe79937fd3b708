//! Making one: under a name that is no backup's, checked, renamed whole.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reveille_memory::Memory;

use super::files::{Copy, copy, is_unchanged, is_words, written};
use super::manifest::{DATABASE, Database, FILES, MANIFEST, Manifest, Row, digest};
use super::store::{Kept, Store, private_folder};
use super::{Order, Why, cannot};
use crate::failure::{Failure, Kind, OrFail, Outcome};

/// How long one may take: a home with ten thousand mails takes a second.
const LIMIT: Duration = Duration::from_secs(120);

/// Makes one. Without a memory only the files are copied: what there is may be past copying.
pub(crate) fn make(order: &Order<'_>, memory: Option<&Memory>) -> Outcome<Kept> {
    make_within(order, memory, LIMIT)
}

fn make_within(order: &Order<'_>, memory: Option<&Memory>, limit: Duration) -> Outcome<Kept> {
    let store = Store::of(order.home);
    let Some(_lock) = store.lock()? else {
        return Err(Failure::message(Kind::Busy, "another backup is being made").hint("wait for it to end"));
    };
    store.sweep();
    let name = store.free_name(order.now);
    let half = store.half(&name);
    let path = store.root.join(&name);
    let done = fill(order, memory, &store, &half, limit).and_then(|manifest| {
        fs::rename(&half, &path).and_then(|()| sync(&store.root)).map_err(|error| cannot(&path, &error))?;
        Ok(manifest)
    });
    match done {
        Ok(manifest) => Ok(Kept { name, path, manifest }),
        Err(failure) => {
            // Best effort: what stays is swept by the next one, and is no backup by its name.
            let _ = fs::remove_dir_all(&half);
            Err(failure)
        }
    }
}

fn fill(order: &Order<'_>, memory: Option<&Memory>, store: &Store, half: &Path, limit: Duration) -> Outcome<Manifest> {
    let begun = Instant::now();
    private_folder(half).map_err(|error| cannot(half, &error))?;
    let before = store.good();
    let number = before.first().map_or(0, |kept| kept.manifest.number) + 1;
    // The database first: pictures without end must not keep it from being copied.
    let copied = memory.map(|memory| database(memory, &half.join(DATABASE), LIMIT)).transpose()?;
    // What a restore would replace has to be set aside, however long that takes.
    let is_late = || order.why != Why::BeforeRestore && begun.elapsed() > limit;
    let (files, left_out) = home_files(order, before.first(), half, &is_late)?;
    let (run, database) = copied.map_or((0, None), |(run, database)| (run, Some(database)));
    let manifest = Manifest {
        schema: 1,
        number,
        made_at: order.now,
        why: order.why,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run,
        database,
        files,
        left_out,
    };
    let path = half.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest)?;
    let open = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    open.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all())).map_err(|error| cannot(&path, &error))?;
    sync_folders(half).map_err(|error| cannot(half, &error))?;
    Ok(manifest)
}

/// The files of the home, and what is left out of them.
fn home_files(order: &Order<'_>, before: Option<&Kept>, half: &Path, is_late: &dyn Fn() -> bool) -> Outcome<(Vec<Row>, Vec<String>)> {
    let root = order.home.root();
    let found = written(root, order.secrets.as_deref()).map_err(|error| cannot(root, &error))?;
    let (mut rows, mut left_out) = (Vec::new(), found.left_out);
    let mut files: Vec<Source<'_>> = found.files.into_iter().map(|path| Source::of(root, path, before)).collect();
    // Words first, then pictures that are new, then those that are only linked: so each backup gets further than the one before.
    files.sort_by_key(|file| (!is_words(&file.path), file.unchanged));
    for Source { path, shown, earlier, unchanged } in files {
        if (order.stopped)() {
            return Err(Failure::message(Kind::Failed, "it was stopped").hint("the next wake makes one"));
        }
        let earlier = earlier.as_ref().map(|(path, row)| (path.as_path(), *row));
        let how = Copy { earlier, unchanged, late: is_late() };
        match copy(&root.join(&path), &half.join(FILES).join(&path), &shown, &how) {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => left_out.push(format!("{shown} (no time was left for it; the next backup goes on)")),
            // The human moved it since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !root.join(&path).exists() => {
                left_out.push(format!("{shown} (it went meanwhile)"));
            }
            Err(error) => return Err(cannot(&path, &error)),
        }
    }
    rows.sort_by(|one, other| one.path.cmp(&other.path));
    Ok((rows, left_out))
}

/// A file of the home with its copy in the backup before.
struct Source<'a> {
    path: PathBuf,
    shown: String,
    earlier: Option<(PathBuf, &'a Row)>,
    unchanged: bool,
}

impl<'a> Source<'a> {
    fn of(root: &Path, path: PathBuf, before: Option<&'a Kept>) -> Self {
        let shown = path.to_string_lossy().into_owned();
        let earlier = before.and_then(|kept| {
            let row = kept.manifest.files.iter().find(|row| row.path == shown)?;
            Some((kept.path.join(FILES).join(&path), row))
        });
        let unchanged = earlier.as_ref().is_some_and(|(earlier, _)| is_unchanged(&root.join(&path), earlier));
        Self { path, shown, earlier, unchanged }
    }
}

fn database(memory: &Memory, to: &Path, limit: Duration) -> Outcome<(i64, Database)> {
    let copied = memory.copy_to(to, limit).or_fail()?;
    let (bytes, sha256) = digest(to).map_err(|error| cannot(to, &error))?;
    Ok((copied.last_run, Database { schema: copied.schema, bytes, sha256, rows: copied.rows }))
}

/// The names in a folder, and below it, onto the disk.
fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync(folder)
}

pub(super) fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::home::Home;

    #[test]
    fn without_time_for_pictures_the_database_is_kept_and_what_is_left_out_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("issues/images")).expect("made");
        for path in ["reveille.toml", "PROGRESS.md", "issues/images/old.png"] {
            fs::write(at(path), "name = \"N\"").expect("written");
        }
        let home = Home::find(Some(folder.path()), &Environment::of(&[])).expect("a home");
        let now = "2026-11-20T14:00:00Z".parse().expect("a time");
        let memory = Memory::open(&home.database(), now).expect("made");
        let order = |why| Order { home: &home, secrets: Some(vec![]), why, now, stopped: &|| false };
        let _ = make(&order(Why::Daily), Some(&memory)).expect("made");
        fs::write(at("issues/images/new.png"), "new").expect("written");
        let kept = make_within(&order(Why::Daily), Some(&memory), Duration::ZERO).expect("made");
        let files = |kept: &Kept| kept.manifest.files.iter().map(|row| row.path.clone()).collect::<Vec<_>>();
        assert!(kept.manifest.database.is_some() && files(&kept).contains(&"issues/images/old.png".to_owned()), "{:?}", kept.manifest);
        assert!(kept.manifest.left_out.iter().any(|left| left.starts_with("issues/images/new.png (no time")), "{:?}", kept.manifest);
        let aside = make_within(&order(Why::BeforeRestore), Some(&memory), Duration::ZERO).expect("made");
        assert_eq!(files(&aside), ["PROGRESS.md", "issues/images/new.png", "issues/images/old.png", "reveille.toml"]);
    }
}
