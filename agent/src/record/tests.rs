use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;

fn folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("PROGRESS.md");
    std::fs::write(&path, text).expect("written");
    (folder, path)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("read")
}

/// All other files in the folder.
fn others(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder.path()).expect("listed").flatten().map(|entry| entry.path());
    all.filter(|path| path.file_name().is_some_and(|name| name != "PROGRESS.md")).collect()
}

const THEIRS: Exchanged = Exchanged::Theirs { said: vec![] };

#[test]
fn an_exchange_that_meets_another_text_gives_it_back() {
    let (folder, path) = folder("theirs, newer\n");
    let nothing = |_| {};
    assert_eq!(exchange(&path, b"what was read\n", b"ours\n", &nothing).expect("exchanged"), THEIRS);
    assert!(others(&folder).is_empty(), "{:?}", others(&folder));
    // A save between the last look and the exchange.
    let saved = |moment| {
        if moment == Moment::BeforeExchange {
            std::fs::write(&path, "saved in between\n").expect("written");
        }
    };
    assert_eq!(exchange(&path, b"theirs, newer\n", b"ours\n", &saved).expect("exchanged"), THEIRS);
    assert_eq!(text(&path), "saved in between\n");
    assert!(others(&folder).is_empty(), "{:?}", others(&folder));
    assert_eq!(exchange(&path, b"saved in between\n", b"ours\n", &nothing).expect("exchanged"), Exchanged::Ours);
    assert_eq!(text(&path), "ours\n");
    let environment = Environment::of(&[]);
    assert!(recover(&path, &environment).expect("looked").is_empty());
    assert!(others(&folder).is_empty(), "{:?}", others(&folder));
}

#[test]
fn a_text_saved_twice_while_it_is_put_back_is_kept_twice() {
    let (folder, path) = folder("read\n");
    let saved = |moment| match moment {
        Moment::BeforeExchange => std::fs::write(&path, "first save\n").expect("written"),
        _ => {
            std::fs::write(folder.path().join("new"), "second save\n").expect("written");
            std::fs::rename(folder.path().join("new"), &path).expect("renamed");
        }
    };
    let Exchanged::Theirs { said } = exchange(&path, b"read\n", b"ours\n", &saved).expect("exchanged") else { panic!("ours is in place") };
    assert_eq!(text(&path), "second save\n");
    let aside = others(&folder);
    assert_eq!(aside.iter().map(|path| text(path)).collect::<Vec<_>>(), ["first save\n"]);
    assert!(said.len() == 1 && said[0].contains(&*aside[0].to_string_lossy()), "{said:?}");
}

#[test]
fn what_an_editor_writes_into_the_displaced_file_is_put_back_by_the_next_wake() {
    use std::io::Write as _;
    let (folder, path) = folder("read\n");
    let mut editor = std::fs::OpenOptions::new().append(true).open(&path).expect("opened");
    assert_eq!(exchange(&path, b"read\n", b"ours\n", &|_| {}).expect("exchanged"), Exchanged::Ours);
    editor.write_all(b"saved late\n").expect("written");
    assert_eq!(text(&path), "ours\n");
    let environment = Environment::of(&[]);
    assert_eq!(recover(&path, &environment).expect("looked").len(), 1);
    assert_eq!(text(&path), "read\nsaved late\n");
    assert!(others(&folder).is_empty(), "{:?}", others(&folder));
}

#[test]
fn a_late_save_under_a_newer_one_is_kept_aside_and_said() {
    use std::io::Write as _;
    let (folder, path) = folder("read\n");
    let mut editor = std::fs::OpenOptions::new().append(true).open(&path).expect("opened");
    let _ = exchange(&path, b"read\n", b"ours\n", &|_| {}).expect("exchanged");
    editor.write_all(b"saved late\n").expect("written");
    std::fs::write(&path, "ours\nand newer\n").expect("written");
    let said = recover(&path, &Environment::of(&[])).expect("looked");
    assert_eq!(text(&path), "ours\nand newer\n");
    assert_eq!(others(&folder).iter().map(|path| text(path)).collect::<Vec<_>>(), ["read\nsaved late\n"]);
    assert_eq!(said.len(), 1);
}

#[test]
fn edits_meet_what_the_human_saved_meanwhile() {
    let (_folder, path) = folder("- [ ] a task\n");
    let base = Progress::parse(std::fs::read(&path).expect("read")).expect("text");
    std::fs::write(&path, "- [ ] a task\n- [ ] added meanwhile\n").expect("written");
    let edit = Edit::Tick { text: "a task".into(), nth: 0, evidence: "done".into() };
    let written = write(&path, &Environment::of(&[]), &base, &[edit], &|_| {}).expect("written");
    assert_eq!(String::from_utf8(written.bytes).expect("utf-8"), "- [x] a task — done\n- [ ] added meanwhile\n");
}

#[test]
fn a_half_saved_text_is_waited_for() {
    let (_folder, path) = folder("- [ ] a task\n- [ ] another\n");
    for (half, whole) in [("", "- [ ] a task\n- [ ] more\n"), ("- [ ] a ta", "- [ ] a task\n"), ("<!-- reveille -->\n", "- [ ] a task\n")] {
        let saved_in_time = (0..50).any(|_| {
            std::fs::write(&path, half).expect("written");
            let (read, took) = std::thread::scope(|scope| {
                let editor = scope.spawn(|| {
                    let begun = Instant::now();
                    std::thread::sleep(Duration::from_millis(60));
                    std::fs::write(&path, whole).expect("written");
                    begun.elapsed()
                });
                (read(&path, &Environment::of(&[])).expect("read"), editor.join().expect("saved"))
            });
            // A machine that holds an editor up for longer than we wait shows nothing.
            let in_time = took < Duration::from_millis(200);
            assert!(!in_time || read == whole.as_bytes(), "{half:?} was taken: {:?}", String::from_utf8_lossy(&read));
            in_time
        });
        assert!(saved_in_time, "no editor was quick enough");
    }
    std::fs::remove_file(&path).expect("removed");
    let read = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(60));
            std::fs::write(&path, "written anew\n").expect("written");
        });
        read(&path, &Environment::of(&[])).expect("read")
    });
    assert_eq!(read, b"written anew\n");
}

#[test]
fn a_text_that_nobody_touched_for_a_while_costs_no_waiting() {
    let (_folder, path) = folder("half a li");
    let file = std::fs::File::options().write(true).open(&path).expect("opened");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("set");
    let timed = || {
        let begun = Instant::now();
        assert_eq!(read(&path, &Environment::of(&[])).expect("read"), b"half a li");
        begun.elapsed()
    };
    // The quickest of a few: machines are shared.
    let quickest = (0..20).map(|_| timed()).min().expect("twenty");
    assert!(quickest < Duration::from_millis(25), "{quickest:?}");
}
