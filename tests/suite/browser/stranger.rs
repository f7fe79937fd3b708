//! From a stranger to a reader and out again: a real browser of phone size, the program, a real mailbox; and what each step changes in
//! `status` and in what the next wake decides.

use std::time::{Duration, Instant};

use reveille_tests::Home;
use reveille_tests::browser::Browser;
use reveille_tests::servers::Smtp;
use serde_json::Value;

use super::Served;

const PHONE: &str =
    "Mozilla/5.0 (Linux; Android 9; Pixel 3) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/74.0.3729.157 Mobile Safari/537.36";
const READER: &str = "ann@home.net";
const LINE: &str = "Send issue 45 to the mailing list";

/// The mails that arrived, without the folds of their encoding.
fn mails(smtp: &Smtp, count: usize) -> Vec<String> {
    let begun = Instant::now();
    while smtp.plain_count() < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "mail {count} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    smtp.plain_messages().iter().map(|mail| String::from_utf8_lossy(mail).replace("=\r\n", "").replace("=3D", "=")).collect()
}

/// The first address of ours in a mail that leads below this path.
fn link(mail: &str, site: &str, path: &str) -> String {
    let at = mail.find(&format!("{site}{path}/")).unwrap_or_else(|| panic!("no {path} in {mail}"));
    mail[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || ":/.-_".contains(*c)).collect()
}

fn now(home: &Home, time: &str) {
    home.write("clock.new", time);
    std::fs::rename(home.join("clock.new"), home.join("clock")).unwrap();
}

/// Waits until so many people are counted at a step: what is seen is written every two seconds.
fn counted(home: &Home, step: &str, count: u64) {
    let begun = Instant::now();
    while people(home, step) != count {
        assert!(begun.elapsed() < Duration::from_secs(60), "{step}: {} instead of {count}", people(home, step));
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// People at a step of the funnel.
fn people(home: &Home, step: &str) -> u64 {
    let status = home.run(&["status", "--json"]).ok().json();
    let steps = status["visits"]["funnel"].as_array().cloned().unwrap_or_default();
    steps.iter().find(|one| one["step"] == step).map_or(0, |one| one["people"].as_u64().unwrap())
}

fn confirmed(home: &Home) -> u64 {
    home.run(&["status", "--json"]).ok().json()["readers"]["confirmed"].as_u64().unwrap()
}

/// What would become of the line at the next wake: its verdict, the kind of its refusal, and how many people it is for.
fn decided(home: &Home) -> (String, Value, u64) {
    let plan = home.run(&["plan", "--json"]).ok().json();
    let all = plan["candidates"].as_array().unwrap();
    let line = all.iter().find(|one| one["text"].as_str().unwrap().starts_with(LINE)).unwrap_or_else(|| panic!("{plan:#}"));
    (line["verdict"].as_str().unwrap().to_owned(), line["refusal"]["kind"].clone(), line["audience"]["count"].as_u64().unwrap_or(0))
}

#[test]
fn a_stranger_becomes_a_reader_reads_offline_and_leaves() {
    let smtp = Smtp::start();
    let port = smtp.plain_port;
    let site = Served::start(|home| {
        let mail = format!(
            "[channels.email]\nsmtp = \"smtp://127.0.0.1:{port}\"\nfrom = \"From The Inside <letter@letter.example>\"\nrate = 60000\n"
        );
        let settings = home.read("reveille.toml");
        let others: String = settings.split("\n[").filter(|part| !part.starts_with("channels.email")).collect::<Vec<_>>().join("\n[");
        home.write("reveille.toml", format!("{others}\n{mail}"));
        now(home, "2026-11-20T14:00:00Z");
    });
    let home = &site.home;
    let issue = site.at("issues/the-infrastructure-nobody-uses/");
    assert_eq!((confirmed(home), decided(home)), (0, ("refused".to_owned(), "no_audience".into(), 0)));

    // Landing, by a post on Mastodon, and subscribing from there.
    let seen = Browser::run("subscribe", &[&format!("{issue}?via=mastodon"), READER]);
    assert_eq!((&seen["status"], &seen["answered"]), (&200.into(), &200.into()), "{seen}");
    assert!(seen["after"]["text"].as_str().unwrap().contains("Look into your mail"), "{seen}");
    counted(home, "landing", 1);
    assert_eq!((people(home, "signup"), people(home, "confirmed")), (1, 0));
    assert_eq!((confirmed(home), decided(home).0.as_str()), (0, "refused"), "asking is not confirming");

    // The mail, its link, the button.
    let mail = mails(&smtp, 1).pop().unwrap();
    assert!(mail.contains(&format!("Delivered-To: {READER}")), "{mail}");
    let seen = Browser::run("press", &[&link(&mail, &site.url, "confirm")]);
    assert_eq!(seen["answered"], 200, "{seen}");
    assert_eq!((confirmed(home), people(home, "confirmed"), people(home, "active")), (1, 1, 0));
    assert_eq!(decided(home), ("eligible".to_owned(), Value::Null, 1), "the next wake may send now");

    // The welcome says where to begin; that is read without a network.
    let welcome = mails(&smtp, 2).pop().unwrap();
    let start = link(&welcome, &site.url, "issues");
    let seen = Browser::run("offline", &[&site.url, &start, &site.at("issues/never-written/")]);
    assert!(seen["network"] == false && seen["reloaded"]["note"].as_str().unwrap().starts_with("A copy as of "), "{seen}");
    assert_eq!(seen["reloaded"]["text"], seen["online"]["text"]);

    // The wake sends, and a person follows a link of the letter.
    for hour in 0..4 {
        now(home, &format!("2026-11-20T{}:00:00Z", 16 + 2 * hour));
        let _ = home.run(&["wake", "--no-model"]).ok();
    }
    let letter = mails(&smtp, 3).pop().unwrap();
    assert!(letter.contains(&format!("Delivered-To: {READER}")) && home.read("PROGRESS.md").contains(&format!("- [x] {LINE}")), "{letter}");
    now(home, "2026-11-21T08:00:00Z");
    let person =
        reqwest::blocking::Client::builder().no_proxy().user_agent(PHONE).redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = person.get(link(&letter, &site.url, "c")).send().unwrap();
    assert_eq!(answer.status(), 302);
    now(home, "2026-11-21T09:00:00Z");
    let _ = home.run(&["wake", "--no-model"]).ok();
    // Readers have seven days to be seen: that step ends a week ago.
    now(home, "2026-11-29T09:00:00Z");
    assert_eq!(people(home, "active"), 1, "{}", home.run(&["status"]).stdout);

    // One click, as a mail program makes it (RFC 8058).
    let header = letter.replace("\r\n ", " ");
    let header = header.lines().find(|line| line.starts_with("List-Unsubscribe: ")).unwrap();
    let leave = header.split(['<', '>']).nth(1).unwrap();
    let form = person.post(leave).header("content-type", "application/x-www-form-urlencoded").body("List-Unsubscribe=One-Click");
    assert_eq!(form.send().unwrap().status(), 200);
    assert_eq!((confirmed(home), people(home, "confirmed")), (0, 1), "who left stays counted in the funnel");
    home.write("PROGRESS.md", format!("# Plan\n\n- [ ] {LINE}\n"));
    home.write("issues/047-another.md", "---\ntitle: Another\nnumber: 47\ndate: 2026-11-21\nmail: true\n---\nWords.\n");
    let plan = home.run(&["plan", "--json"]).ok().json();
    let mail = plan["candidates"].as_array().unwrap().iter().find(|one| one["channel"] == "email" && one["source"] == "skill").unwrap();
    assert_eq!((&mail["refusal"]["kind"], &mail["audience"]["count"]), (&"no_audience".into(), &0.into()), "{plan:#}");
}
