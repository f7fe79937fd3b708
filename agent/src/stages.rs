//! The stages of a wake: each is a tracing span with its time, kept with the run, so that `why` and `log` can tell where the
//! time went. Between stages the wake may be told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Kind, Outcome};
use crate::readings::Taken;

/// Why a wake has to stop now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A signal, by its number.
    Signal(usize),
    /// Its time is up.
    Limit,
}

/// Times of stages, and the brakes that are checked between them.
pub(crate) struct Stages {
    started: Instant,
    limit: Duration,
    signal: Arc<AtomicUsize>,
    /// The watchdog says that the time is up.
    over: Arc<AtomicBool>,
    times: Vec<(&'static str, u64)>,
    /// What reading has taken of the caps of a wake, which may decide more than once.
    pub(crate) read: Taken,
}

impl Stages {
    /// Starts the clock of the limit and listens for SIGTERM, SIGINT and SIGHUP.
    pub(crate) fn start(limit: Duration) -> Outcome<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
            // A second signal ends the process at once.
            let armed = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register_conditional_shutdown(number, 1, Arc::clone(&armed))?;
            signal_hook::flag::register(number, armed)?;
            signal_hook::flag::register_usize(number, Arc::clone(&signal), usize::try_from(number).unwrap_or(1))?;
        }
        Ok(Self { started: Instant::now(), limit, signal, over: Arc::default(), times: Vec::new(), read: Taken::default() })
    }

    /// Runs one stage, if there is time.
    pub(crate) fn run<T>(&mut self, name: &'static str, stage: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        self.check()?;
        self.finish(name, stage)
    }

    /// Runs one stage though the time may be up: what was done is always recorded.
    pub(crate) fn finish<T>(&mut self, name: &'static str, stage: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let span = tracing::info_span!("stage", stage = name);
        let from = Instant::now();
        let result = span.in_scope(stage);
        let micros = u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX);
        span.in_scope(|| tracing::debug!(micros, ok = result.is_ok(), "done"));
        self.times.push((name, micros));
        result
    }

    /// What says stop, if anything does. Cheap: asked before every effect and between batches of reading.
    pub(crate) fn stop(&self) -> Option<Stop> {
        let over = self.over.load(Ordering::Relaxed) || self.started.elapsed() >= self.limit;
        match self.signal.load(Ordering::Relaxed) {
            _ if over => Some(Stop::Limit),
            0 => None,
            number => Some(Stop::Signal(number)),
        }
    }

    /// What a watchdog sets when the time is up.
    pub(crate) fn over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.over)
    }

    /// A copy of the brakes that a reading can carry along.
    pub(crate) fn brake(&self) -> impl Fn() -> bool + use<> {
        let (signal, deadline) = (Arc::clone(&self.signal), self.started + self.limit);
        move || signal.load(Ordering::Relaxed) != 0 || Instant::now() >= deadline
    }

    /// The same for what has to be done though the time is up: a signal only, and not the watchdog's own.
    pub(crate) fn signalled(&self) -> impl Fn() -> bool + use<> {
        let (signal, over) = (Arc::clone(&self.signal), Arc::clone(&self.over));
        move || signal.load(Ordering::Relaxed) != 0 && !over.load(Ordering::Relaxed)
    }

    /// An error when it is time to stop.
    pub(crate) fn check(&self) -> Outcome {
        match self.stop() {
            None => Ok(()),
            Some(Stop::Limit) => {
                let failure =
                    Failure::message(Kind::Failed, format!("the wake took longer than {} s and was stopped", self.limit.as_secs()));
                Err(failure.hint("what was read is remembered: the next wake goes on from there; `limit` in [wake] sets the time"))
            }
            Some(Stop::Signal(number)) => {
                let failure = Failure::message(Kind::Failed, format!("stopped by signal {number}"));
                Err(failure.hint("nothing was left half done; the next wake goes on"))
            }
        }
    }

    /// The times so far, in microseconds.
    pub(crate) fn times(&self) -> &[(&'static str, u64)] {
        &self.times
    }
}
