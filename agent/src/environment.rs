//! The environment, read once at start. Every variable that the program knows is listed here.
//!
//! | variable | meaning |
//! |---|---|
//! | `REVEILLE_HOME` | the home, when `--home` is not given and the current folder is none |
//! | `REVEILLE_CACHE` | where the carried reader is unpacked; default: the user's cache folder |
//! | `REVEILLE_NOW` | the time to take as now, RFC 3339; for tests only |
//! | `REVEILLE_FAULT` | the step of an effect at which to end with SIGKILL (`fault.rs`); for tests only |
//! | `NO_COLOR` | no colour on a terminal |
//! | `PATH` | where `secret-tool` and the tools of `needs:tool:NAME` are looked for |
//! | others | secrets that the settings name with `{ env = "NAME" }`, and `needs:env:NAME` |

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::failure::{Failure, Kind, Outcome};

/// What a child of ours may need: `sendmail` programs, the keychain's tool, pip. None of them is a secret of a channel.
const CHILD: [&str; 38] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_HOME",
    "XDG_DATA_DIRS",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "PIP_CONFIG_FILE",
    "PIP_INDEX_URL",
    "PIP_CERT",
    "PIP_PROXY",
    "VIRTUAL_ENV",
];

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

    /// What a child is given: where it is, who runs it, how its own tools are found. Whatever is not named here could be a
    /// secret that the settings take from the environment.
    pub(crate) fn for_child(&self) -> Vec<(OsString, OsString)> {
        CHILD
            .iter()
            .filter_map(|name| self.variables.get_key_value(&OsString::from(name)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_gets_no_variable_that_could_be_a_secret() {
        let given =
            Environment::of(&[("PATH", "/bin"), ("HOME", "/home/a"), ("TEST_TOKEN", "cnry-1"), ("PIP_PASSWORD", "cnry-2")]).for_child();
        assert_eq!(given, [("PATH".into(), "/bin".into()), ("HOME".into(), "/home/a".into())]);
    }
}
