//! The ledger against every order of steps, in Rust and in raw SQL.

use super::*;
use crate::NewRun;
use chrono::TimeDelta;

const STATES: [EffectState; 6] = [
    EffectState::Intended,
    EffectState::AwaitingHuman,
    EffectState::Sending,
    EffectState::Confirmed,
    EffectState::Refused,
    EffectState::Unknown,
];

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

fn memory() -> (tempfile::TempDir, Memory, RunId) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&new).expect("begun");
    (folder, memory, run)
}

fn new(issue: &str, run: RunId) -> NewEffect {
    let key = Key { issue: issue.into(), channel: "mastodon".into(), part: "post".into(), recipient: String::new() };
    NewEffect { key, text: b"hello".to_vec(), token: "k".into(), run }
}

fn proof() -> EvidenceRow {
    EvidenceRow { kind: "status".into(), place: "https://s.example/1".into(), sha256: None, text: None, fetched_at: now() }
}

fn set(memory: &Memory, id: EffectId, state: EffectState) -> rusqlite::Result<usize> {
    memory.connection.execute("UPDATE effects SET state = ?2 WHERE id = ?1", params![id.0, state.to_string()])
}

/// Every pair of states against the schema itself, in raw SQL.
#[test]
fn illegal_transitions_can_not_be_written() {
    use EffectState::{AwaitingHuman, Confirmed, Intended, Refused, Sending, Unknown};
    let legal = [
        (Intended, Sending),
        (Intended, AwaitingHuman),
        (Intended, Refused),
        (AwaitingHuman, Confirmed),
        (AwaitingHuman, Refused),
        (Sending, Confirmed),
        (Sending, Refused),
        (Sending, Unknown),
        (Sending, Intended),
        (Unknown, Confirmed),
        (Unknown, Refused),
        (Unknown, Sending),
    ];
    let path = |to| match to {
        Intended => vec![],
        AwaitingHuman => vec![AwaitingHuman],
        Sending => vec![Sending],
        Refused => vec![Refused],
        Unknown => vec![Sending, Unknown],
        Confirmed => vec![Sending, Confirmed],
    };
    let (_folder, mut memory, run) = memory();
    for from in STATES {
        for to in STATES.into_iter().filter(|to| *to != from) {
            let Standing::Intended(effect) = memory.intend(&new(&format!("{from}-{to}"), run), now()).expect("written") else { panic!() };
            let prove = |shows| add_evidence(&memory.connection, effect.id(), shows, &proof()).expect("proof");
            for step in path(from) {
                prove("there");
                set(&memory, effect.id(), step).expect("legal");
            }
            prove("there");
            prove("absent");
            assert_eq!(set(&memory, effect.id(), to).is_ok(), legal.contains(&(from, to)), "{from} → {to}");
        }
    }
}

#[test]
fn what_is_sent_is_frozen_kept_and_proved() {
    let (_folder, mut memory, run) = memory();
    let Standing::Intended(effect) = memory.intend(&new("a", run), now()).expect("written") else { panic!() };
    let id = effect.id().0;
    let sending = effect.send(&mut memory, now()).expect("sent");
    for sql in [
        "UPDATE effects SET text = x'00'",
        "UPDATE effects SET key = 'z'",
        "UPDATE effects SET issue = 'z'",
        "UPDATE effects SET id = 77",
        "UPDATE effects SET sendings = 7",
        "DELETE FROM effects",
        "REPLACE INTO effects (issue, channel, part, text, key, run, intended_at) VALUES ('a', 'mastodon', 'post', x'00', 'z', 1, 1)",
        "REPLACE INTO effects (id, issue, channel, part, text, key, run, intended_at) VALUES (1, 'b', 'web', 'page', x'', '', 1, 1)",
    ] {
        assert!(memory.connection.execute(sql, []).is_err(), "{sql}");
    }
    assert!(matches!(sending.confirm(&mut memory, &[], now()), Err(MemoryError::Refused(_))), "no evidence, no confirmation");
    let effect = memory.effect(&new("a", run).key).expect("read").expect("there");
    assert_eq!(effect.state, EffectState::Sending);
    let Standing::Sending(sending) = Memory::standing(effect) else { panic!() };
    sending.confirm(&mut memory, &[proof()], now()).expect("confirmed");
    assert_eq!(memory.evidence(EffectId(id)).expect("read"), [proof()]);
    assert!(memory.connection.execute("UPDATE evidence SET place = 'z'", []).is_err());
    assert!(memory.connection.execute("DELETE FROM evidence", []).is_err());
    assert!(memory.connection.execute("INSERT INTO effects (issue, channel, part, state, text, key, run, intended_at) VALUES ('q','c','p','sending',x'',' ',?1,1)", [run.0]).is_err());
}

#[test]
fn what_a_wrong_clock_dated_counts_for_a_day_and_not_for_years() {
    let (_folder, mut memory, run) = memory();
    let Standing::Intended(first) = memory.intend(&new("a", run), now()).expect("written") else { panic!() };
    let _ = first.send(&mut memory, now() + TimeDelta::days(1500)).expect("sent");
    let day = TimeDelta::hours(24);
    let counted = |memory: &Memory, now| memory.sent_since("mastodon", now - day, now).expect("counted");
    assert_eq!(counted(&memory, now()), 1, "it may have gone out just now");
    let later = |hours| now() + TimeDelta::hours(hours);
    let begin = |memory: &mut Memory, at| {
        memory.begin_run(&NewRun { started_at: at, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 }).expect("begun")
    };
    begin(&mut memory, later(1));
    assert_eq!(counted(&memory, later(24)), 1);
    assert_eq!(counted(&memory, later(26)), 0, "a wake behind it is more than a day old");
}

#[test]
fn the_same_effect_is_intended_once() {
    let (_folder, mut memory, run) = memory();
    let Standing::Intended(first) = memory.intend(&new("a", run), now()).expect("written") else { panic!() };
    let id = first.id();
    let _ = first.send(&mut memory, now()).expect("sent");
    let other = NewEffect { text: b"other words".to_vec(), ..new("a", run) };
    assert!(matches!(memory.intend(&other, now()).expect("found"), Standing::Sending(_)));
    assert_eq!(memory.effects().expect("read").len(), 1);
    assert_eq!(memory.effect(&other.key).expect("read").map(|effect| (effect.id, effect.text)), Some((id, b"hello".to_vec())));
    assert_eq!(memory.sent_since("mastodon", now(), now()).expect("counted"), 1);
    assert_eq!(memory.sent_since("bluesky", now(), now()).expect("counted"), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever steps are tried in whatever order: a confirmed effect has evidence, and a settled one stays settled.
    #[test]
    fn no_order_of_steps_breaks_the_ledger(steps in proptest::collection::vec((0usize..3, 0usize..6), 0..25)) {
        let (_folder, mut memory, run) = memory();
        let mut settled: std::collections::HashMap<usize, EffectState> = std::collections::HashMap::new();
        for (which, step) in steps {
            let standing = memory.intend(&new(&which.to_string(), run), now()).expect("written");
            let _ = match (standing, step) {
                (Standing::Intended(effect), 0) => effect.send(&mut memory, now()).map(drop),
                (Standing::Intended(effect), 1) => effect.await_human(&mut memory, now()).map(drop),
                (Standing::Intended(effect), 2) => effect.refuse(&mut memory, "no", now()),
                (Standing::Sending(effect), 0 | 1) => effect.confirm(&mut memory, &[proof()], now()),
                (Standing::Sending(effect), 2) => effect.confirm(&mut memory, &[], now()),
                (Standing::Sending(effect), 3) => effect.lose_sight(&mut memory, "cut", now()).map(drop),
                (Standing::Awaiting(effect), 0) => effect.confirm(&mut memory, &[proof()], now()),
                (Standing::Unknown(effect), 0) => effect.send_again(&mut memory, now()).map(drop),
                (Standing::Unknown(effect), 2) => effect.not_there(&mut memory, &proof()),
                (Standing::Unknown(effect), 1) => effect.refuse(&mut memory, "given up", now()),
                _ => Ok(()),
            };
            for effect in memory.effects().expect("read") {
                let which: usize = effect.issue.parse().expect("a number");
                if effect.state == EffectState::Confirmed {
                    proptest::prop_assert!(!memory.evidence(effect.id).expect("read").is_empty());
                }
                if let Some(before) = settled.get(&which) {
                    proptest::prop_assert_eq!(*before, effect.state);
                }
                if matches!(effect.state, EffectState::Confirmed | EffectState::Refused) {
                    settled.insert(which, effect.state);
                }
            }
        }
    }
}

/// Until somebody has looked after the last sending, what may have gone out is not sent again.
#[test]
fn look_before_sending_again() {
    // channel, recipient, kind of the look → may it be sent again?
    for (channel, recipient, kind, may) in [
        ("mastodon", "", "status", true),
        ("bluesky", "", "record", true),
        ("bluesky", "", "human", true),
        ("email", "ann@readers.example", "status", false),
        ("email", "ann@readers.example", "smtp", false),
        ("email", "ann@readers.example", "human", true),
    ] {
        let (_folder, mut memory, run) = memory();
        let key = Key { issue: "a".into(), channel: channel.into(), part: "post".into(), recipient: recipient.into() };
        let effect = NewEffect { key: key.clone(), ..new("a", run) };
        let look = EvidenceRow { kind: kind.into(), ..proof() };
        let unknown = |memory: &Memory| match memory.effect(&key).expect("read").map(Memory::standing) {
            Some(Standing::Unknown(effect)) => effect,
            other => panic!("{other:?}"),
        };
        let Standing::Intended(intended) = memory.intend(&effect, now()).expect("written") else { panic!() };
        let _ = intended.send(&mut memory, now()).expect("sent").lose_sight(&mut memory, "cut", now()).expect("lost");
        assert!(unknown(&memory).send_again(&mut memory, now()).is_err(), "{channel}: nobody has looked");
        unknown(&memory).not_there(&mut memory, &look).expect("kept");
        let again = unknown(&memory).send_again(&mut memory, now());
        assert_eq!(again.is_ok(), may, "{channel} {kind}");
        let Ok(again) = again else { continue };
        // The look was for the first sending; the second one wants its own.
        let _ = again.lose_sight(&mut memory, "cut again", now()).expect("lost");
        assert!(unknown(&memory).send_again(&mut memory, now()).is_err(), "{channel}: an old look");
        // And that it was not there proves nothing.
        assert!(unknown(&memory).confirm(&mut memory, &[], now()).is_err());
        assert!(memory.evidence(EffectId(1)).expect("read").is_empty());
        unknown(&memory).confirm(&mut memory, &[proof()], now()).expect("confirmed");
    }
}

#[test]
fn a_page_may_be_written_again() {
    let (_folder, mut memory, run) = memory();
    let key = Key { issue: "a".into(), channel: "web".into(), part: "page".into(), recipient: String::new() };
    let Standing::Intended(effect) = memory.intend(&NewEffect { key, ..new("a", run) }, now()).expect("written") else { panic!() };
    let unknown = effect.send(&mut memory, now()).expect("sent").lose_sight(&mut memory, "cut", now()).expect("lost");
    let _ = unknown.send_again(&mut memory, now()).expect("sent");
}

#[test]
fn only_a_person_posts_where_only_a_person_may() {
    for (channel, recipient) in [("hackernews", ""), ("reddit", ""), ("x", ""), ("lobsters", ""), ("linkedin", ""), ("email", "")] {
        let (_folder, mut memory, run) = memory();
        let key = Key { issue: "a".into(), channel: channel.into(), part: "post".into(), recipient: recipient.into() };
        let effect = NewEffect { key, ..new("a", run) };
        let Standing::Intended(intended) = memory.intend(&effect, now()).expect("written") else { panic!() };
        assert!(intended.send(&mut memory, now()).is_err(), "{channel}");
        let Standing::Intended(intended) = memory.intend(&effect, now()).expect("found") else { panic!() };
        intended.await_human(&mut memory, now()).expect("left to a person").confirm(&mut memory, &[proof()], now()).expect("posted");
    }
}

/// Two processes that hold the same intent: only one may let it go.
#[test]
fn two_that_race_send_once() {
    let (folder, mut first, run) = memory();
    let mut second = Memory::open(&folder.path().join("a.db"), now()).expect("opened");
    let Standing::Intended(one) = first.intend(&new("a", run), now()).expect("written") else { panic!() };
    let Standing::Intended(other) = second.intend(&new("a", run), now()).expect("found") else { panic!() };
    let sending = one.send(&mut first, now()).expect("sent");
    assert!(matches!(other.send(&mut second, now()), Err(MemoryError::Refused(_))));
    let unknown = sending.lose_sight(&mut first, "cut", now()).expect("lost");
    unknown.refuse(&mut first, "given up", now()).expect("refused");
    let effects = first.effects().expect("read");
    assert_eq!((effects.len(), effects[0].state, effects[0].error.as_deref()), (1, EffectState::Refused, Some("given up")));
}

#[test]
fn letter_case_makes_no_other_reader() {
    let (_folder, mut memory, run) = memory();
    let mail = |to: &str| NewEffect {
        key: Key { issue: "a".into(), channel: "email".into(), part: "mail".into(), recipient: to.into() },
        ..new("a", run)
    };
    let Standing::Intended(effect) = memory.intend(&mail("Ann@readers.example"), now()).expect("written") else { panic!() };
    let _ = effect.send(&mut memory, now()).expect("sent");
    assert!(matches!(memory.intend(&mail("ann@Readers.example"), now()).expect("found"), Standing::Sending(_)));
    assert!(matches!(memory.intend(&mail("bea@readers.example"), now()).expect("written"), Standing::Intended(_)));
}

#[test]
fn what_did_not_happen_goes_back_and_may_be_written_anew() {
    let (_folder, mut memory, run) = memory();
    let Standing::Intended(effect) = memory.intend(&new("a", run), now()).expect("written") else { panic!() };
    let effect = effect.renew(&mut memory, b"edited".to_vec(), "k2".into()).expect("renewed");
    let later = now() + chrono::TimeDelta::minutes(5);
    let sending = effect.send(&mut memory, now()).expect("sent");
    assert_eq!((sending.effect().text.as_slice(), sending.effect().sendings), (&b"edited"[..], 1));
    sending.put_back(&mut memory, "429", Some(later), now()).expect("back");
    let Standing::Intended(effect) = memory.intend(&new("a", run), now()).expect("found") else { panic!("not back") };
    assert_eq!((effect.effect().not_before, effect.effect().error.as_deref()), (Some(later), Some("429")));
    assert_eq!(effect.effect().sendings, 1, "a try is a try");
    let stale = effect.effect().clone();
    let sending = effect.send(&mut memory, later).expect("sent");
    assert!(memory.renew(&stale, b"too late", "k3").is_err(), "what is on its way is frozen");
    let _ = sending.lose_sight(&mut memory, "cut", later).expect("lost");
}

#[test]
fn a_mail_is_confirmed_and_the_next_let_go_in_one_commit() {
    let (_folder, mut memory, run) = memory();
    let mail = |who: &str| {
        let key = Key { issue: "a".into(), channel: "email".into(), part: "letter".into(), recipient: who.into() };
        NewEffect { key, text: b"m".to_vec(), token: "t".into(), run }
    };
    let list = ["x", "y", "z"].map(mail);
    assert_eq!(memory.intend_all(&list, now()).expect("written"), 3);
    assert_eq!(memory.intend_all(&list, now()).expect("found"), 0);
    let mut mails = memory.mails("a", "letter", EffectState::Intended, now(), 10).expect("read").into_iter();
    let mut next = || match Memory::standing(mails.next().expect("a mail")) {
        Standing::Intended(mail) => mail,
        other => panic!("{other:?}"),
    };
    let first = next().send(&mut memory, now()).expect("sent");
    let proof = EvidenceRow { kind: "smtp".into(), ..proof() };
    let second = first.confirm_and_send(&mut memory, std::slice::from_ref(&proof), next(), now()).expect("both");
    assert_eq!(second.effect().recipient, "y");
    second.put_back(&mut memory, "451", Some(now() + chrono::TimeDelta::hours(2)), now()).expect("back");
    let tally = memory.tallies().expect("counted");
    let expected = Tally {
        issue: "a".into(),
        channel: "email".into(),
        part: "letter".into(),
        intended: 2,
        put_back: 1,
        sending: 0,
        confirmed: 1,
        refused: 0,
        unknown: 0,
        next_try: None,
    };
    assert_eq!(tally, [expected]);
    assert_eq!(memory.mails("a", "letter", EffectState::Intended, now(), 10).expect("read").len(), 1, "the other one waits");
    assert_eq!(memory.sent_since("email", now(), now()).expect("counted"), 1, "a letter is one effect to the caps");
    let third = next();
    let gone = Memory::standing(memory.mails("a", "letter", EffectState::Intended, now(), 1).expect("read").remove(0));
    let Standing::Intended(gone) = gone else { panic!() };
    gone.refuse(&mut memory, "removed", now()).expect("refused");
    let Some(Standing::Intended(second)) = memory.effect(&mail("y").key).expect("read").map(Memory::standing) else { panic!() };
    let second = second.send(&mut memory, now()).expect("sent");
    assert!(second.confirm_and_send(&mut memory, &[proof], third, now()).is_err(), "the next is refused by now");
    assert_eq!(memory.effect(&mail("y").key).expect("read").map(|mail| mail.state), Some(EffectState::Sending), "neither step was taken");
}

#[test]
fn only_a_person_brings_an_unknown_mail_back() {
    let (_folder, mut memory, run) = memory();
    let key = Key { issue: "a".into(), channel: "email".into(), part: "letter".into(), recipient: "x".into() };
    let mail = NewEffect { key, text: b"m".to_vec(), token: "t".into(), run };
    let lost = |memory: &mut Memory| {
        let Standing::Intended(effect) = memory.intend(&mail, now()).expect("there") else { panic!("not intended") };
        effect.send(memory, now()).expect("sent").lose_sight(memory, "cut", now()).expect("lost")
    };
    let unknown = lost(&mut memory);
    let look = EvidenceRow { kind: "smtp".into(), ..proof() };
    assert!(unknown.put_back_by_hand(&mut memory, &look, now()).is_err(), "a server's word is none");
    let Some(Standing::Unknown(unknown)) = memory.effect(&mail.key).expect("read").map(Memory::standing) else { panic!() };
    unknown.put_back_by_hand(&mut memory, &EvidenceRow { kind: "human".into(), ..proof() }, now()).expect("back");
    let again = lost(&mut memory);
    assert_eq!(again.effect().sendings, 2);
    assert!(set(&memory, again.effect().id, EffectState::Intended).is_err(), "the word was for the sending before");
}

#[test]
fn a_step_of_an_earlier_sending_does_not_touch_the_one_of_now() {
    let (_folder, mut memory, run) = memory();
    let Standing::Intended(effect) = memory.intend(&new("a", run), now()).expect("written") else { panic!() };
    let frozen = effect.send(&mut memory, now()).expect("sent");
    let stale = || Sending::of(frozen.effect().clone());
    // Another wake looks, finds nothing, and sends again.
    let unknown = stale().lose_sight(&mut memory, "the program ended", now()).expect("lost");
    unknown.not_there(&mut memory, &proof()).expect("kept");
    let again = unknown.send_again(&mut memory, now()).expect("sent");
    assert!(stale().put_back(&mut memory, "its time is up", Some(now()), now()).is_err());
    assert!(stale().refuse(&mut memory, "no", now()).is_err());
    assert!(stale().lose_sight(&mut memory, "cut", now()).is_err());
    assert!(stale().confirm(&mut memory, &[proof()], now()).is_err());
    assert_eq!(memory.evidence(again.effect().id).expect("read"), [], "no evidence without its confirmation");
    let row = memory.effect(&new("a", run).key).expect("read").expect("there");
    assert_eq!((row.state, row.sendings, row.not_before), (EffectState::Sending, 2, None));
    again.confirm(&mut memory, &[proof()], now()).expect("confirmed");
    assert!(stale().put_back(&mut memory, "its time is up", Some(now()), now()).is_err());
    let row = memory.effect(&new("a", run).key).expect("read").expect("there");
    assert!(row.settled_at.is_some() && row.not_before.is_none(), "a put-back that came too late writes nothing");
}
