//! What fails again and again: an action is stopped and asked about once, a wake that fails as a whole is remembered and told, and
//! both go on by themselves when they are mended.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reveille_tests::scripted::{Play, Scripted};
use reveille_tests::servers::Mastodon;
use reveille_tests::{Home, SETTINGS, Said};

/// The time so many hours after the first wake.
fn hour(hours: i64) -> String {
    let first: chrono::DateTime<chrono::Utc> = reveille_tests::NOW.parse().expect("a time");
    (first + chrono::TimeDelta::hours(hours)).to_rfc3339()
}

fn wake(home: &mut Home, hours: i64) -> Said {
    home.at(&hour(hours)).run(&["wake", "--no-model"])
}

/// The asks about something that failed three wakes running.
fn asks(home: &Home) -> Vec<String> {
    home.read("PROGRESS.md")
        .lines()
        .filter(|line| line.starts_with("- [ ]") && line.contains("three wakes running"))
        .map(str::to_owned)
        .collect()
}

/// Answers an ask with a tick.
fn tick(home: &Home, entry: &str) {
    home.write("PROGRESS.md", home.read("PROGRESS.md").replace(entry, &entry.replacen("- [ ]", "- [x]", 1)));
}

const DRAFT: &str = "---\ntitle: Fog\nready: true\n---\n\nLit.\n";

/// A home that is to tell an issue on this server.
fn telling(url: &str, token: &str) -> Home {
    let mut home = Home::new("- [ ] Post issue 45 to Mastodon\n");
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
    home.write("reveille.toml", format!("{head}[channels.mastodon]\nserver = \"{url}\"\ntoken = {{ env = \"TOKEN\" }}\n"));
    home.write("issues/045-fog.md", ISSUE);
    home.env("TOKEN", token);
    home
}

const ISSUE: &str = "---\ntitle: Fog\nsummary: What fog does.\ndate: 2026-11-19\n---\nLit.\n";

#[test]
fn the_same_failure_three_wakes_running_stops_a_task_until_it_is_mended() {
    let server = Mastodon::start();
    let mut home = telling(&server.url, &server.token);
    home.write("issues/fog.txt", "no picture");
    home.write("issues/045-fog.md", ISSUE.replace("title", "image: fog.txt\nimage_alt: Fog\ntitle"));
    for hours in [0, 2, 4] {
        assert!(asks(&home).is_empty());
        let said = wake(&mut home, hours);
        assert!(said.stdout.contains("`fog.txt` is no picture"), "{said:?}");
        assert_eq!(said.code, i32::from(hours > 0), "all that was tried failed; at first there was measuring: {said:?}");
    }
    let [ask] = &asks(&home)[..] else { panic!("{}", home.read("PROGRESS.md")) };
    assert!(
        ask.contains("“Post issue 45 to Mastodon” failed") && ask.contains("use one of png") && ask.contains("tick to try again"),
        "{ask}"
    );
    for hours in (6..=200).step_by(97) {
        let said = wake(&mut home, hours).ok();
        assert!(said.stdout.contains("three wakes running"), "{said:?}");
        assert_eq!(asks(&home).as_slice(), std::slice::from_ref(ask), "said once, in the same words, and not tried again by time alone");
    }
    let plan = home.plan(&[]);
    assert_eq!(plan["candidates"][0]["refusal"]["kind"], "blocked", "{plan}");
    tick(&home, ask);
    assert_eq!(wake(&mut home, 202).code, 1, "a tick is one more go");
    let again = asks(&home);
    assert!(again.len() == 1 && again[0] != *ask, "and it is asked anew: {again:?}");
    let _ = wake(&mut home, 203).ok();
    assert_eq!(asks(&home), again, "the tick answered the stop that it was set for, and no other");
    home.write("issues/045-fog.md", ISSUE);
    let _ = wake(&mut home, 204).ok();
    assert!(home.read("PROGRESS.md").starts_with("- [x] Post issue 45") && asks(&home).is_empty(), "{}", home.read("PROGRESS.md"));
    assert_eq!(server.statuses().len(), 1);
}

#[test]
fn a_page_that_was_let_go_and_is_not_there_ticks_nothing_and_is_finished_later() {
    let mut home = Home::new("- [ ] Publish \"Fog\"\n");
    home.write("drafts/fog.md", DRAFT);
    home.write("templates/index.html", "{% if %}");
    for hours in [0, 2, 4, 6] {
        let said = wake(&mut home, hours);
        assert!(said.stdout.contains("index.html") && home.read("PROGRESS.md").starts_with("- [ ] Publish"), "{said:?}");
    }
    std::fs::remove_file(home.join("templates/index.html")).expect("mended");
    let _ = wake(&mut home, 8).ok();
    assert!(home.read("PROGRESS.md").starts_with("- [x] Publish \"Fog\" — site/"), "{}", home.read("PROGRESS.md"));
}

#[test]
fn a_server_that_is_down_is_looked_at_once_a_day_and_goes_on_by_itself() {
    let server = Mastodon::start();
    let (url, up) = (server.url.clone(), Arc::new(AtomicBool::new(false)));
    let well = Arc::clone(&up);
    let proxy = Scripted::start(move |request, _| if well.load(Ordering::SeqCst) { request.forward(&url) } else { Play::Cut });
    let mut home = telling(&proxy.url, &server.token);
    for hours in [0, 2, 4] {
        let said = wake(&mut home, hours);
        assert!(said.stdout.contains("Mastodon can't be reached now"), "{said:?}");
    }
    let [ask] = &asks(&home)[..] else { panic!("{}", home.read("PROGRESS.md")) };
    assert!(ask.contains("Mastodon is looked at once a day and it goes on by itself"), "{ask}");
    // Measuring looks at the server too, on its own day.
    let looks = |from: i64, to: i64, home: &mut Home| {
        let before = proxy.requests().iter().filter(|request| request.path.contains("verify_credentials")).count();
        (from..to).step_by(2).for_each(|hours| drop(wake(home, hours)));
        proxy.requests().iter().filter(|request| request.path.contains("verify_credentials")).count() - before
    };
    assert!(looks(6, 28, &mut home) <= 1, "before a day is over");
    assert!((1..=2).contains(&looks(28, 52, &mut home)), "a look a day, and a measuring");
    assert_eq!(server.statuses().len(), 0);
    up.store(true, Ordering::SeqCst);
    (52..80).step_by(2).for_each(|hours| drop(wake(&mut home, hours)));
    assert!(server.statuses().len() == 1 && home.read("PROGRESS.md").starts_with("- [x] Post issue 45"), "{}", home.read("PROGRESS.md"));
    assert!(asks(&home).is_empty());
}

#[test]
fn a_site_that_can_not_be_rendered_stops_nothing_else() {
    let mut home = Home::new("- [ ] Publish \"Fog\"\n");
    home.write("issues/001-first.md", "---\ntitle: First\ndate: 2026-01-01\n---\n\nBody.\n");
    home.write("templates/index.html", "{% if %}");
    for hours in [0, 2, 4, 6] {
        let said = wake(&mut home, hours);
        assert!(said.code == 0 && (hours == 6 || said.stdout.contains("the site could not be rendered")), "{said:?}");
    }
    let [ask] = &asks(&home)[..] else { panic!("{}", home.read("PROGRESS.md")) };
    assert!(ask.contains("Render the site") && ask.contains("index.html"), "{ask}");
    std::fs::remove_file(home.join("templates/index.html")).expect("removed");
    let _ = wake(&mut home, 8).ok();
    assert!(asks(&home).is_empty() && home.join("site/index.html").is_file());
}

#[test]
fn one_bad_row_of_readers_blocks_what_needs_readers_and_no_more() {
    let mut home = Home::new("- [ ] Publish \"Fog\"\n- [ ] Send issue 1 to the mailing list\n");
    home.env("TEST_SMTP_PASSWORD", "x");
    home.write("issues/001-first.md", "---\ntitle: First\ndate: 2026-01-01\n---\n\nBody.\n");
    home.write("drafts/fog.md", DRAFT);
    home.write("readers.csv", "email,status\nann@person.net,confirmed\nprivate@person.net,confirmed,extra\n");
    let said = wake(&mut home, 0).ok();
    assert!(said.stdout.contains("Publish \"Fog\"") && home.read("PROGRESS.md").starts_with("- [x] Publish \"Fog\""), "{said:?}");
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains("ist of readers (readers.csv:3") && progress.contains("not counted: the list can't be read"), "{progress}");
    assert!(!progress.contains("private@") && !said.stdout.contains("private@"));
    let plan = home.plan(&[]);
    let send = &plan["candidates"][0];
    assert!(
        send["refusal"]["kind"] == "blocked" && send["refusal"]["why"].as_str().is_some_and(|why| why.contains("readers.csv:3")),
        "{send}"
    );
    assert!(home.run(&["status"]).ok().stdout.contains("readers     not counted: readers.csv:3"));
    home.write("readers.csv", "email,status\nann@person.net,confirmed\n");
    let _ = wake(&mut home, 2);
    assert!(!home.read("PROGRESS.md").contains("readers.csv:3"), "{}", home.read("PROGRESS.md"));
}

#[test]
fn settings_that_are_wrong_are_told_by_status_and_the_next_wake_after_mending_goes_on() {
    let mut home = Home::new("- [ ] Publish \"Fog\"\n");
    let _ = wake(&mut home, 0).ok();
    let before = home.read("PROGRESS.md");
    home.write("reveille.toml", format!("{SETTINGS}[wakes]\nlimit = \"hunter2\"\n"));
    assert_eq!(wake(&mut home, 2).code, 78);
    assert_eq!(wake(&mut home, 4).code, 78);
    assert_eq!(home.read("PROGRESS.md"), before, "nothing else was changed");
    let status = home.run(&["status"]);
    assert!(status.code == 78 && status.stderr.contains("unknown key `wakes`"), "{status:?}");
    assert!(status.stdout.contains("the last 2 wakes failed, since 2026-11-20 16:00 UTC (exit code 78)"), "{status:?}");
    assert!(status.stdout.contains("run 1): "), "what memory knows: {status:?}");
    let json: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"]).stdout).expect("JSON");
    assert!(json["failing"]["times"] == 2 && json["runs"] == 1 && json["failing"]["code"] == 78, "{json}");
    let doctor = home.run(&["doctor"]);
    assert!(doctor.code == 2 && doctor.stdout.contains("the last 2 wakes failed"), "{doctor:?}");
    let kept = home.read("memory/failed.json");
    assert!(!kept.contains("hunter2") && kept.len() < 4096, "{kept}");
    let logged = std::fs::read_dir(home.join("memory/logs")).expect("logs").flatten().map(|entry| std::fs::read_to_string(entry.path()));
    assert!(logged.flatten().any(|log| log.contains("unknown key `wakes`")), "the log has it");
    home.write("reveille.toml", SETTINGS);
    assert!(home.run(&["status"]).ok().stdout.contains("failing"), "until a wake has gone well");
    let _ = wake(&mut home, 6).ok();
    assert!(!home.join("memory/failed.json").exists() && !home.run(&["status"]).ok().stdout.contains("failing"));
}

#[test]
fn a_wake_that_is_held_back_neither_fails_nor_goes_well() {
    let mut home = Home::new([0, b'x']);
    assert_eq!(wake(&mut home, 0).code, 1);
    home.write("STOP", "");
    assert_eq!(wake(&mut home, 2).code, 75);
    std::fs::remove_file(home.join("STOP")).expect("removed");
    let status = home.run(&["status", "--json"]).ok().json();
    assert!(
        status["failing"]["times"] == 1 && status["failing"]["message"].as_str().is_some_and(|why| why.contains("PROGRESS.md")),
        "{status}"
    );
    home.write("PROGRESS.md", "- [ ] x\n");
    let _ = wake(&mut home, 4).ok();
    assert!(home.run(&["status", "--json"]).ok().json()["failing"].is_null());
}

#[test]
fn the_owner_is_told_once_a_day_by_a_command_also_with_broken_settings() {
    let mut home = Home::new("");
    let script = "env > env; cat >> notices; echo '=====' >> notices";
    home.write("reveille.toml", format!("{SETTINGS}[notice]\nby = [\"sh\", \"-c\", \"{script}\"]\n[wakes]\n"));
    home.env("CANARY", "hunter2");
    let notices = |home: &Home| std::fs::read_to_string(home.join("notices")).unwrap_or_default();
    for hours in (0..24).step_by(2) {
        assert_eq!(wake(&mut home, hours).code, 78);
        assert_eq!(notices(&home), "", "none before a day");
    }
    for hours in (24..=120).step_by(2) {
        assert_eq!(wake(&mut home, hours).code, 78);
    }
    let said = notices(&home);
    assert_eq!(said.matches("=====").count(), 5, "one a day, over five days: {said}");
    assert!(
        said.starts_with("Reveille is stuck since 2026-11-20 14:00 UTC\n\nthe last 13 wakes failed") && said.contains("`wakes`"),
        "{said}"
    );
    assert!(!home.read("env").contains("hunter2"), "it sees no secret: {}", home.read("env"));
    let status = home.run(&["status"]);
    assert!(status.stdout.contains("notice to you: given to `sh`"), "{status:?}");
}

#[test]
fn the_owner_is_told_by_mail_through_the_ledger_and_nobody_else() {
    let mut home = Home::new([0]);
    let program = home.join("sendmail");
    home.write("sendmail", format!("#!/bin/sh\necho \"to $5\" >> {0}/mails\ncat >> {0}/mails\n", home.path().display()));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    home.write("readers.csv", "email,status\nann@person.net,confirmed\n");
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = [\"me@letter.example\", \"other@letter.example\"]\n";
    let email = format!("[channels.email]\nsmtp = \"sendmail://{}\"\nfrom = \"letter@letter.example\"\n", program.display());
    home.write("reveille.toml", format!("{head}[notice]\nby = \"email\"\n{email}"));
    let mails = |home: &Home| std::fs::read_to_string(home.join("mails")).unwrap_or_default();
    (0..24).step_by(2).for_each(|hours| assert_eq!(wake(&mut home, hours).code, 1));
    assert_eq!(mails(&home), "");
    (24..=50).step_by(2).for_each(|hours| assert_eq!(wake(&mut home, hours).code, 1));
    let said = mails(&home);
    let to: Vec<&str> = said.lines().filter(|line| line.starts_with("to ")).collect();
    assert_eq!(to, ["to me@letter.example", "to me@letter.example"], "{said}");
    assert!(
        said.contains("Subject: Reveille is stuck since 2026-11-20 14:00 UTC") && said.contains("Auto-Submitted: auto-generated"),
        "{said}"
    );
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).expect("a database");
    let rows: i64 = database
        .query_row("SELECT count(*) FROM effects WHERE channel = 'email' AND part = 'notice' AND state = 'confirmed'", [], |row| row.get(0))
        .expect("counted");
    assert_eq!(rows, 2, "each is a row of the ledger");
    home.write("PROGRESS.md", "- [ ] x\n");
    let _ = wake(&mut home, 52).ok();
    assert!(!home.read("PROGRESS.md").contains("mails of notice"), "no letter is counted");
}

#[test]
fn a_pause_is_seen_in_the_list_and_in_status_and_keeps_what_the_human_wrote() {
    let mut home = Home::new("- [ ] Publish \"Fog\"\n- [ ] Ring Ann for:customers\n");
    let _ = wake(&mut home, 0).ok();
    let before = home.read("PROGRESS.md");
    home.write("PROGRESS.md", format!("{before}\n- [ ] added by hand\n"));
    let _ = home.run(&["pause", "--reason", "moving <!-- house", "--until", "2026-12-01"]).ok();
    let paused = home.read("PROGRESS.md");
    assert!(paused.contains("> Paused since 2026-11-20 14:00 UTC, until 2026-12-01 00:00 UTC: moving <!- house"), "{paused}");
    assert!(paused.contains("- [ ] added by hand") && paused.contains("### Needs you"), "{paused}");
    let status = home.run(&["status"]).ok();
    assert!(status.stdout.contains("paused      until 2026-12-01 00:00 UTC: moving <!-- house"), "{status:?}");
    assert_eq!(wake(&mut home, 2).code, 75);
    let _ = home.run(&["resume"]).ok();
    assert_eq!(home.read("PROGRESS.md"), format!("{before}\n- [ ] added by hand\n"));
}

#[test]
fn a_start_that_was_not_due_says_nothing_of_the_wake_before() {
    let mut home = Home::new("- [ ] Refactor the queue for:nobody\n");
    let scheduled = ["wake", "--no-model", "--scheduled", "cron"];
    std::fs::remove_file(home.join("PROGRESS.md")).expect("removed");
    std::fs::create_dir(home.join("PROGRESS.md")).expect("made");
    assert_eq!(home.run(&scheduled).code, 1);
    assert_eq!(home.at("2026-11-20T15:00:00Z").run(&scheduled).ok().stdout, "Not due before 2026-11-20 16:00 UTC.\n");
    let failing = home.run(&["status", "--json"]).json()["failing"]["times"].clone();
    assert_eq!(failing, 1, "it is still failing");
}

#[test]
fn wakes_that_are_cut_off_each_time_count_as_failing() {
    let mut home = Home::new("- [ ] Refactor the queue for:nobody\n");
    for hour in ["10", "12", "14"] {
        let mut wake = home.at(&format!("2026-11-20T{hour}:00:00Z")).command(&["wake", "--no-model"]);
        assert!(!wake.env("REVEILLE_FAULT", "after-begin").status().expect("it starts").success());
    }
    let status = home.run(&["status"]).ok().stdout;
    assert!(status.contains("cut off, the next wake repairs it") && status.contains("the last 2 wakes failed"), "{status}");
    let _ = home.at("2026-11-20T16:00:00Z").run(&["wake", "--no-model"]).ok();
    assert!(!home.run(&["status"]).ok().stdout.contains("failing"));
}
