//! Reading a file that a human may be saving at this moment. Editors save in three ways: over the file (it is empty or half there
//! for a while), under another name with a rename, or with the old file moved away first (it is gone for a while).
//!
//! Must stay true: a text that was caught half saved is not taken for what the human wrote; one that has not changed for a while
//! costs no waiting.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};

/// A file that nobody has touched for so long is not being saved.
const SETTLED: Duration = Duration::from_secs(2);

/// How long a younger text has to stay the same. Editors save within a few milliseconds.
const QUIET: Duration = Duration::from_millis(25);

/// The same for a text that looks cut off, or is missing.
const QUIET_IF_ODD: Duration = Duration::from_millis(300);

/// How long to wait for such a moment.
const PATIENCE: Duration = Duration::from_secs(10);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What was seen at one look.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Nothing, when there is no file.
    bytes: Option<Vec<u8>>,
    touched: Option<SystemTime>,
}

/// The bytes of a text file once nobody is saving it; none, when there is no file.
pub(crate) fn read(path: &Path, environment: &Environment) -> Outcome<Vec<u8>> {
    let failed = |error: std::io::Error| Failure::of_disk("read", path, error);
    let begun = Instant::now();
    let mut last = look(path).map_err(failed)?;
    let mut since = Instant::now();
    loop {
        let age = last.touched.map(|touched| environment.age(touched));
        let wanted = if looks_odd(last.bytes.as_deref()) { QUIET_IF_ODD } else { QUIET };
        if age.is_some_and(|age| age >= SETTLED) || since.elapsed() >= wanted {
            return Ok(last.bytes.unwrap_or_default());
        }
        if begun.elapsed() >= PATIENCE {
            return Err(Failure::message(Kind::Failed, format!("{} is being written without a pause", path.display()))
                .hint("nothing was changed; the next wake looks again"));
        }
        std::thread::sleep(LOOK_AGAIN);
        let next = look(path).map_err(failed)?;
        if next != last {
            (last, since) = (next, Instant::now());
        }
    }
}

fn look(path: &Path) -> std::io::Result<Seen> {
    let missing = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(Seen { bytes: None, touched: None }),
        _ => Err(error),
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return missing(error),
    };
    match path.metadata().and_then(|meta| meta.modified()) {
        Ok(touched) => Ok(Seen { bytes: Some(bytes), touched: Some(touched) }),
        Err(error) => missing(error),
    }
}

/// Whether a text looks as if its end were missing: it has none, or a block of ours without its last line.
fn looks_odd(bytes: Option<&[u8]>) -> bool {
    let Some(bytes) = bytes else { return true };
    let text = String::from_utf8_lossy(bytes);
    let lines = |marker: &str| text.lines().filter(|line| line.trim() == marker).count();
    !text.ends_with('\n') || lines("<!-- reveille -->") != lines("<!-- /reveille -->")
}
