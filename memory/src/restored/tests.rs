//! An older memory against a later one: every pair of states, and what is never taken back.

use chrono::Duration;

use super::*;
use crate::{EffectState, EvidenceRow, Key, NewEffect, NewRun, RunState, Standing, SuppressedFor};

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
