//! Who comes to the site: facts for the decision, a table for people, and reading the logs of another web server.
//!
//! Must stay true: without `[site]` nothing is counted and nothing shown; what can't be read is said, never guessed.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use reveille_memory::{Memory, TurnedAway};
use reveille_mission::{Fact, FactKey, FactValue, Facts, StepCount};
use reveille_skills::measure::{self, Counted, Logs, Visits};
use serde::Serialize;

use crate::commands::serve::hosts;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::numbers::worded;
use crate::observe::Scene;
use crate::sheet::markdown::Number;

/// What brought people, in a line: so many.
const SOURCES: usize = 4;

/// What readers and visitors did since the last wake: clicks are judged, visitors of days that are over forgotten. What is wrong with
/// that is no fault of the wake.
pub(crate) fn sweep(scene: &Scene<'_>, memory: &mut Memory) {
    if let Err(error) = memory.judge_clicks(scene.now) {
        tracing::warn!("clicks are not judged yet: {error}");
    }
    if let Err(error) = memory.forget_visitors(scene.now) {
        tracing::warn!("yesterday's visitors are not forgotten yet: {error}");
    }
    // Also where `reveille serve`, which does so each hour, has not run for long.
    if let Err(error) = memory.forget_unconfirmed(scene.now - reveille_site::CONFIRM_WITHIN, scene.now) {
        tracing::warn!("who did not confirm within a week is not forgotten yet: {error}");
    }
}

/// The facts of the site, where its visits are counted.
pub(crate) fn observe(scene: &Scene<'_>, memory: &Memory, facts: &mut Facts) -> Outcome {
    if scene.settings.site.is_none() {
        return Ok(());
    }
    for (key, count) in measure::site_facts(memory, scene.now).or_fail()? {
        // A channel that never brought anybody has no fact; one that brings nobody any more has a zero.
        if count > 0 || !matches!(key, FactKey::Visitors(_)) || facts.count(key).is_some() {
            facts.set(key, Fact { value: FactValue::Count(count), source: "site".to_owned(), measured_at: Some(scene.now) });
        }
    }
    Ok(())
}

/// The rows of PROGRESS.md; none while nothing was counted.
pub(crate) fn numbers(facts: &Facts) -> Vec<Number> {
    let known = facts.count(FactKey::SiteVisitors30d).zip(facts.count(FactKey::SiteConfirmed30d));
    let row = |(visitors, confirmed)| Number {
        name: "strangers on the site, 30 days".to_owned(),
        today: format!("{}, {confirmed} confirmed", worded(visitors, "person", "people")),
        goal: String::new(),
    };
    known.map(row).into_iter().collect()
}

/// Whom the caps on mails turned away today and yesterday (UTC), in words; nothing when they turned away nobody.
pub(crate) fn turned_away(counted: TurnedAway) -> Option<String> {
    let of = |people: u64, cap: &str| (people > 0).then(|| format!("{people} by `{cap}`"));
    let caps: Vec<_> = [of(counted.all, "mails_a_day"), of(counted.network, "mails_a_network")].into_iter().flatten().collect();
    (!caps.is_empty()).then(|| format!("sign-ups turned away since yesterday: {} of [site]", caps.join(", ")))
}

/// Since when [`turned_away`] counts.
pub(crate) fn yesterday(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::days(1)
}

/// The table of `status`; empty when nothing was counted.
pub(crate) fn table(visits: Option<&Visits>) -> String {
    let Some(visits) = visits else { return String::new() };
    let mut out = String::from("\nFrom stranger to reader, people (each day's added up):\n");
    for step in &visits.funnel {
        // Who asked before these days, or came where nobody counts, makes a step larger than the one before: that is no share.
        let of = step.of.filter(|of| *of >= step.people).map(|of| format!(" of {of}")).unwrap_or_default();
        let line = format!(
            "  {:<10} {:<14} {} to {}   {}",
            step.step.to_string(),
            format!("{}{of}", step.people),
            step.from,
            step.to,
            sources(step)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let since = visits.since.map(|day| format!(", counted since {day}")).unwrap_or_default();
    let _ = writeln!(out, "  {} looked at, {} fetched by programs{since}", worded(visits.views, "page", "pages"), visits.robots);
    out
}

fn sources(step: &StepCount) -> String {
    let named: Vec<String> = step.by_source.iter().take(SOURCES).map(|(source, people)| format!("{source} {people}")).collect();
    let more = step.by_source.len().saturating_sub(SOURCES);
    let more = if more > 0 { format!(", {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// What reading logs came to.
#[derive(Debug, Serialize)]
pub(crate) struct Imported {
    /// Lines that were read.
    pub(crate) lines: u64,
    /// Lines that are none.
    pub(crate) broken: u64,
    /// Files that are no logs.
    #[serde(skip)]
    pub(crate) no_logs: Vec<PathBuf>,
    /// The days that are new, with views, visitors, and pages that programs fetched.
    pub(crate) days: Vec<ImportedDay>,
}

/// A day of a log.
#[derive(Debug, Serialize)]
pub(crate) struct ImportedDay {
    pub(crate) day: NaiveDate,
    pub(crate) views: u64,
    pub(crate) visitors: u64,
    pub(crate) robots: u64,
}

/// What of logs is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It is a rehearsal.
    Nothing,
    /// All of them, or nothing where one of the files is no log.
    IfAllAreLogs,
    /// What can be read: beside a log stands what else was rotated.
    All,
}

/// Reads the logs of a web server; keeps what is new, if it is to be kept.
pub(crate) fn import(scene: &Scene<'_>, memory: &mut Memory, files: &[PathBuf], keep: Keep) -> Outcome<Imported> {
    let mut salt = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    let (hosts, pages) = (hosts(scene.settings), scene.home.root().join("site"));
    let logs = Logs { site: &scene.settings.url, pages: &pages, hosts: &hosts, today: scene.now.date_naive(), salt };
    let known = |day: NaiveDate| memory.is_counted(day).unwrap_or(true);
    let Counted { days, lines, broken, no_logs } = logs.read(files, &|day| !known(day)).map_err(|(path, error)| {
        Failure::message(Kind::Failed, format!("failed to read {}: {error}", path.display()))
            .hint("the log must be there and readable for the user who runs this: groups like `adm` may read logs")
    })?;
    let mut imported = Imported { lines, broken, no_logs, days: vec![] };
    // Whoever named it meant another file: what the others hold is counted once that is mended.
    let keep = match keep {
        Keep::Nothing => false,
        Keep::IfAllAreLogs => imported.no_logs.is_empty(),
        Keep::All => true,
    };
    for day in days {
        if keep && !memory.count_logged(&day).or_fail()? {
            continue;
        }
        let views = day.pages.iter().map(|(_, _, views, _)| views).sum();
        let visitors = day.landings.iter().map(|(_, people)| people).sum();
        imported.days.push(ImportedDay { day: day.day, views, visitors, robots: day.robots });
    }
    Ok(imported)
}

/// Reads the logs of the settings, and what was rotated away of them. What was learned, and what could not be read.
pub(crate) fn import_configured(scene: &Scene<'_>, memory: &mut Memory) -> Outcome<(String, Vec<String>)> {
    let mut files = vec![];
    for log in scene.settings.site.iter().flat_map(|site| &site.logs) {
        match measure::with_rotated(&scene.home.root().join(log)) {
            Ok(found) => files.extend(found),
            Err(error) => return Ok((String::new(), vec![format!("the log {} can't be read: {error}", log.display())])),
        }
    }
    Ok(match import(scene, memory, &files, Keep::All) {
        Ok(imported) => {
            let people: u64 = imported.days.iter().map(|day| day.visitors).sum();
            (format!("the site: {people} visitors on {} days of its logs", imported.days.len()), vec![])
        }
        Err(failure) => (String::new(), vec![failure.with_hint()]),
    })
}

#[cfg(test)]
mod tests {
    use reveille_mission::Step;

    use super::*;

    #[test]
    fn a_step_of_more_people_than_could_take_it_has_no_share_and_one_is_a_person() {
        let day: NaiveDate = "2026-11-20".parse().expect("a day");
        let step = |step, people, of| StepCount { step, from: day, to: day, people, of, by_source: vec![("direct".to_owned(), people)] };
        let funnel = vec![step(Step::Landing, 0, None), step(Step::Signup, 3, Some(0)), step(Step::Confirmed, 3, Some(3))];
        let shown = table(Some(&Visits { views: 1, robots: 0, since: Some(day), funnel }));
        let lines: Vec<&str> = shown.lines().skip(3).collect();
        assert_eq!(
            lines,
            [
                "  signup     3              2026-11-20 to 2026-11-20   direct 3",
                "  confirmed  3 of 3         2026-11-20 to 2026-11-20   direct 3",
                "  1 page looked at, 0 fetched by programs, counted since 2026-11-20",
            ]
        );
        let mut facts = Facts::default();
        for (key, count) in [("site.visitors_30d", "1"), ("site.confirmed_30d", "0")] {
            facts.assume(key, count).expect("a fact");
        }
        assert_eq!(numbers(&facts)[0].today, "1 person, 0 confirmed");
    }
}
