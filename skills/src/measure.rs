//! Measuring: which channel brings people (`measure/`: the posts there are, asking a channel, rounds, keeping, looking).
//!
//! Must stay true: what was not measured is unknown, not zero.

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
