//! The arrows of ARCHITECTURE.md, held over `cargo metadata`, and what must not stand in the pure crates.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use reveille_tests::repository;

fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let ours = list(&package["dependencies"])
                .iter()
                .filter_map(|d| d["name"].as_str()?.strip_prefix("reveille-").map(str::to_owned))
                .collect();
            (package["name"].as_str().unwrap_or_default().trim_start_matches("reveille-").to_owned(), ours)
        })
        .collect()
}

#[test]
fn arrows_point_down() {
    let allowed = [
        ("agent", &["site", "skills", "models", "memory", "schedules", "mission"][..]),
        ("site", &["mission", "memory"]),
        ("skills", &["mission", "memory"]),
        ("models", &["mission"]),
        ("memory", &["mission"]),
        ("schedules", &[]),
        ("mission", &[]),
        ("tests", &["skills", "models", "memory", "schedules", "mission"]),
    ];
    let found = arrows();
    let known: BTreeSet<&str> = allowed.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        known,
        "a crate joined or left: change this test and ARCHITECTURE.md"
    );
    for (name, may) in allowed {
        let extra: Vec<&String> = found[name].iter().filter(|to| !may.contains(&to.as_str())).collect();
        assert!(extra.is_empty(), "{name} may not use {extra:?}");
    }
}

fn sources(krate: &str) -> Vec<(std::path::PathBuf, String)> {
    let mut folders = vec![repository().join(krate).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((path.clone(), std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(!files.is_empty(), "{krate} has sources");
    files
}

#[test]
fn pure_crates_know_no_world() {
    let never = ["std::fs", "std::env", "std::net", "Utc::now", "Local::now", "SystemTime"];
    // The daemon's loop: it runs children and waits, and still reads no file and no time of day.
    let daemon = ["std::process", "Instant::now", "async fn", "tokio::"];
    let mut loops = 0;
    for krate in ["mission", "schedules"] {
        for (path, text) in sources(krate) {
            let is_loop = path.ends_with("schedules/src/daemon.rs") || path.ends_with("schedules/src/daemon/tests.rs");
            loops += usize::from(is_loop);
            for word in never.iter().chain(daemon.iter().filter(|_| !is_loop)) {
                assert!(!text.contains(word), "{} uses {word}", path.display());
            }
        }
    }
    assert_eq!(loops, 2, "the daemon's loop has moved: change this test");
}

#[test]
fn the_clock_and_the_environment_are_read_in_one_place() {
    for krate in ["agent", "site", "skills", "models", "memory"] {
        for (path, text) in sources(krate) {
            let own = path.ends_with("agent/src/environment.rs");
            for word in ["Utc::now", "env::var", "env::vars"] {
                assert!(own || !text.contains(word), "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_and_asking_stand_where_they_may() {
    let places = [
        ("unsafe {", &["requantize/llama.rs", "models/src/processor.rs"][..]),
        ("Asker", &["models/src/ask.rs", "models/src/lib.rs", "commands/model/bench.rs"]),
    ];
    for (word, places) in places {
        let mut found = 0;
        for krate in ["agent", "site", "skills", "models", "memory", "schedules", "mission"] {
            for (path, text) in sources(krate) {
                let own = places.iter().any(|place| path.ends_with(place));
                found += usize::from(own && text.contains(word));
                assert!(own || !text.contains(word), "{} has {word}", path.display());
            }
        }
        assert_eq!(found, places.len(), "{word} has moved: change this test");
    }
}

/// A source file without the tests that stand at its end. A line like `mod tests;` hides nothing of what follows it.
fn shipped(text: &str) -> &str {
    let tests = text.rfind("\n#[cfg(test)]\nmod ").filter(|at| {
        let block = text[*at..].trim_end();
        block.lines().nth(2).is_some_and(|head| head.ends_with('{')) && block.find("\n}") == block.len().checked_sub(2)
    });
    tests.map_or(text, |at| &text[..at])
}

#[test]
fn only_tests_at_the_end_are_no_part_of_what_is_shipped() {
    let inline = "fn a() {\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n";
    assert_eq!(shipped(inline), "fn a() {\n}\n");
    for whole in ["#[cfg(test)]\nmod tests;\n\nfn a() {\n}\n", "\n#[cfg(test)]\nmod tests;\n", &format!("{inline}fn after() {{\n}}\n")] {
        assert_eq!(shipped(whole), whole);
    }
}

/// Every way in which a crate of ours could write to a network, and the files that may hold it. What is public goes through
/// `Http::write` or `Email::send`, and both take a `Sending`, which only the ledger makes.
#[test]
fn nothing_leaves_but_through_the_ledger() {
    let http = &["skills/src/channels/http.rs"][..];
    let ways = [
        ("Method::POST", http),
        ("Method::PUT", &[]),
        ("Method::PATCH", &[]),
        ("Method::DELETE", &[]),
        (".post(", &[]),
        // Its own method, which takes the `Sending`.
        (".put(", &["skills/src/channels/bluesky.rs"]),
        (".patch(", &[]),
        (".delete(", &[]),
        // A mailbox, which is only read: none of what would change it.
        ("TcpStream", &["site/src/server.rs", "skills/src/answers/imap/line.rs"]),
        (".uid_store(", &[]),
        (".uid_copy(", &[]),
        (".uid_mv(", &[]),
        (".expunge(", &[]),
        (".uid_expunge(", &[]),
        ("updateSeen", &[]),
        ("UdpSocket", &[]),
        ("post_status", &[]),
        ("create_record", &[]),
        ("createRecord", &[]),
        ("SmtpTransport", &[]),
        ("SmtpConnection", &["skills/src/channels/email/smtp.rs"]),
        // Programs: the mail program; the system's keychain and services; pip; what the owner set to be told by or to carry backups away.
        (
            "Command::new",
            &[
                "skills/src/channels/email/sendmail.rs",
                "agent/src/child.rs",
                "agent/src/backup/hook.rs",
                "agent/src/daemon.rs",
                "models/src/pull/packages.rs",
            ],
        ),
        ("Client::builder", &[http[0], "skills/src/publish/prove.rs", "agent/src/observe.rs", "models/src/pull/https.rs"]),
        ("reqwest::Client::new", &[]),
        ("blocking::Client::new", &[]),
        ("reqwest::get", &[]),
        ("fetch_access_token", &["skills/src/channels/mastodon/login.rs"]),
        ("upload_media", &["skills/src/channels/mastodon/media.rs"]),
        ("register_app", &["skills/src/channels/mastodon/login.rs"]),
        (".log_in(", &["skills/src/channels/bluesky/session.rs", "skills/src/channels/email/smtp.rs"]),
    ];
    for krate in ["agent", "site", "skills", "models", "memory", "schedules", "mission"] {
        for (path, text) in sources(krate) {
            // `script.rs` is a server for the tests beside it.
            let inside = path.strip_prefix(repository()).expect("a file of the repository");
            let is_test = inside.ends_with("tests.rs") || inside.components().any(|part| part.as_os_str() == "tests");
            if is_test || path.ends_with("email/script.rs") {
                continue;
            }
            // Routes of a server: `site` has no client, see below.
            for (way, places) in ways.into_iter().filter(|(way, _)| krate != "site" || *way != ".post(") {
                let may = places.iter().any(|place| path.ends_with(place));
                assert!(may || !shipped(&text).contains(way), "{} has `{way}`", path.display());
            }
        }
    }
    let text = |path: &str| std::fs::read_to_string(repository().join(path)).expect("text");
    assert!(!["reqwest", "lettre", "megalodon"].iter().any(|client| text("site/Cargo.toml").contains(client)), "site has a client");
    assert!(text(http[0]).contains("        _let_go: &Sending,"), "the permit has moved: change this test");
    assert!(text("skills/src/channels.rs").contains("pub fn send(&self, sending: &Sending"), "the permit has moved: change this test");
}

/// The first parts of the addresses that `site` answers itself.
fn routes() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in sources("site").into_iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
        for route in text.split(".route(\"/").skip(1) {
            found.extend(route.split(['/', '"']).next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn the_service_worker_touches_no_address_that_the_server_answers_itself() {
    let worker = std::fs::read_to_string(repository().join("skills/src/site/app/sw.js")).expect("sw.js");
    let (_, forms) = worker.split_once("const FORMS = /^(").expect("the worker names them");
    let forms: BTreeSet<String> = forms.split(')').next().unwrap_or_default().split('|').map(str::to_owned).collect();
    assert_eq!(forms, routes());
}

#[test]
fn the_map_is_short() {
    let map = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    assert!(map.lines().count() <= 150, "ARCHITECTURE.md has {} lines", map.lines().count());
}
