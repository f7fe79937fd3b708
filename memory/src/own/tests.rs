use super::*;
use crate::{Frequency, Key, NewEffect, NewRun, SignKind, SignUp, SignUpCaps};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// A memory where Ann has asked and confirmed at 10:00.
fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let now = at("2026-11-20T10:00:00Z");
    let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
    asks_and_confirms(&mut memory, "ann", now);
    (folder, memory)
}

fn asks_and_confirms(memory: &mut Memory, id: &str, now: DateTime<Utc>) {
    let asked = SignUp { id: id.into(), email: format!("{id}@home.net"), network: 1, via: "mastodon".into(), is_person: true };
    memory.sign_up(&[asked], SignUpCaps { network: 9, all: 9 }, now).expect("asked");
    memory.confirm_reader(id, now, now).expect("confirmed");
}

#[test]
fn a_reader_is_shown_all_of_themselves_and_nothing_of_others() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-20T11:00:00Z");
    let chosen = Preferences { frequency: Frequency::Weekly, paused_until: Some(now), topics: vec!["rust".into()] };
    memory.prefer("ann", &chosen, now).expect("kept");
    asks_and_confirms(&mut memory, "bob", now);
    memory.record_signs(&[Sign { subscriber: "ann".into(), kind: SignKind::Click, about: "45".into(), at: now }]).expect("kept");
    let run = NewRun { started_at: now, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&run).expect("begun");
    let mail = |recipient: &str| NewEffect {
        key: Key { issue: "45".into(), channel: "email".into(), part: "letter".into(), recipient: recipient.into() },
        text: b"{}".to_vec(),
        token: format!("<{recipient}@a.example>"),
        run,
    };
    memory.intend_all(&[mail("ann"), mail("bob")], now).expect("written");

    let own = memory.own_data("ann").expect("read");
    assert_eq!(own.subscriber.map(|one| (one.email, one.via)), Some(("ann@home.net".into(), "mastodon".into())));
    assert_eq!(own.preferences, chosen);
    assert_eq!(own.signs.iter().map(|sign| sign.kind).collect::<Vec<_>>(), [SignKind::Confirmation, SignKind::Click]);
    let mails: Vec<_> = own.mails.iter().map(|mail| (mail.issue.as_str(), mail.state.as_str(), mail.intended_at)).collect();
    assert_eq!((mails, own.suppressed, own.is_suppressed), (vec![("45", "intended", now)], None, false));
    assert_eq!(memory.all_preferences().expect("read"), HashMap::from([("ann".to_owned(), chosen)]));
    let (mut mailed, last) = memory.mailed_since(0).expect("read");
    mailed.sort();
    assert_eq!((mailed, memory.mailed_since(last).expect("read")), (vec!["ann".to_owned(), "bob".to_owned()], (vec![], last)));
    memory.intend_all(&[mail("cyd")], now).expect("written");
    assert_eq!(memory.mailed_since(last).expect("read").0, ["cyd"]);
}

#[test]
fn who_leaves_again_or_bounces_after_coming_back_is_mailed_no_more() {
    let (_folder, mut memory) = memory();
    let suppressed = |memory: &Memory| memory.is_suppressed("ann").expect("read");
    memory.leave("ann", at("2026-11-20T11:00:00Z")).expect("left");
    assert!(suppressed(&memory) && memory.came_back().expect("read").is_empty());
    asks_and_confirms(&mut memory, "ann", at("2026-11-22T12:00:00Z"));
    assert!(!suppressed(&memory) && memory.came_back().expect("read").contains("ann"));
    // A list from elsewhere says once more that they left: in doubt they are not mailed.
    memory.suppress(&["ann".into()], SuppressedFor::Left, at("2026-11-23T12:00:00Z")).expect("kept");
    assert!(suppressed(&memory) && memory.came_back().expect("read").is_empty());
    let own = memory.own_data("ann").expect("read");
    assert_eq!(own.suppressed.map(|row| (row.why, row.at)), Some((SuppressedFor::Left, at("2026-11-23T12:00:00Z"))));
    memory.leave("ann", at("2026-11-23T13:00:00Z")).expect("left");
    asks_and_confirms(&mut memory, "ann", at("2026-11-25T12:00:00Z"));
    assert!(!suppressed(&memory));
    memory.suppress(&["ann".into()], SuppressedFor::Bounced, at("2026-11-25T13:00:00Z")).expect("kept");
    assert!(suppressed(&memory), "an address that bounces is mailed no more, whatever it said before");
    memory.suppress(&["ann".into()], SuppressedFor::Left, at("2026-11-26T13:00:00Z")).expect("kept");
    assert_eq!(memory.suppressed().expect("read")[0].why, SuppressedFor::Bounced, "what is for good stays");
}

/// One row of ann's in each table that has a column `subscriber`, with something in it by which it is known again: a word or a time.
const ROWS: [(&str, &str, &str); 12] = [
    ("suppressed", "'ann', 'left', 1700000001000000", "2023-11-14T22:13:21Z"),
    ("preferences", "'ann', 'each', NULL, '[\"tag-of-ann\"]', 0", "tag-of-ann"),
    ("listed", "'ann', 'confirmed'", "listed: Some(Confirmed)"),
    ("wanted_mails", "900, 'ann', 'wanted@home.net', 'known', NULL, 0, NULL", "wanted@home.net"),
    ("signs", "'ann', 'reply', 'sign-of-ann', 0", "sign-of-ann"),
    ("clicks", "900, 9, 0, 'ann', 0, 'robot', 0", "https://clicked.example/"),
    ("letters_got", "'ann', 1700000002000000, 1700000003000000", "2023-11-14T22:13:23Z"),
    ("sunsets", "'ann', 1700000004000000", "2023-11-14T22:13:24Z"),
    ("awaited_outcomes", "'ann', 'experiment-of-ann', 1, 0", "experiment-of-ann"),
    ("answers", "900, 'mastodon', 'n', 'reply', '@ann', 'ann', '45', 'p', 'words-of-ann', 'inbox/a.md', 0, 1", "words-of-ann"),
    ("survey_answers", "(SELECT number FROM surveys), 'ann', '[1]', 0", "longer-for-ann"),
    ("subscribers", "'ann', 'ann@home.net', 'pending', 'free', 'via-of-ann', 0, NULL, 1", "via-of-ann"),
];

#[test]
fn every_table_that_knows_a_reader_is_in_their_data_and_is_emptied_when_they_leave() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = at("2026-11-20T10:00:00Z");
    let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
    let tables = "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND c.name = 'subscriber'";
    let mut known: Vec<String> = memory.rows(tables, [], |row| row.get(0)).expect("read");
    known.push("subscribers".to_owned());
    known.sort();
    let mut here = ROWS.map(|(table, ..)| table);
    here.sort_unstable();
    assert_eq!(known, here, "a table with readers in it is none of their data");
    let asks = [crate::Question { ask: "How long?".into(), choices: vec!["shorter".into(), "longer-for-ann".into()] }];
    memory.keep_survey("length", &asks, now).expect("kept");
    memory.keep_links(9, "45", &["https://clicked.example/".into()], &[]).expect("kept");
    for (table, values, _) in ROWS {
        memory.connection.execute(&format!("INSERT INTO {table} VALUES ({values})"), []).unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    let own = format!("{:?}", memory.own_data("ann").expect("read"));
    for (table, _, mark) in ROWS {
        assert!(own.contains(mark), "{table}: {own}");
    }
    assert_eq!(format!("{:?}", memory.own_data("bob").expect("read")).matches("ann").count(), 0);
    memory.leave("ann", now).expect("left");
    for (table, ..) in ROWS {
        let id = if table == "subscribers" { "id" } else { "subscriber" };
        // What limits how often an address is mailed is kept for a day, without the address.
        let stays = if table == "wanted_mails" { " AND email <> ''" } else { "" };
        let left = memory.rows(&format!("SELECT 1 FROM {table} WHERE {id} = 'ann'{stays}"), [], |_| Ok(())).expect("read");
        assert_eq!(left.len(), usize::from(table == "suppressed"), "{table}");
    }
}
