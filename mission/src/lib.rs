#![doc = include_str!("../README.md")]

mod address;
mod after;
mod choose;
mod clicks;
mod cohort;
mod diagnostic;
mod disguise;
pub mod experiment;
mod facts;
mod funnel;
mod goal;
mod identity;
mod interval;
mod lapse;
mod learn;
mod need;
mod phrases;
mod progress;
mod reading;
mod review;
mod shelf;
mod spreadsheet;
mod subject;
mod tags;
mod task;
mod tier;
mod token;
mod value;
mod visits;
mod words;

pub use address::{NoPerson, folded_address, former_ids, is_address, is_reserved, no_person, subscriber_id, with_ascii_domain};
pub use after::check_after;
pub use choose::{Action, Ask, AskKind, Decision, asks, choose};
pub use clicks::{AFTER_SENDING, Fetch, HASTE, human_clicks};
pub use cohort::{COHORT_RULES, COHORTS, Cohort, LEAST, People, UNCLASSIFIED, cohort_of, shown_cohorts};
pub use diagnostic::{Diagnostic, Severity};
pub use disguise::{shown, unmarked};
pub use facts::{Fact, FactError, FactKey, FactValue, Facts, LAPSED_DAYS};
pub use funnel::{ACTIVE_DAYS, DayCount, FUNNEL_DAYS, Step, StepCount, funnel};
pub use goal::{Goal, GoalUnit, Mission};
pub use identity::identify;
pub use interval::{Interval, reach_interval};
pub use lapse::{Lapse, Trace, WinBackSent, silent_days};
pub use learn::{Desk, Label, Opinion, Why, corrections};
pub use need::{Need, NeedState};
pub use phrases::{Doing, Meaning, asks_again, is_exact_order, meaning};
pub use progress::{Answer, Edit, Item, ItemState, LAST_WAKE, Merged, Progress, ProgressError, Said, merge};
pub use reading::{GreyZone, ModelReading, ReadBy, Reading, read};
pub use review::{Audience, Case, Eligible, Missing, Offer, Past, Refusal, Review, Verdict, review, too_few};
pub use shelf::{Issue, Shelf, Stage};
pub use spreadsheet::{cell_in, cell_out};
pub use subject::{Named, Subject};
pub use tags::Tags;
pub use task::{Source, Task, TaskId, folded};
pub use tier::{FREE, PAID, Tiers, tier_name};
pub use token::{Purpose, Token, TokenError, leaving_token, network_digest, subscriber_bytes};
pub use value::{Beta, Part, Priors, Scored, reach_of_channel, score};
pub use visits::{Fetcher, PEOPLE_A_DAY, PEOPLE_A_NETWORK, Source as VisitSource, is_robot, network_of, visitor_number};
pub use words::{Channel, Skill, Who, nearest};

#[cfg(test)]
mod decide_tests;
#[cfg(test)]
mod measured_tests;
