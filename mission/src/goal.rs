//! MISSION.md: prose, and under `## Goal` the numbers that count, like `- paid subscribers: 50 by 2026-12-31`.

use chrono::NaiveDate;
use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::words::nearest;

/// What a goal counts: the unit of every score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GoalUnit {
    /// Paying readers.
    #[default]
    Paying,
    /// Confirmed readers.
    Confirmed,
}

/// One line under `## Goal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// What is counted.
    pub unit: GoalUnit,
    /// How many, in people.
    pub target: u64,
    /// Until when.
    pub by: Option<NaiveDate>,
    /// Its line, from 1.
    pub line: usize,
}

/// MISSION.md as a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mission {
    /// The first heading.
    pub title: Option<String>,
    /// The goals, in the order of the file. The first one is the unit of the scores.
    pub goals: Vec<Goal>,
    /// What is wrong, with line and column.
    pub diagnostics: Vec<Diagnostic>,
}

const NAMES: [(&str, GoalUnit); 9] = [
    ("paid subscribers", GoalUnit::Paying),
    ("paying subscribers", GoalUnit::Paying),
    ("paying readers", GoalUnit::Paying),
    ("customers", GoalUnit::Paying),
    ("members", GoalUnit::Paying),
    ("confirmed subscribers", GoalUnit::Confirmed),
    ("subscribers", GoalUnit::Confirmed),
    ("readers", GoalUnit::Confirmed),
    ("confirmed readers", GoalUnit::Confirmed),
];
const HINT: &str = "write it like `- paid subscribers: 50 by 2026-12-31`";

impl Mission {
    /// Reads MISSION.md. What can't be understood is a diagnostic.
    pub fn parse(text: &str) -> Self {
        let arena = Arena::new();
        let mut options = Options::default();
        options.extension.front_matter_delimiter = Some("---".to_owned());
        let root = parse_document(&arena, text, &options);
        let lines: Vec<&str> = text.lines().collect();
        let mut mission = Mission::default();
        let mut under_goal = false;
        for node in root.descendants() {
            let data = node.data.borrow();
            let line = data.sourcepos.start.line;
            let shown = lines.get(line - 1).copied().unwrap_or_default();
            match &data.value {
                NodeValue::Heading(_) => {
                    let title = shown.trim_matches(|c: char| c == '#' || c.is_whitespace());
                    under_goal = matches!(title.to_lowercase().as_str(), "goal" | "goals");
                    mission.title.get_or_insert_with(|| title.to_owned());
                }
                NodeValue::Item(_) if under_goal => match goal(shown, line) {
                    Ok(goal) => mission.goals.push(goal),
                    Err(diagnostic) => mission.diagnostics.push(diagnostic),
                },
                _ => {}
            }
        }
        if mission.goals.is_empty() && mission.diagnostics.is_empty() {
            let line = lines.len().max(1);
            let message = "no goal: nothing under a heading `## Goal`";
            mission.diagnostics.push(Diagnostic::warning(line, 1, message, format!("{HINT}; until then paid subscribers count")));
        }
        mission
    }

    /// The unit of every score: that of the first goal, paying readers where none is set.
    pub fn unit(&self) -> GoalUnit {
        self.goals.first().map(|goal| goal.unit).unwrap_or_default()
    }
}

fn goal(line: &str, number: usize) -> Result<Goal, Diagnostic> {
    let wrong = |message: String| Diagnostic::warning(number, 1, message, HINT);
    let item = line.trim().trim_start_matches(['-', '*', '+']).trim();
    let (name, rest) = item.split_once(':').ok_or_else(|| wrong("a goal without a number".to_owned()))?;
    let name = name.trim().to_lowercase();
    let unit = NAMES.iter().find(|(known, _)| *known == name).map(|(_, unit)| *unit).ok_or_else(|| {
        let near = nearest(&name, NAMES.iter().map(|(known, _)| *known));
        wrong(format!("`{name}` can't be counted{}", near.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default()))
    })?;
    let (count, by) = match rest.split_once(" by ") {
        Some((count, by)) => (count, Some(by.trim())),
        None => (rest, None),
    };
    let digits: String = count.trim().chars().filter(|c| !matches!(c, ',' | '_' | ' ')).collect();
    let target = digits.parse().map_err(|_| wrong(format!("`{}` is no whole number", count.trim())))?;
    let by = by.map(|by| by.parse().map_err(|_| wrong(format!("`{by}` is no date")))).transpose()?;
    Ok(Goal { unit, target, by, line: number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_read_and_mistakes_are_named() {
        let mission = Mission::parse(
            "# Letter\n\nProse - not: 3\n\n## Goal\n- paid subscribers: 1,050 by 2026-12-31\n- readers: 7\n- piad subscribers: 3\n- readers: many\n- readers: 5 by soon\n\n## Other\n- readers: 9\n",
        );
        assert_eq!(mission.title.as_deref(), Some("Letter"));
        assert_eq!(mission.goals.len(), 2);
        assert_eq!((mission.goals[0].target, mission.goals[0].line), (1050, 6));
        assert_eq!(mission.unit(), GoalUnit::Paying);
        let lines: Vec<usize> = mission.diagnostics.iter().map(|d| d.line).collect();
        assert_eq!(lines, [8, 9, 10]);
        assert!(mission.diagnostics[0].message.contains("did you mean `paid subscribers`?"));
    }

    #[test]
    fn a_mission_without_a_goal_says_so() {
        assert_eq!(Mission::parse("").diagnostics.len(), 1);
        assert_eq!(Mission::parse("").unit(), GoalUnit::Paying);
    }
}
