//! Counting what can be counted here: readers that are people, drafts that are ready, issues that were told nowhere.
//!
//! Must stay true: what was not measured is unknown, not zero; a wrong count is worse than none.

use std::path::Path;

use crate::readers::{Counts, Readers, ReadersError, SuppressedIds};

/// Counts the readers of `readers.csv` in the home who are people; without the file there are none.
///
/// # Errors
/// The file can't be read, or a row of it is no row: nothing is counted then.
pub fn count_readers(home: &Path, owner: &[String], suppressed: &SuppressedIds) -> Result<Counts, ReadersError> {
    Ok(Readers::load(home, owner)?.counts(suppressed))
}
