//! Where each experiment stands, for people and as JSON.
//!
//! Must stay true: outcomes are shown after the horizon only.

use chrono::{DateTime, Utc};
use reveille_memory::{Experiment, Memory};
use reveille_mission::experiment::{Arm, Comparison, Kind, Size, Standing, grouped, judge, subject_key};
use reveille_mission::{Issue, Shelf};
use reveille_skills::delivery::letter::PART;
use reveille_skills::experiments::{letter_arms, subjects};
use serde::Serialize;

use super::file::{Written, load};
use super::headline::{changed, horizon, too_few_visitors, visitors};
use super::with_first;
use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;

/// An experiment, as it stands.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// `waiting`, `running`, `stopped`, `done`, `skipped` or `wrong`.
    pub(crate) state: &'static str,
    pub(crate) variants: Vec<Variant>,
    /// How many people a side it takes.
    pub(crate) people: u64,
    /// The same in words.
    pub(crate) takes: String,
    /// Nobody looks at outcomes before.
    pub(crate) until: Option<DateTime<Utc>>,
    /// How likely shares like these are by chance.
    pub(crate) ratio_p: Option<f64>,
    /// The others against the first, when it is done.
    pub(crate) comparisons: Vec<Comparison>,
    /// The best wording, if one is.
    pub(crate) best: Option<String>,
    /// What comes next, in a sentence.
    pub(crate) next: String,
}

/// One wording.
#[derive(Debug, Serialize)]
pub(crate) struct Variant {
    pub(crate) text: String,
    /// People who were shown it.
    pub(crate) shown: u64,
    /// Of those, people who clicked or confirmed; nothing before the horizon.
    pub(crate) outcomes: Option<u64>,
}

/// All of them: those that have begun, those that wait, and those that can't be. `readers` is nothing when they can't be counted.
pub(crate) fn all(scene: &Scene<'_>, memory: Option<&Memory>, shelf: &Shelf, readers: Option<u64>) -> Outcome<Vec<Shown>> {
    let mut all = Vec::new();
    let begun = memory.map_or(Ok(vec![]), Memory::experiments).or_fail()?;
    let tallies = memory.map_or(Ok(vec![]), Memory::tallies).or_fail()?;
    let written_down = |issue: &str| tallies.iter().any(|tally| tally.issue == issue && tally.part == PART && tally.total() > 0);
    if let Some(memory) = memory {
        for known in begun.iter().filter(|known| known.kind == Kind::Subject && written_down(&known.about)) {
            let counted = letter_arms(memory, known, scene.now).or_fail()?;
            all.push(standing(known, &counted.arms, counted.ends_at, scene.now));
        }
    }
    for issue in shelf.published() {
        // What is wrong with its file is said elsewhere.
        let subjects = subjects(scene.home.root(), issue).unwrap_or_default();
        let is_listed = written_down(&issue.id) && begun.iter().any(|known| known.about == issue.id);
        if !subjects.is_empty() && !is_listed {
            all.push(not_begun(scene, issue, subjects, written_down(&issue.id), readers));
        }
    }
    let (written, problems) = load(scene.home);
    for written in written {
        all.push(headline(scene, memory, written)?);
    }
    all.extend(problems.into_iter().map(|problem| {
        let next = format!("{}:{}", problem.path, problem.diagnostic);
        empty(problem.path, Kind::Headline, "wrong", vec![], Size::of(scene.settings.experiments, 2), next)
    }));
    Ok(all)
}

fn empty(name: String, kind: Kind, state: &'static str, variants: Vec<String>, size: Size, next: String) -> Shown {
    let variants = variants.into_iter().map(|text| Variant { text, shown: 0, outcomes: None }).collect();
    let (takes, people) = (size.to_string(), size.people);
    Shown { name, kind, state, variants, people, takes, until: None, ratio_p: None, comparisons: vec![], best: None, next }
}

/// A letter whose subjects are not shared out, or not yet.
fn not_begun(scene: &Scene<'_>, issue: &Issue, subjects: Vec<String>, sent: bool, readers: Option<u64>) -> Shown {
    let size = Size::of(scene.settings.experiments, subjects.len());
    let (state, next) = match readers {
        _ if sent => ("skipped", format!("{} went out with the first of its subjects: an experiment {size}", issue.name())),
        None => ("waiting", "the readers can't be counted".to_owned()),
        Some(readers) if readers < size.total() => ("waiting", with_first(issue, &size, readers)),
        Some(readers) => ("waiting", format!("it begins when {} is mailed to {} readers", issue.name(), grouped(readers))),
    };
    empty(subject_key(&issue.id), Kind::Subject, state, subjects, size, next)
}

fn headline(scene: &Scene<'_>, memory: Option<&Memory>, written: Written) -> Outcome<Shown> {
    let size = Size::of(scene.settings.experiments, written.variants.len());
    let waits =
        |next: String, written: &Written| empty(written.name.clone(), Kind::Headline, "waiting", written.variants.clone(), size, next);
    let Some(memory) = memory else {
        return Ok(waits("it begins when `reveille serve` starts, after the first wake".to_owned(), &written));
    };
    if let Some(known) = memory.experiment(&written.name).or_fail()? {
        let arms = memory.headline_arms(&known.name, known.variants.len()).or_fail()?;
        if arms.iter().any(|arm| arm.shown > 0) {
            let mut shown = standing(&known, &arms, horizon(&known), scene.now);
            if let Some(problem) = changed(&written, &known) {
                (shown.state, shown.next) = ("wrong", format!("{}:{}", problem.path, problem.diagnostic));
            }
            return Ok(shown);
        }
    }
    let next = match (too_few_visitors(scene.settings, &written, &visitors(memory)?), written.started) {
        (Some(why), _) => format!("it does not begin: an experiment {why}"),
        (None, Some(day)) if day > scene.now.date_naive() => format!("it begins when `reveille serve` starts after {day}"),
        (None, _) => "it begins with the next visitor after `reveille serve` starts".to_owned(),
    };
    Ok(waits(next, &written))
}

fn standing(known: &Experiment, arms: &[Arm], horizon: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Shown {
    let size = Size { people: known.people, sides: known.variants.len(), rates: known.rates };
    let judged = judge(arms, &size, horizon, now);
    let mut shown = empty(known.name.clone(), known.kind, "running", known.variants.clone(), size, String::new());
    shown.until = horizon;
    for (variant, arm) in shown.variants.iter_mut().zip(arms) {
        variant.shown = arm.shown;
        variant.outcomes = matches!(judged, Standing::Done { .. }).then_some(arm.outcomes);
    }
    let people: u64 = arms.iter().map(|arm| arm.shown).sum();
    match judged {
        Standing::Running => shown.next = running(known.kind, &size, people, horizon),
        Standing::Stopped { ratio_p } => {
            (shown.state, shown.ratio_p) = ("stopped", Some(ratio_p));
            shown.next = format!(
                "its counts mean nothing: people were not shared out evenly (chi-square, p {ratio_p:.1e}); see who is counted twice or not at \
                 all, and begin another under another name"
            );
        }
        Standing::Done { best, comparisons } => {
            shown.state = "done";
            shown.best = best.and_then(|best| known.variants.get(best).cloned());
            shown.next = came_of(known, &size, people, shown.best.as_deref());
            shown.comparisons = comparisons;
        }
    }
    shown
}

fn running(kind: Kind, size: &Size, people: u64, horizon: Option<DateTime<Utc>>) -> String {
    let (what, total) = (if kind == Kind::Subject { "clicks" } else { "sign-ups" }, grouped(size.total()));
    let people = format!("{} of {total} people so far", grouped(people));
    match horizon {
        Some(at) => format!("nobody looks at {what} before {}; {people}", at.format("%Y-%m-%d %H:%M UTC")),
        None => format!("nobody looks at {what} before the last mail is out and its days are over; {people}"),
    }
}

fn came_of(known: &Experiment, size: &Size, people: u64, best: Option<&str>) -> String {
    let few =
        if people < size.total() { format!(" (with {} people of {})", grouped(people), grouped(size.total())) } else { String::new() };
    match (best, known.kind) {
        (None, _) => format!("no difference found{few}: keep the one that you like"),
        (Some(best), Kind::Subject) => format!("“{best}” brought more readers to click{few}: write the next ones like it"),
        (Some(best), Kind::Headline) => {
            format!(
                "“{best}” brought more sign-ups{few}: write it as `description` in reveille.toml and remove experiments/{}.toml",
                known.name
            )
        }
    }
}

/// The line of `status`.
pub(crate) fn line(shown: &Shown) -> String {
    format!("{}: {}; {}", shown.name, shown.state, shown.next)
}
