//! `memory/health.json`: how the daemon goes, written whole by it, read and judged by `status`. It is written when something changed,
//! and every ten minutes, so that an old disk may rest in between; a daemon that ends in order takes it away.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_schedules::daemon::End;
use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::record::write_whole;

/// How the daemon goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// The version of this form: 1.
    pub(crate) schema: u32,
    /// The daemon's process.
    pub(crate) pid: u32,
    /// When it began.
    pub(crate) since: DateTime<Utc>,
    /// When it last looked whether a wake is due; at most ten minutes older than the last look.
    pub(crate) last_tick: DateTime<Utc>,
    /// When the wake that runs now was started.
    pub(crate) waking_since: Option<DateTime<Utc>>,
    /// The last wake that ended.
    pub(crate) last_wake: Option<LastWake>,
    /// When the next wake is due, or was.
    pub(crate) next_due: Option<DateTime<Utc>>,
    /// What it waits for though a wake is due.
    pub(crate) waiting: Option<String>,
    /// What is wrong.
    pub(crate) trouble: Option<String>,
}

/// How a wake ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastWake {
    pub(crate) began_at: DateTime<Utc>,
    pub(crate) ended_at: DateTime<Utc>,
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Why it could not be started.
    pub(crate) not_started: Option<String>,
}

impl LastWake {
    pub(crate) fn of(began_at: DateTime<Utc>, ended_at: DateTime<Utc>, end: &End) -> Self {
        let none = Self { began_at, ended_at, code: None, signal: None, not_started: None };
        match end {
            End::Code(code) => Self { code: Some(*code), ..none },
            End::Signal(signal) => Self { signal: Some(*signal), ..none },
            End::NotStarted(why) => Self { not_started: Some(why.clone()), ..none },
        }
    }

    /// How it ended, after "the wake".
    pub(crate) fn words(&self) -> String {
        match (self.code, self.signal, &self.not_started) {
            (_, _, Some(why)) => format!("could not be started ({why})"),
            (_, Some(signal), None) => format!("was ended by signal {signal}"),
            (code, None, None) => format!("ended with {}", code.unwrap_or_default()),
        }
    }
}

impl Health {
    /// Of a daemon that begins.
    pub(crate) fn begin(now: DateTime<Utc>) -> Self {
        Self {
            schema: 1,
            pid: std::process::id(),
            since: now,
            last_tick: now,
            waking_since: None,
            last_wake: None,
            next_due: None,
            waiting: None,
            trouble: None,
        }
    }
}

/// How long nothing may be written while nothing changes.
const REST: TimeDelta = TimeDelta::minutes(10);

/// How old the last look may be in the file of a daemon that lives.
const STALE: TimeDelta = TimeDelta::minutes(12);

/// Writes the file when it is time to.
pub(crate) struct Keeper {
    memory: PathBuf,
    path: PathBuf,
    written: Option<Health>,
    /// What went wrong the last time.
    trouble: Option<std::io::ErrorKind>,
}

fn path(home: &Home) -> PathBuf {
    home.memory().join("health.json")
}

impl Keeper {
    pub(crate) fn of(home: &Home) -> Self {
        Self { memory: home.memory(), path: path(home), written: None, trouble: None }
    }

    /// Writes it, if anything changed or it was not written for long, or it has gone. What goes wrong is said once.
    pub(crate) fn keep(&mut self, health: &Health) {
        if self.path.is_file() && self.written.as_ref().is_some_and(|written| !is_news(written, health)) {
            return;
        }
        match self.write(health) {
            Ok(()) => {
                self.written = Some(health.clone());
                self.trouble = None;
            }
            Err(error) => {
                // Its words name a file that is another one each time.
                if self.trouble.replace(error.kind()) != Some(error.kind()) {
                    tracing::warn!("failed to write {}: {error}; the daemon goes on without", self.path.display());
                }
                self.written = None;
            }
        }
    }

    fn write(&self, health: &Health) -> std::io::Result<()> {
        let json = serde_json::to_vec_pretty(health)?;
        match std::fs::create_dir(&self.memory) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        write_whole(&self.path, &json)
    }

    /// Takes the file away: nobody is to judge a daemon that has ended.
    pub(crate) fn remove(&self) {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!("failed to remove {}: {error}", self.path.display());
            }
            _ => {}
        }
    }
}

fn is_news(written: &Health, health: &Health) -> bool {
    let rested = (health.last_tick - written.last_tick).abs() >= REST;
    rested || *written != Health { last_tick: written.last_tick, ..health.clone() }
}

/// What `status` makes of the file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Heard {
    #[serde(flatten)]
    pub(crate) health: Health,
    /// Nothing was heard of the daemon for too long: it was killed, or is stopped, or the clock was set.
    pub(crate) stale: bool,
}

impl Heard {
    /// What is known of a home's daemon; nothing where none runs, or the file can't be read.
    pub(crate) fn of(home: &Home, now: DateTime<Utc>) -> Option<Self> {
        let health: Health = serde_json::from_slice(&std::fs::read(path(home)).ok()?).ok()?;
        let stale = (now - health.last_tick).abs() > STALE;
        Some(Self { health, stale })
    }

    /// Lines for `status`, without a heading.
    pub(crate) fn lines(&self) -> Vec<String> {
        let when = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        let health = &self.health;
        let mut lines = vec![format!("process {} since {}", health.pid, when(health.since))];
        if self.stale {
            let last = when(health.last_tick);
            lines.push(format!("not heard of since {last}: it was killed or is stopped; `reveille run` starts it"));
        }
        lines.extend(health.waking_since.map(|since| format!("a wake runs since {}", when(since))));
        lines.extend(health.last_wake.as_ref().map(|wake| format!("its last wake {}, {}", wake.words(), when(wake.ended_at))));
        lines.extend(health.waiting.clone());
        lines.extend(health.trouble.clone());
        lines
    }
}
