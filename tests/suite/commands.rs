//! The smaller commands: what they print and how they end.

use reveille_tests::Home;

#[test]
fn init_makes_a_home_that_works_and_overwrites_nothing() {
    let home = Home::empty();
    let said = home.run(&["init", "--yes", "--name", "A \"quoted\" Letter", "--url", "https://a.example", "--owner", "a@a.example"]).ok();
    assert!(said.stdout.contains("wrote") && said.stdout.contains("wake"), "{said:?}");
    let _ = home.run(&["wake", "--no-model"]).ok();
    home.write("mission/MISSION.md", "mine");
    let again = home.run(&["init", "--yes"]).ok();
    assert!(again.stdout.contains("kept"), "{again:?}");
    assert_eq!(home.read("mission/MISSION.md"), "mine");
    assert!(home.read("reveille.toml").contains("A \\\"quoted\\\" Letter") || home.read("reveille.toml").contains("'A \"quoted\" Letter'"));
}

#[test]
fn init_refuses_an_address_that_is_none_and_writes_nothing_on_a_dry_run() {
    let home = Home::empty();
    assert_eq!(home.run(&["init", "--yes", "--url", "nonsense"]).code, 2);
    let _ = home.run(&["init", "--yes", "--dry-run"]).ok();
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_clean_home_has_a_clean_bill() {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    home.env("TEST_MASTODON_TOKEN", "cnry-x").env("TEST_SMTP_PASSWORD", "cnry-y");
    let said = home.run(&["doctor"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(home.run(&["doctor", "--json"]).ok().json(), serde_json::json!([]));
}

#[test]
fn why_and_status_before_the_first_wake_say_what_to_do() {
    let home = Home::new("");
    assert!(home.run(&["status"]).ok().stdout.contains("No wake yet"));
    let why = home.run(&["why"]);
    assert!(why.code == 1 && why.stderr.contains("wake"), "{why:?}");
    assert!(home.run(&["log"]).ok().stdout.contains("No wake"));
}

#[test]
fn status_and_log_tell_of_the_last_wake() {
    let home = Home::new("- [ ] Post issue 45 to Mastodon\n");
    home.write("issues/045-x.md", "---\ntitle: X\ndate: 2026-03-01\n---\n\nBody.\n");
    let _ = home.run(&["wake", "--no-model"]).ok();
    let status = home.run(&["status"]).ok().stdout;
    assert!(status.contains("ask") && status.contains("TEST_MASTODON_TOKEN"), "{status}");
    let json = home.run(&["status", "--json"]).ok().json();
    assert_eq!((json["last"]["outcome"].as_str(), json["next_wake"].as_str()), (Some("ask"), Some("2026-11-20T16:00:00Z")));
    let log = home.run(&["log"]).ok().stdout;
    assert!(log.contains("review: done micros="), "{log}");
}

#[test]
fn needs_human_waits_for_an_approval_of_exactly_these_words() {
    let home = Home::new("- [ ] Publish \"Zero\" needs:human\n");
    home.write("drafts/zero.md", "---\ntitle: Zero\n---\n\nBody.\n");
    let said = home.run(&["wake", "--no-model"]).ok();
    assert!(said.stdout.contains("ASKS"), "{said:?}");
    let _ = home.run(&["approve", "Publish"]).ok();
    let said = home.run(&["wake", "--no-model"]).ok();
    assert!(said.stdout.contains("DOES") && home.read("PROGRESS.md").starts_with("- [x]"), "{said:?}");
    assert_eq!(home.run(&["approve", "no such thing"]).code, 2);
}

#[test]
fn help_names_every_command_and_wrong_usage_is_2() {
    let home = Home::empty();
    let help = home.run(&["--help"]).ok().stdout;
    for name in ["init", "wake", "plan", "why", "status", "doctor", "approve", "pause", "resume", "log", "model", "service"] {
        assert!(help.contains(&format!("  {name} ")), "{help}");
    }
    assert_eq!(home.run(&["fly"]).code, 2);
}

#[test]
fn the_project_s_own_plan_is_one_that_the_program_reads() {
    let home = Home::new(std::fs::read(reveille_tests::repository().join("PROGRESS.md")).expect("PROGRESS.md"));
    let plan = home.plan(&[]);
    let candidates = plan["candidates"].as_array().expect("candidates");
    assert!(candidates.len() >= 5 && candidates.iter().all(|c| c["refusal"]["kind"] != "unclear"), "{plan}");
    let said = home.run(&["doctor", "--json"]);
    assert!(!said.stdout.contains("PROGRESS.md:"), "{said:?}");
}

#[test]
fn the_catalogue_is_listed_and_the_carried_reader_is_in_order() {
    let home = Home::empty();
    let list = home.run(&["model", "list", "--json"]).ok().json();
    let names: Vec<&str> = list.as_array().expect("models").iter().filter_map(|model| model["name"].as_str()).collect();
    assert!(names.contains(&"reader-en") && names.len() >= 4, "{names:?}");
    let check = home.run(&["model", "check"]).ok().stdout;
    assert!(check.contains("ok") && !check.contains("WRONG"), "{check}");
}

#[test]
fn a_model_file_that_is_none_is_refused() {
    let home = Home::empty();
    home.write("not.gguf", "no model at all");
    let path = home.join("not.gguf");
    let check = home.run(&["model", "check", path.to_str().expect("a path")]);
    assert!(check.code == 1 && check.stdout.contains("WRONG"), "{check:?}");
    let wrong = home.run(&["model", "pull", "reader-ne"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("did you mean `reader-en`?"), "{wrong:?}");
}

#[test]
fn a_model_is_not_requantized_on_bad_input() {
    let home = Home::empty();
    home.write("damaged.gguf", "GGUF and nothing else");
    let at = |name: &str| home.join(name).to_str().expect("a path").to_owned();
    for (arguments, code, says) in [
        (vec!["reader-en".to_owned()], 1, "model train --encoder"),
        (vec!["reader-ne".to_owned()], 2, "did you mean `reader-en`?"),
        (vec![at("damaged.gguf"), "--to".to_owned(), "q3".to_owned()], 2, "q8_0 and q4_0 can be written"),
        (vec![at("damaged.gguf")], 1, "damaged"),
        (vec![at("none.gguf")], 1, "hint"),
    ] {
        let arguments: Vec<&str> = ["model", "requantize"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        let said = home.run(&arguments);
        assert!(said.code == code && said.stderr.contains(says), "{arguments:?}: {said:?}");
    }
    assert_eq!(std::fs::read_dir(home.path()).expect("the folder").count(), 1, "something was left behind");
}

#[test]
fn the_bench_goes_on_without_a_language_model_and_says_how_to_get_one() {
    let home = Home::empty();
    home.write("lines.txt", "Send the new issue to all subscribers\n\nRefactor the logging module\n");
    let lines = home.join("lines.txt");
    let said = home.run(&["model", "bench", "--json", lines.to_str().expect("a path")]).ok().json();
    assert_eq!((said["lines"].as_u64(), said["asking"].is_null()), (Some(2), true), "{said}");
    assert!(said["not_asked"].as_str().is_some_and(|why| why.contains("reveille model pull smollm2-135m-instruct")), "{said}");
    assert!(said["reading_ms_a_line"].as_f64().is_some_and(|time| time > 0.0), "{said}");
    home.write("none.txt", "\n \n");
    let none = home.run(&["model", "bench", home.join("none.txt").to_str().expect("a path")]);
    assert!(none.code == 1 && none.stderr.contains("has no lines"), "{none:?}");
}
