//! Wakes that failed as a whole (settings that are broken, a disk that is full, a database that is damaged): kept in
//! `memory/failed.json`, beside the database, for it may be the database that fails.
//!
//! Must stay true: a wake that goes well removes the file; one that was held back (75) or called wrongly (2) changes nothing; the
//! file is written whole, is small, and holds what was printed and nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Memory, RunState};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::lease::Lock;
use crate::notice;
use crate::record::write_whole;

/// The most characters of a message that are kept.
const WORDS: usize = 600;

/// The most bytes of a file that is ours.
const MOST: u64 = 16 << 10;

/// So long counts as stuck.
const STUCK: TimeDelta = TimeDelta::days(1);

/// A time between two failures counts so much at most: a clock that jumped, or a machine that was off, is not a day of being stuck.
const GAP: TimeDelta = TimeDelta::hours(12);

/// Failed wakes in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    schema: u32,
    /// The first of them.
    pub(crate) since: DateTime<Utc>,
    /// The last one.
    pub(crate) last: DateTime<Utc>,
    /// How many.
    pub(crate) times: u32,
    /// The exit code of the last one.
    pub(crate) code: u8,
    /// What the last one said.
    pub(crate) message: String,
    /// And how it is mended.
    pub(crate) hint: Option<String>,
    /// Seconds of being stuck that no notice has told of.
    unsaid: i64,
    /// When the last notice was about to go to the owner.
    pub(crate) noticed: Option<DateTime<Utc>>,
    /// What became of it.
    pub(crate) notice: Option<String>,
}

impl Failed {
    /// The failed wakes since the last good one, if the last one failed. A file that can't be read tells of none.
    pub(crate) fn read(home: &Home) -> Option<Self> {
        let path = place(home);
        path.metadata().ok().filter(|meta| meta.is_file() && meta.len() <= MOST)?;
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Those before with one more.
    fn after(before: Option<Self>, failure: &Failure, now: DateTime<Utc>) -> Self {
        let (message, hint) = (line(&failure.to_string()), failure.hint.as_deref().map(line));
        let code = failure.number();
        let Some(before) = before else {
            return Self { schema: 1, since: now, last: now, times: 1, code, message, hint, unsaid: 0, noticed: None, notice: None };
        };
        // A clock that was set back adds nothing.
        let gap = (now - before.last).clamp(TimeDelta::zero(), GAP).num_seconds();
        Self {
            since: before.since.min(now),
            last: now,
            times: before.times.saturating_add(1),
            code,
            message,
            hint,
            unsaid: before.unsaid.saturating_add(gap),
            // A notice of the future was given when the clock was wrong: from now on it is a day to the next.
            noticed: before.noticed.map(|at| at.min(now)),
            ..before
        }
    }

    /// Whether the owner should be told: stuck for a day that no notice has told of, and none given within a day.
    pub(crate) fn is_due(&self) -> bool {
        let lately = self.noticed.is_some_and(|at| self.last - at < STUCK);
        self.times >= 2 && self.unsaid >= STUCK.num_seconds() && !lately
    }

    /// The same once a notice is about to go.
    pub(crate) fn claimed(self, now: DateTime<Utc>) -> Self {
        Self { unsaid: 0, noticed: Some(now), notice: None, ..self }
    }

    /// The same once it is known what became of the notice.
    pub(crate) fn with_notice(self, said: String) -> Self {
        Self { notice: Some(line(&said)), ..self }
    }

    /// Writes it down.
    pub(crate) fn keep(&self, home: &Home) -> Outcome {
        Ok(write_whole(&place(home), &serde_json::to_vec_pretty(self)?)?)
    }

    /// In a sentence, for a person.
    pub(crate) fn sentence(&self) -> String {
        let times = if self.times == 1 { "the last wake".to_owned() } else { format!("the last {} wakes", self.times) };
        format!("{times} failed, since {} (exit code {}): {}", self.since.format("%Y-%m-%d %H:%M UTC"), self.code, self.message)
    }
}

/// Runs a wake and remembers whether it failed as a whole; tells the owner when that has lasted. A start that was not due is no
/// wake: it says nothing of the one before.
pub(crate) fn watch(home: &Home, environment: &Environment, wake: impl FnOnce() -> Outcome<Started>) -> Outcome<ExitCode> {
    if died(home, environment).unwrap_or_default() {
        let failure = Failure::message(Kind::Failed, "a wake was cut off: a crash, a power cut, or its end by force");
        remember(home, environment, &failure.hint("`reveille log` shows how far it came; out of memory, perhaps?"));
    }
    let result = wake();
    match &result {
        Ok(Started::Woke(_)) => forget(home),
        Ok(Started::NotDue) => {}
        Err(failure) if matches!(failure.kind, Kind::Busy | Kind::Usage) => {}
        Err(failure) => remember(home, environment, failure),
    }
    result.map(Started::code)
}

/// Whether the wake before this one ended without a word; it is told so once.
fn died(home: &Home, environment: &Environment) -> Outcome<bool> {
    let now = environment.now();
    if !home.database().exists() {
        return Ok(false);
    }
    // Whoever holds it may be that very wake.
    let _lock = Lock::take(home, now)?;
    let open = Memory::open_read_only(&home.database()).or_fail()?.last_run().or_fail()?.is_some_and(|run| run.state == RunState::Running);
    Ok(open && !Memory::open(&home.database(), now).or_fail()?.abandon_open_runs(now).or_fail()?.is_empty())
}

/// What came of a start that did not fail.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Started {
    /// A wake, with its exit code.
    Woke(ExitCode),
    /// Nothing: its slot was filled.
    NotDue,
}

impl Started {
    /// The exit code.
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Started::Woke(code) => code,
            Started::NotDue => ExitCode::SUCCESS,
        }
    }
}

fn forget(home: &Home) {
    match std::fs::remove_file(place(home)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => tracing::warn!("failed to remove {}: {error}", place(home).display()),
        _ => {}
    }
}

fn remember(home: &Home, environment: &Environment, failure: &Failure) {
    let now = environment.now();
    tracing::info!(code = failure.number(), "the wake failed: {failure}");
    let failed = Failed::after(Failed::read(home), failure, now);
    // Best effort: a full disk is told by the exit code and on stderr.
    match failed.keep(home) {
        Ok(()) if failed.is_due() => notice::tell(home, environment, now),
        Ok(()) => {}
        Err(error) => tracing::warn!("this failure could not be written down: {error}"),
    }
}

fn place(home: &Home) -> PathBuf {
    home.memory().join("failed.json")
}

fn line(text: &str) -> String {
    let lines = text.replace('\n', "; ");
    lines.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        "2026-11-20T14:00:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::hours(hours)
    }

    /// The hours at which a notice is due when wakes fail at these hours.
    fn notices(hours: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let failure = Failure::message(Kind::Failed, "no\nway");
        let (mut failed, mut due) = (None, vec![]);
        for hour in hours {
            let mut one = Failed::after(failed.take(), &failure, at(hour));
            if one.is_due() {
                due.push(hour);
                one = one.claimed(at(hour));
            }
            failed = Some(one);
        }
        due
    }

    #[test]
    fn a_notice_a_day_and_none_before_a_day() {
        assert_eq!(notices((0..=120).step_by(2)), [24, 48, 72, 96, 120]);
        assert_eq!(notices((0..24).step_by(2)), [] as [i64; 0]);
        assert_eq!(notices([0, 24, 48, 72, 96]), [48, 96], "a daily wake: a gap counts half a day");
    }

    #[test]
    fn a_clock_that_jumps_is_no_day_of_being_stuck() {
        assert_eq!(notices([0, 10_000]), [] as [i64; 0]);
        assert_eq!(notices([0, -10_000, -9_998]), [] as [i64; 0], "set back");
        let jumps = notices((0..=24).step_by(2).chain((-5_000..=-4_952).step_by(2)));
        assert_eq!(jumps, [24, -4_976, -4_952], "after a notice the clock went back: a whole day is waited for by what it shows then");
    }

    #[test]
    fn what_is_kept_is_short_and_one_line() {
        let failed = Failed::after(None, &Failure::message(Kind::Settings, "a\nb ".repeat(9_999)).hint("x".repeat(9_999)), at(0));
        assert!(serde_json::to_vec_pretty(&failed).expect("JSON").len() < 4096 && !failed.message.contains('\n'));
        assert!(failed.sentence().starts_with("the last wake failed, since 2026-11-20 14:00 UTC (exit code 78): a; b a; b"));
    }
}
