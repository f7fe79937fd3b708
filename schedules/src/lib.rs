#![doc = include_str!("../README.md")]

mod quiet;
mod schedule;

pub use quiet::{Quiet, QuietError};
pub use schedule::{Due, Every, EveryError, due, slot};
