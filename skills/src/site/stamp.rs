//! Whether a file is still the one that was read, without reading it.
//!
//! Must stay true: a stamp is kept only when any later change must give another one. A file that was changed a moment ago
//! could be changed again within the same tick of the disk's clock, so it is read again next time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, Root, temporary_in};

/// A tick of disks that keep fractions of a second, generously; and of those that keep whole seconds (HFS+, FAT).
const TICK: i128 = 50_000_000;
const COARSE_TICK: i128 = 2_000_000_000;

/// What the disk says of a file. Times in nanoseconds of Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    bytes: u64,
    modified: i64,
    changed: i64,
    inode: u64,
}

/// The time on the disk's own clock when a render began.
#[derive(Debug, Clone, Copy)]
pub(super) struct DiskTime(i128);

impl DiskTime {
    /// Asks by making a file for a moment.
    pub(super) fn now(root: &Root) -> Result<Self, DiskError> {
        let folder = root.folder("memory")?;
        let made = temporary_in(&folder, b"", None).and_then(|file| file.as_file().metadata());
        let made = made.map_err(|source| DiskError::Io { path: folder, source })?;
        Ok(Self(nanos(made.mtime(), made.mtime_nsec())))
    }
}

fn nanos(seconds: i64, fraction: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(fraction)
}

impl Stamp {
    /// The stamp of a file as it is now; to be taken before the file is read.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let known = fs::metadata(path).ok()?;
        let time = |seconds, fraction| i64::try_from(nanos(seconds, fraction)).ok();
        Some(Self {
            bytes: known.len(),
            modified: time(known.mtime(), known.mtime_nsec())?,
            changed: time(known.ctime(), known.ctime_nsec())?,
            inode: known.ino(),
        })
    }

    /// The stamp, if any later change will give another one.
    pub(super) fn settled(self, now: DiskTime) -> Option<Self> {
        let coarse = self.modified % 1_000_000_000 == 0 && self.changed % 1_000_000_000 == 0;
        let tick = if coarse { COARSE_TICK } else { TICK };
        (i128::from(self.modified.max(self.changed)) + tick < now.0).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_kept_once_its_tick_has_passed() {
        const SECOND: i64 = 1_000_000_000;
        for (modified, changed, now, kept) in [
            (10 * SECOND + 1, 10 * SECOND + 1, 10 * SECOND + 60_000_000, true),
            (10 * SECOND + 1, 10 * SECOND + 1, 10 * SECOND + 40_000_000, false),
            // The author set the time back; the disk knows when.
            (5 * SECOND + 1, 10 * SECOND + 1, 10 * SECOND + 40_000_000, false),
            (10 * SECOND, 10 * SECOND, 11 * SECOND, false),
            (10 * SECOND, 10 * SECOND, 13 * SECOND, true),
            // From the future: the clock was set back.
            (20 * SECOND + 1, 20 * SECOND + 1, 10 * SECOND, false),
        ] {
            let stamp = Stamp { bytes: 1, modified, changed, inode: 1 };
            assert_eq!(stamp.settled(DiskTime(i128::from(now))).is_some(), kept, "{modified} {changed} {now}");
        }
    }
}
