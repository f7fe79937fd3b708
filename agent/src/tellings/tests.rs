//! How tellings stand by the ledger's rows, and whose they are.

use reveille_memory::{Key, NewEffect, NewRun, RunId, Standing};

use super::*;

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

struct Kept {
    _folder: tempfile::TempDir,
    memory: Memory,
    run: RunId,
}

fn memory() -> Kept {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&new).expect("begun");
    Kept { _folder: folder, memory, run }
}

impl Kept {
    /// An effect in this part brought to this state.
    fn effect(&mut self, part: &str, text: &str, state: EffectState) {
        let key = Key { issue: "45".into(), channel: "mastodon".into(), part: part.into(), recipient: String::new() };
        let new = NewEffect { key, text: text.into(), token: part.into(), run: self.run };
        let memory = &mut self.memory;
        let Standing::Intended(effect) = memory.intend(&new, now()).expect("intended") else { panic!("it is new") };
        let row = EvidenceRow { kind: "status".into(), place: format!("at {part}"), sha256: None, text: None, fetched_at: now() };
        match state {
            EffectState::Intended => {}
            EffectState::AwaitingHuman => drop(effect.await_human(memory, now()).expect("left")),
            EffectState::Sending => drop(effect.send(memory, now()).expect("sent")),
            EffectState::Confirmed => effect.send(memory, now()).expect("sent").confirm(memory, &[row], now()).expect("proved"),
            EffectState::Refused => effect.refuse(memory, "no", now()).expect("refused"),
            EffectState::Unknown => drop(effect.send(memory, now()).expect("sent").lose_sight(memory, "cut", now()).expect("lost")),
        }
    }

    fn tellings(&self) -> Tellings {
        let mut tellings = Tellings::default();
        for effect in self.memory.effects().expect("read") {
            let proofs = self.memory.evidence(effect.id).expect("read");
            tellings.add(Part::of(&effect.part).expect("a part"), &effect, &proofs);
        }
        tellings
    }
}

#[test]
fn parts_are_read_as_they_are_written() {
    for (word, part) in [
        ("post", Some((0, 0))),
        ("post/1", Some((0, 1))),
        ("again1", Some((1, 0))),
        ("again12/3", Some((12, 3))),
        ("page", None),
        ("mail", None),
        ("post/0", None),
        ("again0", None),
        ("again01", None),
        ("again", None),
        ("again1/x", None),
    ] {
        assert_eq!(Part::of(word), part.map(|(telling, piece)| Part { telling, piece }), "{word}");
    }
}

#[test]
fn a_telling_counts_once_all_its_pieces_are_settled() {
    use EffectState::{AwaitingHuman, Confirmed, Intended, Refused, Sending, Unknown};
    let done = |proof: &str, tellings, prepared| Told::Done { proof: proof.into(), tellings, last_at: now(), prepared };
    for (rows, told, next) in [
        (&[][..], Told::NotYet, 0),
        (&[("post", Intended)], Told::NotYet, 0),
        (&[("post", Sending)], Told::NotYet, 0),
        (&[("post", AwaitingHuman)], Told::Prepared, 0),
        (&[("post", Refused)], Told::NotYet, 1),
        (&[("post", Confirmed)], done("at post", 1, false), 1),
        (&[("post", Confirmed), ("post/1", Intended)], Told::NotYet, 0),
        (&[("post", Confirmed), ("post/1", Unknown)], Told::NotYet, 0),
        (&[("post", Confirmed), ("post/1", Confirmed)], done("at post", 1, false), 1),
        // A thread without its end is not told.
        (&[("post", Confirmed), ("post/1", Refused)], Told::NotYet, 1),
        (&[("post", Confirmed), ("again1", AwaitingHuman)], done("at post", 1, true), 1),
        (&[("post", Confirmed), ("again1", Unknown)], done("at post", 1, false), 1),
        (&[("post", Confirmed), ("again1", Confirmed)], done("at again1", 2, false), 2),
        (&[("post", Confirmed), ("again1", Refused), ("again2", Confirmed)], done("at again2", 2, false), 3),
    ] {
        let mut kept = memory();
        for (part, state) in rows {
            kept.effect(part, "words", *state);
        }
        let tellings = kept.tellings();
        assert_eq!(tellings.told(), told, "{rows:?}");
        assert_eq!(tellings.next(&HashSet::new()), next, "{rows:?}");
        assert_eq!(tellings.next(&HashSet::from([next])), next + 1, "{rows:?}: that one is another line's");
    }
}

#[test]
fn the_words_that_went_out_are_known_and_no_others() {
    let mut kept = memory();
    kept.effect("post", "Plain words\nlink", EffectState::Confirmed);
    kept.effect("again1", r#"{"status":"In a form","visibility":"public"}"#, EffectState::Unknown);
    kept.effect("again2", r#"{"record":{"text":"In a record","langs":["en"]}}"#, EffectState::Sending);
    kept.effect("again3", "Refused", EffectState::Refused);
    kept.effect("again4", "Prepared", EffectState::AwaitingHuman);
    assert_eq!(kept.tellings().texts_but(5), ["Plain words\nlink", "In a form", "In a record"]);
    assert_eq!(kept.tellings().texts_but(1), ["Plain words\nlink", "In a record"]);
    assert_eq!(kept.tellings().proof(0), Some("at post"));
    assert_eq!(kept.tellings().proof(1), None);
}

#[test]
fn a_claim_is_one_line_s_until_that_line_is_ticked() {
    let mut kept = memory();
    let memory = &mut kept.memory;
    let (one, other) = (TaskId::stored("one"), TaskId::stored("other"));
    claim(memory, &one, "45", Channel::Mastodon, 1).expect("claimed");
    claim(memory, &one, "45", Channel::Mastodon, 2).expect("claimed before");
    claim(memory, &other, "45", Channel::Mastodon, 2).expect("claimed");
    let told = |memory: &Memory| claims(memory).expect("read").iter().map(|claim| claim.telling).collect::<Vec<_>>();
    assert_eq!(told(memory), [1, 2]);
    let identities = [(one, "repost issue 45".to_owned()), (other, "post it again".to_owned())];
    forget(memory, &identities, b"- [ ] Repost issue 45!\n- [ ] post it again\n").expect("looked");
    assert_eq!(told(memory), [1, 2]);
    forget(memory, &identities, b"- [x] Repost issue 45! \n- [ ] post it again\n").expect("forgotten");
    assert_eq!(told(memory), [2]);
    forget(memory, &identities, b"").expect("forgotten");
    assert_eq!(told(memory), Vec::<usize>::new());
}
