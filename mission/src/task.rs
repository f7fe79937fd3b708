//! A task: one thing that could be done, written by the human or proposed by a skill.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::phrases::{asks_again, is_exact_order};
use crate::tags::Tags;
use crate::words::Skill;

/// The name of a task: survives moving, retagging and small rewording of its line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// The id of words seen for the first time; `nth` tells equal texts apart, from 0.
    pub fn of_words(words: &str, nth: usize) -> Self {
        let short = sha256_hex(folded(words).as_bytes(), 5);
        Self(if nth == 0 { short } else { format!("{short}-{}", nth + 1) })
    }

    /// An id as it was stored, or as a human typed it.
    pub fn stored(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first `length` bytes of a SHA-256, in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8], length: usize) -> String {
    Sha256::digest(bytes).iter().take(length).map(|byte| format!("{byte:02x}")).collect()
}

/// Words with case, marks and white space folded away: what identity and memory go by.
pub fn folded(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    let kept = out.trim_end();
    // A line of marks only ("???", an emoji) still is a line.
    if kept.is_empty() { words.trim().to_owned() } else { kept.to_owned() }
}

/// Who wants it done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An open item of PROGRESS.md.
    Progress {
        /// Its line, from 1.
        line: usize,
    },
    /// A skill's proposal: the author decided it elsewhere (a draft marked ready, an issue just published).
    Skill(Skill),
}

/// One thing that could be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// Its words, without tags.
    pub text: String,
    /// Its tags; a proposal carries what it means as tags.
    pub tags: Tags,
    /// Who wants it.
    pub source: Source,
    /// What is wrong with the line: until it is mended the task is blocked.
    pub problems: Vec<String>,
    /// The digest of what it is about (the bytes of the issue or draft), empty where it is about no file.
    pub content: String,
}

impl Task {
    /// Whether it says outright what is to be done: by a tag, by being a skill's proposal, or as an exact order.
    pub fn is_order(&self) -> bool {
        self.tags.skill.is_some() || is_exact_order(&self.text)
    }

    /// Whether it is a human's exact order to tell an issue once more where it was told before.
    pub fn asks_again(&self) -> bool {
        matches!(self.source, Source::Progress { .. }) && asks_again(&self.text)
    }

    /// The digest of its words, its tags and what it is about: what an approval holds for.
    pub fn digest(&self) -> String {
        let exactly = format!("{}\n{:?}\n{}", folded(&self.text), self.tags, self.content);
        sha256_hex(exactly.as_bytes(), 32)
    }
}
