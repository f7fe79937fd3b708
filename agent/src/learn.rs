//! What the human corrected, remembered in memory and nowhere else: their list stays as they wrote it. What counts as a
//! correction is decided in `mission`; here the last wake is looked up, the labels are kept, and the reader is given them.

use std::collections::{HashMap, HashSet};

use reveille_memory::{Memory, RunState};
use reveille_mission::{Ask, Desk, Item, ItemState, Label, Opinion, TaskId, corrections, folded};
use reveille_models::{HomeLine, Learned};

use crate::deliberate::Deliberation;
use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;
use crate::sheet::markdown::LISTED;
use crate::sheet::short;

/// The newest lines that the reader is given: more would make loading it slow.
const MOST_LINES: usize = 5_000;
/// Runs that are looked through for the last one that decided something.
const LOOKED_THROUGH: u32 = 50;
/// The key of the text that says why the home's lines are not used.
const SET_ASIDE: &str = "set aside";

/// Everything that was learned, the newest first; a home without memory has learned nothing.
pub(crate) fn labels(memory: Option<&Memory>) -> Outcome<Vec<Label>> {
    let learned = memory.map(Memory::labels).transpose().or_fail()?.unwrap_or_default();
    Ok(learned.into_iter().map(|learned| learned.label).collect())
}

/// What the reader is given of them.
pub(crate) fn home_lines(labels: &[Label]) -> Vec<HomeLine> {
    let line = |label: &Label| HomeLine { text: label.text.clone(), who: label.who, skill: label.skill };
    labels.iter().take(MOST_LINES).map(line).collect()
}

/// Remembers what the human corrected since the last wake; what was learned, in words.
pub(crate) fn learn(scene: &Scene<'_>, memory: &mut Memory, deliberation: &Deliberation, asks: &[Ask]) -> Outcome<Vec<String>> {
    let progress = &deliberation.loaded.progress;
    if progress.answers.is_empty() && !progress.items.iter().any(may_teach) {
        return Ok(vec![]);
    }
    let items: Vec<(TaskId, &Item)> = deliberation.identities.iter().map(|(id, _)| id.clone()).zip(&progress.items).collect();
    let known: HashMap<String, &Label> = deliberation.labels.iter().map(|label| (folded(&label.text), label)).collect();
    let last = LastWake::look_up(memory)?;
    let readings = &deliberation.readings;
    let labels = corrections(&Desk {
        items: &items,
        cases: &deliberation.cases,
        asks,
        answers: &progress.answers,
        opinion: &|text| readings.of(text).map(|model| Opinion::of(model, readings.grey)).or_else(|| last.opinion(text)),
        shown: &last.shown,
        known: &|text| known.get(&folded(text)).map(|label| (*label).clone()),
    });
    if !labels.is_empty() {
        memory.remember_labels(&labels, scene.now).or_fail()?;
    }
    Ok(lessons(&labels))
}

fn may_teach(item: &Item) -> bool {
    let tags = &item.tagged.tags;
    match item.state {
        ItemState::Open => tags.who.is_some() || tags.skill.is_some(),
        ItemState::Dropped => true,
        ItemState::Done => false,
    }
}

fn lessons(labels: &[Label]) -> Vec<String> {
    let mut said: Vec<String> =
        labels.iter().take(LISTED).map(|label| format!("learned: “{}” {}", short(&label.text, 70), label.says())).collect();
    if labels.len() > LISTED {
        said.push(format!("learned: {} more lines, from their tags and your answers", labels.len() - LISTED));
    }
    said
}

/// What the last wake that decided something showed and read.
#[derive(Default)]
struct LastWake {
    shown: HashSet<TaskId>,
    opinions: HashMap<String, Opinion>,
}

impl LastWake {
    fn look_up(memory: &Memory) -> Outcome<Self> {
        for run in memory.runs(LOOKED_THROUGH).or_fail()?.into_iter().filter(|run| run.state == RunState::Done) {
            let Some(sheet) = memory.sheet(run.id).or_fail()? else { continue };
            let asked = sheet.asks.into_iter().take(LISTED).flat_map(|ask| ask.unlocks);
            let shown = asked.chain(run.pick).map(TaskId::stored).collect();
            let by_model = sheet.candidates.into_iter().filter(|row| row.read_by == "model");
            let opinion =
                |who: &str, skill: Option<String>| Opinion { who: who.parse().ok(), skill: skill.and_then(|skill| skill.parse().ok()) };
            let opinions = by_model.map(|row| (folded(&row.text), opinion(&row.who, row.skill))).collect();
            return Ok(Self { shown, opinions });
        }
        Ok(Self::default())
    }

    fn opinion(&self, text: &str) -> Option<Opinion> {
        self.opinions.get(&folded(text)).copied()
    }
}

/// Keeps whether the reader could use the home's lines, when it was loaded; what to tell the human if it could not.
pub(crate) fn weigh(memory: &mut Memory, learned: Option<Learned>) -> Outcome<Option<String>> {
    let said = match learned {
        None => return Ok(None),
        Some(Learned::Used { .. }) => None,
        Some(Learned::SetAside { lines, before, after }) => Some(format!(
            "what you corrected ({lines} lines) is kept but not used: with it the reader would read {:.1} % of the lines that it \
             is tested on right, without it {:.1} %",
            after * 100.0,
            before * 100.0
        )),
    };
    memory.keep_text(SET_ASIDE, said.as_deref().unwrap_or_default()).or_fail()?;
    Ok(said)
}

/// Why the home's lines are not used, if they are not.
pub(crate) fn set_aside(memory: &Memory) -> Outcome<Option<String>> {
    Ok(memory.text(SET_ASIDE).or_fail()?.filter(|said| !said.is_empty()))
}

#[cfg(test)]
mod tests {
    use reveille_mission::{Who, Why};

    use super::*;

    #[test]
    fn lines_that_were_set_aside_are_said_until_they_are_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let mut weighed = |learned| {
            let said = weigh(&mut memory, learned).expect("kept");
            (said, set_aside(&memory).expect("read"))
        };
        let (said, kept) = weighed(Some(Learned::SetAside { lines: 7, before: 0.906, after: 0.88 }));
        assert!(
            said.as_deref().is_some_and(|said| said.contains("7 lines") && said.contains("88.0 %") && said.contains("90.6 %")),
            "{said:?}"
        );
        assert_eq!(said, kept);
        assert_eq!(weighed(None), (None, kept), "a wake that did not load the reader knows no better");
        assert_eq!(weighed(Some(Learned::Used { lines: 7 })), (None, None));
    }

    #[test]
    fn many_lessons_are_counted_and_only_the_newest_lines_are_given() {
        let label = |nth: usize| Label { text: format!("line {nth}"), who: Some(Who::Nobody), skill: None, why: Why::Tag };
        let labels: Vec<Label> = (0..6_000).map(label).collect();
        let said = lessons(&labels);
        assert_eq!((said.len(), said[0].as_str()), (LISTED + 1, "learned: “line 0” is for nobody"));
        assert!(said[LISTED].contains("5992 more"), "{said:?}");
        let given = home_lines(&labels);
        assert_eq!((given.len(), given[0].text.as_str()), (MOST_LINES, "line 0"));
    }
}
