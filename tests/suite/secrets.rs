//! Credentials stay in their stores. Every home of this suite is searched when it is dropped; here is shown that the search finds,
//! that a crash leaves no core, and that no child is given what it does not need.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reveille_tests::scripted::{Play, Scripted};
use reveille_tests::{Home, SETTINGS, Said};
use serde_json::json;

const LIST: &str = "- [ ] Post issue 45 to Mastodon\n";

/// A home whose settings take a token from the environment and one from a file.
fn home() -> Home {
    let mut home = Home::new(LIST);
    home.write("reveille.toml", SETTINGS.replace("{ env = \"TEST_SMTP_PASSWORD\" }", "{ file = \"smtp.secret\" }"));
    home.env("TEST_MASTODON_TOKEN", "a-token-without-a-mark");
    home.write("smtp.secret", "a-password-without-a-mark\n");
    home.write(
        "memory/bluesky-session.json",
        "{\"accessJwt\":\"eyJhbGciOiJIUzI1NiJ9.access\",\"refreshJwt\":\"eyJhbGciOiJIUzI1NiJ9.refresh\"}",
    );
    home
}

#[test]
fn a_planted_leak_is_found_wherever_it_is() {
    drop(home());
    let leaks: [(&str, &[u8]); 6] = [
        ("memory/logs/a.log", b"Authorization: Bearer a-token-without-a-mark"),
        ("memory/reveille.db", b"SQLite\0\0a-password-without-a-mark\0"),
        ("PROGRESS.md", b"- [ ] cnry-anything\n"),
        ("handover/letter.md", b"eyJhbGciOiJIUzI1NiJ9.refresh"),
        ("backups/old/reveille.db", b"\0eyJhbGciOiJIUzI1NiJ9.access\0"),
        ("core.123", b"\x7fELF a-password-without-a-mark"),
    ];
    for (path, bytes) in leaks {
        let home = home();
        home.write(path, bytes);
        let told = catch_unwind(AssertUnwindSafe(|| drop(home))).expect_err(path);
        assert!(told.downcast_ref::<String>().is_some_and(|told| told.contains(path)), "{path}");
    }
    let home = home();
    let _ = home.heard(Said { code: 1, stdout: String::new(), stderr: "no a-token-without-a-mark".to_owned() });
    assert!(catch_unwind(AssertUnwindSafe(|| drop(home))).is_err(), "what is said is searched");
}

/// Waits for something, ten seconds at most.
fn until(done: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn a_crash_leaves_no_core() {
    // What this system does with a program that does not care.
    let careless = tempfile::tempdir().unwrap();
    let dies = |mut command: Command| command.current_dir(careless.path()).status().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c unlimited 2>/dev/null; kill -ABRT $$"]);
    let dumps = dies(shell).core_dumped();
    for signal in ["ABRT", "SEGV"] {
        let server = Scripted::start(|_, _| Play::Silence(Duration::from_secs(30)));
        let mut home = Home::new("");
        home.write("reveille.toml", SETTINGS.replace("https://social.example", &server.url));
        home.env("TEST_MASTODON_TOKEN", "cnry-in-memory");
        let command = home.command(&["channel", "check", "mastodon"]);
        let mut shell = Command::new("sh");
        shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
        let mut child = shell.current_dir(home.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(until(|| !server.requests().is_empty()), "the token is in use");
        #[cfg(target_os = "linux")]
        {
            let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
            let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
            assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
        }
        // Twice: Rust's own handler of SEGV lets one pass that no instruction of ours made.
        let _ = until(|| {
            let _ = Command::new("kill").args(["-s", signal, &child.id().to_string()]).stderr(Stdio::null()).status();
            std::fs::read_to_string(format!("/proc/{}/stat", child.id())).map_or(true, |stat| stat.contains(") Z "))
        });
        let ended = child.wait().unwrap();
        assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended:?}; a careless program: core {dumps}");
    }
}

/// A program that writes down what it was given.
fn stub(home: &Home, name: &str, then: &str) -> tempfile::TempDir {
    let outside = tempfile::tempdir().unwrap();
    home.write(&format!("bin/{name}"), format!("#!/bin/sh\nenv > {}/env\n{then}\n", outside.path().display()));
    std::fs::set_permissions(home.join(&format!("bin/{name}")), std::fs::Permissions::from_mode(0o755)).unwrap();
    outside
}

#[test]
fn no_child_gets_a_secret_that_is_not_its_own() {
    let server = Scripted::start(|_, _| Play::json(401, &json!({"error": "no"})));
    let mut home = Home::new("- [ ] Send issue 45 to the mailing list\n");
    let mastodon = SETTINGS.split("[channels.email]").next().unwrap().replace("https://social.example", &server.url);
    let sendmail = home.join("bin/sendmail").display().to_string();
    let path = format!("{}:/usr/bin:/bin", home.join("bin").display());
    home.env("TEST_MASTODON_TOKEN", "cnry-mastodon").env("LC_ALL", "C").env("PATH", &path);
    let mail = format!("[channels.email]\nsmtp = \"sendmail://{sendmail}\"\nfrom = \"The Letter <letter@letter.example>\"\n");
    home.write("reveille.toml", format!("{mastodon}{mail}\n[channels.bluesky]\nservice = \"https://bsky.example\"\nhandle = \"a.example\"\npassword = {{ keychain = \"letter\" }}\n"));
    home.write("issues/045-x.md", "---\nid: \"tag:letter.example,2026:45\"\ntitle: X\ndate: 2026-11-19\nmail: true\n---\n\nBody.\n");
    home.write("readers.csv", "email,name,status,tier,confirmed_at,source\nann@lighthouse.net,Ann,confirmed,free,2026-01-01,form\n");
    let mailed = stub(&home, "sendmail", "cat > /dev/null");
    let asked = stub(&home, "secret-tool", "exit 1");
    for at in ["2026-11-20T14:00:00Z", "2026-11-20T16:00:00Z"] {
        let _ = home.at(at).run(&["wake", "--no-model"]);
    }
    let _ = home.run(&["channel", "check", "bluesky"]);
    let mut given = vec![mailed];
    // On a Mac the keychain's tool is another.
    given.extend(Some(asked).filter(|_| cfg!(target_os = "linux")));
    for folder in given {
        let path = folder.path().join("env");
        let env = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("it was not started: {}: {error}", path.display()));
        assert!(env.contains("LC_ALL=C") && !env.contains("cnry-") && !env.contains("REVEILLE_"), "{env}");
    }
}
