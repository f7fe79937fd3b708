//! What docs/operations.md says goes wrong, provoked: the messages on the page are the ones that are printed.

use reveille_tests::scripted::{Play, Scripted};
use reveille_tests::servers::Mastodon;
use reveille_tests::{Home, SETTINGS, Said, repository};

use crate::crash::matrix::failing_disk;

/// The messages that the page shows under a heading, a line each.
fn page(heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("docs/operations.md")).expect("the page");
    let section = text.split_once(&format!("\n### {heading}\n")).unwrap_or_else(|| panic!("no section “{heading}”")).1;
    let section = section.split("\n### ").next().and_then(|section| section.split("\n## ").next()).unwrap_or_default();
    let shown = section.split("```").nth(1).unwrap_or_else(|| panic!("“{heading}” shows no messages"));
    shown.lines().filter(|line| !line.is_empty()).map(folded).collect()
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text holds a message of the page, whatever stands at its `…`, and however its lines are broken.
fn holds(text: &str, message: &str) -> bool {
    let text = folded(text);
    let starts = text.match_indices(message.split('…').next().unwrap_or_default()).map(|(at, _)| at);
    let fits = |at: usize| {
        let mut rest = text.get(at..at + 900.min(text.len() - at)).unwrap_or(&text[at..]);
        message.split('…').all(|piece| rest.find(piece).map(|found| rest = &rest[found + piece.len()..]).is_some())
    };
    starts.into_iter().any(fits)
}

fn said(home: &Home, arguments: &[&str]) -> String {
    let said = home.run(arguments);
    format!("{}\n{}\n", said.stdout, said.stderr)
}

/// Everything the page shows under a heading was printed, each message of the page by one of these texts.
fn all_said(heading: &str, texts: &[String]) {
    for message in page(heading) {
        assert!(texts.iter().any(|text| holds(text, &message)), "not printed: {message}\n{}", texts.join("\n-----\n"));
    }
}

const ISSUE: &str = "---\ntitle: Fog\nsummary: What fog does.\ndate: 2026-11-19\n---\nLit.\n";

fn settings_with(server: &str) -> String {
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
    format!("{head}[channels.mastodon]\nserver = \"{server}\"\ntoken = {{ env = \"TOKEN\" }}\n")
}

/// A home that is to tell an issue on this server.
fn telling(server: &str) -> Home {
    let mut home = Home::new("- [ ] Post issue 45 to Mastodon\n");
    home.write("reveille.toml", settings_with(server));
    home.write("issues/045-fog.md", ISSUE);
    home.env("TOKEN", "a-token");
    home
}

fn three_wakes(home: &mut Home) {
    for now in ["2026-11-20T14:00:00Z", "2026-11-20T16:00:00Z", "2026-11-20T18:00:00Z"] {
        let _ = home.at(now).run(&["wake", "--no-model"]);
    }
}

#[test]
fn it_is_stuck() {
    let server = Mastodon::start();
    let mut picture = telling(&server.url);
    picture.env("TOKEN", &server.token);
    picture.write("issues/fog.txt", "no picture");
    picture.write("issues/045-fog.md", ISSUE.replace("title", "image: fog.txt\nimage_alt: Fog\ntitle"));
    three_wakes(&mut picture);
    let down = Scripted::start(|_, _| Play::Cut);
    let mut dark = telling(&down.url);
    three_wakes(&mut dark);
    let wrong = Home::new("");
    wrong.write("reveille.toml", format!("{SETTINGS}[wakes]\n"));
    assert_eq!([wrong.run(&["wake"]).code, wrong.run(&["wake"]).code, wrong.run(&["status"]).code], [78; 3]);
    let readers = Home::new("- [ ] Send issue 45 to the mailing list\n");
    readers.write("readers.csv", "email,status\nann@person.net,confirmed,extra\n");
    let _ = readers.run(&["wake", "--no-model"]);
    let texts = [picture.read("PROGRESS.md"), dark.read("PROGRESS.md"), said(&wrong, &["status"]), readers.read("PROGRESS.md")];
    all_said("It is stuck", &texts);
}

#[test]
fn it_is_silent() {
    let home = Home::new("- [ ] Refactor the queue for:nobody\n- [ ] Post issue 45 to Mastodon\n");
    home.write("issues/045-fog.md", ISSUE);
    let _ = home.run(&["wake", "--no-model"]).ok();
    let mut texts = vec![home.read("PROGRESS.md")];
    let _ = home.run(&["pause", "--reason", "holiday", "--until", "2026-12-01"]).ok();
    texts.extend([said(&home, &["status"]), said(&home, &["wake"])]);
    let _ = home.run(&["resume"]).ok();
    home.write("STOP", "");
    texts.extend([said(&home, &["status"]), said(&home, &["wake"])]);
    all_said("It is silent", &texts);
}

#[test]
fn a_credential_is_lost() {
    let mut without = Home::new("- [ ] Post issue 45 to Mastodon\n");
    without.write("reveille.toml", settings_with("https://social.example"));
    without.write("issues/045-fog.md", ISSUE);
    let mut texts = vec![said(without.at("2026-11-20T14:00:00Z"), &["doctor"]), said(&without, &["wake", "--no-model"])];
    let revoked = Scripted::start(|_, _| Play::json(401, &serde_json::json!({"error": "The access token was revoked"})));
    let mut home = telling(&revoked.url);
    texts.push(said(&home, &["wake", "--no-model"]));
    home.at("2026-11-20T16:00:00Z");
    let _ = home.run(&["wake", "--no-model"]).ok();
    texts.push(home.read("PROGRESS.md"));
    all_said("A credential is lost", &texts);
}

#[test]
fn the_clock_is_wrong() {
    let mut home = Home::new("- [ ] Refactor the queue for:nobody\n");
    let scheduled = ["wake", "--no-model", "--scheduled", "cron"];
    let mut texts = vec![];
    // Two hours passed each time, whatever the clock says.
    for (uptime, now) in [("0", "2026-11-20T14:00:00Z"), ("7200", "2026-11-28T16:00:00Z"), ("14400", "2026-11-20T18:00:00Z")] {
        home.env("REVEILLE_UPTIME", uptime);
        texts.push(said(home.at(now), &scheduled));
        texts.extend([home.read("PROGRESS.md"), said(&home, &["status"])]);
    }
    texts.push(said(home.at("2026-11-20T15:00:00Z"), &scheduled));
    all_said("The clock is wrong", &texts);
}

#[test]
fn the_disk_is_full() {
    let mut texts = vec![];
    for (step, number) in [("before-claim", 28), ("after-begin", 28), ("before-claim", 30), ("before-claim", 5)] {
        let home = Home::new("- [ ] Refactor the queue for:nobody\n");
        let marks = tempfile::tempdir().expect("a folder");
        let mut wake = home.command(&["wake", "--no-model"]);
        wake.env("REVEILLE_FAULT", format!("{step}=mark")).env("REVEILLE_FAULT_MARK", marks.path().join("mark"));
        wake.env("LD_PRELOAD", failing_disk()).env("REVEILLE_DISK_ERRNO", number.to_string());
        let said = Said::of(&wake.env("REVEILLE_DISK_ROOT", home.path().canonicalize().expect("a path")).output().expect("it starts"));
        assert_eq!(said.code, 1, "{said:?}");
        texts.push(said.stderr);
        let _ = home.run(&["wake", "--no-model"]).ok();
    }
    all_said("The disk is full", &texts);
}

/// Moves or copies all that is in a home into another folder.
fn carry(from: &Home, to: &Home, by: &str, options: &[&str]) {
    let there = std::fs::read_dir(from.path()).expect("a folder").flatten().map(|entry| entry.path());
    let done = std::process::Command::new(by).args(options).args(there).arg(to.path()).status().expect("it starts");
    assert!(done.success());
}

#[test]
fn the_home_was_moved() {
    let home = Home::new("- [ ] Refactor the queue for:nobody\n");
    let _ = home.run(&["wake", "--no-model"]).ok();
    let (mut moved, copy) = (Home::empty(), Home::empty());
    carry(&home, &copy, "cp", &["-R"]);
    carry(&home, &moved, "mv", &[]);
    let _ = moved.at("2026-11-20T16:00:00Z").run(&["wake", "--no-model"]).ok();
    all_said("The home was moved", &[moved.read("PROGRESS.md"), said(&copy, &["wake", "--no-model"])]);
}

#[test]
fn a_backup_was_restored() {
    let mut home = Home::new("- [ ] Refactor the queue for:nobody\n");
    let _ = home.run(&["wake", "--no-model"]).ok();
    let name = home.run(&["backup", "list", "--json"]).ok().json()[0]["name"].as_str().expect("a backup").to_owned();
    let _ = home.at("2026-11-20T16:00:00Z").run(&["wake", "--no-model"]).ok();
    let _ = home.run(&["backup", "restore", &name, "--yes"]).ok();
    let mut texts = vec![said(&home, &["wake", "--no-model"])];
    let _ = home.run(&["resume"]).ok();
    let _ = home.at("2026-11-20T18:00:00Z").run(&["wake", "--no-model"]).ok();
    for rest in ["reveille.db-wal", "reveille.db-shm"] {
        let _ = std::fs::remove_file(home.join("memory").join(rest));
    }
    std::fs::copy(home.join("memory/backups").join(&name).join("reveille.db"), home.join("memory/reveille.db")).expect("put back");
    texts.push(said(&home, &["wake", "--no-model"]));
    all_said("A backup was restored", &texts);
}

#[test]
fn a_message_that_is_not_printed_is_noticed() {
    assert!(holds("a  “x” failed\n three times: y, or z", "“…” failed three times: …, or z"));
    assert!(!holds("“x” failed twice: y, or z", "“…” failed three times: …, or z"));
    assert!(!holds("or z “x” failed three times: y", "“…” failed three times: …, or z"));
}
