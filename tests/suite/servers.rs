//! The test servers and the scripted server do what the other tests take for granted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reveille_tests::scripted::{Play, Request, Scripted};
use reveille_tests::servers::{Imap, Mastodon, Pds, Process, Smtp, script};
use serde_json::{Value, json};

fn client() -> Client {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.timeout(Duration::from_secs(60)).build().unwrap()
}

fn post(url: &str, token: &str, body: &Value) -> reqwest::Result<Response> {
    let request = client().post(url).header("content-type", "application/json").body(body.to_string());
    if token.is_empty() { request.send() } else { request.bearer_auth(token).send() }
}

fn answer(response: Response) -> Value {
    let (status, text) = (response.status(), response.text().unwrap());
    assert!(status.is_success(), "{status} {text}");
    serde_json::from_str(&text).unwrap()
}

fn is_running(id: u32) -> bool {
    Command::new("kill").args(["-0", &id.to_string()]).stderr(std::process::Stdio::null()).status().unwrap().success()
}

/// Drops a server and sees that neither its process nor its folder is left.
fn gone_after<T>(server: T, process: impl Fn(&T) -> &Process) {
    let (id, folder) = (process(&server).id(), process(&server).folder());
    assert!(is_running(id) && folder.is_dir());
    drop(server);
    assert!(!is_running(id) && !Path::new(&format!("/proc/{id}")).exists(), "process {id} is left");
    assert!(!folder.exists(), "{} is left", folder.display());
}

#[test]
fn the_mastodon_stand_in_posts_fails_and_goes() {
    let server = Mastodon::start();
    let statuses = format!("{}/api/v1/statuses", server.url);
    assert_eq!(server.statuses(), Vec::<Value>::new());
    for number in 0..45 {
        let _ = answer(post(&statuses, &server.token, &json!({ "status": format!("number {number}") })).unwrap());
    }
    let rule = json!({"match": {"methods": ["POST"], "path": "/api/v1/statuses"}, "effect": {"type": "status", "status": 503}, "count": 2});
    server.fault(&rule);
    assert_eq!(post(&statuses, &server.token, &json!({ "status": "lost" })).unwrap().status(), 503);
    server.clear_faults();
    let last = answer(post(&statuses, &server.token, &json!({ "status": "the last" })).unwrap());
    let _ = answer(post(&format!("{statuses}/{}/favourite", last["id"].as_str().unwrap()), &server.readers[1], &json!({})).unwrap());

    let all = server.statuses();
    assert_eq!(all.len(), 46, "pages are read to the end, and what failed is not there");
    assert!(all[0]["content"].as_str().unwrap().contains("the last"), "{}", all[0]);
    assert_eq!(all[0]["favourites_count"], 1);
    assert_eq!(all[0]["account"]["followers_count"], 2);
    assert_eq!(post(&statuses, "another-token", &json!({ "status": "no" })).unwrap().status(), 401);
    gone_after(server, |server| &server.process);
}

#[test]
fn the_data_server_keeps_records_and_goes() {
    let server = Pds::start();
    let call = |name: &str, token: &str, body: Value| post(&format!("{}/xrpc/{name}", server.url), token, &body).unwrap();
    let login = json!({ "identifier": server.handle, "password": server.app_password });
    let session = answer(call("com.atproto.server.createSession", "", login));
    assert_eq!(session["did"], server.did.as_str());
    let token = session["accessJwt"].as_str().unwrap();

    assert_eq!(server.posts(), Vec::<Value>::new());
    let record = |text: &str| json!({ "$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-20T14:00:00.000Z" });
    let keyed =
        |key: &str, text: &str| json!({ "repo": server.did, "collection": "app.bsky.feed.post", "rkey": key, "record": record(text) });
    let first = answer(call("com.atproto.repo.putRecord", token, keyed("3m5zrgsxdes2a", "one")));
    let again = answer(call("com.atproto.repo.putRecord", token, keyed("3m5zrgsxdes2a", "one")));
    assert_eq!(first["cid"], again["cid"]);
    let _ = answer(call("com.atproto.repo.putRecord", token, keyed("3m5zrgsxdes2b", "two")));
    assert_eq!(call("com.atproto.repo.putRecord", token, keyed("my-own-key", "three")).status(), 400);

    let texts: Vec<Value> = server.posts().iter().map(|post| post["value"]["text"].clone()).collect();
    assert_eq!(texts, ["two", "one"]);
    let wrong = json!({ "identifier": server.handle, "password": "wrong" });
    assert_eq!(call("com.atproto.server.createSession", "", wrong).status(), 401);
    let document = answer(client().get(format!("{}/xrpc/com.atproto.repo.describeRepo?repo={}", server.url, server.did)).send().unwrap());
    assert_eq!(document["didDoc"]["service"][0]["serviceEndpoint"], server.url.as_str(), "the directory knows the server: {document}");
    gone_after(server, |server| &server.process);
}

/// A conversation in SMTP, one line at a time.
struct Line(BufReader<TcpStream>);

impl Line {
    fn open(port: u16) -> Self {
        let mut line = Line(BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap()));
        assert!(line.reply().starts_with("220 "));
        assert!(line.say("EHLO test").starts_with("250"));
        line
    }

    /// The last line of a reply; empty when the line was cut.
    fn reply(&mut self) -> String {
        loop {
            let mut text = String::new();
            if self.0.read_line(&mut text).unwrap_or(0) == 0 || text.as_bytes().get(3) == Some(&b' ') {
                return text.trim_end().to_owned();
            }
        }
    }

    fn say(&mut self, words: &str) -> String {
        self.0.get_mut().write_all(format!("{words}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    fn mail(&mut self, to: &str, body: &str) -> String {
        assert!(self.say("MAIL FROM:<letter@letter.example>").starts_with("250 "));
        let reply = self.say(&format!("RCPT TO:<{to}>"));
        if !reply.starts_with("250 ") {
            return reply;
        }
        assert!(self.say("DATA").starts_with("354 "));
        self.say(&format!("{body}\r\n."))
    }
}

#[test]
fn the_mail_server_does_what_a_recipient_asks_and_goes() {
    let server = Smtp::start();
    let mut line = Line::open(server.plain_port);
    assert_eq!(line.mail("one@example.org", "Subject: 1\r\n\r\n..two dots"), "250 2.0.0 Ok: queued as 00000001");
    assert!(line.mail("reject@example.org", "").starts_with("550 "));
    assert!(line.say("RSET").starts_with("250 "));
    assert!(line.mail("later@example.org", "").starts_with("451 "));
    assert!(line.say("RSET").starts_with("250 "));
    assert_eq!(line.mail("drop@example.org", "dropped"), "", "cut before the reply to RCPT");
    assert_eq!(Line::open(server.plain_port).mail("lost@example.org", "lost"), "", "cut after the message was stored");

    let head = |to: &str| format!("Return-Path: <letter@letter.example>\r\nDelivered-To: {to}\r\n");
    let taken: Vec<String> = server.plain_messages().into_iter().map(|message| String::from_utf8(message).unwrap()).collect();
    let one = head("one@example.org") + "Subject: 1\r\n\r\n.two dots\r\n";
    assert_eq!(taken, [one, head("lost@example.org") + "lost\r\n"]);

    let mut secure = Line::open(server.secure_port);
    assert!(secure.say("MAIL FROM:<letter@letter.example>").starts_with("530 "), "no mail without TLS");
    assert!(secure.say("STARTTLS").starts_with("220 "));
    assert_eq!(server.secure_messages(), Vec::<Vec<u8>>::new());
    assert!(std::fs::read_to_string(&server.ca).unwrap().contains("BEGIN CERTIFICATE"));
    gone_after(server, |server| &server.process);
}

#[test]
fn the_mail_server_takes_a_thousand_messages() {
    const MESSAGES: usize = 1_000;
    let server = Smtp::start();
    let mut line = Line::open(server.plain_port);
    let begun = Instant::now();
    for number in 0..MESSAGES {
        assert!(line.mail(&format!("reader{number}@example.org"), "Subject: a letter\r\n\r\nHello").starts_with("250 "));
    }
    // Two seconds on a quiet machine; other tests wait for it, so it must not be slower by an order.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?} for {MESSAGES}", begun.elapsed());
    let messages = server.plain_messages();
    assert_eq!(messages.len(), MESSAGES);
    assert!(String::from_utf8_lossy(&messages[MESSAGES - 1]).contains("reader999@"), "in the order of their coming");
}

#[test]
fn the_mailbox_takes_what_is_delivered_and_goes() {
    let server = Imap::start();
    server.deliver(1, b"From: ann@home.net\r\n\r\nHello\r\n");
    let mut line = TcpStream::connect(("127.0.0.1", server.plain_port)).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let login = format!("a LOGIN {} {}\r\nb EXAMINE INBOX\r\nc LOGOUT\r\n", server.user, server.password);
    line.write_all(login.as_bytes()).unwrap();
    let mut said = String::new();
    let _ = line.read_to_string(&mut said).unwrap();
    assert!(said.contains("\r\n* 1 EXISTS\r\n") && said.contains("READ-ONLY"), "{said}");
    assert_eq!(server.files().len(), 1);
    gone_after(server, |server| &server.process);
}

#[test]
fn servers_end_on_sigterm_too_and_take_their_folder_with_them() {
    for name in ["mastodon", "pds", "smtp", "imap"] {
        let mut child = script(name).spawn().unwrap();
        let _held_open = child.stdin.take();
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let folder = ready["folder"].as_str().unwrap();
        assert!(Path::new(folder).is_dir());
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        assert!(child.wait().unwrap().success(), "{name} did not end by itself");
        assert!(!Path::new(folder).exists(), "{name} left {folder}");
    }
}

fn connect(server: &Scripted) -> TcpStream {
    let line = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    line
}

/// What stands on the wire after a request, to the byte, and how long it took.
fn raw(server: &Scripted, request: &str) -> (String, Duration) {
    let begun = Instant::now();
    let mut line = connect(server);
    line.write_all(request.as_bytes()).unwrap();
    let mut all = Vec::new();
    let _ = line.read_to_end(&mut all).unwrap();
    (String::from_utf8(all).unwrap(), begun.elapsed())
}

#[test]
fn plays_do_what_they_say_on_the_wire() {
    let server = Scripted::start(|request, number| match request.path.as_str() {
        "/answer" => Play::Answer { status: 429, headers: vec![("x-until".into(), "later".into())], body: format!("{number}").into() },
        "/cut" => Play::Cut,
        "/half" => Play::Half { status: 200, headers: vec![], body: b"0123456789".to_vec() },
        "/silence" => Play::Silence(Duration::from_millis(300)),
        "/huge" => Play::Huge { megabytes: 3 },
        _ => Play::Redirect("http://elsewhere.example/".to_owned()),
    });
    let get = |path: &str| raw(&server, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert_eq!(get("/cut").0, "");
    let (answer, _) = get("/answer");
    assert_eq!(answer, "HTTP/1.1 429 Scripted\r\ncontent-length: 1\r\nconnection: close\r\nx-until: later\r\n\r\n1");
    assert_eq!(get("/half").0, "HTTP/1.1 200 Scripted\r\ncontent-length: 10\r\nconnection: close\r\n\r\n01234");
    let (silence, long) = get("/silence");
    assert!(silence.is_empty() && long >= Duration::from_millis(300), "{long:?}");
    let (huge, _) = get("/huge");
    let (head, body) = huge.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 3145728\r\n") && body.len() == 3 << 20, "{head} {}", body.len());
    let (away, _) = get("/away?to=there");
    assert!(away.starts_with("HTTP/1.1 307 ") && away.contains("\r\nlocation: http://elsewhere.example/\r\n"), "{away}");
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/cut", "/answer", "/half", "/silence", "/huge", "/away?to=there"]);
}

#[test]
fn a_client_sees_each_play_as_what_it_is() {
    let server = Scripted::start(|request, _| match request.path.as_str() {
        "/half" => Play::Half { status: 200, headers: vec![], body: br#"{"id": "1234567890"}"#.to_vec() },
        "/cut" => Play::Cut,
        _ => Play::json(200, &json!({ "id": "1" })),
    });
    assert_eq!(answer(post(&format!("{}/a", server.url), "secret", &json!({ "status": "ä" })).unwrap()), json!({ "id": "1" }));
    assert!(post(&format!("{}/cut", server.url), "", &json!({})).is_err());
    assert!(post(&format!("{}/half", server.url), "", &json!({})).unwrap().text().is_err(), "half an answer is none");
    let first = server.requests().remove(0);
    assert_eq!((first.method.as_str(), first.header("authorization")), ("POST", Some("Bearer secret")));
    assert_eq!(first.json(), json!({ "status": "ä" }));
}

#[test]
fn a_body_may_come_in_chunks() {
    let server = Scripted::start(|_, _| Play::json(200, &json!({})));
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n2;x=y\r\nof\r\n0\r\n\r\n";
    assert!(raw(&server, chunked).0.starts_with("HTTP/1.1 200 "));
    assert_eq!(server.requests()[0].body, b"halfof");
}

#[test]
fn a_request_that_was_not_sent_whole_counts_for_nothing() {
    let server = Scripted::start(|_, _| Play::json(200, &json!({})));
    let mut line = connect(&server);
    line.write_all(b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nhalf").unwrap();
    line.shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    let _ = line.read_to_end(&mut all).unwrap();
    assert_eq!((all.len(), server.requests().len()), (0, 0));
}

#[test]
fn a_silent_server_ends_when_it_is_dropped() {
    let server = Scripted::start(|_, _| Play::Silence(Duration::from_secs(70)));
    let mut line = connect(&server);
    line.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    while server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
#[should_panic(expected = "handler of the scripted server panicked")]
fn a_handler_that_panics_fails_the_test() {
    let server = Scripted::start(|request, _| panic!("{request:?}"));
    let _ = raw(&server, "GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn a_reply_can_be_lost_after_a_real_write() {
    let real = Mastodon::start();
    let upstream = real.url.clone();
    let lost = AtomicBool::new(false);
    let between = Scripted::start(move |request: &Request, _| {
        let answer = request.forward(&upstream);
        let first = request.method == "POST" && !lost.swap(true, Ordering::Relaxed);
        if first { Play::Cut } else { answer }
    });
    let statuses = format!("{}/api/v1/statuses", between.url);
    assert!(post(&statuses, &real.token, &json!({ "status": "the first" })).is_err());
    assert_eq!(real.statuses().len(), 1, "it was written all the same");
    let second = answer(post(&statuses, &real.token, &json!({ "status": "the second" })).unwrap());
    assert_eq!(real.statuses()[0]["id"], second["id"]);
}
