//! Errors at the edge: each has a kind, an exit code and, where there is one, a hint. The codes are documented in the README.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use reveille_skills::channels::Fault;
pub(crate) use reveille_skills::disk_hint;
use reveille_skills::publish::ProveError;

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

/// What stood in the way, as the breaker (`tried.rs`) tells failures apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nobody can be reached, or no answer is clear: of the network, not of the action.
    Network,
    /// The channel said no.
    Refused,
    /// Anything else, by the kind of error.
    Other(&'static str),
}

impl Cause {
    /// Its name, as memory keeps it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::Network => "network",
            Cause::Refused => "refused",
            Cause::Other(name) => name,
        }
    }

    /// Of what a channel did not do.
    pub(crate) fn of(fault: &Fault) -> Self {
        match fault {
            Fault::Later { .. } | Fault::Unclear { .. } | Fault::RateLimited { .. } => Cause::Network,
            Fault::Refused { .. } => Cause::Refused,
            Fault::Credential { .. } => Cause::Other("credential"),
        }
    }
}

/// A failure as the user sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
    /// It was held back, not tried: that says nothing of the task.
    pub(crate) held: bool,
    /// What stood in the way.
    pub(crate) cause: Cause,
}

impl Failure {
    pub(crate) fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: error.into(), hint: None, held: false, cause: Cause::Other("failure") }
    }

    pub(crate) fn held(mut self) -> Self {
        self.held = true;
        self
    }

    pub(crate) fn because(mut self, cause: Cause) -> Self {
        self.cause = cause;
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
        ExitCode::from(self.number())
    }

    /// The exit code as a number.
    pub(crate) fn number(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Busy => 75,
            Kind::Settings => 78,
        }
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

    /// What stood in the way.
    fn cause_of(&self) -> Cause {
        Cause::Other(std::any::type_name::<Self>())
    }
}

impl Hinted for Fault {
    fn hint_of(&self) -> Option<String> {
        self.hint()
    }

    fn cause_of(&self) -> Cause {
        Cause::of(self)
    }
}

impl Hinted for ProveError {
    fn hint_of(&self) -> Option<String> {
        self.hint()
    }

    fn cause_of(&self) -> Cause {
        match self {
            ProveError::Fetch { .. } => Cause::Network,
            _ => Cause::Other("prove"),
        }
    }
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
    reveille_site::PageError,
    reveille_skills::answers::asking::NoSurvey,
    reveille_skills::channels::email::WrongWords,
    reveille_skills::distribute::ComposeError,
    reveille_skills::distribute::NoPicture,
    reveille_skills::distribute::NotThere,
    reveille_skills::distribute::OutboxError,
    reveille_skills::experiments::NoSubjects,
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
            let (hint, cause) = (error.hint_of(), error.cause_of());
            Failure { hint, cause, ..Failure::new(Kind::Failed, error) }
        })
    }
}
