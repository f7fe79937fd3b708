//! The headline experiment that `serve` runs: the first one whose days are not over.
//!
//! Must stay true: without people enough in 30 days none begins; one whose words were changed after people saw them is not shown.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Experiment, Memory};
use reveille_mission::experiment::{CONFIRM_DAYS, Kind, Size, Standing, days_needed, judge};
use reveille_mission::{Audience, Diagnostic, FactKey, too_few};

use super::file::{Written, load};
use crate::deliberate::FileProblem;
use crate::failure::{OrFail, Outcome};
use crate::home::Home;
use crate::settings::Settings;
use reveille_site::Headline;

/// Visitors of 30 days, as they were counted last.
pub(super) fn visitors(memory: &Memory) -> Outcome<Audience> {
    let key = FactKey::SiteVisitors30d.to_string();
    let row = memory.latest_facts().or_fail()?.into_iter().find(|row| row.key == key);
    let counted = row.and_then(|row| Some((row.value_json.parse().ok()?, row)));
    Ok(match counted {
        Some((count, row)) => Audience { count, source: format!("{key}, {}", row.source), measured_at: Some(row.measured_at) },
        None => Audience { count: 0, source: format!("{key}, never counted"), measured_at: None },
    })
}

/// Why a headline experiment does not begin, if it can't.
pub(super) fn too_few_visitors(settings: &Settings, written: &Written, visitors: &Audience) -> Option<String> {
    let size = Size::of(settings.experiments, written.variants.len());
    (visitors.count < size.total()).then(|| too_few(&size, visitors))
}

/// What is wrong with a file whose experiment people have seen in other words.
pub(super) fn changed(written: &Written, known: &Experiment) -> Option<FileProblem> {
    (written.variants != known.variants).then(|| {
        let hint = "an experiment is frozen at its first exposure: write the old ones again, or begin another under another name";
        let diagnostic = Diagnostic::error(written.line, 1, "`variants` was changed after people saw them", hint);
        FileProblem { path: written.path.clone(), diagnostic }
    })
}

/// The headline that `serve` shows, with the people who were shown its wordings so far.
pub(crate) fn headline(home: &Home, settings: &Settings, memory: &mut Memory, now: DateTime<Utc>) -> Outcome<Option<Headline>> {
    let Some(running) = running(home, settings, memory, now)? else { return Ok(None) };
    let arms = memory.headline_arms(&running.name, running.variants.len()).or_fail()?;
    tracing::info!("the experiment {} shares out {} headlines", running.name, running.variants.len());
    Ok(Some(Headline::new(running, arms.iter().map(|arm| arm.shown).collect())))
}

/// Begins or continues the one that is to be shown now; in the log, why another one is not.
fn running(home: &Home, settings: &Settings, memory: &mut Memory, now: DateTime<Utc>) -> Outcome<Option<Experiment>> {
    let (all, problems) = load(home);
    for problem in problems {
        tracing::warn!("{}:{}", problem.path, problem.diagnostic);
    }
    let visitors = visitors(memory)?;
    for written in all {
        let known = memory.experiment(&written.name).or_fail()?;
        let seen = match &known {
            Some(known) => memory.headline_arms(&known.name, known.variants.len()).or_fail()?.iter().any(|arm| arm.shown > 0),
            None => false,
        };
        match known.filter(|_| seen) {
            Some(known) => match changed(&written, &known) {
                Some(problem) => tracing::warn!("{}:{}", problem.path, problem.diagnostic),
                None if is_shown(memory, &known, now)? => return Ok(Some(known)),
                None => {}
            },
            None if written.started.is_some_and(|day| day > now.date_naive()) => {}
            None => match too_few_visitors(settings, &written, &visitors) {
                Some(why) => tracing::warn!("{}: it does not begin: an experiment {why}", written.path),
                None => return memory.begin_experiment(&planned(settings, written, visitors.count, now)).or_fail().map(Some),
            },
        }
    }
    Ok(None)
}

/// Whether its days are not over and its people are shared out evenly.
fn is_shown(memory: &Memory, known: &Experiment, now: DateTime<Utc>) -> Outcome<bool> {
    let arms = memory.headline_arms(&known.name, known.variants.len()).or_fail()?;
    let size = Size { people: known.people, sides: known.variants.len(), rates: known.rates };
    Ok(known.ends_at.is_some_and(|end| now < end) && judge(&arms, &size, None, now) == Standing::Running)
}

/// Its end is computed before its first exposure: as many days as it takes with the visitors that there are.
fn planned(settings: &Settings, written: Written, visitors: u64, now: DateTime<Utc>) -> Experiment {
    let size = Size::of(settings.experiments, written.variants.len());
    let days = days_needed(&size, visitors).and_then(|days| i64::try_from(days).ok()).unwrap_or(30);
    Experiment {
        name: written.name,
        kind: Kind::Headline,
        about: String::new(),
        variants: written.variants,
        rates: settings.experiments,
        people: size.people,
        started_at: now,
        ends_at: Some(now + TimeDelta::days(days)),
    }
}

/// Nobody looks at what came of it before.
pub(super) fn horizon(known: &Experiment) -> Option<DateTime<Utc>> {
    known.ends_at.map(|end| end + TimeDelta::days(CONFIRM_DAYS))
}
