//! The human's word on posts: where one is, by the command and by PROGRESS.md, and that it is not there.

use reveille_tests::{Home, Said};

const ITEM: &str = "https://news.ycombinator.com/item?id=4242";

/// A home in which issue 45 waits for a person to post it on Hacker News.
fn waiting() -> Home {
    let home = Home::new("- [ ] Submit issue 45 to Hacker News\n");
    home.write("issues/045-the-queue.md", "---\ntitle: The Queue\ndate: 2026-03-01\nsummary: A queue.\n---\n\nBody.\n");
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert_eq!(awaiting(&home), 1);
    home
}

fn awaiting(home: &Home) -> usize {
    home.run(&["status", "--json"]).ok().json()["awaiting_you"].as_array().expect("a list").len()
}

fn entry(home: &Home) -> String {
    let is_entry = |line: &&str| line.starts_with("- [ ]") && line.contains("Hacker News") && line.contains("`#");
    home.read("PROGRESS.md").lines().find(is_entry).expect("an entry").to_owned()
}

fn refused(said: &Said, words: &str) {
    assert!(said.code == 2 && said.stderr.contains(words) && said.stderr.contains("hint"), "{said:?}");
}

fn database(home: &Home) -> rusqlite::Connection {
    rusqlite::Connection::open(home.join("memory/reveille.db")).expect("a database")
}

/// A row of the ledger: its state, and the evidence as `shows kind place`.
fn row(home: &Home, channel: &str) -> (String, Vec<String>) {
    let database = database(home);
    let (id, state): (i64, String) = database
        .query_row("SELECT id, state FROM effects WHERE channel = ?1", [channel], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("a row");
    let mut evidence = database.prepare("SELECT shows || ' ' || kind || ' ' || place FROM evidence WHERE effect = ?1").expect("a query");
    let evidence = evidence.query_map([id], |row| row.get(0)).expect("rows").map(Result::unwrap).collect();
    (state, evidence)
}

#[test]
fn an_item_goes_by_its_key_its_text_or_issue_and_channel() {
    for by in ["key", "#key", "45 hackernews", "issue 45 hackernews", "the queue HackerNews", "submit issue 45"] {
        let mut home = waiting();
        let entry = entry(&home);
        let key = entry.rsplit("`#").next().and_then(|rest| rest.split('`').next()).expect("a key");
        let said = home.run(&["posted", &by.replace("key", key), ITEM]).ok();
        assert!(said.stdout.contains("issue 45 on Hacker News") && said.stdout.contains(ITEM), "{by}: {said:?}");
        assert_eq!(awaiting(&home), 0, "{by}");
        assert_eq!(row(&home, "hackernews"), ("confirmed".to_owned(), vec![format!("there human {ITEM}")]), "{by}");
        home.at("2026-11-20T16:00:00Z");
        let _ = home.run(&["wake", "--no-model"]).ok();
        let progress = home.read("PROGRESS.md");
        assert!(progress.starts_with("- [x] Submit issue 45 to Hacker News") && progress.contains(ITEM), "{by}: {progress}");
        refused(&home.run(&["posted", "45", "hackernews", ITEM]), "confirmed already");
    }
}

#[test]
fn an_address_that_does_not_belong_confirms_nothing() {
    let home = waiting();
    for (address, words) in [
        ("https://evil.example/item?id=1", "evil.example is not Hacker News"),
        ("https://news.ycombinator.com.evil.example/item?id=1", "is not Hacker News"),
        ("https://news.ycombinator.com/submitlink?u=x&t=y", "not a post"),
        ("news.ycombinator.com/item?id=1", "no web address"),
    ] {
        refused(&home.run(&["posted", "45 hackernews", address]), words);
    }
    refused(&home.run(&["posted", "46 hackernews", ITEM]), "nothing is called");
    refused(&home.run(&["posted", "45 reddit", "https://www.reddit.com/r/x/comments/1/y/"]), "does not wait");
    refused(&home.run(&["posted", "45 hackernews", "--not"]), "prepared for you");
    refused(&home.run(&["posted", ITEM]), "no post is named");
    assert_eq!((awaiting(&home), row(&home, "hackernews").1.len()), (1, 0));
}

#[test]
fn the_same_check_holds_for_answers_in_progress_md() {
    let mut home = waiting();
    let before = entry(&home);
    home.write("PROGRESS.md", home.read("PROGRESS.md").replace(&before, &format!("{before} https://evil.example/item?id=1")));
    home.at("2026-11-20T16:00:00Z");
    let said = home.run(&["wake", "--no-model"]).ok();
    assert!(said.stdout.contains("confirms nothing"), "{said:?}");
    let progress = home.read("PROGRESS.md");
    assert!(progress.starts_with("- [ ] Submit issue 45") && progress.contains("evil.example is not Hacker News"), "{progress}");
    assert_eq!((awaiting(&home), row(&home, "hackernews").0), (1, "awaiting_human".to_owned()));
    let now = entry(&home);
    home.write("PROGRESS.md", progress.replace(&now, &now.replace("https://evil.example/item?id=1", ITEM)));
    home.at("2026-11-20T18:00:00Z");
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert!(home.read("PROGRESS.md").starts_with("- [x] Submit issue 45"), "the test must be able to fail");
}

/// A post on Mastodon of which nobody knows whether it went out.
fn unknown(home: &Home) {
    let database = database(home);
    database
        .execute_batch(
            "INSERT INTO effects (issue, channel, part, text, key, run, intended_at)
               SELECT issue, 'mastodon', 'post', x'776f726473', 'key', run, intended_at FROM effects WHERE channel = 'hackernews';
             UPDATE effects SET state = 'sending', sending_at = 1 WHERE channel = 'mastodon';
             UPDATE effects SET state = 'unknown', error = 'a timeout' WHERE channel = 'mastodon';",
        )
        .expect("a row");
}

#[test]
fn what_may_have_gone_out_is_settled_by_the_human_s_word() {
    let home = waiting();
    unknown(&home);
    refused(&home.run(&["posted", "45 mastodon", "https://other.example/@me/1"]), "is not Mastodon");
    let said = home.run(&["posted", "45 mastodon", "--not"]).ok();
    assert!(said.stdout.contains("not there"), "{said:?}");
    let not_there = "absent human reveille posted --not".to_owned();
    assert_eq!(row(&home, "mastodon"), ("intended".to_owned(), vec![not_there]), "a wake sends it again, not this command");
    refused(&home.run(&["posted", "45 mastodon", "--not"]), "does not wait");
    assert_eq!(awaiting(&home), 1, "the other channel still waits");
}

#[test]
fn what_went_out_after_all_is_confirmed_by_its_address() {
    let home = waiting();
    unknown(&home);
    let status = home.run(&["status"]).ok().stdout;
    assert!(status.contains("Nobody can tell yet") && status.contains("issue 45 on mastodon may have gone out (a timeout)"), "{status}");
    let _ = home.run(&["posted", "45 mastodon", "https://social.example/@me/1"]).ok();
    assert_eq!(row(&home, "mastodon"), ("confirmed".to_owned(), vec!["there human https://social.example/@me/1".to_owned()]));
    refused(&home.run(&["posted", "45 mastodon", "--not"]), "confirmed already");
}
