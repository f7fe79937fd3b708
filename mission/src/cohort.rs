//! Cohorts: readers by what they click, by rules that the home keeps under a version.
//!
//! Must stay true: a group of fewer than [`LEAST`] people has no number, nor can one be worked out from the others; whoever fits no
//! rule is unclassified, not forced into one.

use std::collections::BTreeMap;

use serde::Serialize;

/// Of fewer people no number is shown: one that is smaller tells of persons.
pub const LEAST: u64 = 20;
/// The version of the rules that this program knows.
pub const COHORT_RULES: u32 = 1;
/// The most cohorts.
pub const COHORTS: usize = 4;
/// The name of those who fit no rule.
pub const UNCLASSIFIED: &str = "unclassified";

/// One rule: who clicks mostly on these.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// What they are called.
    pub name: String,
    /// Tags of issues; letter case does not matter.
    pub tags: Vec<String>,
    /// The share of their clicks that must go to issues with one of the tags, above 0, at most 1.
    pub share: f64,
}

impl Cohort {
    fn wants(&self, tag: &str) -> bool {
        self.tags.iter().any(|one| one.to_lowercase() == tag.to_lowercase())
    }
}

/// The cohort of a reader: the first whose share is reached by the issues that they clicked, each given by its tags, one for each
/// click. Nothing for whoever clicked nothing, or nothing in particular.
pub fn cohort_of<'c>(rules: &'c [Cohort], clicks: &[&[String]]) -> Option<&'c Cohort> {
    if clicks.is_empty() {
        return None;
    }
    rules.iter().find(|cohort| {
        let hits = clicks.iter().filter(|tags| tags.iter().any(|tag| cohort.wants(tag))).count();
        hits > 0 && hits as f64 >= cohort.share * clicks.len() as f64
    })
}

/// How many people of a group are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum People {
    /// So many.
    Count(u64),
    /// Fewer than this.
    FewerThan(u64),
    /// Not said, for it would tell how many are in the one other group that is too small.
    Withheld,
}

/// The groups with their people as they may be shown: all rules in their order, then the unclassified.
pub fn shown_cohorts<'c>(rules: &'c [Cohort], people: &BTreeMap<&str, u64>) -> Vec<(&'c str, People)> {
    let names = rules.iter().map(|cohort| cohort.name.as_str()).chain([UNCLASSIFIED]);
    let counts: Vec<(&str, u64)> = names.map(|name| (name, people.get(name).copied().unwrap_or(0))).collect();
    let small = counts.iter().filter(|(_, count)| *count < LEAST).count();
    // The sum of all is known elsewhere: with one number missing it is no secret.
    let withheld = if small == 1 { counts.iter().filter(|(_, count)| *count >= LEAST).map(|(_, count)| *count).min() } else { None };
    let mut withheld = withheld;
    counts
        .into_iter()
        .map(|(name, count)| {
            let people = match count {
                count if count < LEAST => People::FewerThan(LEAST),
                count if withheld == Some(count) => {
                    withheld = None;
                    People::Withheld
                }
                count => People::Count(count),
            };
            (name, people)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<Cohort> {
        let rule =
            |name: &str, tags: &[&str], share| Cohort { name: name.into(), tags: tags.iter().map(|tag| (*tag).into()).collect(), share };
        vec![rule("makers", &["Code", "tools"], 0.5), rule("walkers", &["sea"], 0.75)]
    }

    #[test]
    fn the_first_rule_whose_share_is_reached() {
        let tagged = |tags: &[&str]| -> Vec<String> { tags.iter().map(|tag| (*tag).to_owned()).collect() };
        for (clicks, name) in [
            (vec![], None),
            (vec![tagged(&[])], None),
            (vec![tagged(&["code"])], Some("makers")),
            (vec![tagged(&["sea"]), tagged(&["tools"])], Some("makers")),
            (vec![tagged(&["sea"]), tagged(&["sea"]), tagged(&["sea"]), tagged(&["tools"])], Some("walkers")),
            (vec![tagged(&["sea"]), tagged(&["sea"]), tagged(&["tools"])], None),
            (vec![tagged(&["other"]), tagged(&["other"]), tagged(&["tools"])], None),
        ] {
            let clicks: Vec<&[String]> = clicks.iter().map(Vec::as_slice).collect();
            assert_eq!(cohort_of(&rules(), &clicks).map(|cohort| cohort.name.as_str()), name, "{clicks:?}");
        }
    }

    #[test]
    fn no_small_group_can_be_worked_out() {
        use People::{Count, FewerThan, Withheld};
        for (people, expected) in [
            ([0, 0, 0], [FewerThan(20), FewerThan(20), FewerThan(20)]),
            ([20, 19, 1], [Count(20), FewerThan(20), FewerThan(20)]),
            ([20, 30, 40], [Count(20), Count(30), Count(40)]),
            ([30, 19, 40], [Withheld, FewerThan(20), Count(40)]),
            ([30, 30, 0], [Withheld, Count(30), FewerThan(20)]),
        ] {
            let people = BTreeMap::from([("makers", people[0]), ("walkers", people[1]), (UNCLASSIFIED, people[2])]);
            let rules = rules();
            let shown: Vec<People> = shown_cohorts(&rules, &people).into_iter().map(|(_, people)| people).collect();
            assert_eq!(shown, expected, "{people:?}");
        }
    }
}
