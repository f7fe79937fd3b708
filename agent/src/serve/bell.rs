//! Wakes the thread that mails. It is never rung in vain: what rings while the thread is at work is heard when it waits next.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The bell.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    heard: Mutex<Heard>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    rung: bool,
    ended: bool,
}

impl Bell {
    /// Something is wanted.
    pub(crate) fn ring(&self) {
        self.change(|heard| heard.rung = true);
    }

    /// The program is leaving.
    pub(crate) fn end(&self) {
        self.change(|heard| heard.ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Whether the program is leaving.
    pub(crate) fn has_ended(&self) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    /// Waits until it is rung, the program leaves, or this time has passed; whether the program leaves.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(heard, most, |heard| !heard.rung && !heard.ended);
        let (mut heard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        heard.rung = false;
        heard.ended
    }

    /// Waits for this time, or until the program leaves.
    pub(crate) fn pause(&self, time: Duration) {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(heard, time, |heard| !heard.ended));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn what_rings_before_or_while_is_heard_once() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        assert!(!bell.wait(LONG));
        assert!(!bell.wait(Duration::ZERO), "heard already");
        std::thread::scope(|scope| {
            scope.spawn(|| bell.ring());
            assert!(!bell.wait(LONG));
            scope.spawn(|| bell.end());
            bell.pause(LONG);
            assert!(bell.has_ended() && bell.wait(LONG));
        });
    }
}
