//! What the human corrects is learned at the next wake: said once, counted, used, given out; and their list stays theirs.

use reveille_tests::Home;
use rusqlite::Connection;
use serde_json::Value;

/// A line that the reader takes for nobody's, and one like it.
const LINE: &str = "Refactor the logging module";
const LIKE: &str = "Rework the logging module";
/// A line that only a person can do.
const LETTER: &str = "Write to three other newsletters and offer to swap recommendations";

fn wake(home: &mut Home, hour: u32) -> Value {
    home.at(&format!("2026-11-20T{hour:02}:00:00Z"));
    home.run(&["wake", "--json"]).ok().json()
}

fn learned(wake: &Value) -> Vec<&str> {
    wake["learned"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

fn candidate<'a>(sheet: &'a Value, text: &str) -> &'a Value {
    let found = sheet["candidates"].as_array().expect("candidates").iter().find(|candidate| candidate["text"] == text);
    found.unwrap_or_else(|| panic!("no {text} in {sheet}"))
}

/// How sure the reader is that nobody notices a line, as memory keeps it with the last wake.
fn nobody(home: &Home, text: &str) -> f64 {
    let runs = home.run(&["status", "--json"]).ok().json()["runs"].to_string();
    let why = home.run(&["why", &runs, text]).ok();
    let shares = why.stdout.lines().find(|line| line.starts_with("shares")).unwrap_or_else(|| panic!("{why:?}"));
    shares.rsplit(' ').next().and_then(|share| share.parse().ok()).unwrap_or_else(|| panic!("{shares}"))
}

fn lines_learned(home: &Home) -> u64 {
    home.run(&["status", "--json"]).ok().json()["learned"]["lines"].as_u64().expect("a number")
}

/// Changes the one line of PROGRESS.md that `find` names.
fn rewrite(home: &Home, find: impl Fn(&str) -> bool, change: impl Fn(&str) -> String) {
    let progress = home.read("PROGRESS.md");
    let line = progress.lines().find(|line| find(line)).unwrap_or_else(|| panic!("no such line in {progress}")).to_owned();
    home.write("PROGRESS.md", progress.replacen(&line, &change(&line), 1));
}

#[test]
fn a_tag_against_the_reading_is_learned_and_moves_lines_like_it() {
    let mut home = Home::new(format!("- [ ] {LINE}\n- [ ] {LIKE}\n"));
    let first = wake(&mut home, 14);
    assert_eq!(learned(&first), [""; 0]);
    assert_eq!((candidate(&first, LINE)["for"].as_str(), lines_learned(&home)), (Some("nobody"), 0));
    let before = nobody(&home, LIKE);
    rewrite(&home, |line| line.ends_with(LINE), |line| format!("{line} for:strangers"));
    let theirs = format!("- [ ] {LINE} for:strangers\n- [ ] {LIKE}\n");

    // A plan has no effects, and knows only what a wake has learned.
    let plan = home.run(&["plan", "--json"]).ok().json();
    assert_eq!((candidate(&plan, LIKE)["for"].as_str(), lines_learned(&home)), (Some("nobody"), 0));

    let second = wake(&mut home, 16);
    assert_eq!(learned(&second), [format!("learned: “{LINE}” is for strangers")]);
    assert!(nobody(&home, LIKE) < before - 0.2, "{before} → {}", nobody(&home, LIKE));
    let progress = home.read("PROGRESS.md");
    assert!(progress.starts_with(&theirs) && progress.matches("learned: “").count() == 1, "{progress}");
    let letter: Value = serde_json::from_str(&home.read("memory/handover.json")).expect("JSON");
    assert_eq!((letter["learned"].as_array().map(Vec::len), letter["hurt"].as_array().map(Vec::len)), (Some(1), Some(0)), "{letter}");
    assert!(home.run(&["status"]).ok().stdout.contains("learned     1 lines from you"));

    // It is said once, and with nothing new the model is not opened although something was learned.
    home.env("REVEILLE_CACHE", "/dev/null/nowhere");
    let third = wake(&mut home, 18);
    assert_eq!((learned(&third), lines_learned(&home)), (vec![], 1));
    assert!(!home.read("PROGRESS.md").contains("learned:") && !home.read("PROGRESS.md").contains("read nothing"));
    let plan = home.run(&["plan", "--json"]).ok().json();
    assert_eq!(candidate(&plan, LIKE)["for"], candidate(&second, LIKE)["for"], "a plan uses what memory knows");
}

#[test]
fn a_tag_on_a_line_that_the_model_never_read_is_no_correction() {
    let mut home = Home::new(format!("- [ ] {LINE} for:strangers skill:compose\n"));
    assert_eq!(learned(&wake(&mut home, 14)), [""; 0]);
    assert_eq!(learned(&wake(&mut home, 16)), [""; 0]);
    // With one of the two the model reads the rest, and is held against the tag at once.
    home.write("PROGRESS.md", format!("- [ ] {LINE} for:strangers\n"));
    assert_eq!(learned(&wake(&mut home, 18)), [format!("learned: “{LINE}” is for strangers")]);
    assert_eq!(learned(&wake(&mut home, 20)), [""; 0]);
    // The other word takes its place, though the reader has come to agree with the first.
    home.write("PROGRESS.md", format!("- [ ] {LINE} for:customers skill:sell\n"));
    assert_eq!(learned(&wake(&mut home, 22)), [format!("learned: “{LINE}” is for customers, skill sell")]);
    assert_eq!(lines_learned(&home), 1);
}

#[test]
fn both_tags_on_a_line_that_was_read_before_are_a_correction() {
    let mut home = Home::new(format!("- [ ] {LINE}\n"));
    let _ = wake(&mut home, 14);
    home.write("PROGRESS.md", format!("- [ ] {LINE} for:strangers skill:compose\n"));
    assert_eq!(learned(&wake(&mut home, 16)), [format!("learned: “{LINE}” is for strangers, skill compose")]);
}

fn entry_of(line: &str) -> bool {
    line.starts_with("- [ ]") && line.contains("`#")
}

#[test]
fn no_behind_an_entry_says_that_nobody_notices_until_it_is_taken_back() {
    let mut home = Home::new(format!("- [ ] {LETTER}\n"));
    let first = wake(&mut home, 14);
    assert_eq!(candidate(&first, LETTER)["refusal"]["kind"], "no_skill", "{first}");
    let before = nobody(&home, LETTER);
    rewrite(&home, entry_of, |line| format!("{line} no"));
    let second = wake(&mut home, 16);
    assert_eq!(learned(&second), [format!("learned: “{LETTER}” is for nobody")]);
    assert!(nobody(&home, LETTER) > before + 0.2, "{before} → {}", nobody(&home, LETTER));
    assert_eq!(learned(&wake(&mut home, 18)), [""; 0]);
    let _ = home.run(&["approve", "Write to three"]).ok();
    let last = wake(&mut home, 20);
    assert_eq!((candidate(&last, LETTER)["refusal"]["kind"].as_str(), lines_learned(&home)), (Some("no_skill"), 0), "{last}");
}

#[test]
fn an_item_dropped_after_it_was_asked_for_says_the_same_as_no() {
    let mut home = Home::new(format!("- [ ] {LETTER}\n- [ ] {LINE}\n"));
    let _ = wake(&mut home, 14);
    let list = format!("- [-] {LETTER}\n- [-] {LINE}\n");
    let progress = home.read("PROGRESS.md");
    home.write("PROGRESS.md", progress.replace(&format!("- [ ] {LETTER}\n- [ ] {LINE}\n"), &list));
    // Only the one that stood in the block: the other was nobody's already.
    assert_eq!(learned(&wake(&mut home, 16)), [format!("learned: “{LETTER}” is for nobody")]);
    assert!(home.read("PROGRESS.md").starts_with(&list));
    assert_eq!(learned(&wake(&mut home, 18)), [""; 0]);
    assert_eq!(lines_learned(&home), 1);
}

#[test]
fn yes_behind_an_approval_confirms_what_was_read() {
    const TELL: &str = "Let strangers on the open web find draft 2";
    let mut home = Home::new(format!("- [ ] {TELL} skill:publish\n"));
    home.write("drafts/s.md", "---\ntitle: Plans\nnumber: 2\n---\n\nBody.\n");
    home.write("reveille.toml", format!("{}\n[approve]\nskills = [\"publish\"]\n", reveille_tests::SETTINGS));
    let first = wake(&mut home, 14);
    assert_eq!(candidate(&first, TELL)["for"], "strangers", "{first}");
    rewrite(&home, |line| line.starts_with("- [ ] Approve"), |line| format!("{line} yes"));
    let second = wake(&mut home, 16);
    assert_eq!(learned(&second), [format!("learned: “{TELL}” is for strangers, skill publish")]);
    assert_eq!(lines_learned(&home), 1);
}

#[test]
fn a_home_whose_labels_contradict_each_other_still_works() {
    let whos = ["strangers", "subscribers", "customers", "nobody"];
    // The same words fifty times in four ways, and fifty that are nearly the same.
    let same: String = (0..50).map(|nth| format!("- [ ] {LINE} for:{}\n", whos[nth % 4])).collect();
    let near: String = (0..50).map(|nth| format!("- [ ] {LINE} {nth} for:{}\n", whos[nth % 4])).collect();
    let mut home = Home::new(format!("{same}{near}- [ ] {LIKE}\n"));
    let first = wake(&mut home, 14);
    assert!(learned(&first).len() == 9 && learned(&first)[8].contains("more lines"), "{:?}", learned(&first));
    let count = lines_learned(&home);
    // One for all the equal ones, which is the last in the file, and each of the others whom the reader did not take for nobody's.
    assert!((30..=51).contains(&count), "{count}");
    let like = candidate(&first, LIKE)["confidence"].as_f64().expect("a number");
    assert!((0.0..=1.0).contains(&like), "{like}");
    assert!((0.0..=1.0).contains(&nobody(&home, LIKE)));
    // Nothing flips back and forth.
    let _ = wake(&mut home, 16);
    let settled = lines_learned(&home);
    let third = wake(&mut home, 18);
    assert_eq!((learned(&third), lines_learned(&home)), (vec![], settled));
}

#[test]
fn what_was_learned_is_given_out_without_anything_of_the_home() {
    let mut home = Home::new(format!(
        "- [ ] {LINE} for:strangers skill:compose\n- [ ] {LIKE} for:customers\n- [ ] Ask Jo <jo@private.example> for:nobody skill:engage\n"
    ));
    let export = |home: &Home, file: &[&str]| home.run(&[&["model", "train", "--export"], file].concat());
    let none = export(&home, &[]).ok();
    assert!(none.stdout.is_empty() && none.stderr.contains("learned nothing yet"), "{none:?}");
    let bare = home.read("PROGRESS.md").replace(" for:strangers skill:compose", "").replace(" for:nobody skill:engage", "");
    home.write("PROGRESS.md", bare);
    let _ = wake(&mut home, 14);
    rewrite(&home, |line| line.ends_with(LINE), |line| format!("{line} for:strangers skill:compose"));
    let second = wake(&mut home, 16);
    assert_eq!(lines_learned(&home), 2, "{second}");

    let said = export(&home, &[]).ok();
    assert_eq!(said.stdout, format!("{LINE}\tstrangers\tcompose\t\t\n"), "the words and their labels, and nothing else");
    assert!(said.stderr.contains("1 of 2 learned lines are left out"), "{said:?}");
    let database = Connection::open(home.join("memory/reveille.db")).expect("opened");
    let ids: Vec<String> = {
        let mut select = database.prepare("SELECT id FROM tasks UNION SELECT cast(at AS text) FROM labels").expect("prepared");
        select.query_map([], |row| row.get(0)).expect("asked").collect::<Result<_, _>>().expect("read")
    };
    assert!(ids.len() >= 4, "{ids:?}");
    let own = home.path().to_string_lossy().into_owned();
    for private in ids.iter().map(String::as_str).chain([own.as_str(), "2026", "private.example", "letter.example", "PROGRESS", "tag"]) {
        assert!(!said.stdout.contains(private), "{private} in {said:?}");
    }

    let file = home.join("mine.tsv");
    let path = file.to_str().expect("a path");
    assert!(export(&home, &[path]).ok().stdout.is_empty());
    assert_eq!(home.read("mine.tsv"), said.stdout);
    let again = export(&home, &[path]);
    assert!(again.code == 2 && again.stderr.contains("is there already"), "{again:?}");
    assert_eq!(home.run(&["model", "train", "--export", "--report"]).code, 2);
    assert_eq!(home.run(&["model", "train", "--export", "/no/such/folder/mine.tsv"]).code, 1);
}

/// Takes out everything that schema 2 did not have.
fn as_schema_2_had_it(database: &Connection) {
    let old = Connection::open_in_memory().expect("opened");
    let dump = reveille_tests::repository().join("tests/fixtures/homes/schema-2.sql");
    old.execute_batch(&std::fs::read_to_string(dump).expect("a fixture")).expect("made");
    let named = |database: &Connection, kind: &str| -> Vec<String> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = ?1 AND sql IS NOT NULL";
        let mut select = database.prepare(sql).expect("asked");
        select.query_map([kind], |row| row.get(0)).expect("asked").collect::<Result<_, _>>().expect("read")
    };
    database.execute_batch("PRAGMA foreign_keys = OFF").expect("set");
    for kind in ["trigger", "index", "table"] {
        let known = named(&old, kind);
        for name in named(database, kind).into_iter().filter(|name| !known.contains(name)) {
            database.execute_batch(&format!("DROP {kind} IF EXISTS {name}")).expect("dropped");
        }
    }
    for (table, column) in [("runs", "summary"), ("runs", "thinned_at"), ("effects", "not_before")] {
        database.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {column}")).expect("dropped");
    }
    database.execute_batch("PRAGMA user_version = 2").expect("set");
}

#[test]
fn a_memory_of_before_is_brought_up_to_date_and_learns() {
    let mut home = Home::new(format!("- [ ] {LINE}\n"));
    let _ = wake(&mut home, 14);
    let database = Connection::open(home.join("memory/reveille.db")).expect("opened");
    as_schema_2_had_it(&database);
    drop(database);
    rewrite(&home, |line| line.ends_with(LINE), |line| format!("{line} for:strangers"));
    assert_eq!(learned(&wake(&mut home, 16)).len(), 1);
    let backups = std::fs::read_dir(home.join("memory/backups")).expect("a folder").flatten();
    assert!(backups.into_iter().any(|entry| entry.file_name().to_string_lossy().ends_with("schema-2.db")));
}
