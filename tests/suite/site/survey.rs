//! A survey from the letter to its counts: each reader's own link in their mail, the page behind it, the answer, the numbers.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use reveille_tests::Home;
use reveille_tests::servers::Smtp;

use super::leave::{Served, home, send, subscribes};
use super::retain;

const URL: &str = "https://letter.example";

const SURVEY: &str = "name = \"length\"\n\n[[question]]\nask = \"Should the letters be longer?\"\nchoices = [\"shorter\", \"longer\"]\n\n\
    [[question]]\nask = \"How often?\"\nchoices = [\"less often\", \"more often\"]\n";

fn issue(home: &Home, number: u32, date: &str, survey: &str) {
    home.write(
        &format!("issues/0{number}-x.md"),
        format!("---\nid: \"tag:letter.example,2026:{number}\"\ntitle: Number {number}\nslug: number-{number}\ndate: {date}\nmail: true\nsurvey: {survey}\n---\n\nBody {number}.\n"),
    );
}

/// The paths of the survey in the mails with these words: by whom they were sent to.
fn links(smtp: &Smtp, words: &str) -> BTreeMap<String, String> {
    let mut links = BTreeMap::new();
    for message in smtp.plain_messages() {
        let text = String::from_utf8_lossy(&message).replace("=\r\n", "").replace("=3D", "=");
        if text.contains(words) {
            let after = |start: &str, end: char| {
                text.split_once(start).map(|(_, rest)| rest.split(end).next().unwrap_or_default().trim().to_owned())
            };
            let link = after("Two questions: https://letter.example", '\r').unwrap_or_else(|| panic!("no link in {text}"));
            assert!(text.contains(&format!("<a href=\"{URL}{link}\"")), "{text}");
            links.insert(after("Delivered-To: ", '@').expect("a recipient"), link);
        }
    }
    links
}

fn counts(home: &Home) -> serde_json::Value {
    home.run(&["answers", "--survey", "length", "--json"]).ok().json()["surveys"][0]["questions"].clone()
}

#[test]
fn a_letter_asks_its_readers_and_their_answers_are_counted() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    home.write("survey.toml", SURVEY);
    issue(&home, 45, "2026-11-19", "length");
    let names = ["bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ivo", "kim"];
    names.iter().for_each(|name| subscribes(&home, name));
    send(&mut home, "2026-11-20T14:00:00Z");
    let sent = links(&smtp, "Subject: Number 45\r\n");
    assert_eq!(sent.keys().map(String::as_str).collect::<Vec<_>>(), [&["ann"][..], &names].concat());
    assert_eq!(sent.values().collect::<BTreeSet<_>>().len(), 10, "each has their own: {sent:?}");

    // Looking is not answering, and nobody answers from another page.
    let served = Served::start(&home);
    for link in sent.values() {
        let page = served.get(link);
        assert_eq!(page.status(), StatusCode::OK);
        let page = page.text().unwrap();
        assert!(page.contains("Should the letters be longer?") && page.contains("less often"), "{page}");
        assert_eq!(served.post(link, Some("https://evil.example"), "first=0&second=0").status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(counts(&home)[0]["choices"], serde_json::json!([["shorter", null], ["longer", null]]));
    let (first, second): (Vec<&String>, Vec<&String>) = (sent.values().take(5).collect(), sent.values().skip(5).collect());
    for link in first {
        let thanks = served.post(link, Some(URL), "first=1&second=0");
        assert_eq!(thanks.status(), StatusCode::OK);
        assert!(thanks.text().unwrap().contains("Thank you"));
    }
    let counted = counts(&home);
    assert_eq!(counted[0]["ask"], "Should the letters be longer?");
    // Of two numbers, one too small to be shown hides the other, too.
    assert_eq!(counted[0]["choices"], serde_json::json!([["shorter", null], ["longer", null]]));
    for link in second {
        assert_eq!(served.post(link, Some(URL), "first=0&second=0").status(), StatusCode::OK);
    }
    assert_eq!(counts(&home)[0]["choices"], serde_json::json!([["shorter", 5], ["longer", 5]]));

    // Who gets one letter a week is asked in that one.
    issue(&home, 46, "2026-11-21", "length");
    let preferences = smtp.plain_messages().iter().find_map(|message| {
        let text = String::from_utf8_lossy(message).replace("=\r\n", "").replace("=3D", "=");
        let own = text.contains("Delivered-To: eve@") && text.contains("Preferences: ");
        own.then(|| text.split_once("Preferences: https://letter.example").unwrap().1.split('\r').next().unwrap().to_owned())
    });
    assert_eq!(served.post(&preferences.expect("a link"), Some(URL), "frequency=weekly").status(), StatusCode::OK);
    send(&mut home, "2026-11-21T14:00:00Z");
    send(&mut home, "2026-11-23T14:00:00Z");
    let weekly = links(&smtp, "Body 46.");
    assert_eq!((weekly.len(), served.get(&weekly["eve"]).status()), (10, StatusCode::OK), "{weekly:?}");

    // No letter goes out with a link that leads nowhere: the human is told the line.
    let before = smtp.plain_messages().len();
    issue(&home, 47, "2026-11-23", "lenght");
    let said = home.at("2026-11-23T18:00:00Z").run(&["wake", "--no-model"]);
    assert!(said.code == 1 && smtp.plain_messages().len() == before, "{said:?}");
    assert!(said.stderr.contains("issues/047-x.md:7: `survey: lenght` is unknown: survey.toml asks `length`"), "{said:?}");
    assert!(home.read("PROGRESS.md").contains("`survey: lenght` is unknown"));
}

#[test]
fn a_letter_to_silent_readers_asks_them() {
    let smtp = Smtp::start();
    let mut home = retain::mailed(&smtp);
    home.write("survey.toml", SURVEY);
    home.write("drafts/silent-30.md", "---\ntitle: Still there?\nretain: 30\nready: true\nsurvey: length\n---\nHello.\n");
    retain::wake(&mut home, "2026-10-03T12:00:00Z");
    let sent = links(&smtp, "Subject: Still there?\r\n");
    assert_eq!(sent.len(), 4, "{sent:?}");
    let served = Served::start(&home);
    assert_eq!(served.post(&sent["cyd"], Some(URL), "first=1&second=0").status(), StatusCode::OK);
    // Whoever answers is there: no longer silent.
    let segments = home.run(&["readers", "segments", "--json"]).ok().json();
    assert_eq!(segments["silence"]["lapsed"]["30"], 3, "{segments}");
}
