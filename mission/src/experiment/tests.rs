//! The published vectors, the textbook's numbers, and what must hold for any experiment.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

#[test]
fn the_hash_is_the_published_one() {
    // GrowthBook, SDK specification 0.4.3, `cases.json`: "hash" with version 2, and the buckets of two of its "feature" cases.
    for (seed, value, expected) in [
        ("seed", "a", 505),
        ("seed", "b", 2696),
        ("foo", "ab", 2575),
        ("foo", "def", 2019),
        ("89123klj", "8952klfjas09ujkasdf", 1240),
        ("90850943850283058242805", "123", 7516),
        ("()**(%$##$%#$#", "___)((*\":&", 128),
        ("experiment", "123", 1736),
        ("feature", "123", 5231),
    ] {
        assert_eq!(bucket(seed, value), expected, "{seed} {value}");
    }
    assert_eq!(variant_of("experiment", "123", 2), 0);
    assert_eq!(variant_of("experiment", "1234", 2), 1);
}

#[test]
fn the_size_is_the_textbook_s() {
    let size = Size::of(Rates::default(), 2);
    assert_eq!((size.people, size.total()), (2213, 4426));
    assert_eq!(size.to_string(), "needs about 2,210 people a side to see 5 % become 7 % (α 0.05, power 0.8)");
    // Fleiss, Levin and Paik, table A.4 without its correction: 0.60 against 0.75 takes 152 a side.
    assert_eq!(Size::of(Rates { base: 0.6, wanted: 0.75 }, 2).people, 152);
    let three = Size::of(Rates::default(), 3);
    assert!(three.people > size.people);
    assert!(three.to_string().ends_with("(α 0.05 over 2 comparisons, power 0.8)"), "{three}");
    assert_eq!(
        Size::of(Rates { base: 0.055, wanted: 0.9 }, 2).to_string(),
        "needs about 5 people a side to see 5.5 % become 90 % (α 0.05, power 0.8)"
    );
    assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!((days_needed(&size, 0), days_needed(&size, 4426), days_needed(&size, 442_600)), (None, Some(30), Some(1)));
    for (base, wanted) in [(0.05, 0.05), (0.0, 0.1), (0.1, 1.0), (f64::NAN, 0.5), (0.7, 0.5)] {
        assert!(Rates { base, wanted }.problem().is_some(), "{base} {wanted}");
    }
    assert_eq!(Rates::default().problem(), None);
}

#[test]
fn differences_are_the_textbook_s() {
    // Newcombe 1998, table II, example (a): 56/70 against 48/80 has 0.2000, by method 10 from 0.0524 to 0.3339.
    let found = difference((48, 80), (56, 70), 0.05);
    let close = |a: f64, b: f64| (a - b).abs() < 5e-5;
    assert!(close(found.estimate, 0.2) && close(found.low, 0.0524) && close(found.high, 0.3339), "{found:?}");
    // z = 0.2 / sqrt(p q (1/80 + 1/70)) with p = 104/150: 2.6518, two-sided 0.0080.
    assert!((found.p - 0.0080).abs() < 5e-5, "{found:?}");
    // The chi-square table: 10.828 with one degree of freedom is 0.001.
    // Among 10,000 people, 4 · 164.5² / 10,000 is that.
    assert!(ratio_p(&[5164, 4836]) > 0.001 && ratio_p(&[5165, 4835]) < 0.001);
    assert!((ratio_p(&[50, 50, 50, 50]) - 1.0).abs() < 1e-12);
    assert!((ratio_p(&[9, 0]) - 1.0).abs() < 1e-12, "too few to tell");
    assert!((ratio_p(&[]) - 1.0).abs() < 1e-12);
}

fn arms(counts: &[(u64, u64)]) -> Vec<Arm> {
    counts.iter().map(|(shown, outcomes)| Arm { shown: *shown, outcomes: *outcomes }).collect()
}

#[test]
fn nobody_looks_at_outcomes_before_the_horizon() {
    let size = Size::of(Rates::default(), 2);
    let horizon = Some(at("2026-11-20T00:00:00Z"));
    let (early, late) = (at("2026-11-19T23:59:59Z"), at("2026-11-20T00:00:00Z"));
    let glaring = arms(&[(2300, 10), (2310, 600)]);
    assert_eq!(judge(&glaring, &size, horizon, early), Standing::Running);
    assert_eq!(judge(&glaring, &size, None, late), Standing::Running);
    let Standing::Done { best, comparisons } = judge(&glaring, &size, horizon, late) else { panic!() };
    assert_eq!((best, comparisons.len(), comparisons[0].differs), (Some(1), 1, true));
    let Standing::Done { best, .. } = judge(&arms(&[(2300, 600), (2310, 10)]), &size, horizon, late) else { panic!() };
    assert_eq!(best, Some(0));
    let Standing::Done { best, comparisons } = judge(&arms(&[(2300, 115), (2310, 117)]), &size, horizon, late) else { panic!() };
    assert_eq!((best, comparisons[0].differs), (None, false), "no difference found is a result");
    let three = Size::of(Rates::default(), 3);
    let counts = arms(&[(3000, 150), (3000, 300), (3000, 240)]);
    let Standing::Done { best, .. } = judge(&counts, &three, Some(late), late) else { panic!() };
    assert_eq!(best, Some(1));
    // Uneven shares stop it at any time, before the horizon and after.
    for now in [early, late + TimeDelta::days(30)] {
        assert!(matches!(judge(&arms(&[(2500, 100), (2126, 100)]), &size, horizon, now), Standing::Stopped { ratio_p } if ratio_p < 0.001));
    }
}

/// Marsaglia's xorshift: numbers for a simulation that is the same each time.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn an_even_split_is_not_stopped_and_a_skewed_one_is() {
    let mut state = 20_261_120;
    let (size, people, rounds) = (Size::of(Rates::default(), 2), 4426_u64, 4000);
    let mut stopped = |share_of_second: u64| {
        let mut count = 0_u32;
        for _ in 0..rounds {
            let second = (0..people).filter(|_| next(&mut state) % 1000 < share_of_second).count() as u64;
            let standing = judge(&arms(&[(people - second, 0), (second, 0)]), &size, None, at("2026-11-20T00:00:00Z"));
            count += u32::from(matches!(standing, Standing::Stopped { .. }));
        }
        f64::from(count) / f64::from(rounds)
    };
    let false_alarms = stopped(500);
    assert!(false_alarms <= 0.001, "{false_alarms}");
    // 54 to 46: found in nearly every experiment.
    let found = stopped(460);
    assert!(found > 0.97, "{found}");
}

#[test]
fn only_plain_words_ask_for_an_experiment() {
    let (subject, headline, something) = (Some(Asked::On(Kind::Subject)), Some(Asked::On(Kind::Headline)), Some(Asked::OnSomething));
    for (text, expected) in [
        ("A/B test two subject lines for issue 46", subject),
        ("Split-test the subject line of the next letter", subject),
        ("Test two subject lines", subject),
        ("Test subject lines on the list", subject),
        ("Run an experiment on subject lines", subject),
        ("Send issue 46 as an A/B test of its subject line", subject),
        ("A/B test headlines on the landing page", headline),
        ("Test three headlines on the home page", headline),
        ("Set up a split test of the landing headline", headline),
        ("Compare two headlines", headline),
        ("Run an A/B test", something),
        ("A/B testing for layouts", something),
        ("Test whether the subscribe button works", None),
        ("Test the sign-up form on two phones", None),
        ("Test the subject line in Outlook", None),
        ("Create an A/B testing framework with consistent variant assignment", None),
        ("Write an essay about the experiment with two headlines", None),
        ("Post issue 45 to Mastodon", None),
        ("Publish draft “A/B test two subject lines”", None),
        ("Don't A/B test subject lines", None),
        ("Should we A/B test subject lines?", None),
        ("Fix the headline on the landing page", None),
        ("Experiment with dark mode", None),
        ("Read the results of the A/B test of headlines", None),
        ("", None),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn a_list_of_wordings_is_checked() {
    let wrong = |list: &[&str]| wrong_variants(&list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    assert_eq!(wrong(&["A", "B"]), None);
    assert_eq!(wrong(&["A", "B", "C", "D"]), None);
    assert_eq!(wrong(&["A"]).as_deref(), Some("one wording is no experiment: it takes two to four"));
    assert_eq!(wrong(&[]).as_deref(), Some("0 wordings are no experiment: it takes two to four"));
    assert_eq!(wrong(&["A", "B", "C", "D", "E"]).as_deref(), Some("5 wordings are no experiment: it takes two to four"));
    assert_eq!(wrong(&["A", "B", " a "]).as_deref(), Some("“ a ” stands there twice"));
    assert_eq!(wrong(&["A", " "]).as_deref(), Some("a wording is empty"));
}

proptest! {
    #[test]
    fn the_same_person_sees_the_same_wording(seed in "[ -~]{0,40}", value in "[0-9a-f]{32}", sides in 2_usize..=4) {
        let variant = variant_of(&seed, &value, sides);
        prop_assert_eq!(variant, variant_of(&seed, &value, sides));
        // The specification's own words: the range that holds the number.
        let n = f64::from(bucket(&seed, &value)) / 10_000.0;
        let weight = 1.0 / sides as f64;
        prop_assert!(n >= weight * variant as f64 - 1e-12 && n < weight * (variant + 1) as f64 + 1e-12);
    }

    #[test]
    fn people_are_shared_out_nearly_evenly(seed in "subject-[a-z0-9:.,]{1,30}", sides in 2_usize..=4) {
        let mut counts = vec![0_u64; sides];
        for reader in 0..4000 {
            counts[variant_of(&seed, &crate::subscriber_id(&format!("reader-{reader}@a.example")), sides)] += 1;
        }
        // Far beyond chance: one in 10^9, for any seed that proptest tries.
        prop_assert!(ratio_p(&counts) > 1e-9, "{:?}", counts);
    }

    #[test]
    fn no_count_gives_a_number_that_is_none(counts in proptest::collection::vec((0_u64..5000, 0_u64..5000), 2..=4)) {
        let size = Size::of(Rates::default(), counts.len());
        let now = at("2026-11-20T00:00:00Z");
        match judge(&arms(&counts), &size, Some(now), now) {
            Standing::Running => prop_assert!(false, "the horizon has come"),
            Standing::Stopped { ratio_p } => prop_assert!((0.0..0.001).contains(&ratio_p)),
            Standing::Done { comparisons, .. } => for one in comparisons {
                let Difference { estimate, low, high, p } = one.difference;
                prop_assert!((0.0..=1.0).contains(&p) && low <= estimate && estimate <= high && low >= -1.0 && high <= 1.0, "{:?}", one);
            },
        }
    }
}
