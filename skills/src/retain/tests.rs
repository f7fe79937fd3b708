//! Who is silent, who is written to, and which letter goes.

use super::*;

fn at(day: &str) -> DateTime<Utc> {
    format!("{day}T00:00:00Z").parse().expect("a time")
}

fn person(id: &str) -> Recipient {
    Recipient { id: id.into(), email: format!("{id}@b.example"), name: None }
}

fn trace(sign: &str, sent: &[(u16, &str)]) -> Trace {
    let sent = sent.iter().map(|(stage, day)| reveille_mission::WinBackSent { stage: *stage, at: at(day), taken: true }).collect();
    Trace { last_sign: Some(at(sign)), first_letter: Some(at("2026-01-01")), last_letter: Some(at("2026-11-18")), sent, ..Trace::default() }
}

/// As of 2026-11-20: two silent for 7 days, three for 30, two for 60; and one who is not on the list.
fn silence(sunset_after: Option<TimeDelta>) -> (Vec<Recipient>, Silence) {
    let traces = HashMap::from([
        ("active".to_owned(), trace("2026-11-19", &[])),
        ("week".to_owned(), trace("2026-11-10", &[])),
        ("week-told".to_owned(), trace("2026-11-10", &[(7, "2026-11-17")])),
        ("month".to_owned(), trace("2026-10-10", &[(7, "2026-10-17")])),
        ("month-told".to_owned(), trace("2026-10-10", &[(30, "2026-11-10")])),
        ("month-back".to_owned(), trace("2026-10-15", &[(30, "2026-10-10")])),
        ("long".to_owned(), trace("2026-08-01", &[])),
        ("gone".to_owned(), trace("2026-08-01", &[(60, "2026-11-06")])),
        ("off the list".to_owned(), trace("2026-08-01", &[])),
    ]);
    let listed = ["active", "week", "week-told", "month", "month-told", "month-back", "long", "gone", "unknown"];
    let people: Vec<Recipient> = listed.iter().map(|id| person(id)).collect();
    let listening = Listening { since: at("2026-01-01"), sunset_after };
    let silence = Silence::of(&people, &traces, &HashMap::new(), listening, at("2026-11-20"));
    (people, silence)
}

#[test]
fn each_reader_is_in_one_stage_and_written_to_once() {
    let (people, silence) = silence(None);
    assert_eq!(silence.counts(), BTreeMap::from([(7, (2, 1)), (30, (3, 2)), (60, (2, 1))]));
    let to = |stage| -> Vec<String> { silence.recipients(&people, stage).into_iter().map(|one| one.id).collect() };
    assert_eq!(to(7), ["week"]);
    assert_eq!(to(30), ["month", "month-back"]);
    assert_eq!(to(60), ["long"]);
}

#[test]
fn letters_end_behind_the_last_message() {
    assert_eq!(silence(Some(TimeDelta::days(14))).1.ending, ["gone"]);
    assert!(silence(Some(TimeDelta::days(15))).1.ending.is_empty());
    assert!(silence(None).1.ending.is_empty(), "where the author wants that");
}

#[test]
fn a_released_letter_waits_for_its_day() {
    let letter = |stage, ready, date: &str| WinBack {
        stage,
        title: "Still there?".into(),
        ready,
        rival: None,
        date: date.parse().ok(),
        path: format!("drafts/{stage}.md"),
        digest: String::new(),
    };
    let letters = [letter(7, false, ""), letter(30, true, ""), letter(60, true, "2026-11-21")];
    let on = |stage, day: &str| released(&letters, stage, day.parse().expect("a day")).map(|letter| letter.stage);
    assert_eq!([on(7, "2026-11-20"), on(30, "2026-11-20"), on(60, "2026-11-20"), on(60, "2026-11-21")], [None, Some(30), None, Some(60)]);
    let rivals = [WinBack { rival: Some("drafts/other.md".into()), ..letter(30, true, "") }];
    assert_eq!(released(&rivals, 30, "2026-11-20".parse().expect("a day")), None, "which is meant is not guessed");
    let task = propose(&letters[2]);
    assert_eq!(
        (task.text.as_str(), reveille_mission::silent_days(&task.text)),
        ("Write to readers silent for 60 days: “Still there?”", 60)
    );
    assert!(task.is_order());
}

#[test]
fn a_round_is_found_by_its_name() {
    let round = |issue: &str, intended, confirmed| Tally { issue: issue.into(), intended, confirmed, ..Tally::default() };
    let id = round_id(30, at("2026-11-20"));
    assert_eq!(
        (id.as_str(), reveille_memory::stage_of(&id), begun_at(&id)),
        ("retain-30:2026-11-20T00:00:00Z", Some(30), Some(at("2026-11-20")))
    );
    let rounds =
        [round("retain-30:2026-11-18T00:00:00Z", 0, 9), round(&id, 1, 3), round("retain-7:2026-11-19T00:00:00Z", 5, 0), round("45", 2, 0)];
    let open = |stage| under_way(rounds.iter(), stage).map(|round| round.issue.as_str());
    assert_eq!([open(7), open(30), open(60)], [Some("retain-7:2026-11-19T00:00:00Z"), Some(id.as_str()), None]);
    assert_eq!(
        (name_of(&id).as_deref(), name_of("45"), begun_at("retain-30")),
        (Some("the letter to readers silent for 30 days"), None, None)
    );
}
