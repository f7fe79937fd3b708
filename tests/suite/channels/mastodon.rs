//! Mastodon against the stand-in, and against a scripted server that stands before it and spoils its answers: whatever happens to
//! an answer, a status is posted once, and what was not read back is never called posted.

mod kinds;

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Key, Memory, NewEffect, NewRun, RunId, Sending, Standing, Unknown};
use reveille_mission::Channel;
use reveille_skills::channels::mastodon::{Mastodon, login};
use reveille_skills::channels::{Connection, Fault, Frozen, Look, Picture, Piece, PostLimits, Receipt};
use reveille_skills::distribute::Post;
use reveille_tests::scripted::{Play, Request, Scripted};
use reveille_tests::servers;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

const WORDS: &str = "Notes & <signs> from *zero*, told @ada 🎉\n\nhttps://letter.example/issues/45/?a=1&b=2\n\n#letters";
const LINK: &str = "https://letter.example/issues/45/?a=1&b=2";
const STATUSES: &str = "/api/v1/statuses";
/// The smallest PNG: one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

fn now() -> DateTime<Utc> {
    reveille_tests::NOW.parse().unwrap()
}

/// The account at an address, which waits 2 seconds for an answer.
fn account(url: &str) -> Connection {
    let token = SecretString::from("cnry-token-of-the-letter");
    Connection::Mastodon(Mastodon::new(&Url::parse(url).unwrap(), token, Duration::from_secs(2)).unwrap())
}

fn post(text: &str) -> Post {
    Post {
        channel: Channel::Mastodon,
        text: text.to_owned(),
        pieces: vec![text.to_owned()],
        title: None,
        link: LINK.to_owned(),
        prefilled: None,
    }
}

fn freeze(connection: &Connection, text: &str, picture: Option<&Picture>, before: Option<&Receipt>) -> Frozen {
    let post = post(text);
    let reply = before.map(|before| (before, before));
    let piece = Piece { post: &post, text, title: "T", summary: "S", language: "en", picture, reply, now: now() };
    connection.freeze(&piece).unwrap()
}

fn picture() -> Picture {
    Picture { bytes: PNG.to_vec(), media_type: "image/png".to_owned(), alt: "A hill at dawn".to_owned() }
}

/// A ledger in a temporary folder.
struct Ledger {
    memory: Memory,
    run: RunId,
    _folder: tempfile::TempDir,
}

impl Ledger {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(&folder.path().join("reveille.db"), now()).unwrap();
        let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
        let run = memory.begin_run(&new).unwrap();
        Self { memory, run, _folder: folder }
    }

    /// Writes the effect down and lets it go.
    fn let_go(&mut self, frozen: &Frozen, part: &str) -> Sending {
        let key = Key { issue: "45".into(), channel: "mastodon".into(), part: part.into(), recipient: String::new() };
        let new = NewEffect { key, text: frozen.text.clone(), token: frozen.token.clone(), run: self.run };
        match self.memory.intend(&new, now()).unwrap() {
            Standing::Intended(intended) => intended.send(&mut self.memory, now()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn lose(&mut self, sending: Sending) -> Unknown {
        sending.lose_sight(&mut self.memory, "no answer", now()).unwrap()
    }
}

fn is_write(request: &Request) -> bool {
    request.method == "POST" && request.path == STATUSES
}

#[test]
fn a_status_with_a_picture_is_posted_read_back_and_counted() {
    let server = servers::Mastodon::start();
    let connection = account(&server.url);
    let mut ledger = Ledger::open();
    let us = connection.account(now()).unwrap();
    assert_eq!((us.name.starts_with("@letter@"), us.followers, us.limits), (true, Some(2), PostLimits { characters: 500, link: 23 }));
    let picture = picture();
    let first = freeze(&connection, WORDS, Some(&picture), None);
    let sending = ledger.let_go(&first, "post");
    assert_eq!(connection.attached(sending.effect()), [first.attached[0].digest.as_str()]);
    // Without the picture nothing goes out.
    assert!(matches!(connection.send(&sending, &[], now()), Err(Fault::Refused { .. })));
    let receipt = connection.send(&sending, &first.attached, now()).unwrap();
    assert!(receipt.text.contains(LINK) && receipt.text.contains("Notes & <signs> from zero"), "{receipt:?}");
    assert_eq!((receipt.kind.as_str(), receipt.place.starts_with("http"), receipt.fetched_at), ("status", true, now()));
    let second = freeze(&connection, "2/2 The rest", None, Some(&receipt));
    let reply = connection.send(&ledger.let_go(&second, "post 2"), &[], now()).unwrap();
    let there = server.statuses();
    assert_eq!(there.len(), 2);
    assert_eq!((&there[0]["in_reply_to_id"], &there[0]["id"]), (&json!(receipt.id), &json!(reply.id)));
    assert_eq!(there[1]["media_attachments"][0]["description"], "A hill at dawn");
    assert_eq!((&there[1]["visibility"], &there[1]["language"]), (&json!("public"), &json!("en")));
    let like = format!("{}{STATUSES}/{}/favourite", server.url, receipt.id);
    let liked = reqwest::blocking::Client::new().post(like).bearer_auth(&server.readers[0]).send().unwrap();
    assert!(liked.status().is_success());
    let ids = [receipt.id.clone(), "999999".to_owned(), "../x".to_owned(), reply.id];
    let answered = connection.answered(&ids, now()).unwrap();
    let counts: Vec<_> = answered.iter().map(|one| (one.id.as_str(), one.likes, one.replies, one.boosts)).collect();
    assert_eq!(counts, [(ids[0].as_str(), 1, 1, 0), (ids[3].as_str(), 0, 0, 0)]);
}

/// What becomes of the server's answer to a write.
type Spoil = fn(Play) -> Play;

#[test]
fn a_reply_that_is_lost_after_the_write_is_found_and_never_posted_twice() {
    let server = servers::Mastodon::start();
    let half: Spoil = |answer| match answer {
        Play::Answer { status, headers, body } => Play::Half { status, headers, body },
        other => other,
    };
    let half_json: Spoil = |answer| match answer {
        Play::Answer { headers, body, .. } => Play::Answer { status: 200, headers, body: body[..body.len() / 2].to_vec() },
        other => other,
    };
    let spoils: [(&str, Spoil); 7] = [
        ("cut", |_| Play::Cut),
        ("500", |_| Play::json(500, &json!({"error": "An unexpected error occurred"}))),
        ("half", half),
        ("half json", half_json),
        ("silence", |_| Play::Silence(Duration::from_secs(70))),
        ("huge", |_| Play::Huge { megabytes: 100 }),
        ("nothing said", |_| Play::json(200, &json!({}))),
    ];
    let before = peak();
    for (count, (name, spoil)) in spoils.into_iter().enumerate() {
        let url = server.url.clone();
        let scripted = Scripted::start(move |request, _| {
            let mut ignorant = request.clone();
            // The server knows nothing of keys.
            ignorant.headers.retain(|(header, _)| header != "idempotency-key");
            let answer = ignorant.forward(&url);
            if is_write(request) { spoil(answer) } else { answer }
        });
        let (connection, mut ledger, begun) = (account(&scripted.url), Ledger::open(), Instant::now());
        let words = format!("{WORDS} {name}");
        let frozen = freeze(&connection, &words, None, None);
        let sending = ledger.let_go(&frozen, "post");
        let fault = connection.send(&sending, &[], now()).unwrap_err();
        assert!(matches!(fault, Fault::Unclear { .. }), "{name}: {fault:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{name}: {:?}", begun.elapsed());
        let key = scripted.requests().iter().find(|one| is_write(one)).and_then(|one| one.header("idempotency-key").map(str::to_owned));
        assert_eq!(key.as_deref(), Some(frozen.token.as_str()));
        let unknown = ledger.lose(sending);
        let Look::There(receipt) = connection.look(unknown.effect(), now()).unwrap() else { panic!("{name}: it is there") };
        let there = server.statuses();
        assert_eq!((there.len(), &there[0]["id"]), (count + 1, &json!(receipt.id)), "{name}");
        unknown.confirm(&mut ledger.memory, &[receipt.row()], now()).unwrap();
    }
    assert!(peak() < before + 50_000, "{before} kB, then {} kB: 100 MB were read", peak());
}

/// The most memory that this process ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn what_never_arrived_is_seen_to_be_absent_and_sent_again() {
    let server = servers::Mastodon::start();
    let url = server.url.clone();
    let scripted = Scripted::start(move |request, number| if number == 0 { Play::Cut } else { request.forward(&url) });
    let (connection, mut ledger) = (account(&scripted.url), Ledger::open());
    let frozen = freeze(&connection, WORDS, None, None);
    let sending = ledger.let_go(&frozen, "post");
    assert!(matches!(connection.send(&sending, &[], now()), Err(Fault::Unclear { .. })));
    let unknown = ledger.lose(sending);
    let Look::Absent { place, seen } = connection.look(unknown.effect(), now()).unwrap() else { panic!("nothing is there") };
    assert!(place.starts_with(&scripted.url) && seen.starts_with("0 own statuses"), "{place}: {seen}");
    let look = reveille_memory::EvidenceRow { kind: "status".into(), place, sha256: None, text: Some(seen), fetched_at: now() };
    unknown.not_there(&mut ledger.memory, &look).unwrap();
    let again = unknown.send_again(&mut ledger.memory, now()).unwrap();
    let receipt = connection.send(&again, &[], now()).unwrap();
    // A second time under the same key, and forty others above it: the look reads on to the second page.
    assert_eq!(connection.send(&again, &[], now()).unwrap().id, receipt.id);
    let client = reqwest::blocking::Client::new();
    for number in 0..45 {
        let other = client.post(format!("{}{STATUSES}", server.url)).bearer_auth(&server.token).header("content-type", "application/json");
        assert!(other.body(json!({"status": format!("other {number}")}).to_string()).send().unwrap().status().is_success());
    }
    let there = connection.look(again.effect(), now()).unwrap();
    assert!(matches!(there, Look::There(found) if found.id == receipt.id));
    // A person posts the same link in other words, and ours is gone: that is a doubt.
    let gone = client.delete(format!("{}{STATUSES}/{}", server.url, receipt.id)).bearer_auth(&server.token).send().unwrap();
    assert!(gone.status().is_success());
    assert!(matches!(connection.look(again.effect(), now()).unwrap(), Look::Absent { .. }));
    let other = client.post(format!("{}{STATUSES}", server.url)).bearer_auth(&server.token).header("content-type", "application/json");
    assert!(other.body(json!({"status": format!("By hand: {LINK}")}).to_string()).send().unwrap().status().is_success());
    assert!(matches!(connection.look(again.effect(), now()).unwrap(), Look::CannotTell { .. }));
}

#[test]
fn what_the_server_says_for_certain_is_told_apart() {
    let server = servers::Mastodon::start();
    let (connection, mut ledger) = (account(&server.url), Ledger::open());
    let frozen = freeze(&connection, WORDS, None, None);
    let sending = ledger.let_go(&frozen, "post");
    let fault = |effect: serde_json::Value| {
        server.fault(&json!({"match": {"methods": ["POST"], "path": STATUSES}, "effect": effect, "count": 1}));
        connection.send(&sending, &[], now()).unwrap_err()
    };
    let limited = fault(json!({"type": "ratelimit", "headers": {"X-RateLimit-Reset": "2026-11-20T14:05:00.000Z", "Retry-After": "300"}}));
    assert!(matches!(&limited, Fault::RateLimited { until, .. } if *until == now() + TimeDelta::minutes(5)), "{limited:?}");
    assert!(matches!(fault(json!({"type": "status", "status": 401})), Fault::Credential { .. }));
    assert!(matches!(fault(json!({"type": "status", "status": 410})), Fault::Later { .. }));
    assert!(matches!(fault(json!({"type": "status", "status": 503})), Fault::Unclear { .. }));
    assert!(matches!(fault(json!({"type": "malformed"})), Fault::Unclear { .. }));
    let long = freeze(&connection, &format!("{WORDS} {}", "x".repeat(600)), None, None);
    let refused = connection.send(&ledger.let_go(&long, "long"), &[], now()).unwrap_err();
    assert!(matches!(refused, Fault::Refused { .. }), "{refused:?}");
    // A wrong token, and nobody there.
    let token = SecretString::from("wrong-token");
    let stranger = Mastodon::new(&Url::parse(&server.url).unwrap(), token, Duration::from_secs(2)).unwrap();
    let fault = Connection::Mastodon(stranger).account(now()).unwrap_err();
    assert!(matches!(fault, Fault::Credential { .. }) && !fault.to_string().contains("wrong-token"), "{fault}");
    assert_eq!(server.statuses().len(), 0);
    // The read-back is spoilt: it was posted, and is not called so.
    server.fault(
        &json!({"match": {"methods": ["GET"], "path": "/api/v1/statuses/*"}, "effect": {"type": "status", "status": 401}, "count": 1}),
    );
    assert!(matches!(connection.send(&sending, &[], now()), Err(Fault::Unclear { .. })));
    assert_eq!(server.statuses().len(), 1);
    let nobody = account(&server.url);
    drop(server);
    assert!(matches!(nobody.send(&sending, &[], now()), Err(Fault::Later { .. })));
}

#[test]
fn a_redirect_carries_the_token_nowhere() {
    for status in [301, 302, 307, 308] {
        let elsewhere = Scripted::start(|_, _| Play::json(200, &json!({"id": "1", "type": "image"})));
        let to = elsewhere.url.clone();
        let scripted = Scripted::start(move |request, _| Play::Answer {
            status,
            headers: vec![("location".to_owned(), format!("{to}{}", request.path))],
            body: vec![],
        });
        let (connection, mut ledger) = (account(&scripted.url), Ledger::open());
        let sending = ledger.let_go(&freeze(&connection, WORDS, None, None), "post");
        let fault = connection.send(&sending, &[], now()).unwrap_err();
        assert!(matches!(&fault, Fault::Later { why, .. } if why.contains(&elsewhere.url)), "{fault:?}");
        assert!(connection.account(now()).is_err() && connection.look(sending.effect(), now()).is_err());
        assert!(login::begin(&Url::parse(&scripted.url).unwrap(), Duration::from_secs(2)).is_err());
        assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
        // The upload is megalodon's, which may go on; never with the token.
        let picture = picture();
        let shown = freeze(&connection, WORDS, Some(&picture), None);
        assert!(connection.send(&ledger.let_go(&shown, "shown"), &shown.attached, now()).is_err());
        let told = |request: &Request| is_write(request) || format!("{request:?}").contains("test-token");
        assert!(!elsewhere.requests().iter().any(told), "{:?}", elsewhere.requests());
    }
}
