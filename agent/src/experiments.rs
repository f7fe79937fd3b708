//! Experiments of this home: subject lines of a letter, and headlines in `experiments/`. What is tried, and whether it may begin.
//!
//! Must stay true: none begins with too few people to see a difference; one that has begun goes on as it is frozen, or not at all; why
//! one does not begin is said in the same words everywhere.

mod file;
mod headline;
mod shown;

use reveille_memory::{Experiment, Memory};
use reveille_mission::experiment::{Kind, Size, subject_key};
use reveille_mission::{Audience, Issue, too_few};
use reveille_skills::channels::email::Letter;
use reveille_skills::delivery::letter::PART;

use crate::failure::{Failure, Kind as Failed, OrFail, Outcome};
use crate::observe::Scene;

pub(crate) use file::problems;
pub(crate) use headline::headline;
pub(crate) use shown::{Shown, all, line};

/// The letter as it is to go out: its subjects shared out among the readers where there are enough of them, else with the first one
/// and the reason why. One that has begun goes on as it began.
pub(crate) fn shared_out(
    scene: &Scene<'_>,
    memory: &mut Memory,
    issue: &Issue,
    letter: Letter,
    readers: u64,
) -> Outcome<(Letter, Option<String>)> {
    let subjects = reveille_skills::experiments::subjects(scene.home.root(), issue).or_fail()?;
    let name = subject_key(&issue.id);
    let begun = memory.tallies().or_fail()?.iter().any(|tally| tally.issue == issue.id && tally.part == PART && tally.total() > 0);
    if begun && let Some(known) = memory.experiment(&name).or_fail()? {
        return frozen(issue, letter, &known, &subjects);
    }
    let Some(first) = subjects.first().cloned() else { return Ok((letter, None)) };
    let size = Size::of(scene.settings.experiments, subjects.len());
    if begun || readers < size.total() {
        let why = (!begun).then(|| with_first(issue, &size, readers));
        return Ok((letter.with_subjects(vec![first]).or_fail()?, why));
    }
    let experiment = Experiment {
        name,
        kind: Kind::Subject,
        about: issue.id.clone(),
        variants: subjects,
        rates: scene.settings.experiments,
        people: size.people,
        started_at: scene.now,
        ends_at: None,
    };
    let kept = memory.begin_experiment(&experiment).or_fail()?;
    Ok((letter.with_subjects(kept.variants).or_fail()?, None))
}

/// The letter of an experiment whose mails are written down: its subjects can't change any more.
fn frozen(issue: &Issue, letter: Letter, known: &Experiment, subjects: &[String]) -> Outcome<(Letter, Option<String>)> {
    if known.variants != subjects {
        let problem = format!("{}: `subjects` was changed after the first mails were written down with them", issue.path);
        let list = known.variants.iter().map(|subject| format!("\"{subject}\"")).collect::<Vec<_>>().join(", ");
        return Err(Failure::message(Failed::Failed, problem)
            .hint(format!("an experiment is frozen at its first exposure: write `subjects: [{list}]` again")));
    }
    Ok((letter.with_subjects(known.variants.clone()).or_fail()?, None))
}

/// Why a letter goes out with its first subject.
pub(crate) fn with_first(issue: &Issue, size: &Size, readers: u64) -> String {
    let people = Audience { count: readers, source: "confirmed readers".to_owned(), measured_at: None };
    format!("{} goes out with the first of its subjects: an experiment {}", issue.name(), too_few(size, &people))
}
