//! Making one: under a name that is no backup's, checked, renamed whole.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use reveille_memory::Memory;

use super::files::{copy, written};
use super::manifest::{DATABASE, Database, FILES, MANIFEST, Manifest, Row, digest};
use super::store::{Kept, Store, private_folder};
use super::{Order, cannot};
use crate::failure::{Failure, Kind, OrFail, Outcome};

/// How long one may take: a home with ten thousand mails takes a second.
const LIMIT: Duration = Duration::from_secs(120);

/// Makes one. Without a memory only the files are copied: what there is may be past copying.
pub(crate) fn make(order: &Order<'_>, memory: Option<&Memory>) -> Outcome<Kept> {
    let store = Store::of(order.home);
    let Some(_lock) = store.lock()? else {
        return Err(Failure::message(Kind::Busy, "another backup is being made").hint("wait for it to end"));
    };
    store.sweep();
    let name = store.free_name(order.now);
    let half = store.half(&name);
    let path = store.root.join(&name);
    let done = fill(order, memory, &store, &half).and_then(|manifest| {
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

fn fill(order: &Order<'_>, memory: Option<&Memory>, store: &Store, half: &Path) -> Outcome<Manifest> {
    let begun = Instant::now();
    private_folder(half).map_err(|error| cannot(half, &error))?;
    let before = store.good();
    let number = before.first().map_or(0, |kept| kept.manifest.number) + 1;
    let (files, left_out) = home_files(order, before.first(), half, begun)?;
    let left = LIMIT.saturating_sub(begun.elapsed()).max(Duration::from_secs(1));
    let copied = memory.map(|memory| database(memory, &half.join(DATABASE), left)).transpose()?;
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
fn home_files(order: &Order<'_>, before: Option<&Kept>, half: &Path, begun: Instant) -> Outcome<(Vec<Row>, Vec<String>)> {
    let root = order.home.root();
    let found = written(root, order.secrets.as_deref()).map_err(|error| cannot(root, &error))?;
    let (mut rows, mut left_out) = (Vec::new(), found.left_out);
    for path in found.files {
        if begun.elapsed() > LIMIT || (order.stopped)() {
            let failure = Failure::message(Kind::Failed, format!("it was stopped after {} s", begun.elapsed().as_secs()));
            return Err(failure.hint("the next wake makes one; is the disk failing or very busy?"));
        }
        let shown = path.to_string_lossy().into_owned();
        let earlier = before.and_then(|kept| {
            let row = kept.manifest.files.iter().find(|row| row.path == shown)?;
            Some((kept.path.join(FILES).join(&path), row))
        });
        let earlier = earlier.as_ref().map(|(path, row)| (path.as_path(), *row));
        match copy(&root.join(&path), &half.join(FILES).join(&path), &shown, earlier) {
            Ok(row) => rows.push(row),
            // The human moved it since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !root.join(&path).exists() => {
                left_out.push(format!("{shown} (it went meanwhile)"));
            }
            Err(error) => return Err(cannot(&path, &error)),
        }
    }
    Ok((rows, left_out))
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
