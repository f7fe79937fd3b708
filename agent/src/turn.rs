//! Whose turn it is: a wake that a timer starts fills the newest slot, or leaves; one by hand comes at any time. What passed
//! without a wake is noted with its reason.

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use reveille_memory::{Begun, Lease as Row, Memory, MissedSlots, NewRun, RunId};
use reveille_schedules::{Due, Missed, Schedule, Slot, due};
use strum::Display;

use crate::clock;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::lease::{Lease, Lock};
use crate::observe::Scene;

/// What starts wakes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, ValueEnum)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Timer {
    /// A LaunchAgent.
    Launchd,
    /// A line of the crontab.
    Cron,
    /// A systemd user timer.
    Systemd,
    /// `reveille run`.
    Daemon,
}

/// Whether it is this process' turn.
pub(crate) enum Turn<'a> {
    /// It is: the run has begun.
    Ours(Begin<'a>),
    /// It is not, before this time.
    NotUntil(DateTime<Utc>),
}

/// A run that has begun.
pub(crate) struct Begin<'a> {
    pub(crate) run: RunId,
    pub(crate) lease: Lease<'a>,
    /// What passed without a wake since the last one.
    pub(crate) missed: Option<Missed>,
}

/// Takes the turn: slot, lease and run in one step.
pub(crate) fn take<'a>(scene: &Scene<'_>, memory: &mut Memory, lock: &'a Lock, timer: Option<Timer>) -> Outcome<Turn<'a>> {
    let (slot, missed) = match timer.map(|_| look(scene, memory)).transpose()? {
        None => (None, None),
        Some(Due::Now { slot, missed }) => (Some(slot), missed),
        Some(Due::NotUntil(next)) => return Ok(Turn::NotUntil(next)),
    };
    let limit = chrono::TimeDelta::from_std(scene.settings.wake.limit.duration())?;
    let row = Row { pid: std::process::id(), lock: lock.inode()?, since: scene.now, deadline: scene.now + limit };
    let new = NewRun {
        started_at: scene.now,
        slot: slot.map(Slot::seconds),
        trigger: timer.map_or_else(|| "hand".to_owned(), |timer| timer.to_string()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
    };
    let (run, abandoned) = match memory.begin_wake(&new, &row).or_fail()? {
        Begun::Run(run, abandoned) => (run, abandoned),
        Begun::Taken => return Ok(Turn::NotUntil(scene.settings.wake.schedule().next(scene.now))),
        Begun::Held(other) => return Err(held(&other)),
    };
    for left in abandoned {
        tracing::warn!(run = left.0, "this run was left open by a crash; it counts as abandoned");
    }
    Ok(Turn::Ours(Begin { run, lease: Lease::of(lock, run), missed }))
}

/// Notes that a timer started a wake in vain: the slot is missed, unless a later one in it is luckier.
pub(crate) fn missed(scene: &Scene<'_>, memory: &mut Memory, why: &str) -> Outcome {
    let Due::Now { slot, .. } = look(scene, memory)? else { return Ok(()) };
    let missed = MissedSlots { first: slot.begins(), last: slot.begins(), count: 1, why: why.to_owned() };
    memory.miss(&missed, scene.now).or_fail()
}

fn look(scene: &Scene<'_>, memory: &Memory) -> Outcome<Due> {
    due_by(&scene.settings.wake.schedule(), scene.now, |now| memory.last_slot(now.timestamp()).or_fail())
}

/// What is due, by the newest slot up to now that a wake has filled; nobody is asked where there is no slot yet. Up to now, not up
/// to the slot of now: a schedule that was changed must not go back behind a wake of the old one.
pub(crate) fn due_by(schedule: &Schedule, now: DateTime<Utc>, last: impl FnOnce(DateTime<Utc>) -> Outcome<Option<i64>>) -> Outcome<Due> {
    if schedule.slot(now).is_none() {
        return Ok(Due::NotUntil(schedule.next(now)));
    }
    Ok(due(now, last(now)?.and_then(Slot::at), schedule))
}

/// Notes what was missed, and looks at the clock. What the human should know of the time that passed.
pub(crate) fn said(scene: &Scene<'_>, memory: &mut Memory, missed: Option<Missed>) -> Outcome<Vec<String>> {
    let set = clock::look(scene, memory)?;
    if let Some(missed) = missed {
        let why = match set {
            Some(clock::Set::Forward(_)) => "the computer's clock was set forward",
            _ => "the computer was asleep or off, or nothing started a wake",
        };
        let slots = MissedSlots { first: missed.first.begins(), last: missed.last.begins(), count: missed.count, why: why.to_owned() };
        tracing::info!(count = slots.count, first = %slots.first, last = %slots.last, why, "slots were missed");
        memory.miss(&slots, scene.now).or_fail()?;
    }
    Ok(set.map(clock::Set::said).into_iter().collect())
}

fn held(other: &Row) -> Failure {
    let when = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S UTC");
    let message = format!(
        "another wake may be running (process {} since {}): its lock file was removed, and its time ends at {}",
        other.pid,
        when(other.since),
        when(other.deadline)
    );
    Failure::message(Kind::Busy, message).hint("wait until then; `memory/wake.lock` must not be removed while a wake runs")
}
