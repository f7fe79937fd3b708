//! Old memories beside backups that know more, or that can't be read.

use reveille_memory::{EvidenceRow, Key, NewEffect, NewRun, Standing};

use super::*;
use crate::backup::{Order, Why, make_alone};
use crate::environment::Environment;
use crate::settings::Settings;

const SETTINGS: &str = "name = \"N\"\nurl = \"https://n.example\"\nowner = \"o@n.example\"\n";

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

/// A home whose memory knows no more than its first wake.
struct Here(tempfile::TempDir);

impl Here {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("reveille.toml"), SETTINGS).expect("written");
        let here = Self(folder);
        let mut memory = here.memory();
        run(&mut memory);
        here
    }

    fn home(&self) -> Home {
        Home::find(Some(self.0.path()), &Environment::of(&[])).expect("a home")
    }

    fn memory(&self) -> Memory {
        Memory::open(&self.home().database(), now()).expect("opened")
    }

    /// A backup of a memory that knows `wakes` and told each issue named; where it is.
    fn backup(&self, wakes: usize, issues: &[&str]) -> Kept {
        let elsewhere = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::open(&elsewhere.path().join("a.db"), now()).expect("made");
        (0..wakes).for_each(|_| run(&mut memory));
        for issue in issues {
            let key = Key { issue: (*issue).into(), channel: "mastodon".into(), part: "post".into(), recipient: String::new() };
            let new = NewEffect { key, text: b"hello".to_vec(), token: "k".into(), run: reveille_memory::RunId(1) };
            let Standing::Intended(effect) = memory.intend(&new, now()).expect("written") else { panic!() };
            let place = "https://s.example/1".to_owned();
            let proof = [EvidenceRow { kind: "status".into(), place, sha256: None, text: None, fetched_at: now() }];
            effect.send(&mut memory, now()).expect("sent").confirm(&mut memory, &proof, now()).expect("confirmed");
        }
        let home = self.home();
        make_alone(&Order { home: &home, secrets: Some(vec![]), why: Why::Daily, now: now(), stopped: &|| false }, Some(&memory))
            .expect("made")
    }

    fn look(&self, memory: &mut Memory) -> bool {
        let (home, environment, settings) = (self.home(), Environment::of(&[]), Settings::parse(SETTINGS).expect("valid"));
        look(&Scene { home: &home, settings: &settings, environment: &environment, now: now() }, memory).expect("looked")
    }
}

fn run(memory: &mut Memory) {
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let _ = memory.begin_run(&new).expect("begun");
}

/// The same length, other bytes.
fn rot(kept: &Kept) {
    let length = usize::try_from(kept.database().metadata().expect("there").len()).expect("small");
    std::fs::write(kept.database(), vec![b'x'; length]).expect("written");
}

#[test]
fn a_backup_that_teaches_nothing_gives_no_all_clear() {
    let here = Here::new();
    rot(&here.backup(3, &["a"]));
    let mut memory = here.memory();
    assert!(here.look(&mut memory));
    assert_eq!(known_since(&mut memory).expect("read").as_deref(), Some("What went out after wake 1 is not known."));
}

#[test]
fn behind_a_rotten_one_the_next_teaches_and_the_rest_is_not_known() {
    let here = Here::new();
    let _ = here.backup(2, &["a"]);
    rot(&here.backup(3, &["a", "b"]));
    let mut memory = here.memory();
    assert!(here.look(&mut memory));
    let said = known_since(&mut memory).expect("read").expect("said");
    assert!(said.contains("  a on Mastodon") && said.ends_with("What went out after wake 2 is not known."), "{said}");
}

#[test]
fn a_look_that_was_cut_off_is_made_up_for() {
    let here = Here::new();
    let _ = here.backup(3, &["a"]);
    let mut memory = here.memory();
    begin(&mut memory, 1, "an older one was put back", 3, now()).expect("begun");
    // Killed here; somebody resumes it without a wake in between.
    memory.resume(now()).expect("resumed");
    assert!(here.look(&mut memory));
    assert!(memory.paused(now()).expect("read").is_some());
    let said = known_since(&mut memory).expect("read").expect("said");
    assert!(said.contains("  a on Mastodon") && said.contains(CUT_OFF), "{said}");
    assert!(!here.look(&mut memory), "once");
}

#[test]
fn what_was_set_aside_without_a_database_hides_no_newer_backup() {
    let here = Here::new();
    let _ = here.backup(7, &[]);
    let home = here.home();
    let order = Order { home: &home, secrets: Some(vec![]), why: Why::BeforeRestore, now: now(), stopped: &|| false };
    let _ = make_alone(&order, None).expect("made");
    assert_eq!(seen(&home).run, 7);
}

#[test]
fn a_restore_over_a_lost_memory_learns_from_the_newest_backup() {
    let here = Here::new();
    let old = here.backup(3, &["a"]);
    let _ = here.backup(7, &["a", "b"]);
    let home = here.home();
    std::fs::remove_file(home.database()).expect("removed");
    let _ = crate::backup::restore::restore(&home, &old, false, Some(vec![]), now()).expect("restored");
    let mut memory = here.memory();
    let said = known_since(&mut memory).expect("read").expect("said");
    assert!(said.contains("  b on Mastodon") && said.contains("after wake 7 is not known"), "{said}");
    assert_eq!(memory.last_run_number().expect("read"), 7);
}
