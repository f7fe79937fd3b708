//! Whose turn it is: slots, catching up, one wake at a time, the watchdog, and a lease that is lost.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use reveille_tests::scripted::{Play, Scripted};
use reveille_tests::{Home, Said};

const SCHEDULED: [&str; 4] = ["wake", "--no-model", "--scheduled", "cron"];

fn home() -> Home {
    Home::new("# Plan\n\n- [ ] Rename the queue for:nobody\n")
}

fn runs(home: &Home) -> Vec<(String, String, Option<String>)> {
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).expect("a database");
    let mut rows = database.prepare("SELECT trigger, state, error FROM runs ORDER BY id").expect("a query");
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows").flatten().collect()
}

#[test]
fn a_timer_fills_each_slot_once_and_catches_up_once() {
    let mut home = home();
    for (now, wakes) in [
        ("2026-11-20T14:00:10Z", 1),
        ("2026-11-20T15:59:00Z", 1), // the same slot
        ("2026-11-20T16:00:05Z", 2),
        ("2026-11-23T09:30:00Z", 3), // after the weekend
        ("2026-11-23T09:31:00Z", 3),
        ("2026-11-20T14:30:00Z", 3), // the clock is set back: that slot is filled
        ("2026-11-20T18:00:00Z", 4), // this one was passed over
        ("2026-11-23T10:00:00Z", 5),
    ] {
        let said = home.at(now).run(&SCHEDULED).ok();
        assert_eq!(runs(&home).len(), wakes, "{now}: {said:?}");
    }
    let said = home.run(&SCHEDULED).ok();
    assert_eq!(said.stdout, "Not due before 2026-11-23 12:00 UTC.\n");
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert_eq!(runs(&home).last().map(|run| run.0.clone()).as_deref(), Some("hand"), "one by hand comes at any time");
    let missed = home.run(&["status", "--json"]).ok().json()["missed"].clone();
    assert_eq!(missed[0]["count"], 31, "{missed}");
    assert!(missed[0]["why"].as_str().expect("a reason").contains("asleep or off"), "{missed}");
}

#[test]
fn what_stops_a_wake_is_the_reason_of_the_slot() {
    let mut home = home();
    let _ = home.run(&["pause", "--reason", "holiday", "--until", "2026-11-20T17:00:00Z"]).ok();
    assert_eq!(home.run(&SCHEDULED).code, 75);
    assert_eq!(home.at("2026-11-20T16:10:00Z").run(&SCHEDULED).code, 75);
    let _ = home.at("2026-11-20T17:10:00Z").run(&SCHEDULED).ok();
    home.write("STOP", "");
    assert_eq!(home.at("2026-11-20T18:10:00Z").run(&SCHEDULED).code, 75);
    let missed = home.run(&["status", "--json"]).ok().json()["missed"].clone();
    let whys: Vec<&str> = missed.as_array().expect("a list").iter().filter_map(|row| row["why"].as_str()).collect();
    assert_eq!(whys.len(), 2, "the slot of 16:00 was made up for: {missed}");
    assert!(whys[0].contains("STOP") && whys[1].contains("holiday"), "{missed}");
}

#[test]
fn a_clock_that_was_set_is_said() {
    let mut home = home();
    home.env("REVEILLE_UPTIME", "1000");
    let _ = home.run(&SCHEDULED).ok();
    home.env("REVEILLE_UPTIME", "8200");
    let _ = home.at("2026-11-28T16:00:00Z").run(&SCHEDULED).ok();
    assert!(
        home.read("PROGRESS.md").contains("the computer's clock was set forward by 8 days since the last wake"),
        "{}",
        home.read("PROGRESS.md")
    );
    let missed = home.run(&["status", "--json"]).ok().json()["missed"].clone();
    assert_eq!(missed[0]["why"], "the computer's clock was set forward");
    home.env("REVEILLE_UPTIME", "15400");
    let _ = home.at("2026-11-20T18:00:00Z").run(&SCHEDULED).ok();
    assert!(
        home.read("PROGRESS.md").contains("the computer's clock was set back by 8 days since the last wake"),
        "{}",
        home.read("PROGRESS.md")
    );
}

/// A home whose wake posts to a server, and what the server does.
fn posting(url: &str) -> Home {
    let mut home = Home::new("- [ ] Post issue 45 to Mastodon\n");
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n[wake]\nlimit = \"1m\"\npatience = \"120s\"\n";
    home.write("reveille.toml", format!("{head}[channels.mastodon]\nserver = \"{url}\"\ntoken = {{ env = \"TOKEN\" }}\n"));
    home.write("issues/045-fog.md", "---\ntitle: Fog\nsummary: What fog does.\ndate: 2026-11-19\n---\nLit.\n");
    home.env("TOKEN", "any");
    home
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn twenty_starts_at_once_are_one_wake() {
    let server = Scripted::start(|_, _| Play::Silence(Duration::from_secs(600)));
    let home = posting(&server.url);
    // The memory is there already: making it is no part of the race.
    let _ = home.run(&["pause"]).ok();
    let _ = home.run(&["resume"]).ok();
    let mut running: Vec<(Child, Instant)> = (0..20).map(|_| (start(&home, &SCHEDULED), Instant::now())).collect();
    let mut left = vec![];
    let began = Instant::now();
    while running.len() > 1 {
        assert!(began.elapsed() < Duration::from_secs(60), "{} are still there", running.len());
        running = std::mem::take(&mut running).into_iter().fold(vec![], |mut rest, (mut child, started)| {
            match child.try_wait().expect("asked") {
                Some(_) => left.push((Said::of(&child.wait_with_output().expect("it ends")), started.elapsed())),
                None => rest.push((child, started)),
            }
            rest
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    let (mut worker, _) = running.pop().expect("one works");
    until("it asks the server", || !server.requests().is_empty());
    for (said, _) in &left {
        assert_eq!(said.code, 75, "{said:?}");
        assert!(said.stderr.contains("another wake is running ("), "{said:?}");
    }
    let since = format!("process {} since 2026-11-20 14:00:00 UTC", worker.id());
    assert!(home.run(&SCHEDULED).stderr.contains(&since), "who comes later is told who works");
    // Twenty processes share the cores of this machine; alone each leaves at once.
    let longest = left.iter().map(|(_, time)| *time).max().expect("nineteen");
    assert!(longest < Duration::from_secs(20), "{longest:?}");
    worker.kill().expect("killed");
    let _ = worker.wait().expect("ended");
    assert_eq!(runs(&home).len(), 1);
}

#[test]
fn a_wake_that_outlives_its_limit_is_asked_then_ended_and_recorded() {
    let server = Scripted::start(|_, _| Play::Silence(Duration::from_secs(600)));
    let mut home = posting(&server.url);
    home.write("clock", "2026-11-20T14:00:00Z");
    home.at(&format!("@{}", home.join("clock").display()));
    let mut wake = start(&home, &SCHEDULED);
    until("it asks the server", || !server.requests().is_empty());
    home.write("clock", "2026-11-20T14:01:30Z");
    std::thread::sleep(Duration::from_secs(2));
    assert!(wake.try_wait().expect("asked").is_none(), "it waits for the answer that may still come");
    home.write("clock", "2026-11-20T14:10:00Z");
    let said = Said::of(&wake.wait_with_output().expect("it ends"));
    assert_eq!(said.code, -1, "ended by force: {said:?}");
    let (_, state, error) = runs(&home).pop().expect("a run");
    assert_eq!(state, "interrupted");
    assert!(error.expect("an error").contains("took longer than its limit of 60 s"));
    home.write("clock", "2026-11-20T16:00:00Z");
    home.write("reveille.toml", home.read("reveille.toml").replace("120s", "1s"));
    let _ = home.run(&SCHEDULED);
    assert_eq!(runs(&home).len(), 2, "the next wake goes on");
}

#[test]
fn a_wake_that_thaws_after_its_time_sends_nothing() {
    let mut home = posting("http://127.0.0.1:9");
    let frozen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let waiting = std::sync::Arc::clone(&frozen);
    // Reading takes long enough for a night to pass; after it, the post must not go out.
    let server = Scripted::start(move |request, _| {
        while request.method == "GET" && waiting.load(std::sync::atomic::Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let account = serde_json::json!({"id": "1", "acct": "me", "username": "me", "url": "https://s.example/@me", "statuses": []});
        Play::json(200, &account)
    });
    home.write("reveille.toml", home.read("reveille.toml").replace("http://127.0.0.1:9", &server.url));
    home.write("clock", "2026-11-20T14:00:00Z");
    home.at(&format!("@{}", home.join("clock").display()));
    let wake = start(&home, &SCHEDULED);
    until("it asks the server", || !server.requests().is_empty());
    home.write("clock", "2026-11-20T14:01:05Z");
    frozen.store(false, std::sync::atomic::Ordering::SeqCst);
    let said = Said::of(&wake.wait_with_output().expect("it ends"));
    assert!(server.requests().iter().all(|request| request.method == "GET"), "{said:?}");
    assert_eq!(runs(&home).pop().expect("a run").1, "interrupted", "{said:?}");
}

#[test]
fn a_removed_lock_file_lets_nobody_in_before_the_time_is_up() {
    let server = Scripted::start(|_, _| Play::Silence(Duration::from_secs(600)));
    let mut home = posting(&server.url);
    let mut first = start(&home, &SCHEDULED);
    until("the first asks the server", || !server.requests().is_empty());
    std::fs::remove_file(home.join("memory/wake.lock")).expect("removed");
    let second = home.at("2026-11-20T14:00:30Z").run(&["wake", "--no-model"]);
    assert_eq!(second.code, 75, "{second:?}");
    assert!(second.stderr.contains("its lock file was removed, and its time ends at 2026-11-20 14:01:00 UTC"), "{second:?}");
    first.kill().expect("killed");
    let _ = first.wait().expect("ended");
}

#[test]
fn another_schedule_does_not_go_back_behind_a_wake_of_the_old_one() {
    let mut home = home();
    let settings = home.read("reveille.toml");
    home.write("reveille.toml", format!("{settings}\n[wake]\ncron = \"30 2 * * *\"\n"));
    let _ = home.at("2026-11-22T02:31:00Z").run(&SCHEDULED).ok();
    home.write("reveille.toml", format!("{settings}\n[wake]\ncron = \"0 7,12 * * mon-fri\"\n"));
    let said = home.at("2026-11-23T06:59:00Z").run(&SCHEDULED).ok().stdout;
    assert_eq!(said, "Not due before 2026-11-23 07:00 UTC.\n");
}

#[test]
fn a_pause_in_the_middle_of_a_wake_stops_a_publication() {
    let home = Home::new("# Plan\n");
    home.write("drafts/046-fog.md", "---\ntitle: Fog\nsummary: What fog does.\nready: true\n---\nLit.\n");
    let wake = home
        .command(&["wake", "--no-model"])
        .env("REVEILLE_FAULT", "after-decision=stop")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let wake = wake.expect("it starts");
    let stat = format!("/proc/{}/stat", wake.id());
    until("it is frozen", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
    let _ = home.run(&["pause", "--reason", "not yet"]).ok();
    let thawed = std::process::Command::new("kill").args(["-CONT", &wake.id().to_string()]).status().expect("it starts");
    assert!(thawed.success());
    let said = Said::of(&wake.wait_with_output().expect("it ends"));
    assert!(said.code == 75 && said.stderr.contains("not yet"), "{said:?}");
    assert!(home.join("drafts/046-fog.md").exists() && !home.join("issues").exists(), "{said:?}");
}

#[test]
fn a_draft_that_comes_back_is_not_published_again() {
    let mut home = Home::new("# Plan\n");
    let draft = "---\ntitle: Fog\nsummary: What fog does.\nready: true\n---\nLit.\n";
    home.write("drafts/046-fog.md", draft);
    let _ = home.run(&["wake", "--no-model"]).ok();
    home.write("drafts/046-fog.md", draft);
    let said = home.at("2026-11-20T16:00:00Z").run(&["wake", "--no-model"]).ok().stdout;
    assert!(said.contains("issue 46 is this very draft, published already"), "{said}");
    assert_eq!(std::fs::read_dir(home.join("issues")).expect("a folder").count(), 1);
}
