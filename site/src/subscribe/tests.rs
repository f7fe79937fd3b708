//! The pages through the real router, with a real memory; the network of a request is set where a server would.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, DATE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Request};
use chrono::{DateTime, Utc};
use reveille_memory::{Memory, SuppressedFor, WantedFor};
use reveille_mission::{Purpose, Token, subscriber_bytes};
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::app::Publication;
use crate::pages::Pages;
use crate::router::router;

mod readers;

const KEY: &[u8] = b"the home's key";
const WIDE: SignUpCaps = SignUpCaps { network: 1_000_000, all: 1_000_000 };

struct World {
    folder: TempDir,
    router: Router,
    now: Arc<Mutex<DateTime<Utc>>>,
    rung: Arc<AtomicUsize>,
    runtime: tokio::runtime::Runtime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

fn start() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

impl World {
    fn with(caps: SignUpCaps, is_open: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let app = crate::app::tests::app(folder.path());
        let (now, rung) = (Arc::new(Mutex::new(start())), Arc::new(AtomicUsize::new(0)));
        let (clock, bell) = (Arc::clone(&now), Arc::clone(&rung));
        let wanted = Box::new(move || {
            bell.fetch_add(1, Ordering::SeqCst);
        });
        let publication = Publication { name: "The <Letter>".into(), ..(*app.publication).clone() };
        let app = App {
            pages: Arc::new(Pages::load(&folder.path().join("templates"), &publication).expect("pages")),
            publication: Arc::new(publication),
            key: KEY.into(),
            now: Arc::new(move || *clock.lock().expect("a time")),
            subscribing: Arc::new(Subscribing { caps, is_open, owner: ["me@home.net".to_owned()].into(), wanted }),
            ..app
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { folder, router: router(&app), now, rung, runtime }
    }

    fn new() -> Self {
        Self::with(WIDE, true)
    }

    /// A second look at the same memory.
    fn memory(&self) -> Memory {
        Memory::open(&self.folder.path().join("reveille.db"), start()).expect("opened")
    }

    fn later(&self, by: TimeDelta) {
        *self.now.lock().expect("a time") += by;
    }

    /// A request from a network.
    fn send(&self, network: u32, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "letter.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).expect("a request");
        let [_, a, b, c] = network.to_be_bytes();
        request.extensions_mut().insert(Peer([a, b, c, 7].into()));
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("an answer");
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, 1 << 20).await.expect("a body");
            let mut headers = parts.headers;
            headers.remove(DATE);
            Answer { status: parts.status.as_u16(), headers, body: String::from_utf8_lossy(&body).into_owned() }
        })
    }

    fn get(&self, path: &str) -> Answer {
        self.send(1, Method::GET, path, &[], "")
    }

    fn post(&self, network: u32, body: &str) -> Answer {
        let form = (CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded");
        self.send(network, Method::POST, "/subscribe", &[form, (ORIGIN.as_str(), "https://letter.example")], body.to_owned())
    }

    fn ask(&self, network: u32, email: &str) -> Answer {
        self.post(network, &format!("email={email}&website="))
    }

    fn button(&self, token: &str) -> Answer {
        self.send(1, Method::POST, &format!("/confirm/{token}"), &[], "")
    }

    fn wanted(&self) -> Vec<(String, WantedFor)> {
        self.memory().wanted_mails(0, 100_000).expect("read").into_iter().map(|mail| (mail.email, mail.kind)).collect()
    }
}

fn token(email: &str, purpose: Purpose, expires: DateTime<Utc>) -> String {
    let subscriber = subscriber_bytes(&subscriber_id(email)).expect("an id");
    Token { purpose, subscriber, item: 0, expires: Some(expires) }.mint(KEY)
}

fn confirming(email: &str) -> String {
    token(email, Purpose::Confirm, start() + CONFIRM_WITHIN)
}

#[test]
fn a_stranger_asks_and_confirms() {
    let world = World::new();
    let form = world.get("/subscribe");
    assert!(form.status == 200 && form.body.contains("name=\"email\"") && form.body.contains("The &lt;Letter&gt;"), "{form:?}");
    assert!(form.body.contains("hidden aria-hidden=\"true\"") && form.body.contains("tabindex=\"-1\""), "{form:?}");
    assert_eq!(form.headers[CACHE_CONTROL], "no-store");
    assert_eq!(world.ask(1, "ann@home.net").status, 200);
    let link = format!("/confirm/{}", confirming("ann@home.net"));
    let page = world.get(&link);
    assert!(page.status == 200 && page.body.contains("<form method=\"post\"><p><button>"), "{page:?}");
    assert!(!page.body.contains("ann@"), "an address on a page");
    let done = world.button(&confirming("ann@home.net"));
    assert!(done.status == 200 && done.body.contains("You are a reader now"), "{done:?}");
    for again in [world.button(&confirming("ann@home.net")), world.get(&link)] {
        assert!(again.status == 200 && again.body.contains("a reader already"), "{again:?}");
    }
    assert_eq!(world.wanted(), [("ann@home.net".to_owned(), WantedFor::Confirm), ("ann@home.net".to_owned(), WantedFor::Welcome)]);
    assert_eq!(world.rung.load(Ordering::SeqCst), 2, "the mailer is told twice");
    let via = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://letter.example")];
    for (name, page, expected) in [
        ("bob", "https://letter.example/issues/fog/?via=mastodon", "mastodon"),
        ("cyd", "https://letter.example/?via=<script>", ""),
        ("dan", "nonsense", ""),
    ] {
        let email = format!("{name}@home.net");
        let headers = [via[0], via[1], ("referer", page)];
        let _ = world.send(2, Method::POST, "/subscribe", &headers, format!("email={email}"));
        assert_eq!(world.memory().subscriber(&subscriber_id(&email)).expect("read").expect("there").via, expected);
    }
}

#[test]
fn every_address_gets_the_same_answer() {
    let world = World::with(SignUpCaps { network: 5, all: 1_000 }, true);
    let id = subscriber_id;
    for name in ["reader", "left", "bounced"] {
        assert_eq!(world.ask(1, &format!("{name}@home.net")).status, 200);
    }
    assert!(world.button(&confirming("reader@home.net")).body.contains("now"));
    assert!(world.button(&confirming("left@home.net")).body.contains("now"));
    let mut memory = world.memory();
    memory.leave(&id("left@home.net"), start()).expect("left");
    memory.suppress(&[id("bounced@home.net")], SuppressedFor::Bounced, start()).expect("off");
    world.later(TimeDelta::days(2));
    let unknown = world.ask(1, "unknown@home.net");
    for (what, answer) in [
        ("known", world.ask(1, "reader@home.net")),
        ("twice", world.ask(1, "reader@home.net")),
        ("left", world.ask(1, "left@home.net")),
        ("bounced", world.ask(1, "bounced@home.net")),
        ("a program", world.post(1, "email=program@home.net&website=x")),
        ("more", world.ask(1, "more@home.net")),
        ("still more", world.ask(1, "most@home.net")),
        ("capped", world.ask(1, "capped@home.net")),
    ] {
        assert_eq!(answer, unknown, "{what}");
    }
    let gone = |name: &str| memory.subscriber(&id(&format!("{name}@home.net"))).expect("read").is_none();
    assert!(gone("program") && gone("capped") && !gone("more"), "nothing of them is kept");
}

#[test]
fn what_is_no_address_is_refused_without_a_word_of_it() {
    let world = World::new();
    let usual = world.post(9, "email=").body;
    for (at, typed) in [
        "<script>alert(1)</script>@home.net",
        "ann@home.net%0d%0aBcc:%20bob@home.net",
        "ann@home.net%0aSubject:%20x",
        "ann@home.net%E2%80%A8Bcc:bob@home.net",
        "ann@home.net%E2%80%A9",
        "ann%00@home.net",
        "\"ann\"@home.net",
        "ann@home.net,bob@home.net",
        "{{7*7}}@home",
    ]
    .iter()
    .enumerate()
    {
        let answer = world.ask(at as u32 + 1, typed);
        assert_eq!((answer.status, answer.body.as_str()), (422, usual.as_str()), "{typed}");
    }
    for (body, kind, status) in [
        (vec![b'x'; 5000], "application/x-www-form-urlencoded", 413),
        (b"email=ann@home.net".to_vec(), "text/plain", 415),
        (b"email=ann@home.net".to_vec(), "application/x-www-form-urlencoded; charset=utf-7", 415),
        (b"{\"email\": \"ann@home.net\"}".to_vec(), "application/json", 415),
        ("a=b&".repeat(100).into_bytes(), "application/x-www-form-urlencoded", 400),
        (b"email=ann@home.net&email=bob@home.net".to_vec(), "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe=\xff&email=\xff@home.net".to_vec(), "application/x-www-form-urlencoded", 422),
    ] {
        let headers = [("content-type", kind), ("origin", "https://letter.example")];
        let answer = world.send(77, Method::POST, "/subscribe", &headers, body);
        assert!(answer.status == status && answer.body.contains("name=\"email\""), "{status} {answer:?}");
    }
    assert!(world.wanted().is_empty() && world.memory().subscribers().expect("read").is_empty());
}

#[test]
fn forms_of_other_pages_and_a_closed_desk_keep_nothing() {
    let world = World::new();
    let form = ("content-type", "application/x-www-form-urlencoded");
    for headers in [&[form][..], &[form, ("origin", "https://evil.example")], &[form, ("origin", "null")]] {
        assert_eq!(world.send(1, Method::POST, "/subscribe", headers, "email=ann@home.net").status, 403, "{headers:?}");
    }
    let closed = World::with(WIDE, false);
    assert_eq!((closed.get("/subscribe").status, closed.ask(1, "ann@home.net").status), (503, 503));
    assert!(world.wanted().is_empty() && closed.wanted().is_empty());
}

#[test]
fn only_the_right_link_in_its_time_confirms() {
    let world = World::new();
    let _ = world.ask(1, "ann@home.net");
    let until = start() + CONFIRM_WITHIN;
    let good = confirming("ann@home.net");
    let mut forged = vec!["x".to_owned(), "A".repeat(66), good[1..].to_owned(), format!("{good}A"), good.to_lowercase(), "%00".to_owned()];
    for purpose in [Purpose::Leave, Purpose::Preferences, Purpose::Click, Purpose::Survey] {
        forged.push(token("ann@home.net", purpose, until));
    }
    let subscriber = subscriber_bytes(&subscriber_id("ann@home.net")).expect("an id");
    forged.push(Token { purpose: Purpose::Confirm, subscriber, item: 0, expires: None }.mint(b"another key"));
    for wrong in &forged {
        for answer in [world.get(&format!("/confirm/{wrong}")), world.button(wrong)] {
            assert!(answer.status == 400 && answer.body.contains("action=\"/subscribe\""), "{wrong}: {answer:?}");
        }
    }
    assert_eq!(world.button(&token("bob@home.net", Purpose::Confirm, until)).status, 410, "never asked");
    assert_eq!(world.button(&token("ann@home.net", Purpose::Confirm, start() - TimeDelta::seconds(1))).status, 410, "expired");
    world.later(CONFIRM_WITHIN + TimeDelta::seconds(1));
    let late = world.button(&token("ann@home.net", Purpose::Confirm, until + TimeDelta::days(9)));
    assert_eq!(late.status, 410, "asked too long ago, whatever the link says");
    assert!(world.memory().subscriber(&subscriber_id("ann@home.net")).expect("read").expect("there").confirmed_at.is_none());
}

#[test]
fn programs_that_follow_links_confirm_nobody() {
    let world = World::new();
    let _ = world.ask(1, "ann@home.net");
    let link = format!("/confirm/{}", confirming("ann@home.net"));
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::PATCH] {
        for _ in 0..3 {
            let answer = world.send(1, method.clone(), &link, &[("user-agent", "LinkScanner/1.0")], "");
            assert!(answer.status == 200 || answer.status == 405, "{method}: {answer:?}");
        }
    }
    assert_eq!(world.wanted(), [("ann@home.net".to_owned(), WantedFor::Confirm)]);
    assert!(world.button(&confirming("ann@home.net")).body.contains("now"));
}

#[test]
fn ten_thousand_sign_ups_from_one_network_cause_no_more_mails_than_its_cap() {
    let world = World::with(SignUpCaps { network: 20, all: 500 }, true);
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    let mut flooded = None;
    for at in 0..10_000 {
        let email = if at % 7 == 0 { "victim@home.net".to_owned() } else { format!("r{at}@home.net") };
        let answer = world.ask(5, &email);
        *statuses.entry(answer.status).or_default() += 1;
        if answer.status == 429 {
            assert!(answer.headers.contains_key(RETRY_AFTER));
            let first = flooded.get_or_insert_with(|| answer.body.clone());
            assert_eq!(*first, answer.body, "it says nothing of the address");
        }
    }
    assert!(statuses[&429] > 5_000 && statuses.len() == 2, "{statuses:?}");
    assert_eq!(world.wanted().len(), 20);
    assert_eq!(world.memory().subscribers().expect("read").len(), 20);
    assert_eq!(world.ask(6, "else@home.net").status, 200, "others are served");
}

#[test]
fn many_networks_together_cause_no_more_mails_than_all_may() {
    let world = World::with(SignUpCaps { network: 3, all: 100 }, true);
    for at in 0..600_u32 {
        let expected = if at < 100 { 200 } else { 503 };
        assert_eq!(world.ask(at % 120, &format!("r{at}@home.net")).status, expected);
    }
    assert_eq!((world.wanted().len(), world.memory().subscribers().expect("read").len()), (100, 100));
    // Everybody reads the same then: who was mailed, who was not, who has left.
    let full = world.ask(200, "stranger@home.net");
    assert!(full.body.contains("come back tomorrow") && full.headers.contains_key(RETRY_AFTER), "{full:?}");
    world.memory().leave(&subscriber_id("r2@home.net"), start()).expect("left");
    for known in ["r1@home.net", "r2@home.net", "r500@home.net"] {
        assert_eq!(world.ask(201, known), full, "{known}");
    }
    assert_eq!(world.memory().turned_away(start()).expect("read"), reveille_memory::TurnedAway { network: 0, all: 504 });
}

#[test]
fn a_thousand_readers_are_told_from_a_thousand_strangers_by_nothing() {
    let world = World::new();
    let mut memory = world.memory();
    let email = |kind: &str, at: usize| format!("{kind}{at}@home.net");
    let asked: Vec<SignUp> = (0..1_000)
        .map(|at| SignUp {
            id: subscriber_id(&email("known", at)),
            email: email("known", at),
            network: 1,
            via: String::new(),
            is_person: true,
        })
        .collect();
    memory.sign_up(&asked, WIDE, start()).expect("kept");
    for one in &asked {
        memory.confirm_reader(&one.id, start() - CONFIRM_WITHIN, start()).expect("confirmed");
    }
    world.later(TimeDelta::days(2));
    let mut times = [vec![], vec![]];
    let mut first = None;
    for at in 0..1_000_usize {
        // Which of the two comes first changes: what the machine does meanwhile falls on both alike.
        for kind in if at % 2 == 0 { [0, 1] } else { [1, 0] } {
            let network = (at * 2 + kind) as u32 / 20;
            let begun = Instant::now();
            let answer = world.ask(network, &email(["known", "stranger"][kind], at));
            times[kind].push(begun.elapsed());
            assert_eq!(*first.get_or_insert_with(|| answer.clone()), answer);
        }
    }
    let [known, strangers] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    assert!(known.abs_diff(strangers).as_millis() < 5, "known {known:?}, strangers {strangers:?}");
    let kinds = world.wanted().into_iter().filter(|(_, kind)| *kind == WantedFor::Known).count();
    assert_eq!(kinds, 1_000, "and the readers were told");
}

#[test]
fn who_was_asked_within_a_day_is_told_by_nothing_either() {
    let world = World::new();
    let mut times = [vec![], vec![]];
    for at in 0..200_u32 {
        for kind in [0, 1] {
            let email = if kind == 0 { "same@home.net".to_owned() } else { format!("new{at}@home.net") };
            let begun = Instant::now();
            assert_eq!(world.ask(at / 10, &email).status, 200);
            times[kind].push(begun.elapsed());
        }
    }
    let [same, new] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    assert!(same.abs_diff(new).as_millis() < 5, "asked again {same:?}, new {new:?}");
}

#[test]
fn the_owner_and_test_domains_try_it_out_and_are_nobody_in_the_funnel() {
    let world = World::new();
    let funnel = || world.memory().funnel_since(chrono::NaiveDate::default()).expect("read");
    for email in ["Me@Home.net", "ann@letter.example"] {
        assert_eq!(world.ask(1, email).status, 200);
        assert_eq!(world.button(&confirming(email)).status, 200);
        assert!(world.memory().subscriber(&subscriber_id(email)).expect("read").is_some_and(|one| one.confirmed_at.is_some()), "{email}");
    }
    assert_eq!((world.wanted().len(), funnel()), (4, vec![]), "they get the mails, and count as nobody");
    world.ask(1, "ann@home.net");
    world.button(&confirming("ann@home.net"));
    assert_eq!(funnel().iter().map(|count| count.people).collect::<Vec<_>>(), [1, 1]);
}
