//! Tables: HTML as text, what is ours, the instance pages of four servers, what answers mean, what is frozen.

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reveille_mission::Channel;
use secrecy::SecretString;
use serde_json::json;

use super::super::http::Answer;
use super::super::{Fault, Picture, Piece, PostLimits, Receipt};
use super::entities::{self, Instance, InstanceV1, InstanceV2, is_id};
use super::same::{Kinship, compare};
use super::{Mastodon, faults, frozen, html};
use crate::distribute::Post;

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

fn post(text: &str) -> Post {
    Post {
        channel: Channel::Mastodon,
        text: text.to_owned(),
        pieces: vec![text.to_owned()],
        title: None,
        link: "https://letter.example/issues/45/".to_owned(),
        prefilled: None,
    }
}

fn piece<'a>(post: &'a Post, picture: Option<&'a Picture>) -> Piece<'a> {
    Piece { post, text: &post.text, title: "T", summary: "S", language: "en", picture, reply: None, now: now() }
}

fn frozen_status(text: &str) -> frozen::Status {
    let post = post(text);
    serde_json::from_slice(&frozen::freeze(&piece(&post, None)).expect("frozen").text).expect("its own form")
}

#[test]
fn html_reads_as_people_see_it() {
    for (given, text, links) in [
        ("<p>One.</p><p>Two<br />three</p>", "One.\n\nTwo\nthree", &[][..]),
        // Mastodon hides the beginning and the end of an address.
        (
            r#"<p>Read <a href="https://letter.example/issues/45/" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span><span class="ellipsis">letter.example/issues/</span><span class="invisible">45/</span></a></p>"#,
            "Read https://letter.example/issues/45/",
            &["https://letter.example/issues/45/"],
        ),
        // Pleroma and forks cut it.
        (
            r#"<a href="https://letter.example/issues/45/?a=1&amp;b=2">letter.example/iss…</a>"#,
            "https://letter.example/issues/45/?a=1&b=2",
            &["https://letter.example/issues/45/?a=1&b=2"],
        ),
        ("<p>a &lt;b&gt; &amp;amp; &#39;c&#39; &quot;d&quot;&nbsp;e</p>", "a <b> &amp; 'c' \"d\"\u{a0}e", &[]),
        (
            r#"<p><a href="https://x.example/@u" class="u-url mention">@<span>u</span></a> <em>hi</em></p>"#,
            "@u hi",
            &["https://x.example/@u"],
        ),
        (r#"<a href='https://x.example/?q="&gt;"'>x > y</a> z"#, "x > y z", &["https://x.example/?q=\">\""]),
        ("<script>alert(1)</script><p>unclosed <b>bold", "unclosed bold", &[]),
        (r#"<a href="javascript:alert(1)">x</a>"#, "x", &[]),
        ("plain\ntext", "plain\ntext", &[]),
        ("", "", &[]),
    ] {
        let plain = html::plain(given);
        assert_eq!(plain.text, text, "{given}");
        assert_eq!(plain.links, links, "{given}");
    }
}

#[test]
fn ours_is_what_has_our_words_and_our_link() {
    const OURS: &str = "A *new* issue, says @ann@social.example 🎉\n\nhttps://letter.example/issues/45/\n\n#letters";
    const LINK: &str = r#"<a href="https://letter.example/issues/45">letter.example/issues/45/</a>"#;
    let full = LINK.replace("45\"", "45/\"");
    for (content, expected) in [
        (format!("<p>A *new* issue, says @ann@social.example 🎉</p><p>{full}</p><p>#letters</p>"), Kinship::Same),
        // Hollo makes italics; Mastodon leaves out a mention's host; a server has no emoji.
        (format!("<p>A <em>new</em> issue, says @<span>ann</span></p><p>{full}</p>\n<p>#<span>letters</span></p>"), Kinship::Same),
        (format!("<p>Quite other words {full}</p>"), Kinship::SameLink),
        ("<p>A *new* issue, says @ann 🎉</p><p>#letters</p>".to_owned(), Kinship::Other),
        ("<p>A *new* issue, says @ann 🎉 https://letter.example/issues/44/ #letters</p>".to_owned(), Kinship::Other),
        (format!("<p>A *new* issue, says @ann@social.example 🎉 {LINK} #letters</p>"), Kinship::Other),
        (String::new(), Kinship::Other),
    ] {
        let there = entities::Status { content: Some(content.clone()), ..entities::Status::default() };
        assert_eq!(compare(&frozen_status(OURS), &there), expected, "{content}");
    }
}

#[test]
fn a_piece_of_a_thread_answers_the_one_before() {
    let post = post("1/2 https://letter.example/issues/45/");
    let before = Receipt {
        kind: "status".into(),
        place: "https://x.example/1".into(),
        id: "1".into(),
        cid: None,
        text: String::new(),
        fetched_at: now(),
    };
    let second = Piece { text: "2/2 More", reply: Some((&before, &before)), ..piece(&post, None) };
    let second: frozen::Status = serde_json::from_slice(&frozen::freeze(&second).expect("frozen").text).expect("read");
    assert_eq!((second.link.as_deref(), second.in_reply_to_id.as_deref()), (None, Some("1")));
    for (answers, expected) in [(Some("1"), Kinship::Same), (Some("2"), Kinship::Elsewhere), (None, Kinship::Elsewhere)] {
        let there: entities::Status =
            serde_json::from_value(json!({"content": "<p>2/2 More</p>", "in_reply_to_id": answers})).expect("a status");
        assert_eq!(compare(&second, &there), expected, "{answers:?}");
    }
}

#[test]
fn limits_come_from_the_server() {
    let v2 = |page: serde_json::Value| -> Instance { serde_json::from_value::<InstanceV2>(page).expect("a page").into() };
    let v1 = |page: serde_json::Value| -> Instance { serde_json::from_value::<InstanceV1>(page).expect("a page").into() };
    let mastodon = json!({"domain": "social.example", "version": "4.5.0", "configuration":
        {"statuses": {"max_characters": 500, "max_media_attachments": 4, "characters_reserved_per_url": 23}, "polls": {}}});
    let gotosocial = json!({"domain": "gts.example", "account_domain": "example.org", "configuration":
        {"statuses": {"max_characters": 5000, "characters_reserved_per_url": 25, "supported_mime_types": ["text/plain"]}}});
    let hollo = json!({"domain": "hollo.example", "usage": {"users": {"active_month": 0}}, "configuration":
        {"statuses": {"max_characters": 10000, "max_media_attachments": 8, "characters_reserved_per_url": 256}, "urls": null}});
    let snac = json!({"uri": "snac.example", "title": "snac", "version": "4.0.0", "configuration":
        {"statuses": {"max_characters": 100_000, "max_media_attachments": 4, "characters_reserved_per_url": 32}}});
    let pleroma = json!({"uri": "https://pleroma.example", "max_toot_chars": 7000});
    let silent = json!({"uri": 5, "configuration": {"statuses": {"max_characters": "many"}}, "max_toot_chars": 0});
    let boundless = json!({"configuration": {"statuses": {"max_characters": u64::MAX, "characters_reserved_per_url": u64::MAX}}});
    for (page, host, characters, link) in [
        (v2(mastodon), Some("social.example"), 500, 23),
        (v2(gotosocial), Some("example.org"), 5000, 25),
        (v2(hollo), Some("hollo.example"), 10_000, 256),
        (v1(snac), Some("snac.example"), 100_000, 32),
        (v1(pleroma), Some("pleroma.example"), 7000, 23),
        (v1(silent), None, 500, 23),
        (v2(boundless), None, 1_000_000, 1000),
    ] {
        assert_eq!(page, Instance { host: host.map(str::to_owned), limits: PostLimits { characters, link } });
    }
}

#[test]
fn an_entity_may_lack_anything() {
    let status: entities::Status = serde_json::from_value(json!({"id": 7, "created_at": "yesterday", "reblog": null, "replies_count": -1}))
        .expect("nothing of that is an error");
    assert_eq!((status.id.as_deref(), status.created_at, status.replies_count), (Some("7"), None, None));
    for (id, fits) in [("01JD", true), ("a.b-c_d", true), ("..", false), ("a/b", false), ("1?x", false), ("", false), ("ä", false)] {
        assert_eq!(is_id(id), fits, "{id}");
    }
}

#[test]
fn an_answer_says_whether_it_may_have_happened() {
    let server = "https://social.example".parse().expect("an address");
    let secret = SecretString::from("s3cret");
    let fault = |status: u16, error: &str, location: Option<&str>| {
        let mut headers = HeaderMap::new();
        if let Some(to) = location {
            headers.insert("location", to.parse().expect("a header"));
        }
        let answer = Answer { status, headers, body: json!({"error": error}).to_string().into_bytes() };
        let kind = |fault: Fault| match fault {
            Fault::Credential { .. } => 'c',
            Fault::RateLimited { .. } => 'l',
            Fault::Refused { .. } => 'r',
            Fault::Later { .. } => 't',
            Fault::Unclear { .. } => 'u',
        };
        let written = faults::of_writing(&answer, &server, &secret, now());
        let said = written.to_string();
        (kind(written), kind(faults::of_reading(&answer, &server, &secret, now())), said)
    };
    for (status, error, writing, reading) in [
        (401, "The access token is invalid", 'c', 'c'),
        (403, "This action is outside the authorized scopes", 'c', 'c'),
        (403, "Your login is currently disabled", 'c', 'c'),
        (403, "This action is not allowed", 't', 'r'),
        (400, "Bad request", 'r', 'r'),
        (404, "Record not found", 't', 'r'),
        (405, "", 't', 'r'),
        (410, "Gone", 't', 'r'),
        (413, "Too large", 'r', 'r'),
        (422, "Validation failed: Text character limit of 500 exceeded", 'r', 'r'),
        (418, "", 't', 'r'),
        (425, "", 't', 't'),
        (408, "", 'u', 't'),
        (409, "", 'u', 't'),
        (429, "Too many requests", 'l', 'l'),
        (500, "", 'u', 't'),
        (503, "", 'u', 't'),
        (304, "", 'u', 'u'),
        (303, "", 'u', 'u'),
        (301, "", 't', 'r'),
        (302, "", 't', 'r'),
        (307, "", 't', 'r'),
        (308, "", 't', 'r'),
    ] {
        let (written, read, said) = fault(status, error, None);
        assert_eq!((written, read), (writing, reading), "{said}");
    }
    assert!(!fault(401, "token s3cret is dead", None).2.contains("s3cret"));
    let moved = fault(301, "", Some("https://new.example/api/v1/statuses?code=s3cret")).2;
    assert!(moved.contains("https://new.example;") && !moved.contains("api/v1") && moved.contains("`server`"), "{moved}");
}

#[test]
fn the_same_piece_freezes_to_the_same_bytes_on_any_day() {
    let post = post("Words https://letter.example/issues/45/");
    let picture = Picture { bytes: vec![1, 2, 3], media_type: "image/png".into(), alt: "A hill".into() };
    let first = frozen::freeze(&piece(&post, Some(&picture))).expect("frozen");
    let tomorrow = Piece { now: now() + chrono::TimeDelta::days(1), ..piece(&post, Some(&picture)) };
    assert_eq!(frozen::freeze(&tomorrow).expect("frozen"), first);
    assert_eq!(first.attached[0].bytes, [1, 2, 3]);
    let without = frozen::freeze(&piece(&post, None)).expect("frozen");
    assert_ne!(without.token, first.token);
    let status: frozen::Status = serde_json::from_slice(&first.text).expect("read");
    insta::assert_snapshot!(String::from_utf8(status.body(Some("9")).expect("a body")).expect("text"), @r#"{"status":"Words https://letter.example/issues/45/","visibility":"public","content_type":"text/plain","language":"en","media_ids":["9"]}"#);
    let mute = Picture { alt: " ".into(), ..picture };
    assert!(matches!(frozen::freeze(&piece(&post, Some(&mute))), Err(Fault::Refused { .. })));
}

#[test]
fn a_token_with_spaces_is_none_and_none_is_shown() {
    let server = "https://social.example".parse().expect("an address");
    let new = |token: &str| Mastodon::new(&server, SecretString::from(token), std::time::Duration::from_secs(1));
    for token in ["", " \n", "a b", "a\r\nX: y", "ä"] {
        assert!(matches!(new(token), Err(Fault::Credential { .. })), "{token:?}");
    }
    let debug = format!("{:?}", new("s3cret\n").expect("an account"));
    assert!(!debug.contains("s3cret"), "{debug}");
}
