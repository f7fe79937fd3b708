//! The Markdown files of a folder of the home, and their heads.
//!
//! Must stay true: only plain files inside the home are opened (a pipe would never end), and of an issue no more is read
//! than its front matter.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use reveille_mission::Diagnostic;

use crate::disk::{DiskError, Root};
use crate::front_matter::head_is_whole;

/// Front matter longer than this is taken for a mistake, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// How much is read at once: the front matter of nearly every issue.
const PIECE: usize = 2 * 1024;

/// A Markdown file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listed {
    /// Its path relative to the home.
    pub(crate) path: String,
    /// Whether its name leads elsewhere.
    link: bool,
}

/// The Markdown files of a folder, in the order of their names; none if there is no such folder.
pub(crate) fn list(root: &Root, folder: &str) -> Result<Vec<Listed>, DiskError> {
    let real = match root.inside(folder) {
        Err(missing) if missing.is_missing() => return Ok(vec![]),
        other => other?,
    };
    let failed = |source| DiskError::Io { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(real).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        // A name that is no UTF-8 can't be an address; one with a dot in front is hidden.
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if name.ends_with(".md") && !name.starts_with('.') && (kind.is_file() || kind.is_symlink()) {
            files.push(Listed { path: format!("{folder}/{name}"), link: kind.is_symlink() });
        }
    }
    files.sort();
    Ok(files)
}

impl Listed {
    /// A file that is already known to lie in the home under this path.
    pub(crate) fn at(path: &str) -> Self {
        Self { path: path.to_owned(), link: true }
    }

    /// The real path, inside the home.
    pub(crate) fn place(&self, root: &Root) -> Result<PathBuf, Diagnostic> {
        // The folder itself was found inside the home, so only a link can lead out.
        if self.link { root.inside(&self.path).map_err(failed) } else { Ok(root.at(&self.path)) }
    }

    fn open(&self, root: &Root) -> Result<File, Diagnostic> {
        let io = |source| failed(DiskError::Io { path: self.path.clone().into(), source });
        let path = self.place(root)?;
        if self.link && !fs::metadata(&path).map_err(io)?.is_file() {
            return Err(Diagnostic::error(1, 1, format!("{} is no file", self.path), "put a Markdown file there"));
        }
        File::open(path).map_err(io)
    }

    /// The file's text up to the end of its front matter.
    pub(crate) fn head(&self, root: &Root) -> Result<String, Diagnostic> {
        let mut file = self.open(root)?;
        let (mut bytes, mut filled) = (vec![0; PIECE], 0);
        loop {
            let read = file.read(&mut bytes[filled..]).map_err(|error| unreadable(&error))?;
            filled += read;
            if read == 0 || head_is_whole(&bytes[..filled]) {
                bytes.truncate(filled);
                break;
            }
            if filled == bytes.len() {
                if filled >= LONGEST_HEAD {
                    return Err(Diagnostic::error(1, 1, "the front matter does not end", "close it with a line `---`"));
                }
                bytes.resize(filled * 2, 0);
            }
        }
        // The last piece may end in the middle of a line of the text, or of a character.
        if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| head_is_whole(&bytes)) {
            bytes.truncate(end + 1);
        }
        text_of(bytes)
    }

    /// The whole file.
    pub(crate) fn bytes(&self, root: &Root) -> Result<Vec<u8>, Diagnostic> {
        let mut bytes = Vec::new();
        self.open(root)?.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        Ok(bytes)
    }
}

fn failed(error: DiskError) -> Diagnostic {
    let hint = error.hint().unwrap_or_else(|| "see whether the file can be read".to_owned());
    Diagnostic::error(1, 1, error.to_string(), hint)
}

fn unreadable(error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(1, 1, format!("it can't be read: {error}"), "see whether the disk is in order")
}

/// Bytes as text.
pub(crate) fn text_of(bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = good.len() - good.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) + 1;
        Diagnostic::error(line, column, "it is no UTF-8 text", "save it as UTF-8")
    })
}
