//! The service of this machine that wakes a home: what is written for it, and whether it is really loaded.
//!
//! Must stay true: nothing is touched that is not this home's; what can't be read is never replaced; a service counts as loaded
//! only when its own program says so.

mod cron;
pub(crate) mod former;
mod launchd;
mod platform;
mod systemd;
mod zone;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_schedules::service::{Job, Service, Times, cron_block, launch_agent, systemd_service, systemd_timer};
use reveille_schedules::{Every, Schedule};
use sha2::{Digest, Sha256};

use crate::child::{self, Call, Ran};
use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::settings::{By, Settings};

/// How long a program of a service may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The variables that such a program sees.
const VARIABLES: [&str; 8] =
    ["HOME", "PATH", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS"];

/// This machine and what it is to start.
pub(crate) struct Machine<'a> {
    environment: &'a Environment,
    job: Job,
    schedule: Schedule,
    now: DateTime<Utc>,
}

/// Where a service keeps what it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file of its own.
    File(PathBuf),
    /// A block of the user's crontab.
    Crontab,
}

/// Something to know, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) what: String,
    pub(crate) hint: String,
}

/// How a service stands.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) service: Service,
    /// Whether it has what it would be given now.
    pub(crate) current: bool,
    /// Why it starts nothing, if it does not.
    pub(crate) idle: Option<Note>,
    pub(crate) notes: Vec<Note>,
}

/// What a program said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    answer: Vec<u8>,
    complaint: String,
}

impl Said {
    fn well(&self) -> bool {
        self.code == Some(0)
    }
}

impl<'a> Machine<'a> {
    /// This machine, for a home and its settings; without them it can only take away.
    ///
    /// # Errors
    /// A path that no service takes.
    pub(crate) fn of(environment: &'a Environment, home: &Home, settings: Option<&Settings>) -> Outcome<Self> {
        Self::at(environment, home.root(), settings)
    }

    /// The same for a place where a home lies, or lay.
    fn at(environment: &'a Environment, root: &Path, settings: Option<&Settings>) -> Outcome<Self> {
        use std::fmt::Write as _;
        use std::os::unix::ffi::OsStrExt as _;
        let digest = Sha256::digest(root.as_os_str().as_bytes());
        let tag = digest.iter().take(4).fold(String::new(), |mut tag, byte| {
            let _ = write!(tag, "{byte:02x}");
            tag
        });
        let mut job = Job::new(&environment.program()?, root, &tag).or_fail()?;
        if let Some(settings) = settings {
            job = job.limit(settings.wake.limit.duration());
        }
        if settings.is_some_and(starts_programs) {
            job = job.unconfined();
        }
        let schedule = settings.map_or(Schedule::Every(Every::minutes(120)), |settings| settings.wake.schedule());
        Ok(Self { environment, job, schedule, now: environment.now() })
    }

    /// The name under which services know this home.
    pub(crate) fn label(&self) -> &str {
        self.job.label()
    }

    /// The service that suits this machine.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn fitting(&self) -> Outcome<Service> {
        if platform::PREFERS_LAUNCHD && self.environment.has_tool("launchctl") {
            return Ok(Service::Launchd);
        }
        if self.environment.has_tool("systemctl") && systemd::works(self) {
            return Ok(Service::Systemd);
        }
        if self.environment.has_tool("crontab") {
            return Ok(Service::Cron);
        }
        let failure = Failure::message(Kind::Failed, "neither launchd nor a user's systemd nor cron is here");
        Err(failure.hint("install cron, and run this again"))
    }

    /// Where a service keeps what it is given for this home.
    pub(crate) fn places(&self, service: Service) -> Vec<Place> {
        match service {
            Service::Launchd => vec![Place::File(launchd::place(self))],
            Service::Cron => vec![Place::Crontab],
            Service::Systemd => systemd::places(self).into_iter().map(Place::File).collect(),
        }
    }

    /// What a service is given, with its place.
    ///
    /// # Errors
    /// The paths don't fit.
    pub(crate) fn texts(&self, service: Service) -> Outcome<Vec<(Place, String)>> {
        let zone = zone::here();
        let texts = match service {
            Service::Launchd => vec![launch_agent(&self.job, &Times::few(&self.schedule, zone, self.now)).or_fail()?],
            Service::Cron => vec![cron_block(&self.job, &Times::often(&self.schedule, zone, self.now)).or_fail()?],
            Service::Systemd => {
                let times = Times::few(&self.schedule, Some(chrono_tz::UTC), self.now);
                vec![systemd_service(&self.job), systemd_timer(&self.job, &times)]
            }
        };
        Ok(self.places(service).into_iter().zip(texts).collect())
    }

    /// The commands that loading it takes, for a person to read.
    pub(crate) fn steps(&self, service: Service) -> Vec<String> {
        match service {
            Service::Launchd => launchd::steps(self),
            Service::Cron => vec!["crontab FILE, with this block before all other lines".to_owned()],
            Service::Systemd => systemd::steps(self),
        }
    }

    /// The services that have something for this home.
    ///
    /// # Errors
    /// The crontab can't be read.
    pub(crate) fn installed(&self) -> Outcome<Vec<Service>> {
        let mut found = Vec::new();
        for service in Service::ALL {
            for place in self.places(service) {
                if self.stands(&place)?.is_some() {
                    found.push(service);
                    break;
                }
            }
        }
        Ok(found)
    }

    /// What stands in a place.
    fn stands(&self, place: &Place) -> Outcome<Option<Vec<u8>>> {
        match place {
            Place::Crontab => cron::block(self),
            Place::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => {
                    let failure = Failure::message(Kind::Failed, format!("failed to read {}: {error}", path.display()));
                    Err(failure.hint("make it a file of your own"))
                }
            },
        }
    }

    /// Whether a service has exactly what it would be given now.
    fn is_current(&self, service: Service) -> Outcome<bool> {
        for (place, text) in self.texts(service)? {
            if self.stands(&place)?.as_deref() != Some(text.as_bytes()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How an installed service stands.
    ///
    /// # Errors
    /// Its program can't be asked.
    pub(crate) fn look(&self, service: Service) -> Outcome<State> {
        let current = self.is_current(service)?;
        let (idle, notes) = match service {
            Service::Launchd => (launchd::idle(self)?, vec![]),
            Service::Cron => (platform::cron_rests(), platform::cron_notes()),
            Service::Systemd => (systemd::idle(self)?, systemd::notes(self)),
        };
        Ok(State { service, current, idle, notes })
    }

    /// How all that are installed stand.
    ///
    /// # Errors
    /// One of them can't be asked.
    pub(crate) fn standing(&self) -> Outcome<Vec<State>> {
        self.installed()?.into_iter().map(|service| self.look(service)).collect()
    }

    /// Writes what a service is given and has it load that. Twice is as good as once.
    ///
    /// # Errors
    /// Something can't be written, or its program says no.
    pub(crate) fn install(&self, service: Service) -> Outcome {
        match service {
            Service::Launchd => launchd::install(self),
            Service::Cron => cron::install(self),
            Service::Systemd => systemd::install(self),
        }
    }

    /// Takes everything away that a service has for this home.
    ///
    /// # Errors
    /// Something can't be removed.
    pub(crate) fn uninstall(&self, service: Service) -> Outcome {
        match service {
            Service::Launchd => launchd::uninstall(self),
            Service::Cron => cron::uninstall(self),
            Service::Systemd => systemd::uninstall(self),
        }
    }

    /// Writes the files of a service, each whole or not at all.
    fn write_files(&self, service: Service) -> Outcome {
        for (place, text) in self.texts(service)? {
            let Place::File(path) = place else { continue };
            write(&path, &text).map_err(|error| {
                let failure = Failure::message(Kind::Failed, format!("failed to write {}: {error}", path.display()));
                failure.hint("make its folder yours, or choose another service")
            })?;
        }
        Ok(())
    }

    /// Runs a program of the system; whatever it answers is an answer.
    fn call<S: Into<OsString>>(&self, program: &str, arguments: impl IntoIterator<Item = S>) -> Outcome<Said> {
        let path = self.environment.tool(program).ok_or_else(|| {
            let failure = Failure::message(Kind::Failed, format!("there is no `{program}` on the search path"));
            failure.hint("choose a service that this machine has: `reveille service install` finds it")
        })?;
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let mut variables = self.environment.only(&VARIABLES);
        // Its words are read: in English.
        variables.push(("LC_ALL".into(), "C".into()));
        match child::run(&path, &Call { arguments, input: None, variables: Some(variables), limit: LIMIT, folder: None }) {
            Ran::Ended { code, answer, complaint } => {
                Ok(Said { code, answer, complaint: String::from_utf8_lossy(&complaint).trim().to_owned() })
            }
            Ran::TooLong => {
                let failure = Failure::message(Kind::Failed, format!("`{program}` did not answer within {} seconds", LIMIT.as_secs()));
                Err(failure.hint("nobody can tell what came of it: `reveille service status` looks again"))
            }
            Ran::NotStarted(why) => Err(Failure::message(Kind::Failed, why).hint(format!("mend `{program}`, or choose another service"))),
        }
    }

    /// A folder that a variable names, else one in the user's own.
    fn user_folder(&self, variable: Option<&str>, otherwise: &str) -> PathBuf {
        let named = variable.and_then(|name| self.environment.path(name)).filter(|path| path.is_absolute());
        named.unwrap_or_else(|| self.environment.path("HOME").unwrap_or_else(|| PathBuf::from("/")).join(otherwise))
    }
}

impl State {
    /// What keeps it from waking the home as the settings say, and what is good to know.
    pub(crate) fn problems(&self) -> Vec<Note> {
        let stale = Note {
            what: format!("{} has other times or paths than it would be given now", self.service),
            hint: format!("`reveille service install {}`", self.service),
        };
        let stale = (!self.current).then_some(stale);
        self.idle.iter().chain(&stale).chain(&self.notes).cloned().collect()
    }

    /// In a few words.
    pub(crate) fn shown(&self) -> String {
        let loaded = if self.idle.is_none() { "loaded" } else { "NOT loaded" };
        format!("{}, {loaded}{}", self.service, if self.current { "" } else { ", not as the settings say" })
    }
}

/// Whether wakes start programs of the human's, which may change their user or group: `sendmail`, a hook, a command of a notice.
fn starts_programs(settings: &Settings) -> bool {
    let mails = settings.channels.email.as_ref().is_some_and(|email| email.smtp.scheme() == "sendmail");
    let tells = settings.notice.as_ref().is_some_and(|notice| matches!(notice.by, By::Command { .. }));
    mails || tells || settings.backup.program().is_some()
}

/// A program that said no.
fn refused(what: &str, said: &Said, hint: &str) -> Failure {
    let words = said.complaint.lines().next().unwrap_or("without a word");
    Failure::message(Kind::Failed, format!("`{what}` failed: {words}")).hint(hint)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    // launchd takes no list that others may write.
    let mut new = tempfile::Builder::new().prefix(".reveille-").permissions(std::fs::Permissions::from_mode(0o644)).tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Removes a file that may not be there.
fn remove(path: &Path) -> Outcome {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::message(Kind::Failed, format!("failed to remove {}: {error}", path.display())).hint("remove it by hand"))
        }
        _ => Ok(()),
    }
}
