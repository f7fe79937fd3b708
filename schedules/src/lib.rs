#![doc = include_str!("../README.md")]

mod cron;
mod every;
mod quiet;
mod schedule;
#[cfg(test)]
mod timelines;

pub use cron::{Cron, CronError};
pub use every::{Every, EveryError};
pub use quiet::{Quiet, QuietError};
pub use schedule::{Due, Missed, Schedule, Slot, due};
