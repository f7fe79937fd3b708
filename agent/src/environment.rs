//! The environment, read once at start. Every variable that the program knows is listed here.
//!
//! | variable | meaning |
//! |---|---|
//! | `REVEILLE_HOME` | the home, when `--home` is not given and the current folder is none |
//! | `REVEILLE_CACHE` | where the carried reader is unpacked; default: the user's cache folder |
//! | `REVEILLE_NOW` | the time to take as now, RFC 3339; for tests only |
//! | `REVEILLE_FAULT` | the step of a wake at which to end with SIGKILL, or freeze (`fault.rs`); for tests only |
//! | `REVEILLE_FAULT_MARK` | the file to make at that step instead; for tests only |
//! | `NO_COLOR` | no colour on a terminal |
//! | `PATH` | where `secret-tool` and the tools of `needs:tool:NAME` are looked for |
//! | others | secrets that the settings name with `{ env = "NAME" }`, and `needs:env:NAME` |

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::failure::{Failure, Kind, Outcome};

/// What the program takes from its surroundings.
pub(crate) struct Environment {
    variables: HashMap<OsString, OsString>,
    pub(crate) folder: PathBuf,
    now: Option<DateTime<Utc>>,
}

impl Environment {
    /// Reads it.
    pub(crate) fn read() -> Outcome<Self> {
        let variables: HashMap<OsString, OsString> = std::env::vars_os().collect();
        let now = match variables.get(&OsString::from("REVEILLE_NOW")).map(|now| now.to_string_lossy().parse()) {
            None => None,
            Some(Ok(now)) => Some(now),
            Some(Err(_)) => {
                let failure = Failure::message(Kind::Usage, "`REVEILLE_NOW` is no time");
                return Err(failure.hint("write it like 2026-11-20T14:00:00Z; it is for tests only"));
            }
        };
        Ok(Self { variables, folder: std::env::current_dir()?, now })
    }

    /// The time now: the only place that looks at the clock for a decision.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(Utc::now)
    }

    /// How long ago a file was touched, by the machine's own clock, which its times are of; none for a time to come.
    pub(crate) fn age(&self, touched: SystemTime) -> Duration {
        SystemTime::now().duration_since(touched).unwrap_or_default()
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsString> {
        self.variables.get(&OsString::from(name)).filter(|value| !value.is_empty())
    }

    /// A folder named by a variable.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Whether a program is on the search path.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        !name.contains(['/', '\\']) && self.tool(name).is_some()
    }

    /// Where a program is: on the search path, or there if it is named by its absolute place.
    pub(crate) fn tool(&self, name: &str) -> Option<PathBuf> {
        if name.starts_with('/') {
            return Some(PathBuf::from(name)).filter(|path| is_program(path));
        }
        let plain = !name.is_empty() && !name.contains(['/', '\\']);
        let path = self.get("PATH").filter(|_| plain)?;
        std::env::split_paths(path).map(|folder| folder.join(name)).find(|path| is_program(path))
    }

    /// One with these variables only.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        Self { variables, folder: PathBuf::from("/"), now: None }
    }
}

fn is_program(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
