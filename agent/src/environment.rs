//! The environment, read once at start. Every variable that the program knows is listed here.
//!
//! | variable | meaning |
//! |---|---|
//! | `REVEILLE_HOME` | the home, when `--home` is not given and the current folder is none |
//! | `REVEILLE_CACHE` | where the carried reader is unpacked; default: the user's cache folder |
//! | `REVEILLE_NOW` | the time to take as now, RFC 3339, or `@FILE` with the time in it, read at each look; for tests only |
//! | `REVEILLE_UPTIME` | for how many seconds the computer has run, asleep or not; for tests only |
//! | `REVEILLE_FAULT` | the step of a wake at which to end with SIGKILL, or freeze (`fault.rs`); for tests only |
//! | `REVEILLE_FAULT_MARK` | the file to make at that step instead; for tests only |
//! | `REVEILLE_TICK` | when `run` looks whether a wake is due: a cron pattern, seconds first, instead of each minute; for tests only |
//! | `REVEILLE_PROGRAM` | what `run` starts in place of this program; for tests only |
//! | `NO_COLOR` | no colour on a terminal |
//! | `PATH` | where `secret-tool`, `launchctl`, `crontab`, `systemctl`, `loginctl` and the tools of `needs:tool:NAME` are looked for |
//! | `HOME`, `XDG_CONFIG_HOME`, `XDG_DATA_HOME` | where the user's services are written |
//! | `USER`, `LOGNAME`, `XDG_RUNTIME_DIR`, `DBUS_SESSION_BUS_ADDRESS` | handed on to the programs of the services |
//! | others | secrets that the settings name with `{ env = "NAME" }`, and `needs:env:NAME` |

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

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
    clock: Clock,
}

/// What tells the time.
#[derive(Debug, Clone)]
pub(crate) enum Clock {
    /// The computer.
    System,
    /// A test: always the same time.
    Fixed(DateTime<Utc>),
    /// A test: what stands in the file, or the time that stood there first.
    File(PathBuf, DateTime<Utc>),
}

impl Clock {
    fn of(asked: &str) -> Option<Self> {
        match asked.strip_prefix('@').map(PathBuf::from) {
            None => asked.parse().ok().map(Clock::Fixed),
            Some(path) => read_time(&path).map(|first| Clock::File(path, first)),
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        match self {
            Clock::System => Utc::now(),
            Clock::Fixed(now) => *now,
            Clock::File(path, first) => read_time(path).unwrap_or(*first),
        }
    }
}

fn read_time(path: &std::path::Path) -> Option<DateTime<Utc>> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

impl Environment {
    /// Reads it.
    pub(crate) fn read() -> Outcome<Self> {
        let variables: HashMap<OsString, OsString> = std::env::vars_os().collect();
        let asked = variables.get(&OsString::from("REVEILLE_NOW")).map(|asked| asked.to_string_lossy().into_owned());
        let clock = asked.map_or(Some(Clock::System), |asked| Clock::of(&asked)).ok_or_else(|| {
            Failure::message(Kind::Usage, "`REVEILLE_NOW` is no time").hint("write it like 2026-11-20T14:00:00Z; it is for tests only")
        })?;
        Ok(Self { variables, folder: std::env::current_dir()?, clock })
    }

    /// The time now: the only place that looks at the clock for a decision.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// What tells the time, for a thread of its own.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// For how long the computer has run, the time asleep included. Unknown in tests that set the time and not this.
    pub(crate) fn uptime(&self) -> Option<Duration> {
        if let Some(seconds) = self.get("REVEILLE_UPTIME") {
            return seconds.to_str()?.parse().ok().map(Duration::from_secs);
        }
        if !matches!(self.clock, Clock::System) {
            return None;
        }
        let since = rustix::time::clock_gettime(platform::RUNNING);
        Some(Duration::new(u64::try_from(since.tv_sec).ok()?, u32::try_from(since.tv_nsec).ok()?))
    }

    /// Where this program lies: its place when it is asked, so that a newer one put there is found at the next start.
    pub(crate) fn program(&self) -> Outcome<PathBuf> {
        self.path("REVEILLE_PROGRAM").map_or_else(|| Ok(std::env::current_exe()?), Ok)
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

    /// Those of these variables that are set, for a program that is to see no others.
    pub(crate) fn only(&self, names: &[&str]) -> Vec<(OsString, OsString)> {
        names.iter().filter_map(|name| Some((OsString::from(name), self.get(name)?.clone()))).collect()
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
        let clock = variables.iter().find(|(name, _)| *name == "REVEILLE_NOW").and_then(|(_, asked)| Clock::of(asked));
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        Self { variables, folder: PathBuf::from("/"), clock: clock.unwrap_or(Clock::System) }
    }
}

#[cfg(target_os = "macos")]
mod platform {
    /// On macOS this clock goes on while the computer sleeps.
    pub(super) const RUNNING: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
}

#[cfg(not(target_os = "macos"))]
mod platform {
    /// The clock that goes on while the computer sleeps.
    pub(super) const RUNNING: rustix::time::ClockId = rustix::time::ClockId::Boottime;
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
