//! `reveille run` end to end: signals, a second one, a frozen one, a home that goes and comes back, a disk that takes nothing. It looks
//! each second, and what it starts is a small program of the test's.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reveille_tests::{Home, Said};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon that is killed when the test ends.
struct Daemon {
    process: Child,
    home: Home,
    clock: PathBuf,
    _beside: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A home whose daemon starts this line of sh as its wakes; `$0` is the folder for what they write, outside of the home.
fn home(script: &str) -> (Home, PathBuf, tempfile::TempDir) {
    let mut home = Home::new("# P\n");
    let beside = tempfile::tempdir().unwrap();
    let (program, clock) = (beside.path().join("stand-in"), beside.path().join("clock"));
    std::fs::write(&clock, "2026-11-20T14:00:30Z").unwrap();
    std::fs::write(&program, format!("#!/bin/sh\ncd {}\necho \"$@\" >> wakes\n{script}\n", beside.path().display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    home.at(&format!("@{}", clock.display()));
    home.env("REVEILLE_TICK", "* * * * * *").env("REVEILLE_PROGRAM", &program.display().to_string());
    (home, clock, beside)
}

impl Daemon {
    fn of(script: &str) -> Self {
        Self::in_home(home(script))
    }

    fn in_home((home, clock, beside): (Home, PathBuf, tempfile::TempDir)) -> Self {
        let said = std::fs::File::create(beside.path().join("said")).unwrap();
        let process = home.command(&["run"]).stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
        Self { process, home, clock, _beside: beside }
    }

    /// What a file beside the home says.
    fn beside(&self, name: &str) -> String {
        std::fs::read_to_string(self.clock.with_file_name(name)).unwrap_or_default()
    }

    fn wakes(&self) -> usize {
        self.beside("wakes").lines().count()
    }

    fn now(&self, now: &str) {
        let new = self.clock.with_extension("new");
        std::fs::write(&new, now).unwrap();
        std::fs::rename(&new, &self.clock).unwrap();
    }

    fn health(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.home.join("memory/health.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// SIGTERM, and how it left.
    fn leave(self) -> i32 {
        self.signal("TERM");
        self.left()
    }

    /// How it left, when it was told already.
    fn left(mut self) -> i32 {
        wait_for("its end", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap().code().unwrap_or(-1)
    }
}

fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &process.id().to_string()]).status().unwrap().success());
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < PATIENCE, "no {what} in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Long enough for several looks.
fn some_minutes() {
    std::thread::sleep(Duration::from_millis(3500));
}

#[test]
fn the_program_wakes_once_in_each_slot() {
    let (mut home, clock, beside) = home("");
    home.env("REVEILLE_PROGRAM", "");
    home.write("PROGRESS.md", "- [ ] Tidy the code for:nobody\n");
    let daemon = Daemon::in_home((home, clock, beside));
    let runs = |daemon: &Daemon| daemon.home.run(&["status", "--json"]).ok().json()["runs"].as_u64();
    for (now, next, count) in [
        ("2026-11-20T14:00:30Z", "2026-11-20T16:00:00Z", 1),
        ("2026-11-20T16:00:30Z", "2026-11-20T18:00:00Z", 2),
        // Days later: one wake.
        ("2026-11-25T09:10:00Z", "2026-11-25T10:00:00Z", 3),
        // Set back into a slot that is filled: none.
        ("2026-11-20T16:30:00Z", "2026-11-20T18:00:00Z", 3),
    ] {
        daemon.now(now);
        wait_for(&format!("wake at {now}: {}", daemon.beside("said")), || daemon.health()["next_due"] == next);
        some_minutes();
        assert_eq!(runs(&daemon), Some(count), "{now}: {}", daemon.beside("said"));
        assert_eq!(daemon.health()["last_wake"]["code"], 0);
    }
    assert_eq!(daemon.leave(), 0);
}

#[test]
fn a_wake_is_started_once_and_told_to_end() {
    let daemon = Daemon::of("trap 'echo told >> told; exit 0' TERM\nwhile :; do sleep 0.1; done");
    wait_for("wake", || daemon.wakes() == 1);
    let given = format!("--home {} wake --scheduled daemon\n", daemon.home.path().canonicalize().unwrap().display());
    assert_eq!(daemon.beside("wakes"), given);
    some_minutes();
    assert_eq!(daemon.wakes(), 1, "never two at once");
    let status = daemon.home.run(&["status", "--json"]).ok().json();
    assert_eq!((status["daemon"]["pid"].as_u64(), status["daemon"]["stale"].as_bool()), (Some(daemon.process.id().into()), Some(false)));
    assert_eq!(status["daemon"]["waking_since"], "2026-11-20T14:00:30Z");
    let second = daemon.home.run(&["run"]);
    let who = format!("another daemon is running in this home (process {} since 2026-11-20 14:00:30 UTC)", daemon.process.id());
    assert!(second.code == 75 && second.stderr.contains(&who), "{second:?}");
    let (told, health) = (daemon.clock.with_file_name("told"), daemon.home.join("memory/health.json"));
    // The folders go with the daemon, so they are looked at before it is dropped.
    daemon.signal("TERM");
    wait_for("word to the wake", || told.exists());
    wait_for("end of the health file", || !health.exists());
    let said = daemon.beside("said");
    assert_eq!(daemon.left(), 0, "{said}");
}

#[test]
fn a_wake_that_crashes_is_told_and_settings_are_read_anew_on_sighup() {
    let daemon = Daemon::of("kill -9 $$");
    wait_for("end of a wake", || daemon.health()["last_wake"]["signal"] == 9);
    assert!(daemon.health()["waiting"].as_str().is_some_and(|waiting| waiting.contains("was ended by signal 9")), "{}", daemon.health());
    let good = daemon.home.read("reveille.toml");
    daemon.home.write("reveille.toml", format!("nme = \"x\"\n{good}"));
    daemon.signal("HUP");
    wait_for("word of the settings", || daemon.beside("said").contains("reveille.toml:1:1"));
    assert_eq!(daemon.health()["next_due"], "2026-11-20T14:00:00Z");
    daemon.home.write("reveille.toml", format!("{good}\n[wake]\nevery = \"3h\"\n"));
    daemon.signal("HUP");
    wait_for("new schedule", || daemon.health()["next_due"] == "2026-11-20T12:00:00Z");
    assert_eq!(daemon.health()["trouble"], serde_json::Value::Null);
    assert_eq!(daemon.leave(), 0);
}

#[test]
fn an_hour_frozen_and_a_clock_that_jumps() {
    let daemon = Daemon::of("exit 0");
    wait_for("wake", || daemon.wakes() == 1 && daemon.health()["last_wake"]["code"] == 0);
    daemon.signal("STOP");
    daemon.now("2026-11-20T15:00:30Z");
    let status = daemon.home.run(&["status"]).ok().stdout;
    assert!(status.contains("not heard of since 2026-11-20 14:00 UTC"), "{status}");
    daemon.now("2026-11-20T16:00:30Z");
    let before = daemon.wakes();
    daemon.signal("CONT");
    wait_for("wake for the new slot", || daemon.wakes() > before);
    wait_for("word of it", || daemon.health()["last_tick"] == "2026-11-20T16:00:30Z");
    for now in ["2026-11-18T09:00:30Z", "2027-03-01T09:00:30Z", "2026-11-20T16:01:30Z"] {
        daemon.now(now);
        wait_for("its time", || daemon.health()["last_tick"] == now);
    }
    assert_eq!(daemon.leave(), 0);
}

#[test]
fn a_home_that_goes_and_comes_back_and_what_was_removed() {
    let daemon = Daemon::of("exit 0");
    wait_for("wake", || daemon.wakes() == 1 && daemon.health()["last_wake"]["code"] == 0);
    let (root, away) = (daemon.home.path().to_owned(), daemon.clock.with_file_name("away"));
    std::fs::rename(&root, &away).unwrap();
    daemon.now("2026-11-20T16:00:30Z");
    wait_for("word of it", || daemon.beside("said").contains("is not there"));
    let before = daemon.wakes();
    some_minutes();
    assert_eq!((daemon.wakes(), root.exists()), (before, false), "nothing is started and nothing made");
    assert_eq!(daemon.beside("said").matches("is not there").count(), 1, "said once");
    std::fs::rename(&away, &root).unwrap();
    wait_for("wake", || daemon.wakes() > before);
    std::fs::rename(root.join("memory"), daemon.clock.with_file_name("old")).unwrap();
    // Until then the place is free, and whoever takes it has it: the first one would leave.
    let locked = format!("process {} since", daemon.process.id());
    wait_for("lock", || std::fs::read_to_string(root.join("memory/run.lock")).is_ok_and(|words| words.starts_with(&locked)));
    wait_for("health file", || daemon.health()["pid"] == daemon.process.id());
    let second = daemon.home.run(&["run"]);
    assert_eq!(second.code, 75, "the lock was made anew: {second:?}");
    assert_eq!(daemon.leave(), 0);
}

#[test]
fn a_disk_that_takes_nothing_and_a_terminal_that_is_gone() {
    let (home, _clock, beside) = home("exit 0");
    let run = home.command(&["run"]);
    let mut full = Command::new("sh");
    // No file may grow, and the signal that says so is ignored: each write fails, as on a full disk.
    full.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args()).env_clear();
    full.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut process = full.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(6));
    assert!(process.try_wait().unwrap().is_none(), "it lives");
    signal(&process, "TERM");
    let said = Said::of(&process.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.stderr.matches("the daemon goes on without").count(), 1, "said once: {said:?}");

    let mut process = home.command(&["run"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((process.stdout.take(), process.stderr.take()));
    wait_for("health file", || home.join("memory/health.json").exists());
    home.write("reveille.toml", "name = 1\n");
    signal(&process, "HUP");
    let trouble = || std::fs::read_to_string(home.join("memory/health.json")).unwrap_or_default().contains("the old ones stay");
    wait_for("word of the settings", trouble);
    signal(&process, "INT");
    wait_for("its end", || process.try_wait().unwrap().is_some());
    assert_eq!(process.wait().unwrap().code(), Some(0));
    drop(beside);
}
