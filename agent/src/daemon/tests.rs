//! What the daemon decides, minute by minute, in a real home with a real memory; the loop around it is tested in `schedules`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use reveille_memory::{Begun, Lease, NewRun};

use super::*;

const SETTINGS: &str = "name = \"L\"\nurl = \"https://l.example\"\nowner = \"me@l.example\"\n";

const MINUTE: News = News::Minute { waking: false };

/// A home with a clock in a file beside it.
struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
    clock: PathBuf,
    environment: Environment,
}

impl Place {
    fn at(now: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, clock) = (folder.path().join("home"), folder.path().join("clock"));
        fs::create_dir(&root).expect("made");
        fs::write(root.join("reveille.toml"), SETTINGS).expect("written");
        fs::write(&clock, format!("2026-11-{now}:00Z")).expect("written");
        let asked = format!("@{}", clock.display());
        let environment = Environment::of(&[("REVEILLE_NOW", &asked), ("REVEILLE_PROGRAM", "/bin/true")]);
        Self { _folder: folder, root, clock, environment }
    }

    fn home(&self) -> Home {
        Home::find(Some(&self.root), &self.environment).expect("a home")
    }

    fn watch(&self) -> Watch<'_> {
        Watch::begin(ready(self.home(), &self.environment).expect("settings")).expect("its place")
    }

    /// From now on it is this time.
    fn now(&self, now: &str) {
        fs::write(&self.clock, format!("2026-11-{now}:00Z")).expect("written");
    }

    /// A wake takes the slot of now.
    fn fill(&self) {
        let now = self.environment.now();
        let settings = ready(self.home(), &self.environment).expect("settings").settings;
        let slot = settings.wake.schedule().slot(now).map(Slot::seconds);
        let mut memory = Memory::open(&self.home().database(), now).expect("opened");
        let new = NewRun { started_at: now, slot, trigger: "daemon".into(), version: "0".into(), pid: 1 };
        let lease = Lease { pid: 1, lock: 1, since: now, deadline: now };
        assert!(matches!(memory.begin_wake(&new, &lease), Ok(Begun::Run(..))), "the slot is free");
    }

    fn health(&self) -> Health {
        serde_json::from_slice(&fs::read(self.root.join("memory/health.json")).expect("a file")).expect("health")
    }
}

/// Whether a wake is started at this minute.
fn starts(watch: &mut Watch<'_>) -> bool {
    matches!(watch.hear(MINUTE), Order::Wake(_))
}

fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(format!("2026-11-{text}:00Z").parse().expect("a time"))
}

#[test]
fn a_slot_is_started_once_whatever_the_clock_does() {
    let place = Place::at("20T12:10");
    place.fill();
    place.now("20T14:05");
    let mut watch = place.watch();
    let Order::Wake(wake) = watch.hear(MINUTE) else { panic!("due") };
    let given: Vec<_> = wake.command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
    assert_eq!(given[2..], ["wake", "--scheduled", "daemon"]);
    assert_eq!((wake.limit.as_secs(), wake.grace.as_secs()), (20 * 60 + 600, 60));
    watch.hear(News::Started(7));
    assert_eq!(place.health().waking_since, at("20T14:05"));
    place.fill();
    assert!(matches!(watch.hear(News::Minute { waking: true }), Order::Nothing));
    watch.hear(News::Ended(End::Code(0)));
    let health = place.health();
    assert_eq!((health.next_due, health.waiting, health.last_wake.and_then(|wake| wake.code)), (at("20T16:00"), None, Some(0)));
    // Set back into a slot that is filled, then far ahead: one wake.
    for (now, expected) in [("20T14:06", false), ("20T12:30", false), ("20T15:59", false), ("25T09:00", true)] {
        place.now(now);
        assert_eq!(starts(&mut watch), expected, "{now}");
    }
}

#[test]
fn a_slot_that_stays_open_is_tried_again_more_and_more_rarely() {
    let place = Place::at("20T14:05");
    let mut watch = place.watch();
    let mut started = Vec::new();
    for minute in 0..100 {
        if starts(&mut watch) {
            started.push(minute);
            watch.hear(News::Ended(End::Code(75)));
        }
    }
    assert_eq!(started, [0, 2, 6, 14, 30, 62, 94]);
    let waiting = place.health().waiting.expect("said");
    assert_eq!(waiting, "the wake ended with 75, its slot is not filled: tried again in 32 minutes");
    // The next slot has its own tries.
    place.now("20T16:00");
    assert!(starts(&mut watch));
    watch.hear(News::Ended(End::NotStarted("gone".into())));
    assert!(!starts(&mut watch));
    assert!(matches!(watch.hear(News::Reload), Order::Nothing));
    assert!(starts(&mut watch), "told anew, it tries at once");
}

#[test]
fn a_memory_that_cant_be_read_is_for_the_wake_to_say() {
    let place = Place::at("20T14:05");
    place.fill();
    let mut watch = place.watch();
    assert!(!starts(&mut watch));
    fs::write(place.root.join("memory/reveille.db"), "no database").expect("written");
    place.now("20T16:05");
    assert!(starts(&mut watch));
}

#[test]
fn settings_that_are_wrong_are_said_and_not_taken() {
    let place = Place::at("20T14:05");
    place.fill();
    let mut watch = place.watch();
    fs::write(place.root.join("reveille.toml"), format!("{SETTINGS}[wake]\nevry = \"1h\"\n")).expect("written");
    watch.hear(News::Reload);
    let health = place.health();
    let trouble = health.trouble.expect("said");
    assert!(trouble.contains("reveille.toml:5:") && trouble.contains("the old ones stay"), "{trouble}");
    assert_eq!(health.next_due, at("20T16:00"));
    fs::write(place.root.join("reveille.toml"), format!("{SETTINGS}[wake]\nevery = \"30m\"\n")).expect("written");
    watch.hear(News::Reload);
    let health = place.health();
    assert_eq!((health.trouble, health.next_due), (None, at("20T14:30")));
}

#[test]
fn a_home_that_has_gone_is_waited_for_and_not_made() {
    let place = Place::at("20T14:05");
    let mut watch = place.watch();
    let away = place.root.with_file_name("away");
    fs::rename(&place.root, &away).expect("moved");
    assert!(!starts(&mut watch));
    assert!(watch.trouble.as_ref().is_some_and(|trouble| trouble.contains("is not there")), "{:?}", watch.trouble);
    assert!(!place.root.exists());
    fs::create_dir(&place.root).expect("an empty place for it");
    assert!(!starts(&mut watch));
    assert_eq!(fs::read_dir(&place.root).expect("read").count(), 0);
    fs::remove_dir(&place.root).expect("removed");
    fs::rename(&away, &place.root).expect("moved back");
    assert!(starts(&mut watch));
    assert_eq!(place.health().trouble, None);
}

#[test]
fn one_daemon_a_home_even_without_its_lock_file() {
    let place = Place::at("20T14:05");
    let mut watch = place.watch();
    let again =
        || Post::take(Stays::Daemon, &place.home(), place.environment.now()).err().map(|failure| (failure.kind, failure.to_string()));
    let said = format!("another daemon is running in this home (process {} since 2026-11-20 14:05:00 UTC)", std::process::id());
    assert_eq!(again(), Some((Kind::Busy, said)));
    fs::remove_dir_all(place.root.join("memory")).expect("removed");
    watch.hear(News::Minute { waking: true });
    assert!(again().is_some(), "the lock is made anew");
    assert_eq!(place.health().last_tick, at("20T14:05").expect("a time"));
    // Somebody else was quicker.
    fs::remove_file(place.root.join("memory/run.lock")).expect("removed");
    let other = Post::take(Stays::Daemon, &place.home(), place.environment.now()).expect("free");
    assert!(matches!(watch.hear(MINUTE), Order::Leave));
    let left = watch.end().expect_err("it has no place");
    assert_eq!(left.kind, Kind::Busy);
    assert!(place.root.join("memory/health.json").is_file(), "that is the other's now");
    drop(other);
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").ino()
}

#[test]
fn health_is_written_when_it_changes_or_has_gone_and_every_ten_minutes() {
    let place = Place::at("20T14:05");
    place.fill();
    let mut watch = place.watch();
    let path = place.root.join("memory/health.json");
    watch.hear(MINUTE);
    // Two links keep the inode from being given to the next file.
    let mut kept = Vec::new();
    let mut changed = |watch: &mut Watch<'_>| {
        let (before, link) = (inode(&path), place.root.join(format!("kept-{}", kept.len())));
        fs::hard_link(&path, &link).expect("linked");
        kept.push(link);
        watch.hear(MINUTE);
        inode(&path) != before
    };
    for (now, expected) in [("20T14:06", false), ("20T14:14", false), ("20T14:15", true), ("20T14:20", false), ("20T14:00", true)] {
        place.now(now);
        assert_eq!(changed(&mut watch), expected, "{now}");
    }
    fs::remove_file(&path).expect("removed");
    watch.hear(MINUTE);
    assert_eq!(place.health().pid, std::process::id());
    // A file that can't be written stops nothing.
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("made");
    place.now("20T16:00");
    assert!(starts(&mut watch));
    fs::remove_dir(&path).expect("removed");
    watch.hear(MINUTE);
    assert_eq!(place.health().next_due, at("20T16:00"));
    watch.end().expect("in order");
    assert!(!path.exists());
}

#[test]
fn status_judges_what_was_heard() {
    let place = Place::at("20T14:05");
    place.fill();
    place.watch().hear(MINUTE);
    let stale = |now: &str| Heard::of(&place.home(), at(now).expect("a time")).map(|heard| heard.stale);
    assert_eq!(["20T14:05", "20T14:17", "20T14:18", "20T13:00"].map(stale), [Some(false), Some(false), Some(true), Some(true)]);
    let lines = Heard::of(&place.home(), at("20T15:00").expect("a time")).expect("heard").lines();
    assert_eq!(lines[1], "not heard of since 2026-11-20 14:05 UTC: it was killed or is stopped; `reveille run` starts it");
    fs::write(place.root.join("memory/health.json"), "{").expect("written");
    assert_eq!(stale("20T14:05"), None);
}
