//! A post whose sight was lost, with a real ledger and a small real server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

use reveille_memory::{Key, NewEffect, NewRun};
use reveille_mission::Channel;
use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use crate::channels::Piece;
use crate::channels::mastodon::Mastodon;
use crate::distribute::Post;

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-11-20T{time}:00Z").parse().expect("a time")
}

/// A server that answers what `play` says of a path.
fn server(play: fn(&str) -> (u16, &'static str)) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address")).parse().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let asked = head.next().unwrap_or_default();
            head.for_each(drop);
            let (status, body) = play(asked.split(' ').nth(1).unwrap_or_default());
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Connection::Mastodon(Mastodon::new(&url, SecretString::from("token"), Duration::from_secs(5)).expect("an account"))
}

/// A post that was let go at 14:00 and of which sight was lost at 14:10.
fn lost(connection: &Connection) -> (TempDir, Memory, Standing) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), at("14:00")).expect("made");
    let run = NewRun { started_at: at("14:00"), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&run).expect("begun");
    let (text, link) = ("Words https://letter.example/45/".to_owned(), "https://letter.example/45/".to_owned());
    let post = Post { channel: Channel::Mastodon, pieces: vec![text.clone()], text, title: None, link, prefilled: None };
    let piece =
        Piece { post: &post, text: &post.text, title: "T", summary: "S", language: "en", picture: None, reply: None, now: at("14:00") };
    let frozen = connection.freeze(&piece).expect("frozen");
    let key = Key { issue: "i".into(), channel: "mastodon".into(), part: "post".into(), recipient: String::new() };
    let new = NewEffect { key: key.clone(), text: frozen.text, token: frozen.token, run };
    let Standing::Intended(intended) = memory.intend(&new, at("14:00")).expect("intended") else { panic!("it is new") };
    let sending = intended.send(&mut memory, at("14:00")).expect("let go");
    let unknown = sending.lose_sight(&mut memory, "no answer", at("14:10")).expect("lost");
    assert_eq!(unknown.effect().settled_at, Some(at("14:10")));
    let effect = memory.effect(&key).expect("read").expect("there");
    assert_eq!(effect.settled_at, Some(at("14:10")));
    (folder, memory, Memory::standing(effect))
}

fn looked(play: fn(&str) -> (u16, &'static str), time: &str) -> (Delivered, usize) {
    let connection = server(play);
    let (_folder, mut memory, standing) = lost(&connection);
    let (may, step, now) = (|_: &Memory| Ok(()), |_| {}, || at(time));
    let delivered =
        settle(&mut memory, &connection, standing, &Brakes { may: &may, still: &may, step: &step, now: &now }).expect("settled");
    (delivered, memory.effects_in(reveille_memory::EffectState::Unknown).expect("read").len())
}

#[test]
fn absence_counts_a_quarter_of_an_hour_after_sight_was_lost() {
    let nothing: fn(&str) -> (u16, &'static str) = |path| (200, if path.contains("verify") { r#"{"id": "1"}"# } else { "[]" });
    for (time, said) in [("14:24", "from 14:25 UTC on"), ("14:25", "it may be sent again")] {
        let (delivered, unknown) = looked(nothing, time);
        assert!(matches!(&delivered, Delivered::Unsure { why } if why.contains(said)), "{delivered:?}");
        assert_eq!(unknown, 1);
    }
}

#[test]
fn a_dead_credential_that_a_look_finds_is_told_as_one() {
    let (delivered, unknown) = looked(|_| (401, r#"{"error": "The access token was revoked"}"#), "16:00");
    assert!(matches!(delivered, Delivered::Failed(Fault::Credential { .. })), "{delivered:?}");
    let (delivered, _) = looked(|_| (429, "{}"), "16:00");
    assert!(matches!(delivered, Delivered::Failed(Fault::RateLimited { .. })), "{delivered:?}");
    let (delivered, _) = looked(|_| (503, "{}"), "16:00");
    assert!(matches!(delivered, Delivered::Unsure { .. }), "{delivered:?}");
    assert_eq!(unknown, 1);
}

#[test]
fn what_a_jumping_clock_held_back_goes_out_when_the_clock_is_mended() {
    let connection = server(|_| (429, "{}"));
    let wrong: DateTime<Utc> = "2026-12-20T14:00:00Z".parse().expect("a time");
    let (may, step) = (|_: &Memory| Ok(()), |_| {});
    let still = |_: &Memory| Err("its time is up".to_owned());
    let (jumped, mended) = (|| wrong, || at("15:00"));
    let (_folder, mut memory, standing) = lost(&connection);
    let Standing::Unknown(unknown) = standing else { panic!("{standing:?}") };
    let word = EvidenceRow { kind: "human".into(), place: "p".into(), sha256: None, text: None, fetched_at: at("14:30") };
    unknown.put_back_by_hand(&mut memory, &word, at("14:30")).expect("back");
    let key = Key { issue: "i".into(), channel: "mastodon".into(), part: "post".into(), recipient: String::new() };
    let standing = |memory: &Memory| Memory::standing(memory.effect(&key).expect("read").expect("there"));
    let brakes = Brakes { may: &may, still: &still, step: &step, now: &jumped };
    let seen = standing(&memory);
    let held = deliver(&mut memory, &connection, seen, &brakes).expect("held");
    assert_eq!(held, Delivered::Held { why: "its time is up".into() });
    assert_eq!(memory.effect(&key).expect("read").expect("there").not_before, None);
    // A server that wanted it later, by the wrong clock: a quarter of an hour of that clock holds nothing back either.
    let brakes = Brakes { may: &may, still: &may, step: &step, now: &jumped };
    let seen = standing(&memory);
    let failed = deliver(&mut memory, &connection, seen, &brakes).expect("failed");
    let Standing::Intended(intended) = standing(&memory) else { panic!("{failed:?}") };
    assert_eq!(intended.effect().not_before, Some(wrong + TimeDelta::minutes(15)));
    let brakes = Brakes { now: &mended, ..brakes };
    let tried = deliver(&mut memory, &connection, Standing::Intended(intended), &brakes).expect("tried");
    assert!(matches!(tried, Delivered::Failed(_)), "{tried:?}");
    // The clock is right, so now it waits.
    let seen = standing(&memory);
    let held = deliver(&mut memory, &connection, seen, &brakes).expect("held");
    assert!(matches!(&held, Delivered::Held { why } if why.starts_with("not before")), "{held:?}");
}
