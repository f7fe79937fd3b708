//! Stages of silence as a table, and over random timelines.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    text.parse().expect("a time")
}

/// Long ago: somebody has always listened.
const EVER: &str = "2020-01-01";

fn trace(sign: &str, letter: &str) -> Trace {
    Trace { last_sign: Some(at(sign)), first_letter: Some(at("2026-01-02")), last_letter: Some(at(letter)), ..Trace::default() }
}

#[test]
fn a_stage_is_reached_to_the_second() {
    for (sign, letter, now, stage) in [
        ("2026-10-01", "2026-10-02", "2026-10-07T23:59:59Z", None),
        ("2026-10-01", "2026-10-02", "2026-10-08", Some(7)),
        ("2026-10-01", "2026-10-02", "2026-10-30T23:59:59Z", Some(7)),
        ("2026-10-01", "2026-10-02", "2026-10-31", Some(30)),
        ("2026-10-01", "2026-10-02", "2026-11-29T23:59:59Z", Some(30)),
        ("2026-10-01", "2026-10-02", "2026-11-30", Some(60)),
        ("2026-10-01", "2026-10-02", "2029-11-30", Some(60)),
        // A letter before the sign, at the same moment, or dated ahead by a wrong clock says nothing.
        ("2026-10-01", "2026-09-30", "2026-11-30", None),
        ("2026-10-01", "2026-10-01", "2026-11-30", None),
        ("2026-10-01", "2027-01-01", "2026-11-30", None),
        // The clock was set back.
        ("2026-10-01", "2026-10-02", "2026-01-01", None),
        // A letter on the last day is enough: it went out since the sign.
        ("2026-10-01", "2026-10-07", "2026-10-08", Some(7)),
    ] {
        let lapse = trace(sign, letter).lapse(at(EVER), at(now));
        assert_eq!(lapse.map(|lapse| lapse.stage), stage, "sign {sign}, letter {letter}, now {now}");
    }
}

#[test]
fn what_is_no_silence() {
    let now = at("2026-11-20");
    let letter = Some(at("2026-11-01"));
    for (name, trace, heard, stage) in [
        ("nothing is known", Trace::default(), EVER, None),
        (
            "joined yesterday by the list",
            Trace { confirmed_on: "2026-11-19".parse().ok(), last_letter: letter, ..Trace::default() },
            EVER,
            None,
        ),
        (
            "the day's end counts",
            Trace { confirmed_on: "2026-10-20".parse().ok(), last_letter: letter, ..Trace::default() },
            EVER,
            Some(30),
        ),
        ("less than the day", Trace { confirmed_on: "2026-10-21".parse().ok(), last_letter: letter, ..Trace::default() }, EVER, Some(7)),
        (
            "a click outweighs the day of the list",
            Trace { confirmed_on: "2025-01-01".parse().ok(), last_sign: Some(at("2026-11-15")), last_letter: letter, ..Trace::default() },
            EVER,
            None,
        ),
        (
            "no sign ever: from the first letter",
            Trace { first_letter: Some(at("2026-10-01")), last_letter: letter, ..Trace::default() },
            EVER,
            Some(30),
        ),
        ("one letter only, and no sign", Trace { first_letter: letter, last_letter: letter, ..Trace::default() }, EVER, None),
        ("nobody listened before", trace("2025-01-01", "2026-11-19"), "2026-11-14", None),
        ("somebody listens for a week", trace("2025-01-01", "2026-11-19"), "2026-11-13", Some(7)),
        ("no letter since somebody listens", trace("2025-01-01", "2026-11-12"), "2026-11-13", None),
        ("a pause of their own", Trace { paused_until: Some(at("2026-11-18")), ..trace("2026-01-01", "2026-11-19") }, EVER, None),
        ("a pause that is long over", Trace { paused_until: Some(at("2026-10-01")), ..trace("2026-01-01", "2026-11-19") }, EVER, Some(30)),
    ] {
        assert_eq!(trace.lapse(at(heard), now).map(|lapse| lapse.stage), stage, "{name}");
    }
}

#[test]
fn one_message_a_stage_and_only_the_latest() {
    let sent = |stage, when: &str, taken| WinBackSent { stage, at: at(when), taken };
    for (name, sent, now, due, ends) in [
        ("nothing yet", vec![], "2026-11-01", true, false),
        ("it had the message of this stage", vec![sent(30, "2026-10-31", true)], "2026-11-01", false, false),
        ("it may have had it", vec![sent(30, "2026-10-31", false)], "2026-11-01", false, false),
        ("the one before", vec![sent(7, "2026-10-08", true)], "2026-11-01", true, false),
        ("of an earlier silence", vec![sent(30, "2026-09-30", true)], "2026-11-01", true, false),
        ("a later one, by a clock that was ahead", vec![sent(60, "2026-10-20", true)], "2026-11-01", false, false),
        ("thirteen days behind the last", vec![sent(60, "2026-11-30", true)], "2026-12-13", false, false),
        ("fourteen", vec![sent(60, "2026-11-30", true)], "2026-12-14", false, true),
        ("fourteen, and nobody knows whether it arrived", vec![sent(60, "2026-11-30", false)], "2026-12-14", false, false),
        ("no last message", vec![sent(30, "2026-10-31", true)], "2027-12-14", true, false),
    ] {
        let lapse = Trace { sent, ..trace("2026-10-01", "2026-10-02") }.lapse(at(EVER), at(now)).expect("silent");
        assert_eq!((lapse.is_due(), lapse.ends_letters(TimeDelta::days(14), at(now))), (due, ends), "{name}");
    }
    // Off for forty days: the message of 30 days, and never that of 7.
    let lapse = trace("2026-10-01", "2026-10-02").lapse(at(EVER), at("2026-11-10")).expect("silent");
    assert_eq!((lapse.stage, lapse.is_due()), (30, true));
    // Whoever could not be heard for a while is not given up for that.
    let sent = vec![WinBackSent { stage: 60, at: at("2026-11-30"), taken: true }];
    let deaf = Trace { sent, ..trace("2026-10-01", "2026-12-12") };
    assert_eq!(deaf.lapse(at("2026-12-10"), at("2026-12-16")), None);
    let lapse = deaf.lapse(at("2026-12-10"), at("2026-12-21")).expect("a week of silence that counts");
    assert!((lapse.stage, lapse.is_due()) == (7, false) && !lapse.ends_letters(TimeDelta::days(14), at("2026-12-21")));
    assert!(lapse.ends_letters(TimeDelta::days(14), at("2026-12-24")));
}

#[test]
fn a_line_names_its_stage() {
    for (text, stage) in [
        ("Win back readers silent for 7 days", 7),
        ("Win back the readers of 2026 who were silent for 60 days", 60),
        ("Write to lapsed readers", 30),
        ("Write to the 12 readers silent for 45 days", 30),
        ("Write to readers silent for 30 days: “7 things”", 30),
    ] {
        assert_eq!(silent_days(text), stage, "{text}");
    }
}

/// What happens on a day.
#[derive(Debug, Clone, Copy)]
enum Event {
    Sign,
    Letter,
    /// A wake that sends what is due; the server takes it, or nobody knows.
    Wake {
        taken: bool,
    },
    /// The clock is wrong for a wake, by so many days.
    WrongClock(i64),
    /// The readers' side is switched off and on again.
    Deaf,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Sign),
        4 => Just(Event::Letter),
        12 => any::<bool>().prop_map(|taken| Event::Wake { taken }),
        1 => (-90i64..90).prop_map(Event::WrongClock),
        1 => Just(Event::Deaf),
    ]
}

proptest! {
    #[test]
    fn no_stage_twice_in_a_silence_and_none_before_a_later_one(
        timeline in proptest::collection::vec((0i64..45, any_event()), 1..120)
    ) {
        let (mut now, mut heard) = (at("2026-01-01"), at("2026-01-01"));
        let mut reader = Trace { last_sign: Some(now), ..Trace::default() };
        // The stages that were sent since the last sign, in their order.
        let mut stages: Vec<u16> = vec![];
        for (later, event) in timeline {
            now += TimeDelta::days(later) + TimeDelta::minutes(7);
            let mut wake = |now: DateTime<Utc>, taken: bool, reader: &mut Trace| -> Result<(), TestCaseError> {
                let Some(lapse) = reader.lapse(heard, now).filter(Lapse::is_due) else { return Ok(()) };
                prop_assert!(stages.last().is_none_or(|last| *last < lapse.stage), "{} after {stages:?}", lapse.stage);
                prop_assert!(now - reader.last_sign.expect("one") >= TimeDelta::days(i64::from(lapse.stage)), "too early");
                prop_assert!(reader.last_letter > reader.last_sign, "nothing was said");
                stages.push(lapse.stage);
                reader.sent.push(WinBackSent { stage: lapse.stage, at: now, taken });
                Ok(())
            };
            match event {
                Event::Wake { taken } => wake(now, taken, &mut reader)?,
                Event::WrongClock(days) => wake(now + TimeDelta::days(days), true, &mut reader)?,
                Event::Sign => {
                    reader.last_sign = Some(now);
                    stages.clear();
                    // A message that a wrong clock dated ahead counts as one of this silence, too: that narrows.
                    stages.extend(reader.sent.iter().filter(|sent| sent.at > now).map(|sent| sent.stage).max());
                }
                Event::Letter => {
                    reader.first_letter = reader.first_letter.or(Some(now));
                    reader.last_letter = Some(now);
                }
                Event::Deaf => heard = now,
            }
        }
    }
}
