//! Measuring: which channel brings people (`measure/`: the posts there are, asking a channel, rounds, keeping, looking), and counting
//! what can be counted here: readers that are people.
//!
//! Must stay true: what was not measured is unknown, not zero; a wrong count is worse than none.

mod channel;
mod keep;
mod logs;
mod posts;
mod reached;
mod round;
#[cfg(test)]
mod tests;
mod visits;

pub use channel::{Measurement, Meter, measure_channel};
pub use keep::{BOUNCED, DELIVERED, Measured, age, measure, measure_mail, measured_logs, not_connected};
pub use logs::{Counted, Logs, with_rotated};
pub use posts::{Counter, Counts, MadePost, Name, RIPE_HOURS, Sums, WINDOW_DAYS, engaged, posts, sums};
pub use reached::{Direction, Number, Point, Reached, chart, reached};
pub use round::{Due, Round, due};
pub use visits::{Visits, measure_by_hand, site_facts, visits};

use std::path::Path;

use crate::readers::{self, Readers, ReadersError, SuppressedIds};

/// Counts the readers of `readers.csv` in the home who are people; without the file there are none.
///
/// # Errors
/// The file can't be read, or a row of it is no row: nothing is counted then.
pub fn count_readers(home: &Path, owner: &[String], suppressed: &SuppressedIds) -> Result<readers::Counts, ReadersError> {
    Ok(Readers::load(home, owner)?.counts(suppressed))
}
