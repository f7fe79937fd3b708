//! Tasks that failed: each is left alone for a while, longer each time, so that it does not take the place of others at every
//! wake. A line or an issue that was changed is tried at once.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use reveille_mission::Task;
use serde::{Deserialize, Serialize};

use crate::failure::{OrFail, Outcome};

/// Under which key memory keeps them.
const TRIED: &str = "tried";

/// After the first failure; twice as long after each further one, a day at most.
const FIRST: TimeDelta = TimeDelta::hours(1);

/// For how long a failure is remembered.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// The failures of one task in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failures {
    /// The digest of what the task was about.
    content: String,
    times: u32,
    at: DateTime<Utc>,
    why: String,
}

/// What failed, by the task's id.
#[derive(Debug, Default)]
pub(crate) struct Tried(BTreeMap<String, Failures>);

impl Tried {
    /// Reads them.
    pub(crate) fn read(memory: &Memory) -> Outcome<Self> {
        Ok(Self(memory.text(TRIED).or_fail()?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()))
    }

    /// Until when a task is left alone, and why.
    pub(crate) fn until(&self, task: &Task) -> Option<(DateTime<Utc>, String)> {
        let failures = self.0.get(task.id.as_str()).filter(|failures| failures.content == task.content)?;
        let pause = FIRST * 2_i32.pow(failures.times.saturating_sub(1).min(5));
        Some((failures.at + pause.min(TimeDelta::days(1)), format!("it failed: {}", failures.why)))
    }

    fn keep(mut self, memory: &mut Memory, now: DateTime<Utc>) -> Outcome {
        self.0.retain(|_, failures| now - failures.at < REMEMBERED);
        memory.keep_text(TRIED, &serde_json::to_string(&self.0)?).or_fail()
    }
}

/// A task failed.
pub(crate) fn failed(memory: &mut Memory, task: &Task, why: &str, now: DateTime<Utc>) -> Outcome {
    let mut tried = Tried::read(memory)?;
    let before = tried.0.get(task.id.as_str()).filter(|failures| failures.content == task.content).map_or(0, |failures| failures.times);
    let failures = Failures { content: task.content.clone(), times: before.saturating_add(1), at: now, why: why.to_owned() };
    tried.0.insert(task.id.to_string(), failures);
    tried.keep(memory, now)
}

/// A task succeeded: its failures are forgotten.
pub(crate) fn succeeded(memory: &mut Memory, task: &Task, now: DateTime<Utc>) -> Outcome {
    let mut tried = Tried::read(memory)?;
    if tried.0.remove(task.id.as_str()).is_some() { tried.keep(memory, now) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reveille_mission::{Source, Tags, TaskId};

    #[test]
    fn a_pause_doubles_to_a_day_and_a_change_ends_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let id = TaskId::of_words("post it", 0);
        let source = Source::Progress { line: 1 };
        let mut task = Task { id, text: "post it".into(), tags: Tags::default(), source, problems: vec![], content: "a".into() };
        for hours in [1, 2, 4, 8, 16, 24, 24] {
            failed(&mut memory, &task, "no server", now).expect("kept");
            let (until, why) = Tried::read(&memory).expect("read").until(&task).expect("left alone");
            assert_eq!((until - now, why.as_str()), (TimeDelta::hours(hours), "it failed: no server"));
        }
        task.content = "b".into();
        assert!(Tried::read(&memory).expect("read").until(&task).is_none(), "it was changed");
        task.content = "a".into();
        succeeded(&mut memory, &task, now).expect("forgotten");
        assert!(Tried::read(&memory).expect("read").until(&task).is_none());
    }
}
