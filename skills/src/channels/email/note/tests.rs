//! The messages themselves.

use std::path::Path;

use reveille_memory::WantedFor;
use reveille_mission::{Issue, Purpose, Stage};

use super::super::tests::server;
use super::super::words::{try_words, words};
use super::*;
use crate::settings::Publication;

const KEY: &[u8] = b"a key";

fn publication(url: &str) -> Publication {
    Publication {
        name: "Grüße <from> the Inside".into(),
        url: url.parse().expect("an address"),
        owner: "o@a.example".into(),
        language: "en".into(),
        description: None,
        served: false,
        readers_side: true,
    }
}

fn issue(title: &str) -> Issue {
    Issue {
        id: title.into(),
        number: None,
        title: title.into(),
        slug: "fog".into(),
        date: None,
        summary: None,
        hooks: vec![],
        tags: vec![],
        mail: false,
        thread: false,
        stage: Stage::Published,
        path: "issues/fog.md".into(),
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

/// The message of an occasion, its encoding undone as far as these words need it.
fn message(templates: &Path, url: &str, kind: WantedFor) -> Result<String, Fault> {
    let email = Email::new(server("smtp://127.0.0.1:9"))?;
    let words = words(templates, &publication(url), &email, kind, &[issue("Fog & <b>light</b>")])?;
    let kept = words.frozen()?;
    let reader = subscriber_id("ann@home.net");
    let (frozen, id) = freeze(&words, &kept.digest, &reader, "ann@home.net", "part", now())?;
    let again = build(&email, &frozen, &kept, "ann@home.net", KEY)?;
    assert_eq!(build(&email, &frozen, &kept, "ann@home.net", KEY)?.text, again.text, "the same bytes each time");
    assert!(again.message_id == id && again.to.to_string() == "ann@home.net");
    assert!(build(&email, &frozen, &kept, "bob@home.net", KEY).is_err(), "the address of somebody else");
    let other = Attached { digest: kept.digest.clone(), bytes: b"{}".to_vec() };
    assert!(build(&email, &frozen, &other, "ann@home.net", KEY).is_err(), "other words");
    Ok(again.text.replace("=\r\n", "").replace("=3D", "="))
}

fn token_after(text: &str, before: &str) -> String {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect()
}

#[test]
fn each_occasion_opens_its_own_doors_only() {
    let nowhere = Path::new("/nowhere");
    let check = |text: &str, page: &str, purpose, days| {
        let token = token_after(text, &format!("https://a.example/{page}/"));
        let found = Token::check(&token, purpose, KEY, now()).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert_eq!(found.subscriber_id(), subscriber_id("ann@home.net"));
        assert_eq!(found.expires, Option::map(days, |days| now() + TimeDelta::days(days)), "{page}");
    };
    let confirm = message(nowhere, "https://a.example", WantedFor::Confirm).expect("made");
    check(&confirm, "confirm", Purpose::Confirm, Some(7));
    let known = message(nowhere, "https://a.example", WantedFor::Known).expect("made");
    check(&known, "preferences", Purpose::Preferences, Some(90));
    let welcome = message(nowhere, "https://a.example", WantedFor::Welcome).expect("made");
    check(&welcome, "preferences", Purpose::Preferences, Some(90));
    check(&welcome, "leave", Purpose::Leave, None);
    for (text, never) in
        [(&confirm, ["/leave/", "/preferences/"]), (&known, ["/leave/", "/confirm/"]), (&welcome, ["/confirm/", "-token}"])]
    {
        assert!(never.iter().all(|never| !text.contains(never)), "{text}");
    }
}

#[test]
fn headers_say_what_it_is() {
    let nowhere = Path::new("/nowhere");
    for kind in [WantedFor::Confirm, WantedFor::Known, WantedFor::Welcome] {
        let text = message(nowhere, "https://a.example", kind).expect("made");
        let (head, _) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{head}");
        assert_eq!(head.matches("\r\nTo: ").count(), 1);
        let is_list = kind == WantedFor::Welcome;
        assert_eq!(head.contains("\r\nList-Unsubscribe: <https://a.example/leave/"), is_list, "{head}");
        assert_eq!(head.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"), is_list, "{head}");
    }
    let here = message(nowhere, "http://127.0.0.1:8080", WantedFor::Welcome).expect("made");
    assert!(here.contains("\r\nList-Unsubscribe: <http://127.0.0.1:8080/leave/") && here.contains("One-Click"), "this machine: {here}");
    // As in letters: no mail program is told of an address that anybody on the way could read.
    let plain = message(nowhere, "http://a.example", WantedFor::Welcome).expect("made").replace("\r\n ", " ");
    assert!(!plain.contains("One-Click") && !plain.contains("List-Unsubscribe: <http"), "one click needs https: {plain}");
    let token = token_after(&plain, "List-Unsubscribe: <mailto:inside@a.example?subject=unsubscribe%20");
    assert_eq!(Token::check(&token, Purpose::Leave, KEY, now()).map(|token| token.subscriber_id()), Ok(subscriber_id("ann@home.net")));
}

#[test]
fn the_author_s_words_are_text_on_the_page_of_the_mail() {
    let welcome = message(Path::new("/nowhere"), "https://a.example", WantedFor::Welcome).expect("made");
    assert!(welcome.contains("Fog & <b>light</b>\r\nhttps://a.example/issues/fog/\r\n"), "as text: {welcome}");
    assert!(welcome.contains("Fog &amp; &lt;b&gt;light&lt;/b&gt;<br>"), "as a page: {welcome}");
    assert!(welcome.contains("<a href=\"https://a.example/issues/fog/\">"), "{welcome}");
}

#[test]
fn a_home_s_own_words_take_the_place_and_wrong_ones_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |source: &str| {
        std::fs::write(folder.path().join("confirm.txt"), source).expect("written");
        message(folder.path(), "https://a.example", WantedFor::Confirm)
    };
    let own = with("Subject: Ja?\r\n\r\nHier: {{ confirm }}\r\n").expect("made");
    assert!(own.contains("\r\nSubject: Ja?\r\n") && own.contains("Hier: https://a.example/confirm/"), "{own}");
    for (source, why) in [
        ("no subject\n\n{{ confirm }}", "its first line"),
        ("Subject: a\n", "its first line"),
        ("Subject: a\n\n{{ leave }}", "templates/confirm.txt:3: a variable that is not there"),
        ("Subject: a\u{2028}Bcc: b@b.example\n\n{{ confirm }}", "header"),
        ("Subject: a\n\nno link", "nobody can confirm"),
        ("Subject: a\n\n{% if", "templates/confirm.txt"),
    ] {
        let fault = with(source).expect_err("wrong").to_string();
        assert!(fault.contains("templates/confirm.txt") && fault.contains(why), "{source:?}: {fault}");
    }
}

#[test]
fn words_are_tried_before_somebody_waits_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let tried = |kind, start: &[Issue]| try_words(folder.path(), &publication("https://a.example"), kind, start);
    for kind in [WantedFor::Confirm, WantedFor::Known, WantedFor::Welcome] {
        assert_eq!(tried(kind, &[]), Ok(()), "{kind}");
    }
    let own = |name: &str, source: &[u8]| std::fs::write(folder.path().join(name), source).expect("written");
    // No issue is out yet, and the first one would be named wrongly.
    own("welcome.txt", b"Subject: Hello\n\nHi.{% for issue in issues %}\n{{ issue.titel }}\n{% endfor %}");
    let wrong = tried(WantedFor::Welcome, &[]).expect_err("wrong");
    assert_eq!(wrong.to_string(), "templates/welcome.txt:4: a variable that is not there");
    assert!(wrong.hint().is_some_and(|hint| hint.contains("issues (each with title and link)")), "{:?}", wrong.hint());
    own("welcome.txt", b"Subject: Hello\n\n{{ issues[0].title }}");
    assert!(tried(WantedFor::Welcome, &[]).is_err(), "there is none yet");
    assert_eq!(tried(WantedFor::Welcome, &[issue("Fog")]), Ok(()));
    own("known.txt", b"Subject: Gr\xfc\xdfe\n\nx");
    let wrong = tried(WantedFor::Known, &[]).expect_err("no text");
    assert!(wrong.to_string().starts_with("templates/known.txt:1: it can't be read: "), "{wrong}");
}
