//! The reader that the program carries: its model and its heads are part of the program, so there is nothing to download.
//! The model is written to the cache folder when it is first needed, for llama.cpp loads files; a file that is already there
//! counts only if every byte is right.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::digest::{Digest, NotADigest};
use crate::gguf::{Checked, GgufError, check_file};

/// The name of the carried reader, in the settings and in the catalogue.
pub const CARRIED: &str = "reader-en";

const MODEL: &[u8] = include_bytes!("../reader/reader-en.gguf");
/// A line of `sha256sum`: the sum that the model must have.
const SUM: &str = include_str!("../reader/reader-en.gguf.sha256");
/// Its heads, as [`Heads::parse`](crate::Heads::parse) reads them.
pub(crate) const HEADS: &[u8] = include_bytes!("../reader/reader-en.heads.jsonl");

/// The corpus it learned from, as [`Lines::parse`](crate::lines::Lines::parse) reads it.
pub(crate) const LINES: &[u8] = include_bytes!("../reader/reader-en.lines");

/// Why the carried reader could not be written to the cache folder.
#[derive(Debug, thiserror::Error)]
pub enum CarriedError {
    /// The folder or the file can't be written.
    #[error("can't write the reader to {}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What was written does not come back.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The program was built with a sum that is none.
    #[error("the program carries a damaged reader: {0}")]
    Sum(#[from] NotADigest),
}

impl CarriedError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { .. } | Self::Gguf(_) => {
                format!("the cache folder must be writable and have {} MB free; or run with --no-model", MODEL.len().div_ceil(1_000_000))
            }
            Self::Sum(_) => "build the program again".to_owned(),
        })
    }
}

/// The sum of the carried model.
///
/// # Errors
/// [`NotADigest`] if the program was built wrongly.
pub fn carried_sum() -> Result<Digest, NotADigest> {
    SUM.split_whitespace().next().unwrap_or_default().parse()
}

/// Puts the carried model into the cache folder unless it is there already, whole and right.
///
/// # Errors
/// [`CarriedError`].
pub fn materialize(cache: &Path) -> Result<Checked, CarriedError> {
    let path = cache.join(format!("{CARRIED}.gguf"));
    let sum = carried_sum()?;
    let io = |source| CarriedError::Io { path: path.clone(), source };
    if fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() == MODEL.len() as u64) {
        if let Ok(checked) = check_file(&path, Some(sum)) {
            return Ok(checked);
        }
        tracing::warn!(path = %path.display(), "the cached reader was damaged and is replaced");
    }
    fs::create_dir_all(cache).map_err(io)?;
    let mut part = NamedTempFile::new_in(cache).map_err(io)?;
    part.write_all(MODEL).map_err(io)?;
    part.as_file().sync_all().map_err(io)?;
    part.persist(&path).map_err(|error| io(error.error))?;
    File::open(cache).and_then(|folder| folder.sync_all()).map_err(io)?;
    Ok(check_file(&path, Some(sum))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heads::Heads;

    #[test]
    fn the_sum_is_the_models() {
        let sum = Digest::of(MODEL);
        assert_eq!(carried_sum(), Ok(sum), "run: cd models/reader && sha256sum reader-en.gguf > reader-en.gguf.sha256");
        Heads::parse(HEADS).unwrap().check_model(sum).expect("run: reveille model train");
    }

    #[test]
    fn is_written_once_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("deep/er");
        let first = materialize(&cache).unwrap();
        let written = fs::metadata(first.path()).unwrap().modified().unwrap();
        assert_eq!(first.header().architecture, "bert");
        assert_eq!(materialize(&cache).unwrap(), first);
        assert_eq!(fs::metadata(first.path()).unwrap().modified().unwrap(), written, "it was written again");
        for damage in [&b"no model"[..], &[0; 64], &MODEL[..MODEL.len() - 1]] {
            fs::write(first.path(), damage).unwrap();
            assert_eq!(materialize(&cache).unwrap(), first);
        }
        let mut changed = MODEL.to_vec();
        changed[MODEL.len() / 2] ^= 1;
        fs::write(first.path(), changed).unwrap();
        assert_eq!(materialize(&cache).unwrap(), first);
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 1, "something was left behind");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = materialize(&file.join("cache")).unwrap_err();
        assert!(matches!(error, CarriedError::Io { .. }), "{error}");
        assert!(error.hint().unwrap().contains("--no-model"));
    }
}
