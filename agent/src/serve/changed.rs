//! Settings that were changed under a running `reveille serve`, which reads them at its start only.
//!
//! Must stay true: it is said once, and only of other bytes: a file that was touched, or written as it was, has not changed.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::home::Home;

/// `reveille.toml` as it was.
#[derive(Debug)]
pub(crate) struct Changed<'a> {
    path: PathBuf,
    text: &'a str,
    /// As of when it was looked at last.
    at: Option<SystemTime>,
    said: bool,
}

impl<'a> Changed<'a> {
    /// Since it said this.
    pub(crate) fn since(home: &Home, text: &'a str) -> Self {
        Self { path: home.settings(), text, at: None, said: false }
    }

    /// Looks at it, and says once that it has changed.
    pub(crate) fn look(&mut self) {
        let at = written_at(&self.path);
        if self.said || at == self.at {
            return;
        }
        self.at = at;
        if std::fs::read(&self.path).is_ok_and(|bytes| bytes != self.text.as_bytes()) {
            self.said = true;
            tracing::warn!(
                "{} has changed, and this `reveille serve` goes on with what it said at the start: end it and start it again",
                self.path.display()
            );
        }
    }
}

fn written_at(path: &std::path::Path) -> Option<SystemTime> {
    path.metadata().and_then(|file| file.modified()).ok()
}
