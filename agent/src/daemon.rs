//! What the daemon decides at each minute: whether to start a wake. Only the wake itself takes a slot, under its lease, so a start too
//! many does nothing; the daemon's part is to start none in vain.
//!
//! Must stay true: in a home that is not there nothing is started and nothing is written; settings that are wrong are never taken;
//! a wake that does not fill its slot is tried again after 2, 4, 8, 16 and then every 32 minutes.

mod health;

use std::process::{Command, Stdio};
use std::time::Duration;

use std::os::unix::process::CommandExt;

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, MemoryError};
use reveille_schedules::daemon::{End, News, Order, Wake};
use reveille_schedules::{Due, Slot, due};

use crate::commands::{Ready, ready};
use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::post::{Post, Stays};
use crate::settings::Settings;
use crate::turn::due_by;
use health::{Health, Keeper, LastWake};

pub(crate) use health::Heard;

/// Each minute, seconds first.
const EACH_MINUTE: &str = "0 * * * * *";

/// How much longer than its limit a wake may run before it is ended from outside: its own watchdog comes first.
const BEYOND: Duration = Duration::from_secs(10 * 60);

/// How much longer than a server's answer a wake may take to end: it ends between two effects.
const GRACE: Duration = Duration::from_secs(30);

/// When the daemon looks.
pub(crate) fn pattern(environment: &Environment) -> String {
    environment.get("REVEILLE_TICK").map_or_else(|| EACH_MINUTE.to_owned(), |pattern| pattern.to_string_lossy().into_owned())
}

/// Asks a process to end.
pub(crate) fn terminate(process: u32) {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(Err(error)) = process.map(|process| rustix::process::kill_process(process, rustix::process::Signal::TERM)) {
        tracing::warn!("failed to ask the wake to end: {error}");
    }
}

/// A daemon at its post.
pub(crate) struct Watch<'a> {
    environment: &'a Environment,
    home: Home,
    settings: Settings,
    program: std::path::PathBuf,
    post: Post,
    health: Health,
    keeper: Keeper,
    /// When memory was looked into last, and until when nothing is due since then: memory is not opened each minute, so that an old
    /// disk may rest.
    rests: Option<(DateTime<Utc>, DateTime<Utc>)>,
    tries: Tries,
    /// What is wrong with the settings that were read last.
    settings_trouble: Option<String>,
    /// What went wrong at the last minute.
    trouble: Option<String>,
    /// Why it leaves, when nobody told it to.
    left: Outcome,
}

impl<'a> Watch<'a> {
    /// Takes the daemon's place in a home, or says who has it.
    pub(crate) fn begin(ready: Ready<'a>) -> Outcome<Self> {
        let now = ready.environment.now();
        let post = Post::take(Stays::Daemon, &ready.home, now)?;
        let keeper = Keeper::of(&ready.home);
        let mut watch = Self {
            environment: ready.environment,
            program: ready.environment.program()?,
            home: ready.home,
            settings: ready.settings,
            post,
            health: Health::begin(now),
            keeper,
            rests: None,
            tries: Tries::default(),
            settings_trouble: None,
            trouble: None,
            left: Ok(()),
        };
        watch.due(now);
        Ok(watch)
    }

    /// What a person reads at the start.
    pub(crate) fn greeting(&self) -> String {
        let next = match self.health.next_due {
            Some(next) if next > self.health.last_tick => format!("The next wake is due at {}", next.format("%Y-%m-%d %H:%M UTC")),
            Some(_) => "A wake is due now".to_owned(),
            None => "No wake will ever be due".to_owned(),
        };
        format!("{next}; process {} sees to it. SIGTERM or Ctrl-C ends it.", self.health.pid)
    }

    /// Hears what happened and says what to do.
    pub(crate) fn hear(&mut self, news: News) -> Order {
        let now = self.environment.now();
        let order = match news {
            News::Minute { waking } => self.minute(now, waking),
            News::Reload => self.reload(now),
            News::Started(process) => self.started(process, now),
            News::Ended(end) => self.ended(&end, now),
        };
        self.health.trouble = self.settings_trouble.clone().or_else(|| self.trouble.clone());
        if self.home.settings().is_file() {
            self.keeper.keep(&self.health);
        }
        order
    }

    /// Leaves: what status reads goes with it.
    pub(crate) fn end(self) -> Outcome {
        tracing::info!("the daemon ends");
        if self.left.is_ok() {
            self.keeper.remove();
        }
        self.left
    }

    fn minute(&mut self, now: DateTime<Utc>, waking: bool) -> Order {
        self.health.last_tick = now;
        match self.look(now, waking) {
            Ok(order) => {
                self.trouble = None;
                order
            }
            Err(failure) if failure.kind == Kind::Busy => {
                self.left = Err(failure);
                Order::Leave
            }
            Err(failure) => {
                let trouble = failure.with_hint();
                if self.trouble.as_ref() != Some(&trouble) {
                    tracing::warn!("{trouble}");
                }
                self.trouble = Some(trouble);
                Order::Nothing
            }
        }
    }

    fn look(&mut self, now: DateTime<Utc>, waking: bool) -> Outcome<Order> {
        if !self.home.settings().is_file() {
            let failure = Failure::message(Kind::Failed, format!("the home {} is not there", self.home.root().display()));
            return Err(failure.hint("the daemon waits for it"));
        }
        self.post.renew(&self.home)?;
        let rests = self.rests.is_some_and(|(looked, until)| looked <= now && now < until);
        if waking || rests {
            return Ok(Order::Nothing);
        }
        let Due::Now { slot, .. } = self.due(now) else { return Ok(Order::Nothing) };
        Ok(if self.tries.may(slot) { Order::Wake(Box::new(self.wake())) } else { Order::Nothing })
    }

    /// Whether a wake is due. A memory that can't be read is a wake's to mend or to complain of.
    fn due(&mut self, now: DateTime<Utc>) -> Due {
        let schedule = self.settings.wake.schedule();
        let due = due_by(&schedule, now, |now| last_slot(&self.home, now)).unwrap_or_else(|failure| {
            tracing::debug!("what was done is not known, the wake decides: {}", failure.with_hint());
            due(now, None, &schedule)
        });
        let next = match due {
            Due::Now { slot, .. } => slot.begins(),
            Due::NotUntil(next) => next,
        };
        self.rests = matches!(due, Due::NotUntil(_)).then_some((now, next));
        self.health.next_due = Some(next).filter(|next| *next < DateTime::<Utc>::MAX_UTC);
        due
    }

    fn wake(&self) -> Wake {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(self.home.root()).args(["wake", "--scheduled", "daemon"]);
        // What it says is in the log and in the home; only its complaints are for whoever looks on.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        // In a group of its own, or Ctrl-C would tell it twice. Not in a folder that may have gone.
        command.process_group(0).current_dir(self.home.root());
        let wake = &self.settings.wake;
        Wake { command, limit: wake.limit.duration() + BEYOND, grace: wake.patience.duration() + GRACE }
    }

    fn reload(&mut self, now: DateTime<Utc>) -> Order {
        match ready(self.home.clone(), self.environment) {
            Ok(ready) => {
                tracing::info!("the settings were read anew");
                self.settings = ready.settings;
                self.settings_trouble = None;
                self.tries = Tries::default();
                self.due(now);
            }
            Err(failure) => {
                let trouble = format!("the settings are wrong, the old ones stay: {}", failure.with_hint());
                tracing::warn!("{trouble}");
                self.settings_trouble = Some(trouble);
            }
        }
        Order::Nothing
    }

    fn started(&mut self, process: u32, now: DateTime<Utc>) -> Order {
        tracing::info!(process, "a wake begins");
        self.health.waking_since = Some(now);
        self.health.waiting = None;
        Order::Nothing
    }

    fn ended(&mut self, end: &End, now: DateTime<Utc>) -> Order {
        let began_at = self.health.waking_since.take().unwrap_or(now);
        let wake = LastWake::of(began_at, now, end);
        tracing::info!(code = wake.code, signal = wake.signal, "the wake {}", wake.words());
        if let Due::Now { slot, .. } = self.due(now)
            && let Some(minutes) = self.tries.in_vain(slot)
        {
            let waiting = format!("the wake {}, its slot is not filled: tried again in {minutes} minutes", wake.words());
            tracing::warn!("{waiting}");
            self.health.waiting = Some(waiting);
        }
        self.health.last_wake = Some(wake);
        Order::Nothing
    }
}

/// The newest slot up to now that a wake has filled.
fn last_slot(home: &Home, now: DateTime<Utc>) -> Outcome<Option<i64>> {
    let memory = match Memory::open_read_only(&home.database()) {
        Err(MemoryError::Missing(_)) => return Ok(None),
        opened => opened.or_fail()?,
    };
    memory.last_slot(now.timestamp()).or_fail()
}

/// How often a slot was tried in vain, and how many minutes are left until it is tried again. Minutes are counted, not read from
/// the clock, which may be set.
#[derive(Debug, Default)]
struct Tries {
    slot: Option<Slot>,
    failed: u32,
    rest: u32,
}

impl Tries {
    /// Whether the slot may be tried now; each call is a minute.
    fn may(&mut self, slot: Slot) -> bool {
        if self.slot != Some(slot) {
            *self = Self { slot: Some(slot), ..Self::default() };
        }
        let rested = self.rest == 0;
        self.rest = self.rest.saturating_sub(1);
        rested
    }

    /// A wake for this slot left it open: after how many minutes it is tried again. None for a slot that was not tried.
    fn in_vain(&mut self, slot: Slot) -> Option<u32> {
        if self.slot != Some(slot) {
            return None;
        }
        self.failed = (self.failed + 1).min(5);
        let minutes = 1_u32 << self.failed;
        self.rest = minutes - 1;
        Some(minutes)
    }
}

#[cfg(test)]
mod tests;
