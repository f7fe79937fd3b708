use chrono::{DateTime, Utc};

use super::*;
use crate::{Confirmed, SignUp, SignUpCaps, SignedUp, WantedFor};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// A memory that was told that ann is a reader and that bob left, by the author's hand.
fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), at("2026-11-20T10:00:00Z")).expect("made");
    let told = HashMap::from([("ann".to_owned(), Listing::Confirmed), ("bob".to_owned(), Listing::Gone)]);
    assert!(memory.tell_listed(&told).expect("kept") && !memory.tell_listed(&told).expect("kept"));
    (folder, memory)
}

fn asks(memory: &mut Memory, id: &str, now: DateTime<Utc>) -> SignedUp {
    let asked = SignUp { id: id.into(), email: format!("{id}@home.net"), network: 1, via: String::new(), is_person: true };
    memory.sign_up(&[asked], SignUpCaps { network: 9, all: 9 }, now).expect("asked")[0]
}

#[test]
fn a_reader_of_the_list_who_asks_is_told_that_they_are_one() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-20T11:00:00Z");
    assert_eq!(asks(&mut memory, "ann", now), SignedUp::Known);
    let wanted = memory.wanted_mails(0, 9).expect("read").remove(0);
    assert_eq!((wanted.kind, wanted.email.as_str()), (WantedFor::Known, "ann@home.net"));
    assert!(memory.subscriber("ann").expect("read").is_none(), "they are the list's, and no sign-up is counted");
    memory.forget_unconfirmed(at("2026-11-13T11:00:00Z"), now).expect("swept");
    assert!(memory.is_wanted(&wanted).expect("read"));
    // Who leaves while it waits is not mailed, and is a stranger when they ask again, whatever the file says.
    memory.leave("ann", now).expect("left");
    assert!(!memory.is_wanted(&wanted).expect("read"));
    memory.tell_listed(&HashMap::from([("ann".to_owned(), Listing::Confirmed)])).expect("kept");
    assert_eq!(asks(&mut memory, "ann", at("2026-11-22T11:00:00Z")), SignedUp::Asked);
}

#[test]
fn who_left_by_the_author_s_hand_is_not_mailed_until_the_author_takes_it_back() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-20T11:00:00Z");
    assert_eq!(asks(&mut memory, "bob", now), SignedUp::Quiet);
    assert!(memory.wanted_mails(0, 9).expect("read").is_empty());
    // Asked before the author wrote it: the mail is not sent, and its link confirms nobody.
    assert_eq!(asks(&mut memory, "cyd", now), SignedUp::Asked);
    let wanted = memory.wanted_mails(0, 9).expect("read").remove(0);
    memory.tell_listed(&HashMap::from([("cyd".to_owned(), Listing::Gone)])).expect("kept");
    assert!(!memory.is_wanted(&wanted).expect("read"));
    assert_eq!(memory.confirm_reader("cyd", now, now).expect("asked"), Confirmed::NotAsked);
    assert_eq!((memory.listed("bob").expect("read"), memory.listed("cyd").expect("read")), (None, Some(Listing::Gone)));
    assert_eq!(asks(&mut memory, "bob", now), SignedUp::Asked);
}
