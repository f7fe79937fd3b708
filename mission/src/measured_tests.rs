//! What measuring is worth, and what it changes: two weeks of measurements move the choice from a dead channel to a living one.

use chrono::NaiveDate;

use crate::*;

fn today() -> NaiveDate {
    "2026-11-20".parse().expect("a date")
}

fn shelf() -> Shelf {
    let issue = Issue {
        id: "id-45".to_owned(),
        number: Some(45),
        title: "Title 45".to_owned(),
        slug: String::new(),
        date: None,
        summary: None,
        hooks: vec![],
        tags: vec![],
        mail: false,
        thread: false,
        stage: Stage::Published,
        path: String::new(),
    };
    Shelf { issues: vec![issue] }
}

fn case(text: &str, tags: Tags, skill: Skill, channel: Option<Channel>) -> Case {
    let tags = Tags { who: Some(Who::Strangers), skill: Some(skill), channel, ..tags };
    let task = Task {
        id: TaskId::of_words(text, 0),
        text: text.to_owned(),
        tags,
        source: Source::Skill(skill),
        problems: vec![],
        content: String::new(),
    };
    let reading = read(&task, None, GreyZone::default(), &shelf(), today());
    Case { task, reading, offer: Offer::Can { needs: vec![] }, past: Past::Fresh }
}

fn telling(channel: Channel) -> Case {
    case("Tell issue 45", Tags { issue: Some("id-45".to_owned()), ..Tags::default() }, Skill::Distribute, Some(channel))
}

fn measuring() -> Case {
    case("Measure which channel brings people", Tags::default(), Skill::Measure, None)
}

/// What is chosen, and why the others were refused.
fn chosen(cases: &[Case], facts: &Facts) -> (Option<Channel>, Option<Skill>, Vec<String>) {
    let priors = Priors::default();
    let (mut scored, mut refused) = (vec![], vec![]);
    for case in cases {
        match review(case, Review { facts, priors: &priors, experiments: experiment::Rates::default() }) {
            Verdict::Eligible(eligible) => scored.push(score(eligible, facts, GoalUnit::Paying, &priors)),
            Verdict::Refused(refusal) => refused.push(refusal.why()),
        }
    }
    match choose(scored, vec![]) {
        Decision::Act(action) => {
            let reading = action.chosen().eligible().reading();
            (reading.channel, reading.skill, refused)
        }
        _ => (None, None, refused),
    }
}

/// Two posts a day on each channel, measured every day: on Mastodon four people engage with each, on Bluesky nobody.
fn after(days: u64) -> Facts {
    let mut facts = Facts::default();
    for day in 1..=days {
        // The posts of the last day are not a day old and do not count yet.
        let counted = (day - 1) * 2;
        for (key, count) in [
            ("mastodon.followers", 100 + day),
            ("mastodon.posts", counted),
            ("mastodon.engagements", counted * 4),
            ("bluesky.followers", 0),
            ("bluesky.posts", counted),
            ("bluesky.engagements", 0),
        ] {
            facts.assume(key, &count.to_string()).expect("a fact");
        }
    }
    facts
}

#[test]
fn two_weeks_of_measuring_prefer_the_channel_that_brings_people_and_refuse_the_dead_one() {
    let cases = [telling(Channel::Bluesky), telling(Channel::Mastodon), measuring()];
    let (channel, _, refused) = chosen(&cases[..2], &Facts::default());
    assert!(channel.is_some() && refused.is_empty(), "new channels may both be tried");
    let (channel, skill, refused) = chosen(&cases, &after(7));
    assert_eq!((channel, skill), (Some(Channel::Mastodon), Some(Skill::Distribute)));
    assert!(refused.is_empty(), "a week is not enough to give a channel up: {refused:?}");
    let (channel, skill, refused) = chosen(&cases, &after(14));
    assert_eq!((channel, skill), (Some(Channel::Mastodon), Some(Skill::Distribute)));
    assert_eq!(
        refused,
        ["it is for strangers, and today there are 0 (bluesky.posts 26, bluesky.engagements 0, bluesky.followers 0)"],
        "the dead one is refused with its numbers"
    );
}

#[test]
fn measuring_comes_after_any_telling_and_before_resting() {
    // The least that telling may reach and still be eligible: half a person.
    let mut facts = Facts::default();
    for (key, count) in [("bluesky.posts", "25"), ("bluesky.engagements", "0"), ("site.visitors_30d", "90000")] {
        facts.assume(key, count).expect("a fact");
    }
    let (_, skill, refused) = chosen(&[measuring(), telling(Channel::Bluesky)], &facts);
    assert_eq!((skill, refused.len()), (Some(Skill::Distribute), 0));
    let (_, skill, _) = chosen(&[measuring()], &facts);
    assert_eq!(skill, Some(Skill::Measure));
    for worth in [0.0, 0.5, 3.0, f64::NAN] {
        assert!(Priors { measured_worth: worth, ..Priors::default() }.problem().is_some(), "{worth}");
    }
    assert_eq!(Priors::default().problem(), None);
}
