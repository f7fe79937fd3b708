//! Bluesky against its own PDS, and against a server in front of it that loses, cuts and bends what it says.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Key, Memory, NewEffect, NewRun, RunId, Sending, Standing};
use reveille_mission::Channel;
use reveille_skills::channels::bluesky::Bluesky;
use reveille_skills::channels::{Attached, Connection, Fault, Frozen, Look, Picture, Piece, Receipt};
use reveille_skills::distribute::Post;
use reveille_tests::scripted::{Play, Request, Scripted};
use reveille_tests::servers::Pds;
use serde_json::{Value, json};

const LINK: &str = "https://inside.example/issues/046/";
const PUT: &str = "/xrpc/com.atproto.repo.putRecord";
const LOGIN: &str = "/xrpc/com.atproto.server.createSession";
const REFRESH: &str = "/xrpc/com.atproto.server.refreshSession";
const READ: &str = "/xrpc/com.atproto.repo.getRecord";

/// One pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().unwrap()
}

/// A home's memory and a place for the session.
struct Home {
    folder: tempfile::TempDir,
    memory: Memory,
    run: RunId,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(&folder.path().join("memory.db"), now()).unwrap();
        let run = memory.begin_run(&NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 }).unwrap();
        Self { folder, memory, run }
    }

    fn session(&self) -> PathBuf {
        self.folder.path().join("credentials/bluesky.session")
    }

    fn connect(&self, url: &str, handle: &str, password: &str, patience: u64) -> Connection {
        let (service, patience) = (url.parse().unwrap(), Duration::from_secs(patience));
        Connection::Bluesky(Bluesky::new(&service, handle, password.to_owned().into(), self.session(), patience).unwrap())
    }

    /// Through the ledger, as a wake does it.
    fn let_go(&mut self, frozen: &Frozen) -> Sending {
        let key = Key { issue: frozen.token.clone(), channel: "bluesky".into(), part: "post".into(), recipient: String::new() };
        let new = NewEffect { key, text: frozen.text.clone(), token: frozen.token.clone(), run: self.run };
        let Standing::Intended(intended) = self.memory.intend(&new, now()).unwrap() else { panic!("known already") };
        intended.send(&mut self.memory, now()).unwrap()
    }

    fn send(&mut self, connection: &Connection, frozen: &Frozen) -> (Sending, Result<Receipt, Fault>) {
        let sending = self.let_go(frozen);
        let sent = connection.send(&sending, &frozen.attached, now());
        (sending, sent)
    }
}

fn post(text: &str) -> Post {
    Post {
        channel: Channel::Bluesky,
        text: text.to_owned(),
        pieces: vec![text.to_owned()],
        title: None,
        link: LINK.to_owned(),
        prefilled: None,
    }
}

fn piece(post: &Post) -> Piece<'_> {
    let (title, summary) = ("Who has your keys?", "A short history of spare keys.");
    Piece { post, text: &post.text, title, summary, language: "en", picture: None, reply: None, now: now() }
}

fn freeze(connection: &Connection, text: &str) -> Frozen {
    connection.freeze(&piece(&post(text))).unwrap()
}

fn is(request: &Request, call: &str) -> bool {
    request.path.split('?').next() == Some(call)
}

fn count(server: &Scripted, call: &str) -> usize {
    server.requests().iter().filter(|request| is(request, call)).count()
}

/// In front of the PDS: `play` says what happens to a call, by how many of its kind were before it; nothing means that it is passed on.
fn before(pds: &Pds, call: &'static str, play: impl Fn(&Request, usize) -> Option<Play> + Send + Sync + 'static) -> Scripted {
    let (url, seen) = (pds.url.clone(), AtomicUsize::new(0));
    Scripted::start(move |request, _| {
        let played = if is(request, call) { play(request, seen.fetch_add(1, Ordering::SeqCst)) } else { None };
        played.unwrap_or_else(|| request.forward(&url))
    })
}

/// A server that logs in anybody, and has nothing else than `play`.
fn server(play: impl Fn(&Request) -> Play + Send + Sync + 'static) -> Scripted {
    let tokens = json!({"did": "did:plc:abcdefghijklmnopqrstuvwx", "handle": "inside.example", "accessJwt": "eyJ-access-token", "refreshJwt": "eyJ-refresh-token"});
    Scripted::start(move |request, _| if is(request, LOGIN) { Play::json(200, &tokens) } else { play(request) })
}

#[test]
fn a_post_with_card_picture_tags_and_mention_is_there_once_as_it_was_frozen() {
    let (pds, mut home) = (Pds::start(), Home::new());
    let connection = home.connect(&pds.url, &pds.handle, &pds.app_password, 30);
    let (account, me) = (connection.account(now()).unwrap(), format!("@{}", pds.handle));
    assert_eq!((account.name.as_str(), account.followers, account.limits.characters), (me.as_str(), None, 300));
    assert_eq!(connection.answered(&[], now()).unwrap(), []);

    let text = format!("👨‍👩‍👧‍👦 鍵 של מי? ask {me}, not @nobody.test\n\nWho has your keys?\n{LINK}\n\n#Schlüssel #鍵");
    let words = post(&text);
    let picture = Picture { bytes: PNG.to_vec(), media_type: "image/png".into(), alt: "A key.".into() };
    let frozen = connection.freeze(&Piece { picture: Some(&picture), ..piece(&words) }).unwrap();
    let (sending, sent) = home.send(&connection, &frozen);
    let receipt = sent.unwrap();
    assert_eq!(receipt.place, format!("https://bsky.app/profile/{}/post/{}", pds.handle, frozen.token));
    assert_eq!((receipt.kind.as_str(), receipt.text.as_str()), ("record", text.as_str()));

    let stored = pds.posts();
    let record: Value = serde_json::from_slice(&frozen.text).unwrap();
    assert_eq!((stored.len(), &stored[0]["value"]), (1, &record));
    assert_eq!((stored[0]["uri"].as_str(), stored[0]["cid"].as_str()), (Some(receipt.id.as_str()), receipt.cid.as_deref()));
    let facets = record["facets"].as_array().unwrap();
    let at = |facet: &Value, end: &str| usize::try_from(facet["index"][end].as_u64().unwrap()).unwrap();
    let marked: Vec<&str> = facets.iter().map(|facet| &text[at(facet, "byteStart")..at(facet, "byteEnd")]).collect();
    assert_eq!(marked, [me.as_str(), LINK, "#Schlüssel", "#鍵"], "who does not resolve stays text");
    assert_eq!(facets[0]["features"][0]["did"], json!(pds.did));
    assert_eq!(record["embed"]["external"]["thumb"]["mimeType"], "image/png");
    assert_eq!(connection.attached(sending.effect()), [frozen.attached[0].digest.clone()]);

    // The same bytes again: the same record, not a second one.
    assert_eq!(connection.send(&sending, &frozen.attached, now()).unwrap(), receipt);
    assert_eq!(pds.posts(), stored);
    assert_eq!(connection.look(sending.effect(), now()).unwrap(), Look::There(Box::new(receipt)));

    // Other words under the same key never replace it.
    let mut other = record.clone();
    other["text"] = json!("something else");
    other.as_object_mut().unwrap().remove("embed");
    let mut elsewhere = Home::new();
    let same = elsewhere.connect(&pds.url, &pds.handle, &pds.app_password, 30);
    let (other, sent) =
        elsewhere.send(&same, &Frozen { text: other.to_string().into_bytes(), token: frozen.token.clone(), attached: vec![] });
    // Nothing of it happened; frozen at another time it has another key.
    assert!(matches!(sent, Err(Fault::Later { .. })), "{sent:?}");
    assert!(matches!(same.look(other.effect(), now()).unwrap(), Look::CannotTell { .. }));
    assert_eq!(pds.posts(), stored);
    // A picture that is not the frozen one is not sent.
    let wrong = [Attached { digest: frozen.attached[0].digest.clone(), bytes: b"other".to_vec() }];
    assert!(matches!(connection.send(&sending, &wrong, now()), Err(Fault::Refused { .. })));
    // Nobody counts where no AppView stands.
    assert!(matches!(connection.answered(&[stored[0]["uri"].as_str().unwrap().to_owned()], now()), Err(Fault::Later { .. })));
}

#[test]
fn a_thread_has_root_and_parent_and_every_length_is_taken() {
    let (pds, mut home) = (Pds::start(), Home::new());
    let connection = home.connect(&pds.url, &pds.handle, &pds.app_password, 30);
    let words = post(&format!("One. {LINK}"));
    let mut receipts: Vec<Receipt> = vec![];
    for text in [words.text.as_str(), "Two.", "Three."] {
        let reply = receipts.first().zip(receipts.last());
        let frozen = connection.freeze(&Piece { text, reply, ..piece(&words) }).unwrap();
        receipts.push(home.send(&connection, &frozen).1.unwrap());
    }
    let strong = |receipt: &Receipt| json!({"uri": receipt.id, "cid": receipt.cid});
    let mut stored = pds.posts();
    stored.reverse();
    let replies: Vec<Value> = stored.iter().map(|post| post["value"]["reply"].clone()).collect();
    let expected = [
        Value::Null,
        json!({"root": strong(&receipts[0]), "parent": strong(&receipts[0])}),
        json!({"root": strong(&receipts[0]), "parent": strong(&receipts[1])}),
    ];
    assert_eq!(replies, expected);
    let cards = stored.iter().filter(|post| post["value"].get("embed").is_some()).count();
    assert_eq!(cards, 1, "the piece with the link has the card");

    for text in ["字".repeat(300), "👨‍👩‍👧‍👦".repeat(120), "e\u{301}".repeat(300), format!("{}@{}x.com", "א ".repeat(9), "abcdefgh.".repeat(29))]
    {
        let frozen = freeze(&connection, &text);
        assert_eq!(home.send(&connection, &frozen).1.unwrap().text, text);
    }
}

#[test]
fn one_login_serves_until_its_tokens_are_refused() {
    let (pds, home) = (Pds::start(), Home::new());
    let refusing = Arc::new(AtomicUsize::new(0));
    let expired = || Play::json(400, &json!({"error": "ExpiredToken", "message": "Token has expired"}));
    let (url, left) = (pds.url.clone(), Arc::clone(&refusing));
    // 1: the access token is expired, once. 2: the refresh token is too.
    let front = Scripted::start(move |request, _| match left.load(Ordering::SeqCst) {
        1 | 2 if is(request, "/xrpc/com.atproto.server.getSession") => {
            let now = left.fetch_sub(1, Ordering::SeqCst);
            if now == 2 {
                left.store(3, Ordering::SeqCst);
            }
            expired()
        }
        3 if is(request, REFRESH) => {
            left.store(0, Ordering::SeqCst);
            expired()
        }
        _ => request.forward(&url),
    });
    let connect = |password: &str| home.connect(&front.url, &pds.handle, password, 30);
    let logins = || (count(&front, LOGIN), count(&front, REFRESH));
    let kept = || std::fs::read_to_string(home.session()).unwrap();

    let fault = connect("wrong-wrong-wrong").account(now()).unwrap_err();
    assert!(matches!(fault, Fault::Credential { .. }), "{fault}");
    assert!(!fault.to_string().contains("wrong-") && fault.hint().is_some() && !home.session().exists());

    connect(&pds.app_password).account(now()).unwrap();
    assert_eq!(logins(), (2, 0));
    let first = kept();
    assert_eq!(std::fs::metadata(home.session()).unwrap().permissions().mode() & 0o777, 0o600);
    // Another process: the kept session, no login; the password is not even looked at.
    connect("not-needed").account(now()).unwrap();
    assert_eq!(logins(), (2, 0));

    refusing.store(1, Ordering::SeqCst);
    connect("not-needed").account(now()).unwrap();
    assert_eq!((logins(), kept() == first), ((2, 1), false), "refreshed and kept");

    refusing.store(2, Ordering::SeqCst);
    connect(&pds.app_password).account(now()).unwrap();
    assert_eq!(logins(), (3, 2), "refreshing was refused, so by the password");

    let kept: Value = serde_json::from_str(&kept()).unwrap();
    assert_eq!((&kept["did"], &kept["service"], &kept["handle"]), (&json!(pds.did), &json!(front.url), &json!(pds.handle)));
    // For another server the tokens are worth nothing: they never get there.
    let other = server(|_| Play::json(500, &json!({})));
    let _ = home.connect(&other.url, &pds.handle, "other-password", 5).account(now()).unwrap_err();
    let said = format!("{:?}", other.requests());
    assert!(!said.contains(kept["accessJwt"].as_str().unwrap()) && !said.contains(kept["refreshJwt"].as_str().unwrap()), "{said}");
    let debug = format!("{:?}", connect(&pds.app_password));
    assert!(!debug.contains(&pds.app_password), "{debug}");
}

#[test]
fn after_an_unclear_answer_a_look_tells_and_nothing_is_there_twice() {
    let pds = Pds::start();
    // What the first write gets, whether it reached the PDS before, and what the look shows.
    type Spoil = fn(Play) -> Play;
    let plays: [(&str, bool, Spoil); 6] = [
        ("lost", true, |_| Play::Cut),
        ("failed after the write", true, |_| Play::json(500, &json!({"error": "InternalServerError"}))),
        ("half", true, |answer| match answer {
            Play::Answer { status, headers, body } => Play::Half { status, headers, body },
            other => other,
        }),
        ("broken JSON", true, |_| Play::Answer { status: 200, headers: vec![], body: b"{\"uri\":\"at://".to_vec() }),
        ("silence", true, |_| Play::Silence(Duration::from_secs(70))),
        ("lost before the write", false, |_| Play::Cut),
    ];
    for (name, arrives, play) in plays {
        let mut home = Home::new();
        let url = pds.url.clone();
        let front = before(&pds, PUT, move |request, number| {
            let answer = if arrives && number == 0 { request.forward(&url) } else { Play::Cut };
            (number == 0).then(|| play(answer))
        });
        let connection = home.connect(&front.url, &pds.handle, &pds.app_password, 20);
        connection.account(now()).unwrap();
        let there = pds.posts().len();
        let frozen = freeze(&connection, &format!("{name} {LINK}"));
        let begun = Instant::now();
        let impatient = home.connect(&front.url, &pds.handle, "not-needed", if name == "silence" { 1 } else { 20 });
        let (sending, sent) = home.send(&impatient, &frozen);
        assert!(matches!(sent, Err(Fault::Unclear { .. })), "{name}: {sent:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{name}");
        assert_eq!(pds.posts().len(), there + usize::from(arrives), "{name}");
        let look = connection.look(sending.effect(), now()).unwrap();
        assert_eq!(matches!(look, Look::There(_)), arrives, "{name}: {look:?}");
        assert_eq!(matches!(look, Look::Absent { .. }), !arrives, "{name}: {look:?}");
        connection.send(&sending, &[], now()).unwrap();
        assert_eq!(pds.posts().len(), there + 1, "{name}: sent again");
    }
}

#[test]
fn a_write_that_can_not_be_read_back_is_no_success() {
    let pds = Pds::start();
    for (name, play) in [
        ("gone", Play::json(400, &json!({"error": "RecordNotFound", "message": "no"}))),
        ("down", Play::json(502, &json!({}))),
        ("another", Play::json(200, &json!({"uri": "at://did:plc:x/app.bsky.feed.post/y", "cid": "b", "value": {}}))),
        ("cut", Play::Cut),
    ] {
        let mut home = Home::new();
        let front = before(&pds, READ, move |_, _| Some(play.clone()));
        let connection = home.connect(&front.url, &pds.handle, &pds.app_password, 20);
        let frozen = freeze(&connection, name);
        let (_, sent) = home.send(&connection, &frozen);
        assert!(matches!(sent, Err(Fault::Unclear { .. })), "{name}: {sent:?}");
    }
}

#[test]
fn no_credential_leaves_the_host_of_the_settings() {
    let elsewhere = Arc::new(Scripted::start(|_, _| Play::json(200, &json!({}))));
    let mut home = Home::new();
    let to = elsewhere.url.clone();
    let bending = server(move |request| Play::Redirect(format!("{to}{}", request.path)));
    let connection = home.connect(&bending.url, "inside.example", "abcd-efgh-ijkl-mnop", 5);
    let frozen = freeze(&connection, "bent");
    let (sending, sent) = home.send(&connection, &frozen);
    assert!(matches!(sent, Err(Fault::Unclear { .. })), "{sent:?}");
    assert!(matches!(connection.look(sending.effect(), now()), Err(Fault::Later { .. })));
    assert_eq!(connection.account(now()).unwrap_err(), Fault::Later { channel: Channel::Bluesky, why: "307".into() });
    // The login itself is bent, and a document that names another server is no reason to go there.
    let to = elsewhere.url.clone();
    let bent = Scripted::start(move |request, _| Play::Redirect(format!("{to}{}", request.path)));
    let fresh = Home::new();
    assert!(matches!(fresh.connect(&bent.url, "inside.example", "abcd-efgh", 5).account(now()), Err(Fault::Later { .. })));
    let to = elsewhere.url.clone();
    let naming = Scripted::start(move |request, _| {
        let service = json!([{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": to}]);
        let tokens = json!({"did": "did:plc:abcdefghijklmnopqrstuvwx", "handle": "inside.example", "active": true,
            "accessJwt": "a", "refreshJwt": "r", "didDoc": {"id": "did:plc:abcdefghijklmnopqrstuvwx", "service": service}});
        Play::json(if request.path.contains("getProfile") { 501 } else { 200 }, &tokens)
    });
    Home::new().connect(&naming.url, "inside.example", "abcd-efgh", 5).account(now()).unwrap();
    assert_eq!(elsewhere.requests(), []);
}

#[test]
fn refusals_limits_and_endless_answers_are_told_apart() {
    let refused = |play: Play| {
        let mut home = Home::new();
        let server = server(move |_| play.clone());
        let connection = home.connect(&server.url, "inside.example", "abcd-efgh-ijkl-mnop", 30);
        let frozen = freeze(&connection, "a post");
        let (_, sent) = home.send(&connection, &frozen);
        let fault = sent.unwrap_err();
        for secret in ["eyJ-access", "eyJ-refresh", "abcd-efgh"] {
            assert!(!format!("{fault} {fault:?}").contains(secret), "{fault}");
        }
        (fault, count(&server, LOGIN), count(&server, PUT))
    };
    let headers = |value: &str| vec![("ratelimit-reset".to_owned(), value.to_owned())];
    let at = now() + TimeDelta::minutes(5);
    let (fault, ..) = refused(Play::Answer { status: 429, headers: headers(&at.timestamp().to_string()), body: vec![] });
    assert!(matches!(fault, Fault::RateLimited { until, .. } if until == at), "{fault}");
    let (fault, ..) = refused(Play::json(400, &json!({"error": "InvalidRequest", "message": "Record/text must not be longer"})));
    assert!(matches!(&fault, Fault::Refused { why, .. } if why == "400 Record/text must not be longer"), "{fault}");
    let (fault, ..) = refused(Play::Huge { megabytes: 100 });
    assert!(matches!(&fault, Fault::Unclear { why, .. } if why.contains("more than 4 MB")), "{fault}");
    // A token that stays refused: one refresh, one login, one more try, and no more.
    let echo = json!({"error": "InvalidToken", "message": "bad token eyJ-access-token"});
    let (fault, logins, puts) = refused(Play::json(400, &echo));
    assert!(matches!(fault, Fault::Credential { .. }), "{fault}");
    assert_eq!((logins, puts), (2, 2));
    let mut home = Home::new();
    let gone = server(|_| Play::Cut).url.clone();
    let connection = home.connect(&gone, "inside.example", "abcd-efgh", 5);
    let frozen = freeze(&connection, "a post");
    assert!(matches!(home.send(&connection, &frozen).1, Err(Fault::Later { .. })));
}

#[test]
fn answers_are_counted_in_batches_and_only_for_what_was_asked() {
    let home = Home::new();
    let counting = server(|request| {
        if request.path.contains("getProfile") {
            return Play::json(
                200,
                &json!({"did": "did:plc:abcdefghijklmnopqrstuvwx", "handle": "inside.example", "followersCount": 1234, "new": {"field": 1.5}}),
            );
        }
        if request.path.contains("getSession") {
            return Play::json(200, &json!({"did": "did:plc:abcdefghijklmnopqrstuvwx", "handle": "inside.example"}));
        }
        let query = request.path.split_once('?').unwrap().1;
        let ids: Vec<String> = query.split('&').map(|pair| pair.replace("uris=", "").replace("%3A", ":").replace("%2F", "/")).collect();
        assert!(ids.len() <= 25, "{}", ids.len());
        // The last one is gone, and one that nobody asked for is there.
        let posts = ids
            .iter()
            .filter(|id| !id.ends_with("/29"))
            .map(|id| json!({"uri": id, "replyCount": 1, "repostCount": 2, "likeCount": 3, "quoteCount": 4, "record": {"x": null}}));
        Play::json(
            200,
            &json!({"posts": posts.chain([json!({"uri": "at://did:plc:other/app.bsky.feed.post/1", "likeCount": 99})]).collect::<Vec<_>>()}),
        )
    });
    let connection = home.connect(&counting.url, "inside.example", "abcd-efgh", 5);
    assert_eq!(connection.account(now()).unwrap().followers, Some(1234));
    let ids: Vec<String> = (0..30).map(|number| format!("at://did:plc:abcdefghijklmnopqrstuvwx/app.bsky.feed.post/{number}")).collect();
    let answered = connection.answered(&ids, now()).unwrap();
    assert_eq!(answered.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ids[..29]);
    assert!(answered.iter().all(|one| one.engaged() == 10));
    assert_eq!(count(&counting, "/xrpc/app.bsky.feed.getPosts"), 2);
}
