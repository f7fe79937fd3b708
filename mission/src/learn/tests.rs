//! Corrections as tables: what counts, what never does, and which word wins.

use super::*;
use crate::identity::identify;
use crate::progress::Progress;
use crate::reading::{Reading, read};
use crate::review::{Offer, Past};
use crate::shelf::Shelf;
use crate::task::{Source, Task};

const STRANGERS: Opinion = Opinion { who: Some(Who::Strangers), skill: Some(Skill::Engage) };
const GREY: Opinion = Opinion { who: None, skill: None };

/// The words, who, which skill, and why it is known.
type Expected<'a> = (&'a str, Option<Who>, Option<Option<Skill>>, Why);

/// What a home looks like to the one who learns.
struct Home {
    progress: Progress,
    opinion: Option<Opinion>,
    /// The kind of ask about every open item, and what was answered.
    asked: Option<(AskKind, Said)>,
    shown: bool,
    known: Vec<Label>,
}

impl Home {
    fn new(list: &str) -> Self {
        let progress = Progress::parse(list).expect("a list");
        Self { progress, opinion: Some(STRANGERS), asked: None, shown: false, known: vec![] }
    }

    fn learns(&self) -> Vec<Label> {
        let texts: Vec<&str> = self.progress.items.iter().map(Item::text).collect();
        let items: Vec<(TaskId, &Item)> = identify(&texts, &[]).into_iter().zip(&self.progress.items).collect();
        let cases: Vec<Case> =
            items.iter().filter(|(_, item)| item.state == ItemState::Open).map(|(id, item)| case(id, item, self.opinion)).collect();
        let ask = |kind: &AskKind| Ask {
            text: "it".into(),
            unlocks: cases.iter().map(|case| case.task.id.clone()).collect(),
            reach: 1.0,
            kind: kind.clone(),
            key: "ab12cd34".into(),
        };
        let asks: Vec<Ask> = self.asked.iter().map(|(kind, _)| ask(kind)).collect();
        let answer = |said: &Said| Answer { key: "ab12cd34".into(), ticked: false, said: said.clone(), line: 1 };
        let answers: Vec<Answer> = self.asked.iter().map(|(_, said)| answer(said)).collect();
        let shown = if self.shown { items.iter().map(|(id, _)| id.clone()).collect() } else { HashSet::new() };
        corrections(&Desk {
            items: &items,
            cases: &cases,
            asks: &asks,
            answers: &answers,
            opinion: &|_| self.opinion,
            shown: &shown,
            known: &|text| self.known.iter().find(|label| folded(&label.text) == folded(text)).cloned(),
        })
    }

    #[track_caller]
    fn expect(&self, expected: &[Expected<'_>]) {
        let found = self.learns();
        let found: Vec<_> = found.iter().map(|label| (label.text.as_str(), label.who, label.skill, label.why)).collect();
        assert_eq!(found, expected);
    }
}

fn case(id: &TaskId, item: &Item, opinion: Option<Opinion>) -> Case {
    let tags = item.tagged.tags.clone();
    let task = Task {
        id: id.clone(),
        text: item.text().into(),
        tags,
        source: Source::Progress { line: item.line },
        problems: vec![],
        content: String::new(),
    };
    let who = opinion.and_then(|opinion| opinion.who);
    let reading = Reading {
        who,
        skill: opinion.and_then(|opinion| opinion.skill),
        ..read(&task, None, GreyZone::default(), &Shelf::default(), chrono::NaiveDate::default())
    };
    Case { task, reading, offer: Offer::Can { needs: vec![] }, past: Past::Fresh }
}

fn label(text: &str, who: Option<Who>, skill: Option<Option<Skill>>) -> Label {
    Label { text: text.into(), who, skill, why: Why::No }
}

#[test]
fn a_tag_counts_when_the_model_says_otherwise_or_nothing_clear() {
    use Who::{Nobody, Strangers};
    let compose = Some(Some(Skill::Compose));
    for (line, opinion, expected) in [
        ("Ask around for:strangers", Some(STRANGERS), None),
        ("Ask around for:nobody", Some(STRANGERS), Some((Some(Nobody), None))),
        ("Ask around for:strangers", Some(GREY), Some((Some(Strangers), None))),
        ("Ask around skill:engage", Some(STRANGERS), None),
        ("Ask around skill:compose", Some(STRANGERS), Some((None, compose))),
        ("Ask around for:strangers skill:compose", Some(STRANGERS), Some((Some(Strangers), compose))),
        ("Ask around for:nobody", None, None),
        ("Ask around", Some(STRANGERS), None),
        ("Ask around channel:web", Some(STRANGERS), None),
        ("Ask around for:nobody needs:moon", Some(STRANGERS), None),
        ("~~Ask around for:nobody~~", Some(STRANGERS), None),
        ("for:nobody", Some(STRANGERS), None),
    ] {
        let found = Home { opinion, ..Home::new(&format!("- [ ] {line}\n")) }.learns();
        let found = found.first().map(|label| (label.who, label.skill));
        assert_eq!(found, expected, "{line} against {opinion:?}");
    }
    Home::new("- [x] Ask around for:nobody\n- [-] Ask about for:nobody\n").expect(&[]);
}

#[test]
fn what_is_known_is_learned_once_and_the_latest_word_wins() {
    let home = |line: &str, known: Label| Home { known: vec![known], ..Home::new(&format!("- [ ] {line}\n")) };
    let nobody = Some(Who::Nobody);
    home("Ask around! for:nobody", label("ask around", nobody, None)).expect(&[]);
    // The model agrees by now; what was said earlier does not.
    home("Ask around for:strangers", label("Ask around", nobody, None)).expect(&[("Ask around", Some(Who::Strangers), None, Why::Tag)]);
    home("Ask around for:strangers", label("Ask around", Some(Who::Strangers), Some(None))).expect(&[]);
    // A skill's tag keeps the who that was known, and another who drops the skill that was known.
    let compose = Some(Some(Skill::Compose));
    home("Ask around skill:compose", label("Ask around", nobody, None)).expect(&[("Ask around", nobody, compose, Why::Tag)]);
    home("Ask around for:nobody", label("Ask around", Some(Who::Customers), compose)).expect(&[("Ask around", nobody, None, Why::Tag)]);
}

#[test]
fn equal_lines_with_other_tags_are_one_word_the_last() {
    let home = Home::new("- [ ] Ask around for:customers\n- [ ] ask  Around! for:nobody\n");
    home.expect(&[("ask Around!", Some(Who::Nobody), None, Why::Tag)]);
    let again = Home { known: home.learns(), ..home };
    again.expect(&[]);
    // Nearly equal is another line.
    assert_eq!(Home::new("- [ ] Ask around for:customers\n- [ ] Ask them around for:nobody\n").learns().len(), 2);
}

#[test]
fn no_says_that_nobody_notices_and_yes_that_it_was_read_right() {
    let approve = || AskKind::Approve { digest: "ab".into() };
    let list = "- [ ] Ask around\n";
    let home = |kind: AskKind, said: Said| Home { asked: Some((kind, said)), ..Home::new(list) };
    let no = [("Ask around", Some(Who::Nobody), None, Why::No)];
    for kind in [approve(), AskKind::DoYourself, AskKind::Tag] {
        home(kind, Said::No).expect(&no);
    }
    home(approve(), Said::Yes).expect(&[("Ask around", Some(Who::Strangers), Some(Some(Skill::Engage)), Why::Yes)]);
    // A credential that is not given, work that was done, other words, a line that the model never read, an unclear one.
    home(AskKind::Provide, Said::No).expect(&[]);
    home(AskKind::DoYourself, Said::Yes).expect(&[]);
    home(approve(), Said::Other("later".into())).expect(&[]);
    home(approve(), Said::Nothing).expect(&[]);
    Home { opinion: None, ..home(approve(), Said::No) }.expect(&[]);
    Home { opinion: Some(GREY), ..home(approve(), Said::Yes) }.expect(&[]);
    // Known already.
    Home { known: vec![label("Ask around", Some(Who::Nobody), None)], ..home(approve(), Said::No) }.expect(&[]);
    Home { known: vec![label("Ask around", Some(Who::Strangers), Some(Some(Skill::Engage)))], ..home(approve(), Said::Yes) }.expect(&[]);
}

#[test]
fn a_tag_outranks_an_answer_about_its_line() {
    let asked = Some((AskKind::DoYourself, Said::No));
    Home { asked: asked.clone(), ..Home::new("- [ ] Ask around for:strangers\n") }.expect(&[]);
    let both = Home { asked, ..Home::new("- [ ] Ask around for:customers\n- [ ] Ask around\n") };
    both.expect(&[("Ask around", Some(Who::Customers), None, Why::Tag)]);
}

#[test]
fn only_what_was_shown_last_is_learned_from_when_it_is_dropped() {
    let list = "- [-] Ask around\n- [ ] Ask more\n- [x] Ask less\n- [-] Ask for:customers\n";
    Home::new(list).expect(&[]);
    Home { shown: true, ..Home::new(list) }.expect(&[("Ask around", Some(Who::Nobody), None, Why::Dropped)]);
    Home { shown: true, opinion: None, ..Home::new(list) }.expect(&[]);
}

#[test]
fn a_label_says_it_in_words() {
    for (label, expected) in [
        (label("Ask", Some(Who::Strangers), None), "is for strangers"),
        (label("Ask", Some(Who::Nobody), Some(None)), "is for nobody, no skill"),
        (label("Ask", None, Some(Some(Skill::Sell))), "takes skill sell"),
    ] {
        assert_eq!(label.says(), expected);
    }
}
