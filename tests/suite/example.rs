//! The example home, woken with the reader that the program carries: what the README shows is what happens.

use reveille_tests::Home;

#[test]
fn the_example_wake_refuses_publishes_proves_and_asks() {
    let mut home = Home::example();
    let before = home.read("PROGRESS.md");
    let first = home.run(&["wake", "--json"]).ok().json();
    assert_eq!(first["outcome"], "act");
    let candidates = first["candidates"].as_array().expect("candidates");
    let kinds = |of: &str| candidates.iter().filter(|c| c["refusal"]["kind"] == of).count();
    let infrastructure: Vec<&str> = candidates
        .iter()
        .filter(|c| c["line"].as_u64().is_some_and(|line| line < 140))
        .filter(|c| c["refusal"]["kind"] != "no_audience")
        .filter_map(|c| c["text"].as_str())
        .collect();
    assert!(infrastructure.is_empty(), "not refused as no_audience: {infrastructure:?}");
    assert_eq!(kinds("no_audience"), 10);
    assert_eq!(kinds("blocked"), 2);
    let unblock = |start: &str| {
        let found = candidates.iter().find(|c| c["text"].as_str().is_some_and(|text| text.starts_with(start))).expect("a line");
        found["refusal"]["unblock"].as_str().expect("a way out").to_owned()
    };
    assert!(unblock("Send issue 45").contains("SMTP_PASSWORD"));
    assert!(unblock("Post issue 45").contains("MASTODON_TOKEN"));
    let reaches: Vec<f64> = first["needs_you"].as_array().expect("asks").iter().filter_map(|ask| ask["reach"].as_f64()).collect();
    assert!(reaches.len() >= 4 && reaches.is_sorted_by(|a, b| a >= b), "{reaches:?}");
    assert!(home.join("issues/046-notes-from-an-audience-of-zero.md").exists());
    assert!(home.read("site/atom.xml").contains("Notes from an Audience of Zero"));
    let after = home.read("PROGRESS.md");
    assert!(after.starts_with(&before), "the human's lines are as they were");
    assert!(after.contains("published issue 46"), "{after}");

    home.at("2026-11-20T16:00:00Z");
    let second = home.run(&["wake", "--json"]).ok().json();
    assert_eq!(second["outcome"], "ask", "nothing is repeated: {}", second["did"]);
    for run in ["1", "2"] {
        let why = home.run(&["why", run]).ok().stdout;
        assert!(why.contains("no_audience") && why.contains("Where the time went"), "{why}");
    }
    let why = home.run(&["why", "1", "Publish draft 46"]).ok().stdout;
    assert!(why.contains("strangers: 1.00 × 3 people × 0.0006"), "{why}");
}

#[test]
fn feeds_are_read_back_by_a_reader_of_feeds() {
    let home = Home::example();
    let _ = home.run(&["wake", "--no-model"]).ok();
    for (path, titles) in [("site/atom.xml", 7), ("site/feed.xml", 7), ("site/feed.json", 7)] {
        let feed = feed_rs::parser::parse(home.bytes(path).as_slice()).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(feed.entries.len(), titles, "{path}");
        let newest = &feed.entries[0];
        assert_eq!(newest.title.as_ref().map(|title| title.content.as_str()), Some("Notes from an Audience of Zero"), "{path}");
        assert!(
            newest.id.starts_with("tag:fromtheinside.example,2026-11-20:") || newest.id.starts_with("tag:fromtheinside.example,2026:"),
            "{}",
            newest.id
        );
        assert!(newest.links.iter().all(|link| link.href.starts_with("https://fromtheinside.example/issues/")), "{path}");
    }
}
