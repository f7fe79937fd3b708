//! An older memory against a later one: every pair of states, and what is never taken back.

use chrono::Duration;

use super::*;
use crate::{
    EffectState, EvidenceRow, Frequency, Key, NewEffect, NewRun, Preferences, Question, RunState, Sign, SignKind, SignUp, SignUpCaps,
    Standing, SuppressedFor,
};

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

fn memory(folder: &Path, name: &str) -> Memory {
    let mut memory = Memory::open(&folder.join(name), now()).expect("made");
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let _ = memory.begin_run(&new).expect("begun");
    memory
}

fn key(issue: &str, channel: &str) -> Key {
    Key { issue: issue.into(), channel: channel.into(), part: "post".into(), recipient: String::new() }
}

/// Writes an effect down and brings it into a state by legal steps.
fn bring(memory: &mut Memory, key: Key, state: EffectState) {
    let proof = [EvidenceRow { kind: "status".into(), place: "https://s.example/1".into(), sha256: None, text: None, fetched_at: now() }];
    let run = crate::RunId(1);
    let new = NewEffect { key, text: b"hello".to_vec(), token: "k".into(), run };
    let Standing::Intended(effect) = memory.intend(&new, now()).expect("written") else { panic!() };
    match state {
        EffectState::Intended => {}
        EffectState::AwaitingHuman => drop(effect.await_human(memory, now()).expect("given")),
        EffectState::Refused => effect.refuse(memory, "no", now()).expect("refused"),
        EffectState::Sending => drop(effect.send(memory, now()).expect("sent")),
        EffectState::Confirmed => effect.send(memory, now()).expect("sent").confirm(memory, &proof, now()).expect("confirmed"),
        EffectState::Unknown => drop(effect.send(memory, now()).expect("sent").lose_sight(memory, "silence", now()).expect("lost")),
    }
}

/// What an effect has to be afterwards.
fn after(here: Option<EffectState>, later: EffectState) -> Option<EffectState> {
    use EffectState::{AwaitingHuman, Confirmed, Intended, Refused, Sending, Unknown};
    match (here, later) {
        (Some(Confirmed | Refused), _) | (_, Intended) => here,
        (_, Confirmed | Refused) => Some(later),
        (None | Some(Intended), AwaitingHuman) => Some(AwaitingHuman),
        (None | Some(Intended), Sending | Unknown) | (Some(Sending), Unknown) => Some(Unknown),
        _ => here,
    }
}

#[test]
fn what_has_gone_out_is_taken_over_from_every_state_and_nothing_is_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut here, mut later) = (memory(folder.path(), "here.db"), memory(folder.path(), "later.db"));
    let all: Vec<Option<EffectState>> = STATES.into_iter().map(Some).chain([None]).collect();
    let name = |mine: Option<EffectState>, theirs: EffectState| format!("{mine:?}-{theirs}");
    for mine in &all {
        for theirs in STATES {
            bring(&mut later, key(&name(*mine, theirs), "mastodon"), theirs);
            if let Some(mine) = mine {
                bring(&mut here, key(&name(Some(*mine), theirs), "mastodon"), *mine);
            }
        }
    }
    later.close_whole().expect("closed");
    let _ = here.take_over(&folder.path().join("later.db"), &[]).expect("taken").expect("the same schema");
    for mine in all {
        for theirs in STATES {
            let effect = here.effect(&key(&name(mine, theirs), "mastodon")).expect("read");
            assert_eq!(effect.as_ref().map(|effect| effect.state), after(mine, theirs), "{mine:?} here, {theirs} there");
            if let Some(effect) = effect.filter(|effect| effect.state == EffectState::Confirmed) {
                assert_eq!(here.evidence(effect.id).expect("read").len(), 1, "{mine:?} here, {theirs} there");
            }
        }
    }
    here.integrity_check().expect("whole");
    // Once more changes nothing.
    let again = here.take_over(&folder.path().join("later.db"), &[]).expect("taken").expect("the same schema");
    assert_eq!((again.effects.len(), again.left), (0, 0));
}

#[test]
fn mails_letters_readers_who_left_and_named_texts_come_along_and_a_persons_posts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut here, mut later) = (memory(folder.path(), "here.db"), memory(folder.path(), "later.db"));
    for reader in ["ann", "bob"] {
        bring(&mut later, Key { part: "mail".into(), recipient: reader.into(), ..key("a", "email") }, EffectState::Confirmed);
    }
    let Standing::Intended(post) = later
        .intend(&NewEffect { key: key("a", "hackernews"), text: b"x".to_vec(), token: "t".into(), run: crate::RunId(1) }, now())
        .expect("written")
    else {
        panic!()
    };
    let word = EvidenceRow { kind: "human".into(), place: "https://n.example/1".into(), sha256: None, text: None, fetched_at: now() };
    post.await_human(&mut later, now()).expect("given").confirm(&mut later, &[word], now()).expect("confirmed");
    later.keep_letter("d", b"letter").expect("kept");
    later.suppress(&["ann".into()], SuppressedFor::Left, now()).expect("kept");
    later.keep_text("refused words mastodon a", "no").expect("kept");
    later.keep_text("other", "there").expect("kept");
    here.keep_text("other", "here").expect("kept");
    later.close_whole().expect("closed");
    let taken = here.take_over(&folder.path().join("later.db"), &["refused words"]).expect("taken").expect("the same schema");
    assert_eq!(taken.effects, [("a".to_owned(), "email".to_owned(), 2), ("a".to_owned(), "hackernews".to_owned(), 1)]);
    assert_eq!((taken.left, here.is_suppressed("ann").expect("read")), (1, true));
    assert_eq!(here.letter("d").expect("read").as_deref(), Some(&b"letter"[..]));
    assert_eq!(here.text("refused words mastodon a").expect("read").as_deref(), Some("no"));
    assert_eq!(here.text("other").expect("read").as_deref(), Some("here"));
    assert_eq!(here.effects_in(EffectState::Confirmed).expect("read").len(), 3);
    here.integrity_check().expect("whole");
}

#[test]
fn what_was_turned_down_later_is_not_approved_and_no_approval_comes_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut here, mut later) = (memory(folder.path(), "here.db"), memory(folder.path(), "later.db"));
    for digest in ["withdrawn", "kept"] {
        here.approve(digest, "it", "tick", now()).expect("kept");
    }
    here.turn_down("no", "it", "tick", now()).expect("kept");
    for digest in ["withdrawn", "new no"] {
        later.turn_down(digest, "it", "tick", now()).expect("kept");
    }
    for digest in ["no", "new yes"] {
        later.approve(digest, "it", "tick", now()).expect("kept");
    }
    later.close_whole().expect("closed");
    let _ = here.take_over(&folder.path().join("later.db"), &[]).expect("taken").expect("the same schema");
    let words: Vec<(String, bool)> =
        here.approvals().expect("read").into_iter().map(|approval| (approval.digest, approval.granted)).collect();
    let expected = [("kept", true), ("new no", false), ("no", false), ("withdrawn", false)];
    assert_eq!(words, expected.map(|(digest, granted)| (digest.to_owned(), granted)));
}

#[test]
fn a_disarmed_memory_is_paused_and_counts_on_behind_what_was_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = memory(folder.path(), "a.db");
    memory.disarm("an old one was put back", 9, "0.1.0", now()).expect("disarmed");
    assert_eq!(
        memory.paused(now() + Duration::days(999)).expect("read").map(|pause| pause.reason).as_deref(),
        Some("an old one was put back")
    );
    assert_eq!(
        memory.runs(9).expect("read").iter().map(|run| (run.id.0, run.state)).collect::<Vec<_>>(),
        [(9, RunState::Abandoned), (1, RunState::Abandoned)]
    );
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    assert_eq!(memory.begin_run(&new).expect("begun").0, 10);
    memory.disarm("again", 3, "0.1.0", now()).expect("disarmed");
    assert_eq!((memory.last_run_number().expect("read"), memory.run_count().expect("read")), (10, 3));
}

#[test]
fn another_schema_teaches_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut here, later) = (memory(folder.path(), "here.db"), memory(folder.path(), "later.db"));
    later.connection.pragma_update(None, "user_version", Memory::known() - 1).expect("set");
    later.close_whole().expect("closed");
    assert_eq!(here.take_over(&folder.path().join("later.db"), &[]).expect("asked"), None);
}

fn at(minutes: i64) -> DateTime<Utc> {
    now() + Duration::minutes(minutes)
}

/// Somebody asks, at this minute, and confirms a minute later where they do.
fn join(memory: &mut Memory, who: &str, minute: i64, confirms: bool) {
    let asked = SignUp { id: who.into(), email: format!("{who}@letter.example"), network: 1, via: String::new(), is_person: true };
    memory.sign_up(&[asked], SignUpCaps { network: 99, all: 99 }, at(minute)).expect("asked");
    if confirms {
        assert_eq!(memory.confirm_reader(who, now(), at(minute + 1)).expect("confirmed"), crate::Confirmed::New);
    }
}

fn paused(minute: i64) -> Preferences {
    Preferences { frequency: Frequency::Weekly, paused_until: Some(at(minute)), topics: vec![] }
}

/// A copy of a memory goes on; then the older one learns from it.
fn older_and_later(
    folder: &Path,
    both: impl FnOnce(&mut Memory),
    later: impl FnOnce(&mut Memory),
    here: impl FnOnce(&mut Memory),
) -> (Memory, TakenOver) {
    let mut first = memory(folder, "here.db");
    both(&mut first);
    first.close_whole().expect("closed");
    std::fs::copy(folder.join("here.db"), folder.join("later.db")).expect("copied");
    let mut goes_on = Memory::open(&folder.join("later.db"), now()).expect("opened");
    later(&mut goes_on);
    goes_on.close_whole().expect("closed");
    let mut older = Memory::open(&folder.join("here.db"), now()).expect("opened");
    here(&mut older);
    let taken = older.take_over(&folder.join("later.db"), &[]).expect("taken").expect("the same schema");
    older.integrity_check().expect("whole");
    (older, taken)
}

#[test]
fn what_readers_did_by_the_site_comes_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let sign = |who: &str, minute| Sign { subscriber: who.into(), kind: SignKind::Visit, about: String::new(), at: at(minute) };
    let (here, taken) = older_and_later(
        folder.path(),
        |memory| {
            join(memory, "asked", 0, false);
            for who in ["old", "silent", "heard"] {
                join(memory, who, 0, true);
            }
            memory.prefer("old", &paused(100), at(2)).expect("kept");
            memory.prefer("silent", &paused(100), at(2)).expect("kept");
        },
        |memory| {
            assert_eq!(memory.confirm_reader("asked", now(), at(5)).expect("confirmed"), crate::Confirmed::New);
            join(memory, "new", 5, true);
            join(memory, "waits", 5, false);
            memory.prefer("new", &paused(500), at(6)).expect("kept");
            memory.prefer("old", &Preferences::default(), at(6)).expect("kept");
            memory.prefer("silent", &paused(200), at(6)).expect("kept");
            memory.end_letters(&["silent".into(), "heard".into()], at(7)).expect("kept");
            memory.record_signs(&[sign("heard", 8)]).expect("kept");
            memory.keep_links(7, "issue", &["https://a.example/".into()], &[]).expect("kept");
        },
        |memory| memory.prefer("silent", &paused(900), at(9)).expect("kept"),
    );
    assert_eq!((taken.confirmed, taken.left), (2, 0));
    let confirmed = |who| here.subscriber(who).expect("read").map(|one| one.confirmed_at);
    assert_eq!(["asked", "new", "old", "waits"].map(confirmed), [Some(Some(at(5))), Some(Some(at(6))), Some(Some(at(1))), Some(None)]);
    let chosen = ["new", "old", "silent"].map(|who| here.preferences(who).expect("read"));
    assert_eq!(chosen, [paused(500), Preferences::default(), paused(900)], "the later choice counts, whichever memory has it");
    assert_eq!(here.sunsets().expect("read").into_keys().collect::<Vec<_>>(), ["silent"]);
    assert!(here.signs_since(at(8)).expect("read").contains(&sign("heard", 8)));
    let links = here.rows("SELECT address FROM letter_links", [], |row| row.get::<_, String>(0)).expect("read");
    assert_eq!(links, ["https://a.example/"]);
    let welcomes = here.wanted_mails(0, 99).expect("read").into_iter().filter(|mail| mail.kind == crate::WantedFor::Welcome);
    let mut welcomed: Vec<_> = welcomes.map(|mail| mail.subscriber).collect();
    welcomed.sort();
    assert_eq!(welcomed, ["asked", "heard", "new", "old", "silent"], "once each");
    let funnel = "SELECT step, sum(people) FROM funnel WHERE step IN ('signup', 'confirmed') GROUP BY step ORDER BY step";
    let funnel = here.rows(funnel, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).expect("read");
    assert_eq!(funnel, [("confirmed".to_owned(), 5), ("signup".to_owned(), 6)]);
}

#[test]
fn who_left_by_either_memory_is_not_brought_back_but_who_came_back_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, taken) = older_and_later(
        folder.path(),
        |memory| ["left", "back", "taken off", "left here"].iter().for_each(|who| join(memory, who, 0, true)),
        |memory| {
            for who in ["left", "back"] {
                memory.leave(who, at(5)).expect("left");
            }
            memory.suppress(&["taken off".into()], SuppressedFor::Removed, at(5)).expect("kept");
            memory.leave("taken off", at(5)).expect("left");
            join(memory, "back", 2000, true);
            memory.prefer("left here", &paused(100), at(6)).expect("kept");
        },
        |memory| memory.leave("left here", at(7)).expect("left"),
    );
    for who in ["left", "taken off", "left here"] {
        assert!(here.is_suppressed(who).expect("read"), "{who}");
        assert_eq!(here.subscriber(who).expect("read"), None, "{who}: nothing is kept");
        assert_eq!(here.preferences(who).expect("read"), Preferences::default(), "{who}");
    }
    assert!(!here.is_suppressed("back").expect("read"));
    assert_eq!(here.subscriber("back").expect("read").and_then(|one| one.confirmed_at), Some(at(2001)));
    let signs = here.signs_since(now()).expect("read");
    assert!(signs.iter().all(|sign| sign.subscriber == "back" && sign.at == at(2001)), "{signs:?}");
    assert_eq!(taken.left, 3);
}

#[test]
fn a_surveys_number_is_never_anothers() {
    let folder = tempfile::tempdir().expect("a folder");
    let asks = |ask: &str| [Question { ask: ask.into(), choices: vec!["yes".into(), "no".into()] }];
    let (mut old, mut lost) = (0, 0);
    let (mut here, _) = older_and_later(
        folder.path(),
        |memory| join(memory, "ann", 0, true),
        |memory| {
            lost = memory.keep_survey("s", &asks("Lost?"), at(1)).expect("kept");
            memory.answer_survey(lost, "ann", &[1], at(2)).expect("answered");
        },
        |memory| old = memory.keep_survey("s", &asks("Another?"), at(3)).expect("kept"),
    );
    assert_ne!(old, lost, "links to the lost one are out");
    let survey = here.survey(lost).expect("read").expect("there");
    assert_eq!((survey.questions.as_slice(), here.survey_counts(&survey).expect("counted")), (&asks("Lost?")[..], vec![vec![0, 1]]));
    assert_eq!(here.keep_survey("s", &asks("Lost?"), at(4)).expect("kept"), lost);
}
