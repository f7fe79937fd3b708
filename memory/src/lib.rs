#![doc = include_str!("../README.md")]

mod answers;
mod backup;
mod backups;
mod clicks;
mod compact;
mod error;
mod experiments;
mod facts;
mod former;
mod labels;
mod lapses;
mod ledger;
mod letters;
mod listed;
mod open;
mod open_mails;
mod own;
mod readings;
mod replaced;
mod restored;
mod runs;
mod sheets;
mod signs;
mod slots;
mod subscribers;
mod surveys;
mod turned_away;
mod visits;
mod words;

pub use answers::{AnswerKind, AnswerRow, Heard, NoAnswer};
pub use backup::Copied;
pub use backups::{BackupRow, HookEnd};
pub use clicks::Click;
pub use compact::{Compacted, Picked, Proof, Summary, Thinned};
pub use error::MemoryError;
pub use experiments::{Experiment, Exposure};
pub use facts::FactRow;
pub use labels::Learned;
pub use lapses::{RETAIN, RETAIN_ISSUE, stage_of};
pub use ledger::{
    Awaiting, Effect, EffectId, EffectState, EvidenceRow, Intended, Key, NOTICE, NewEffect, SUBSCRIBING, Sending, Standing, Tally, Unknown,
    has_to_wait,
};
pub use letters::{Suppressed, SuppressedFor};
pub use listed::Listing;
pub use open::Memory;
pub use own::{Followed, Mailed, OwnData, SurveyAnswer};
pub use readings::StoredReading;
pub use replaced::Place;
pub use restored::TakenOver;
pub use runs::{NewRun, Run, RunEnd, RunId, RunState};
pub use sheets::{AskRow, CandidateRow, Sheet};
pub use signs::{Sign, SignKind};
pub use slots::{Begun, Lease, MissedSlots};
pub use subscribers::{Confirmed, Frequency, Preferences, SignUp, SignUpCaps, SignedUp, Subscriber, WantedFor, WantedMail};
pub use surveys::{Answered, Question, Survey};
pub use turned_away::TurnedAway;
pub use visits::{DayVisits, LoggedDay, OTHER, View, Visitor};
pub use words::{Approval, Pause};
