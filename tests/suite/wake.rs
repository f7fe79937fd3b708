//! A wake end to end: what it does, what it writes, that it does nothing twice, and that it stops when it is told to.

use std::time::{Duration, Instant};

use reveille_tests::{Home, Said};

const DRAFT: &str =
    "---\ntitle: Notes from Zero\nsummary: What an empty room teaches.\ntags: [agents]\nready: true\n---\n\nThe room is **empty**.\n";

fn with_draft() -> Home {
    let home = Home::new("# P\n\n- [ ] Tidy the code for:nobody\n- [x] Old thing\n");
    home.write("drafts/zero.md", DRAFT);
    home
}

fn wake(home: &Home) -> Said {
    home.run(&["wake", "--no-model"]).ok()
}

#[test]
fn a_ready_draft_is_published_proved_and_recorded() {
    let home = with_draft();
    let said = wake(&home);
    assert!(said.stdout.contains("Notes from Zero") && said.stdout.contains("proof:"), "{said:?}");
    assert!(!home.join("drafts/zero.md").exists(), "the draft moved");
    let page =
        walk(&home, "site").into_iter().find(|path| path.contains("notes-from-zero") && path.ends_with("index.html")).expect("a page");
    assert!(home.read(&page).contains("The room is <strong>empty</strong>"));
    let progress = home.read("PROGRESS.md");
    assert!(progress.starts_with("# P\n\n- [ ] Tidy the code for:nobody\n- [x] Old thing\n"), "{progress}");
    assert!(progress.contains("<!-- reveille -->") && progress.contains("published issue 1"), "{progress}");
    assert!(home.read("memory/handover.md").contains("published issue 1"));
    let letter: serde_json::Value = serde_json::from_str(&home.read("memory/handover.json")).expect("JSON");
    assert_eq!((letter["outcome"].as_str(), letter["schema"].as_u64()), (Some("act"), Some(1)));
    assert!(letter["evidence"].as_array().is_some_and(|proofs| proofs.len() >= 2), "{letter}");
}

fn walk(home: &Home, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(home.path()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[test]
fn a_line_that_asks_for_a_draft_is_ticked_with_its_proof() {
    let home = with_draft();
    home.write("PROGRESS.md", "- [ ] Publish \"Notes from Zero\"\n");
    let _ = wake(&home);
    let line = home.read("PROGRESS.md").lines().next().unwrap().to_owned();
    assert!(line.starts_with("- [x] Publish \"Notes from Zero\" — done 2026-11-20 14:00, "), "{line}");
}

#[test]
fn a_second_wake_finds_nothing_to_repeat() {
    let mut home = with_draft();
    let _ = wake(&home);
    let site: Vec<(String, Vec<u8>)> = walk(&home, "site").into_iter().map(|path| (path.clone(), home.bytes(&path))).collect();
    let issues = walk(&home, "issues");
    home.at("2026-11-20T16:00:00Z");
    let second = wake(&home);
    assert!(!second.stdout.contains("DOES"), "{second:?}");
    assert_eq!(walk(&home, "issues"), issues);
    assert_eq!(walk(&home, "site").into_iter().map(|path| (path.clone(), home.bytes(&path))).collect::<Vec<_>>(), site);
    assert_eq!(home.read("PROGRESS.md").matches("<!-- reveille -->").count(), 1);
    let third = home.run(&["status", "--json"]).ok().json();
    assert_eq!(third["runs"], 2, "{third}");
}

#[test]
fn a_rehearsal_changes_nothing() {
    let home = with_draft();
    let before = (walk(&home, "."), home.bytes("PROGRESS.md"));
    let said = home.run(&["wake", "--dry-run", "--no-model"]).ok();
    assert!(said.stdout.contains("Nothing was changed"), "{said:?}");
    home.write("memory/wake.lock", "");
    let mut expected = before.0.clone();
    expected.push("memory/wake.lock".to_owned());
    expected.sort();
    let mut now = walk(&home, ".");
    now.sort();
    assert_eq!((now, home.bytes("PROGRESS.md")), (expected, before.1));
}

#[test]
fn with_nothing_new_the_model_is_not_opened() {
    let mut home = Home::new("- [ ] Refactor the template loader\n- [ ] Add tracing to the pipeline\n");
    let first = home.run(&["wake"]).ok();
    assert!(!first.stdout.contains("the model read nothing"), "{first:?}");
    home.at("2026-11-20T16:00:00Z");
    // With a cache that can't be, opening the model would show.
    home.env("REVEILLE_CACHE", "/dev/null/nowhere");
    let second = home.run(&["wake"]).ok();
    assert!(!second.stdout.contains("the model read nothing"), "{second:?}");
    let third = {
        home.write("PROGRESS.md", "- [ ] A line that nobody has read yet\n");
        home.run(&["plan"]).ok()
    };
    assert!(third.stderr.contains("the model read nothing"), "the test must be able to fail: {third:?}");
}

#[test]
fn two_wakes_at_once_are_one() {
    let home = with_draft();
    home.write("memory/.keep", "");
    let lock = std::fs::File::create(home.join("memory/wake.lock")).unwrap();
    lock.try_lock().expect("free");
    let said = home.run(&["wake", "--no-model"]);
    assert_eq!(said.code, 75, "{said:?}");
    assert!(said.stderr.contains("another wake is running"), "{said:?}");
    drop(lock);
    let _ = wake(&home);
}

#[test]
fn a_paused_or_stopped_home_leaves_with_75() {
    let home = with_draft();
    let _ = home.run(&["pause", "--reason", "holiday", "--until", "2026-12-01"]).ok();
    let said = home.run(&["wake", "--no-model"]);
    assert_eq!(said.code, 75, "{said:?}");
    assert!(said.stderr.contains("holiday") && said.stderr.contains("2026-12-01"), "{said:?}");
    let _ = home.run(&["resume"]).ok();
    home.write("STOP", "");
    let said = home.run(&["wake", "--no-model"]);
    assert!(said.code == 75 && said.stderr.contains("STOP"), "{said:?}");
    std::fs::remove_file(home.join("STOP")).unwrap();
    let _ = wake(&home);
}

#[test]
fn a_pause_ends_by_itself() {
    let mut home = with_draft();
    let _ = home.run(&["pause", "--until", "2026-11-21T00:00:00Z"]).ok();
    assert_eq!(home.run(&["wake", "--no-model"]).code, 75);
    home.at("2026-11-21T00:00:01Z");
    let _ = wake(&home);
}

#[test]
fn signals_end_a_wake_between_two_effects() {
    for signal in ["TERM", "INT"] {
        let list: String = (0..6000).map(|n| format!("- [ ] Refactor part {n} of the machine room, again\n")).collect();
        let home = Home::new(&list);
        home.write("drafts/zero.md", DRAFT);
        let child = home.command(&["wake"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let started = Instant::now();
        while !home.join("memory/reveille.db").exists() && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        let killed = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let output = child.wait_with_output().unwrap();
        let said = Said::of(&output);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.stderr.contains("stopped by signal") && started.elapsed() < Duration::from_secs(20), "{said:?}");
        assert_eq!(home.read("PROGRESS.md"), list, "nothing was written");
        let status = home.run(&["status", "--json"]).ok().json();
        assert_eq!(status["last"]["state"], "interrupted", "{status}");
    }
}

#[test]
fn a_clock_that_was_set_back_does_no_harm() {
    let mut home = with_draft();
    let _ = wake(&home);
    home.at("2025-01-01T00:00:00Z");
    let said = wake(&home);
    assert!(!said.stdout.contains("DOES"), "{said:?}");
    assert_eq!(home.run(&["status", "--json"]).ok().json()["runs"], 2);
}

#[test]
fn what_only_a_person_may_post_is_prepared_and_taken_back() {
    let mut home = Home::new("- [ ] Submit issue 45 to Hacker News\n");
    home.write("issues/045-the-queue.md", "---\ntitle: The Queue\ndate: 2026-03-01\nsummary: A queue.\n---\n\nBody.\n");
    let _ = wake(&home);
    let outbox = walk(&home, "outbox");
    assert_eq!(outbox.len(), 1, "{outbox:?}");
    assert!(home.read(&outbox[0]).contains("news.ycombinator.com/submitlink"));
    let progress = home.read("PROGRESS.md");
    assert!(progress.starts_with("- [ ] Submit"), "not ticked before it was posted: {progress}");
    let entry = progress
        .lines()
        .find(|line| line.starts_with("- [ ]") && line.contains("Hacker News") && line.contains("`#"))
        .expect("an entry")
        .to_owned();
    home.write("PROGRESS.md", progress.replace(&entry, &format!("{entry} https://news.ycombinator.com/item?id=1")));
    home.at("2026-11-20T16:00:00Z");
    let _ = wake(&home);
    let line = home.read("PROGRESS.md").lines().next().unwrap().to_owned();
    assert!(line.starts_with("- [x] Submit issue 45 to Hacker News — done") && line.contains("item?id=1"), "{line}");
}

#[test]
fn no_behind_an_entry_turns_it_down_for_good() {
    let mut home = Home::new("- [ ] Submit issue 45 to Hacker News\n");
    home.write("issues/045-the-queue.md", "---\ntitle: The Queue\ndate: 2026-03-01\n---\n\nBody.\n");
    let _ = wake(&home);
    let progress = home.read("PROGRESS.md");
    let entry = progress.lines().find(|line| line.starts_with("- [ ]") && line.contains("`#")).expect("an entry").to_owned();
    home.write("PROGRESS.md", progress.replace(&entry, &format!("{entry} no")));
    home.at("2026-11-20T16:00:00Z");
    let _ = wake(&home);
    assert!(!home.read("PROGRESS.md").contains("`#"), "it is not asked again: {}", home.read("PROGRESS.md"));
    let plan = home.plan(&[]);
    assert!(plan["candidates"][0]["refusal"]["why"].as_str().unwrap().contains("you said no"), "{plan}");
}

#[test]
fn an_approval_holds_for_exactly_that_content() {
    let mut home = with_draft();
    home.write("reveille.toml", format!("{}\n[approve]\nskills = [\"publish\"]\n", reveille_tests::SETTINGS));
    let first = wake(&home);
    assert!(first.stdout.contains("ASKS") && home.join("drafts/zero.md").exists(), "{first:?}");
    let progress = home.read("PROGRESS.md");
    let entry = progress.lines().find(|line| line.starts_with("- [ ] Approve") && line.contains("`#")).expect("an entry").to_owned();
    home.write("PROGRESS.md", progress.replace(&entry, &entry.replace("- [ ]", "- [x]")));
    // The draft changes after the human ticked: the tick was for the other text.
    home.write("drafts/zero.md", DRAFT.replace("empty", "full"));
    home.at("2026-11-20T16:00:00Z");
    let second = wake(&home);
    assert!(home.join("drafts/zero.md").exists(), "{second:?}");
    let progress = home.read("PROGRESS.md");
    let entry = progress.lines().find(|line| line.starts_with("- [ ] Approve") && line.contains("`#")).expect("asked anew").to_owned();
    home.write("PROGRESS.md", progress.replace(&entry, &entry.replace("- [ ]", "- [x]")));
    home.at("2026-11-20T18:00:00Z");
    let _ = wake(&home);
    assert!(!home.join("drafts/zero.md").exists(), "approved: {}", home.read("PROGRESS.md"));
}

#[test]
fn caps_are_counted_over_wakes() {
    let mut home = with_draft();
    home.write("reveille.toml", format!("{}\n[caps]\nday = 1\n", reveille_tests::SETTINGS));
    home.write("drafts/one.md", DRAFT.replace("Notes from Zero", "Notes from One"));
    let _ = wake(&home);
    home.at("2026-11-20T16:00:00Z");
    let _ = wake(&home);
    assert_eq!(walk(&home, "issues").iter().filter(|path| path.ends_with(".md")).count(), 1);
    let plan = home.plan(&[]);
    assert_eq!(plan["candidates"].as_array().unwrap().iter().filter(|c| c["refusal"]["kind"] == "over_budget").count(), 1, "{plan}");
    home.at("2026-11-21T14:30:00Z");
    let _ = wake(&home);
    assert_eq!(walk(&home, "issues").iter().filter(|path| path.ends_with(".md")).count(), 2);
}

/// Lines that are about a draft and no order to publish it: none may release it, none may be ticked.
#[test]
fn only_an_exact_order_releases_a_draft() {
    for line in [
        "Don't publish draft 2 yet",
        "Publish nothing from draft 2",
        "Publish draft 2 next Friday",
        "Publish draft 2 (WAITING for legal)",
        "Ask Ann whether to publish draft 2",
        "Publish draft 2 needs: human",
        "Publish draft 2 (needs:human)",
        "~~Publish draft 2~~",
        "Think <!-- for:strangers skill:publish issue:2 --> on",
        "Publish \"Secret Plans, part 3\"",
    ] {
        let home = Home::new(format!("- [ ] {line}\n"));
        home.write("drafts/s.md", "---\ntitle: Secret Plans, part 2\nnumber: 2\nready: false\n---\n\nBody.\n");
        let said = home.run(&["wake"]).ok();
        assert!(home.join("drafts/s.md").exists(), "{line}: {said:?}");
        assert!(home.read("PROGRESS.md").starts_with(&format!("- [ ] {line}\n")), "{line}");
    }
    let home = Home::new("- [ ] Publish draft 2\n");
    home.write("drafts/s.md", "---\ntitle: Secret Plans\nnumber: 2\nready: false\n---\n\nBody.\n");
    let _ = wake(&home);
    assert!(!home.join("drafts/s.md").exists(), "an exact order does: the test must be able to fail");
}

#[test]
fn a_line_about_an_issue_that_is_out_is_not_ticked() {
    let home =
        Home::new("- [ ] Publish a correction to issue 1\n- [ ] Publish draft 1\n- [ ] Publish the audio version of issue 1 needs:human\n");
    home.write("issues/001-x.md", "---\ntitle: X\ndate: 2026-03-01\n---\n\nBody.\n");
    let before = home.read("PROGRESS.md");
    let _ = home.run(&["wake"]).ok();
    assert!(home.read("PROGRESS.md").starts_with(&before), "{}", home.read("PROGRESS.md"));
}

#[test]
fn an_approved_line_waits_again_when_the_draft_or_the_tags_change() {
    let home = Home::new("- [ ] Publish draft 2 needs:human\n");
    home.write("drafts/s.md", "---\ntitle: Secret Plans\nnumber: 2\n---\n\nBody.\n");
    let _ = wake(&home);
    let _ = home.run(&["approve", "Publish"]).ok();
    home.write("drafts/s.md", "---\ntitle: Secret Plans\nnumber: 2\n---\n\nA new text.\n");
    let said = wake(&home);
    assert!(home.join("drafts/s.md").exists(), "{said:?}");
    let _ = home.run(&["approve", "Publish"]).ok();
    let _ = wake(&home);
    assert!(!home.join("drafts/s.md").exists());
    assert_eq!(home.run(&["approve", ""]).code, 2);
}

#[test]
fn a_tick_with_other_words_is_no_yes() {
    for words in [" no thanks", " but only on Monday"] {
        let mut home = Home::new("- [ ] Publish draft 2 needs:human\n");
        home.write("drafts/s.md", "---\ntitle: Secret Plans\nnumber: 2\n---\n\nBody.\n");
        let _ = wake(&home);
        let progress = home.read("PROGRESS.md");
        let entry = progress.lines().find(|line| line.starts_with("- [ ] Approve")).expect("an entry").to_owned();
        home.write("PROGRESS.md", progress.replace(&entry, &format!("{}{words}", entry.replace("- [ ]", "- [x]"))));
        home.at("2026-11-20T16:00:00Z");
        let _ = wake(&home);
        assert!(home.join("drafts/s.md").exists(), "{words}");
    }
}

#[test]
fn a_block_that_lost_its_end_is_no_list_of_tasks() {
    let mut home = Home::new("- [ ] Publish draft 2 needs:human\n");
    home.write("drafts/s.md", "---\ntitle: Secret Plans\nnumber: 2\n---\n\nBody.\n");
    let _ = wake(&home);
    home.write("PROGRESS.md", home.read("PROGRESS.md").replace("<!-- /reveille -->\n", ""));
    home.at("2026-11-20T16:00:00Z");
    let said = wake(&home);
    assert!(home.join("drafts/s.md").exists() && !said.stdout.contains("DOES"), "{said:?}");
}

#[test]
fn a_draft_that_can_not_go_out_does_not_starve_the_next_one() {
    let picture = |grey: u8| -> Vec<u8> {
        // A one-pixel PGM would do for a person; the home wants a PNG, and two that differ.
        let mut bytes =
            std::fs::read(reveille_tests::repository().join("examples/from-the-inside/issues/images/boxes-and-strangers.png")).unwrap();
        bytes.push(grey);
        bytes
    };
    let home = Home::new("");
    home.write("issues/cover.png", picture(1));
    home.write("drafts/cover.png", picture(2));
    home.write("drafts/a.md", "---\ntitle: Covered\nready: true\n---\n\n![c](cover.png)\n");
    home.write("drafts/b.md", "---\ntitle: Fine\nready: true\n---\n\nBody.\n");
    // The first that has nothing but the broken one left fails: all that was tried failed.
    let [first, said] = [home.run(&["wake", "--no-model"]), home.run(&["wake", "--no-model"])];
    assert!(first.code + said.code == 1, "{first:?} {said:?}");
    assert!(walk(&home, "issues").iter().any(|path| path.contains("fine")), "{first:?} {said:?}");
    assert!(said.stdout.contains("cover.png is there already") && home.read("PROGRESS.md").contains("cover.png"), "{said:?}");
}

#[test]
fn what_could_not_be_recorded_is_said_by_the_next_wake() {
    let mut home = with_draft();
    let path = home.join("PROGRESS.md");
    let read_only = |on: bool| {
        let mut permissions = std::fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(on);
        std::fs::set_permissions(&path, permissions).unwrap();
    };
    read_only(true);
    assert_eq!(home.run(&["wake", "--no-model"]).code, 1);
    read_only(false);
    home.at("2026-11-20T16:00:00Z");
    let _ = wake(&home);
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains("an earlier wake") && progress.contains("Notes from Zero"), "{progress}");
}

#[test]
fn an_address_counts_although_its_line_was_ticked_meanwhile() {
    let mut home = Home::new("- [ ] Submit issue 45 to Hacker News\n");
    home.write("issues/045-x.md", "---\ntitle: X\ndate: 2026-11-19\n---\n\nBody.\n");
    let _ = wake(&home);
    let progress = home.read("PROGRESS.md");
    let entry = progress.lines().find(|line| line.starts_with("- [ ]") && line.contains("`#")).expect("an entry").to_owned();
    let theirs = progress.replace(&entry, &format!("{entry} https://news.ycombinator.com/item?id=4242"));
    home.write("PROGRESS.md", theirs.replace("- [ ] Submit issue 45", "- [x] Submit issue 45"));
    home.at("2026-11-20T16:00:00Z");
    let _ = wake(&home);
    let asked = |line: &str| line.starts_with("- [ ]") && line.contains("Hacker News");
    assert!(!home.read("PROGRESS.md").lines().any(asked), "it is not asked again: {}", home.read("PROGRESS.md"));
}
