//! Backups: a copy of the memory and of what the human wrote, a folder each in `memory/backups`, made once a day at the end of
//! a wake, or by `reveille backup`.
//!
//! Must stay true: a folder that has a name of a backup is whole and was checked; the newest good one is never removed; a
//! backup that fails fails alone, leaves nothing half, and is said; secrets are not in it.

mod files;
mod hook;
mod make;
mod manifest;
pub(crate) mod restore;
mod store;

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{BackupRow, Memory};

use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::noted;
use crate::observe::Scene;
use crate::settings::Settings;

pub(crate) use hook::{Call, filled};
#[cfg(test)]
pub(crate) use make::make as make_alone;
pub(crate) use manifest::Why;
pub(crate) use store::{Found, Kept, Store};

/// How far from every other backup a daily one is: less than a day, so that a timer that comes a little early still makes it.
const APART: TimeDelta = TimeDelta::minutes(23 * 60 + 30);

/// Under which key memory keeps why the last backup failed; empty when it did not.
const TROUBLE: &str = "backup trouble";

/// What a backup is made of and for.
pub(crate) struct Order<'a> {
    pub(crate) home: &'a Home,
    /// Files of the home that hold secrets: they are left out. `None` when nothing says which: then only known names are taken.
    pub(crate) secrets: Option<Vec<std::path::PathBuf>>,
    pub(crate) why: Why,
    pub(crate) now: DateTime<Utc>,
    /// Whether to stop.
    pub(crate) stopped: &'a dyn Fn() -> bool,
}

/// How the hook behind a backup is run.
pub(crate) struct Hooked<'a> {
    pub(crate) environment: &'a Environment,
    /// Whether what it says on stderr is shown: to whoever asked for the backup, not in a wake.
    pub(crate) aloud: bool,
    /// Whether to end it.
    pub(crate) stopped: &'a dyn Fn() -> bool,
}

/// The backup of the day, if it is time for one. A failure is kept for `status`, said by the next wake, and fails nothing.
pub(crate) fn daily(scene: &Scene<'_>, memory: &mut Memory, signalled: &dyn Fn() -> bool, stopped: &dyn Fn() -> bool) {
    if let Err(failure) = of_the_day(scene, memory, signalled, stopped) {
        tracing::warn!("no backup was made: {}", failure.with_hint());
    }
}

fn of_the_day(scene: &Scene<'_>, memory: &mut Memory, signalled: &dyn Fn() -> bool, stopped: &dyn Fn() -> bool) -> Outcome {
    if signalled() || !is_due(scene.home, memory, scene.now)? {
        return Ok(());
    }
    let secrets = Some(scene.settings.secret_files());
    let order = Order { home: scene.home, secrets, why: Why::Daily, now: scene.now, stopped: signalled };
    make_and_carry(&order, scene.settings, memory, &Hooked { environment: scene.environment, aloud: false, stopped }).map(|_| ())
}

fn is_due(home: &Home, memory: &Memory, now: DateTime<Utc>) -> Outcome<bool> {
    let kept = Store::of(home).good();
    if kept.is_empty() {
        return Ok(true);
    }
    // Rows as well: a backup that a clock in the future made may be gone by now.
    let rows = memory.backups().or_fail()?.into_iter().map(|row| row.made_at);
    let made: Vec<DateTime<Utc>> =
        kept.iter().filter(|kept| kept.manifest.why != Why::BeforeRestore).map(|kept| kept.manifest.made_at).chain(rows).collect();
    Ok(due(now, &made))
}

/// Whether no backup was made within a day of `now`, before it or behind it: a clock that jumps to and fro finds those that it
/// made there, and one that was in the future for a while stops nothing after it.
fn due(now: DateTime<Utc>, made: &[DateTime<Utc>]) -> bool {
    made.iter().all(|at| (now - *at).abs() >= APART)
}

/// Makes a backup, removes those that are too many, and runs the hook. What went wrong is kept and said.
pub(crate) fn make_and_carry(
    order: &Order<'_>,
    settings: &Settings,
    memory: &mut Memory,
    hooked: &Hooked<'_>,
) -> Outcome<(Kept, BackupRow)> {
    let begun = Instant::now();
    let made = make::make(order, Some(memory));
    let trouble = made.as_ref().err().map(Failure::with_hint);
    note(memory, trouble.as_deref());
    let kept = made?;
    let mut row = BackupRow { name: kept.name.clone(), made_at: order.now, took: begun.elapsed(), hook: None };
    memory.record_backup(&row).or_fail()?;
    Store::of(order.home).prune(usize::from(settings.backup.keep));
    if let Some(call) = settings.backup.hook(&kept.path, order.home.root()) {
        let end = hook::run(&call, hooked);
        if let Some(said) = hook::trouble(&end) {
            tracing::warn!("{said}");
            noted::keep(memory, &said)?;
        }
        row.hook = Some(end);
        memory.record_backup(&row).or_fail()?;
    }
    Ok((kept, row))
}

/// Keeps why a backup failed, or that it did not. On a full disk that fails as well; then `status` shows how old the last one is.
fn note(memory: &mut Memory, trouble: Option<&str>) {
    let kept = memory.keep_text(TROUBLE, trouble.unwrap_or_default()).or_fail();
    let said = trouble.map_or(Ok(()), |why| noted::keep(memory, &format!("no backup was made: {why}")));
    for failure in [kept.err(), said.err()].into_iter().flatten() {
        tracing::warn!("{failure}");
    }
}

/// Why the last backup failed, if it did.
pub(crate) fn trouble(memory: &Memory) -> Outcome<Option<String>> {
    Ok(memory.text(TROUBLE).or_fail()?.filter(|text| !text.is_empty()))
}

/// An error of the disk, with its hint.
fn cannot(path: &std::path::Path, error: &std::io::Error) -> Failure {
    let failure = Failure::message(Kind::Failed, format!("{}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            failure.hint("free some disk space; the backups that are there are kept")
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => failure.hint("allow writing there"),
        _ => failure.hint("what is there was left alone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    #[test]
    fn once_a_day_whatever_the_clock_does() {
        for (now, made, expected) in [
            (0, &[][..], true),
            (23, &[0], false),
            (24, &[0], true),
            // Set back: by an hour, by 26 hours, by years.
            (-1, &[0], false),
            (-26, &[0], true),
            (0, &[40_000], true),
            // Forward and back again: those of both times are found.
            (2, &[0, 26], false),
            (28, &[0, 26], false),
        ] {
            let made: Vec<_> = made.iter().map(|hours| at(*hours)).collect();
            assert_eq!(due(at(now), &made), expected, "{now} {made:?}");
        }
    }

    /// A year of wakes every two hours with clocks that jump: never two within a day of the clock, and none missing for long.
    #[test]
    fn a_year_with_a_jumping_clock_has_about_a_backup_a_day() {
        let mut seed: u64 = 7;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let (mut made, mut without, mut longest): (Vec<DateTime<Utc>>, i64, i64) = (vec![], 0, 0);
        for wake in 0..4_380_i64 {
            let jump = if random(10) == 0 { i64::try_from(random(53)).expect("small") - 26 } else { 0 };
            let now = at(wake * 2 + jump);
            if due(now, &made) {
                assert!(made.iter().all(|other| (now - *other).abs() >= APART), "twice within a day at {now}");
                made.push(now);
                without = 0;
            } else {
                without += 2;
            }
            longest = longest.max(without);
        }
        assert!(made.len() <= 380, "{} in 365 days", made.len());
        assert!(longest <= 72, "{longest} hours without one");
    }
}
