//! The daemon's loop, the only file of this crate that knows processes, signals and a clock: it asks once a minute whether a wake is
//! due, runs each wake in a process of its own, and leaves when it is told to. What is due is decided by who is asked.
//!
//! Must stay true: never two children at once; a child is always waited for; whoever is asked may fail or panic, and the next minute
//! goes on.

use std::any::Any;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// How a daemon keeps time.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// When it asks: a cron pattern of six fields, seconds first, in UTC.
    pub pattern: String,
    /// After so long without that it asks all the same and makes the scheduler anew: one whose clock was set back by a day would
    /// be silent for a day.
    pub silence: Duration,
    /// How a process is asked to end (SIGTERM), by its id.
    pub terminate: fn(u32),
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A minute has passed; or the daemon has just begun.
    Minute {
        /// A child is running: nothing else is started now.
        waking: bool,
    },
    /// SIGHUP: the settings are to be read anew.
    Reload,
    /// The child that was ordered runs as this process.
    Started(u32),
    /// The child has ended, or was never there.
    Ended(End),
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be started: the system's words.
    NotStarted(String),
}

/// What is to be done.
#[derive(Debug)]
pub enum Order {
    /// Nothing.
    Nothing,
    /// Start this child; heeded only as the answer to a minute that has none.
    Wake(Box<Wake>),
    /// End the daemon, as SIGTERM does.
    Leave,
}

/// A child to start.
#[derive(Debug)]
pub struct Wake {
    /// The program with everything that it is given.
    pub command: Command,
    /// After so long it is ended by SIGKILL.
    pub limit: Duration,
    /// How long it may take to end once it was asked to.
    pub grace: Duration,
}

/// Why a daemon can't run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The system refuses what it needs: a runtime, or to hear of a signal.
    #[error("failed to start the daemon: {0}")]
    System(#[from] std::io::Error),
    /// The scheduler takes no job, or not this pattern.
    #[error("failed to start the scheduler: {0}")]
    Scheduler(#[from] JobSchedulerError),
}

impl Daemon {
    /// Runs until SIGTERM, SIGINT or [`Order::Leave`]; then a child is asked to end and waited for. Everything happens on this
    /// thread. `hear` is asked at once, and then each minute.
    ///
    /// # Errors
    /// The system or the scheduler refuses. A failure later on ends nothing.
    pub fn run(&self, hear: impl FnMut(News) -> Order) -> Result<(), DaemonError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut loop_ = Loop { daemon: self, hear, child: None, leaving: false, asked: Instant::now() };
        runtime.block_on(loop_.attend())
    }

    /// A scheduler whose one job does nothing but send.
    async fn scheduler(&self, events: &mpsc::Sender<Event>) -> Result<JobScheduler, JobSchedulerError> {
        let scheduler = JobScheduler::new_with_channel_size(CHANNEL).await?;
        let events = events.clone();
        let job = Job::new_async(self.pattern.as_str(), move |_, _| {
            let events = events.clone();
            Box::pin(async move {
                // A full channel holds a minute already.
                let _ = events.try_send(Event::Minute);
            })
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(scheduler)
    }
}

/// What wakes the loop.
#[derive(Debug, Clone, Copy)]
enum Event {
    Minute,
    Reload,
    Leave,
    Child,
}

/// How many events may wait. One job and four signals need no more.
const CHANNEL: usize = 16;

/// How long a process may take to be gone after SIGKILL.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// The child that runs.
struct Running {
    child: Child,
    /// When it is ended by force.
    deadline: Instant,
    grace: Duration,
    killed: bool,
}

struct Loop<'a, H> {
    daemon: &'a Daemon,
    hear: H,
    child: Option<Running>,
    leaving: bool,
    /// When it was asked last.
    asked: Instant,
}

impl<H: FnMut(News) -> Order> Loop<'_, H> {
    async fn attend(&mut self) -> Result<(), DaemonError> {
        let (events, heard) = mpsc::channel(CHANNEL);
        listen(SignalKind::terminate(), Event::Leave, &events)?;
        listen(SignalKind::interrupt(), Event::Leave, &events)?;
        listen(SignalKind::hangup(), Event::Reload, &events)?;
        listen(SignalKind::child(), Event::Child, &events)?;
        let scheduler = self.daemon.scheduler(&events).await?;
        self.until_left(Some(scheduler), heard, &events).await
    }

    async fn until_left(
        &mut self,
        mut scheduler: Option<JobScheduler>,
        mut heard: mpsc::Receiver<Event>,
        events: &mpsc::Sender<Event>,
    ) -> Result<(), DaemonError> {
        self.minute();
        while !self.leaving || self.child.is_some() {
            match timeout_at(self.deadline(), heard.recv()).await {
                Ok(Some(event)) => self.take(event),
                Ok(None) => break,
                Err(_) => {
                    self.end_late_child();
                    if !self.leaving && self.asked.elapsed() >= self.daemon.silence {
                        tracing::warn!(
                            "no minute came for {} s, the clock was set back: the scheduler is made anew",
                            self.asked.elapsed().as_secs()
                        );
                        scheduler = self.remade(scheduler, events).await;
                        self.minute();
                    }
                }
            }
        }
        if let Some(mut scheduler) = scheduler {
            scheduler.shutdown().await?;
        }
        Ok(())
    }

    /// A new scheduler in the place of a silent one; none where it can't be made: then it is asked by `silence` alone, and each
    /// time tried again. A child is never left for that.
    async fn remade(&self, silent: Option<JobScheduler>, events: &mpsc::Sender<Event>) -> Option<JobScheduler> {
        if let Some(mut silent) = silent
            && let Err(error) = silent.shutdown().await
        {
            tracing::warn!("failed to end the silent scheduler: {error}");
        }
        let made = self.daemon.scheduler(events).await;
        made.inspect_err(|error| tracing::error!("failed to make the scheduler anew, tried again later: {error}")).ok()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Minute => self.minute(),
            Event::Reload => {
                self.ask(News::Reload);
            }
            Event::Leave => self.leave(),
            Event::Child => self.reap(),
        }
    }

    /// When the loop looks up though nothing was sent.
    fn deadline(&self) -> Instant {
        let silent = self.asked + self.daemon.silence;
        self.child.as_ref().map_or(silent, |running| running.deadline.min(silent))
    }

    fn minute(&mut self) {
        self.asked = Instant::now();
        // Signals of children may come together; none is lost here.
        self.reap();
        if self.leaving {
            return;
        }
        let order = self.ask(News::Minute { waking: self.child.is_some() });
        if let Order::Wake(wake) = order
            && self.child.is_none()
        {
            self.start(*wake);
        }
    }

    /// Asks, and lives on whatever comes of it.
    fn ask(&mut self, news: News) -> Order {
        match catch_unwind(AssertUnwindSafe(|| (self.hear)(news))) {
            Ok(Order::Leave) => {
                self.leave();
                Order::Nothing
            }
            Ok(order) => order,
            Err(panic) => {
                tracing::error!("a look at what is due panicked ({}); the next minute goes on", words(panic.as_ref()));
                Order::Nothing
            }
        }
    }

    fn start(&mut self, mut wake: Wake) {
        match wake.command.spawn() {
            Ok(child) => {
                let process = child.id();
                self.child = Some(Running { child, deadline: Instant::now() + wake.limit, grace: wake.grace, killed: false });
                self.ask(News::Started(process));
            }
            Err(error) => {
                self.ask(News::Ended(End::NotStarted(error.to_string())));
            }
        }
    }

    /// Takes the end of the child, if it has ended.
    fn reap(&mut self) {
        let ended = self.child.as_mut().map(|running| running.child.try_wait());
        let end = match ended {
            None | Some(Ok(None)) => return,
            Some(Ok(Some(status))) => End::of(status),
            Some(Err(error)) => {
                tracing::error!("failed to wait for the wake: {error}");
                return;
            }
        };
        self.child = None;
        self.ask(News::Ended(end));
    }

    /// Asks the child to end; a second time ends a wake at once.
    fn leave(&mut self) {
        self.leaving = true;
        if let Some(running) = &mut self.child {
            (self.daemon.terminate)(running.child.id());
            if !running.killed {
                running.deadline = running.deadline.min(Instant::now() + running.grace);
            }
        }
    }

    fn end_late_child(&mut self) {
        self.reap();
        let Some(running) = self.child.as_mut().filter(|running| Instant::now() >= running.deadline) else { return };
        if !running.killed {
            tracing::error!(process = running.child.id(), "the wake does not end: it is ended by force");
            if let Err(error) = running.child.kill() {
                tracing::error!("failed to end the wake: {error}");
            }
            running.killed = true;
        } else if self.leaving {
            tracing::error!(process = running.child.id(), "the wake does not even end by force: it is left behind");
            self.child = None;
            return;
        }
        running.deadline = Instant::now() + AFTER_KILL;
    }
}

impl End {
    fn of(status: ExitStatus) -> Self {
        // One of the two is always there.
        status.code().map_or_else(|| End::Signal(status.signal().unwrap_or_default()), End::Code)
    }
}

/// Sends an event for each signal that comes.
fn listen(kind: SignalKind, event: Event, events: &mpsc::Sender<Event>) -> Result<(), std::io::Error> {
    let (mut signals, events) = (signal(kind)?, events.clone());
    tokio::spawn(async move { while signals.recv().await.is_some() && events.send(event).await.is_ok() {} });
    Ok(())
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

#[cfg(test)]
mod tests;
