//! Packed copies: whole, with every row, while others write, within their time, and never over another file.

use chrono::{DateTime, Utc};

use super::*;
use crate::{BackupRow, HookEnd, NewRun};

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    for _ in 0..3 {
        let _ = memory.begin_run(&new).expect("begun");
    }
    (folder, memory)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_copy_is_whole_and_tells_what_it_holds() {
    let (folder, mut memory) = memory();
    memory.keep_text("block", "words").expect("kept");
    let to = folder.path().join("copy.db");
    let copied = memory.copy_to(&to, LONG).expect("copied");
    assert_eq!((copied.schema, copied.last_run, copied.rows["runs"], copied.rows["texts"]), (Memory::known(), 3, 3, 1));
    assert_eq!(Memory::examine(&to).expect("whole"), copied);
    assert_eq!(Memory::open_read_only(&to).expect("opened").text("block").expect("read").as_deref(), Some("words"));
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&to).expect("there").permissions()) & 0o777, 0o600);

    let before = fs::read(&to).expect("read");
    assert!(memory.copy_to(&to, LONG).is_err(), "never over another file");
    assert_eq!(fs::read(&to).expect("read"), before);
}

#[test]
fn a_damaged_copy_and_one_that_lacks_rows_are_told_apart_from_a_whole_one() {
    let (folder, mut memory) = memory();
    for number in 0..3_000 {
        memory.keep_text(&number.to_string(), "words").expect("kept");
    }
    let to = folder.path().join("copy.db");
    let whole = memory.copy_to(&to, LONG).expect("copied");
    Connection::open(&to).expect("opened").execute("DELETE FROM texts WHERE key = '7'", []).expect("deleted");
    assert_ne!(Memory::examine(&to).expect("whole in itself"), whole);
    let mut bytes = fs::read(&to).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0);
    fs::write(&to, bytes).expect("damaged");
    assert!(matches!(Memory::examine(&to), Err(MemoryError::Corrupt { .. })));
    assert!(matches!(Memory::examine(&folder.path().join("none.db")), Err(MemoryError::Missing(_))));
}

#[test]
fn a_copy_is_of_one_moment_while_another_connection_writes() {
    let (folder, memory) = memory();
    let path = memory.path.clone();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = Memory::open(&path, now()).expect("opened");
            for number in 0.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                other.keep_text(&number.to_string(), "words").expect("kept");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        for nth in 0..20 {
            let to = folder.path().join(format!("{nth}.db"));
            match memory.copy_to(&to, LONG) {
                Ok(copied) => assert_eq!(Memory::examine(&to).expect("whole"), copied),
                Err(MemoryError::Locked(_)) => assert!(!to.exists(), "nothing is left of it"),
                Err(other) => panic!("{other}"),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_copy_that_takes_too_long_is_stopped_and_leaves_nothing() {
    let (folder, memory) = memory();
    memory
        .connection
        .execute_batch(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 60000)
             INSERT INTO texts SELECT 'k' || x, hex(randomblob(400)) FROM n",
        )
        .expect("rows");
    let to = folder.path().join("copy.db");
    assert!(matches!(memory.copy_to(&to, Duration::from_millis(1)), Err(MemoryError::TooLong(_))));
    assert!(!to.exists());
    assert!(memory.copy_to(&to, LONG).is_ok(), "the connection goes on");
}

#[test]
fn a_closed_memory_is_one_file() {
    let (folder, memory) = memory();
    memory.close_whole().expect("closed");
    let names: Vec<_> = fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ["a.db"]);
    let memory = Memory::open(&folder.path().join("a.db"), now()).expect("opened");
    let reader = Memory::open_read_only(&folder.path().join("a.db")).expect("opened");
    let _ = reader.run_count().expect("read");
    assert!(matches!(memory.close_whole(), Err(MemoryError::Locked(_))), "another one holds it");
}

#[test]
fn backups_and_their_hooks_are_kept() {
    let (_folder, mut memory) = memory();
    let row = BackupRow { name: "20261120-140000".into(), made_at: now(), took: Duration::from_millis(12), hook: None };
    memory.record_backup(&row).expect("kept");
    let with = |code| BackupRow { hook: Some(HookEnd { took: Duration::from_secs(3), code }), ..row.clone() };
    for hooked in [with(Ok(3)), with(Err("stopped after 60 s".into()))] {
        memory.record_backup(&hooked).expect("kept");
        assert_eq!(memory.backups().expect("read"), [hooked]);
    }
}
