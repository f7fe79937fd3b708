//! `plan --json`: the published schema, `--assume`, and what may not change anything.

use reveille_tests::{Home, repository};
use serde_json::Value;

fn candidate<'a>(plan: &'a Value, start: &str) -> &'a Value {
    let all = plan["candidates"].as_array().expect("candidates");
    all.iter().find(|c| c["text"].as_str().is_some_and(|text| text.starts_with(start))).unwrap_or_else(|| panic!("no {start} in {plan}"))
}

const LIST: &str = "# P\n\n- [ ] Post issue 45 to Mastodon\n- [ ] Send issue 45 to the mailing list\n- [ ] Tidy up for:nobody\n- [ ] Mystery\n- [ ] Call Ann for:customers\n";
const ISSUE: &str = "---\ntitle: The Queue\ndate: 2026-03-01\nsummary: A queue.\n---\n\nBody.\n";

fn home() -> Home {
    let home = Home::new(LIST);
    home.write("issues/045-the-queue.md", ISSUE);
    home
}

#[test]
fn it_follows_the_published_schema() {
    let schema = std::fs::read_to_string(repository().join("agent/plan.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for more in [&[][..], &["--assume", "mastodon.ready=true"], &["--assume", "customers.active=3", "--assume", "mastodon.posts=90"]] {
        let plan = home().plan(more);
        let problems: Vec<String> = validator.iter_errors(&plan).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{problems:?}\n{plan:#}");
    }
}

#[test]
fn what_is_missing_is_named_exactly() {
    let plan = home().plan(&[]);
    assert_eq!(plan["outcome"], "ask");
    let mastodon = &candidate(&plan, "Post issue 45")["refusal"];
    assert_eq!((mastodon["kind"].as_str(), mastodon["why"].as_str()), (Some("blocked"), Some("TEST_MASTODON_TOKEN is not set")));
    assert!(mastodon["unblock"].as_str().unwrap().contains("TEST_MASTODON_TOKEN"));
    assert_eq!(candidate(&plan, "Tidy up")["refusal"]["kind"], "no_audience");
    assert_eq!(candidate(&plan, "Mystery")["refusal"]["kind"], "unclear");
    assert_eq!(candidate(&plan, "Call Ann")["refusal"]["kind"], "no_audience");
}

#[test]
fn assuming_a_fact_answers_what_if() {
    let plan = home().plan(&["--assume", "mastodon.ready=true", "--assume", "email.ready=true", "--assume", "subscribers.confirmed=160"]);
    let picked = plan["candidates"].as_array().unwrap().iter().find(|c| c["id"] == plan["pick"]).expect("a pick");
    assert_eq!((picked["text"].as_str(), plan["outcome"].as_str()), (Some("Send issue 45 to the mailing list"), Some("act")));
    assert_eq!((picked["reach"].as_f64(), picked["audience"]["count"].as_u64()), (Some(160.0), Some(160)));
    let value = picked["value"].as_f64().unwrap();
    assert!((picked["fit"].as_f64().unwrap() * 160.0 - value).abs() < 1e-12 && value > 0.0);
}

#[test]
fn planning_changes_nothing() {
    let home = home();
    let listing = |home: &Home| {
        let mut paths: Vec<_> = std::fs::read_dir(home.path()).unwrap().flatten().map(|e| e.path()).collect();
        paths.sort();
        paths
    };
    let before = (listing(&home), home.bytes("PROGRESS.md"));
    let _ = home.plan(&["--assume", "mastodon.ready=true"]);
    assert_eq!((listing(&home), home.bytes("PROGRESS.md")), before);
}

#[test]
fn a_wrong_assumption_is_wrong_usage() {
    for (assumed, hint) in [
        ("mastodon.redy=true", "mastodon.ready"),
        ("mastodon.ready=maybe", "true or false"),
        ("customers.active=-1", "whole number"),
        ("x", "KEY=VALUE"),
    ] {
        let said = home().run(&["plan", "--assume", assumed]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.contains(hint), "{said:?}");
    }
}

#[test]
fn the_sheet_fits_eighty_columns() {
    let mut list = String::from(LIST);
    list.push_str(&format!("- [ ] Post issue 45 to Mastodon {}\n- [ ] {} for:customers\n", "and on ".repeat(60), "漢字".repeat(80)));
    let home = Home::new(list);
    home.write("issues/045-the-queue.md", ISSUE);
    for more in [&[][..], &["--assume", "mastodon.ready=true", "--assume", "customers.active=12"]] {
        let said = home.run(&[&["plan", "--no-model"], more].concat()).ok();
        for line in said.stdout.lines() {
            assert!(unicode_width(line) <= 80, "{} columns: {line}", unicode_width(line));
        }
        assert!(!said.stdout.contains('\u{1b}'), "no colour where there is no terminal");
    }
}

fn unicode_width(line: &str) -> usize {
    // East Asian wide characters take two columns.
    line.chars().map(|c| if ('\u{1100}'..='\u{ffe6}').contains(&c) && !('\u{2000}'..='\u{2e7f}').contains(&c) { 2 } else { 1 }).sum()
}
