//! How many readers there are against the goal: above the sheet, and in the agent's block of PROGRESS.md.

use reveille_mission::{GoalUnit, Shelf};
use reveille_skills::readers::Counts;

use crate::deliberate::Deliberation;
use crate::observe::Scene;
use crate::sheet::markdown::Number;
use crate::sheet::terminal::Heading;

/// What stands above the sheet.
pub(crate) fn heading<'a>(scene: &'a Scene<'_>, deliberation: &Deliberation) -> Heading<'a> {
    let readers = &deliberation.readers;
    let counted = |unit| readers.as_ref().map_or_else(|| "?".to_owned(), |readers| count(readers, unit).to_string());
    let goal = deliberation.loaded.mission.goals.first().map_or_else(
        || "no goal in MISSION.md".to_owned(),
        |goal| format!("{} of {} {}", counted(goal.unit), goal.target, unit_name(goal.unit)),
    );
    Heading { name: &scene.settings.name, goal, unit: unit_name(deliberation.unit) }
}

fn count(readers: &Counts, unit: GoalUnit) -> u64 {
    match unit {
        GoalUnit::Paying => readers.paying,
        GoalUnit::Confirmed => readers.confirmed,
    }
}

fn unit_name(unit: GoalUnit) -> &'static str {
    match unit {
        GoalUnit::Paying => "paid subscribers",
        GoalUnit::Confirmed => "confirmed readers",
    }
}

/// The numbers against the goal, after what was done.
pub(crate) fn numbers(deliberation: &Deliberation, shelf: &Shelf) -> Vec<Number> {
    let (readers, goals) = (&deliberation.readers, &deliberation.loaded.mission.goals);
    let goal = |unit: GoalUnit| {
        goals.iter().find(|goal| goal.unit == unit).map(|goal| match goal.by {
            Some(by) => format!("{} by {by}", goal.target),
            None => goal.target.to_string(),
        })
    };
    let left_out = match readers.as_ref().map_or(0, |readers| readers.left_out.total()) {
        0 => String::new(),
        1 => " (1 more address is no person: yours, of a test domain, unconfirmed, or gone)".to_owned(),
        total => format!(" ({total} more addresses are no people: yours, test domains, unconfirmed, gone)"),
    };
    let counted = |unit| {
        readers.as_ref().map_or_else(|| "not counted: the list can't be read".to_owned(), |readers| count(readers, unit).to_string())
    };
    let published = shelf.published().count();
    let ready = shelf.ready().count();
    let row = |name: &str, today: String, goal: Option<String>| Number { name: name.to_owned(), today, goal: goal.unwrap_or_default() };
    let mut rows = vec![
        row("paid subscribers", counted(GoalUnit::Paying), goal(GoalUnit::Paying)),
        row("confirmed readers", format!("{}{left_out}", counted(GoalUnit::Confirmed)), goal(GoalUnit::Confirmed)),
        row("issues published", published.to_string(), None),
        row("drafts ready", ready.to_string(), None),
    ];
    rows.extend(crate::visits::numbers(&deliberation.facts));
    rows
}

/// A count with its word: `1 person`, `2 people`.
pub(crate) fn worded(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// So many of what takes an `s` in the plural.
pub(crate) fn many(count: u64, what: &str) -> String {
    worded(count, what, &format!("{what}s"))
}
