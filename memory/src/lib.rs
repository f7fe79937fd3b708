#![doc = include_str!("../README.md")]

mod backup;
mod error;
mod facts;
mod labels;
mod ledger;
mod letters;
mod open;
mod readings;
mod runs;
mod sheets;
mod words;

pub use error::MemoryError;
pub use facts::FactRow;
pub use labels::Learned;
pub use ledger::{
    Awaiting, Effect, EffectId, EffectState, EvidenceRow, Intended, Key, NOTICE, NewEffect, Sending, Standing, Tally, Unknown,
};
pub use letters::{Suppressed, SuppressedFor};
pub use open::Memory;
pub use readings::StoredReading;
pub use runs::{NewRun, Run, RunEnd, RunId, RunState};
pub use sheets::{AskRow, CandidateRow, Sheet};
pub use words::{Approval, Pause};
