//! What the services of a machine are given so that they start wakes: a LaunchAgent, a block of a crontab, a systemd timer.
//!
//! Must stay true: texts only, nothing is written or called here; every path is absolute; no secret stands in any of them; a
//! service starts the program at least once in each slot (`times.rs`), and the program itself finds what is due.

mod cron;
mod launchd;
mod systemd;
mod times;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

pub use cron::{cron_block, crontab_block, crontab_with, crontab_without};
pub use launchd::launch_agent;
pub use systemd::{systemd_service, systemd_timer};
pub use times::Times;

/// What starts wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// A LaunchAgent of macOS.
    Launchd,
    /// A user's crontab.
    Cron,
    /// A timer of the user's systemd.
    Systemd,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 3] = [Service::Launchd, Service::Cron, Service::Systemd];

    /// Its name on the command line and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Service::Launchd => "launchd",
            Service::Cron => "cron",
            Service::Systemd => "systemd",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|service| service.name() == given).ok_or_else(|| "launchd, cron or systemd".to_owned())
    }
}

/// What a service starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    label: String,
    program: String,
    home: String,
    limit: Duration,
    confined: bool,
}

/// Why a service can't be described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A service starts in a folder of its own.
    #[error("{0} is no absolute path")]
    Relative(String),
    /// The services take text.
    #[error("the path {0} is no text (UTF-8)")]
    NoText(String),
    /// A line of a crontab or of a unit ends there.
    #[error("the path {0:?} has a line end or another control character")]
    Control(String),
    /// Some crons take it away, some don't; at the end of a line of a unit it joins the next one.
    #[error("the path {0} has a backslash, which not every service leaves alone")]
    Backslash(String),
    /// Vixie cron takes 999 characters of a command.
    #[error("the paths of the program and the home are too long for a crontab ({0} characters of {most})", most = cron::LONGEST)]
    TooLong(usize),
    /// Where the block ends, nobody can tell.
    #[error("the marks of `{0}` in the crontab are damaged")]
    Marks(String),
    /// The writer of property lists said no.
    #[error("the property list can't be written: {0}")]
    Plist(String),
}

impl ServiceError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ServiceError::Relative(_) => Some("name it from the root folder on".to_owned()),
            ServiceError::NoText(_) | ServiceError::Control(_) => Some("give the folder a plain name".to_owned()),
            ServiceError::Backslash(_) | ServiceError::TooLong(_) => Some("give the folder a plain, short name".to_owned()),
            ServiceError::Marks(label) => Some(format!(
                "`crontab -e`: take out the lines `{}` and `{}` and what stands between them",
                cron::begin(label),
                cron::end(label)
            )),
            ServiceError::Plist(_) => None,
        }
    }
}

impl Job {
    /// The wakes of `home` by `program`, both absolute. `tag` tells homes apart that have the same name: letters and digits.
    ///
    /// # Errors
    /// A path that is relative, no text, or has backslashes or control characters.
    pub fn new(program: &Path, home: &Path, tag: &str) -> Result<Self, ServiceError> {
        let (program, home) = (plain(program)?, plain(home)?);
        let name = home.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
        let kept: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        let words: Vec<&str> = kept.split('-').filter(|word| !word.is_empty()).collect();
        let short: String = words.join("-").chars().take(40).collect();
        let tag: String = tag.chars().filter(char::is_ascii_alphanumeric).collect();
        let label =
            ["reveille", short.trim_end_matches('-'), &tag].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        Ok(Self { label, program, home, limit: Duration::from_secs(20 * 60), confined: true })
    }

    /// With the time that a wake may take: a service that can end one that hangs does so ten minutes later.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Free to start programs that change their user or group, as mail programs are: those don't work when confined.
    #[must_use]
    pub fn unconfined(self) -> Self {
        Self { confined: false, ..self }
    }

    /// Its name, one for each home.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The home.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// The program and its arguments, when `service` starts it.
    fn command(&self, service: Service) -> [&str; 7] {
        [&self.program, "--quiet", "--home", &self.home, "wake", "--scheduled", service.name()]
    }
}

fn plain(path: &Path) -> Result<String, ServiceError> {
    let Some(text) = path.to_str() else { return Err(ServiceError::NoText(path.display().to_string())) };
    match text {
        text if !path.is_absolute() => Err(ServiceError::Relative(text.to_owned())),
        text if text.contains('\\') => Err(ServiceError::Backslash(text.to_owned())),
        text if text.contains(char::is_control) => Err(ServiceError::Control(text.to_owned())),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests;
