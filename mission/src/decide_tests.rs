//! The decision as tables and properties: what may be chosen, and what never is.

use chrono::Utc;
use proptest::prelude::*;

use crate::*;

fn task(text: &str, line: usize) -> Task {
    let tagged = crate::tags::split(text);
    Task {
        id: TaskId::of_words(&tagged.words, line),
        text: tagged.words,
        tags: tagged.tags,
        source: Source::Progress { line },
        problems: tagged.problems.into_iter().map(|problem| problem.message).collect(),
        content: String::new(),
    }
}

fn today() -> chrono::NaiveDate {
    "2026-11-20".parse().expect("a date")
}

fn shelf() -> Shelf {
    let issue = |number: u32| Issue {
        id: format!("id-{number}"),
        number: Some(number),
        title: format!("Title {number}"),
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
    Shelf { issues: vec![issue(44), issue(45)] }
}

fn case(text: &str, line: usize, offer: Offer) -> Case {
    let task = task(text, line);
    let reading = read(&task, None, GreyZone::default(), &shelf(), today());
    Case { task, reading, offer, past: Past::Fresh }
}

fn can(channel: Channel) -> Offer {
    Offer::Can { needs: vec![Need::Configured(channel), Need::Credential(channel), Need::Subject] }
}

fn facts(pairs: &[(&str, &str)]) -> Facts {
    let mut facts = Facts::default();
    for (key, value) in pairs {
        facts.assume(key, value).expect("a fact");
    }
    for channel in [Channel::Mastodon, Channel::Bluesky, Channel::Email] {
        facts.set_need(Need::Configured(channel), NeedState::Met);
        let state = match facts.flag(FactKey::Ready(channel)) {
            Some(true) => NeedState::Met,
            _ => NeedState::Unmet { why: "no credential".into(), unblock: format!("set {channel}") },
        };
        facts.set_need(Need::Credential(channel), state);
    }
    facts
}

fn kind(case: &Case, facts: &Facts) -> &'static str {
    let priors = Priors::default();
    match review(case, Review { facts, priors: &priors, experiments: experiment::Rates::default() }) {
        Verdict::Eligible(_) => "eligible",
        Verdict::Refused(refusal) => refusal.kind(),
    }
}

#[test]
fn every_refusal_has_its_case() {
    let ready = facts(&[("mastodon.ready", "true"), ("email.ready", "true"), ("subscribers.confirmed", "7"), ("customers.active", "0")]);
    let human = || Offer::HumanOnly { why: "only you".into(), by_hand: None };
    for (text, offer, expected) in [
        ("Post issue 45 to Mastodon", can(Channel::Mastodon), "eligible"),
        ("Post issue 45 to Bluesky", can(Channel::Bluesky), "blocked"),
        ("Post issue 99 to Mastodon", can(Channel::Mastodon), "blocked"),
        ("Post it to Mastodon for:strangers skill:distribute", can(Channel::Mastodon), "blocked"),
        ("Post issue 45 to Mastodon for:nobody", can(Channel::Mastodon), "no_audience"),
        ("Send it for:customers skill:publish channel:email issue:45", can(Channel::Email), "no_audience"),
        ("Post issue 45 to Mastodon needs:env:NEVER", can(Channel::Mastodon), "blocked"),
        ("Post issue 45 to Mastodon after:\"something else\"", can(Channel::Mastodon), "blocked"),
        ("Post issue 45 to Mastodon by:soon", can(Channel::Mastodon), "blocked"),
        ("Call every reader for:subscribers", human(), "no_skill"),
        ("Frobnicate the foo", human(), "unclear"),
        ("Frobnicate the foo needs:env:NEVER", human(), "blocked"),
        ("Harden it for:nobody needs:env:NEVER", human(), "no_audience"),
    ] {
        assert_eq!(kind(&case(text, 1, offer), &ready), expected, "{text}");
    }
    let now = chrono::DateTime::<Utc>::UNIX_EPOCH;
    for (past, expected) in [
        (Past::Done { evidence: "there".into() }, "done"),
        (Past::CoolingDown { until: now, why: "told".into() }, "cooling_down"),
        (Past::OverBudget { cap: "4 a day".into() }, "over_budget"),
        (Past::TurnedDown { at: now }, "blocked"),
        (Past::Stopped { why: "it failed three times".into(), unblock: "mend it, or tick".into() }, "blocked"),
        (Past::Refused { why: "422 too long".into(), unblock: "change it".into() }, "blocked"),
    ] {
        let case = Case { past, ..case("Post issue 45 to Mastodon", 1, can(Channel::Mastodon)) };
        assert_eq!(kind(&case, &ready), expected);
    }
}

#[test]
fn a_dead_channel_loses_its_reach_and_a_new_one_has_some() {
    let priors = Priors::default();
    let reach = |pairs: &[(&str, &str)]| reach_of_channel(Channel::Mastodon, &facts(pairs), &priors);
    assert!((reach(&[]) - 3.0).abs() < 1e-9);
    assert!((reach(&[("mastodon.followers", "300"), ("mastodon.posts", "60"), ("mastodon.engagements", "0")]) - 90.0 / 65.0).abs() < 1e-9);
    let dead = facts(&[("mastodon.ready", "true"), ("mastodon.posts", "60"), ("mastodon.engagements", "0")]);
    assert_eq!(kind(&case("Post issue 45 to Mastodon", 1, can(Channel::Mastodon)), &dead), "no_audience");
}

#[test]
fn the_site_s_own_numbers_move_the_rate() {
    let priors = Priors::default();
    let rate = |pairs: &[(&str, &str)]| priors.moved_by(&facts(pairs)).rate(Who::Strangers, GoalUnit::Confirmed);
    for (pairs, expected) in [
        (&[][..], 0.02),
        // Unknown is not zero.
        (&[("site.visitors_30d", "900")][..], 0.02),
        (&[("site.confirmed_30d", "9")][..], 0.02),
        (&[("site.visitors_30d", "900"), ("site.confirmed_30d", "0")][..], 2.0 / 1000.0),
        (&[("site.visitors_30d", "900"), ("site.confirmed_30d", "98")][..], 0.1),
        // Confirmed without a visit that was counted: their browsers ask not to be.
        (&[("site.visitors_30d", "0"), ("site.confirmed_30d", "4")][..], 6.0 / 104.0),
    ] {
        assert!((rate(pairs) - expected).abs() < 1e-12, "{pairs:?}: {}", rate(pairs));
    }
}

#[test]
fn visitors_count_as_people_a_post_reached_but_nobody_twice() {
    let reach = |pairs: &[(&str, &str)]| reach_of_channel(Channel::Mastodon, &facts(pairs), &Priors::default());
    let of = |engagements: &str, visitors: &str| {
        reach(&[("mastodon.posts", "5"), ("mastodon.engagements", engagements), ("mastodon.visitors", visitors)])
    };
    assert!((of("10", "0") - 2.5).abs() < 1e-9 && (of("10", "10") - 2.5).abs() < 1e-9);
    assert!((of("10", "45") - 6.0).abs() < 1e-9 && (of("45", "10") - 6.0).abs() < 1e-9);
    // Nobody knows by how many posts they came.
    assert!((reach(&[("mastodon.visitors", "500")]) - 3.0).abs() < 1e-9);
}

#[test]
fn ties_go_to_the_line_that_stands_first() {
    let facts = facts(&[("mastodon.ready", "true")]);
    let priors = Priors::default();
    let cases =
        [case("Post issue 44 to Mastodon", 9, can(Channel::Mastodon)), case("Post issue 45 to Mastodon", 3, can(Channel::Mastodon))];
    let scored = cases.iter().filter_map(|case| {
        match review(case, Review { facts: &facts, priors: &priors, experiments: experiment::Rates::default() }) {
            Verdict::Eligible(eligible) => Some(score(eligible, &facts, GoalUnit::Paying, &priors)),
            Verdict::Refused(_) => None,
        }
    });
    match choose(scored.collect(), vec![]) {
        Decision::Act(action) => assert_eq!(action.chosen().eligible().task().source, Source::Progress { line: 3 }),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_asked_is_ordered_by_reach_and_said_once() {
    let facts = facts(&[("subscribers.confirmed", "160"), ("mastodon.followers", "20")]);
    let priors = Priors::default();
    let by = Review { facts: &facts, priors: &priors, experiments: experiment::Rates::default() };
    let cases = [
        case("Post issue 44 to Mastodon", 1, can(Channel::Mastodon)),
        case("Post issue 45 to Mastodon", 2, can(Channel::Mastodon)),
        case("Send issue 45 to the mailing list", 3, can(Channel::Email)),
    ];
    let refused: Vec<(&Case, Refusal)> = cases
        .iter()
        .filter_map(|case| match review(case, by) {
            Verdict::Refused(refusal) => Some((case, refusal)),
            Verdict::Eligible(_) => None,
        })
        .collect();
    let asks = asks(refused.iter().map(|(case, refusal)| (*case, refusal)), by, GoalUnit::Paying);
    let shown: Vec<(&str, usize)> = asks.iter().map(|ask| (ask.text.as_str(), ask.unlocks.len())).collect();
    assert_eq!(shown, [("set email", 1), ("set mastodon", 2)]);
}

fn any_facts() -> impl Strategy<Value = Vec<(FactKey, u64)>> {
    let keys = FactKey::all();
    prop::collection::vec((prop::sample::select(keys), prop_oneof![Just(0u64), 0u64..5, 0u64..5000]), 0..30)
}

fn build(pairs: &[(FactKey, u64)]) -> Facts {
    let mut facts = Facts::default();
    // Most things are there unless the generated facts say otherwise, or hardly anything would ever be eligible.
    for channel in [Channel::Mastodon, Channel::Bluesky, Channel::Email] {
        facts.set(FactKey::Ready(channel), Fact { value: FactValue::Bool(true), source: "test".into(), measured_at: None });
    }
    for (key, number) in pairs {
        let value = if matches!(key, FactKey::Ready(_)) { FactValue::Bool(number % 2 == 1) } else { FactValue::Count(*number) };
        facts.set(*key, Fact { value, source: "test".into(), measured_at: None });
    }
    for channel in [Channel::Mastodon, Channel::Bluesky, Channel::Email] {
        facts.set_need(Need::Configured(channel), NeedState::Met);
        if facts.flag(FactKey::Ready(channel)) == Some(true) {
            facts.set_need(Need::Credential(channel), NeedState::Met);
        }
    }
    facts
}

fn any_cases() -> impl Strategy<Value = Vec<Case>> {
    let who = prop::sample::select(vec!["", " for:strangers", " for:subscribers", " for:customers", " for:nobody"]);
    let needs = prop::sample::select(vec!["", " needs:env:NEVER", " needs:human", " after:x", " by:never"]);
    let text = prop::sample::select(vec!["Post issue 45", "Post issue 44", "Post issue 99", "Do it", "Win back those silent for 60 days"]);
    let channel = prop::sample::select(vec![Channel::Mastodon, Channel::Bluesky, Channel::Email, Channel::Web]);
    let model = prop::option::of(prop::array::uniform4(0.0f32..1.0));
    let one = (who, needs, text, channel, model, any::<bool>()).prop_map(|(who, needs, text, channel, model, hand)| {
        let task = task(&format!("{text}{who}{needs} channel:{channel} skill:distribute"), 1);
        let model = model.map(|raw| {
            let sum: f32 = raw.iter().sum::<f32>().max(1e-6);
            ModelReading { who: raw.map(|p| p / sum), skill: [0.1; 10] }
        });
        let reading = read(&task, model.as_ref(), GreyZone::default(), &shelf(), today());
        let offer = if hand { Offer::HumanOnly { why: "you".into(), by_hand: None } } else { can(channel) };
        Case { task, reading, offer, past: Past::Fresh }
    });
    prop::collection::vec(one, 0..8)
}

fn decide<'a>(cases: &'a [Case], facts: &Facts, priors: &Priors) -> (Vec<Scored<'a>>, Decision<'a>) {
    let scored: Vec<Scored<'a>> = cases
        .iter()
        .filter_map(|case| match review(case, Review { facts, priors, experiments: experiment::Rates::default() }) {
            Verdict::Eligible(eligible) => Some(score(eligible, facts, GoalUnit::Paying, priors)),
            Verdict::Refused(_) => None,
        })
        .collect();
    let decision = choose(scored.clone(), vec![]);
    (scored, decision)
}

proptest! {
    #[test]
    fn nothing_with_an_unmet_need_or_no_audience_is_chosen(cases in any_cases(), pairs in any_facts()) {
        let (facts, priors) = (build(&pairs), Priors::default());
        let (_, decision) = decide(&cases, &facts, &priors);
        if let Decision::Act(action) = decision {
            let eligible = action.chosen().eligible();
            let case = cases.iter().find(|case| std::ptr::eq(&case.task, eligible.task())).expect("one of them");
            let Offer::Can { needs } = &case.offer else { return Err(TestCaseError::fail("a human's task was chosen")) };
            for need in needs.iter().filter(|need| **need != Need::Subject).chain(&crate::review::asked_by_the_line(&case.task)) {
                prop_assert_eq!(facts.need(need), NeedState::Met, "{}", need);
            }
            prop_assert!(eligible.audience().count > 0);
            prop_assert!(case.task.problems.is_empty());
            prop_assert!(matches!(case.reading.subject, Subject::One(_)));
            prop_assert!(case.reading.who.is_some_and(|who| who != Who::Nobody));
            prop_assert!(action.chosen().value > 0.0 && action.chosen().value.is_finite());
        }
    }

    #[test]
    fn more_readers_never_lower_a_value(cases in any_cases(), pairs in any_facts(), key in prop::sample::select(vec![
        FactKey::SubscribersConfirmed, FactKey::CustomersActive, FactKey::Followers(Channel::Mastodon), FactKey::SiteVisitors30d,
        FactKey::SubscribersLapsed(60), FactKey::Engagements(Channel::Bluesky), FactKey::Visitors(Channel::Mastodon),
        FactKey::SiteConfirmed30d,
    ]), more in 1u64..1000) {
        let priors = Priors::default();
        let mut pairs = pairs.clone();
        // Visitors of whom it is known how many confirmed are no readers: those who did not speak against the rate.
        pairs.retain(|(other, _)| key != FactKey::SiteVisitors30d || *other != FactKey::SiteConfirmed30d);
        let fewer = build(&pairs);
        let now = fewer.count(key);
        // From "never measured" to a number is no step from fewer to more.
        let Some(now) = now else { return Ok(()) };
        pairs.push((key, now + more));
        let larger = build(&pairs);
        for case in &cases {
            let (before, _) = decide(std::slice::from_ref(case), &fewer, &priors);
            let (after, _) = decide(std::slice::from_ref(case), &larger, &priors);
            if let Some(before) = before.first() {
                prop_assert!(after.first().is_some_and(|after| after.value >= before.value - 1e-12), "{} {}", key, case.task.text);
            }
        }
    }

    #[test]
    fn the_order_of_facts_does_not_matter(cases in any_cases(), pairs in any_facts()) {
        let mut seen = std::collections::HashSet::new();
        let unique: Vec<(FactKey, u64)> = pairs.into_iter().filter(|(key, _)| seen.insert(*key)).collect();
        let turned: Vec<(FactKey, u64)> = unique.iter().rev().copied().collect();
        let priors = Priors::default();
        let shown = |facts: &Facts| {
            let (scored, decision) = decide(&cases, facts, &priors);
            (scored.iter().map(|one| one.value.to_bits()).collect::<Vec<_>>(), format!("{decision:?}"))
        };
        prop_assert_eq!(shown(&build(&unique)), shown(&build(&turned)));
    }
}

#[test]
fn an_experiment_with_too_few_people_is_refused_with_the_numbers() {
    let refused = |text: &str, facts: &Facts| {
        let case = case(text, 1, can(Channel::Email));
        match review(&case, Review { facts, priors: &Priors::default(), experiments: experiment::Rates::default() }) {
            Verdict::Refused(refusal) => (refusal.kind(), refusal.why()),
            Verdict::Eligible(_) => ("eligible", String::new()),
        }
    };
    let needs = "needs about 2,210 people a side to see 5 % become 7 % (α 0.05, power 0.8)";
    let two = facts(&[("subscribers.confirmed", "2"), ("email.ready", "true")]);
    let said = format!("{needs}; today there are 2 (subscribers.confirmed, --assume)");
    assert_eq!(refused("A/B test two subject lines on issue 45 for:subscribers", &two), ("no_audience", said.clone()));
    assert_eq!(refused("A/B test two subject lines on issue 45", &two), ("no_audience", said), "its words say whom it is tried on");
    let never = format!("{needs}; today there are 0 (site.visitors_30d, never counted)");
    assert_eq!(refused("Test two headlines on the landing page for:strangers", &two), ("no_audience", never));
    assert_eq!(refused("A/B test two subject lines for:nobody", &two), ("no_audience", "no reader notices it".to_owned()));
    for (count, expected) in [("4425", "no_audience"), ("4426", "eligible")] {
        let facts = facts(&[("subscribers.confirmed", count), ("email.ready", "true")]);
        assert_eq!(refused("A/B test two subject lines on issue 45 for:subscribers", &facts).0, expected, "{count}");
    }
}

#[test]
fn a_letter_reaches_who_gets_it_and_one_that_nobody_gets_is_refused_with_the_reason() {
    let letter = |count: u64, source: &str| Fact { value: FactValue::Count(count), source: source.into(), measured_at: None };
    let counted = |who: &[(FactKey, u64)], letter: Fact| {
        let mut facts = facts(&[("email.ready", "true")]);
        who.iter().for_each(|(key, count)| {
            facts.set(*key, Fact { value: FactValue::Count(*count), source: "readers.csv".into(), measured_at: None });
        });
        facts.set_letter("id-45", letter);
        facts
    };
    let said = |text: &str, facts: &Facts| {
        let case = case(text, 1, can(Channel::Email));
        match review(&case, Review { facts, priors: &Priors::default(), experiments: experiment::Rates::default() }) {
            Verdict::Refused(refusal) => (refusal.kind(), refusal.why()),
            Verdict::Eligible(eligible) => {
                let audience = eligible.audience().clone();
                let scored = score(eligible, facts, GoalUnit::Confirmed, &Priors::default());
                assert_eq!(scored.reach, audience.count as f64, "{text}");
                ("eligible", format!("{} ({})", audience.count, audience.source))
            }
        }
    };
    let (readers, customers) = (FactKey::SubscribersConfirmed, FactKey::CustomersActive);
    let send = "Send it for:subscribers skill:publish channel:email issue:45";
    let paying = "Send it for:customers skill:publish channel:email issue:45";
    let some = counted(&[(readers, 7), (customers, 1)], letter(5, "7 confirmed readers: 2 paused"));
    assert_eq!(said(send, &some), ("eligible", "5 (7 confirmed readers: 2 paused)".to_owned()));
    assert_eq!(said(paying, &some), ("eligible", "1 (customers.active)".to_owned()), "no more than they are");
    let other = "Send it for:subscribers skill:publish channel:email issue:44";
    assert_eq!(said(other, &some), ("eligible", "7 (subscribers.confirmed)".to_owned()), "another letter");
    let mut nobody = counted(&[(readers, 1), (customers, 1)], letter(0, "1 confirmed reader: 1 paused"));
    for text in [send, paying] {
        assert_eq!(said(text, &nobody), ("no_audience", "nobody would get it today (1 confirmed reader: 1 paused)".to_owned()));
    }
    // Readers who are assumed are reached as a whole.
    nobody.assume("subscribers.confirmed", "900").expect("a fact");
    assert_eq!(said(send, &nobody), ("eligible", "900 (subscribers.confirmed)".to_owned()));
}
