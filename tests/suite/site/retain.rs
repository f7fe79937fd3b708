//! Readers who fall silent, over months of an injected clock and with a real mail server: who is written to, once, and for whom the
//! letters end.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use reveille_memory::{Memory, Sign, SignKind};
use reveille_mission::subscriber_id;
use reveille_tests::Home;
use reveille_tests::servers::Smtp;
use serde_json::Value;

const LINE: &str = "Win back readers silent for 30 days";
const LIST: &str = "email,name,status,tier,confirmed_at,source\n\
    ann@lighthouse.net,Ann,confirmed,free,2026-08-01,form\n\
    bob@lighthouse.net,Bob,confirmed,free,2026-08-01,form\n\
    cyd@lighthouse.net,Cyd,confirmed,free,2026-08-01,form\n\
    dan@lighthouse.net,Dan,confirmed,free,2026-08-01,form\n\
    eve@lighthouse.net,Eve,pending,free,,form\n";

/// A home that can mail; `more` are further settings.
fn home(server: &Smtp, more: &str) -> Home {
    let mut home = Home::new(format!("# Plan\n\n- [ ] {LINE}\n- [ ] Send issue 45 to the mailing list\n"));
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
    let mail = format!(
        "[channels.email]\nsmtp = \"smtp://127.0.0.1:{}\"\nfrom = \"The Letter <letter@letter.example>\"\nrate = 60000\n",
        server.plain_port
    );
    home.write("reveille.toml", format!("{head}{more}\n{mail}"));
    issue(&home, 45, "2026-08-30");
    home.write("readers.csv", LIST);
    home.env("TEST_TOKEN", "cnry-token-of-none");
    home
}

fn issue(home: &Home, number: u32, date: &str) {
    let text = format!(
        "---\ntitle: Issue {number}\nsummary: What {number} says.\ntags: [fog]\ndate: {date}\nid: \"tag:letter.example,2026:{number}\"\n---\nLit.\n"
    );
    home.write(&format!("issues/{number:03}-number-{number}.md"), text);
}

pub(super) fn letter(home: &Home, stage: u16, ready: bool) {
    let text = format!(
        "---\ntitle: Still there after {stage} days?\nretain: {stage}\nready: {ready}\n---\nRead [the last one](../issues/045-number-45.md).\n"
    );
    home.write(&format!("drafts/silent-{stage}.md"), text);
}

/// A sign of life of a reader, as the readers' side keeps it.
pub(super) fn sign(home: &Home, name: &str, kind: SignKind, at: &str) {
    let at = at.parse().expect("a time");
    let mut memory = Memory::open(&home.join("memory/reveille.db"), at).expect("opened");
    let subscriber = subscriber_id(&format!("{name}@lighthouse.net"));
    memory.record_signs(&[Sign { subscriber, kind, about: "tag:letter.example,2026:45".into(), at }]).expect("kept");
}

pub(super) fn wake(home: &mut Home, at: &str) {
    let _ = home.at(at).run(&["wake", "--no-model"]).ok();
}

/// Who got a mail with these words in its subject, and how often.
fn got(server: &Smtp, subject: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for message in server.plain_messages() {
        let text = String::from_utf8_lossy(&message).into_owned();
        if text.lines().any(|line| line.starts_with("Subject: ") && line.contains(subject)) {
            let to = text.lines().find_map(|line| line.strip_prefix("Delivered-To: ")).expect("a recipient");
            *counts.entry(to.split('@').next().unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
    }
    counts
}

fn once(names: &[&str]) -> BTreeMap<String, usize> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

fn candidate<'a>(plan: &'a Value, start: &str) -> Option<&'a Value> {
    plan["candidates"].as_array().expect("candidates").iter().find(|one| one["text"].as_str().is_some_and(|text| text.starts_with(start)))
}

/// Somebody listens since 1 September, Dan was heard, and everybody got issue 45 on that day.
pub(super) fn mailed(server: &Smtp) -> Home {
    let mut home = home(server, "[site]\n");
    home.write("PROGRESS.md", "# Plan\n");
    wake(&mut home, "2026-09-01T10:00:00Z");
    sign(&home, "dan", SignKind::Confirmation, "2026-09-01T11:00:00Z");
    home.write("PROGRESS.md", format!("# Plan\n\n- [ ] {LINE}\n- [ ] Send issue 45 to the mailing list\n"));
    wake(&mut home, "2026-09-01T12:00:00Z");
    assert_eq!(got(server, "Issue 45"), once(&["ann", "bob", "cyd", "dan"]));
    home
}

#[test]
fn the_silent_are_written_to_once_and_come_back_by_a_sign() {
    let server = Smtp::start();
    let mut home = mailed(&server);

    // Nobody is silent: refused with the count and where it comes from, whatever else is missing.
    let plan = home.at("2026-09-06T12:00:00Z").plan(&[]);
    let line = candidate(&plan, LINE).expect("the line");
    assert_eq!(line["refusal"]["kind"], "no_audience", "{line}");
    assert!(line["refusal"]["why"].as_str().unwrap().starts_with("it is for readers silent for 30 days, and today there are 0"), "{line}");
    assert_eq!((line["audience"]["count"].as_u64(), line["audience"]["source"].as_str()), (Some(0), Some("subscribers.lapsed_30")));
    assert!(line["audience"]["measured_at"].is_string());

    // Three are, and the author has written nothing: asked for, with the people it would reach.
    sign(&home, "bob", SignKind::Click, "2026-10-01T12:00:00Z");
    let plan = home.at("2026-10-03T12:00:00Z").plan(&[]);
    assert_eq!(candidate(&plan, LINE).expect("the line")["refusal"]["kind"], "blocked");
    let ask = plan["needs_you"].as_array().expect("asks").iter().find(|ask| ask["ask"].as_str().unwrap().contains("drafts/silent-30.md"));
    assert_eq!(ask.map(|ask| ask["reach"].as_f64()), Some(Some(3.0)), "{plan:#}");
    letter(&home, 30, false);
    wake(&mut home, "2026-10-03T12:00:00Z");
    assert!(got(&server, "Still there").is_empty(), "it was not released");
    let segments = home.run(&["readers", "segments", "--json"]).ok().json();
    assert_eq!(segments["silence"]["lapsed"], serde_json::json!({"7": 0, "30": 3, "60": 0}));

    // Released, and yet it does not go: the ask says why.
    let asked = |home: &mut Home| {
        let plan = home.at("2026-10-03T13:00:00Z").plan(&[]);
        let line = candidate(&plan, LINE).expect("the line")["refusal"].clone();
        (line["why"].as_str().expect("why").to_owned(), line["unblock"].as_str().expect("what to do").to_owned())
    };
    letter(&home, 30, true);
    home.write("drafts/silent-30.md", home.read("drafts/silent-30.md").replace("ready: true", "ready: true\ndate: 2026-12-01"));
    let (why, unblock) = asked(&mut home);
    assert_eq!(why, "drafts/silent-30.md is held back until 2026-12-01");
    assert!(unblock.contains("held back until 2026-12-01") && unblock.contains("`date:`"), "{unblock}");
    letter(&home, 30, true);
    home.write("drafts/month.md", home.read("drafts/silent-30.md"));
    let (why, unblock) = asked(&mut home);
    assert!(why.contains("drafts/month.md and drafts/silent-30.md are both released"), "{why}");
    assert!(unblock.contains("`ready: false` in drafts/month.md or in drafts/silent-30.md"), "{unblock}");
    std::fs::remove_file(home.join("drafts/month.md")).unwrap();

    // Released: exactly those three, and the line is ticked on the server's word.
    letter(&home, 30, true);
    wake(&mut home, "2026-10-03T14:00:00Z");
    assert_eq!(got(&server, "30 days"), once(&["ann", "cyd", "dan"]), "{}", home.read("PROGRESS.md"));
    assert!(home.read("PROGRESS.md").contains(&format!("- [x] {LINE}")), "{}", home.read("PROGRESS.md"));
    let mail = server.plain_messages().pop().map(|mail| String::from_utf8_lossy(&mail).into_owned()).expect("a mail");
    assert!(mail.contains("https://letter.example/c/") && mail.contains("Unsubscribe"), "{mail}");
    for later in ["2026-10-03T16:00:00Z", "2026-10-05T12:00:00Z", "2026-10-29T12:00:00Z"] {
        wake(&mut home, later);
    }
    assert_eq!(got(&server, "30 days"), once(&["ann", "cyd", "dan"]), "a second time");
    assert!(!home.join("site/drafts").exists() && !home.read("site/index.html").contains("Still there"), "it is no issue");

    // A click ends the silence; the others get the last message, proposed by itself.
    sign(&home, "ann", SignKind::Click, "2026-10-06T12:00:00Z");
    letter(&home, 7, true);
    letter(&home, 60, true);
    wake(&mut home, "2026-11-02T12:00:00Z");
    assert_eq!(got(&server, "60 days"), once(&["cyd", "dan"]), "{}", home.read("PROGRESS.md"));
    assert!(got(&server, "after 7 days").is_empty(), "an earlier stage after a later one");

    // Fourteen days more: letters end for both, until one of them is heard.
    wake(&mut home, "2026-11-15T12:00:00Z");
    let silence = |home: &Home| home.run(&["status", "--json"]).ok().json()["silence"].clone();
    assert_eq!(silence(&home)["sunset"], 0);
    wake(&mut home, "2026-11-16T14:00:00Z");
    assert_eq!((&silence(&home)["sunset"], &silence(&home)["lapsed"]["60"]), (&Value::from(2), &Value::from(0)));
    let status = home.run(&["status", "--json"]).ok().json();
    assert_eq!(status["silence"]["unknown"], Value::Null);
    // Everybody says the same of them: two who count, two who are silent.
    let listed = home.run(&["readers", "list", "--json"]).ok().json();
    assert_eq!((&listed["confirmed"], &status["readers"]["confirmed"]), (&Value::from(2), &Value::from(2)));
    assert_eq!(listed["left_out"]["silent"], 2, "{listed}");
    let exported = home.run(&["readers", "export"]).ok().stdout;
    assert!(exported.contains("cyd@lighthouse.net,Cyd,silent") && exported.contains("ann@lighthouse.net,Ann,confirmed"), "{exported}");
    issue(&home, 46, "2026-11-16");
    home.write("PROGRESS.md", "- [ ] Send issue 46 to the mailing list\n");
    wake(&mut home, "2026-11-16T16:00:00Z");
    assert_eq!(got(&server, "Issue 46"), once(&["ann", "bob"]));
    sign(&home, "dan", SignKind::Reply, "2026-11-17T12:00:00Z");
    issue(&home, 47, "2026-11-17");
    home.write("PROGRESS.md", "- [ ] Send issue 47 to the mailing list\n");
    wake(&mut home, "2026-11-17T16:00:00Z");
    assert_eq!(got(&server, "Issue 47"), once(&["ann", "bob", "dan"]));
    assert_eq!(silence(&home)["sunset"], 1);
}

#[test]
fn without_ears_nobody_is_silent() {
    let server = Smtp::start();
    let mut home = home(&server, "");
    // Where nobody has listened yet because no wake has run, nothing is to be added.
    let first = self::home(&server, "[site]\n").plan(&[]);
    let refusal = &candidate(&first, LINE).expect("the line")["refusal"];
    let said = format!("{} {}", refusal["why"], refusal["unblock"]);
    assert!(said.contains("no wake has begun to listen") && said.contains("`reveille wake`") && !said.contains("[site]"), "{said}");
    letter(&home, 30, true);
    wake(&mut home, "2026-09-01T12:00:00Z");
    let unknown = |home: &Home, why: &str| {
        let plan = home.plan(&[]);
        let line = candidate(&plan, LINE).expect("the line");
        assert!(line["refusal"]["kind"] == "blocked" && line["refusal"]["why"].as_str().unwrap().contains(why), "{line}");
        assert!(candidate(&plan, "Write to readers silent").is_none(), "nothing is proposed of what nobody knows");
    };
    wake(&mut home, "2027-03-01T12:00:00Z");
    unknown(&home, "without the readers' side no click is seen");
    // From now on somebody listens. Nobody was heard yet, and what came before was no silence.
    home.write("reveille.toml", home.read("reveille.toml").replace("\n[channels.email]", "\n[site]\n[channels.email]"));
    wake(&mut home, "2027-03-01T14:00:00Z");
    unknown(&home, "no reader was ever heard");
    sign(&home, "bob", SignKind::Visit, "2027-03-01T15:00:00Z");
    let plan = home.at("2027-03-20T12:00:00Z").plan(&[]);
    assert_eq!(candidate(&plan, LINE).expect("the line")["refusal"]["kind"], "no_audience", "no letter went out since");
    // What is assumed is known.
    let plan = home.plan(&["--assume", "subscribers.lapsed_30=12"]);
    let line = candidate(&plan, LINE).expect("the line");
    assert_eq!((line["verdict"].as_str(), line["reach"].as_f64()), (Some("eligible"), Some(12.0)), "{line}");
    assert!(got(&server, "Still there").is_empty());
}

#[test]
fn a_crash_on_the_way_writes_to_nobody_twice() {
    let server = Smtp::start();
    let mut before = 0;
    for step in ["before-intent", "after-intent", "before-call:2", "after-answer:2", "after-confirm:2", "before-record"] {
        let mut home = mailed_quietly(&server);
        letter(&home, 30, true);
        home.at("2026-10-03T12:00:00Z");
        let mut killed = home.command(&["wake", "--no-model"]);
        let ended = killed.env("REVEILLE_FAULT", step).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts");
        assert_eq!(ended.signal(), Some(9), "{step} was not reached");
        for later in ["2026-10-03T14:00:00Z", "2026-10-04T14:00:00Z", "2026-10-06T14:00:00Z"] {
            wake(&mut home, later);
        }
        // A mail that was on its way in the crash waits for the author's word, who can see here whether it arrived.
        let there = got(&server, "30 days").values().sum::<usize>() - before;
        let status = home.run(&["status", "--json"]).ok().json();
        let unsettled = status["unsettled"].as_array().expect("a list");
        assert!(unsettled.len() <= 1 && there + unsettled.len() >= 3, "{step}: {there} arrived, {status:#}");
        if let Some(said) = unsettled.first().and_then(Value::as_str) {
            let item = said.split('"').nth(1).expect("what to say").to_owned();
            let _ = home.run(&["posted", &item, if there == 3 { "--there" } else { "--not" }]).ok();
            wake(&mut home, "2026-10-07T14:00:00Z");
        }
        let all = got(&server, "30 days");
        assert_eq!(all.values().sum::<usize>() - before, 3, "{step}");
        assert!(all.values().all(|count| *count == all["ann"]), "{step}: somebody got it twice, and another never: {all:?}");
        before += 3;
    }
}

/// The same home as [`mailed`], beside the mails of the others on the same server; Bob is heard later.
fn mailed_quietly(server: &Smtp) -> Home {
    let mut home = home(server, "[site]\n");
    home.write("PROGRESS.md", "# Plan\n");
    wake(&mut home, "2026-09-01T10:00:00Z");
    home.write("PROGRESS.md", "- [ ] Send issue 45 to the mailing list\n");
    wake(&mut home, "2026-09-01T12:00:00Z");
    sign(&home, "bob", SignKind::Click, "2026-10-01T12:00:00Z");
    home
}

#[test]
fn rules_of_cohorts_are_shown_for_groups_only() {
    let server = Smtp::start();
    let home = mailed(&server);
    let said = home.run(&["readers", "segments"]).ok().stdout;
    assert!(said.contains("Silent readers: 0 for 7 days") && said.contains("--write"), "{said}");
    let _ = home.run(&["readers", "segments", "--write"]).ok();
    assert_ne!(home.run(&["readers", "segments", "--write"]).code, 0, "it is never written over");
    sign(&home, "bob", SignKind::Click, "2026-10-01T12:00:00Z");
    let said = home.run(&["readers", "segments"]).ok().stdout;
    assert!(said.contains("fog           fewer than 20\n  unclassified  fewer than 20\n") && !said.contains('@'), "{said}");
    home.write("segments.toml", "version = 9\n");
    let said = home.run(&["readers", "segments"]);
    assert!(said.code == 78 && said.stderr.contains("segments.toml:1:11: rules of version 9"), "{said:?}");
}
