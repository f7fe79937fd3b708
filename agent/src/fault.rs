//! Fault points, for tests only: `REVEILLE_FAULT=STEP` ends the process with SIGKILL when it comes to that step of a wake, as a
//! power cut would. `STEP:N` at the N-th time. `STEP=stop` freezes it instead (SIGSTOP), as a sleeping computer does; `STEP=mark`
//! makes the empty file that `REVEILLE_FAULT_MARK` names, from which on a test's disk fails. It can do nothing else.

use std::cell::Cell;
use std::path::PathBuf;

use reveille_skills::{delivery, publish};
use rustix::process::{Signal, getpid, kill_process};

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};

/// The moments of a wake that belong to no single effect, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The lease is about to be taken.
    BeforeClaim,
    /// It is taken.
    AfterClaim,
    /// The run is written down.
    AfterBegin,
    /// What an earlier wake left is put right.
    AfterRecover,
    /// The home's files are read.
    AfterLoad,
    /// A call of the encoder came back, and its readings are kept.
    AfterReading,
    /// It is decided what to do, and nothing of it is done.
    AfterDecision,
    /// Memory holds the decision; PROGRESS.md is about to be merged.
    BeforeRecord,
    /// The merged text is on the disk, under another name.
    BeforeExchange,
    /// It is in its place; what it displaced was not looked at yet.
    AfterExchange,
    /// PROGRESS.md is done.
    AfterRecord,
    /// The hand-over letter is about to be written.
    BeforeLetter,
    /// The run is about to be ended.
    BeforeEnd,
}

/// Their names in `REVEILLE_FAULT`.
const MOMENTS: [(&str, Moment); 13] = [
    ("before-claim", Moment::BeforeClaim),
    ("after-claim", Moment::AfterClaim),
    ("after-begin", Moment::AfterBegin),
    ("after-recover", Moment::AfterRecover),
    ("after-load", Moment::AfterLoad),
    ("after-reading", Moment::AfterReading),
    ("after-decision", Moment::AfterDecision),
    ("before-record", Moment::BeforeRecord),
    ("before-exchange", Moment::BeforeExchange),
    ("after-exchange", Moment::AfterExchange),
    ("after-record", Moment::AfterRecord),
    ("before-letter", Moment::BeforeLetter),
    ("before-end", Moment::BeforeEnd),
];

/// Where a wake can be hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// In the wake itself.
    Wake(Moment),
    /// In an effect's way out.
    Effect(delivery::Step),
    /// On the way from draft to issue.
    Publication(publish::Step),
}

impl From<Moment> for Point {
    fn from(moment: Moment) -> Self {
        Point::Wake(moment)
    }
}

impl From<delivery::Step> for Point {
    fn from(step: delivery::Step) -> Self {
        Point::Effect(step)
    }
}

impl From<publish::Step> for Point {
    fn from(step: publish::Step) -> Self {
        Point::Publication(step)
    }
}

impl Point {
    /// By its name.
    fn named(name: &str) -> Option<Self> {
        let wake = MOMENTS.iter().find(|(known, _)| *known == name).map(|(_, moment)| Point::Wake(*moment));
        wake.or_else(|| name.parse().ok().map(Point::Effect)).or_else(|| name.parse().ok().map(Point::Publication))
    }
}

/// What happens there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Blow {
    Kill,
    Stop,
    Mark(PathBuf),
}

/// Where a wake is hit, how, and after how many times. Nowhere, usually.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    at: Option<(Point, Blow)>,
    left: Cell<u32>,
}

impl Faults {
    /// What the environment asks for.
    pub(crate) fn of(environment: &Environment) -> Outcome<Self> {
        let Some(asked) = environment.get("REVEILLE_FAULT").map(|asked| asked.to_string_lossy().into_owned()) else {
            return Ok(Self::default());
        };
        let (place, blow) = asked.split_once('=').unwrap_or((&asked, "kill"));
        let (step, times) = place.split_once(':').unwrap_or((place, "1"));
        let blow = match (blow, environment.path("REVEILLE_FAULT_MARK")) {
            ("kill", _) => Some(Blow::Kill),
            ("stop", _) => Some(Blow::Stop),
            ("mark", Some(file)) => Some(Blow::Mark(file)),
            _ => None,
        };
        match (Point::named(step), times.parse(), blow) {
            (Some(step), Ok(times), Some(blow)) => Ok(Self { at: Some((step, blow)), left: Cell::new(times) }),
            _ => {
                let failure = Failure::message(Kind::Usage, format!("`REVEILLE_FAULT={asked}` is no step of a wake"));
                Err(failure.hint("write it like before-call, after-answer:3, after-load=stop, or before-record=mark with REVEILLE_FAULT_MARK; it is for tests only"))
            }
        }
    }

    /// A step is reached.
    pub(crate) fn reach(&self, point: impl Into<Point>) {
        let Some((at, blow)) = &self.at else { return };
        if *at != point.into() {
            return;
        }
        // Once: a step that comes again is passed.
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left != 1 {
            return;
        }
        let _ = match blow {
            // Nothing may run after this, not even a destructor: that is what is tested.
            Blow::Kill => kill_process(getpid(), Signal::KILL).map_err(std::io::Error::from),
            Blow::Stop => kill_process(getpid(), Signal::STOP).map_err(std::io::Error::from),
            Blow::Mark(file) => std::fs::write(file, ""),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_step() {
        for (name, moment) in MOMENTS {
            assert_eq!(Point::named(name), Some(Point::Wake(moment)));
            assert!(name.parse::<delivery::Step>().is_err() && name.parse::<publish::Step>().is_err(), "{name} stands for two");
        }
        assert_eq!(Point::named("before-call"), Some(Point::Effect(delivery::Step::BeforeCall)));
        assert_eq!(Point::named("after-issue"), Some(Point::Publication(publish::Step::Issue)));
    }

    #[test]
    fn only_what_is_known_is_taken_and_only_its_turn_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = folder.path().join("mark");
        let of = |asked: &str| Faults::of(&Environment::of(&[("REVEILLE_FAULT", asked), ("REVEILLE_FAULT_MARK", &mark.to_string_lossy())]));
        for wrong in ["after-lunch", "after-load:x", "after-load=explode", "=stop"] {
            assert!(of(wrong).is_err(), "{wrong} was taken");
        }
        let faults = of("after-load:2=mark").expect("taken");
        faults.reach(Moment::AfterLoad);
        faults.reach(Moment::AfterRecover);
        assert!(!mark.exists(), "too early");
        faults.reach(Moment::AfterLoad);
        assert!(mark.exists());
        std::fs::remove_file(&mark).expect("removed");
        faults.reach(Moment::AfterLoad);
        assert!(!mark.exists(), "it hits once");
    }
}
