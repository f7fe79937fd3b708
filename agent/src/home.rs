//! The home: a folder that the user owns, and the places in it.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};

/// A home that exists and has settings.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

impl Home {
    /// Finds the home: `--home`, else the current folder if it holds `reveille.toml`, else `$REVEILLE_HOME`, else
    /// `~/.reveille`.
    pub(crate) fn find(given: Option<&Path>, environment: &Environment) -> Outcome<Self> {
        let root = Self::place(given, environment);
        if root.join("reveille.toml").is_file() {
            let root = std::fs::canonicalize(&root)?;
            return Ok(Self { root });
        }
        let failure = Failure::message(Kind::Settings, format!("no home at {}: there is no reveille.toml", root.display()));
        Err(failure.hint(format!("`reveille --home {} init` makes one", root.display())))
    }

    /// Where a home is or would be.
    pub(crate) fn place(given: Option<&Path>, environment: &Environment) -> PathBuf {
        if let Some(given) = given {
            return environment.folder.join(given);
        }
        if environment.folder.join("reveille.toml").is_file() {
            return environment.folder.clone();
        }
        let fallback = || environment.path("HOME").unwrap_or_else(|| environment.folder.clone()).join(".reveille");
        environment.path("REVEILLE_HOME").unwrap_or_else(fallback)
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("reveille.toml")
    }

    pub(crate) fn mission(&self) -> PathBuf {
        self.root.join("mission/MISSION.md")
    }

    pub(crate) fn progress(&self) -> PathBuf {
        self.root.join("PROGRESS.md")
    }

    /// Where memory, logs and the hand-over letter live.
    pub(crate) fn memory(&self) -> PathBuf {
        self.root.join("memory")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("memory/reveille.db")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("memory/logs")
    }

    /// A file whose presence stops every wake.
    pub(crate) fn stop_file(&self) -> PathBuf {
        self.root.join("STOP")
    }

    /// A path inside the home that follows no link out of it.
    pub(crate) fn inside(&self, relative: &str) -> Option<PathBuf> {
        let path = std::fs::canonicalize(self.root.join(relative)).ok()?;
        path.starts_with(&self.root).then_some(path)
    }
}
