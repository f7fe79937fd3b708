//! What goes, what stays, what a crash or a wrong clock leaves, and that it stays small for years.

use reveille_mission::{Label, Who, Why};

use super::*;
use crate::{AskRow, CandidateRow, FactRow, Key, NewEffect, NewRun, RunEnd, RunState, Sheet, Standing, StoredReading, SuppressedFor};

fn day(days: i64) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::days(days)
}

fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::open(&folder.path().join("a.db"), day(0)).expect("made");
    memory.connection.pragma_update(None, "synchronous", "off").expect("set");
    (folder, memory)
}

fn candidate(text: &str, kind: Option<&str>) -> CandidateRow {
    CandidateRow {
        task_id: format!("id {text}"),
        text: text.into(),
        source: "progress".into(),
        line: Some(3),
        who: "strangers".into(),
        skill: None,
        channel: None,
        read_by: "model".into(),
        confidence: 0.5,
        p: [0.25; 4],
        refusal_kind: kind.map(str::to_owned),
        why: kind.map(|kind| format!("why {kind} {text}")),
        unblock: None,
        audience_count: None,
        audience_source: None,
        reach: None,
        fit: None,
        value: Some(0.5),
        parts: serde_json::json!([text]),
    }
}

/// A run with a sheet of its own, or with that of the others where `shared`.
fn run(memory: &mut Memory, at: DateTime<Utc>, words: &str) -> RunId {
    let new = NewRun { started_at: at, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&new).expect("begun");
    let candidates =
        vec![candidate(words, None), candidate(&format!("{words} too"), Some("blocked")), candidate("always", Some("blocked"))];
    let asks = vec![AskRow { ask: format!("ask {words}"), unlocks: vec![], reach: 1.0 }];
    memory.record_sheet(run, &Sheet { candidates, asks }, "published it").expect("kept");
    memory.record_stages(run, &[("load", 5)]).expect("kept");
    let pick = Some(format!("id {words}"));
    let end = RunEnd { ended_at: at, state: RunState::Done, outcome: Some("act".into()), pick, error: None };
    memory.finish_run(run, &end).expect("ended");
    run
}

fn rows(memory: &Memory, table: &str) -> i64 {
    memory.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counted")
}

/// A hundred runs in the first hundred days, a sheet each.
fn century(memory: &mut Memory) -> Vec<RunId> {
    (0..100).map(|at| run(memory, day(at), &format!("words {at}"))).collect()
}

#[test]
fn an_old_run_keeps_its_row_and_a_summary_and_a_young_one_its_sheet() {
    let (_folder, mut memory) = memory();
    let runs = century(&mut memory);
    let before = memory.run(runs[0]).expect("read").expect("there");
    let done = memory.compact(None, day(200)).expect("done").expect("due");
    // The newest sixty stay whole although they are old.
    assert_eq!((done.runs, done.swept), (40, 40 + 40 * 2 + 40 * 6));
    let thinned = memory.thinned(runs[0]).expect("read").expect("thinned out");
    let picked = Picked { text: "words 0".into(), who: "strangers".into(), value: Some(0.5) };
    let summary = Summary { eligible: 1, refused: [("blocked".to_owned(), 2)].into(), asks: 1, picked: Some(picked) };
    assert_eq!((thinned.at, thinned.summary), (day(200), summary));
    let after = memory.run(runs[0]).expect("read").expect("there");
    assert_eq!((after.pick, after.outcome, after.state), (before.pick, before.outcome, before.state));
    assert_eq!(memory.did(runs[0]).expect("read").as_deref(), Some("published it"));
    assert!(memory.sheet(runs[0]).expect("read").is_none() && memory.stages(runs[0]).expect("read").is_empty());
    assert!(memory.thinned(runs[40]).expect("read").is_none() && !memory.stages(runs[40]).expect("read").is_empty());
    let sheet = memory.sheet(runs[40]).expect("read").expect("whole");
    assert_eq!((sheet.candidates[0].text.as_str(), sheet.candidates[2].text.as_str()), ("words 40", "always"));
    assert_eq!(["runs", "sheets", "stages", "candidates"].map(|table| rows(&memory, table)), [100, 60, 60, 121]);
    memory.integrity_check().expect("whole");
    assert!(!memory.connection.prepare("PRAGMA foreign_key_check").expect("asked").exists([]).expect("asked"));
    let on: i64 = memory.connection.pragma_query_value(None, "foreign_keys", |row| row.get(0)).expect("asked");
    assert_eq!(on, 1, "references are held again");
    assert!(memory.connection.execute("UPDATE runs SET summary = 1, thinned_at = 1 WHERE id = 1", []).is_err(), "once");
}

#[test]
fn it_comes_once_a_day_and_a_part_of_the_past_at_a_time() {
    let (_folder, mut memory) = memory();
    for hour in 0..400 {
        run(&mut memory, day(0) + TimeDelta::hours(hour), &format!("words {hour}"));
    }
    let first = memory.compact(None, day(300)).expect("done").expect("due");
    assert_eq!(first.runs, 240, "twenty days of wakes");
    assert_eq!(memory.compact(None, day(300) + TimeDelta::hours(23)).expect("done"), None);
    assert_eq!(memory.compact(None, day(301)).expect("done").map(|done| done.runs), Some(400 - 60 - 240));
    assert_eq!(memory.compact(None, day(299)).expect("done").map(|done| done.runs), Some(0), "the clock was set back: it is due");
}

#[test]
fn what_is_young_or_shared_or_under_way_stays() {
    let (_folder, mut memory) = memory();
    let old = run(&mut memory, day(0), "the same");
    for at in 0..100 {
        run(&mut memory, day(100) + TimeDelta::hours(at), "the same");
    }
    assert_eq!(memory.compact(None, day(110)).expect("done").map(|done| done.runs), Some(0));
    assert!(memory.sheet(old).expect("read").is_some() && memory.thinned(old).expect("read").is_none());
    let (_folder, mut memory) = self::memory();
    let _ = century(&mut memory);
    assert_eq!(memory.compact(None, day(60)).expect("done").map(|done| (done.runs, done.swept)), Some((0, 0)), "none is 90 days old");
}

#[test]
fn a_clock_that_is_years_ahead_takes_neither_the_newest_runs_nor_readings_in_use() {
    let (_folder, mut memory) = memory();
    let runs = century(&mut memory);
    let reading = StoredReading { who: [0.25; 4], skill: [0.1; 10] };
    memory.remember_readings(&[([1; 32], reading), ([2; 32], reading)], day(99)).expect("kept");
    let done = memory.compact(Some(&[[1; 32]]), day(4_000)).expect("done").expect("due");
    assert_eq!((done.runs, done.readings), (40, 1));
    assert!(memory.sheet(runs[40]).expect("read").is_some());
    assert_eq!(memory.readings(&[[1; 32], [2; 32]]).expect("read").len(), 1);
}

#[test]
fn readings_go_when_nobody_has_wanted_them_for_ninety_days() {
    let (_folder, mut memory) = memory();
    let reading = StoredReading { who: [0.25; 4], skill: [0.1; 10] };
    memory.remember_readings(&[([1; 32], reading), ([2; 32], reading)], day(0)).expect("kept");
    let left = |memory: &mut Memory, used: Option<&[[u8; 32]]>, at| {
        memory.compact(used, day(at)).expect("done").expect("due");
        memory.readings(&[[1; 32], [2; 32]]).expect("read").len()
    };
    assert_eq!(left(&mut memory, Some(&[[1; 32]]), 31), 2);
    assert_eq!(left(&mut memory, None, 100), 2, "the lines were not read: nobody knows what is wanted");
    assert_eq!(left(&mut memory, Some(&[]), 101), 1, "the first was wanted 70 days ago");
    assert_eq!(left(&mut memory, Some(&[]), 130), 0);
}

#[test]
fn facts_thin_to_one_a_day_and_one_a_week_and_the_newest_of_each_key_stays() {
    let (_folder, mut memory) = memory();
    let _ = century(&mut memory);
    let fact = |key: &str, value: i64, at| FactRow { key: key.into(), value_json: value.to_string(), source: "s".into(), measured_at: at };
    // Four values a day for 800 days, and one key that was measured once, long ago.
    memory.record_facts(&[fact("lone", 7, day(0))], RunId(1)).expect("kept");
    for at in 0..3_200 {
        memory.record_facts(&[fact("followers", at, day(0) + TimeDelta::hours(at * 6))], RunId(1)).expect("kept");
    }
    for at in 0..61 {
        run(&mut memory, day(790) + TimeDelta::hours(at), "now");
    }
    let before = memory.latest_facts().expect("read");
    let done = memory.compact(None, day(800)).expect("done").expect("due");
    assert!(done.facts > 0);
    assert_eq!(memory.latest_facts().expect("read"), before);
    let history = memory.fact_history("followers", day(0)).expect("read");
    let between = |from: i64, to: i64| history.iter().filter(|row| row.measured_at >= day(from) && row.measured_at < day(to)).count();
    assert_eq!((between(0, 70), between(500, 600), between(720, 800)), (10, 100, 320));
    assert!(history.iter().any(|row| row.measured_at == day(500) + TimeDelta::hours(18)), "the last value of a day stays");
    assert!(memory.compact(None, day(801)).expect("done").expect("due").facts <= 4 * 2, "nothing goes twice");
}

#[test]
fn the_ledger_and_the_human_s_words_are_never_touched() {
    let (_folder, mut memory) = memory();
    let runs = century(&mut memory);
    let key = Key { issue: "a".into(), channel: "web".into(), part: "page".into(), recipient: String::new() };
    let new = NewEffect { key, text: b"x".to_vec(), token: "k".into(), run: runs[0] };
    let Standing::Intended(effect) = memory.intend(&new, day(0)).expect("written") else { panic!("not intended") };
    let proof = crate::EvidenceRow { kind: "page".into(), place: "site/a".into(), sha256: None, text: None, fetched_at: day(0) };
    effect.send(&mut memory, day(0)).expect("sent").confirm(&mut memory, &[proof], day(0)).expect("confirmed");
    memory.approve("ab", "it", "PROGRESS.md", day(0)).expect("kept");
    let label = Label { text: "Ask".into(), who: Some(Who::Nobody), skill: None, why: Why::No };
    memory.remember_labels(&[label], day(0)).expect("kept");
    memory.suppress(&["digest".to_owned()], SuppressedFor::Left, day(0)).expect("kept");
    let kept = ["runs", "effects", "evidence", "approvals", "labels", "suppressed"];
    let before = kept.map(|table| rows(&memory, table));
    assert_eq!(memory.compact(None, day(900)).expect("done").map(|done| done.runs), Some(40));
    assert_eq!(kept.map(|table| rows(&memory, table)), before);
    let proofs = memory.proofs_of_run(runs[0], 5).expect("read");
    assert_eq!(proofs, [Proof { issue: "a".into(), channel: "web".into(), place: "site/a".into(), fetched_at: day(0) }]);
}

#[test]
fn what_cannot_be_read_stops_it_and_leaves_everything() {
    let (_folder, mut memory) = memory();
    let runs = century(&mut memory);
    memory.connection.execute("UPDATE sheets SET lines = x'ff' WHERE id = 90", []).expect("broken");
    let tables = ["runs", "sheets", "stages", "candidates", "phrases"];
    let before = tables.map(|table| rows(&memory, table));
    assert!(memory.compact(None, day(200)).is_err());
    assert_eq!(tables.map(|table| rows(&memory, table)), before);
    assert!(memory.sheet(runs[0]).expect("read").is_some());
    let on: i64 = memory.connection.pragma_query_value(None, "foreign_keys", |row| row.get(0)).expect("asked");
    assert_eq!(on, 1, "references are held again");
}

#[test]
fn three_years_stay_as_small_as_one_and_the_file_shrinks() {
    let (folder, mut memory) = memory();
    let size = |folder: &tempfile::TempDir, memory: &Memory| {
        memory.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("written");
        std::fs::metadata(folder.path().join("a.db")).expect("there").len()
    };
    // Six years of weeks without it, then day after day with it.
    // Words enough that the empty tables of the schema weigh little.
    let words = |at: i64| format!("{at} {}", "many words ".repeat(120));
    for at in 0..1_200 {
        run(&mut memory, day(at), &words(at));
    }
    let before = size(&folder, &memory);
    let mut shrunk = false;
    for at in 1_200..1_500 {
        run(&mut memory, day(at), &words(at));
        shrunk |= memory.compact(None, day(at)).expect("done").is_some_and(|done| done.shrunk);
    }
    let after = size(&folder, &memory);
    assert!(shrunk && after * 3 < before, "{before} bytes, then {after}");
    memory.integrity_check().expect("whole");
}
