//! Measuring: which channel brings people (`measure/`: the posts there are, asking a channel, rounds, keeping, looking).
//!
//! Must stay true: what was not measured is unknown, not zero.

mod channel;
mod keep;
mod posts;
mod reached;
mod round;
#[cfg(test)]
mod tests;

pub use channel::{Measurement, Meter, measure_channel};
pub use keep::{BOUNCED, DELIVERED, Measured, age, measure, measure_mail, not_connected};
pub use posts::{Counter, Counts, MadePost, Name, RIPE_HOURS, Sums, WINDOW_DAYS, engaged, posts, sums};
pub use reached::{Direction, Number, Point, Reached, chart, reached};
pub use round::{Due, Round, due};
