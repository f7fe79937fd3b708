//! The watchdog of a wake: a thread that asks it to stop when its time is up, and ends it by force when it does not. Time is
//! what passes on the wall or in the process, whichever is more: a process that was frozen by sleep counts the night too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};

use crate::environment::Clock;
use crate::failure::Outcome;

/// How long a wake that was asked to stop may take: more than a server may be silent (`patience`, two minutes at most).
const GRACE: Duration = Duration::from_secs(150);

/// How long the last words may take.
const WORDS: Duration = Duration::from_secs(10);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);

/// Watches while it lives.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    /// Watches for `limit`. When that is over it sets `over` and sends SIGTERM to its own process; when that did not help, it
    /// says `last_words` and ends the process by SIGKILL.
    pub(crate) fn start(clock: Clock, limit: Duration, over: Arc<AtomicBool>, last_words: impl FnOnce() + Send + 'static) -> Outcome<Self> {
        let (alive, watched) = channel();
        let watch = Watch::start(clock.clone());
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            if !watch.until(limit, &watched) {
                return;
            }
            over.store(true, Ordering::Relaxed);
            let _ = kill_process(getpid(), Signal::TERM);
            // Counted from here: a wake that was frozen for a night still gets its time to end by itself.
            if Watch::start(clock).until(GRACE, &watched) {
                say(last_words);
                let _ = kill_process(getpid(), Signal::KILL);
            }
        })?;
        Ok(Self { _alive: alive })
    }
}

/// Says the last words in a thread of their own: what they are written to may hang as the wake does.
fn say(last_words: impl FnOnce() + Send + 'static) {
    let (done, said) = channel();
    let speaker = std::thread::Builder::new().spawn(move || {
        last_words();
        let _ = done.send(());
    });
    if speaker.is_ok() {
        let _ = said.recv_timeout(WORDS);
    }
}

struct Watch {
    began: Instant,
    began_at: chrono::DateTime<chrono::Utc>,
    clock: Clock,
}

impl Watch {
    fn start(clock: Clock) -> Self {
        Self { began: Instant::now(), began_at: clock.now(), clock }
    }

    /// Waits for so much time since the beginning; false when the wake ended before.
    fn until(&self, time: Duration, watched: &Receiver<()>) -> bool {
        while self.passed() < time {
            if watched.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
        }
        true
    }

    fn passed(&self) -> Duration {
        let on_the_wall = (self.clock.now() - self.began_at).to_std().unwrap_or_default();
        on_the_wall.max(self.began.elapsed())
    }
}
