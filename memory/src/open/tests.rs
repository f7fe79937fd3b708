//! Every way in which opening can go, and every migration from the one before with rows in it.

use reveille_mission::{Label, Who, Why};

use super::*;
use crate::{Key, NewEffect, NewRun, RunId, Sheet, Standing};

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

#[test]
fn an_older_database_is_backed_up_and_brought_up_to_date_with_its_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("reveille.db");
    {
        let mut connection = Connection::open(&path).expect("opened");
        Migrations::from_slice(&MIGRATIONS[..1]).to_latest(&mut connection).expect("schema 1");
        connection
            .execute_batch(
                "INSERT INTO runs (trigger, version, pid, started_at, ended_at, state) VALUES ('hand', '0', 1, 5, 6, 'done');
                 INSERT INTO tasks VALUES ('ab', 'words', 7);
                 INSERT INTO readings VALUES (x'00', zeroblob(56), 1);",
            )
            .expect("rows");
    }
    let memory = Memory::open(&path, now()).expect("opened");
    assert_eq!(memory.runs(10).expect("runs").len(), 1);
    assert_eq!(memory.remembered_tasks().expect("tasks"), [("ab".to_owned(), "words".to_owned())]);
    assert!(memory.effects().expect("effects").is_empty());
    let backup = folder.path().join("backups/20261120-140000-schema-1.db");
    let copy = Connection::open(backup).expect("a backup");
    assert_eq!(copy.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)).expect("rows"), 1);
    memory.integrity_check().expect("whole");
}

#[test]
fn a_ledger_from_before_labels_is_backed_up_and_keeps_its_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("reveille.db");
    {
        let mut connection = Connection::open(&path).expect("opened");
        Migrations::from_slice(&MIGRATIONS[..2]).to_latest(&mut connection).expect("schema 2");
        connection
            .execute_batch(
                "INSERT INTO runs (trigger, version, pid, started_at, ended_at, state) VALUES ('hand', '0', 1, 5, 6, 'done');
                 INSERT INTO effects (issue, channel, part, text, key, run, intended_at) VALUES ('a', 'web', 'page', x'61', 'k', 1, 5);
                 INSERT INTO approvals VALUES ('ab', 1, 'it', 'approve', 7);",
            )
            .expect("rows");
    }
    let mut memory = Memory::open(&path, now()).expect("opened");
    assert_eq!((memory.effects().expect("effects").len(), memory.approvals().expect("approvals").len()), (1, 1));
    assert!(memory.labels().expect("labels").is_empty());
    let label = Label { text: "Ask".into(), who: Some(Who::Nobody), skill: None, why: Why::No };
    memory.remember_labels(&[label], now()).expect("kept");
    assert_eq!(memory.label_count().expect("counted"), 1);
    let copy = Connection::open(folder.path().join("backups/20261120-140000-schema-2.db")).expect("a backup");
    assert_eq!(copy.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).expect("read"), 2);
    assert!(!copy.table_exists(None, "labels").expect("asked"));
    assert_eq!(copy.query_row("SELECT count(*) FROM effects", [], |row| row.get::<_, i64>(0)).expect("rows"), 1);
    memory.integrity_check().expect("whole");
}

#[test]
fn what_can_not_be_used_is_said_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let garbage = write("garbage.db", &b"no database, no database, no database\n".repeat(40));
    assert!(matches!(Memory::open(&garbage, now()), Err(MemoryError::Corrupt { .. })));
    let whole = folder.path().join("whole.db");
    drop(Memory::open(&whole, now()).expect("made"));
    let bytes = std::fs::read(&whole).expect("read");
    let truncated = write("truncated.db", &bytes[..bytes.len() / 2 + 100]);
    let opened = Memory::open(&truncated, now()).and_then(|memory| memory.integrity_check());
    assert!(matches!(opened, Err(MemoryError::Corrupt { .. })), "{opened:?}");
    assert_eq!(std::fs::read(&truncated).expect("read").len(), bytes.len() / 2 + 100);
    Connection::open(&whole).expect("opened").pragma_update(None, "user_version", 99).expect("set");
    assert!(matches!(Memory::open(&whole, now()), Err(MemoryError::Newer { found: 99, .. })));
    assert!(matches!(Memory::open_read_only(&whole), Err(MemoryError::Newer { .. })));
    assert!(matches!(Memory::open(&garbage.join("below/a.db"), now()), Err(MemoryError::NotWritable { .. })));
    let missing = folder.path().join("missing.db");
    assert!(matches!(Memory::open_read_only(&missing), Err(MemoryError::Missing(_))));
    assert!(!missing.exists());
}

#[test]
fn a_full_disk_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
    let pages: i64 = memory.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("pages");
    memory.connection.pragma_update(None, "max_page_count", pages).expect("set");
    let many: Vec<(String, String)> = (0..2000).map(|n| (n.to_string(), "words ".repeat(40))).collect();
    assert!(matches!(memory.remember_tasks(&many, now()), Err(MemoryError::Full(_))));
    assert!(memory.remembered_tasks().expect("tasks").is_empty(), "nothing of it was written");
}

fn everything_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry"));
    let mut files: Vec<(String, Vec<u8>)> = files
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name().into_string().expect("a name"), std::fs::read(entry.path()).expect("read")))
        .collect();
    files.sort();
    files
}

/// Both ways of opening must say `expected` and leave every byte in the folder as it was.
#[track_caller]
fn refuses(path: &Path, expected: fn(&MemoryError) -> bool) {
    let folder = path.parent().expect("a folder");
    let before = everything_in(folder);
    for error in [Memory::open(path, now()).expect_err("refused"), Memory::open_read_only(path).expect_err("refused")] {
        assert!(expected(&error), "{error:?}");
        assert!(error.hint().is_some(), "{error:?}");
    }
    assert_eq!(everything_in(folder), before);
}

#[test]
fn what_is_not_ours_is_left_alone_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    for text in ["short".to_owned(), "somebody's notes, line after line after line\n".repeat(200)] {
        std::fs::write(&path, text).expect("written");
        refuses(&path, |error| matches!(error, MemoryError::Corrupt { .. }));
    }
    std::fs::remove_file(&path).expect("removed");
    Connection::open(&path).expect("made").execute_batch("CREATE TABLE photos (x)").expect("a table");
    refuses(&path, |error| matches!(error, MemoryError::Foreign(_)));
    for version in [1, 2, 99] {
        Connection::open(&path).expect("opened").pragma_update(None, "user_version", version).expect("set");
        refuses(&path, |error| matches!(error, MemoryError::Foreign(_)));
    }
    std::fs::remove_file(&path).expect("removed");
    drop(Memory::open(&path, now()).expect("made"));
    let newer = Connection::open(&path).expect("opened");
    newer.pragma_update(None, "journal_mode", "delete").expect("set");
    newer.pragma_update(None, "user_version", Memory::known() + 1).expect("set");
    drop(newer);
    refuses(&path, |error| matches!(error, MemoryError::Newer { found, known, .. } if *found == known + 1));
    std::fs::remove_file(&path).expect("removed");
    std::fs::create_dir(&path).expect("made");
    refuses(&path, |error| matches!(error, MemoryError::NotWritable { .. }));
}

#[test]
fn a_mistyped_home_grows_no_tree_and_the_file_is_its_owners() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = folder.path().join("no/such/home/memory/a.db");
    assert!(matches!(Memory::open(&deep, now()), Err(MemoryError::NotWritable { .. })));
    assert!(!folder.path().join("no").exists());
    let path = folder.path().join("memory/a.db");
    let memory = Memory::open(&path, now()).expect("made");
    memory.backup(&folder.path().join("copy.db")).expect("copied");
    #[cfg(unix)]
    for file in [path, folder.path().join("copy.db")] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("there").permissions());
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let pragma = |name: &str| memory.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).expect("set");
    for (name, value) in [("synchronous", 2), ("foreign_keys", 1), ("recursive_triggers", 1), ("busy_timeout", 5_000)] {
        assert_eq!(pragma(name), value, "{name}");
    }
    let mode: String = memory.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("set");
    assert_eq!(mode, "wal");
}

#[test]
fn looking_makes_nothing_and_works_beside_a_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    std::fs::write(&path, "").expect("written");
    assert!(matches!(Memory::open_read_only(&path), Err(MemoryError::Missing(_))));
    assert_eq!(std::fs::read(&path).expect("read").len(), 0);
    let mut writer = Memory::open(&path, now()).expect("opened");
    writer.keep_text("a", "1").expect("kept");
    let mut reader = Memory::open_read_only(&path).expect("opened");
    let seen = writer.transact(|conn| {
        conn.execute("UPDATE texts SET text = '2'", [])?;
        Ok(reader.text("a").expect("read"))
    });
    assert_eq!(seen.expect("written").as_deref(), Some("1"));
    assert_eq!(reader.text("a").expect("read").as_deref(), Some("2"));
    assert!(matches!(reader.keep_text("a", "3"), Err(MemoryError::NotWritable { .. })));
}

#[test]
fn a_writer_waits_and_says_when_it_waited_in_vain() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    let mut memory = Memory::open(&path, now()).expect("made");
    let other = Connection::open(&path).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("begun");
    memory.connection.busy_timeout(Duration::from_millis(20)).expect("set");
    assert!(matches!(memory.remember_tasks(&[("a".into(), "b".into())], now()), Err(MemoryError::Locked(_))));
    assert!(matches!(memory.keep_text("a", "b"), Err(MemoryError::Locked(_))));
    other.execute_batch("ROLLBACK").expect("ended");
    memory.keep_text("a", "b").expect("kept");
}

#[test]
fn no_backup_no_migration_and_a_failed_one_leaves_the_old_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    Migrations::from_slice(MIGRATIONS).to_version(&mut Connection::open(&path).expect("made"), 1).expect("schema 1");
    let backups = folder.path().join("backups");
    std::fs::write(&backups, "a file where the folder should be").expect("written");
    assert!(Memory::open(&path, now()).is_err());
    assert!(matches!(Memory::open_read_only(&path), Err(MemoryError::Refused(_))));
    std::fs::remove_file(&backups).expect("removed");

    // In the way of the end of the second migration, after most of it has run.
    Connection::open(&path).expect("opened").execute_batch("CREATE TABLE texts (x)").expect("made");
    assert!(Memory::open(&path, now()).is_err());
    let old = Connection::open(&path).expect("opened");
    assert_eq!(old.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).expect("read"), 1);
    assert!(!old.table_exists(None, "effects").expect("asked"));
    old.execute_batch("DROP TABLE texts").expect("out of the way");
    drop(old);
    let _ = Memory::open(&path, now()).expect("migrated");
    // The second copy of the same second has a number of its own.
    let names: Vec<String> = everything_in(&backups).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["2-20261120-140000-schema-1.db", "20261120-140000-schema-1.db"]);
}

#[test]
fn a_backup_is_whole_or_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    let mut memory = Memory::open(&path, now()).expect("made");
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run: RunId = memory.begin_run(&new).expect("begun");
    memory.record_sheet(run, &Sheet::default(), "rested").expect("kept");
    let key = Key { issue: "a".into(), channel: "web".into(), part: "page".into(), recipient: String::new() };
    let Standing::Intended(_) = memory.intend(&NewEffect { key, text: b"x".to_vec(), token: "t".into(), run }, now()).expect("written")
    else {
        panic!()
    };
    let copy = folder.path().join("copy.db");
    memory.backup(&copy).expect("copied");
    let before = std::fs::read(&copy).expect("read");
    assert!(memory.backup(&copy).is_err());
    assert_eq!(std::fs::read(&copy).expect("read"), before);
    assert_eq!(Memory::open(&copy, now()).expect("opened").effects().expect("read"), memory.effects().expect("read"));

    // One that is damaged is not copied.
    for number in 0..3_000 {
        memory.keep_text(&number.to_string(), "words").expect("kept");
    }
    drop(memory);
    let mut bytes = std::fs::read(&path).expect("read");
    let end = bytes.len();
    bytes[end - 40_000..].fill(0);
    std::fs::write(&path, bytes).expect("damaged");
    let memory = Memory::open(&path, now()).expect("opened");
    let second = folder.path().join("second.db");
    assert!(matches!(memory.backup(&second), Err(MemoryError::Corrupt { .. })));
    assert!(everything_in(folder.path()).iter().all(|(name, _)| !name.starts_with("second")));
}
