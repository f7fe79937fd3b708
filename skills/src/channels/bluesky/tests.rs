//! What is frozen, to the byte, and what answers mean: without a server. The scenes with one stand in `tests/suite/channels`.

use std::os::unix::fs::PermissionsExt;

use chrono::TimeDelta;
use reqwest::header::HeaderMap;

use super::facets::{Span, What, detect};
use super::*;
use crate::channels::http::{Answer, Silence};
use crate::channels::{Connection, Picture};
use crate::distribute::Post as Words;

const LINK: &str = "https://inside.example/issues/046/";

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00.123456Z".parse().expect("a time")
}

fn bluesky(folder: &tempfile::TempDir) -> Bluesky {
    // Port 9 answers nobody: what asks a server fails.
    let service = "http://127.0.0.1:9".parse().expect("an address");
    let file = folder.path().join("session.json");
    Bluesky::new(&service, "@Inside.Example", "abcd-efgh-ijkl-mnop".into(), file, Duration::from_secs(1)).expect("a client")
}

fn words(text: &str) -> Words {
    Words {
        channel: Channel::Bluesky,
        text: text.to_owned(),
        pieces: vec![text.to_owned()],
        title: None,
        link: LINK.to_owned(),
        prefilled: None,
    }
}

fn piece(post: &Words) -> Piece<'_> {
    Piece { post, text: &post.text, title: "Keys", summary: "Who has yours.", language: "en-GB", picture: None, reply: None, now: now() }
}

fn frozen(piece: &Piece<'_>) -> Frozen {
    record::freeze(piece, vec![]).expect("frozen")
}

fn found(text: &str) -> Vec<(String, What)> {
    let folder = tempfile::tempdir().expect("a folder");
    let spans = detect(&bluesky(&folder).client, text, LINK).expect("detected");
    spans.into_iter().map(|Span { bytes, what }| (text[bytes].to_owned(), what)).collect()
}

fn link(uri: &str) -> What {
    What::Link(uri.to_owned())
}

fn tag(name: &str) -> What {
    What::Tag(name.to_owned())
}

#[test]
fn facets_are_counted_in_bytes_whatever_stands_before_them() {
    for before in ["", "plain ", "👨‍👩‍👧‍👦🏽 e\u{301} ", "שלום \u{200f} ", "日本語 ", "한국어\n\n", "ถ้า "]
    {
        let text = format!("{before}{LINK} #Schlüssel #日本");
        let expected = [(LINK, link(LINK)), ("#Schlüssel", tag("Schlüssel")), ("#日本", tag("日本"))];
        assert_eq!(found(&text), expected.map(|(words, what)| (words.to_owned(), what)), "{text}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let spans = detect(&bluesky(&folder).client, "日本 #a", LINK).expect("detected");
    assert_eq!(spans, [Span { bytes: 7..9, what: tag("a") }], "the end is exclusive");
}

#[test]
fn the_own_link_is_found_without_spaces_and_never_within_a_longer_one() {
    assert_eq!(found(&format!("見て{LINK}ですよ")), [(LINK.to_owned(), link(LINK))]);
    assert_eq!(found(&format!("見て {LINK}ですよ")), [(LINK.to_owned(), link(LINK))]);
    assert_eq!(found(&format!("({LINK}).")), [(LINK.to_owned(), link(LINK))]);
    let longer = format!("{LINK}more");
    assert_eq!(found(&longer), [(longer.clone(), link(&longer))]);
    let both = format!("{longer} {LINK}");
    assert_eq!(found(&both), [(longer.clone(), link(&longer)), (LINK.to_owned(), link(LINK))]);
}

#[test]
fn what_is_no_facet_stays_text_and_nothing_panics() {
    assert_eq!(found("@ada.example and me@ada.example"), [("@ada.example".to_owned(), What::Mention("ada.example".to_owned()))]);
    assert_eq!(found("read bsky.app now"), [("bsky.app".to_owned(), link("https://bsky.app/"))]);
    assert_eq!(found("https:// #1 # @ada @.example node.js"), []);
    assert_eq!(found("#👩‍👧"), [], "a range never cuts a grapheme");
    assert_eq!(found(&format!("@{}example.com", "abcdefgh.".repeat(31))), [], "longer than a handle is");
    assert_eq!(found("https://[::"), []);
}

#[test]
fn a_record_is_whole_and_the_same_every_time() {
    let post = words(&format!("Who has your keys?\n\n{LINK}"));
    let folder = tempfile::tempdir().expect("a folder");
    let connection = Connection::Bluesky(bluesky(&folder));
    let frozen = connection.freeze(&piece(&post)).expect("frozen without asking anybody");
    assert_eq!(frozen, connection.freeze(&piece(&post)).expect("frozen again"));
    let record: Value = serde_json::from_slice(&frozen.text).expect("JSON");
    let expected = json!({
        "$type": "app.bsky.feed.post",
        "text": post.text,
        "createdAt": "2026-11-20T14:00:00.123Z",
        "langs": ["en-GB"],
        "facets": [{
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": LINK}],
            "index": {"byteStart": 20, "byteEnd": 54},
        }],
        "embed": {
            "$type": "app.bsky.embed.external",
            "external": {"uri": LINK, "title": "Keys", "description": "Who has yours."},
        },
        "labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]},
    });
    assert_eq!(record, expected);
    assert!(frozen.attached.is_empty() && !folder.path().join("session.json").exists());
}

#[test]
fn too_long_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let freeze = |text: &str| bluesky(&folder).freeze(&piece(&words(text)));
    assert!(freeze(&"字".repeat(300)).is_ok());
    assert!(freeze(&"👨‍👩‍👧‍👦".repeat(120)).is_ok(), "3000 bytes");
    for long in ["字".repeat(301), "👨‍👩‍👧‍👦".repeat(121), format!("@ada.example {}", "x".repeat(300))] {
        assert!(matches!(freeze(&long), Err(Fault::Refused { .. })), "{long}");
    }
    assert!(matches!(freeze("@ada.example"), Err(Fault::Later { .. })), "a mention has to be asked for");
}

#[test]
fn a_picture_is_named_by_its_hash_before_it_is_uploaded() {
    let known = serde_json::to_value(record::blob(b"foo", "text/plain").expect("named")).expect("JSON");
    let cid = "bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy";
    assert_eq!(known, json!({"$type": "blob", "ref": {"$link": cid}, "mimeType": "text/plain", "size": 3}));

    let picture = |bytes: &[u8], media_type: &str| Picture { bytes: bytes.to_vec(), media_type: media_type.into(), alt: "A key.".into() };
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.resize(999_999, 0);
    let post = words(LINK);
    let with = |picture: &Picture| frozen(&Piece { picture: Some(picture), ..piece(&post) });
    let frozen = with(&picture(&png, "image/jpeg"));
    let read = Post::of(&frozen.text).expect("read");
    let thumb = read.thumb.expect("a thumb");
    assert_eq!((thumb.blob.mime_type.as_str(), thumb.blob.size), ("image/png", 999_999), "the bytes say what they are");
    assert_eq!(frozen.attached, [Attached { digest: crate::disk::sha256(&png), bytes: png.clone() }]);
    assert_eq!(thumb.digest, frozen.attached[0].digest);

    png.push(0);
    for none in [picture(&png, "image/png"), picture(b"<svg/>", "image/svg+xml"), picture(b"text", "image/png")] {
        let frozen = with(&none);
        assert!(frozen.attached.is_empty() && Post::of(&frozen.text).expect("read").thumb.is_none(), "{}", none.media_type);
    }
}

#[test]
fn keys_sort_by_time_and_a_reply_comes_after_its_parent() {
    let (one, two) = (words("one"), words("two"));
    let key = |piece: Piece<'_>| frozen(&piece).token;
    let first = key(piece(&one));
    assert!(first.parse::<Tid>().is_ok(), "{first}");
    assert_ne!(first, key(piece(&two)), "two texts of one moment");
    assert!(key(Piece { now: now() + TimeDelta::microseconds(1), ..piece(&two) }) > first);
    // A thread in one moment, of equal words: each key after the one before.
    let mut parent = first;
    for _ in 0..20 {
        let receipt = Receipt {
            kind: "record".into(),
            place: String::new(),
            id: format!("at://did:plc:abc/app.bsky.feed.post/{parent}"),
            cid: Some("bafyreigh2akiscaildc3p4v3vbmv3xyxrqxy6wf5ibnzh7p6bpspg4tqoy".into()),
            text: String::new(),
            fetched_at: now(),
        };
        let next = key(Piece { reply: Some((&receipt, &receipt)), ..piece(&one) });
        assert!(next > parent && next.parse::<Tid>().is_ok(), "{next} after {parent}");
        parent = next;
        let without = Receipt { cid: None, ..receipt };
        assert!(record::freeze(&Piece { reply: Some((&without, &without)), ..piece(&one) }, vec![]).is_err());
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
}

#[test]
fn what_is_not_clearly_a_no_is_unclear() {
    let kind = |fault: Fault| match fault {
        Fault::Credential { .. } => "credential",
        Fault::RateLimited { .. } => "limited",
        Fault::Refused { .. } => "refused",
        Fault::Later { .. } => "later",
        Fault::Unclear { .. } => "unclear",
    };
    // status, body, of a write, of a read
    for (status, body, write, read) in [
        (401, r#"{"error":"AuthenticationRequired"}"#, "credential", "credential"),
        (400, r#"{"error":"ExpiredToken","message":"Token has expired"}"#, "credential", "credential"),
        (400, r#"{"error":"InvalidToken"}"#, "credential", "credential"),
        (403, "", "credential", "credential"),
        (400, r#"{"error":"InvalidRequest","message":"no"}"#, "refused", "later"),
        (413, "", "refused", "later"),
        (404, "", "later", "later"),
        (429, r#"{"error":"RateLimitExceeded"}"#, "limited", "limited"),
        (500, r#"{"error":"InternalServerError"}"#, "unclear", "later"),
        (501, "", "unclear", "later"),
        (302, "", "unclear", "later"),
        (204, "", "unclear", "later"),
        (408, "", "unclear", "later"),
        (503, r#"{"error":"ExpiredToken"}"#, "unclear", "later"),
    ] {
        let answer = answer(status, body);
        let kinds = (kind(xrpc::write_refused(&answer, now())), kind(xrpc::read_refused(&answer, now())));
        assert_eq!(kinds, (write, read), "{status} {body}");
    }
    assert_eq!(kind(xrpc::login_refused(&answer(400, r#"{"error":"InvalidRequest"}"#), now())), "credential");
    assert_eq!(kind(xrpc::no_write(Silence::Lost(String::new()))), "unclear");
    assert_eq!(kind(xrpc::no_write(Silence::NotSent(String::new()))), "later");
    assert_eq!(kind(xrpc::no_read(Silence::Lost(String::new()))), "later");
}

#[test]
fn a_server_that_says_a_secret_back_is_not_repeated() {
    let secret = SecretString::from("eyJhbGciOiJIUzI1NiJ9.x.y");
    let said = |body: &str| xrpc::veiled(answer(400, body), &secret).said();
    assert_eq!(said(r#"{"message":"bad token eyJhbGciOiJIUzI1NiJ9.x.y"}"#), "400");
    assert_eq!(said(r#"{"message":"bad token eyJhbGciOiJI"}"#), "400");
    assert_eq!(said(r#"{"message":"bad token"}"#), "400 bad token");
    let echo = xrpc::veiled(answer(400, r#"{"error":"InvalidToken","message":"eyJhbGciOiJIUzI1NiJ9.x.y"}"#), &secret);
    assert!(xrpc::is_stale(&echo), "what it means stays");
    assert_eq!(echo.said(), "400 InvalidToken");
}

#[test]
fn a_session_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("session.json");
    std::fs::write(&file, "{}").expect("written");
    for (mode, expected) in [(0o640, "others can read it"), (0o604, "others can read it"), (0o600, "connect")] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
        let fault = bluesky(&folder).account(now()).expect_err("nobody is there");
        assert!(matches!(&fault, Fault::Later { why, .. } if why.to_lowercase().contains(expected)), "{mode:o}: {fault}");
    }
}

#[test]
fn what_is_no_account_is_refused_at_once() {
    let new = |service: &str, handle: &str| {
        Bluesky::new(&service.parse().expect("an address"), handle, "x".into(), PathBuf::from("s"), Duration::from_secs(1))
    };
    for (service, handle) in [("https://pds.example", "no handle"), ("https://pds.example", ""), ("http://pds.example", "a.example")] {
        assert!(matches!(new(service, handle), Err(Fault::Refused { .. })), "{service} {handle}");
    }
    let debug = format!("{:?}", new("https://pds.example", "a.example").expect("one"));
    assert!(!debug.contains("\"x\"") && debug.contains("a.example"), "{debug}");
}
