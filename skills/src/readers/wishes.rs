//! What a reader chose, and what follows for an issue: at once, in the letter of the week, or not at all.
//!
//! Must stay true: who paused gets nothing; who chose topics gets no issue that has tags and none of theirs.

use chrono::{DateTime, Utc};
use reveille_memory::{Frequency, Preferences};
use reveille_mission::Issue;

/// How an issue reaches a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaches {
    /// In a letter of its own, when it is out.
    AtOnce,
    /// In the letter of the week.
    Weekly,
    /// Not at all: they have paused.
    Paused,
    /// Not at all: it has none of their topics.
    OtherTopics,
}

/// How an issue reaches a reader who chose this.
#[must_use]
pub fn reaches(chosen: &Preferences, issue: &Issue, now: DateTime<Utc>) -> Reaches {
    if chosen.paused_until.is_some_and(|until| now < until) {
        return Reaches::Paused;
    }
    if !is_wanted(&chosen.topics, &issue.tags) {
        return Reaches::OtherTopics;
    }
    match chosen.frequency {
        Frequency::Each => Reaches::AtOnce,
        Frequency::Weekly => Reaches::Weekly,
    }
}

/// Whether an issue has one of the topics; one without tags is about anything.
fn is_wanted(topics: &[String], tags: &[String]) -> bool {
    let same = |topic: &String, tag: &String| topic.to_lowercase() == tag.to_lowercase();
    topics.is_empty() || tags.is_empty() || tags.iter().any(|tag| topics.iter().any(|topic| same(topic, tag)))
}

#[cfg(test)]
mod tests {
    use reveille_mission::Stage;

    use super::*;

    #[test]
    fn frequency_pause_and_topics() {
        let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().expect("a time");
        let later = now + chrono::TimeDelta::seconds(1);
        for (frequency, paused_until, topics, tags, expected) in [
            (Frequency::Each, None, &[][..], &["rust"][..], Reaches::AtOnce),
            (Frequency::Weekly, None, &[], &["rust"], Reaches::Weekly),
            (Frequency::Each, Some(later), &[], &["rust"], Reaches::Paused),
            (Frequency::Weekly, Some(later), &[], &["rust"], Reaches::Paused),
            (Frequency::Each, Some(now), &[], &["rust"], Reaches::AtOnce),
            (Frequency::Each, None, &["data", "Rust"], &["rust"], Reaches::AtOnce),
            (Frequency::Weekly, None, &["data"], &["rust"], Reaches::OtherTopics),
            (Frequency::Each, None, &["data"], &[], Reaches::AtOnce),
        ] {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let chosen = Preferences { frequency, paused_until, topics: owned(topics) };
            let issue = Issue {
                id: "45".into(),
                number: Some(45),
                title: "T".into(),
                slug: "t".into(),
                date: None,
                summary: None,
                hooks: vec![],
                tags: owned(tags),
                mail: true,
                thread: false,
                stage: Stage::Published,
                path: "issues/045-t.md".into(),
            };
            assert_eq!(reaches(&chosen, &issue, now), expected, "{frequency} {paused_until:?} {topics:?} {tags:?}");
        }
    }
}
