//! Backups at the level of the program: one a day, whole whatever kills it, put back without losing a word or sending twice;
//! and a home of every released schema.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reveille_tests::servers::Mastodon;
use reveille_tests::{Home, SETTINGS};

fn list(home: &Home) -> Vec<serde_json::Value> {
    home.run(&["backup", "list", "--json"]).ok().json().as_array().expect("a list").clone()
}

fn names(home: &Home) -> Vec<String> {
    list(home).iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

fn wake(home: &Home) -> String {
    let said = home.run(&["wake", "--no-model"]).ok();
    format!("{}{}", said.stdout, said.stderr)
}

/// A home that tells issue 45 on a server, once.
fn telling(server: &Mastodon) -> Home {
    let mut home = Home::new("# Plan\n\n- [ ] Post issue 45 to Mastodon\n");
    home.write(
        "reveille.toml",
        format!(
            "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n\n[channels.mastodon]\nserver = \"{}\"\ntoken = {{ env = \"TOKEN\" }}\n",
            server.url
        ),
    );
    let issue = "---\ntitle: Fog\nsummary: What fog does.\ndate: 2026-11-19\nid: \"tag:letter.example,2026:45\"\n---\nLit.\n";
    home.write("issues/045-fog.md", issue);
    home.env("TOKEN", &server.token);
    home
}

#[test]
fn a_wake_makes_one_a_day_and_keeps_seven() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    home.write("secrets/token", "hunter2-canary");
    home.write("issues/images/fog.png", b"\x89PNG not really");
    for day in 1..=9 {
        for hour in [6, 8, 20] {
            let _ = wake(home.at(&format!("2026-11-{day:02}T{hour:02}:00:00Z")));
        }
    }
    let names = names(&home);
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(names[0].starts_with("20261109-06") && names[6].starts_with("20261103-06"), "{names:?}");
    let folder = home.join("memory/backups").join(&names[0]);
    for file in
        ["home/PROGRESS.md", "home/reveille.toml", "home/mission/MISSION.md", "home/issues/images/fog.png", "reveille.db", "manifest.json"]
    {
        let meta = folder.join(file).metadata().unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777, 0o600, "{file}");
    }
    let canary = std::process::Command::new("grep").args(["-rl", "hunter2-canary"]).arg(home.join("memory")).output().unwrap();
    assert!(canary.stdout.is_empty(), "{canary:?}");
    let status = home.run(&["status"]).ok().stdout;
    assert!(status.contains("backups     7, the newest of 2026-11-09 06:00 UTC"), "{status}");
    let copy = reveille_memory::Memory::open_read_only(&folder.join("reveille.db")).unwrap();
    assert!(copy.last_run().unwrap().is_some_and(|run| run.state == reveille_memory::RunState::Done), "the copy holds the run as it ended");
}

#[test]
fn a_backup_that_fails_fails_alone_and_is_said() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    home.write("memory/backups", "a file where the folder should be");
    let said = wake(&home);
    assert!(said.contains("no backup was made"), "{said}");
    let status = home.run(&["status", "--json"]).ok().json();
    assert!(status["backups"]["trouble"].as_str().is_some_and(|why| why.contains("backups")), "{status}");
    let _ = wake(home.at("2026-11-20T16:00:00Z"));
    assert!(home.read("PROGRESS.md").contains("> no backup was made"), "{}", home.read("PROGRESS.md"));
    std::fs::remove_file(home.join("memory/backups")).unwrap();
    let _ = wake(home.at("2026-11-20T18:00:00Z"));
    let _ = wake(home.at("2026-11-20T20:00:00Z"));
    assert!(!home.read("PROGRESS.md").contains("no backup was made"));
    assert_eq!(home.run(&["status", "--json"]).ok().json()["backups"]["trouble"], serde_json::Value::Null);
    assert_eq!(names(&home).len(), 1);
}

#[test]
fn the_hook_carries_it_away_and_a_failing_one_is_said_once() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    let hook =
        |script: &str| format!("{SETTINGS}\n[backup]\nhook = [\"sh\", \"-c\", \"{script}\", \"sh\", \"{{path}}\"]\nenv = [\"TARGET\"]\n");
    home.write("reveille.toml", hook("cp -r $1 $TARGET/"));
    let target = tempfile::tempdir().unwrap();
    home.env("TARGET", target.path().to_str().unwrap());
    let _ = wake(&home);
    let made = list(&home);
    assert_eq!(made[0]["hook"]["exit_code"], 0, "{made:?}");
    assert!(target.path().join(made[0]["name"].as_str().unwrap()).join("manifest.json").is_file());

    home.write("reveille.toml", hook("exit 7"));
    let _ = wake(home.at("2026-11-21T14:00:00Z"));
    assert_eq!(list(&home)[0]["hook"]["exit_code"], 7);
    let _ = wake(home.at("2026-11-21T16:00:00Z"));
    assert!(home.read("PROGRESS.md").contains("exit code 7"), "{}", home.read("PROGRESS.md"));
    let _ = wake(home.at("2026-11-21T18:00:00Z"));
    assert!(!home.read("PROGRESS.md").contains("exit code 7"), "once");
    assert_eq!(home.run(&["backup"]).code, 1, "whoever asks for one is told by the exit code too");
}

/// With the real program, where it is installed.
#[test]
fn rsync_mirrors_the_backups() {
    if std::process::Command::new("rsync").arg("--version").output().is_err() {
        return;
    }
    let home = Home::new("- [ ] Tidy up for:nobody\n");
    let target = tempfile::tempdir().unwrap();
    let to = target.path().display();
    home.write("reveille.toml", format!("{SETTINGS}\n[backup]\nhook = [\"rsync\", \"-a\", \"{{path}}\", \"{to}/\"]\n"));
    let _ = wake(&home);
    assert!(target.path().join(&names(&home)[0]).join("reveille.db").is_file());
}

#[test]
fn a_restored_home_sends_nothing_until_resume_and_then_nothing_twice() {
    let server = Mastodon::start();
    let mut home = telling(&server);
    home.write("PROGRESS.md", "# Plan\n\n- [ ] Tidy up for:nobody\n");
    home.write("reveille.toml", home.read("reveille.toml").replace("[channels", "[approve]\nchannels = [\"mastodon\"]\n\n[channels"));
    let _ = wake(&home);
    let before = names(&home)[0].clone();
    assert_eq!(server.statuses().len(), 0);
    home.write("reveille.toml", home.read("reveille.toml").replace("channels = [\"mastodon\"]", ""));
    let _ = wake(home.at("2026-11-20T16:00:00Z"));
    assert_eq!(server.statuses().len(), 1);
    home.write("PROGRESS.md", format!("- [ ] My new line for:nobody\n{}", home.read("PROGRESS.md")));
    std::fs::remove_file(home.join("mission/MISSION.md")).unwrap();

    home.at("2026-11-20T17:00:00Z");
    let rehearsal = home.run(&["backup", "restore", &before, "--dry-run"]).ok().stdout;
    assert!(rehearsal.contains("PROGRESS.md: stays") && rehearsal.contains("mission/MISSION.md: missing"), "{rehearsal}");
    assert_eq!((home.run(&["backup", "restore", &before]).code, home.join("mission/MISSION.md").exists()), (2, false), "nobody to ask");
    let said = home.run(&["backup", "restore", &before, "--yes"]).ok().stdout;
    assert!(said.contains("set aside as 20261120-170000"), "{said}");
    assert!(home.read("PROGRESS.md").contains("My new line") && home.join("mission/MISSION.md").exists());

    for time in ["2026-11-20T18:00:00Z", "2027-11-20T18:00:00Z"] {
        let said = home.at(time).run(&["wake", "--no-model"]);
        assert!(
            said.code == 75 && said.stderr.contains(&format!("restored from {before}")) && said.stderr.contains("reveille resume"),
            "{said:?}"
        );
    }
    let resumed = home.at("2026-11-20T20:00:00Z").run(&["resume"]).ok().stdout;
    assert!(resumed.contains("issue 45 on Mastodon"), "{resumed}");
    let _ = wake(home.at("2026-11-22T20:00:00Z"));
    let _ = wake(home.at("2026-11-23T20:00:00Z"));
    assert_eq!(server.statuses().len(), 1, "it is not told again");
    assert!(names(&home).iter().any(|name| name == "20261120-170000"), "what was set aside stays");
    let _ = home.run(&["backup", "restore", "20261120-170000", "--files", "--yes"]).ok();
    assert!(home.read("PROGRESS.md").starts_with("- [ ] My new line"));
}

#[test]
fn an_old_memory_put_back_by_hand_and_a_lost_one_are_noticed() {
    let server = Mastodon::start();
    let mut home = telling(&server);
    home.write("PROGRESS.md", "# Plan\n");
    let token = server.token.clone();
    // Nothing can be told yet; the copy is from before.
    home.env("TOKEN", "");
    let _ = wake(&home);
    let old = home.join("memory/backups").join(&names(&home)[0]).join("reveille.db");
    home.env("TOKEN", &token);
    let _ = wake(home.at("2026-11-20T16:00:00Z"));
    assert_eq!(server.statuses().len(), 1);
    for backup in [true, false] {
        for rest in ["reveille.db-wal", "reveille.db-shm"] {
            let _ = std::fs::remove_file(home.join("memory").join(rest));
        }
        match backup {
            true => drop(std::fs::copy(&old, home.join("memory/reveille.db")).unwrap()),
            false => std::fs::remove_file(home.join("memory/reveille.db")).unwrap(),
        }
        let said = home.at("2026-11-20T18:00:00Z").run(&["wake", "--no-model"]);
        assert!(said.code == 75 && said.stderr.contains("PROGRESS.md tells of wake 2"), "{said:?}");
        assert_eq!(server.statuses().len(), 1);
        let resumed = home.run(&["resume"]).ok().stdout;
        assert!(resumed.contains("is not known"), "{resumed}");
    }
}

#[test]
fn a_moved_home_goes_on_and_a_copied_one_does_not() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    let _ = wake(&home);
    let said = |home: &Home, place: &Path| {
        let mut command = home.command(&[]);
        command.args(["--home", place.to_str().unwrap(), "wake", "--no-model"]);
        let mut plain = std::process::Command::new(command.get_program());
        plain.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        reveille_tests::Said::of(&plain.args(["--home", place.to_str().unwrap(), "wake", "--no-model"]).output().unwrap())
    };
    home.at("2026-11-20T16:00:00Z");
    let other = tempfile::tempdir().unwrap();
    let moved = other.path().join("moved");
    std::fs::create_dir(&moved).unwrap();
    for name in ["reveille.toml", "PROGRESS.md", "mission", "memory"] {
        std::fs::rename(home.join(name), moved.join(name)).unwrap();
    }
    let first = said(&home, &moved).ok();
    assert!(std::fs::read_to_string(moved.join("PROGRESS.md")).unwrap().contains("the home has moved from"), "{first:?}");
    let copied = other.path().join("copied");
    assert!(std::process::Command::new("cp").arg("-a").args([&moved, &copied]).status().unwrap().success());
    home.at("2026-11-20T18:00:00Z");
    let copy = said(&home, &copied);
    assert!(copy.code == 75 && copy.stderr.contains("is a copy of"), "{copy:?}");
    let _ = said(&home, &moved).ok();
}

#[test]
fn a_damaged_backup_is_refused_and_a_damaged_memory_is_replaced() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    let _ = wake(&home);
    let _ = wake(home.at("2026-11-21T14:00:00Z"));
    let made = names(&home);
    let newest = home.join("memory/backups").join(&made[0]);
    std::fs::write(newest.join("home/PROGRESS.md"), vec![b'x'; newest.join("home/PROGRESS.md").metadata().unwrap().len() as usize])
        .unwrap();
    let before = home.bytes("memory/reveille.db");
    let said = home.run(&["backup", "restore", &made[0], "--yes"]);
    assert!(said.code == 1 && said.stderr.contains("it is not what was written"), "{said:?}");
    assert_eq!(home.bytes("memory/reveille.db"), before);

    std::fs::write(home.join("memory/reveille.db"), "no database any more, not at all, not in the least\n".repeat(200)).unwrap();
    let said = home.run(&["wake", "--no-model"]);
    assert!(said.code == 1 && said.stderr.contains("reveille backup restore"), "{said:?}");
    let said = home.run(&["backup", "restore", &made[1], "--yes"]).ok();
    assert!(said.stdout.contains("after wake 1"), "{said:?}");
    let aside = home.join("memory/backups").join(&names(&home)[0]).join("unusable/reveille.db");
    assert!(std::fs::read_to_string(aside).unwrap().starts_with("no database"));
    assert_eq!(home.run(&["wake", "--no-model"]).code, 75);
    assert!(home.run(&["resume"]).ok().stdout.contains("is not known"));
    let _ = wake(home.at("2026-11-21T18:00:00Z"));
}

#[test]
fn no_restore_while_a_wake_runs() {
    let home = Home::new("- [ ] Tidy up for:nobody\n");
    let _ = wake(&home);
    let lock = std::fs::OpenOptions::new().write(true).open(home.join("memory/wake.lock")).unwrap();
    lock.lock().unwrap();
    let said = home.run(&["backup", "restore", &names(&home)[0], "--yes"]);
    assert_eq!(said.code, 75, "{said:?}");
    drop(lock);
    let _ = home.run(&["backup", "restore", &names(&home)[0], "--yes"]).ok();
}

/// SIGKILL at random moments: the newest good one is always listed and can be put back, and nothing half passes for one.
#[test]
fn killed_at_any_moment_the_newest_good_one_can_be_put_back() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    home.write("readers.csv", format!("email\n{}", (0..10_000).map(|n| format!("reader{n}@post.example\n")).collect::<String>()));
    for nth in 0..60 {
        home.write(&format!("issues/images/{nth}.png"), vec![u8::try_from(nth).unwrap(); 50_000]);
    }
    let _ = wake(&home);
    mails(&home, 10_000);
    let begun = std::time::Instant::now();
    let _ = home.at("2026-11-21T00:00:00Z").run(&["backup"]).ok();
    let mut whole = begun.elapsed();
    assert!(whole < Duration::from_secs(30), "10,000 mails took {whole:?}");
    let rounds: u32 = std::env::var("REVEILLE_CRASHES").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12);
    let mut killed = 0;
    for round in 0..rounds {
        home.at(&format!("2026-11-21T01:{:02}:{:02}Z", round / 60, round % 60));
        home.write("issues/images/0.png", format!("changed {round}"));
        let mut child = home.command(&["backup"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(round * 7 % rounds + 1) / f64::from(rounds)));
        match child.try_wait().unwrap() {
            None => killed += 1,
            // The first one was slowed down by something else.
            Some(_) => whole = whole.mul_f64(0.7),
        }
        child.kill().unwrap();
        let _ = child.wait().unwrap();
        let all = list(&home);
        assert!(all.iter().all(|one| one["good"] == true), "{all:?}");
        let _ = home.run(&["backup", "restore", all[0]["name"].as_str().unwrap(), "--dry-run"]).ok();
    }
    assert!(killed > rounds / 3, "only {killed} of {rounds} were killed in time");
    let _ = home.at("2026-11-21T03:00:00Z").run(&["backup"]).ok();
    let left = std::fs::read_dir(home.join("memory/backups")).unwrap().flatten();
    let half: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().starts_with(".half-")).collect();
    assert!(half.is_empty(), "{half:?}");
}

/// Mails in the ledger, as a letter leaves them.
fn mails(home: &Home, count: u32) {
    let db = rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap();
    db.execute_batch(&format!(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {count})
         INSERT INTO effects (issue, channel, part, recipient, text, key, run, intended_at)
         SELECT 'tag:letter.example,2026:1', 'email', 'mail', hex(randomblob(16)), randomblob(300), hex(randomblob(16)), 1, 5 FROM n;
         UPDATE effects SET state = 'sending', sending_at = 6 WHERE channel = 'email';
         INSERT INTO evidence (effect, of_sending, kind, place, fetched_at) SELECT id, 1, 'smtp', 'smtp://m.example', 7 FROM effects WHERE channel = 'email';
         UPDATE effects SET state = 'confirmed', settled_at = 7 WHERE channel = 'email';"
    ))
    .unwrap();
}

/// A home of a released schema: its database is built from the dump that is kept.
fn released(schema: u32) -> Home {
    let home = Home::new("# Plan\n\n- [x] Publish “One” — done\n- [ ] Tidy up for:nobody\n");
    let dump = std::fs::read_to_string(reveille_tests::repository().join(format!("tests/fixtures/homes/schema-{schema}.sql"))).unwrap();
    std::fs::create_dir(home.join("memory")).unwrap();
    rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap().execute_batch(&dump).unwrap();
    home
}

fn count(home: &Home, table: &str) -> i64 {
    let db = rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap();
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_home_of_every_released_schema_is_opened_and_loses_nothing() {
    let tables: [(u32, &[&str]); 4] = [
        (1, &["runs", "sheets", "candidates", "stages", "readings", "tasks", "facts"]),
        (2, &["effects", "evidence", "approvals", "pauses", "texts"]),
        (3, &["labels"]),
        (4, &["letters", "suppressed"]),
    ];
    for schema in 1..=4 {
        let mut home = released(schema);
        let known: Vec<&str> = tables.iter().filter(|(since, _)| *since <= schema).flat_map(|(_, names)| names.iter().copied()).collect();
        let before: Vec<i64> = known.iter().map(|table| count(&home, table)).collect();
        assert!(before.iter().all(|rows| *rows > 0), "schema {schema}: a table without rows shows nothing: {before:?}");
        let status = home.run(&["status"]);
        assert!(status.code == 1 && status.stderr.contains("the next wake brings it up to date"), "schema {schema}: {status:?}");
        let _ = wake(home.at("2026-11-22T14:00:00Z"));
        let status = home.run(&["status"]).ok().stdout;
        assert!(status.contains("wakes       3"), "schema {schema}: {status}");
        assert!(home.run(&["why", "1"]).ok().stdout.contains("Tidy up"), "schema {schema}");
        for (table, rows) in known.iter().zip(&before) {
            let now = count(&home, table);
            assert!(now >= *rows, "schema {schema}: {table} had {rows} rows and has {now}");
        }
        let copies = std::fs::read_dir(home.join("memory/backups")).unwrap().flatten();
        let copies: Vec<String> = copies.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        assert!(copies.iter().any(|name| name.ends_with(&format!("-schema-{schema}.db"))), "{copies:?}");
    }
}

/// A migration that is cut off by SIGKILL leaves the old schema or the new one, whole.
#[test]
fn a_killed_migration_leaves_the_old_schema_or_the_new_one() {
    let mut home = released(1);
    let started = std::time::Instant::now();
    let _ = wake(&home);
    let whole = started.elapsed();
    for round in 1..=12_u32 {
        home = released(1);
        let mut child = home.command(&["wake", "--no-model"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(round) / 12.0));
        child.kill().unwrap();
        let _ = child.wait().unwrap();
        let db = rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap();
        let schema: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert!(schema == 1 || schema >= 6, "schema {schema}");
        assert_eq!(db.table_exists(None, "effects").unwrap(), schema > 1);
        drop(db);
        let _ = wake(home.at("2026-11-22T14:00:00Z"));
        assert!(count(&home, "runs") >= 3);
    }
}

/// `{ file = … }` in the home's own folder: with settings that are wrong elsewhere, and with such that are no TOML at all.
#[test]
fn a_restore_with_broken_settings_sets_no_secret_aside() {
    for broken in ["nmae = 1\n", "name = \n"] {
        let mut home = Home::new("- [ ] Tidy up for:nobody\n");
        let _ = wake(&home);
        let made = names(&home)[0].clone();
        home.write("mastodon.txt", "hunter2-canary");
        home.write("PROGRESS.md", "- [ ] My new line for:nobody\n");
        let token = "[channels.mastodon]\nserver = \"https://m.example\"\ntoken = { file = \"mastodon.txt\" }\n";
        home.write("reveille.toml", format!("{broken}{token}"));
        let said = home.at("2026-11-20T17:00:00Z").run(&["backup", "restore", &made, "--files", "--yes"]).ok().stdout;
        let canary = std::process::Command::new("grep").args(["-rl", "hunter2-canary"]).arg(home.join("memory")).output().unwrap();
        assert!(canary.stdout.is_empty(), "{canary:?}");
        let aside = home.join("memory/backups/20261120-170000/home");
        assert!(std::fs::read_to_string(aside.join("PROGRESS.md")).unwrap().contains("My new line"));
        // What could not be set aside is not replaced either.
        let replaced = !home.read("reveille.toml").contains("mastodon.txt");
        assert_eq!((replaced, said.contains("could not be set aside")), (aside.join("reveille.toml").exists(), !replaced), "{said}");
    }
}

/// A new disk gives the same database another number: nobody paused the home by hand, and its human reads PROGRESS.md.
#[test]
fn a_home_that_disarms_itself_says_so_in_its_block_until_resume() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    let _ = wake(&home);
    let database = home.join("memory/reveille.db");
    std::fs::copy(&database, home.join("memory/copy")).unwrap();
    std::fs::rename(home.join("memory/copy"), &database).unwrap();
    let said = home.at("2026-11-20T16:00:00Z").run(&["wake", "--no-model"]);
    assert!(said.code == 75 && said.stderr.contains("put back from a copy"), "{said:?}");
    let shown = home.read("PROGRESS.md");
    assert!(shown.contains("> Paused since 2026-11-20 16:00 UTC, until `reveille resume`: its memory was put back from a copy"), "{shown}");
    let _ = home.run(&["resume"]).ok();
    assert!(!home.read("PROGRESS.md").contains("> Paused"), "{}", home.read("PROGRESS.md"));
}
