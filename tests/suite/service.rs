//! `service`: what is written, what is loaded, what is left. launchctl and systemctl are small programs that stand in for them
//! (tests/stand-ins); cron is the real one, in a spool of its own.

use std::path::Path;
use std::process::Command;

use reveille_tests::{Home, Said, program, repository, servers};

/// A home on a machine with these stand-ins before everything else.
fn home() -> Home {
    let mut home = Home::new("- [ ] Tidy up for:nobody\n");
    let path = format!("{}:/usr/bin:/bin", repository().join("tests/stand-ins").display());
    home.env("PATH", &path);
    home
}

/// Says why a test did not run, for whoever looks with `--nocapture`.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn label(home: &Home) -> String {
    home.run(&["service", "status", "--json"]).json()["label"].as_str().expect("a label").to_owned()
}

/// Every file of the home with its bytes, but for what the stand-ins and the memory keep.
fn everything(home: &Home) -> Vec<(String, Vec<u8>)> {
    let mut folders = vec![home.path().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let own = [".launchd", ".systemd", "memory"].iter().any(|name| path == home.join(name));
            if path.is_dir() && !own {
                folders.push(path);
            } else if !own {
                found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

fn states(said: &Said) -> Vec<(String, bool, bool)> {
    let services = said.json()["services"].as_array().cloned().unwrap_or_default();
    let state =
        |one: &serde_json::Value| (one["service"].as_str().unwrap_or_default().to_owned(), one["loaded"] == true, one["current"] == true);
    services.iter().map(state).collect()
}

fn well(service: &str) -> Vec<(String, bool, bool)> {
    vec![(service.to_owned(), true, true)]
}

#[test]
fn launchd_is_given_an_agent_that_both_launchctls_load() {
    for (state, expected) in [("", "bootstrap"), ("disabled", "enable"), ("old", "load -w")] {
        let home = home();
        if !state.is_empty() {
            home.write(&format!(".launchd/{state}"), "");
        }
        let before = everything(&home);
        let said = home.run(&["service", "install", "launchd"]).ok();
        let label = label(&home);
        let place = format!("Library/LaunchAgents/{label}.plist");
        assert!(said.stdout.contains(&place) && home.read(".launchd/calls").contains(expected), "{state}: {said:?}");
        let agent = home.read(&place);
        assert_eq!(agent.matches("<key>Minute</key>").count(), 12, "{agent}");
        assert!(!agent.contains("KeepAlive") && agent.contains("<string>launchd</string>"), "{agent}");
        assert_eq!(states(&home.run(&["service", "status", "--json"]).ok()), well("launchd"));
        assert!(home.run(&["status"]).ok().stdout.contains("service     launchd, loaded\n"));
        // Twice is once, and a change is picked up.
        let calls = home.read(".launchd/calls").matches(expected).count();
        let _ = home.run(&["service", "install", "launchd"]).ok();
        assert_eq!((home.read(&place), home.read(".launchd/calls").matches(expected).count()), (agent, calls), "{state}");
        home.write("reveille.toml", format!("{}\n[wake]\nevery = \"6h\"\n", reveille_tests::SETTINGS));
        let said = home.run(&["service", "status", "--json"]);
        assert_eq!((said.code, states(&said)), (1, vec![("launchd".to_owned(), true, false)]));
        let _ = home.run(&["service", "install", "launchd"]).ok();
        assert_eq!(home.read(&place).matches("<key>Minute</key>").count(), 4);
        home.write("reveille.toml", reveille_tests::SETTINGS);
        let _ = home.run(&["service", "uninstall"]).ok();
        assert_eq!(everything(&home), before, "{state}");
        assert_eq!(std::fs::read_dir(home.join(".launchd/loaded")).unwrap().count(), 0, "{state}");
    }
}

#[test]
fn systemd_is_given_a_timer_and_asked_whether_it_runs() {
    let home = home();
    let before = everything(&home);
    let said = home.run(&["service", "install", "systemd"]).ok();
    assert!(said.stdout.contains("loginctl enable-linger"), "{said:?}");
    let label = label(&home);
    let timer = format!(".config/systemd/user/{label}.timer");
    assert!(home.read(&timer).contains("OnCalendar=*-*-* 00,02,04,06,08,10,12,14,16,18,20,22:00:00 UTC\nPersistent=true\n"));
    assert_eq!(states(&home.run(&["service", "status", "--json"]).ok()), well("systemd"));
    // What its own program does not confirm is not loaded.
    std::fs::remove_file(home.join(&format!(".systemd/active/{label}.timer"))).unwrap();
    let said = home.run(&["service", "status"]);
    assert!(said.code == 1 && said.stdout.contains("systemd, NOT loaded"), "{said:?}");
    assert!(home.run(&["doctor"]).stdout.contains("is not active"));
    let _ = home.run(&["service", "install", "systemd"]).ok();
    home.write("reveille.toml", format!("{}\n[wake]\nevery = \"7h\"\n", reveille_tests::SETTINGS));
    assert!(home.run(&["doctor"]).stdout.contains("systemd has other times or paths than it would be given now"));
    let _ = home.run(&["service", "install", "systemd"]).ok();
    assert!(home.read(&timer).contains("OnCalendar=*-*-* *:00:00 UTC\n"));
    assert_eq!(home.read(".systemd/calls").matches(&format!("restart {label}.timer")).count(), 3);
    // Another service replaces it; settings that are wrong keep neither.
    let said = home.run(&["service", "install", "launchd"]).ok();
    assert!(said.stdout.contains("replaced    systemd\n"), "{said:?}");
    assert_eq!(states(&home.run(&["service", "status", "--json"]).ok()), well("launchd"));
    home.write("reveille.toml", "broken");
    let _ = home.run(&["service", "uninstall"]).ok();
    home.write("reveille.toml", reveille_tests::SETTINGS);
    assert_eq!(everything(&home), before);
}

#[test]
fn a_service_that_does_not_answer_is_no_success() {
    let home = home();
    home.write(".systemd/silent", "");
    let said = home.run(&["service", "install", "systemd"]);
    assert!(said.code == 1 && said.stderr.contains("No medium found") && said.stderr.contains("install cron"), "{said:?}");
    assert!(!home.join(".config").exists(), "something was written");
    std::fs::remove_file(home.join(".systemd/silent")).unwrap();
    let _ = home.run(&["service", "install", "systemd"]).ok();
    home.write(".systemd/hung", "");
    let said = home.run(&["service", "status"]);
    assert!(said.code == 1 && said.stderr.contains("did not answer within 10 seconds"), "{said:?}");
    let said = home.run(&["status"]).ok();
    assert!(said.stdout.contains("service     nobody can tell"), "{said:?}");
}

#[test]
fn credentials_that_a_service_will_not_have_are_named() {
    let mut home = home();
    home.env("TEST_MASTODON_TOKEN", "canary");
    let said = home.run(&["service", "install"]).ok();
    for words in ["systemd wakes", "TEST_MASTODON_TOKEN (Mastodon)", "TEST_SMTP_PASSWORD", "channel login mastodon --file secrets/mastodon"]
    {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
    let all = everything(&home);
    assert!(all.iter().all(|(_, bytes)| !bytes.windows(6).any(|part| part == b"canary")), "a secret was written");
}

#[test]
fn the_next_wake_and_the_last_ones_are_shown_also_without_a_service() {
    let home = home();
    let said = home.run(&["service", "status"]);
    assert!(said.code == 1 && said.stdout.contains("service     none") && said.stdout.contains("No wake yet"), "{said:?}");
    assert!(home.run(&["status"]).ok().stdout.contains("service     none: `reveille service install`"));
    let _ = home.run(&["wake", "--no-model"]).ok();
    let said = home.run(&["service", "status"]);
    assert!(said.stdout.contains("     1  2026-11-20 14:00 UTC  hand      "), "{said:?}");
    assert!(said.stdout.contains("next wake   2026-11-20 16:00 UTC"), "{said:?}");
}

/// A home whose name is a trap for every syntax on the way.
fn strange() -> (Home, Home, String) {
    let outer = home();
    let name = "it's 50% \"odd\" $HOME `x`";
    outer.write(&format!("{name}/reveille.toml"), reveille_tests::SETTINGS);
    let path = outer.join(name).canonicalize().unwrap().display().to_string();
    (outer, home(), path)
}

/// What `--print` shows for the home at this path.
fn printed(machine: &Home, at: &str, service: &str) -> String {
    let mut command = Command::new(program());
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", machine.path()).args(["--home", at, "service", "install", service, "--print"]);
    Said::of(&command.output().unwrap()).ok().stdout
}

#[test]
fn a_strange_home_reaches_the_program_through_cron_and_the_shell() {
    let (outer, other, path) = strange();
    let before = everything(&outer);
    let shown = printed(&other, &path, "cron");
    let line = shown.lines().find(|line| line.contains("wake --scheduled")).expect("a line");
    let command = line.splitn(6, ' ').nth(5).expect("a command").trim_end_matches(" >/dev/null");
    assert_eq!(command.matches('%').count(), command.matches("\\%").count(), "cron would cut {command}");
    // Some crons take the backslash before `%` away, some leave it to the shell.
    for command in [command.to_owned(), command.replace("\\%", "%")] {
        let shell = Command::new("sh").args(["-c", &format!("printf '%s\\n' {command}")]).output().unwrap();
        let words = String::from_utf8(shell.stdout).unwrap();
        let expected = [program().to_str().unwrap(), "--quiet", "--home", &path, "wake", "--scheduled", "cron"].join("\n");
        assert_eq!(words.trim_end(), expected);
    }
    assert_eq!(everything(&outer), before, "--print touched something");
}

#[test]
fn systemd_itself_takes_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        skipped("no systemd-analyze here");
        return;
    }
    let (outer, other, path) = strange();
    for wake in ["every = \"2h\"", "every = \"90m\"", "every = \"7h\"", "cron = \"30 7,12 * * mon-fri\"\ntimezone = \"America/New_York\""] {
        std::fs::write(Path::new(&path).join("reveille.toml"), format!("{}\n[wake]\n{wake}\n", reveille_tests::SETTINGS)).unwrap();
        let shown = printed(&other, &path, "systemd");
        let mut units: Vec<String> = Vec::new();
        for part in shown.split("# /").skip(1) {
            let (name, text) = part.split_once('\n').unwrap();
            let unit = outer.join("units").join(Path::new(name).file_name().unwrap());
            std::fs::create_dir_all(outer.join("units")).unwrap();
            std::fs::write(&unit, text.split("# then").next().unwrap()).unwrap();
            units.push(unit.display().to_string());
        }
        assert_eq!(units.len(), 2, "{shown}");
        let verify =
            Command::new("systemd-analyze").args(["--user", "verify"]).args(&units).env("XDG_RUNTIME_DIR", outer.path()).output().unwrap();
        let said = String::from_utf8_lossy(&verify.stderr).into_owned();
        // It looks at the machine's own units too.
        assert!(verify.status.success() && !said.contains("reveille"), "{said}");
        let times: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("OnCalendar=")).collect();
        assert!(!times.is_empty());
        for time in times {
            let read = Command::new("systemd-analyze").args(["calendar", time]).output().unwrap();
            assert!(read.status.success(), "{time}: {}", String::from_utf8_lossy(&read.stderr));
        }
    }
}

/// The steps that need a real daemon, in the namespace of tests/servers/cron/run. `$1` the program, `$2` the home.
const CRON: &str = r#"
set -eu
reveille() { "$program" --home "$home" "$@"; }
program=$1 home=$2
out=$home/out
mkdir "$out"
reveille service install cron >"$out/install"
reveille service uninstall >/dev/null
! crontab -l 2>"$out/none"
printf 'MAILTO=""\n# mine: 50%% of it\n\n0 5 * * 1 true\n' | crontab -
crontab -l >"$out/before"
reveille service install cron >"$out/install"
crontab -l >"$out/with"
reveille service install cron >/dev/null
crontab -l >"$out/twice"
left=150
while [ "$left" -gt 0 ] && [ ! -s "$home/memory/handover.json" ]; do sleep 1; left=$((left - 1)); done
reveille service status --json >"$out/status"
reveille service uninstall >/dev/null
crontab -l >"$out/after"
"#;

#[test]
fn a_real_cron_wakes_the_home_and_gets_its_crontab_back() {
    let home = Home::new("- [ ] Tidy up for:nobody\n");
    home.write("reveille.toml", format!("{}\n[wake]\nevery = \"1m\"\n", reveille_tests::SETTINGS));
    let mut cron = servers::script("cron");
    let done = cron.args(["sh", "-c", CRON, "sh"]).arg(program()).arg(home.path()).env("HOME", home.path()).output().unwrap();
    let said = Said::of(&done);
    if said.code == 77 {
        skipped(said.stderr.trim());
        return;
    }
    let said = said.ok();
    let with = home.read("out/with");
    assert!(with.starts_with("# BEGIN reveille-") && with.ends_with(&home.read("out/before")), "{with}");
    assert_eq!(with, home.read("out/twice"));
    assert!(with.contains("\n* * * * * "), "{with}");
    assert_eq!(home.read("out/before"), home.read("out/after"));
    assert!(home.read("out/none").contains("no crontab for"), "an empty crontab was left");
    assert!(home.read("out/install").contains("a block of your crontab"));
    assert!(home.join("memory/handover.json").is_file(), "cron did not start the program within two minutes: {said:?}");
    let status: serde_json::Value = serde_json::from_str(&home.read("out/status")).unwrap();
    assert_eq!(status["services"][0], serde_json::json!({ "service": "cron", "loaded": true, "current": true }), "{status}");
    assert!(status["wakes"].as_array().is_some_and(|wakes| !wakes.is_empty()), "{status}");
}
