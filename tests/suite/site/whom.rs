//! Whom a letter reaches is counted before it is decided on, by the very rule that sends it: where nobody would get it, it is refused
//! with the reason, and nothing fails.

use std::process::Stdio;

use chrono::{DateTime, Utc};
use reveille_memory::{Frequency, Memory, Preferences, SignKind};
use reveille_mission::subscriber_id;
use reveille_tests::servers::Smtp;
use reveille_tests::{Home, Said};
use serde_json::Value;

use super::leave::{home, mailed, send, subscribes, write_issue};
use crate::crash::{signal, wait_until_stopped};

const NOW: &str = "2026-11-20T14:00:00Z";

fn chooses(home: &Home, name: &str, chosen: &Preferences) {
    let now: DateTime<Utc> = "2026-11-19T12:00:00Z".parse().unwrap();
    let mut memory = Memory::open(&home.join("memory/reveille.db"), now).unwrap();
    memory.prefer(&subscriber_id(&format!("{name}@lighthouse.net")), chosen, now).unwrap();
}

fn paused() -> Preferences {
    Preferences { paused_until: Some("2027-01-20T00:00:00Z".parse().unwrap()), ..Preferences::default() }
}

/// The letter of issue 45 as `plan` has it.
fn letter(home: &Home, more: &[&str]) -> Value {
    let plan = home.plan(more);
    plan["candidates"].as_array().unwrap().iter().find(|one| one["channel"] == "email").unwrap_or_else(|| panic!("{plan}")).clone()
}

/// Nothing was tried, and nothing is said to have gone wrong.
fn is_quiet(home: &Home, woken: &Said) {
    let words = format!("{}{}\n{}", woken.stdout, woken.stderr, home.read("PROGRESS.md"));
    for word in ["WARN", "failed", "no letter was sent", "\n> "] {
        assert!(!words.contains(word), "{word}: {words}");
    }
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap();
    let tried: u32 = database.query_row("SELECT count(*) FROM texts WHERE key = 'tried' AND text <> '{}'", [], |row| row.get(0)).unwrap();
    assert_eq!(tried, 0, "a failure is counted");
}

#[test]
fn a_letter_that_nobody_would_get_is_refused_with_the_reason_and_reaches_who_gets_it() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    subscribes(&home, "ann");
    chooses(&home, "ann", &paused());
    home.at(NOW);
    let refused = letter(&home, &[]);
    let why = "nobody would get it today (1 confirmed reader: 1 paused)";
    assert_eq!((&refused["refusal"]["kind"], &refused["refusal"]["why"]), (&"no_audience".into(), &why.into()), "{refused}");
    assert_eq!(refused["audience"]["count"], 0);
    let assumed = letter(&home, &["--assume", "subscribers.confirmed=900"]);
    assert_eq!((&assumed["verdict"], &assumed["reach"]), (&"eligible".into(), &900.0.into()), "{assumed}");
    for at in [NOW, "2026-11-20T16:00:00Z"] {
        home.at(at);
        let woken = home.run(&["wake", "--no-model"]).ok();
        is_quiet(&home, &woken);
        let sheet = home.run(&["why"]).ok().stdout;
        assert!(sheet.contains(&format!("no_audience: {why}")), "{sheet}");
    }

    // Three more: one gets it, one waits for the week, one reads of something else.
    ["bob", "eve", "zoe"].iter().for_each(|name| subscribes(&home, name));
    chooses(&home, "eve", &Preferences { frequency: Frequency::Weekly, ..Preferences::default() });
    chooses(&home, "zoe", &Preferences { topics: vec!["ships".into()], ..Preferences::default() });
    let counted = letter(&home, &[]);
    assert_eq!((&counted["audience"]["count"], &counted["reach"]), (&1.into(), &1.0.into()), "{counted}");
    assert_eq!(counted["audience"]["source"], "4 confirmed readers: 1 paused, 1 weekly, 1 other topics");
    send(&mut home, "2026-11-20T18:00:00Z");
    assert_eq!(mailed(&smtp, 45), ["bob"]);

    // Where all get it nothing is said but the count.
    ["ann", "eve", "zoe"].iter().for_each(|name| chooses(&home, name, &Preferences::default()));
    write_issue(&home, 46, "2026-11-20", "fog");
    let all = letter(&home, &[]);
    assert_eq!((&all["audience"]["count"], &all["audience"]["source"]), (&4.into(), &"subscribers.confirmed".into()), "{all}");
}

/// A wake in which this happens behind its decision.
fn wake_while(home: &Home, happens: impl FnOnce()) -> Said {
    let mut wake = home.command(&["wake", "--no-model"]);
    wake.env("REVEILLE_FAULT", "after-decision=stop").stdout(Stdio::piped()).stderr(Stdio::piped());
    let wake = wake.spawn().unwrap();
    wait_until_stopped(wake.id());
    happens();
    signal(wake.id(), "CONT");
    Said::of(&wake.wait_with_output().unwrap()).ok()
}

#[test]
fn who_pauses_between_the_decision_and_the_letter_makes_nothing_fail() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    subscribes(&home, "ann");
    home.at(NOW);
    assert_eq!(letter(&home, &[])["audience"]["count"], 1);
    let woken = wake_while(&home, || chooses(&home, "ann", &paused()));
    is_quiet(&home, &woken);
    assert_eq!(mailed(&smtp, 45), Vec::<String>::new());
    let sheet = home.run(&["why"]).ok().stdout;
    assert!(sheet.contains("nobody would get it today (1 confirmed reader: 1 paused)"), "{sheet}");
    // She reads again, and it goes out.
    chooses(&home, "ann", &Preferences::default());
    send(&mut home, "2026-11-20T18:00:00Z");
    assert_eq!(mailed(&smtp, 45), ["ann"]);
}

#[test]
fn when_the_only_reader_leaves_before_the_letter_the_next_best_has_its_turn() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    home.write("PROGRESS.md", "# Plan\n\n- [ ] Measure which channel brings people for:strangers skill:measure\n");
    subscribes(&home, "ann");
    home.at(NOW);
    assert_eq!(letter(&home, &[])["audience"]["count"], 1);
    let woken = wake_while(&home, || {
        let now: DateTime<Utc> = NOW.parse().unwrap();
        let mut memory = Memory::open(&home.join("memory/reveille.db"), now).unwrap();
        memory.leave(&subscriber_id("ann@lighthouse.net"), now).unwrap();
    });
    is_quiet(&home, &woken);
    assert_eq!(mailed(&smtp, 45), Vec::<String>::new());
    let sheet = home.run(&["why"]).ok().stdout;
    assert!(sheet.contains("nobody would get it today (0 confirmed readers)"), "{sheet}");
    assert!(sheet.lines().any(|line| line.starts_with('→') && line.contains("Measure which channel")), "{sheet}");
}

#[test]
fn who_is_heard_between_the_decision_and_the_letter_to_the_silent_makes_nothing_fail() {
    let smtp = Smtp::start();
    let mut home = super::retain::mailed(&smtp);
    super::retain::letter(&home, 30, true);
    home.write("PROGRESS.md", "# Plan\n\n- [ ] Win back readers silent for 30 days\n");
    home.at("2026-10-03T12:00:00Z");
    let click = |name: &&str| super::retain::sign(&home, name, SignKind::Click, "2026-10-03T11:59:00Z");
    let woken = wake_while(&home, || ["ann", "bob", "cyd", "dan"].iter().for_each(click));
    is_quiet(&home, &woken);
    let sheet = home.run(&["why"]).ok().stdout;
    assert!(sheet.contains("no_audience: it is for readers silent for 30 days, and today there are 0 (subscribers.lapsed_30)"), "{sheet}");
}
