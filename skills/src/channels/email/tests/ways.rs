//! How readers leave and choose, where we have a site.

use reveille_mission::{Purpose, Token, leaving_token, subscriber_bytes};

use super::*;

const ID: &str = "3af5f59d6169b2e0b6ab9d8ad6cb2b62";

#[test]
fn where_we_have_a_site_readers_leave_and_choose_there() {
    let ann = Recipient { id: ID.into(), email: "ann@b.example".into(), name: None };
    let email = server_alone();
    let both = |letter: &Letter| {
        let (text, _) = freeze(letter, "digest", &ann, b"key", now()).expect("frozen");
        let message = message(&email, letter, &ann).expect("made");
        (Mail::of(&text).expect("a mail"), message.replace("=\r\n", "").replace("\r\n ", " "))
    };
    let at = |url: &str, unsubscribe: Option<&str>| {
        Letter { unsubscribe: unsubscribe.map(str::to_owned), ..letter() }.at_site(&url.parse().expect("an address"))
    };

    let (mail, message) = both(&at("https://a.example", None));
    let left = Token::check(&mail.token, Purpose::Leave, b"key", now()).expect("a token to leave");
    assert_eq!((left.subscriber_id(), left.expires), (ID.to_owned(), None));
    assert!(message.contains(&format!("List-Unsubscribe: <https://a.example/leave/{}>, <mailto:", mail.token)), "{message}");
    assert!(message.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{message}");
    let preferences = mail.preferences.expect("a token to choose");
    let chosen = Token::check(&preferences, Purpose::Preferences, b"key", now()).expect("good");
    assert_eq!(chosen.subscriber, subscriber_bytes(ID).expect("an id"));
    // As long as in any other mail.
    let last = now() + chrono::TimeDelta::days(crate::channels::email::PREFERENCES_DAYS);
    let good = |at| Token::check(&preferences, Purpose::Preferences, b"key", at).is_ok();
    assert!(good(last - chrono::TimeDelta::seconds(1)) && !good(last + chrono::TimeDelta::seconds(1)));
    assert!(Token::check(&preferences, Purpose::Leave, b"key", now()).is_err());
    assert!(message.contains(&format!("Preferences: https://a.example/preferences/{preferences}\r\nUnsubscribe: ")), "{message}");

    // A survey is asked where the letter asks it, by a link of the reader's own; in a home without a site by none.
    assert!(mail.survey.is_none() && !message.contains("Two questions"));
    let (mail, message) = both(&at("https://a.example", None).asking(Some(7)));
    let link = mail.survey.expect("a link");
    let answers =
        Token::check(link.strip_prefix("https://a.example/survey/").expect("ours"), Purpose::Survey, b"key", now()).expect("good");
    assert_eq!((answers.item, answers.subscriber_id()), (7, ID.to_owned()));
    assert!(message.contains(&format!("Two questions: {link}\r\nPreferences: ")), "{message}");
    assert!(message.contains(&format!("<a href=3D\"{link}\"")) && message.contains(">Two questions</a>"), "{message}");
    assert_eq!(letter().asking(Some(7)).survey, None);

    // The setting may say the same, or the site's other address; another address keeps the tokens that it knows.
    for ours in ["https://a.example/leave/{token}", "https://a.example/unsubscribe/{token}", "https://www.A.example:443/leave/{token}"] {
        assert_eq!(both(&at("https://a.example/", Some(ours))).0.token, mail.token, "{ours}");
    }
    for other in ["https://a.example/leave?t={token}", "https://a.example/out/{token}", "https://a.example.evil/leave/{token}"] {
        assert_eq!(both(&at("https://a.example/", Some(other))).0.token, leaving_token(b"key", ID), "{other}");
    }
    let (elsewhere, message) = both(&at("https://a.example", Some("https://b.example/out/{token}")));
    assert_eq!(elsewhere.token, leaving_token(b"key", ID));
    assert!(message.contains("<https://b.example/out/") && message.contains("https://a.example/preferences/"), "{message}");

    // One click goes over https, or stays on this machine (RFC 8058).
    for (url, one_click) in [
        ("http://a.example", false),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080/", true),
        ("http://localhost:8080", true),
        ("http://127.0.0.1.evil.example", false),
        ("http://10.0.0.1", false),
    ] {
        let (mail, message) = both(&at(url, None));
        assert_eq!(message.contains("List-Unsubscribe-Post"), one_click, "{url}");
        assert_eq!(Token::check(&mail.token, Purpose::Leave, b"key", now()).is_ok(), one_click, "{url}");
    }
}
