//! What was rendered from what: `memory/site.json`.
//!
//! Must stay true: losing it costs time, never a page; it is written after everything it speaks of; only files that it names
//! are ever removed.

use std::collections::BTreeMap;

use reveille_mission::Issue;
use serde::{Deserialize, Serialize};

use super::markdown::Scan;
use super::stamp::Stamp;
use crate::disk::{DiskError, Root};

/// Where it lies.
pub(crate) const PATH: &str = "memory/site.json";
/// Changes with its form.
const FORM: u32 = 1;

/// A file that we wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// SHA-256 of its bytes.
    pub(crate) sha256: String,
    /// Their number.
    pub(crate) bytes: u64,
}

/// A picture that was copied for an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// How the text refers to it.
    pub(crate) to: String,
    /// Where it lies, relative to the home.
    pub(crate) from: String,
    /// As long as it is the same, the picture is not read again.
    pub(crate) stamp: Option<Stamp>,
    /// Its name beside the page.
    pub(crate) name: String,
    /// Width and height in pixels.
    pub(crate) size: Option<(usize, usize)>,
}

/// What is known of one issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// SHA-256 of the source file.
    pub(crate) source: String,
    /// As long as it is the same, the source is not read again.
    pub(crate) stamp: Option<Stamp>,
    /// Digest of everything that went into the page.
    pub(crate) inputs: String,
    /// Its front matter.
    pub(crate) issue: Issue,
    /// The picture for link previews, as written.
    pub(crate) preview: Option<String>,
    /// What its text holds.
    pub(crate) scan: Scan,
    /// Its pictures.
    pub(crate) copied: Vec<Copied>,
}

/// The whole file.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(super) form: u32,
    /// Digest of the program, the templates and the settings.
    pub(crate) shell: String,
    /// By the path of the source.
    pub(crate) entries: BTreeMap<String, Entry>,
    /// Digest of everything that went into the feeds.
    pub(crate) feeds: String,
    /// By path below `site/`.
    pub(crate) files: BTreeMap<String, Written>,
}

impl Manifest {
    /// Reads the last one. Of another form it is as good as none; with another shell the entries still say which page is whose.
    pub(crate) fn load(root: &Root) -> Self {
        let read = root.read(PATH).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        read.filter(|manifest| manifest.form == FORM).unwrap_or_default()
    }

    /// Writes it, if it differs from the last one.
    pub(crate) fn save(mut self, root: &Root, last: &Self) -> Result<(), DiskError> {
        self.form = FORM;
        if self == *last {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&self).map_err(|error| DiskError::Io { path: PATH.into(), source: error.into() })?;
        root.write(PATH, &bytes)
    }
}
