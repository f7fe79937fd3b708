//! Files that were handed out lately, in memory: a publication is small, and asking the disk for each page costs more than the page.
//!
//! Must stay true: no more than [`ALL`] bytes are kept; a file that the disk does not have any more, or has another of, is not handed
//! out for longer than about [`FRESH`]; what a link in the folder points at outside of it is never read.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::kind;

/// The most bytes of all files together.
const ALL: usize = 16 * 1024 * 1024;
/// The most bytes of one.
const ONE: u64 = 256 * 1024;
/// What a kept file costs beside its bytes, roughly.
const BESIDE: usize = 1024;
/// How long the disk is believed to be as it was.
const FRESH: Duration = Duration::from_secs(1);

/// A file in memory.
pub(super) struct Kept {
    pub(super) body: Bytes,
    /// Its media type.
    pub(super) kind: HeaderValue,
    /// Its entity tag, with quotes.
    pub(super) tag: HeaderValue,
    /// Its sha256, in hex digits.
    pub(super) digest: String,
    pub(super) modified: HeaderValue,
    /// The same time in whole seconds, as HTTP tells it.
    pub(super) modified_at: SystemTime,
    /// Where it is.
    pub(super) real: PathBuf,
    stamp: Stamp,
    /// Milliseconds after the shelf's beginning.
    looked: AtomicU64,
}

/// What changes with a file's content. The renderer replaces files, so that each has a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    number: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(Self { modified: metadata.modified()?, length: metadata.len(), number: metadata.ino() })
    }
}

/// What stands at a path.
pub(super) enum Found {
    /// A small file.
    Kept(Arc<Kept>),
    /// A file that is not kept: where it is.
    Large(PathBuf),
    /// A folder with an index, asked for without its slash.
    Folder,
    Nothing,
}

/// The kept files.
pub(super) struct Shelf {
    root: PathBuf,
    begun: Instant,
    kept: RwLock<Files>,
}

#[derive(Default)]
struct Files {
    by_path: HashMap<String, Arc<Kept>>,
    bytes: usize,
}

impl Shelf {
    /// An empty one for a folder, which need not be there yet.
    pub(super) fn of(root: &Path) -> Self {
        Self { root: root.to_owned(), begun: Instant::now(), kept: RwLock::default() }
    }

    /// What stands at a path that `path::plain` made.
    pub(super) async fn find(self: &Arc<Self>, path: &str) -> Found {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).by_path.get(path).cloned();
        if let Some(kept) = &kept {
            let looked = kept.looked.load(Ordering::Relaxed);
            let fresh = now.saturating_sub(looked) < FRESH.as_millis() as u64;
            // Of many who come at the same time one looks at the disk.
            if fresh || kept.looked.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                return Found::Kept(kept.clone());
            }
        }
        let (shelf, path) = (self.clone(), path.to_owned());
        let looked = tokio::task::spawn_blocking(move || {
            let found = shelf.look(&path, kept, now).unwrap_or(Found::Nothing);
            shelf.keep(path, &found);
            found
        });
        looked.await.unwrap_or(Found::Nothing)
    }

    /// Looks at the disk.
    fn look(&self, path: &str, kept: Option<Arc<Kept>>, now: u64) -> io::Result<Found> {
        let root = self.root.canonicalize()?;
        let real = root.join(path).canonicalize()?;
        if !real.starts_with(&root) {
            return Ok(Found::Nothing);
        }
        let metadata = real.metadata()?;
        if metadata.is_dir() {
            return Ok(if real.join("index.html").is_file() { Found::Folder } else { Found::Nothing });
        }
        // Opening a pipe would wait for its other end.
        if !metadata.is_file() {
            return Ok(Found::Nothing);
        }
        if metadata.len() > ONE {
            return Ok(Found::Large(real));
        }
        let stamp = Stamp::of(&metadata)?;
        if let Some(kept) = kept.filter(|kept| kept.stamp == stamp && kept.real == real) {
            return Ok(Found::Kept(kept));
        }
        let file = File::open(&real)?;
        let stamp = Stamp::of(&file.metadata()?)?;
        let mut body = Vec::with_capacity(usize::try_from(stamp.length).unwrap_or(0));
        // It may have grown since.
        if file.take(ONE + 1).read_to_end(&mut body)? as u64 > ONE {
            return Ok(Found::Large(real));
        }
        Ok(Kept::of(path, real, body, stamp, now).map_or(Found::Nothing, |kept| Found::Kept(Arc::new(kept))))
    }

    /// How much is kept.
    #[cfg(test)]
    pub(super) fn weight(&self) -> usize {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Remembers what was found, or that nothing is there any more.
    fn keep(&self, path: String, found: &Found) {
        let mut files = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let (Found::Kept(found), Some(same)) = (found, files.by_path.get(&path))
            && Arc::ptr_eq(found, same)
        {
            return;
        }
        if let Some(gone) = files.by_path.remove(&path) {
            files.bytes -= gone.weight();
        }
        if let Found::Kept(kept) = found {
            // A full shelf begins anew: what is read comes back, and nobody has to remember what was read when.
            if files.bytes + kept.weight() > ALL {
                *files = Files::default();
            }
            files.bytes += kept.weight();
            files.by_path.insert(path, kept.clone());
        }
    }
}

impl Kept {
    fn of(path: &str, real: PathBuf, body: Vec<u8>, stamp: Stamp, now: u64) -> Option<Self> {
        let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let modified = httpdate::fmt_http_date(stamp.modified);
        Some(Self {
            kind: kind::of(path, &body),
            tag: HeaderValue::try_from(format!("\"{}\"", &digest[..32])).ok()?,
            modified_at: httpdate::parse_http_date(&modified).ok()?,
            modified: HeaderValue::try_from(modified).ok()?,
            body: body.into(),
            digest,
            real,
            stamp,
            looked: AtomicU64::new(now),
        })
    }

    fn weight(&self) -> usize {
        self.body.len() + BESIDE
    }
}
