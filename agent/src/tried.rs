//! Tasks that failed: each is left alone for a while, longer each time, and the same failure three wakes running stops it. What
//! is stopped goes on when something changes: its line or its issue, the channel's settings or credential, the human's tick; or
//! when a network that failed is seen healthy (`look.rs`).
//!
//! Must stay true: what is stopped is not tried again by time alone; a network that is down stops nothing for ever; the state
//! survives restarts, is bounded, and holds no secret.

pub(crate) mod look;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use reveille_mission::{Channel, Past, Task, TaskId};
use serde::{Deserialize, Serialize};

use crate::credential;
use crate::failure::{Cause, Failure, OrFail, Outcome};
use crate::observe::Scene;
use crate::rendering;

/// Under which key memory keeps them.
const TRIED: &str = "tried";

/// So many wakes running with the same failure stop an action.
const LIMIT: u32 = 3;

/// After the first failure; twice as long after each further one, a day at most.
const FIRST: TimeDelta = TimeDelta::hours(1);

/// For how long a failure is remembered. One that stopped its action is not forgotten by time: a clock may jump.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// The most that are kept; the oldest go first, of those that stopped nothing before the others.
const MOST: usize = 200;

/// The most characters of a failure's words.
const WORDS: usize = 300;

/// The failures of one task in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failures {
    /// The digest of its words, its tags and what it was about.
    digest: String,
    /// What its channel was set to, see [`mark`].
    mark: String,
    channel: Option<String>,
    /// See [`Cause::name`].
    cause: String,
    /// How many tries in a row ended with this cause.
    times: u32,
    /// How many failed in a row, with whatever cause.
    tries: u32,
    at: DateTime<Utc>,
    /// When it was last looked whether the network is back.
    looked_at: DateTime<Utc>,
    /// It may have one more go.
    again: bool,
    text: String,
    why: String,
    hint: Option<String>,
}

impl Failures {
    fn is_of_network(&self) -> bool {
        self.cause == Cause::Network.name()
    }

    fn stops(&self) -> bool {
        self.times >= LIMIT && !self.again
    }

    fn channel(&self) -> Option<Channel> {
        self.channel.as_deref().and_then(|channel| channel.parse().ok())
    }

    /// What the past says of it at `now`, nothing once it may be tried again. Its words stay the same while it is stopped.
    fn standing(&self, now: DateTime<Utc>) -> Option<Past> {
        if self.stops() {
            return Some(Past::Stopped { why: format!("it failed three wakes running: {}", self.why), unblock: self.mend() });
        }
        if self.again {
            return None;
        }
        let pause = (FIRST * 2_i32.pow(self.tries.saturating_sub(1).min(5))).min(TimeDelta::days(1));
        // A clock that was set back must not make the pause longer.
        let until = self.at.min(now) + pause;
        (until > now).then(|| Past::CoolingDown { until, why: format!("it failed: {}", self.why) })
    }

    /// What would mend it. It names the last try, so that a tick answers this stop and not the next one.
    fn mend(&self) -> String {
        let place = self.channel().map_or("the site", Channel::title);
        let network = format!("{place} is looked at once a day and it goes on by itself; tick to try it now");
        let (verb, mend) = match self.hint.as_deref().unwrap_or("mend what it says") {
            _ if self.is_of_network() => ("failed", format!(": {network}")),
            _ if self.cause == Cause::Refused.name() => ("was refused", ": change the text, or tick to try again".to_owned()),
            hint => ("failed", format!(": {hint}, or tick to try again")),
        };
        let last = self.at.format("%Y-%m-%d %H:%M UTC");
        format!("“{}” {verb} three wakes running, last on {last}: {}{mend}", self.text, self.why)
    }
}

/// What failed, by the task's id.
#[derive(Debug, Default)]
pub(crate) struct Tried(BTreeMap<String, Failures>);

impl Tried {
    /// Reads them. A text of another version counts as none.
    pub(crate) fn read(memory: &Memory) -> Outcome<Self> {
        Ok(Self(memory.text(TRIED).or_fail()?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()))
    }

    /// Whether a task has failed lately.
    pub(crate) fn knows(&self, id: &TaskId) -> bool {
        self.0.contains_key(id.as_str())
    }

    /// What earlier failures say of a task: left alone for a while, or stopped. Nothing when it may be tried, or when it or its
    /// channel was changed since.
    pub(crate) fn past(&self, scene: &Scene<'_>, task: &Task) -> Option<Past> {
        let failures = self.0.get(task.id.as_str()).filter(|failures| failures.digest == task.digest())?;
        let standing = failures.standing(scene.now)?;
        // Looked at last: a keychain may have to be asked.
        (failures.mark == mark(scene, failures.channel())).then_some(standing)
    }

    fn keep(mut self, memory: &mut Memory, now: DateTime<Utc>) -> Outcome {
        self.0.retain(|_, failures| failures.stops() || now - failures.at < REMEMBERED);
        while self.0.len() > MOST {
            let oldest = self.0.iter().min_by_key(|(_, failures)| (failures.stops(), failures.at)).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.0.remove(&id));
        }
        memory.keep_text(TRIED, &serde_json::to_string(&self.0)?).or_fail()
    }
}

/// A task failed; what the past says of it from now on.
pub(crate) fn failed(scene: &Scene<'_>, memory: &mut Memory, task: &Task, channel: Option<Channel>, failure: &Failure) -> Outcome<Past> {
    let mark = mark(scene, channel);
    let mut tried = Tried::read(memory)?;
    let before = tried.0.get(task.id.as_str()).filter(|before| before.digest == task.digest() && before.mark == mark);
    let same = before.filter(|before| before.cause == failure.cause.name()).map_or(0, |before| before.times);
    let failures = Failures {
        digest: task.digest(),
        mark,
        channel: channel.map(|channel| channel.to_string()),
        cause: failure.cause.name().to_owned(),
        times: same.saturating_add(1),
        tries: before.map_or(0, |before| before.tries).saturating_add(1),
        at: scene.now,
        looked_at: scene.now,
        again: false,
        text: line(&task.text),
        why: line(&failure.to_string()),
        hint: failure.hint.as_deref().map(line),
    };
    let past = failures.standing(scene.now);
    tried.0.insert(task.id.to_string(), failures);
    tried.keep(memory, scene.now)?;
    Ok(past.unwrap_or(Past::Fresh))
}

/// A task succeeded: its failures are forgotten.
pub(crate) fn succeeded(memory: &mut Memory, task: &Task, now: DateTime<Utc>) -> Outcome {
    let mut tried = Tried::read(memory)?;
    if tried.0.remove(task.id.as_str()).is_some() { tried.keep(memory, now) } else { Ok(()) }
}

/// The human wants a task tried again, whatever became of it.
pub(crate) fn again(memory: &mut Memory, id: &str, now: DateTime<Utc>) -> Outcome {
    let mut tried = Tried::read(memory)?;
    let Some(failures) = tried.0.get_mut(id) else { return Ok(()) };
    failures.again = true;
    tried.keep(memory, now)
}

/// What a failure may hang on besides its own task: how the channel is set; on the site, the home's own templates too.
fn mark(scene: &Scene<'_>, channel: Option<Channel>) -> String {
    match channel {
        None | Some(Channel::Web) => format!("{} {}", credential::mark(scene, channel), rendering::templates(scene)),
        Some(_) => credential::mark(scene, channel),
    }
}

fn line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests;
