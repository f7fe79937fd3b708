//! Which issue a line means, from the list to what goes out: candidates are named, nothing is guessed, nothing hidden runs.

use std::time::{Duration, Instant};

use reveille_tests::Home;
use serde_json::Value;

const TELL: &str = "for:strangers skill:distribute";

fn home(lines: &[&str]) -> Home {
    let list: String = lines.iter().map(|line| format!("- [ ] {line}\n")).collect();
    let home = Home::new(list);
    for (number, title, date, summary) in [
        (1, "Walking in Fog", "2026-09-01", "A lighthouse."),
        (2, "Fog Again", "2026-10-01", "More of it."),
        (3, "Barnacle Glue", "2026-11-01", "What holds."),
    ] {
        let text = format!("---\ntitle: {title}\nnumber: {number}\ndate: {date}\nsummary: {summary}\n---\n\nBody.\n");
        home.write(&format!("issues/00{number}-{}.md", title.to_lowercase().replace(' ', "-")), text);
    }
    home.write("drafts/zero.md", "---\ntitle: Notes from Zero\nsummary: Not yet.\n---\n\nBody.\n");
    home
}

fn plan(home: &Home) -> Value {
    home.plan(&["--assume", "mastodon.ready=true"])
}

fn refusal(plan: &Value, at: usize) -> (String, String, String) {
    let refusal = &plan["candidates"][at]["refusal"];
    let text = |key: &str| refusal[key].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("why"), text("unblock"))
}

#[test]
fn what_is_ambiguous_names_its_candidates_everywhere() {
    let home = home(&[&format!("Post the fog one to Mastodon {TELL}"), &format!("Post issues 1 and 3 to Mastodon {TELL}")]);
    let both = "the line could mean issue 1 “Walking in Fog” (2026-09-01) or issue 2 “Fog Again” (2026-10-01)";
    let (kind, why, unblock) = refusal(&plan(&home), 0);
    assert_eq!((kind.as_str(), why.as_str()), ("blocked", both));
    assert_eq!(unblock, "say on the line which one: `issue:1` or `issue:2`");
    assert!(refusal(&plan(&home), 1).1.contains("a wake does one thing"));
    let said = home.run(&["plan", "--no-model", "--assume", "mastodon.ready=true"]).ok().stdout;
    let unfolded = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unfolded.contains(both) && unfolded.contains("`issue:1` or `issue:2`"), "{said}");
    // Without the credential both are missing, and both are said at once.
    assert!(refusal(&home.plan(&[]), 0).1.contains(&format!("TEST_MASTODON_TOKEN is not set; {both}")));
    let _ = home.run(&["wake", "--no-model"]).ok();
    let why = home.run(&["why", "1", "Post the fog one"]).ok().stdout;
    assert!(why.contains(both) && why.contains("issue:1"), "{why}");
    assert!(home.read("PROGRESS.md").contains("“Walking in Fog” (2026-09-01)"));
}

#[test]
fn the_tag_settles_it() {
    let home = home(&[&format!("Post the fog one to Mastodon issue:2 {TELL}")]);
    let plan = plan(&home);
    assert_eq!((plan["outcome"].as_str(), plan["candidates"][0]["verdict"].as_str()), (Some("act"), Some("eligible")));
}

#[test]
fn what_other_words_were_taken_for_is_said() {
    let home = home(&[&format!("Post the one before last to Mastodon {TELL}")]);
    let said = home.run(&["plan", "--no-model", "--assume", "mastodon.ready=true"]).ok().stdout;
    assert!(said.contains("it is taken for issue 2 “Fog Again” (2026-10-01)"), "{said}");
}

#[test]
fn a_ranking_that_nobody_measured_is_no_guess() {
    let home = home(&[&format!("Post the three best back issues to Mastodon {TELL}")]);
    let (kind, why, unblock) = refusal(&plan(&home), 0);
    assert_eq!(kind, "blocked");
    assert!(why.contains("“the three best back issues”") && why.contains("never measured"), "{why}");
    assert!(unblock.contains("a line for each") && unblock.contains("`issue:3`"), "{unblock}");
}

#[test]
fn for_a_persons_channel_the_candidates_are_named_too() {
    let home = home(&[&format!("Submit the fog letter to Hacker News {TELL}")]);
    let (kind, why, _) = refusal(&plan(&home), 0);
    assert_eq!(kind, "no_skill");
    assert!(why.contains("no text is prepared") && why.contains("issue 2 “Fog Again”"), "{why}");
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert!(!home.join("outbox").exists() || std::fs::read_dir(home.join("outbox")).unwrap().flatten().count() == 0);
}

#[test]
fn only_an_exact_name_releases_a_draft() {
    for (line, released) in [
        ("Publish \"Notes from Zero\"", true),
        ("Publish \"Notes from Zero\" skill:publish for:strangers", true),
        ("Publish \"Notes from Zerro\"", false),
        ("Publish \"Notes from Zerro\" skill:publish for:strangers", false),
        ("Publish the zero draft skill:publish for:strangers", false),
        ("Publish the latest draft skill:publish for:strangers", false),
        ("Publish Notes from Zero skill:publish for:strangers", false),
        ("Publish \"Notes from Z\u{435}ro\" skill:publish for:strangers", false),
        ("Publish \"Notes from Zero\"\u{200b} skill:publish for:strangers", false),
    ] {
        let home = home(&[line]);
        let _ = home.run(&["wake", "--no-model"]).ok();
        assert_eq!(!home.join("drafts/zero.md").exists(), released, "{line}");
        assert_eq!(home.read("PROGRESS.md").starts_with("- [x]"), released, "{line}");
    }
}

#[test]
fn a_line_that_hides_what_it_says_is_never_run() {
    let lines = [
        "Post issue 3 to Mast\u{43e}don for:strangers skill:distribute channel:mastodon",
        "Post issue 3 to Mastodon \u{202e}ton od\u{202c} for:strangers skill:distribute",
        "Post issue\u{200b} 3 to Mastodon",
        "D\u{43e}n't post issue 3 to Mastodon",
        "Post issue 3 to Mastodon n\u{435}\u{435}ds:human for:strangers skill:distribute",
        "Post it to Mastodon issue:3 after:\"x\u{2066}\" for:strangers skill:distribute",
    ];
    let home = home(&lines);
    let plan = plan(&home);
    assert_eq!(plan["pick"], Value::Null, "{plan}");
    for (at, line) in lines.iter().enumerate() {
        let (kind, why, unblock) = refusal(&plan, at);
        assert!(kind == "unclear" && why.contains("U+") && !unblock.is_empty(), "{line}: {kind}: {why}");
    }
    let said = home.run(&["wake", "--no-model"]).ok().stdout;
    let progress = home.read("PROGRESS.md");
    let block = progress.split_once("<!-- reveille -->").expect("the block").1;
    for text in [said.as_str(), block] {
        assert!(!text.contains(['\u{200b}', '\u{202c}', '\u{202e}', '\u{2066}']), "{text:?}");
    }
    assert!(block.contains("[U+202E]"), "{block}");
    for line in lines {
        assert!(progress.contains(line), "what the human wrote stays: {line}");
    }
}

#[test]
fn a_second_language_is_no_disguise() {
    let home = home(&[
        "Написать о выпуске 3 в Mastodon for:strangers skill:distribute channel:mastodon issue:3",
        "Mastodonに3号を投稿する for:strangers skill:distribute channel:mastodon issue:3",
    ]);
    let plan = plan(&home);
    for at in 0..2 {
        assert_eq!(plan["candidates"][at]["verdict"], "eligible", "{plan:#}");
    }
}

#[test]
fn a_long_line_takes_time_by_its_length_only() {
    let pieces = [
        "first ",
        "“",
        "\" \" ",
        "the ",
        "issue 4, ",
        "issues 4-",
        "the best ",
        "last ",
        "the issue on ",
        "one before ",
        "с и ",
        "с ",
        "привет ",
        "\u{1f3f4}\u{e0067} ",
        "Mast\u{43e}don ",
    ];
    let lines: Vec<String> = pieces.iter().map(|piece| format!("Post {}", piece.repeat(40_000))).collect();
    let home = home(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let started = Instant::now();
    assert_eq!(plan(&home)["pick"], Value::Null);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
