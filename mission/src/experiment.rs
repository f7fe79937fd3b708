//! Experiments: two to four wordings of a subject line or of the home page's headline, each shown to its share of the people.
//! Pure: who sees which, how many people it takes, and what the counts say.
//!
//! Must stay true: the same person sees the same wording, whatever is restarted; how many people it takes is known before it begins;
//! what came of it is not looked at before its horizon; people who are shared out unevenly end it; "no difference found" is a result.

mod asked;
mod assign;
mod judged;
mod size;
mod statistics;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

pub use asked::{Asked, asked};
pub use assign::{bucket, variant_of};
pub use judged::{Arm, Comparison, Standing, judge};
pub use size::{Rates, Size, days_needed, grouped};
pub use statistics::{Difference, difference, ratio_p};

/// What is worded in several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// The subject of a letter: its people are confirmed readers, and what counts is a human click within [`CLICK_DAYS`].
    Subject,
    /// The headline of the home page: its people are a day's visitors, and what counts is a confirmed sign-up.
    Headline,
}

/// For how many days after its mail a click counts for a subject line.
pub const CLICK_DAYS: i64 = 7;

/// For how many days after a headline was shown last a confirmation is waited for: as long as a link to confirm is good.
pub const CONFIRM_DAYS: i64 = 7;

/// The fewest and the most wordings.
pub const VARIANTS: std::ops::RangeInclusive<usize> = 2..=4;

/// The name of the experiment that a letter's subject lines are; it is the seed of the assignment as well.
#[must_use]
pub fn subject_key(issue: &str) -> String {
    format!("subject-{issue}")
}

/// What is wrong with a list of wordings, if anything.
#[must_use]
pub fn wrong_variants(variants: &[String]) -> Option<String> {
    if !VARIANTS.contains(&variants.len()) {
        let count = match variants.len() {
            1 => "one wording is".to_owned(),
            count => format!("{count} wordings are"),
        };
        return Some(format!("{count} no experiment: it takes two to four"));
    }
    if variants.iter().any(|one| one.trim().is_empty()) {
        return Some("a wording is empty".to_owned());
    }
    let same = |a: &String, b: &String| a.trim().to_lowercase() == b.trim().to_lowercase();
    let double = variants.iter().enumerate().find(|(at, one)| variants[..*at].iter().any(|earlier| same(earlier, one)));
    double.map(|(_, one)| format!("“{one}” stands there twice"))
}
