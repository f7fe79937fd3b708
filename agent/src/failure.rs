//! Errors at the edge: each has a kind, an exit code and, where there is one, a hint. The codes are documented in the README.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

pub(crate) use reveille_skills::disk_hint;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something went wrong: 1.
    Failed,
    /// The command line is wrong: 2.
    Usage,
    /// Another wake is running, or the home is paused: 75 (`EX_TEMPFAIL` of sysexits.h).
    Busy,
    /// The settings are wrong: 78 (`EX_CONFIG` of sysexits.h).
    Settings,
}

/// A failure as the user sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
    /// It was held back, not tried: that says nothing of the task.
    pub(crate) held: bool,
}

impl Failure {
    pub(crate) fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: error.into(), hint: None, held: false }
    }

    pub(crate) fn held(mut self) -> Self {
        self.held = true;
        self
    }

    pub(crate) fn message(kind: Kind, message: impl fmt::Display) -> Self {
        Self::new(kind, anyhow::anyhow!("{message}"))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the disk said of a file or folder, with what mends it. `doing` fits "failed to …".
    pub(crate) fn of_disk(doing: &str, path: &Path, error: io::Error) -> Self {
        let hint = disk_hint(&error).unwrap_or("see that the file is yours and can be written");
        Self::message(Kind::Failed, format!("failed to {doing} {}: {error}", path.display())).hint(format!("{hint}; the next wake goes on"))
    }

    /// With its hint behind it, for a note.
    pub(crate) fn with_hint(&self) -> String {
        self.hint.as_ref().map_or_else(|| self.to_string(), |hint| format!("{self} ({hint})"))
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Busy => 75,
            Kind::Settings => 78,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let failure = Self::new(Kind::Failed, error);
        match failure.error.chain().find_map(|cause| cause.downcast_ref()).and_then(disk_hint) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// What the disk said of a file, with the file's name.
pub(crate) trait OnDisk<T> {
    /// The value, or a failure that names the file and how to mend it.
    fn on(self, path: &Path) -> Outcome<T>;
}

impl<T> OnDisk<T> for io::Result<T> {
    fn on(self, path: &Path) -> Outcome<T> {
        self.map_err(|error| Failure::of_disk("write", path, error))
    }
}

/// The result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Errors of the crates that know how to mend what they say.
pub(crate) trait Hinted: std::error::Error + Send + Sync + 'static {
    fn hint_of(&self) -> Option<String>;
}

macro_rules! hinted {
    ($($error:ty),* $(,)?) => {
        $(impl Hinted for $error {
            fn hint_of(&self) -> Option<String> {
                self.hint()
            }
        })*
    };
}

hinted!(
    reveille_memory::MemoryError,
    reveille_models::CarriedError,
    reveille_models::CatalogError,
    reveille_models::CorpusError,
    reveille_models::CourseError,
    reveille_models::GgufError,
    reveille_models::PullError,
    reveille_models::ReaderError,
    reveille_models::RequantizeError,
    reveille_schedules::service::ServiceError,
    reveille_skills::channels::Fault,
    reveille_skills::distribute::ComposeError,
    reveille_skills::distribute::NoPicture,
    reveille_skills::distribute::NotThere,
    reveille_skills::distribute::OutboxError,
    reveille_skills::publish::ProveError,
    reveille_skills::publish::PublishError,
    reveille_skills::readers::ReadersError,
    reveille_skills::shelf::ShelfError,
    reveille_skills::site::SiteError,
);

/// Keeps an error's hint on its way to the edge.
pub(crate) trait OrFail<T> {
    /// The value, or a failure with the error's own hint.
    fn or_fail(self) -> Outcome<T>;
}

impl<T, E: Hinted> OrFail<T> for Result<T, E> {
    fn or_fail(self) -> Outcome<T> {
        self.map_err(|error| {
            let hint = error.hint_of();
            Failure { hint, ..Failure::new(Kind::Failed, error) }
        })
    }
}
