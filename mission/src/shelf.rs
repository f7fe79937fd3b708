//! The shelf: the issues and drafts of a home, as values. Loading them from files is `skills`' work.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Where an issue is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// In `drafts/`, not for publishing yet.
    Draft,
    /// In `drafts/` with `ready: true`: the author has decided.
    Ready,
    /// In `issues/`.
    Published,
}

/// What is known of one issue or draft from its front matter and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The stable id (a `tag:` URI once published); for a draft its path.
    pub id: String,
    /// The issue's number: front matter, else the digits that the file's name starts with.
    pub number: Option<u32>,
    /// The title.
    pub title: String,
    /// The last part of its address.
    pub slug: String,
    /// When it was published.
    pub date: Option<NaiveDate>,
    /// One sentence, by the author.
    pub summary: Option<String>,
    /// Lines by the author to tell it with.
    pub hooks: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// The author wants it mailed once it is published.
    pub mail: bool,
    /// The author wants words that are too long for one post told as several.
    #[serde(default)]
    pub thread: bool,
    /// Where it is on its way.
    pub stage: Stage,
    /// The file, relative to the home, with `/`.
    pub path: String,
}

impl Issue {
    /// "issue 45" or the draft's title: how to name it to a human.
    pub fn name(&self) -> String {
        match (self.stage, self.number) {
            (Stage::Published, Some(number)) => format!("issue {number}"),
            (_, Some(number)) => format!("draft {number} “{}”", self.title),
            _ => format!("“{}”", self.title),
        }
    }
}

/// All issues and drafts of a home.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Drafts and issues, in the order of their paths.
    pub issues: Vec<Issue>,
}

impl Shelf {
    /// Those that are public.
    pub fn published(&self) -> impl Iterator<Item = &Issue> {
        self.issues.iter().filter(|issue| issue.stage == Stage::Published)
    }

    /// The topics of the publication: tags that at least two published issues have, in the alphabet's order. One spelling of each.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let mut issues_of: BTreeMap<String, (&str, BTreeSet<&str>)> = BTreeMap::new();
        for issue in self.published() {
            for tag in &issue.tags {
                issues_of.entry(tag.to_lowercase()).or_insert((tag, BTreeSet::new())).1.insert(&issue.id);
            }
        }
        issues_of.into_values().filter(|(_, issues)| issues.len() > 1).map(|(tag, _)| tag.to_owned()).collect()
    }

    /// Those that the author has released but that are not public yet.
    pub fn ready(&self) -> impl Iterator<Item = &Issue> {
        self.issues.iter().filter(|issue| issue.stage == Stage::Ready)
    }

    /// How to name the issue with this id to a human: by the id itself when it is not here any more.
    pub fn name_of(&self, id: &str) -> String {
        self.by_id(id).map_or_else(|| id.to_owned(), Issue::name)
    }

    /// By stable id.
    pub fn by_id(&self, id: &str) -> Option<&Issue> {
        self.issues.iter().find(|issue| issue.id == id)
    }
}
