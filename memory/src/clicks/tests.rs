use super::*;
use crate::{Key, NewEffect, NewRun, SignKind, Standing};

const LETTER: u64 = 0xfedc_ba98_7654_3210;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// A memory in which a mail of issue 45 was sent to ann at 14:00.
fn memory() -> (tempfile::TempDir, Memory) {
    let (folder, mut memory) = memory_with("45");
    memory.keep_links(LETTER, "45", &["https://a.example/".into(), "https://b.example/?q=1&r=2".into()], &[]).expect("kept");
    (folder, memory)
}

/// A memory in which a mail of a letter was sent to ann at 14:00.
fn memory_with(issue: &str) -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let now = at("2026-11-20T14:00:00Z");
    let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
    let run =
        memory.begin_run(&NewRun { started_at: now, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 }).expect("begun");
    let key = Key { issue: issue.into(), channel: "email".into(), part: "letter".into(), recipient: "ann".into() };
    let new = NewEffect { key, text: b"words".to_vec(), token: "t".into(), run };
    let Standing::Intended(effect) = memory.intend(&new, now).expect("kept") else { panic!("it is new") };
    let proof = crate::EvidenceRow { kind: "smtp".into(), place: "s".into(), sha256: None, text: None, fetched_at: now };
    effect.send(&mut memory, now).expect("let go").confirm(&mut memory, &[proof], now).expect("confirmed");
    (folder, memory)
}

fn click(who: &str, link: u32, when: &str, by: Fetcher) -> Click {
    Click { letter: LETTER, link, subscriber: who.into(), at: at(when), by }
}

#[test]
fn who_leaves_behind_a_click_was_active() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-20T13:00:00Z");
    let ann = crate::SignUp { id: "ann".into(), email: "ann@home.net".into(), network: 1, via: String::new(), is_person: true };
    memory.sign_up(&[ann], crate::SignUpCaps { network: 9, all: 9 }, now).expect("kept");
    memory.confirm_reader("ann", now, now).expect("kept");
    memory.follow(&click("ann", 0, "2026-11-20T15:00:00Z", Fetcher::Person)).expect("kept");
    memory.leave("ann", at("2026-11-20T15:10:00Z")).expect("left");
    let steps = memory.funnel_since(chrono::NaiveDate::default()).expect("read");
    assert!(format!("{steps:?}").contains("Active"), "{steps:?}");
    assert!(memory.signs_since(now).expect("read").is_empty(), "nothing of them is kept");
}

#[test]
fn a_link_leads_where_the_letter_s_link_led() {
    let (_folder, mut memory) = memory();
    let follow = |memory: &mut Memory, letter, link| {
        memory.follow(&Click { letter, ..click("ann", link, "2026-11-20T15:00:00Z", Fetcher::Person) }).expect("read")
    };
    assert_eq!(follow(&mut memory, LETTER, 1).as_deref(), Some("https://b.example/?q=1&r=2"));
    assert_eq!(follow(&mut memory, LETTER, 2), None);
    assert_eq!(follow(&mut memory, LETTER + 1, 0), None);
    memory.keep_links(LETTER, "45", &["https://evil.example/".into()], &["46".into()]).expect("ignored");
    assert_eq!(follow(&mut memory, LETTER, 0).as_deref(), Some("https://a.example/"));
    assert!(memory.connection.execute("UPDATE letter_links SET address = 'https://evil.example/'", []).is_err());
}

#[test]
fn a_human_s_click_is_one_sign_and_a_scanner_s_none() {
    let (_folder, mut memory) = memory();
    let signs = |memory: &Memory| memory.signs_since(at("2026-11-20T00:00:00Z")).expect("read");
    // At once, then a robot: nobody.
    memory.follow(&click("ann", 0, "2026-11-20T14:00:03Z", Fetcher::Person)).expect("kept");
    memory.follow(&click("ann", 0, "2026-11-20T15:00:00Z", Fetcher::Robot)).expect("kept");
    assert_eq!(memory.judge_clicks(at("2026-11-20T16:00:00Z")).expect("judged"), 0);
    memory.follow(&click("ann", 1, "2026-11-20T17:00:00Z", Fetcher::Person)).expect("kept");
    // Too early to tell: more could follow within ten seconds.
    assert_eq!(memory.judge_clicks(at("2026-11-20T17:00:10Z")).expect("judged"), 0);
    assert_eq!(memory.judge_clicks(at("2026-11-20T17:00:11Z")).expect("judged"), 1);
    memory.follow(&click("ann", 0, "2026-11-20T18:00:00Z", Fetcher::Person)).expect("kept");
    assert_eq!(memory.judge_clicks(at("2026-11-20T19:00:00Z")).expect("judged"), 0);
    let kept = signs(&memory);
    assert_eq!(
        kept.iter().map(|sign| (sign.kind, sign.about.as_str(), sign.at)).collect::<Vec<_>>(),
        [(SignKind::Click, "45", at("2026-11-20T17:00:00Z"))]
    );
    // Somebody to whom no mail went.
    memory.follow(&click("bob", 0, "2026-11-20T18:00:00Z", Fetcher::Person)).expect("kept");
    assert_eq!(memory.judge_clicks(at("2026-11-20T19:00:00Z")).expect("judged"), 0);
    memory.leave("ann", at("2026-11-20T20:00:00Z")).expect("gone");
    let left: i64 = memory.rows("SELECT count(*) FROM clicks WHERE subscriber = 'ann'", [], |row| row.get(0)).expect("read")[0];
    assert_eq!(left, 0);
}

#[test]
fn a_click_in_the_letter_of_a_week_is_about_the_issue_of_its_link() {
    let (_folder, mut memory) = memory_with("week-2026-W46");
    let links = ["https://home.example/", "https://a.example/", "https://b.example/", "https://c.example/"].map(str::to_owned);
    let about = ["", "45", "46", "46"].map(str::to_owned);
    memory.keep_links(LETTER, "week-2026-W46", &links, &about).expect("kept");
    let about = |memory: &Memory| -> Vec<(String, DateTime<Utc>)> {
        let signs = memory.signs_since(at("2026-11-20T00:00:00Z")).expect("read");
        signs.into_iter().map(|sign| (sign.about, sign.at)).collect()
    };
    memory.follow(&click("ann", 2, "2026-11-20T15:00:00Z", Fetcher::Person)).expect("kept");
    memory.follow(&click("ann", 3, "2026-11-20T15:10:00Z", Fetcher::Person)).expect("kept");
    memory.follow(&click("ann", 1, "2026-11-20T15:20:00Z", Fetcher::Robot)).expect("kept");
    assert_eq!(memory.judge_clicks(at("2026-11-20T16:00:00Z")).expect("judged"), 1, "two links of one issue are one sign");
    assert_eq!(about(&memory), [("46".to_owned(), at("2026-11-20T15:00:00Z"))]);
    memory.follow(&click("ann", 1, "2026-11-20T17:00:00Z", Fetcher::Person)).expect("kept");
    memory.follow(&click("ann", 0, "2026-11-20T17:10:00Z", Fetcher::Person)).expect("kept");
    assert_eq!(memory.judge_clicks(at("2026-11-20T18:00:00Z")).expect("judged"), 2);
    assert_eq!(about(&memory).into_iter().map(|(about, _)| about).collect::<Vec<_>>(), ["46", "45", "week-2026-W46"]);
    let followed = memory.own_data("ann").expect("read").clicks;
    assert_eq!(followed.iter().map(|link| link.issue.as_str()).collect::<Vec<_>>(), ["46", "46", "45", "45", "week-2026-W46"]);
}

#[test]
fn fetches_are_bounded_and_forgotten() {
    let (_folder, mut memory) = memory();
    for _ in 0..MOST + 10 {
        memory.follow(&click("ann", 0, "2026-11-20T14:00:03Z", Fetcher::Robot)).expect("read");
    }
    let count = |memory: &Memory| memory.rows("SELECT count(*) FROM clicks", [], |row| row.get::<_, u32>(0)).expect("read")[0];
    assert_eq!(count(&memory), MOST);
    memory.judge_clicks(at("2026-11-20T15:00:00Z")).expect("judged");
    memory.follow(&click("bob", 0, "2026-12-22T14:00:03Z", Fetcher::Robot)).expect("kept");
    memory.judge_clicks(at("2026-12-22T15:00:00Z")).expect("judged");
    assert_eq!(count(&memory), 1);
}

#[test]
fn all_links_of_a_letter_at_once_are_a_scanner_s() {
    let (_folder, mut memory) = memory();
    // The letter has two.
    memory.follow(&click("ann", 0, "2026-11-20T15:00:00Z", Fetcher::Person)).expect("kept");
    memory.follow(&click("ann", 1, "2026-11-20T15:00:01Z", Fetcher::Person)).expect("kept");
    assert_eq!(memory.judge_clicks(at("2026-11-20T16:00:00Z")).expect("judged"), 0);
}

#[test]
fn what_is_asked_of_one_reader_does_not_read_the_mails_of_all() {
    let (_folder, memory) = memory();
    let plan = |sql: &str, values: &[&str]| -> String {
        let steps = memory.rows(&format!("EXPLAIN QUERY PLAN {sql}"), rusqlite::params_from_iter(values), |row| row.get::<_, String>(3));
        steps.expect("a plan").join("; ")
    };
    for (sql, values) in [(SENT, &["45", "ann"][..]), (crate::own::MAILS, &["ann"][..])] {
        let plan = plan(sql, values);
        assert!(plan.contains("effects_to") && !plan.contains("SCAN"), "{plan}");
    }
    // Nor does the count of a channel's posts.
    let posts = plan(crate::ledger::POSTS, &["reddit", "0", "1"]);
    assert!(posts.contains("effects_sent (channel=?"), "{posts}");
}

#[test]
fn who_has_left_is_led_on_and_not_followed() {
    let (_folder, mut memory) = memory();
    let tables = ["clicks", "signs", "letters_got"];
    let rows = |memory: &Memory| {
        tables.map(|table| {
            let sql = format!("SELECT count(*) FROM {table} WHERE subscriber = 'ann'");
            memory.rows(&sql, [], |row| row.get::<_, u32>(0)).expect("read")[0]
        })
    };
    assert_eq!(rows(&memory), [0, 0, 1]);
    // A second mail is on its way when she leaves.
    let now = at("2026-11-20T15:00:00Z");
    let new = NewRun { started_at: now, slot: None, trigger: "hand".into(), version: "0".into(), pid: 2 };
    let run = memory.begin_run(&new).expect("begun");
    let key = Key { issue: "46".into(), channel: "email".into(), part: "letter".into(), recipient: "ann".into() };
    let new = NewEffect { key, text: b"words".to_vec(), token: "u".into(), run };
    let Standing::Intended(effect) = memory.intend(&new, now).expect("kept") else { panic!("it is new") };
    let sending = effect.send(&mut memory, now).expect("let go");
    memory.leave("ann", now).expect("left");
    let proof = crate::EvidenceRow { kind: "smtp".into(), place: "s".into(), sha256: None, text: None, fetched_at: now };
    sending.confirm(&mut memory, &[proof], now).expect("confirmed");
    let led = memory.follow(&click("ann", 0, "2026-11-20T16:00:00Z", Fetcher::Person)).expect("read");
    assert_eq!(led.as_deref(), Some("https://a.example/"));
    assert_eq!(rows(&memory), [0, 0, 0]);
    // A fetch that another process wrote meanwhile is judged as nobody's.
    let fetched = format!(
        "INSERT INTO clicks (letter, link, subscriber, at, fetcher) VALUES ({}, 0, 'ann', {}, 'person')",
        stored(LETTER),
        micros(now)
    );
    memory.connection.execute(&fetched, []).expect("written");
    assert_eq!(memory.judge_clicks(at("2026-11-20T17:00:00Z")).expect("judged"), 0);
    let late = crate::Sign { subscriber: "ann".into(), kind: SignKind::Reply, about: "45".into(), at: at("2026-11-20T17:00:00Z") };
    memory.record_signs(&[late]).expect("asked");
    assert_eq!(rows(&memory)[1], 0);
}
