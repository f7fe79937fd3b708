//! `manifest.json` of a backup: what is in it, with hashes. Must stay true: it is written last, so a folder that has one is
//! complete; what it names lies inside the folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, Utc};
use reveille_memory::Memory;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Kind, OrFail, Outcome};

/// The manifest's own name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The copy of the database.
pub(super) const DATABASE: &str = "reveille.db";
/// The folder with the files of the home.
pub(super) const FILES: &str = "home";

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// At the end of a wake.
    Daily,
    /// By `reveille backup`.
    ByHand,
    /// What was there before another one was put back: kept until a person removes it.
    BeforeRestore,
}

impl Why {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Why::Daily => "daily",
            Why::ByHand => "by hand",
            Why::BeforeRestore => "before a restore",
        }
    }
}

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The form of this file: 1.
    pub(crate) schema: u32,
    /// One more than that of the backup before it, whatever the clock says.
    pub(crate) number: u64,
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) why: Why,
    /// The program's version.
    pub(crate) version: String,
    /// The number of the newest run, 0 before the first.
    pub(crate) run: i64,
    /// The database, unless there was none that could be copied.
    pub(crate) database: Option<Database>,
    /// The files of the home.
    pub(crate) files: Vec<Row>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// The copy of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Database {
    pub(crate) schema: i64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// How many rows each table has.
    pub(crate) rows: BTreeMap<String, u64>,
}

/// The copy of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Relative to the home.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Manifest {
    /// Reads the manifest in a folder.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let manifest: Self = serde_json::from_slice(&std::fs::read(folder.join(MANIFEST))?)?;
        let outside = manifest.files.iter().any(|row| !is_inside(Path::new(&row.path)));
        if manifest.schema != 1 || outside {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its manifest is not one that this version understands"));
        }
        Ok(manifest)
    }

    /// Its size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.database.as_ref().map_or(0, |database| database.bytes) + self.files.iter().map(|row| row.bytes).sum::<u64>()
    }

    /// A quick look: everything is there and as long as it was.
    pub(super) fn lengths_fit(&self, folder: &Path) -> bool {
        let fits = |path: PathBuf, bytes: u64| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == bytes);
        self.database.as_ref().is_none_or(|database| fits(folder.join(DATABASE), database.bytes))
            && self.files.iter().all(|row| fits(folder.join(FILES).join(&row.path), row.bytes))
    }

    /// The long look, before anything of it is used: every hash, and the database from page to page.
    pub(super) fn check(&self, folder: &Path) -> Outcome {
        for row in &self.files {
            let path = folder.join(FILES).join(&row.path);
            match digest(&path) {
                Ok((_, sha256)) if sha256 == row.sha256 => {}
                Ok(_) => return Err(damaged(&path, "it is not what was written")),
                Err(error) => return Err(damaged(&path, &error.to_string())),
            }
        }
        self.check_database(folder)
    }

    /// The same of the database alone.
    pub(super) fn check_database(&self, folder: &Path) -> Outcome {
        let Some(database) = &self.database else { return Ok(()) };
        let path = folder.join(DATABASE);
        let (_, sha256) = digest(&path).map_err(|error| damaged(&path, &error.to_string()))?;
        if sha256 != database.sha256 {
            return Err(damaged(&path, "it is not what was written"));
        }
        let found = Memory::examine(&path).or_fail()?;
        if (found.schema, &found.rows) == (database.schema, &database.rows) { Ok(()) } else { Err(damaged(&path, "it holds other rows")) }
    }
}

fn damaged(path: &Path, why: &str) -> Failure {
    Failure::message(Kind::Failed, format!("{}: {why}", path.display()))
        .hint("nothing was changed; `reveille backup list` shows the other ones")
}

/// Whether a path goes down only.
fn is_inside(path: &Path) -> bool {
    path.components().count() > 0 && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Length and SHA-256 of a file.
pub(super) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes, mut part) = (File::open(path)?, Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok((bytes, hex(&hash.finalize()))),
            read => {
                hash.update(&part[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
