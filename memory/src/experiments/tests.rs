//! What is frozen, and what is counted before what.

use chrono::TimeDelta;

use super::*;
use crate::{Key, NewEffect, NewRun, SignUpCaps};

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
    (folder, memory)
}

fn experiment(name: &str, kind: Kind, about: &str, variants: [&str; 2]) -> Experiment {
    let variants = variants.map(str::to_owned).to_vec();
    let rates = Rates::default();
    Experiment { name: name.into(), kind, about: about.into(), variants, rates, people: 2213, started_at: now(), ends_at: None }
}

fn exposure(variant: usize, at: DateTime<Utc>) -> Exposure {
    Exposure { experiment: "home".into(), variant, at }
}

#[test]
fn an_experiment_is_frozen_by_its_first_exposure() {
    let (_folder, mut memory) = memory();
    let first = experiment("home", Kind::Headline, "", ["A", "B"]);
    let other = experiment("home", Kind::Headline, "", ["A", "C"]);
    assert_eq!(memory.begin_experiment(&first).expect("begun"), first);
    assert_eq!(memory.begin_experiment(&other).expect("changed"), other, "nobody has seen it");
    memory.count_exposures(&[exposure(0, now())]).expect("counted");
    assert_eq!(memory.begin_experiment(&first).expect("found"), other);
    assert!(memory.connection.execute("UPDATE experiments SET variants = '[]'", []).is_err());
    assert!(memory.connection.execute("DELETE FROM experiments", []).is_err());
    assert!(memory.count_exposures(&[Exposure { experiment: "none".into(), variant: 0, at: now() }]).is_err());

    let letter = experiment("subject-45", Kind::Subject, "45", ["A", "B"]);
    assert_eq!(memory.begin_experiment(&letter).expect("begun"), letter);
    let run = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&run).expect("begun");
    let key = Key { issue: "45".into(), channel: "email".into(), part: "letter".into(), recipient: "ann".into() };
    memory.intend_all(&[NewEffect { key, text: b"x".to_vec(), token: "t".into(), run }], now()).expect("written");
    let changed = experiment("subject-45", Kind::Subject, "45", ["A", "C"]);
    assert_eq!(memory.begin_experiment(&changed).expect("found"), letter, "a mail with its subject is frozen");
    assert_eq!(memory.experiments().expect("read"), [other, letter]);
}

#[test]
fn a_confirmation_counts_once_for_the_headline_that_was_shown_before() {
    let (_folder, mut memory) = memory();
    memory.begin_experiment(&experiment("home", Kind::Headline, "", ["A", "B"])).expect("begun");
    let caps = SignUpCaps { network: 100, all: 100 };
    let ids: Vec<String> = ["ann@home.net", "bob@home.net", "cyd@home.net"]
        .iter()
        .map(|email| {
            let id = reveille_mission::subscriber_id(email);
            let asked = crate::SignUp { id: id.clone(), email: (*email).into(), network: 1, via: String::new(), is_person: true };
            memory.sign_up(&[asked], caps, now()).expect("asked");
            id
        })
        .collect();
    memory.await_outcome(&ids[0], &exposure(1, now())).expect("nothing");
    memory.count_exposures(&[exposure(0, now()), exposure(1, now()), exposure(1, now())]).expect("counted");
    memory.await_outcome(&ids[1], &exposure(1, now())).expect("kept");
    memory.await_outcome(&ids[1], &exposure(0, now())).expect("the first one counts");
    memory.await_outcome(&ids[2], &exposure(0, now())).expect("kept");
    assert_eq!(memory.headline_arms("home", 2).expect("read"), [Arm { shown: 1, outcomes: 0 }, Arm { shown: 2, outcomes: 0 }]);
    let later = now() + TimeDelta::days(2);
    for id in [&ids[0], &ids[1], &ids[1]] {
        memory.confirm_reader(id, now() - TimeDelta::days(7), later).expect("confirmed");
    }
    // Ann was not shown anything that was counted before she asked; Cyd has not confirmed.
    assert_eq!(memory.headline_arms("home", 2).expect("read"), [Arm { shown: 1, outcomes: 0 }, Arm { shown: 2, outcomes: 1 }]);
    memory.leave(&ids[2], later).expect("left");
    let waiting: i64 = memory.connection.query_row("SELECT count(*) FROM awaited_outcomes", [], |row| row.get(0)).expect("read");
    assert_eq!(waiting, 0, "nobody is kept");
}
