//! What an experiment's counts say today: that it goes on, that it had to stop, or what came of it.
//!
//! Must stay true: outcomes are compared once, at the horizon: who looks earlier finds differences that are none; uneven shares stop
//! it at any time, for then something else than chance decides who is counted.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::size::{Size, alpha};
use super::statistics::{Difference, difference, ratio_p};

/// Below it people were not shared out evenly: an even split gives it to one of a thousand experiments.
const UNEVEN: f64 = 0.001;

/// One wording and its people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Arm {
    /// People who were shown it.
    pub shown: u64,
    /// Of those, people who did what is wanted.
    pub outcomes: u64,
}

/// A wording against the first one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Which one, from 0.
    pub variant: usize,
    /// How its rate differs from the first one's.
    #[serde(flatten)]
    pub difference: Difference,
    /// Whether the difference is more than chance explains.
    pub differs: bool,
}

/// Where an experiment stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Standing {
    /// It goes on.
    Running,
    /// People were not shared out evenly: its counts mean nothing.
    Stopped {
        /// How likely shares like these are by chance.
        ratio_p: f64,
    },
    /// It is over.
    Done {
        /// The best wording, if one differs from the first, from 0. None: no difference was found.
        best: Option<usize>,
        /// Each of the others against the first.
        comparisons: Vec<Comparison>,
    },
}

/// What the counts say at `now`. Outcomes are looked at from `horizon` on; without one it can't be known yet.
#[must_use]
pub fn judge(arms: &[Arm], size: &Size, horizon: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Standing {
    let shown: Vec<u64> = arms.iter().map(|arm| arm.shown).collect();
    let ratio_p = ratio_p(&shown);
    if ratio_p < UNEVEN {
        return Standing::Stopped { ratio_p };
    }
    if horizon.is_none_or(|at| now < at) {
        return Standing::Running;
    }
    let alpha = alpha(size.sides);
    let count = |arm: &Arm| (arm.outcomes, arm.shown);
    let first = arms.first().map_or((0, 0), count);
    let comparisons: Vec<Comparison> = arms
        .iter()
        .enumerate()
        .skip(1)
        .map(|(variant, arm)| {
            let difference = difference(first, count(arm), alpha);
            Comparison { variant, difference, differs: difference.p < alpha }
        })
        .collect();
    let better = comparisons.iter().filter(|one| one.differs && one.difference.estimate > 0.0);
    let best = better.max_by(|a, b| a.difference.estimate.total_cmp(&b.difference.estimate)).map(|one| one.variant);
    // The first one is the best when it beats every other.
    let first_wins = !comparisons.is_empty() && comparisons.iter().all(|one| one.differs && one.difference.estimate < 0.0);
    Standing::Done { best: best.or(first_wins.then_some(0)), comparisons }
}
