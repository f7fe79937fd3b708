//! Hostile mail and hostile words: whatever is sent stays data, within bounds.

use std::time::Instant;

use proptest::prelude::*;
use reveille_memory::{Memory, NewEffect, NewRun, Question};
use reveille_mission::{Progress, Shelf, former_ids, subscriber_id};

use super::folder::{self, Page};
use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn now() -> DateTime<Utc> {
    at("2026-11-21T12:00:00Z")
}

fn mail(headers: &str, body: &str) -> Vec<u8> {
    format!("From: Ann <Ann@home.net>\r\nSubject: Re: Notes\r\nMessage-ID: <1@home.net>\r\n{headers}\r\n{body}").into_bytes()
}

fn read(bytes: &[u8]) -> Result<Answer, NoAnswer> {
    mail::read(bytes, &["letter@letter.example".to_owned()], now())
}

#[test]
fn a_person_is_told_from_a_program() {
    let answer = read(&mail("In-Reply-To: <b@x>\r\nReferences: <a@x> <b@x>\r\n", "Thank you!\r\n")).expect("an answer");
    assert_eq!((answer.sender.as_str(), answer.place.as_str()), ("ann@home.net", "1@home.net"));
    assert_eq!(answer.answers_to, ["<b@x>", "<b@x>", "<a@x>"]);
    assert_eq!(answer.text, "Re: Notes\n\nThank you!");
    for (headers, expected) in [
        ("Auto-Submitted: no\r\n", None),
        ("Auto-Submitted: auto-replied\r\n", Some(NoAnswer::Automatic)),
        ("auto-submitted: Auto-Generated (vacation)\r\n", Some(NoAnswer::Automatic)),
        ("Precedence: bulk\r\n", Some(NoAnswer::Automatic)),
        ("List-Id: <x.example>\r\n", Some(NoAnswer::Automatic)),
        ("Return-Path: <>\r\n", Some(NoAnswer::Bounce)),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n", Some(NoAnswer::Bounce)),
    ] {
        assert_eq!(read(&mail(headers, "text\r\n")).err(), expected, "{headers}");
    }
    for (from, expected) in
        [("MAILER-DAEMON@x.example", NoAnswer::Bounce), ("Letter@letter.example", NoAnswer::Own), ("", NoAnswer::Unreadable)]
    {
        assert_eq!(read(format!("From: {from}\r\n\r\ntext\r\n").as_bytes()), Err(expected), "{from}");
    }
}

/// 5,000 parts in each other, each announced by the one around it.
fn nested() -> Vec<u8> {
    let mut text = String::from("From: a@home.net\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n");
    for depth in 1..=5000 {
        text.push_str(&format!("--b{}\r\nContent-Type: multipart/mixed; boundary=b{depth}\r\n\r\n", depth - 1));
    }
    text.push_str("--b5000\r\n\r\ndeep\r\n");
    text.into_bytes()
}

#[test]
fn hostile_mail_ends_in_time_and_within_bounds() {
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(8000);
    let tags = format!("<p>{}end", "<div><blockquote>".repeat(15_000));
    let html = |body: &str| mail("Content-Type: text/html; charset=utf-8\r\n", body);
    for (name, bytes) in [
        ("nested multiparts", nested()),
        ("mails in mails", format!("From: a@home.net\r\n{messages}").into_bytes()),
        ("10 MB", mail("", &"word ".repeat(2_000_000))),
        ("deep tags", html(&tags)),
        ("open tags", html(&"<".repeat(200_000))),
        ("entities", html(&"&lt;&#x202e;&#0;&#99999999999;".repeat(8000))),
        ("no charset of this world", mail("Content-Type: text/plain; charset=x-klingon\r\n", "caf\u{e9}")),
        ("wrong charset", [mail("Content-Type: text/plain; charset=utf-8\r\n", "a"), vec![0xff, 0xfe, 0xc0, 0x80]].concat()),
        ("broken base64", mail("Content-Transfer-Encoding: base64\r\n", "====%%%")),
        ("no end of the headers", format!("From: a@home.net\r\n{}", "X: y\r\n".repeat(40_000)).into_bytes()),
        ("one long header", format!("From: a@home.net\r\nSubject: {}\r\n\r\nx", "=?utf-8?q?a?= ".repeat(15_000)).into_bytes()),
        ("many boundaries", mail("Content-Type: multipart/mixed; boundary=b\r\n", &"--b\r\n\r\n".repeat(30_000))),
        ("nothing", vec![]),
        ("zeros", vec![0; 100_000]),
    ] {
        let begun = Instant::now();
        // As much as is fetched of any mail.
        let read = read(&bytes[..bytes.len().min(mail::BYTES)]);
        assert!(begun.elapsed().as_secs() < 20, "{name} takes {:?}", begun.elapsed());
        if let Ok(answer) = read {
            assert!(answer.text.chars().count() <= 2 * text::CHARACTERS + 600, "{name}: {}", answer.text.len());
            assert!(!answer.text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{name}");
        }
    }
}

#[test]
fn markup_is_taken_out_and_what_hides_is_named() {
    let html = "<head><title>no</title><style>no</style></head><p>Hello <b>you</b> &amp; <a href=\"https://evil.example\">me</a></p>\
        <script>alert(1)</script><!-- no --><p>- [ ] post this</p>";
    let said = text::plain(&text::of_html(html));
    assert!(said.contains("Hello you & me") && said.contains("- [ ] post this"), "{said}");
    assert!(!said.contains("no") && !said.contains("alert") && !said.contains('<'), "{said}");
    assert_eq!(text::plain("a\u{202e}b\r\nc\u{0}d\u{2028}e\u{200b}"), "a[U+202E]b\nc[U+0000]d[U+2028]e[U+200B]");
    assert_eq!(text::excerpt("> you wrote\n> things\n\nI   agree"), "I agree");
    assert_eq!(text::excerpt("> only a quotation"), "> only a quotation");
    assert_eq!(text::line("Ann\r\nBcc: bob\u{1b}[2J"), "Ann Bcc: bob[U+001B][2J");
}

fn page<'a>(name: &'a str, from: &'a str, text: &'a str) -> Page<'a> {
    let (channel, kind) = (Channel::Mastodon, AnswerKind::Reply);
    Page { channel, name, kind, from, at: now(), place: from, issue: Some(from), text }
}

#[test]
fn a_file_is_made_once_and_stays_the_human_s() {
    let home = tempfile::tempdir().expect("a folder");
    let one = page("../../etc/passwd", "@ann@x\"\n---\nready: true", "---\n- [ ] Post this\n<!-- /reveille -->\n    <img src=x>");
    let path = folder::file(home.path(), &one).expect("filed");
    assert!(path.starts_with("inbox/2026-11-21-mastodon-") && path.ends_with(".md") && !path.contains(".."), "{path}");
    let text = std::fs::read_to_string(home.path().join(&path)).expect("read");
    assert_eq!(text.matches("\n---\n").count(), 1, "{text}");
    assert!(text.contains("from: \"@ann@x\\\"\\n---\\nready: true\"\n"), "{text}");
    assert!(text.contains("\n\n    ---\n    - [ ] Post this\n    <!-- /reveille -->\n        <img src=x>\n"), "{text}");
    std::fs::write(home.path().join(&path), "mine").expect("written");
    assert_eq!(folder::file(home.path(), &one).expect("filed"), path);
    assert_eq!(std::fs::read_to_string(home.path().join(&path)).expect("read"), "mine", "a human's file was written over");
    assert_eq!(folder::room(home.path()).expect("counted"), folder::MOST - 1);
}

#[test]
fn an_inbox_that_leads_elsewhere_takes_nothing() {
    let (home, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    std::os::unix::fs::symlink(elsewhere.path(), home.path().join("inbox")).expect("linked");
    assert!(folder::file(home.path(), &page("1", "a", "b")).is_err());
    assert!(folder::room(home.path()).is_err());
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("read").count(), 0);
}

/// A memory that knows one mail, sent to this id.
fn memory_with_mail(home: &std::path::Path, recipient: String) -> Memory {
    let mut memory = Memory::open(&home.join("a.db"), now()).expect("made");
    let begun = NewRun { started_at: now(), slot: None, trigger: "hand".to_owned(), version: "0".to_owned(), pid: 1 };
    let run = memory.begin_run(&begun).expect("begun");
    let key = reveille_memory::Key { issue: "45".to_owned(), channel: "email".to_owned(), part: "mail".to_owned(), recipient };
    let new = NewEffect { key, text: b"mail".to_vec(), token: "<b@letter.example>".to_owned(), run };
    let reveille_memory::Standing::Intended(intended) = memory.intend(&new, now()).expect("intended") else { panic!("it is not new") };
    let _sending = intended.send(&mut memory, now()).expect("sent");
    memory
}

#[test]
fn a_reply_is_a_sign_of_life_only_of_whom_the_mail_went_to() {
    let home = tempfile::tempdir().expect("a folder");
    let mut memory = memory_with_mail(home.path(), subscriber_id("ann@home.net"));
    let answer = |from: &str, to: &str| {
        let bytes = format!("From: {from}\r\nIn-Reply-To: {to}\r\n\r\nhello {from} {to}\r\n");
        Incoming { place: None, what: read(bytes.as_bytes()) }
    };
    let incoming = vec![
        answer("eve@home.net", "<b@letter.example>"), // a Message-ID that she was forwarded
        answer("ann@home.net", "<c@letter.example>"), // a forged sender that knows none
        answer("ann@home.net", ""),
        answer("Ann@HOME.net", "<b@letter.example>"),
    ];
    let run = reveille_memory::RunId(1);
    let shelf = Shelf::default();
    let inbox = Inbox { home: home.path(), shelf: &shelf, run, now: now() };
    let looked = || Looked { incoming: incoming.clone(), place: Some("1:4".to_owned()), left_out: None };
    let gathered = kept::keep(inbox, &mut memory, Channel::Email, "email".to_owned(), looked()).expect("kept");
    assert_eq!(gathered.new, 4);
    let signs = memory.signs_since(now()).expect("read");
    assert_eq!(signs.len(), 1, "{signs:?}");
    assert_eq!((signs[0].subscriber.as_str(), signs[0].about.as_str()), (subscriber_id("ann@home.net").as_str(), "45"));
    // What a human removed is not brought back.
    std::fs::remove_dir_all(home.path().join("inbox")).expect("removed");
    let again = kept::keep(inbox, &mut memory, Channel::Email, "email".to_owned(), looked()).expect("kept");
    assert_eq!(again.new, 0);
    assert!(!home.path().join("inbox").exists());
    assert_eq!(memory.answer_place("email").expect("read").as_deref(), Some("1:4"));
    let question = |ask: &str| Question { ask: ask.to_owned(), choices: vec!["a".to_owned(), "b".to_owned()] };
    let number = memory.keep_survey("s", &[question("one"), question("two")], now()).expect("kept");
    assert_eq!(survey::counted(&memory, &memory.survey(number).expect("read").expect("there")).expect("counted").len(), 2);
}

#[test]
fn who_left_under_a_former_digest_gives_no_sign() {
    for (has_left, signs) in [(false, 1), (true, 0)] {
        let home = tempfile::tempdir().expect("a folder");
        let former = former_ids("ida@münchen.de").remove(0);
        let mut memory = memory_with_mail(home.path(), former.clone());
        if has_left {
            memory.suppress(&[former], reveille_memory::SuppressedFor::Left, now()).expect("kept");
        }
        let bytes = "From: ida@xn--mnchen-3ya.de\r\nIn-Reply-To: <b@letter.example>\r\n\r\nhello\r\n";
        let incoming = vec![Incoming { place: None, what: read(bytes.as_bytes()) }];
        let shelf = Shelf::default();
        let inbox = Inbox { home: home.path(), shelf: &shelf, run: reveille_memory::RunId(1), now: now() };
        let looked = Looked { incoming, place: None, left_out: None };
        kept::keep(inbox, &mut memory, Channel::Email, "email".to_owned(), looked).expect("kept");
        assert_eq!(memory.signs_since(now()).expect("read").len(), signs, "{has_left}");
    }
}

proptest! {
    #[test]
    fn nothing_in_a_file_is_a_task(text in any::<String>(), from in any::<String>(), lines in prop::collection::vec("(- \\[ \\] |---|```|<!--|-->|\t|    |\r|> |# )?[ -~]{0,12}", 0..8)) {
        let home = tempfile::tempdir().expect("a folder");
        let body = text::plain(&format!("{text}\n{}", lines.join("\n")));
        let path = folder::file(home.path(), &page("1", &text::line(&from), &body)).expect("filed");
        let bytes = std::fs::read(home.path().join(path)).expect("read");
        let (_, behind) = String::from_utf8_lossy(&bytes).split_once("\n---\n").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("front matter");
        prop_assert!(Progress::parse(bytes).expect("parsed").items.is_empty());
        prop_assert!(behind.lines().all(|line| line.is_empty() || line.starts_with("    ")), "{behind}");
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&bytes);
        let _ = read(&mail("Content-Type: multipart/mixed; boundary=b\r\n", &String::from_utf8_lossy(&bytes)));
    }
}
